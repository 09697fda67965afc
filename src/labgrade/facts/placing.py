"""Which nodes a Pod and its volumes may be on, as the scheduler reads it."""

from __future__ import annotations

from collections.abc import Sequence

from labgrade.facts.nodes import Node
from labgrade.facts.pods import Pod
from labgrade.facts.selecting import selects
from labgrade.facts.storage import PersistentVolume, PersistentVolumeClaim
from labgrade.model import Json

KEEPS_OUT = frozenset({"NoSchedule", "NoExecute"})


def volumes_of(pod: Pod) -> list[PersistentVolume]:
    """The volumes that its claims are bound to."""
    claims = [PersistentVolumeClaim(pod.reading, pod.namespace, name) for name in pod.claims.values()]
    return [PersistentVolume(pod.reading, None, claim.volume) for claim in claims if claim.bound]


def holds(node: Node, volumes: Sequence[PersistentVolume]) -> bool:
    """Whether all these volumes may be used on the node."""
    return all(chosen(node, (volume.spec.get("nodeAffinity") or {}).get("required")) for volume in volumes)


def chosen(node: Node, selector: Json | None) -> bool:
    """Whether a NodeSelector picks the node: one of its terms must, each with all that it says."""
    if selector is None:
        return True
    return any(_meets(node, term) for term in selector.get("nodeSelectorTerms") or [])


def _meets(node: Node, term: Json) -> bool:
    of_labels, of_fields = term.get("matchExpressions") or [], term.get("matchFields") or []
    named = {"matchExpressions": of_fields}
    return bool(of_labels or of_fields) and (
        all(_holds(each, node) for each in of_labels) and selects(named, {"metadata.name": node.name})
    )


def _holds(expression: Json, node: Node) -> bool:
    if expression["operator"] not in {"Gt", "Lt"}:
        return selects({"matchExpressions": [expression]}, node.labels)
    found, limit = node.labels.get(expression["key"], ""), (expression.get("values") or [""])[0]
    if not (found.isdecimal() and limit.isdecimal()):
        return False
    return int(found) > int(limit) if expression["operator"] == "Gt" else int(found) < int(limit)


def tolerates(toleration: Json, taint: Json) -> bool:
    """Whether a toleration covers a taint."""
    if toleration.get("effect") not in {None, "", taint["effect"]}:
        return False
    if toleration.get("operator") == "Exists":
        return toleration.get("key") in {None, "", taint["key"]}
    same_value = (toleration.get("value") or "") == (taint.get("value") or "")
    return toleration.get("key") == taint["key"] and same_value
