"""Nodes: each way in which a student's cluster falls short, told by what was seen."""

from __future__ import annotations

from typing import Any, cast

import pytest

from checks.nodes import (
    assert_nodes,
    assert_ranges,
    assert_ready,
    assert_reserved,
    assert_zones,
    control_planes,
    workers,
)
from checks.placement import assert_pods_meet, assert_welcoming
from labgrade.errors import Unmet
from labgrade.model import Json
from labgrade.probe import Answer, Prober, Question, Sources, Verdict
from labgrade.probe.enforcement import Enforcement
from tests.checks.states import Canned, World, answer, made

PODS, SERVICES, ZONE = "10.100.0.0/16", "10.200.0.0/16", "topology.kubernetes.io/zone"
RESERVED: Json = {"key": "node-role.kubernetes.io/control-plane", "effect": "NoSchedule"}
PLANE: dict[str, Any] = {"labels": {"node-role.kubernetes.io/control-plane": ""}, "taints": [RESERVED]}


def node(name: str, pods: str = "10.100.1.0/24", *, ready: str = "True", message: str = "", **parts: Any) -> Json:
    """A node, Ready unless told; `taints`, `unschedulable` and `conditions` may be told, too."""
    conditions = [{"type": "Ready", "status": ready, "message": message}, *parts.pop("conditions", [])]
    spec = {"podCIDRs": [pods], **{key: parts.pop(key) for key in ("taints", "unschedulable") if key in parts}}
    return made("Node", name, spec=spec, status={"conditions": conditions}, **parts)


def zoned(name: str, zone: str, pods: str = "10.100.1.0/24", **parts: Any) -> Json:
    """A worker in a zone."""
    return node(name, pods, labels={"kubernetes.io/hostname": name, ZONE: zone}, **parts)


def api(ip: str = "10.200.0.1") -> Json:
    """The API server's Service."""
    return made("Service", "kubernetes", spec={"clusterIP": ip}, metadata={"namespace": "default"})


def whole(*others: Json) -> World:
    """The cluster asked for; `others` stand in for objects of the same name."""
    parts = [
        api(),
        node("plane", "10.100.0.0/24", **PLANE),
        zoned("one", "zone-a"),
        zoned("two", "zone-b", "10.100.2.0/24"),
    ]
    names = {other["metadata"]["name"] for other in others}
    return World(*(part for part in parts if part["metadata"]["name"] not in names), *others)


class Pods:
    """Probe Pods: one where the scheduler put it, one on each node that was asked for."""

    def __init__(
        self, landed: str = "one", verdicts: dict[tuple[str, str], Verdict] | None = None, address: str = ""
    ) -> None:
        """`verdicts`: by the node that is asked from, and the host that is asked, what does not connect.

        `address`: that of all Pods; else each has its own.
        """
        self._landed, self._verdicts, self._address = landed, verdicts or {}, address
        self.prober = Prober(cast(Sources, self), cast(Enforcement, None), before=lambda: 0)

    def own(self, node: str = "") -> Canned:
        """The Pod on that node, or the one that the scheduler placed."""
        found = Canned(node or self._landed, self._told)
        found.ip = self._address or f"ip-of-{node}"
        return found

    def _told(self, node: str, question: Question) -> Answer:
        return answer(question.words, self._verdicts.get((node, question.data["host"]), "connected"))


def unmet(caught: pytest.ExceptionInfo[Unmet]) -> str:
    """What was seen, in both languages."""
    return f"{caught.value.saw.en} | {caught.value.saw.fr}"


def test_the_cluster_asked_for_meets_everything() -> None:
    """No check is stricter than the handout."""
    cluster, probe = whole().cluster, Pods().prober
    assert_nodes(cluster, least_workers=2)
    assert_ready(cluster.nodes())
    assert_reserved(control_planes(cluster))
    assert_ranges(cluster, pods=PODS, services=SERVICES)
    assert_zones(workers(cluster), label=ZONE, zones=("zone-a", "zone-b"))
    assert_welcoming(workers(cluster), probe)
    assert_pods_meet(workers(cluster), probe)


