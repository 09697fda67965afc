"""Troubles of a cluster are told with the reason that the cluster gives, and what to type."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from labgrade.cluster import lease
from labgrade.diagnosis.finding import Finding
from labgrade.diagnosis.nodes import nodes, storage, system
from labgrade.diagnosis.patient import Patient
from labgrade.diagnosis.practice import containers, target
from labgrade.diagnosis.reaching import api, clock
from labgrade.diagnosis.trial import judged, leftovers, trial
from labgrade.probe import Answer, Verdict
from tests.support.apiserver import PEM, ApiServer

from .conftest import Ward
from .test_engines import only, said

READY = {"conditions": [{"type": "Ready", "status": "True"}]}
DEFAULT = {"storageclass.kubernetes.io/is-default-class": "true"}


def levels(found: Sequence[Finding]) -> list[str]:
    """How bad each is."""
    return [finding.level for finding in found]


def all_ready(server: ApiServer) -> None:
    """The three nodes are well."""
    for number in range(3):
        server.put("Node", f"lab-{number}", status=READY)


def condition(**words: str) -> dict[str, Any]:
    """A node's status with one condition."""
    return {"conditions": [words]}


def test_an_api_that_answers(patient: Patient) -> None:
    """Its version is told."""
    assert "Kubernetes 1.34" in api(patient)[0].words.en


def test_an_api_that_is_not_ready(patient: Patient, server: ApiServer) -> None:
    """The control plane's container is what is started again."""
    server.fault(500, "/readyz")
    finding = only(api(patient))
    assert "not ready" in finding.words.en
    assert "docker restart lab-control-plane" in finding.do


def test_an_api_that_is_gone(patient: Patient, server: ApiServer) -> None:
    """Nothing listens any more."""
    server.stop()
    finding = only(api(patient))
    assert finding.level == "trouble"
    assert "Nothing answers at" in finding.words.en


def test_an_api_that_breaks_off(patient: Patient, server: ApiServer) -> None:
    """As while it starts: plain words, and the library's only in the details."""
    server.fault("close", "/readyz")
    finding = only(api(patient))
    assert "breaks off" in finding.words.en
    assert finding.details


def test_another_cluster_at_the_address(ward: Ward) -> None:
    """Its certificate is signed by somebody else: a fresh kubeconfig is fetched."""
    with ApiServer(tls=True) as other, ward.patient() as found:
        found.access = replace(other.access, ca=(PEM / "stranger.pem").read_bytes())
        finding = only(api(found))
    assert "Another cluster answers" in finding.words.en
    assert "kind export kubeconfig --name lab" in finding.do


def test_a_kubeconfig_of_an_earlier_cluster(patient: Patient, server: ApiServer) -> None:
    """A fresh one is fetched from kind."""
    server.fault(401, "/readyz", message="Unauthorized")
    assert "kind export kubeconfig --name lab" in only(api(patient)).do


@pytest.mark.parametrize(("seconds", "words"), [(50, ""), (600, "10 minutes ahead of"), (-600, "10 minutes behind")])
def test_clocks(patient: Patient, server: ApiServer, seconds: int, words: str) -> None:
    """A minute is nothing; more is told with its direction."""
    server.ahead = timedelta(seconds=seconds)
    found = clock(patient)
    assert bool(found) == bool(words)
    assert not found or words in found[0].words.en


@pytest.mark.parametrize(
    ("status", "means"),
    [
        (
            condition(type="Ready", status="False", reason="KubeletNotReady", message="reason:NetworkPluginNotReady"),
            "no Pod network",
        ),
        (
            condition(type="Ready", status="Unknown", message="Kubelet stopped posting node status."),
            "kubelet is silent",
        ),
        ({}, "no Pod starts"),
    ],
)
def test_a_node_that_is_not_ready(patient: Patient, server: ApiServer, status: dict[str, Any], means: str) -> None:
    """Why, in the node's own words and in plain ones."""
    all_ready(server)
    server.put("Node", "lab-1", status=status)
    finding = only(nodes(patient))
    assert finding.level == "trouble"
    assert "node/lab-1 is not Ready" in finding.words.en
    assert means in finding.means.en


