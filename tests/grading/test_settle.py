"""Recorded states: what is on its way and worth waiting for, and what will not change by itself."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from labgrade.facts import Cluster, Recorded
from labgrade.grading.settle import on_its_way
from labgrade.model import Json

NOW = datetime(2026, 1, 31, 12, 0, 0, tzinfo=UTC)
WEB = {"name": "nginx"}


def ago(seconds: float) -> str:
    """A timestamp of so long before now, as the API writes it."""
    return f"{NOW - timedelta(seconds=seconds):%Y-%m-%dT%H:%M:%SZ}"


def on_its_way_of(*objects: Json) -> list[str]:
    """What is on its way in a namespace with these objects."""
    return on_its_way(Cluster(Recorded(*objects), "lab"), NOW)


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


def claim(name: str = "data", *, of: str | None = "standard", phase: str = "Pending") -> Json:
    """A claim."""
    return thing("PersistentVolumeClaim", name, spec={"storageClassName": of}, status={"phase": phase})


def storage_class(name: str = "standard", *, mode: str = "Immediate", default: bool = False) -> Json:
    """A class."""
    notes = {"storageclass.kubernetes.io/is-default-class": "true"} if default else {}
    metadata = {"name": name, "annotations": notes}
    return {"kind": "StorageClass", "metadata": metadata, "volumeBindingMode": mode}


def using(name: str = "data", **parts: Any) -> Json:
    """A Pod that uses a claim and has no node yet."""
    volumes = [{"name": "data", "persistentVolumeClaim": {"claimName": name}}]
    message = "0/3 nodes are available: pod has unbound immediate PersistentVolumeClaims."
    scheduled = {"status": "False", "reason": "Unschedulable", "message": message} | parts.pop("scheduled", {})
    return pod(spec={"volumes": volumes}, scheduled=scheduled, **parts)


READY = running(60, ready=True)
SLOW_START = {"readinessProbe": {"initialDelaySeconds": 20, "periodSeconds": 5, "failureThreshold": 2}}
ORDERED = owned_by("StatefulSet")

MOVING = {
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
}

SETTLED = {
    "nothing at all": [],
    "all as asked": [workload("Deployment"), workload("ReplicaSet"), pod(READY, phase="Running")],
    "deployment without a replicaset's failure": [workload("Deployment", asked=3, there=0)],
    "quota": [
        workload("ReplicaSet", asked=3, there=1, conditions=[{"type": "ReplicaFailure", "status": "True"}]),
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
        workload("ReplicaSet", spec={"minReadySeconds": 30}, readyReplicas=3, availableReplicas=3)
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
