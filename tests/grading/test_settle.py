"""Recorded states: what is on its way and worth waiting for, and what will not change by itself."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from labgrade.facts import Cluster, Recorded
from labgrade.grading.settle import on_its_way, untried
from labgrade.model import Json

NOW = datetime(2026, 1, 31, 12, 0, 0, tzinfo=UTC)
WEB = {"name": "nginx"}
DRIVER = "csi.example.org"
CLUSTERS_OWN = {"kind": "CSIDriver", "metadata": {"name": DRIVER}}


def ago(seconds: float) -> str:
    """A timestamp of so long before now, as the API writes it."""
    return f"{NOW - timedelta(seconds=seconds):%Y-%m-%dT%H:%M:%SZ}"


def on_its_way_of(*objects: Json) -> list[str]:
    """What is on its way in a namespace with these objects."""
    return on_its_way(Cluster(Recorded(CLUSTERS_OWN, *objects), "lab"), NOW)


def thing(kind: str, name: str = "web", *, metadata: Json | None = None, **parts: Any) -> Json:
    """An object with an identity."""
    return {"kind": kind, "metadata": {"name": name, "namespace": "lab", "uid": name} | (metadata or {}), **parts}


def workload(
    kind: str, *, asked: int = 3, there: int = 3, seen: int = 2, spec: Json | None = None, **more: Any
) -> Json:
    """A workload of generation 2."""
    status = {"observedGeneration": seen, "replicas": there} | more
    return thing(kind, metadata={"generation": 2}, spec={"replicas": asked} | (spec or {}), status=status)


def daemonset(*, asked: int, there: int, seen: int = 2) -> Json:
    """A DaemonSet of generation 2."""
    status = {"observedGeneration": seen, "desiredNumberScheduled": asked, "currentNumberScheduled": there}
    return thing("DaemonSet", metadata={"generation": 2}, status=status)


def pod(*states: Json, name: str = "web-0", **parts: Any) -> Json:
    """A Pod that has a node, one container status per state; it is not ready unless all containers are."""
    containers = parts.pop("containers", [WEB])
    metadata = {"creationTimestamp": ago(parts.pop("age", 5))} | parts.pop("metadata", {})
    statuses = [{"name": "nginx", "ready": False} | state for state in states]
    ready = bool(statuses) and all(status["ready"] for status in statuses)
    scheduled: Json = {"type": "PodScheduled", "status": "True"} | parts.pop("scheduled", {})
    status = {
        "phase": parts.pop("phase", "Pending"),
        "conditions": [scheduled, {"type": "Ready", "status": str(ready)}],
        "containerStatuses": statuses,
    } | parts.pop("status", {})
    spec = {"containers": containers} | parts.pop("spec", {})
    return thing("Pod", name, metadata=metadata, spec=spec, status=status, **parts)


def said(reason: str, message: str, *, count: int = 1, about: tuple[str, str] = ("Pod", "web-0")) -> Json:
    """An event about an object."""
    kind, name = about
    involved = {"kind": kind, "name": name, "uid": name}
    stamps: Json = {"count": count, "lastTimestamp": ago(1)}
    return thing("Event", f"{name}.{reason}", involvedObject=involved, reason=reason, message=message, **stamps)


def waiting(reason: str, message: str = "", *, restarts: int = 0) -> Json:
    """A container that waits."""
    return {"state": {"waiting": {"reason": reason, "message": message}}, "restartCount": restarts}


def running(since: float, *, ready: bool = False) -> Json:
    """A container that runs for so many seconds."""
    return {"state": {"running": {"startedAt": ago(since)}}, "ready": ready}


def ended(code: int, *, restarts: int = 0) -> Json:
    """A container that has just ended."""
    return {"state": {"terminated": {"exitCode": code}}, "restartCount": restarts}


def owned_by(kind: str) -> Json:
    """Metadata of what a controller owns."""
    return {"ownerReferences": [{"kind": kind, "name": "web", "uid": "web", "controller": True}]}


def claim(name: str = "data", *, of: str | None = "standard", phase: str = "Pending", age: float = 60) -> Json:
    """A claim."""
    metadata = {"creationTimestamp": ago(age)}
    return thing(
        "PersistentVolumeClaim", name, metadata=metadata, spec={"storageClassName": of}, status={"phase": phase}
    )


def storage_class(
    name: str = "standard", *, mode: str = "Immediate", default: bool = False, age: float = 90, by: str = DRIVER
) -> Json:
    """A class, of a driver that the cluster has unless told."""
    notes = {"storageclass.kubernetes.io/is-default-class": "true"} if default else {}
    metadata = {"name": name, "annotations": notes, "creationTimestamp": ago(age)}
    return {"kind": "StorageClass", "metadata": metadata, "provisioner": by, "volumeBindingMode": mode}


def volume(*, of: str = "standard", **spec: Any) -> Json:
    """A free volume made by hand."""
    asked = {"storageClassName": of, "accessModes": ["ReadWriteOnce"], "capacity": {"storage": "1Gi"}} | spec
    return {"kind": "PersistentVolume", "metadata": {"name": "pv"}, "spec": asked, "status": {"phase": "Available"}}


def refusal(message: str, *, by: str = DRIVER, age: float = 1) -> Json:
    """An event: a driver that will not make the volume for the claim."""
    return {
        "kind": "Event",
        "metadata": {"name": "data.1", "namespace": "lab"},
        "involvedObject": {"kind": "PersistentVolumeClaim", "name": "data"},
        "type": "Warning",
        "reason": "ProvisioningFailed",
        "message": message,
        "source": {"component": f"{by}_provisioner-1_2f"},
        "lastTimestamp": ago(age),
    }


def using(name: str = "data", **parts: Any) -> Json:
    """A Pod that uses a claim and has no node yet."""
    volumes = [{"name": "data", "persistentVolumeClaim": {"claimName": name}}]
    message = "0/3 nodes are available: pod has unbound immediate PersistentVolumeClaims."
    scheduled = {"status": "False", "reason": "Unschedulable", "message": message} | parts.pop("scheduled", {})
    return pod(spec={"volumes": volumes}, scheduled=scheduled, **parts)


READY = running(60, ready=True)
SLOW_START = {"readinessProbe": {"initialDelaySeconds": 20, "periodSeconds": 5, "failureThreshold": 2}}
ORDERED = owned_by("StatefulSet")

SERVING = pod(READY, phase="Running", metadata=owned_by("ReplicaSet"))

UNRELATED = "failed to fetch PVC from API server: no relationship found between node 'worker' and this object"
"""What the API server tells a kubelet for an instant after it was given a Pod."""

MOVING = {
    "a Pod that waited long for its claim, and has just got a node": [
        pod(waiting("ContainerCreating"), age=15, scheduled={"lastTransitionTime": ago(2)}),
        said("FailedMount", f"Unable to attach or mount volumes: {UNRELATED}"),
    ],
    "a Pod that its replicaset has not missed yet": [workload("ReplicaSet", asked=1, there=1)],
    "a Pod that its statefulset has not missed yet": [workload("StatefulSet", asked=1, there=1)],
    "generation not observed": [workload("Deployment", seen=1)],
    "replicaset to grow": [workload("ReplicaSet", asked=3, there=1)],
    "replicaset to shrink": [workload("ReplicaSet", asked=0, there=1)],
    "statefulset to shrink": [workload("StatefulSet", asked=1, there=2)],
    "daemonset to spread": [daemonset(asked=3, there=2)],
    "daemonset not observed": [daemonset(asked=3, there=3, seen=1)],
    "statefulset in order, the last one ready": [
        workload("StatefulSet", asked=3, there=1),
        pod(READY, phase="Running", metadata=ORDERED),
    ],
    "statefulset all at once": [
        workload("StatefulSet", asked=3, there=1, spec={"podManagementPolicy": "Parallel"}),
        pod(waiting("CrashLoopBackOff", restarts=9), metadata=ORDERED),
    ],
    "ready, but not for long enough": [
        workload("ReplicaSet", spec={"minReadySeconds": 30}, readyReplicas=3, availableReplicas=1)
    ],
    "not scheduled yet": [pod(scheduled={"status": "False"})],
    "no statuses yet": [pod()],
    "pulling": [pod(waiting("ContainerCreating"))],
    "initialising": [
        pod(
            waiting("PodInitializing"),
            status={"initContainerStatuses": [running(60) | {"name": "prepare"}]},
        )
    ],
    "registry that hiccups": [pod(waiting("ErrImagePull", "dial tcp: i/o timeout"), age=20)],
    "initialised after some crashes, now starting": [
        pod(
            waiting("ContainerCreating"),
            status={"initContainerStatuses": [ended(0, restarts=5) | {"name": "prepare", "ready": True}]},
        )
    ],
    "configmap that came after its Pod": [
        pod(waiting("CreateContainerConfigError", 'configmap "web" not found')),
        thing("ConfigMap", data={}),
    ],
    "secret missing a moment ago": [pod(waiting("CreateContainerConfigError", 'secret "db" not found'), age=3)],
    "registry that was silent once": [
        pod(waiting("ImagePullBackOff", "dial tcp: i/o timeout"), containers=[WEB | {"image": "web:1"}], age=15),
        said("Failed", 'Failed to pull image "web:1": dial tcp: i/o timeout'),
    ],
    "first crashes": [pod(waiting("CrashLoopBackOff", restarts=2))],
    "crashed just now": [pod(ended(1))],
    "ended just now, to run again": [pod(ended(0))],
    "failed, to be tried again": [pod(ended(1), spec={"restartPolicy": "OnFailure"})],
    "inside its probe delays": [pod(running(25), phase="Running", containers=[WEB | SLOW_START])],
    "inside its startup probe": [
        pod(running(50), phase="Running", containers=[WEB | {"startupProbe": {"failureThreshold": 6}}])
    ],
    "terminating": [pod(READY, metadata={"deletionTimestamp": ago(-30)})],
    "claim being bound": [claim(), storage_class()],
    "claim of the default class": [claim(of=None), storage_class("any", default=True)],
    "claim that waited for its Pod": [claim(), storage_class(mode="WaitForFirstConsumer"), using()],
    "bound, the Pod to be scheduled": [claim(phase="Bound"), storage_class(), using()],
    "Pod held back while its claim is bound": [
        claim(),
        storage_class(mode="WaitForFirstConsumer"),
        using(scheduled={"status": "", "reason": ""}),
    ],
    "claim that a volume made by hand suits": [claim(of="by-hand"), volume(of="by-hand")],
    "claim that a volume without a class suits": [claim(of=""), volume(of="")],
    "claim of a class that leaves the choice to the scheduler": [
        claim(),
        storage_class(mode="WaitForFirstConsumer", by="kubernetes.io/no-provisioner"),
        volume(),
        {"kind": "Node", "metadata": {"name": "one"}},
        using(scheduled={"message": "1 node(s) didn't find available persistent volumes to bind"}),
    ],
    "claim of a driver that nobody knows, just now": [claim(age=2), storage_class(by="else.example.org")],
    "claim of a driver that nobody knows, its class just now": [claim(), storage_class(by="else.example.org", age=2)],
    "claim whose driver stumbled": [claim(), storage_class(), refusal("rpc error: code = DeadlineExceeded: timeout")],
    "claim refused under an older class": [claim(), storage_class(age=5), refusal("no node was specified", age=20)],
}

SETTLED = {
    "nothing at all": [],
    "all as asked": [workload("Deployment"), workload("ReplicaSet", asked=1, there=1), SERVING],
    "deployment without a replicaset's failure": [workload("Deployment", asked=3, there=0)],
    "quota": [
        workload("ReplicaSet", asked=3, there=1, conditions=[{"type": "ReplicaFailure", "status": "True"}]),
        SERVING,
    ],
    "daemonset everywhere": [daemonset(asked=3, there=3)],
    "statefulset in order, stuck at the first": [
        workload("StatefulSet", asked=3, there=1),
        pod(waiting("CrashLoopBackOff", restarts=5), metadata=ORDERED),
    ],
    "statefulset in order, the first never ready": [
        workload("StatefulSet", asked=3, there=1),
        pod(running(300), phase="Running", metadata=ORDERED),
    ],
    "ready for long enough": [
        workload("ReplicaSet", asked=1, there=1, spec={"minReadySeconds": 30}, readyReplicas=1, availableReplicas=1),
        SERVING,
    ],
    "no node fits": [pod(scheduled={"status": "False", "reason": "Unschedulable", "message": "3 Insufficient cpu"})],
    "image name that is none": [pod(waiting("InvalidImageName"))],
    "image that must be there already": [pod(waiting("ErrImageNeverPull"))],
    "image that nobody has": [
        pod(waiting("ImagePullBackOff", 'rpc error: code = NotFound desc = "docker.io/library/ngnix:1.26": not found'))
    ],
    "image that is private": [
        pod(waiting("ErrImagePull", "pull access denied, repository does not exist or may require authorization"))
    ],
    "registry that is down for good": [pod(waiting("ImagePullBackOff", "i/o timeout"), age=60)],
    "configmap missing": [pod(waiting("CreateContainerConfigError", 'configmap "web" not found'))],
    "secret missing": [pod(waiting("CreateContainerConfigError", 'secret "db" not found'), age=20)],
    "image that runs as root and must not": [pod(waiting("CreateContainerConfigError", "container has runAsNonRoot"))],
    "command that the image does not have": [
        pod(waiting("RunContainerError", 'exec: "nginxx": executable file not found in $PATH')),
    ],
    "command that has nothing more to do": [pod(ended(0, restarts=1))],
    "registry that was silent twice": [
        pod(waiting("ImagePullBackOff", "dial tcp: i/o timeout"), containers=[WEB | {"image": "web:1"}], age=15),
        said("Failed", 'Failed to pull image "web:1": dial tcp: i/o timeout', count=2),
    ],
    "volume that is not mounted for long": [
        pod(waiting("ContainerCreating"), age=15, scheduled={"lastTransitionTime": ago(14)}),
        said("FailedMount", f"Unable to attach or mount volumes: {UNRELATED}"),
    ],
    "volume of a configmap that is missing": [
        pod(waiting("ContainerCreating"), age=6),
        said("FailedMount", 'MountVolume.SetUp failed for volume "conf" : configmap "nginx" not found'),
    ],
    "statefulset that a quota refuses": [
        workload("StatefulSet", asked=2, there=0),
        said("FailedCreate", "pods is forbidden: exceeded quota: small", about=("StatefulSet", "web")),
    ],
    "keeps crashing": [pod(waiting("CrashLoopBackOff", restarts=3))],
    "crashed again just now": [pod(ended(1, restarts=3))],
    "initialising for ever": [
        pod(
            waiting("PodInitializing"),
            status={"initContainerStatuses": [waiting("CrashLoopBackOff", restarts=4) | {"name": "prepare"}]},
        )
    ],
    "initialised after some crashes, then never ready": [
        pod(
            running(40),
            phase="Running",
            status={"initContainerStatuses": [ended(0, restarts=5) | {"name": "prepare", "ready": True}]},
        )
    ],
    "one container hopeless, one on its way": [pod(waiting("InvalidImageName"), waiting("ContainerCreating"))],
    "ended and not to run again": [pod(ended(1), phase="Running", spec={"restartPolicy": "Never"})],
    "done, with one container still to end": [
        pod(ended(0), READY, phase="Running", spec={"restartPolicy": "OnFailure"})
    ],
    "completed": [pod(ended(0), phase="Succeeded")],
    "evicted": [pod(phase="Failed")],
    "readiness probe failed for good": [pod(running(40), phase="Running", containers=[WEB | SLOW_START])],
    "not ready, and no probe to wait for": [pod(running(10), phase="Running")],
    "stuck in terminating": [pod(READY, metadata={"deletionTimestamp": ago(11)})],
    "claim without a Pod": [claim(), storage_class(mode="WaitForFirstConsumer")],
    "claim of a class that is missing": [claim(of="fast"), storage_class()],
    "claim of no class": [claim(of=""), storage_class(default=True)],
    "claim without a default class": [claim(of=None), storage_class()],
    "claim of a driver that nobody knows": [claim(), storage_class(by="else.example.org")],
    "claim that its driver refuses": [claim(), storage_class(), refusal("no node was specified")],
    "Pod held back by a claim that its driver refuses": [
        claim(),
        storage_class(mode="WaitForFirstConsumer"),
        refusal("only supports ReadWriteOnce"),
        using(scheduled={"status": "", "reason": ""}),
    ],
    "claim that waits for a Pod without a node": [
        claim(),
        storage_class(mode="WaitForFirstConsumer"),
        using(scheduled={"message": "3 Insufficient memory"}),
    ],
    "claim of a Pod that has ended": [
        claim(),
        storage_class(mode="WaitForFirstConsumer"),
        using(phase="Succeeded", scheduled={"status": "True"}),
    ],
    "claim of a class without a provisioner": [claim(), storage_class(by="kubernetes.io/no-provisioner")],
    "claim that no volume made by hand is big enough for": [
        claim(of="by-hand") | {"spec": {"storageClassName": "by-hand", "resources": {"requests": {"storage": "2Gi"}}}},
        volume(of="by-hand"),
    ],
    "claim that no volume made by hand has the labels for": [
        claim(of="by-hand") | {"spec": {"storageClassName": "by-hand", "selector": {"matchLabels": {"wood": "oak"}}}},
        volume(of="by-hand"),
    ],
    "claim of another mode than the volume made by hand": [
        claim(of="by-hand"),
        volume(of="by-hand", volumeMode="Block"),
    ],
    "claim whose volume still belongs to an earlier one": [
        claim(of="by-hand"),
        volume(of="by-hand", claimRef={"namespace": "lab", "name": "data", "uid": "earlier"})
        | {"status": {"phase": "Released"}},
    ],
    "claim that asks for a volume that is not there": [
        claim() | {"spec": {"storageClassName": "standard", "volumeName": "pv"}},
        storage_class(),
    ],
    "claim that is being deleted": [
        claim() | {"metadata": {"name": "data", "namespace": "lab", "deletionTimestamp": ago(1)}},
        storage_class(),
    ],
    "Pod that wants a claim that is being deleted": [
        claim(phase="Bound") | {"metadata": {"name": "data", "namespace": "lab", "deletionTimestamp": ago(1)}},
        using(scheduled={"message": 'persistentvolumeclaim "data" is being deleted'}),
    ],
    "claim of a class that leaves the choice to the scheduler, on a node that is cordoned": [
        claim(),
        storage_class(mode="WaitForFirstConsumer", by="kubernetes.io/no-provisioner"),
        volume(),
        {"kind": "Node", "metadata": {"name": "one"}, "spec": {"unschedulable": True}},
        using(scheduled={"status": "", "reason": ""}),
    ],
    "Pod that cannot come to where its volume is": [
        claim(phase="Bound"),
        using(scheduled={"message": "0/3 nodes are available: 3 node(s) had volume node affinity conflict."}),
    ],
    "claim bound": [claim(phase="Bound"), storage_class()],
    "claim lost": [claim(phase="Lost"), storage_class()],
    "Pod whose claim cannot be bound": [claim(of="fast"), storage_class(), using()],
    "Pod whose claim is missing": [
        using(scheduled={"message": 'persistentvolumeclaim "data" not found'}),
    ],
}


@pytest.mark.parametrize("objects", MOVING.values(), ids=MOVING.keys())
def test_it_will_change_by_itself(objects: list[Json]) -> None:
    """Judging now would cost the student points for being fast."""
    assert on_its_way_of(*objects)


@pytest.mark.parametrize("objects", SETTLED.values(), ids=SETTLED.keys())
def test_it_will_stay_as_it_is(objects: list[Json]) -> None:
    """Waiting on would only cost everybody time."""
    assert on_its_way_of(*objects) == []


def test_the_words_name_object_and_reason() -> None:
    """The log says what a slow run waited for."""
    assert on_its_way_of(pod(waiting("ContainerCreating"))) == ["pod/web-0: ContainerCreating"]


def test_time_is_the_servers(monkeypatch: pytest.MonkeyPatch) -> None:
    """Probe delays end by the clock that wrote the start, whatever this machine's says."""
    monkeypatch.setenv("TZ", "Pacific/Kiritimati")
    young = pod(running(25), phase="Running", containers=[WEB | SLOW_START])
    assert on_its_way(Cluster(Recorded(young), "lab"), NOW)
    assert not on_its_way(Cluster(Recorded(young), "lab"), NOW + timedelta(hours=1))


