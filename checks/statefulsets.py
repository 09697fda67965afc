"""StatefulSets: Pods with numbers, in order."""

from __future__ import annotations

from checks.wording import because, listed, require, states
from labgrade.errors import Unmet
from labgrade.facts import Cluster, Pod, StatefulSet
from labgrade.text import Text


def assert_ordinals_ready(cluster: Cluster, statefulset: StatefulSet, *, replicas: int) -> None:
    """The StatefulSet has its Pods, `name-0` and on, and each of them is ready."""
    __tracebackhide__ = True
    require(statefulset, instead=cluster.deployments())
    wanted = [f"pod/{statefulset.name}-{number}" for number in range(replicas)]
    ready = [f"{pod}" for pod in statefulset.pods if pod.ready]
    caught_up = statefulset.observed >= statefulset.generation
    if statefulset.replicas == replicas and ready == wanted and caught_up:
        return
    asked, there, more = statefulset.replicas, listed(ready), because(statefulset)
    raise Unmet(
        Text(
            en=f"{statefulset} has replicas: {asked}; ready: {there.en}{more.en}",
            fr=f"{statefulset} a replicas: {asked} ; prêts : {there.fr}{more.fr}",
        ),
        wanted=listed(wanted),
        try_=f"kubectl describe pods -n {cluster.namespace}",
        evidence=states(statefulset.pods),
    )


def assert_ordered(statefulset: StatefulSet) -> None:
    """Pods are created one after the other, each once the one before is ready.

    Judged by the policy, which the API server keeps for as long as the StatefulSet lives. Creation times are
    shown, not judged: a Pod that was replaced later, or unready for a while, is younger than its place.
    """
    __tracebackhide__ = True
    require(statefulset)
    policy = statefulset.spec.get("podManagementPolicy", "OrderedReady")
    if policy != "OrderedReady":
        raise Unmet(
            Text(
                en=f"{statefulset} starts its Pods all at once: podManagementPolicy is {policy}",
                fr=f"{statefulset} démarre ses Pods tous à la fois : podManagementPolicy vaut {policy}",
            ),
            wanted=Text(en="one after the other", fr="l'un après l'autre"),
            try_="kubectl explain statefulset.spec.podManagementPolicy",
            evidence=tuple(_birth(pod) for pod in statefulset.pods),
        )


def _birth(pod: Pod) -> str:
    since = pod.condition("Ready").get("lastTransitionTime", "never")
    return f"{pod}: created {pod.created}, ready since {since}"