@pytest.mark.parametrize(
    ("nodes", "saw"),
    [
        ([node("plane", **PLANE)], "control planes: node/plane; workers: none"),
        ([node("plane", **PLANE), node("one")], "workers: node/one"),
        ([node("one"), node("two")], "control planes: none; workers: node/one, node/two"),
    ],
)
def test_too_few_nodes(nodes: list[Json], saw: str) -> None:
    """Both kinds are counted and named."""
    with pytest.raises(Unmet) as caught:
        assert_nodes(World(*nodes).cluster, least_workers=2)
    assert saw in unmet(caught)


def test_more_nodes_are_fine() -> None:
    """Three control planes and three workers are no less than one and two."""
    more = [node("plane2", **PLANE), node("plane3", **PLANE), zoned("three", "zone-a")]
    assert_nodes(whole(*more).cluster, least_workers=2)
    assert_zones(workers(whole(*more).cluster), label=ZONE, zones=("zone-a", "zone-b"))


PRESSED: Json = {"conditions": [{"type": "DiskPressure", "status": "True"}]}
LEFT_OVER: Json = {"taints": [{"key": "node.kubernetes.io/not-ready", "effect": "NoExecute"}]}


@pytest.mark.parametrize(
    ("parts", "saw"),
    [
        ({"ready": "False", "message": "cni plugin not initialized"}, "not Ready: cni plugin not initialized"),
        ({"ready": "Unknown"}, "node/two is not Ready"),
        (PRESSED, "node/two reports DiskPressure"),
        (LEFT_OVER, "node/two still bears node.kubernetes.io/not-ready:NoExecute"),
    ],
)
def test_a_node_that_does_not_work(parts: Json, saw: str) -> None:
    """The node is named, with the kubelet's own reason."""
    with pytest.raises(Unmet) as caught:
        assert_ready(whole(node("two", **parts)).cluster.nodes())
    assert saw in unmet(caught)


@pytest.mark.parametrize("key", ["node-role.kubernetes.io/control-plane", "node-role.kubernetes.io/master"])
def test_a_control_plane_is_reserved_by_either_key(key: str) -> None:
    """Clusters before 1.24 have the older one."""
    older = node("plane", labels={key: ""}, taints=[{"key": key, "effect": "NoSchedule"}])
    assert_reserved(control_planes(whole(older).cluster))


@pytest.mark.parametrize(
    ("taints", "saw"),
    [
        ([], "its taints: none"),
        ([RESERVED | {"effect": "PreferNoSchedule"}], "control-plane:PreferNoSchedule"),
        ([{"key": "mine", "value": "yes", "effect": "NoSchedule"}], "mine=yes:NoSchedule"),
    ],
)
def test_a_control_plane_that_takes_in_every_pod(taints: list[Json], saw: str) -> None:
    """The taints that it does bear are told."""
    with pytest.raises(Unmet) as caught:
        assert_reserved(control_planes(whole(node("plane", labels=PLANE["labels"], taints=taints)).cluster))
    assert "node/plane takes in every Pod" in unmet(caught)
    assert saw in unmet(caught)


@pytest.mark.parametrize(
    ("other", "credit"),
    [
        ([api("10.96.0.1")], 0.5),
        ([node("two", "10.244.1.0/24")], 0.5),
        ([api("10.100.0.1")], 0.5),
        ([api("10.96.0.1"), node("two", "10.244.1.0/24")], 0),
        ([api(""), node("two", "fd00:10:244::/64")], 0),
    ],
)
def test_other_ranges(other: list[Json], credit: float) -> None:
    """One of the two earns half; of the other, the addresses are told."""
    with pytest.raises(Unmet) as caught:
        assert_ranges(whole(*other).cluster, pods=PODS, services=SERVICES)
    assert caught.value.credit == credit
    assert other[0]["spec"].get("clusterIP", "10.244.1.0/24") in unmet(caught)


