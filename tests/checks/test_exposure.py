"""Judges of what the nodes open to the outside, on recorded states."""

from __future__ import annotations

from typing import Any

import pytest

from checks.exposure import assert_node_port, assert_on_every_node
from labgrade.errors import Unmet
from labgrade.model import Json
from labgrade.probe import Answer, Verdict
from tests.checks.states import World, endpoints, made, pod, prober, service, web

LABELS = {"app": "my-app"}
PODS = [pod(f"my-app-{n}", ip=f"10.0.0.{n}", labels=LABELS, spec={"nodeName": "worker"}) for n in (1, 2)]


def node(name: str, ip: str, *, ready: bool = True) -> Json:
    """A node."""
    status = {
        "conditions": [{"type": "Ready", "status": "True" if ready else "False"}],
        "addresses": [{"type": "InternalIP", "address": ip}],
    }
    found = made("Node", name, status=status)
    del found["metadata"]["namespace"]
    return found


NODES = [node("control-plane", "172.17.0.2"), node("worker", "172.17.0.3")]


def opened(kind: str = "NodePort", node_port: int = 30080, **spec: Any) -> Json:
    """service/web with a port on the nodes; none where it is 0."""
    found = service("web", selector=LABELS)
    found["spec"] |= {"type": kind} | spec
    if node_port and "ports" not in spec:
        found["spec"]["ports"][0]["nodePort"] = node_port
    return found


def port(found: Json | None) -> None:
    """Judges the type and the port of service/web."""
    world = World(*[found] if found else [])
    assert_node_port(world.cluster, world.cluster.service("web"), port=80)


def test_a_node_port_in_the_range_is_met() -> None:
    """From the first to the last."""
    port(opened(node_port=30000))
    port(opened(node_port=32767))


@pytest.mark.parametrize(
    ("found", "words"),
    [
        (None, "no service/web"),
        (opened("ClusterIP", 0), "is of type ClusterIP, which opens no port"),
        (opened("LoadBalancer"), "is of type LoadBalancer, which wants an address"),
        (opened(node_port=8080), "80 → 8080"),
        (opened(node_port=32768), "80 → 32768"),
        (opened(ports=[{"port": 8080, "nodePort": 30080}]), "8080 → 30080"),
    ],
)
def test_another_type_or_port_is_unmet(found: Json | None, words: str) -> None:
    """A LoadBalancer answers on the nodes too, and still is not what was asked for."""
    with pytest.raises(Unmet, match=words):
        port(found)


def every(found: Json, answers: dict[str, Answer], *nodes: Json) -> None:
    """Judges whether every node answers for service/web."""
    world = World(found, endpoints("web", "10.0.0.1", "10.0.0.2"), *PODS, *(nodes or NODES))
    assert_on_every_node(world.cluster, world.cluster.service("web"), prober(answers), labels=LABELS, port=80)


def said(control_plane: Verdict = "http", worker: Verdict = "http") -> dict[str, Answer]:
    """What the nodes answer on the port."""
    return web("172.17.0.2", control_plane, 30080) | web("172.17.0.3", worker, 30080)


def test_all_nodes_that_answer_are_met() -> None:
    """Also through a LoadBalancer: what is asked here is who answers."""
    every(opened(), said())
    every(opened("LoadBalancer"), said())


def test_a_node_that_is_not_ready_is_not_asked() -> None:
    """Its silence is no fault of the Service."""
    every(opened(), said(), *NODES, node("gone", "172.17.0.4", ready=False))


def test_local_is_met_where_every_node_has_a_pod() -> None:
    """Then nobody is kept out."""
    every(opened(externalTrafficPolicy="Local"), said(), node("worker", "172.17.0.3"))


@pytest.mark.parametrize(
    ("found", "answers", "words"),
    [
        (opened(), said("refused"), "node/control-plane does not answer on port 30080: .*where nobody listens"),
        (opened(), said("http", "dropped"), r"node/worker does not answer .*\(dropped\)"),
        (opened("ClusterIP", 0), {}, "is of type ClusterIP, which opens no port"),
        (opened(externalTrafficPolicy="Local"), {}, "Local, so that node/control-plane, which has none of the Pods"),
        (opened(selector={"app": "web"}), {}, "selects app=web, but pod/my-app-1 carries app=my-app"),
    ],
)
def test_a_node_that_does_not_answer_is_unmet(found: Json, answers: dict[str, Answer], words: str) -> None:
    """What the Service's spec tells already is not tried."""
    with pytest.raises(Unmet, match=words):
        every(found, answers)


def test_no_nodes_answer_nothing() -> None:
    """Every one of no nodes is unmet."""
    with pytest.raises(Unmet, match="no node is ready"):
        every(opened(), {}, node("worker", "172.17.0.3", ready=False))
