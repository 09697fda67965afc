"""Cilium's installation: each way in which it falls short, told by what was seen, on recorded states."""

from __future__ import annotations

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest

from checks.cilium import (
    assert_agents,
    assert_alone,
    assert_joined,
    assert_managed,
    assert_operator,
    assert_replacement,
)
from labgrade.errors import Unmet
from labgrade.facts import Cluster, Pod
from labgrade.model import Json
from tests.checks.states import World, made, pod

SYSTEM = {"namespace": "kube-system"}
NODES = ("plane", "worker")


def node(name: str, *, ready: str = "True", **spec: Any) -> Json:
    """A node."""
    conditions = [{"type": "Ready", "status": ready, "message": "cni plugin not initialized"}]
    return made("Node", name, spec=spec, status={"conditions": conditions}, metadata={"namespace": None})


def known(name: str) -> Json:
    """A node that Cilium knows."""
    return made("CiliumNode", name, metadata={"namespace": None})


def agents(program: str = "cilium-agent", **status: int) -> Json:
    """daemonset/cilium, on both nodes, ready and up to date unless told."""
    container = {"name": "cilium-agent", "image": "cilium/cilium:v1.17.2", "command": [program]}
    counts = {"desiredNumberScheduled": 2, "numberReady": 2, "updatedNumberScheduled": 2, "observedGeneration": 1}
    return made(
        "DaemonSet",
        "cilium",
        generation=1,
        metadata=SYSTEM,
        spec={"template": {"spec": {"containers": [container]}}},
        status=counts | status,
    )


def agent(name: str, on: str) -> Json:
    """A Pod of the DaemonSet's."""
    spec = {"nodeName": on, "hostNetwork": True}
    return pod(name, owner=("DaemonSet", "cilium"), spec=spec, metadata=SYSTEM)


def operator(program: str = "cilium-operator-generic", available: int = 1, replicas: int = 1) -> Json:
    """deployment/cilium-operator."""
    container = {"name": "cilium-operator", "image": "cilium/operator-generic:v1.17.2", "command": [program]}
    return made(
        "Deployment",
        "cilium-operator",
        metadata=SYSTEM,
        spec={"replicas": replicas, "template": {"spec": {"containers": [container]}}},
        status={"availableReplicas": available},
    )


def settings(**data: str) -> Json:
    """configmap/cilium-config."""
    return made("ConfigMap", "cilium-config", metadata=SYSTEM, data=data)


def network(name: str, namespace: str = "kube-system", desired: int = 2) -> Json:
    """Another Pod network's DaemonSet."""
    status = {"desiredNumberScheduled": desired, "numberReady": desired}
    return made("DaemonSet", name, metadata={"namespace": namespace}, spec={}, status=status)


def application(name: str, namespace: str = "shop", phase: str = "Running", **spec: Any) -> Json:
    """A Pod of somebody's."""
    return pod(name, phase=phase, spec=spec, metadata={"namespace": namespace})


def endpoint(name: str, namespace: str = "shop") -> Json:
    """A Pod that Cilium manages."""
    return made("CiliumEndpoint", name, metadata={"namespace": namespace})


def whole(*others: Json, without: str = "") -> Cluster:
    """The cluster asked for, `others` in place of what has the same kind and name; `without` is a name left out."""
    parts = [
        *map(node, NODES),
        *map(known, NODES),
        agents(),
        agent("cilium-a", "plane"),
        agent("cilium-b", "worker"),
        operator(),
        settings(**{"kube-proxy-replacement": "true"}),
        application("web"),
        endpoint("web"),
    ]
    taken = {(other["kind"], other["metadata"]["name"]) for other in others}
    kept = [part for part in parts if (part["kind"], part["metadata"]["name"]) not in taken]
    return World(*(part for part in (*kept, *others) if part["metadata"]["name"] != without)).cluster


def saying(words: str = "OK\n", code: int = 0) -> Callable[..., Any]:
    """Inside every container, every command says this."""

    def inside(_: Pod, container: str) -> Any:
        assert container == "cilium-agent"

        def run(_: str) -> Any:
            return SimpleNamespace(rc=code, stdout=words, stderr="")

        return SimpleNamespace(run=run)

    return inside


def never(*_: object) -> Any:
    """Nothing is run in a container."""
    pytest.fail("a command was run in a container that may be anything")


def unmet(judge: Callable[[], None]) -> str:
    """What was seen, in both languages."""
    with pytest.raises(Unmet) as caught:
        judge()
    return f"{caught.value.saw.en} | {caught.value.saw.fr}"


def test_the_installation_asked_for_meets_everything() -> None:
    """No check is stricter than the handout."""
    cluster = whole()
    assert_agents(cluster, saying())
    assert_operator(cluster)
    assert_alone(cluster)
    assert_joined(cluster)
    assert_managed(cluster)
    assert_replacement(cluster)