def test_other_namespaces_are_nobodys_business() -> None:
    """A neighbour's rollout keeps nobody waiting."""
    neighbour = workload("ReplicaSet", asked=3, there=1)
    neighbour["metadata"]["namespace"] = "elsewhere"
    assert on_its_way_of(neighbour) == []


def node(*, ready: str = "True", age: float = 5, taint: str = "") -> Json:
    """A node."""
    spec = {"taints": [{"key": f"node.kubernetes.io/{taint}", "effect": "NoSchedule"}]} if taint else {}
    metadata = {"creationTimestamp": ago(age), "namespace": None}
    return thing(
        "Node", "one", metadata=metadata, spec=spec, status={"conditions": [{"type": "Ready", "status": ready}]}
    )


@pytest.mark.parametrize(
    ("found", "moving"),
    [
        (node(), False),
        (node(ready="False"), True),
        (node(ready="Unknown"), True),
        (node(taint="not-ready"), True),
        (node(taint="unschedulable"), False),
        (node(ready="False", age=120), False),
        (node(taint="not-ready", age=120), False),
    ],
)
def test_a_young_node_is_waited_for(found: Json, *, moving: bool) -> None:
    """A minute is enough for its Pod network; only where nodes are what a lab is about."""
    assert on_its_way(Cluster(Recorded(found), "lab"), NOW, nodes=True) == (["node/one: joining"] if moving else [])
    assert on_its_way_of(found) == []