def test_nodes_under_pressure_or_cordoned(patient: Patient, server: ApiServer) -> None:
    """Both keep Pods away; only the one is a trouble."""
    all_ready(server)
    pressed = [*READY["conditions"], {"type": "DiskPressure", "status": "True", "message": "full"}]
    server.put("Node", "lab-0", status={"conditions": pressed})
    server.put("Node", "lab-1", spec={"providerID": "kind://docker/lab/lab-1", "unschedulable": True})
    found = nodes(patient)
    assert levels(found) == ["trouble", "warning"]
    assert "kubectl uncordon lab-1" in found[1].do


def test_a_cluster_that_kind_did_not_make(patient: Patient, server: ApiServer) -> None:
    """No other is touched, so the doctor looks no further."""
    server.put("Node", "lab-2", spec={"providerID": "aws:///eu/i-1"})
    finding = only(nodes(patient))
    assert finding.level == "trouble"
    assert "does not lead to a kind cluster" in finding.words.en


def test_dns_that_was_scaled_away(patient: Patient, server: ApiServer) -> None:
    """The command that brings it back is the one for that."""
    server.put("Deployment", "coredns", "kube-system", spec={"replicas": 0})
    assert "--replicas=2" in said(only(system(patient)))


def test_dns_that_is_not_ready(patient: Patient, server: ApiServer) -> None:
    """Restarting it is tried first."""
    server.put("Deployment", "coredns", "kube-system", spec={"replicas": 2})
    assert "rollout restart deployment/coredns" in said(only(system(patient)))


def test_system_pods(patient: Patient, server: ApiServer) -> None:
    """With DNS at work, another Pod that is not ready is worth a warning; a proxy that is missing is more."""
    server.put("Deployment", "coredns", "kube-system", spec={"replicas": 2}, status={"readyReplicas": 2})
    assert levels(system(patient)) == ["fine"]
    server.put("Pod", "agent", "kube-system", status={"phase": "Pending"})
    patient.cluster.reading.forget()  # pyright: ignore[reportAttributeAccessIssue] - it is a Snapshot
    assert levels(system(patient)) == ["warning"]
    server.put("DaemonSet", "kube-proxy", "kube-system", status={"desiredNumberScheduled": 3, "numberReady": 2})
    patient.cluster.reading.forget()  # pyright: ignore[reportAttributeAccessIssue] - likewise
    assert "2 of 3 nodes" in only(system(patient)).words.en


@pytest.mark.parametrize(
    ("classes", "level", "remedy"),
    [
        ({"standard": DEFAULT}, "fine", ""),
        ({"standard": {}}, "trouble", "patch storageclass standard"),
        ({}, "trouble", "labgrade up"),
        ({"standard": DEFAULT, "fast": DEFAULT}, "warning", "patch storageclass fast"),
    ],
)
def test_the_default_class(
    patient: Patient, server: ApiServer, classes: dict[str, dict[str, str]], level: str, remedy: str
) -> None:
    """One and only one; the patch is valid JSON."""
    for name, given in classes.items():
        server.put("StorageClass", name, metadata={"annotations": given})
    finding = only(storage(patient))
    assert finding.level == level
    assert remedy in said(finding)
    if "patch" in remedy:
        assert json.loads(said(finding).partition(" -p ")[2].strip("'"))["metadata"]["annotations"]


def test_a_pod_that_finds_its_way(patient: Patient, server: ApiServer) -> None:
    """It is tried for real, and nothing of ours is left."""

    def answers(_: str, command: list[str]) -> tuple[int, str, str]:
        lines = [{"index": n, "verdict": "connected", "seconds": 0.01} for n in range(2)]
        return 0, "\n".join([*map(json.dumps, lines), f"{command[-2]} {len(lines)}"]), ""

    server.exec = answers
    assert only(trial(patient)).level == "fine"
    assert server.count("/pods", "POST") == 1
    patient.undo.close()
    assert server.find("Lease", lease.NAME, "kube-system") is None
    assert server.count("/namespaces/labgrade-", "DELETE") >= 1


@pytest.mark.parametrize(
    ("name", "way", "remedy"), [("dropped", "unresolved", "coredns"), ("connected", "dropped", "kube-proxy")]
)
def test_a_pod_that_does_not(name: Verdict, way: Verdict, remedy: str) -> None:
    """Names come before Services."""
    finding = judged(Answer("dns", "pod/a", name, 0.1), Answer("tcp", "pod/a", way, 0.1))
    assert finding.level == "trouble"
    assert remedy in said(finding)


