"""What is known of Cilium: what runs, what was set, what it manages; on recorded states."""

from __future__ import annotations

from typing import Any

import pytest

from labgrade.cluster.api import Api
from labgrade.facts import Cilium, Node, Recorded, Snapshot
from labgrade.facts.cilium import agent_not_ready, runs_program
from labgrade.model import Json
from tests.support.apiserver import ApiServer


def made(kind: str, name: str, namespace: str | None = "kube-system", **parts: Any) -> Json:
    """An object with the least that it needs."""
    return {"kind": kind, "metadata": {"name": name, "namespace": namespace, "uid": name}} | parts


def workload(kind: str, name: str, *containers: Json, namespace: str = "kube-system", **status: int) -> Json:
    """A workload with these containers in its template."""
    return made(kind, name, namespace, spec={"template": {"spec": {"containers": list(containers)}}}, status=status)


def cilium(*objects: Json) -> Cilium:
    """Cilium in a cluster with these objects."""
    return Cilium(Recorded(*objects))


def test_settings_are_those_of_the_config_map() -> None:
    """None where there is none, or an empty one."""
    assert cilium(made("ConfigMap", "cilium-config", data={"enable-hubble": "true"})).settings == {
        "enable-hubble": "true"
    }
    assert cilium(made("ConfigMap", "cilium-config")).settings == {}
    assert cilium().settings == {}


@pytest.mark.parametrize(
    ("container", "program", "does"),
    [
        ({"image": "cilium/cilium:v1", "command": ["cilium-agent"]}, "cilium-agent", True),
        ({"image": "cilium/cilium:v1", "command": ["/usr/bin/cilium-agent", "--x"]}, "cilium-agent", True),
        ({"image": "cilium/op:v1", "command": ["cilium-operator-generic"]}, "cilium-operator", True),
        ({"image": "mirror:5000/cilium/hubble-ui:v0.13@sha256:0"}, "hubble-ui", True),
        ({"image": "busybox:1.36", "command": ["sleep", "cilium-agent"]}, "cilium-agent", False),
        ({"image": "hubble-ui:v1", "command": ["sleep"]}, "hubble-ui", False),
        ({"image": "hubble-ui/busybox"}, "hubble-ui", False),
        ({}, "cilium-agent", False),
    ],
)
def test_what_runs_is_told_by_the_command(container: Json, program: str, does: bool) -> None:  # noqa: FBT001 - a table
    """Its path does not matter; the image's name counts only where the image brings its own command."""
    found = cilium(workload("DaemonSet", "cilium", {"name": "any", **container})).agents
    assert runs_program(found, program) is does


def test_a_workload_that_is_not_there_runs_nothing() -> None:
    """And counts as nothing."""
    found = cilium().agents
    assert not runs_program(found, "cilium-agent")
    assert (found.replicas, found.ready, found.updated) == (0, 0, 0)


def test_agents_are_counted_as_a_daemonset_counts() -> None:
    """`updated` has another name there than in other workloads."""
    found = workload("DaemonSet", "cilium", desiredNumberScheduled=3, numberReady=2, updatedNumberScheduled=1)
    agents = cilium(found).agents
    assert (agents.replicas, agents.ready, agents.updated) == (3, 2, 1)


def test_other_networks_are_those_that_run() -> None:
    """In whatever namespace; a DaemonSet that is meant for no node is none."""
    found = cilium(
        workload("DaemonSet", "kindnet", desiredNumberScheduled=2),
        workload("DaemonSet", "kube-flannel-ds", namespace="kube-flannel", desiredNumberScheduled=2),
        workload("DaemonSet", "calico-node", desiredNumberScheduled=0),
        workload("DaemonSet", "cilium", desiredNumberScheduled=2),
        workload("DaemonSet", "node-exporter", desiredNumberScheduled=2),
    )
    assert sorted(each.name for each in found.other_networks) == ["kindnet", "kube-flannel-ds"]


def test_kube_proxies_are_known_by_what_they_run() -> None:
    """Not by their names; one that is gone, or going, is none."""
    spec = {"containers": [{"name": "kube-proxy", "command": ["/usr/local/bin/kube-proxy", "--config=x"]}]}
    running = {"phase": "Running"}
    going = made("Pod", "kube-proxy-2", spec=spec, status=running)
    going["metadata"]["deletionTimestamp"] = "2026-01-01T00:00:00Z"
    found = cilium(
        made("Pod", "renamed", spec=spec, status=running),
        made("Pod", "kube-proxy-1", spec=spec, status={"phase": "Succeeded"}),
        going,
        made("Pod", "kube-proxy-3", spec={"containers": [{"name": "c", "command": ["sleep"]}]}, status=running),
    )
    assert [pod.name for pod in found.kube_proxies] == ["renamed"]


def test_endpoints_are_those_of_all_namespaces() -> None:
    """A Pod has the same name elsewhere."""
    found = cilium(
        made("CiliumEndpoint", "web", "one", status={"state": "ready"}), made("CiliumEndpoint", "web", "two")
    )
    assert [(each.namespace, each.state) for each in found.endpoints] == [("one", "ready"), ("two", "")]


def test_the_taint_of_a_missing_agent_is_known() -> None:
    """Whatever its effect; others are not."""
    taints = [
        {"key": "node.cilium.io/agent-not-ready", "effect": "NoExecute"},
        {"key": "node.kubernetes.io/not-ready", "effect": "NoSchedule"},
    ]
    node = Node(Recorded(made("Node", "one", None, spec={"taints": taints})), None, "one")
    assert [str(taint) for taint in agent_not_ready(node.taints)] == ["node.cilium.io/agent-not-ready:NoExecute"]


def test_what_is_installed_meanwhile_is_seen(server: ApiServer, api: Api) -> None:
    """A kind that the cluster did not know has no list to follow: it is asked for anew when anything changes."""
    server.put("CiliumNode", "one", None)
    server.fault(404, "ciliumnodes", message="the server could not find the requested resource")
    reading = Snapshot(api)
    found = Cilium(reading)
    assert found.nodes == []
    assert found.nodes == []
    assert reading.versions() == {}
    assert not reading.forget_unfollowed()
    assert [node.name for node in found.nodes] == ["one"]
