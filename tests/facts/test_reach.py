"""Where volumes may be used and which nodes take a Pod in, by the scheduler's rules."""

from __future__ import annotations

from typing import Any

import pytest

from labgrade.facts import Node, PersistentVolume, Pod, Recorded
from labgrade.facts.reach import asked_of_nodes, closed, homes, why_unreachable
from labgrade.model import Json


def nodes(*found: tuple[str, Json]) -> list[Node]:
    """Nodes, each with its name as a label."""
    each = [
        {"kind": "Node", "metadata": {"name": name, "labels": {"host": name, "slots": "4"}}, "spec": spec}
        for name, spec in found
    ]
    return Node.all(Recorded(*each), None)


TWO = nodes(("one", {}), ("two", {}))


def volume(*terms: Json) -> PersistentVolume:
    """A volume with these node selector terms; with none it may be used anywhere."""
    spec = {"nodeAffinity": {"required": {"nodeSelectorTerms": list(terms)}}} if terms else {}
    body = {"kind": "PersistentVolume", "metadata": {"name": "shelf"}, "spec": spec}
    return PersistentVolume(Recorded(body), None, "shelf")


def rule(operator: str, *values: str, key: str = "host") -> Json:
    """One rule of a term."""
    return {"key": key, "operator": operator} | ({"values": list(values)} if values else {})


def pod(**spec: Any) -> Pod:
    """A Pod."""
    body = {"kind": "Pod", "metadata": {"name": "kitchen", "namespace": "lab"}, "spec": spec}
    return Pod(Recorded(body), "lab", "kitchen")


@pytest.mark.parametrize(
    ("terms", "names"),
    [
        ([], ["one", "two"]),
        ([{"matchExpressions": [rule("In", "two", "three")]}], ["two"]),
        ([{"matchExpressions": [rule("NotIn", "two")]}], ["one"]),
        ([{"matchExpressions": [rule("Exists", key="disk")]}], []),
        ([{"matchExpressions": [rule("DoesNotExist", key="disk")]}], ["one", "two"]),
        ([{"matchExpressions": [rule("Gt", "3", key="slots")]}], ["one", "two"]),
        ([{"matchExpressions": [rule("Lt", "4", key="slots")]}], []),
        ([{"matchExpressions": [rule("Gt", "3")]}], []),
        ([{"matchFields": [rule("In", "one", key="metadata.name")]}], ["one"]),
        ([{"matchExpressions": [rule("In", "one"), rule("In", "two")]}], []),
        ([{"matchExpressions": [rule("In", "one")]}, {"matchExpressions": [rule("In", "two")]}], ["one", "two"]),
        ([{}], []),
    ],
)
def test_where_a_volume_may_be_used(terms: list[Json], names: list[str]) -> None:
    """One term must hold, with all its rules; an empty one never does."""
    assert [node.name for node in homes(volume(*terms), TWO)] == names


KEEPS = {"key": "kitchen", "value": "closed", "effect": "NoSchedule"}


@pytest.mark.parametrize(
    ("node", "spec", "words"),
    [
        ({}, {}, ""),
        ({"unschedulable": True}, {}, "is cordoned"),
        ({"unschedulable": True}, {"tolerations": [{"operator": "Exists"}]}, ""),
        ({"taints": [KEEPS]}, {}, "a taint that the Pod does not tolerate, kitchen=closed:NoSchedule"),
        ({"taints": [KEEPS]}, {"tolerations": [{"key": "kitchen", "value": "closed"}]}, ""),
        ({"taints": [KEEPS]}, {"tolerations": [{"key": "kitchen", "value": "open"}]}, "does not tolerate"),
        ({"taints": [KEEPS]}, {"tolerations": [{"key": "kitchen", "operator": "Exists", "effect": "NoSchedule"}]}, ""),
        ({"taints": [KEEPS]}, {"tolerations": [{"operator": "Exists", "effect": "NoExecute"}]}, "does not tolerate"),
        ({"taints": [KEEPS | {"effect": "PreferNoSchedule"}]}, {}, ""),
        ({}, {"nodeSelector": {"host": "two"}}, "nodeSelector"),
        ({}, {"nodeSelector": {"host": "one"}}, ""),
    ],
)
def test_who_takes_a_pod_in(node: Json, spec: Json, words: str) -> None:
    """Cordon, taints and the Pod's own wishes, each with what lifts it."""
    found = closed(nodes(("one", node))[0], pod(**spec))
    assert words in found.en if words and found else not words and found is None


@pytest.mark.parametrize(("values", "shut"), [(["one"], False), (["two"], True)])
def test_a_pod_may_want_nodes_by_affinity(values: list[str], *, shut: bool) -> None:
    """What it merely prefers keeps it from nowhere."""
    terms = {"nodeSelectorTerms": [{"matchExpressions": [rule("In", *values)]}]}
    wish = {"nodeAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": terms}}
    assert bool(closed(TWO[0], pod(affinity=wish))) is shut
    prefers = {"nodeAffinity": {"preferredDuringSchedulingIgnoredDuringExecution": [{"preference": terms}]}}
    assert closed(TWO[0], pod(affinity=prefers)) is None


def test_a_volume_for_any_node_is_never_out_of_reach() -> None:
    """Then it is the nodes that are the matter, and other words say so."""
    shut = nodes(("one", {"unschedulable": True}))
    assert why_unreachable(volume(), pod(), shut) is None
    assert why_unreachable(volume({"matchExpressions": [rule("In", "one")]}), pod(), TWO) is None
    cause = why_unreachable(volume({"matchExpressions": [rule("In", "one")]}), pod(), shut)
    assert cause
    assert (
        cause.fr == "persistentvolume/shelf n'est utilisable que sur node/one, qui est mis à l'écart (kubectl uncordon)"
    )


def test_terms_are_shown_the_way_people_read_them() -> None:
    """One rule after the other, terms apart."""
    terms = [
        {"matchExpressions": [rule("In", "a", "b"), rule("Exists", key="disk")]},
        {"matchFields": [rule("In", "c")]},
    ]
    assert asked_of_nodes(terms) == "host In a,b, disk Exists | host In c"
    assert asked_of_nodes([]) == "-"
