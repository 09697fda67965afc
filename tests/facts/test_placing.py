"""Which nodes a Pod may be on: taints, its own choice, and where its volumes are."""

from __future__ import annotations

import pytest

from labgrade.facts.reach import nodes_for
from labgrade.model import Json
from tests.checks.states import World, claim, made, pod

TAINT: Json = {"key": "node-role.kubernetes.io/control-plane", "effect": "NoSchedule"}
CLAIM: Json = {"name": "data", "persistentVolumeClaim": {"claimName": "files"}}


def affinity(*expressions: Json, key: str = "matchExpressions") -> Json:
    """A NodeSelector of one term."""
    return {"nodeSelectorTerms": [{key: list(expressions)}]}


def on(operator: str, *values: str, key: str = "disk") -> Json:
    """An expression about a label."""
    return {"key": key, "operator": operator, "values": list(values)}


def names(spec: Json, required: Json | None = None) -> list[str]:
    """The nodes for a Pod of that spec; `required`: where its volume may be."""
    bound = claim("files")
    bound["spec"]["volumeName"] = "volume"
    world = World(
        made("Node", "control", spec={"taints": [TAINT]}),
        made("Node", "fast", spec={}, labels={"disk": "ssd", "cores": "8"}),
        made("Node", "shut", spec={"unschedulable": True}),
        made("Node", "slow", spec={}, labels={"disk": "tape", "cores": "2"}),
        bound,
        made("PersistentVolume", "volume", spec={"nodeAffinity": {"required": required}} if required else {}),
        pod("app", spec=spec | {"volumes": [CLAIM]}),
    )
    return [node.name for node in nodes_for(world.cluster.pod("app"))]


def test_tainted_nodes_take_nobody() -> None:
    """Unless they are tolerated; a cordon may be over in a moment."""
    assert names({}) == ["fast", "shut", "slow"]
    assert "control" in names({"tolerations": [{"operator": "Exists"}]})
    assert "control" in names({"tolerations": [TAINT]})
    assert "control" not in names({"tolerations": [TAINT | {"effect": "NoExecute"}]})


def test_a_pod_chooses_by_labels() -> None:
    """By nodeSelector, or by nodeAffinity."""
    assert names({"nodeSelector": {"disk": "ssd"}}) == ["fast"]
    wanted = {"requiredDuringSchedulingIgnoredDuringExecution": affinity(on("NotIn", "ssd"))}
    assert names({"affinity": {"nodeAffinity": wanted}}) == ["shut", "slow"]


@pytest.mark.parametrize(
    ("required", "nodes"),
    [
        (affinity(on("In", "ssd", "nvme")), ["fast"]),
        (affinity(on("Exists")), ["fast", "slow"]),
        (affinity(on("DoesNotExist")), ["shut"]),
        (affinity(on("Gt", "4", key="cores")), ["fast"]),
        (affinity(on("Lt", "4", key="cores")), ["slow"]),
        (affinity(on("In", "slow", key="metadata.name"), key="matchFields"), ["slow"]),
        ({"nodeSelectorTerms": [{}]}, []),
        ({"nodeSelectorTerms": [{}, {"matchExpressions": [on("In", "ssd")]}]}, ["fast"]),
    ],
)
def test_a_volume_says_where_it_is(required: Json, nodes: list[str]) -> None:
    """One of its terms must hold; one without a word picks nothing."""
    assert names({}, required) == nodes
