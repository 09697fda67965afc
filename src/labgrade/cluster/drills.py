"""What is done to Pods before their storage is looked at again."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from labgrade.cluster.disturb import Disturb
from labgrade.cluster.sentinels import Subject, Written
from labgrade.errors import Unmet
from labgrade.facts import Node, Pod, StatefulSet, Workload
from labgrade.facts.reach import cordoned, nodes_for
from labgrade.text import Text

LAYER = "layer"
"""Of what no volume is mounted over: the container's own file system."""

WITH_THE_POD = frozenset({LAYER, "emptyDir", "ephemeral"})
"""Kinds of volumes that end with their Pod."""


@dataclass(frozen=True, slots=True)
class Drill:
    """A disturbance; what it does to the Pods, and what goes with it by its nature."""

    run: Callable[[Disturb, Sequence[Subject], Sequence[Written]], None]
    done: Text
    """What was done, as the first half of a sentence."""
    ends: frozenset[str] = WITH_THE_POD
    """Kinds of volumes that do not outlive it; `layer` is the container's own file system."""
    same_pod: bool = False
    """Whether it restarts containers in Pods that stay; else every Pod is another one afterwards."""


def pods_of(subject: Subject) -> list[Pod]:
    """The Pods of a subject, there or not where it names one."""
    return [subject] if isinstance(subject, Pod) else subject.pods


def _delete(disturb: Disturb, subjects: Sequence[Subject], _: Sequence[Written]) -> None:
    for pod in [pod for subject in subjects for pod in pods_of(subject)]:
        disturb.delete(pod)


def _restart(disturb: Disturb, _: Sequence[Subject], written: Sequence[Written]) -> None:
    for pod, container in dict.fromkeys((each.pod, each.container) for each in written):
        disturb.restart(pod, container)


def _scale(disturb: Disturb, subjects: Sequence[Subject], _: Sequence[Written]) -> None:
    __tracebackhide__ = True
    sizes = {each: each.replicas for each in subjects if isinstance(each, Workload)}
    gone = [pod for workload in sizes for pod in workload.pods]
    for workload in sizes:
        disturb.scale(workload, 0)
    disturb.eventually(lambda: _require_gone(gone))
    for workload, replicas in sizes.items():
        disturb.scale(workload, replicas)


def _require_gone(pods: Sequence[Pod]) -> None:
    __tracebackhide__ = True
    if left := [pod for pod in pods if pod.exists]:
        raise Unmet(
            Text(en=f"{left[0]} is still there after scaling to 0", fr=f"{left[0]} est encore là après la mise à 0"),
            wanted=Text(en="no Pod", fr="aucun Pod"),
            try_=f"kubectl get pods -n {left[0].namespace}",
        )


def _move(disturb: Disturb, subjects: Sequence[Subject], _: Sequence[Written]) -> None:
    __tracebackhide__ = True
    pods = [pod for subject in subjects for pod in pods_of(subject)]
    for name in dict.fromkeys(pod.node for pod in pods if _elsewhere(pod)):
        disturb.cordon(Node(pods[0].reading, None, name))
    for pod in pods:
        disturb.delete(pod)


def _elsewhere(pod: Pod) -> list[Node]:
    """The nodes to which a Pod could move; Unmet where they are all cordoned, and nothing can be told of them."""
    __tracebackhide__ = True
    others = [node for node in nodes_for(pod) if node.name != pod.node]
    if others and all(cordoned(node) for node in others):
        raise Unmet(
            Text(
                en=f"{pod} could move to {others[0]}, which is cordoned; it was not tried",
                fr=f"{pod} pourrait aller sur {others[0]}, qui est mis à l'écart ; on n'a pas essayé",
            ),
            wanted=Text(en="nodes that take Pods", fr="des nœuds qui acceptent des Pods"),
            try_=f"kubectl uncordon {others[0].name}",
        )
    return others


def deletes_claims(subject: Subject) -> bool:
    """Whether scaling it down deletes claims, and the data with them."""
    retention = subject.spec.get("persistentVolumeClaimRetentionPolicy") or {}
    return isinstance(subject, StatefulSet) and retention.get("whenScaled") == "Delete"


pods_deleted = Drill(_delete, Text(en="after its Pod was deleted", fr="après la suppression de son Pod"))
containers_restarted = Drill(
    _restart,
    Text(en="after its container was restarted", fr="après le redémarrage de son conteneur"),
    ends=frozenset({LAYER}),
    same_pod=True,
)
scaled_to_zero = Drill(_scale, Text(en="after scaling to 0 and back", fr="après une mise à 0 et un retour"))
moved = Drill(_move, Text(en="after its Pod was driven off its node", fr="après que son Pod a été chassé de son nœud"))
