"""Data that outlives the Pod that wrote it."""

from __future__ import annotations

import secrets
from typing import TYPE_CHECKING

from checks.storage import assert_back
from checks.wording import listed
from labgrade.cluster.disturb import Disturb
from labgrade.errors import Unmet
from labgrade.facts import Deployment, Pod, StatefulSet
from labgrade.text import Text

if TYPE_CHECKING:
    from collections.abc import Callable

    from checks.pods import Inside

SHARED_CREDIT = 0.4
"""Earned where data survives, but in a volume that is not the Pod's own."""


def assert_data_survives(statefulset: StatefulSet, inside: Inside, disturb: Disturb, *, directory: str) -> None:
    """What ordinal 1 wrote is there once its Pod was deleted and replaced, and it is not in ordinal 0."""
    __tracebackhide__ = True
    pod, other = statefulset.pod(1), statefulset.pod(0)
    path, evidence = _outlived(pod, lambda: pod, inside, disturb, directory)
    if _content(inside, other, _container_at(other, directory), path) is not None:
        shared = listed(sorted({*pod.claims.values()} & {*other.claims.values()}))
        raise Unmet(
            Text(
                en=f"what {pod} wrote survives, but {other} has it too; claims in common: {shared.en}",
                fr=f"ce que {pod} a écrit survit, mais {other} l'a aussi ; PVC en commun : {shared.fr}",
            ),
            wanted=Text(en="a volume for each Pod", fr="un volume par Pod"),
            try_=f"kubectl get persistentvolumeclaims -n {pod.namespace}",
            credit=SHARED_CREDIT,
            evidence=evidence,
        )


def assert_data_outlives_pod(deployment: Deployment, inside: Inside, disturb: Disturb, *, directory: str) -> None:
    """What the Deployment's only Pod wrote is there in the Pod that takes its place."""
    __tracebackhide__ = True
    pod = deployment.pods[0]
    gone = pod.uid

    def heir() -> Pod:
        return next((other for other in deployment.pods if other.uid != gone), pod)

    _outlived(pod, heir, inside, disturb, directory)


def _outlived(
    pod: Pod, heir: Callable[[], Pod], inside: Inside, disturb: Disturb, directory: str
) -> tuple[str, tuple[str, ...]]:
    """A file that the Pod wrote, found again in its heir, and the evidence of that."""
    __tracebackhide__ = True
    token = secrets.token_hex(16)
    path = f"{directory}/labgrade-{token[:8]}.txt"
    container, uid, claims = _container_at(pod, directory), pod.uid, pod.claims
    disturb.write_file(pod, path, token, container)
    disturb.delete(pod)
    disturb.eventually(lambda: assert_back(heir(), uid=uid))
    now = heir()
    evidence = (f"{pod}: UID {uid}, then {now}: UID {now.uid}", f"claims {claims}, then {now.claims}")
    if now.claims != claims or _content(inside, now, container, path) != token:
        raise Unmet(
            _lost(now, path, directory),
            wanted=Text(en="the same claim and the same data", fr="le même PVC et les mêmes données"),
            try_=f"kubectl describe pod {now.name} -n {now.namespace}",
            evidence=evidence,
        )
    return path, evidence


def _container_at(pod: Pod, directory: str) -> str:
    """The container that mounts something at this directory, else the first one."""
    for name, container in pod.containers.items():
        if any(m["mountPath"].rstrip("/") == directory for m in container.get("volumeMounts") or []):
            return name
    return next(iter(pod.containers), "")


def _content(inside: Inside, pod: Pod, container: str, path: str) -> str | None:
    """A file's content; None where there is no such file."""
    found = inside(pod, container).run("test -e %s && cat %s", path, path)
    return found.stdout if found.rc == 0 else None


def _lost(pod: Pod, path: str, directory: str) -> Text:
    """Why a file did not survive: what lies under the directory, or where the claim is mounted instead."""
    volumes = pod.spec.get("volumes") or []
    lying = next((v for v in volumes if directory in _places(pod, v["name"])), None)
    if lying is None:
        places = listed(place for volume in pod.claims for place in _places(pod, volume))
        return Text(
            en=f"{path} went with the old Pod: nothing is mounted at {directory}, claims are at: {places.en}",
            fr=f"{path} est parti avec l'ancien Pod : rien n'est monté sur {directory}, "
            f"des PVC le sont sur : {places.fr}",
        )
    kind = next((key for key in lying if key != "name"), "?")
    return Text(
        en=f"{path} went with the old Pod: {directory} is a volume of type {kind}",
        fr=f"{path} est parti avec l'ancien Pod : {directory} est un volume de type {kind}",
    )


def _places(pod: Pod, volume: str) -> list[str]:
    return [path.rstrip("/") for path in pod.mounts(volume).values()]