def test_the_systems_pods_are_waited_for_with_the_nodes() -> None:
    """A fresh cluster's DNS starts once its nodes are Ready."""
    starting = pod({"state": {"waiting": {"reason": "ContainerCreating"}}}, metadata={"namespace": "kube-system"})
    assert on_its_way(Cluster(Recorded(node(), starting), "lab"), NOW, nodes=True) == ["pod/web-0: ContainerCreating"]
    assert on_its_way_of(node(), starting) == []


@pytest.mark.parametrize(("seconds", "probe", "pods"), [(1, {}, 1), (5, {}, 0), (1, SLOW_START, 0)])
def test_a_pod_without_a_readiness_probe_has_to_run_for_a_moment(seconds: float, probe: Json, pods: int) -> None:
    """One that ends at once counts as ready until its kubelet has noticed; a probe vouches for it at once."""
    young = pod(running(seconds, ready=True), phase="Running", containers=[WEB | probe])
    assert len(untried(Cluster(Recorded(young), "lab"), NOW)) == pods


@pytest.mark.parametrize(("age", "starting", "moving"), [(10, 0.0, False), (10, 45.0, True), (50, 45.0, False)])
def test_what_was_ready_before_gets_time_to_be_so_again(age: int, starting: float, *, moving: bool) -> None:
    """A database that comes back looks through its files first, whatever its probe allows."""
    probe = {"tcpSocket": {"port": 3306}, "periodSeconds": 1}
    database = pod(running(age), phase="Running", containers=[WEB | {"readinessProbe": probe}])
    found = on_its_way(Cluster(Recorded(database), "lab"), NOW, starting=starting)
    assert found == (["pod/web-0: inside its probe delays"] if moving else [])