def test_two_families_are_fine() -> None:
    """A dual-stack node has the range asked for, and another one."""
    dual = node("two")
    dual["spec"]["podCIDRs"] = ["fd00:10:244::/64", "10.100.2.0/24"]
    assert_ranges(whole(dual).cluster, pods=PODS, services=SERVICES)


@pytest.mark.parametrize(
    ("two", "saw"),
    [
        (node("two", labels={"kubernetes.io/os": "linux", "zone": "zone-b"}), f"no label {ZONE}, but zone=zone-b"),
        (node("two", labels={"kubernetes.io/os": "linux"}), f"no label {ZONE} |"),
        (zoned("two", "zone-B"), f"node/two has {ZONE}=zone-B"),
        (zoned("two", "zone-a"), f"no node has {ZONE}=zone-b"),
    ],
)
def test_a_worker_without_its_zone(two: Json, saw: str) -> None:
    """What it carries instead is told, less what every node carries."""
    with pytest.raises(Unmet) as caught:
        assert_zones(workers(whole(two).cluster), label=ZONE, zones=("zone-a", "zone-b"))
    assert saw in unmet(caught)


DEDICATED: Json = {"key": "dedicated", "value": "db", "effect": "NoSchedule"}


@pytest.mark.parametrize(
    ("two", "saw"),
    [
        (zoned("two", "zone-b", unschedulable=True), "node/two is cordoned"),
        (zoned("two", "zone-b", taints=[DEDICATED]), "away: dedicated=db:NoSchedule"),
    ],
)
def test_a_worker_that_keeps_pods_away(two: Json, saw: str) -> None:
    """It is named with the reason, before any Pod is waited for."""
    with pytest.raises(Unmet) as caught:
        assert_welcoming(workers(whole(two).cluster), Pods(landed="").prober)
    assert saw in unmet(caught)


def test_a_taint_that_only_asks_is_fine() -> None:
    """PreferNoSchedule keeps nobody out."""
    two = zoned("two", "zone-b", taints=[DEDICATED | {"effect": "PreferNoSchedule"}])
    assert_welcoming(workers(whole(two).cluster), Pods().prober)


@pytest.mark.parametrize(
    ("pods", "saw"),
    [
        (Pods(landed="plane"), "an ordinary Pod landed on plane"),
        (Pods(verdicts={("one", "kubernetes.default.svc"): "unresolved"}), "a Pod on one does not reach"),
    ],
)
def test_an_ordinary_pod_that_fares_ill(pods: Pods, saw: str) -> None:
    """It is on the wrong node, or finds no API server."""
    with pytest.raises(Unmet) as caught:
        assert_welcoming(workers(whole().cluster), pods.prober)
    assert saw in unmet(caught)


@pytest.mark.parametrize(
    ("source", "target", "saw"),
    [("one", "two", "from node/one, a Pod on node/two"), ("two", "one", "from node/two, a Pod on node/one")],
)
def test_pods_that_do_not_meet(source: str, target: str, saw: str) -> None:
    """Both ways are asked, and the one that fails is told with its verdict."""
    pods = Pods(verdicts={(source, f"ip-of-{target}"): "dropped"})
    with pytest.raises(Unmet) as caught:
        assert_pods_meet(workers(whole().cluster), pods.prober)
    assert f"{saw} is not reached: dropped" in unmet(caught)


def test_two_pods_with_one_address_do_not_meet() -> None:
    """Each would ask itself, and be answered."""
    with pytest.raises(Unmet) as caught:
        assert_pods_meet(workers(whole().cluster), Pods(address="10.100.0.2").prober)
    assert "a Pod on node/one and one on node/two have the same address, 10.100.0.2" in unmet(caught)
