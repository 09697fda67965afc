"""Deployments and what they keep running."""

from __future__ import annotations

from collections.abc import Mapping

from checks.wording import NOTHING, because, pairs, require, states
from labgrade.errors import Unmet
from labgrade.facts import Cluster, Deployment, Fact, Pod, Workload
from labgrade.text import Text


def workload_pods(cluster: Cluster, deployment: Deployment, labels: Mapping[str, str]) -> list[Pod]:
    """The Deployment's Pods, or where it has none, those with the labels that it should have given them."""
    return deployment.pods or cluster.pods(labels)


def assert_rolled_out(cluster: Cluster, deployment: Deployment, *, replicas: int) -> None:
    """The Deployment's newest template runs, available, in as many Pods as the lab asks for."""
    __tracebackhide__ = True
    require(deployment, instead=_lookalikes(cluster, deployment.name))
    if saw := _not_rolled_out(deployment, replicas):
        raise Unmet(
            saw,
            wanted=Text(
                en=f"{replicas} Pods of the current template, all available",
                fr=f"{replicas} Pods du modèle actuel, tous disponibles",
            ),
            try_=f"kubectl describe deployment {deployment.name} -n {deployment.namespace}",
            evidence=(_counts(deployment), *states(deployment.pods)),
        )


def assert_owned(cluster: Cluster, deployment: Deployment, *, labels: Mapping[str, str]) -> None:
    """Deployment, ReplicaSet and Pods form a chain, and the Deployment selects by the lab's labels."""
    __tracebackhide__ = True
    require(deployment, instead=_lookalikes(cluster, deployment.name))
    if not all(_selects(deployment, key, value) for key, value in labels.items()):
        selector = pairs(deployment.selector)
        raise Unmet(
            Text(
                en=f"{deployment} selects its Pods by {selector or 'something else'}",
                fr=f"{deployment} choisit ses Pods par {selector or 'autre chose'}",
            ),
            wanted=Text(en=f"by {pairs(labels)}", fr=f"par {pairs(labels)}"),
            try_=f"kubectl get deployment {deployment.name} -n {deployment.namespace} -o wide",
        )
    if not deployment.pods:
        more = because(deployment)
        raise Unmet(
            Text(
                en=f"no Pod belongs to a ReplicaSet of {deployment}{more.en}",
                fr=f"aucun Pod n'appartient à un ReplicaSet de {deployment}{more.fr}",
            ),
            wanted="Deployment → ReplicaSet → Pods",
            try_=f"kubectl describe deployment {deployment.name} -n {deployment.namespace}",
            evidence=tuple(f"{found}: {found.replicas} Pods asked for" for found in deployment.replicasets),
        )


def _not_rolled_out(deployment: Deployment, replicas: int) -> Text:
    """What is missing from a rollout; empty when nothing is."""
    if deployment.replicas != replicas:
        return Text(
            en=f"{deployment} asks for {deployment.replicas} replicas",
            fr=f"{deployment} demande {deployment.replicas} réplicas",
        )
    if deployment.observed < deployment.generation:
        return Text(
            en=f"the last change to {deployment} has not been taken up by its controller",
            fr=f"la dernière modification de {deployment} n'a pas été prise en compte par son contrôleur",
        )
    updated, available = deployment.updated, deployment.available
    # Available counts old Pods too, so none of them may be left.
    old = int(deployment.status.get("replicas", 0)) - updated
    if updated >= replicas and available >= replicas and old <= 0:
        return NOTHING
    more = because(deployment)
    return Text(
        en=f"{deployment}: {updated}/{replicas} Pods of the current template, {old} of an older one, "
        f"{available} available in all{more.en}",
        fr=f"{deployment} : {updated}/{replicas} Pods du modèle actuel, {old} d'un plus ancien, "
        f"{available} disponibles en tout{more.fr}",
    )


def _counts(deployment: Deployment) -> str:
    return (
        f"{deployment}: generation {deployment.generation}, observed {deployment.observed}, "
        f"replicas {deployment.replicas}, updated {deployment.updated}, ready {deployment.ready}, "
        f"available {deployment.available}, revision {deployment.revision}"
    )


def _selects(workload: Workload, key: str, value: str) -> bool:
    """Whether the selector asks for this label, in either of its notations."""
    if workload.selector.get(key) == value:
        return True
    expressions = (workload.spec.get("selector") or {}).get("matchExpressions") or []
    return any(e["key"] == key and e["operator"] == "In" and e["values"] == [value] for e in expressions)


def _lookalikes(cluster: Cluster, name: str) -> list[Fact]:
    """What students make under a Deployment's name, or a Deployment by another name."""
    sets = [*cluster.replicasets(), *cluster.statefulsets(), *cluster.daemonsets()]
    bare = [pod for pod in cluster.pods() if pod.controller is None and pod.name.startswith(name)]
    return [*(found for found in sets if found.name == name), *bare, *cluster.deployments()]