def test_no_pod_is_tried_while_another_grades(patient: Patient, server: ApiServer) -> None:
    """The Lease keeps the doctor away, too, and that is no trouble."""
    _hold(server)
    assert only(trial(patient)).level == "remark"
    assert server.count("/pods", "POST") == 0
    assert server.find("Lease", lease.NAME, "kube-system")


def test_leftovers_of_a_killed_run(patient: Patient, server: ApiServer) -> None:
    """Restores that are open, and namespaces of ours; not anybody's who copied the label, nor of who is at work."""
    mark = {"labels": {"app.kubernetes.io/managed-by": "labgrade"}}
    server.put("ConfigMap", "labgrade-journal-b01", "kube-system", metadata=mark, data={"0001-x": "{}"})
    server.put("Namespace", "labgrade-0123abcd", metadata=mark)
    server.put("Namespace", "mine", metadata=mark)
    found = leftovers(patient)
    assert levels(found) == ["warning", "remark"]
    assert "namespace b01" in found[0].words.en
    assert found[1].words.en.endswith("labgrade-0123abcd")
    _hold(server)
    assert leftovers(patient) == []


def _hold(server: ApiServer) -> None:
    stamp = f"{server.now():%Y-%m-%dT%H:%M:%S.%fZ}"
    spec = {"holderIdentity": "abcd1234 a@b pid 1", "leaseDurationSeconds": 20, "renewTime": stamp}
    server.put("Lease", lease.NAME, "kube-system", spec=spec)


def rows(**states: str) -> str:
    """A docker that lists these containers of the cluster `lab`."""
    lines = [f"printf '{node.replace('_', '-')}\\t{state}\\tlab\\n'" for node, state in states.items()]
    return "\n".join(['[ "$1" = info ] && echo \'{"MemTotal": 1}\' && exit', *lines, "exit 0"])


@pytest.mark.parametrize(
    ("states", "level", "remedy"),
    [
        ({"lab_0": "running", "lab_1": "running"}, "fine", ""),
        ({"lab_0": "running", "lab_1": "exited"}, "trouble", "docker start lab-1"),
        ({"lab_0": "paused"}, "trouble", "docker unpause lab-0"),
        ({}, "trouble", "labgrade up --name lab"),
    ],
)
def test_the_nodes_containers(ward: Ward, patient: Patient, states: dict[str, str], level: str, remedy: str) -> None:
    """Stopped, paused or gone: each has its own command."""
    ward.program("docker", rows(**states))
    finding = only(containers(patient))
    assert finding.level == level
    assert remedy in said(finding)


@pytest.fixture
def homeless(ward: Ward, monkeypatch: pytest.MonkeyPatch) -> Patient:
    """A person without any cluster."""
    monkeypatch.setenv("HOME", str(ward.folder))
    monkeypatch.setenv("XDG_STATE_HOME", str(ward.folder / "state"))
    monkeypatch.delenv("KUBECONFIG", raising=False)
    return ward.patient()


def test_no_cluster_yet(homeless: Patient) -> None:
    """That is no trouble, but there is nothing to look at."""
    finding = only(target(homeless))
    assert finding.level == "absent"
    assert finding.do == ("labgrade up",)


def test_a_refused_kubeconfig(homeless: Patient) -> None:
    """The reason is the reader's own."""
    homeless.kubeconfig = str(Path(__file__).parents[1] / "hostile" / "exec.yaml")
    finding = only(target(homeless))
    assert finding.level == "trouble"
    assert "has exec" in finding.words.en


def test_kubectl_that_looks_elsewhere(homeless: Patient, ward: Ward, server: ApiServer) -> None:
    """Work that is applied to another cluster is not graded; the command turns kubectl round."""
    homeless.access = server.access
    ward.file(".kube/config", json.dumps({"contexts": [{"name": "prod"}], "current-context": "prod"}))
    found = target(homeless)
    assert levels(found) == ["fine", "warning"]
    assert "kubectl config use-context kind-lab" in found[1].do
