"""What an installation brings along: workloads that are what their names say, and settings that somebody reads."""

from __future__ import annotations

from collections.abc import Sequence

from checks.wording import because, listed, require
from labgrade.errors import Unmet
from labgrade.facts import Cilium, Deployment, Pod, Workload
from labgrade.facts.cilium import SYSTEM, runs_program
from labgrade.text import Text


def assert_program(workload: Workload, program: str) -> None:
    """The workload is there, and is what its name says: one of its containers runs that program."""
    __tracebackhide__ = True
    require(workload)
    if runs_program(workload, program):
        return
    images = listed(workload.images.values())
    raise Unmet(
        Text(
            en=f"{workload} has the right name, but does not run {program}; its images: {images.en}",
            fr=f"{workload} a le bon nom, mais n'exécute pas {program} ; ses images : {images.fr}",
        ),
        wanted=Text(en=f"a container that runs {program}", fr=f"un conteneur qui exécute {program}"),
        try_=f"kubectl describe {workload.kind.lower()} {workload.name} -n {workload.namespace}",
    )


def assert_available(deployment: Deployment) -> None:
    """At least one Pod of the Deployment is available."""
    __tracebackhide__ = True
    if deployment.available:
        return
    more = because(deployment)
    raise Unmet(
        Text(
            en=f"{deployment}: {deployment.available} of {deployment.replicas} Pods are available{more.en}",
            fr=f"{deployment} : {deployment.available} Pods disponibles sur {deployment.replicas}{more.fr}",
        ),
        wanted=Text(en="an available Pod", fr="un Pod disponible"),
        try_=f"kubectl describe deployment {deployment.name} -n {deployment.namespace}",
        evidence=where(deployment.pods),
    )


def assert_setting(cilium: Cilium, key: str, value: str) -> None:
    """ConfigMap cilium-config has this value for the key."""
    __tracebackhide__ = True
    settings = cilium.settings
    if settings.get(key) == value:
        return
    if not settings:
        saw = Text(
            en=f"there is no configmap/cilium-config in namespace {SYSTEM}",
            fr=f"il n'y a pas de configmap/cilium-config dans le namespace {SYSTEM}",
        )
    else:
        given = f'"{settings[key]}"' if key in settings else ""
        saw = Text(
            en=f"cilium-config has for {key}: {given or 'nothing'}",
            fr=f"cilium-config a pour {key} : {given or 'rien'}",
        )
    raise Unmet(
        saw, wanted=f'{key}: "{value}"', try_=f"kubectl get configmap cilium-config -n {SYSTEM} -o yaml | grep {key}"
    )


def where(pods: Sequence[Pod]) -> tuple[str, ...]:
    """One line of evidence a Pod: on which node it is, and whether it is ready."""
    return tuple(f"{pod} on node/{pod.node or '?'}: {'ready' if pod.ready else 'not ready'}" for pod in pods)