@pytest.mark.parametrize(
    ("found", "words"),
    [
        (agents(desiredNumberScheduled=1, numberReady=1), "is meant for 1 of 2 nodes"),
        (agents(numberReady=1), "1 of 2 agents are ready, 2 up to date"),
        (agents(updatedNumberScheduled=1), "2 of 2 agents are ready, 1 up to date"),
        (agents(observedGeneration=0), "has not been taken up"),
        (agents("sleep"), "has the right name, but does not run cilium-agent; its images: docker.io/cilium/cilium"),
    ],
)
def test_agents_that_are_not_everywhere(found: Json, words: str) -> None:
    """Counted, and nothing is run in what is not Cilium's."""
    assert words in unmet(lambda: assert_agents(whole(found), never))


def test_no_agents_at_all() -> None:
    """What is missing is named."""
    assert "there is no daemonset/cilium" in unmet(lambda: assert_agents(whole(without="cilium"), never))


def test_an_agent_that_is_not_well() -> None:
    """Its own words are passed on."""
    words = unmet(lambda: assert_agents(whole(), saying("KVStore: Failure", 1)))
    assert "the agent in pod/cilium-a is not well: KVStore: Failure" in words


@pytest.mark.parametrize(
    ("found", "words"),
    [
        (operator(available=0), "0 of 1 Pods are available"),
        (operator(available=0, replicas=0), "0 of 0 Pods are available"),
        (operator("sleep"), "does not run cilium-operator"),
    ],
)
def test_an_operator_that_does_not_work(found: Json, words: str) -> None:
    """None available, none wanted, or none of Cilium's."""
    assert words in unmet(lambda: assert_operator(whole(found)))


@pytest.mark.parametrize("name", ["kindnet", "podnet", "kube-flannel-ds", "calico-node"])
def test_another_network_beside_cilium(name: str) -> None:
    """Whichever it is."""
    assert f"another Pod network is there: daemonset/{name}" in unmet(lambda: assert_alone(whole(network(name))))


def test_another_network_in_place_of_cilium() -> None:
    """It is what there is to say, not that Cilium is missing, which another check says."""
    cluster = whole(network("kindnet"), without="cilium")
    assert "another Pod network is there: daemonset/kindnet" in unmet(lambda: assert_alone(cluster))


def test_no_network_is_not_cilium_alone() -> None:
    """Nothing beside nothing earns nothing."""
    assert "there is no daemonset/cilium" in unmet(lambda: assert_alone(whole(without="cilium")))
    assert "does not run cilium-agent" in unmet(lambda: assert_alone(whole(agents("sleep"))))


def test_a_network_that_was_sent_nowhere_is_none() -> None:
    """As after a patch of its nodeSelector."""
    assert_alone(whole(network("kindnet", desired=0)))


TAINT = {"key": "node.cilium.io/agent-not-ready", "effect": "NoExecute", "value": "true"}


@pytest.mark.parametrize(
    ("cluster", "words"),
    [
        (whole(node("worker", ready="False")), "node/worker is not Ready: cni plugin not initialized"),
        (whole(node("worker", taints=[TAINT])), "still bears node.cilium.io/agent-not-ready=true:NoExecute"),
        (whole(node("third")), "node/third has no CiliumNode"),
    ],
)
def test_nodes_that_have_not_joined(cluster: Cluster, words: str) -> None:
    """Each by what is missing."""
    assert words in unmet(lambda: assert_joined(cluster))


def test_a_node_that_is_gone_may_have_left_its_trace() -> None:
    """Cilium forgets it later."""
    assert_joined(whole(known("gone")))


def test_a_pod_from_before_is_not_managed() -> None:
    """It is named, with its namespace; that one of the same name elsewhere is managed helps nothing."""
    words = unmet(lambda: assert_managed(whole(application("web", "other"), application("web"))))
    assert "not managed by Cilium: pod/web (namespace other)" in words
    many = [application(f"old-{n}") for n in range(5)]
    assert "pod/old-2 (namespace shop), … (5)" in unmet(lambda: assert_managed(whole(*many)))


@pytest.mark.parametrize(
    "more",
    [
        application("etcd", hostNetwork=True),
        application("job", phase="Succeeded"),
        application("new", phase="Pending"),
        application("probe", namespace="labgrade-0a1b2c3d"),
    ],
)
def test_pods_without_a_network_of_their_own_do_not_count(more: Json) -> None:
    """Nor do those of the grader's."""
    assert_managed(whole(more))


def test_no_pod_is_not_every_pod() -> None:
    """For all over nothing is unmet."""
    assert "no Pod with a network of its own" in unmet(lambda: assert_managed(whole(without="web")))


@pytest.mark.parametrize(
    ("found", "words"),
    [
        (settings(**{"kube-proxy-replacement": "strict"}), 'cilium-config has for kube-proxy-replacement: "strict"'),
        (settings(**{"kube-proxy-replacement": "false"}), '"false"'),
        (settings(**{"enable-hubble": "true"}), "cilium-config has for kube-proxy-replacement: nothing"),
    ],
)
def test_a_replacement_that_was_not_asked_for(found: Json, words: str) -> None:
    """The value is shown as it is."""
    assert words in unmet(lambda: assert_replacement(whole(found)))


def test_no_settings() -> None:
    """Nothing was installed."""
    words = unmet(lambda: assert_replacement(whole(without="cilium-config")))
    assert "there is no configmap/cilium-config in namespace kube-system" in words
