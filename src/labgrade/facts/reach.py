"""Why a Pod cannot come to where a volume may be used: the rules of `placing`, in words."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from labgrade.facts.base import matches
from labgrade.facts.nodes import Node
from labgrade.facts.placing import KEEPS_OUT, chosen, holds, tolerates, volumes_of
from labgrade.facts.pods import Pod
from labgrade.facts.storage import PersistentVolume
from labgrade.model import Json
from labgrade.text import Text

CORDON = {"key": "node.kubernetes.io/unschedulable", "effect": "NoSchedule"}
"""The taint that a cordoned node bears, a moment after it was cordoned."""


def homes(volume: PersistentVolume, nodes: Iterable[Node]) -> list[Node]:
    """The nodes on which a volume may be used."""
    return [node for node in nodes if holds(node, [volume])]


def asked_of_nodes(terms: Sequence[Json]) -> str:
    """Node selector terms the way people read them: `zone In a,b`."""
    return " | ".join(", ".join(map(_shown, _rules(term))) or "-" for term in terms) or "-"


def closed(node: Node, pod: Pod) -> Text | None:
    """Why a node takes no such Pod in, to follow its name; None where it would, if it has room."""
    if cordoned(node) and not _tolerated(pod, CORDON):
        return Text(en="is cordoned (kubectl uncordon)", fr="est mis à l'écart (kubectl uncordon)")
    return _barred(node, pod)


def cordoned(node: Node) -> bool:
    """Whether it takes no new Pods because somebody said so."""
    return bool(node.spec.get("unschedulable")) or CORDON["key"] in {taint.key for taint in node.taints}


def _barred(node: Node, pod: Pod) -> Text | None:
    """Why it takes no such Pod in, cordoned or not."""
    taints = [taint for taint in node.spec.get("taints") or [] if taint["effect"] in KEEPS_OUT]
    keeping = [taint for taint in taints if taint["key"] != CORDON["key"] and not _tolerated(pod, taint)]
    if keeping:
        kept = next(str(each) for each in node.taints if each.key == keeping[0]["key"])
        return Text(
            en=f"has a taint that the Pod does not tolerate, {kept}",
            fr=f"porte un taint que le Pod ne tolère pas, {kept}",
        )
    wanted = pod.spec.get("nodeSelector") or {}
    if wanted and not matches(wanted, node.labels):
        return _not_asked_for("nodeSelector")
    affinity = (pod.spec.get("affinity") or {}).get("nodeAffinity") or {}
    if not chosen(node, affinity.get("requiredDuringSchedulingIgnoredDuringExecution")):
        return _not_asked_for("nodeAffinity")
    return None


def nodes_for(pod: Pod) -> list[Node]:
    """The nodes for a Pod as far as taints, its own choice and its volumes go; they may be full, or cordoned."""
    volumes = volumes_of(pod)
    return [node for node in Node.all(pod.reading, None) if _barred(node, pod) is None and holds(node, volumes)]


def reachable(volume: PersistentVolume, pods: Iterable[Pod], nodes: Iterable[Node]) -> bool:
    """Whether one node may use the volume and takes all these Pods in."""
    wanted = list(pods)
    return any(all(closed(node, pod) is None for pod in wanted) for node in homes(volume, nodes))


def why_unreachable(volume: PersistentVolume, pod: Pod, nodes: Sequence[Node]) -> Text | None:
    """Why a Pod cannot come to where its volume may be used; None where it can."""
    at = homes(volume, nodes)
    shut = [(node, closed(node, pod)) for node in at]
    if not at:
        asked, there = asked_of_nodes(volume.node_terms or []), ", ".join(node.name for node in nodes)
        return Text(
            en=f"{volume} may only be used where {asked}, and no node is so; the nodes are: {there}",
            fr=f"{volume} n'est utilisable que là où {asked}, et aucun nœud n'est ainsi ; les nœuds sont : {there}",
        )
    if volume.node_terms is None or not all(cause for _, cause in shut):
        return None
    en = ", ".join(f"{node}, which {cause.en}" for node, cause in shut if cause)
    fr = ", ".join(f"{node}, qui {cause.fr}" for node, cause in shut if cause)
    return Text(en=f"{volume} may only be used on {en}", fr=f"{volume} n'est utilisable que sur {fr}")


def _not_asked_for(field: str) -> Text:
    return Text(en=f"is not what the Pod's {field} asks for", fr=f"n'est pas ce que demande le {field} du Pod")


def _rules(term: Json) -> list[Json]:
    return [*(term.get("matchExpressions") or []), *(term.get("matchFields") or [])]


def _shown(rule: Json) -> str:
    return f"{rule.get('key')} {rule.get('operator')} {','.join(rule.get('values') or [])}".strip()


def _tolerated(pod: Pod, taint: Json) -> bool:
    return any(tolerates(each, taint) for each in pod.spec.get("tolerations") or [])
