"""Is the cluster still on its way? Pure rules over a reading; the words of the answer go into the log."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta

from labgrade.facts import Cluster, DaemonSet, Pod, Workload
from labgrade.facts.pods import PULL_REASONS
from labgrade.model import Json

TERMINATING_GRACE = timedelta(seconds=10)
"""A Pod this long past its grace period is stuck (a finalizer, a lost node), not on its way."""

HOPELESS_CRASHES = 3
"""From the third crash on, the kubelet waits 40 seconds and more before it tries again."""

HOPELESS_PULL = timedelta(seconds=45)
"""A pull that has failed for this long is retried once in minutes."""

UNKNOWN_IMAGE = ("not found", "notfound", "manifest unknown", "denied", "does not exist", "unauthorized")
"""What registries say of an image that they do not have, as opposed to one that they could not serve."""


def on_its_way(cluster: Cluster, now: datetime) -> list[str]:
    """What is going to change by itself, one entry each; empty where nothing is.

    Nothing on its way plus a quiet moment is what "settled" means. `now` is the server's time.
    """
    binding = _claims_being_bound(cluster)
    return [
        *_workloads(cluster),
        *_pods(cluster, now, binding),
        *(f"persistentvolumeclaim/{name}: being bound" for name in sorted(binding)),
    ]


def _workloads(cluster: Cluster) -> Iterator[str]:
    workloads: list[Workload] = [
        *cluster.deployments(),
        *cluster.replicasets(),
        *cluster.statefulsets(),
        *cluster.daemonsets(),
    ]
    for workload in workloads:
        if workload.observed < workload.generation:
            yield f"{workload}: its controller has not seen generation {workload.generation} yet"
        elif _pods_to_come(workload):
            yield f"{workload}: Pods to come"
        elif workload.spec.get("minReadySeconds") and workload.ready > int(workload.status.get("availableReplicas", 0)):
            yield f"{workload}: Pods not ready for long enough yet"


def _pods_to_come(workload: Workload) -> bool:
    """Whether its controller is about to create or remove Pods. A rollout as such is told by its ReplicaSets."""
    if isinstance(workload, DaemonSet):
        return int(workload.status.get("currentNumberScheduled", 0)) < workload.replicas
    if workload.kind == "Deployment" or workload.condition("ReplicaFailure").get("status") == "True":
        return False
    there = int(workload.status.get("replicas", 0))
    if workload.kind == "StatefulSet" and there < workload.replicas:
        return _next_ordinal_may_start(workload)
    return there != workload.replicas


def _next_ordinal_may_start(workload: Workload) -> bool:
    """A StatefulSet in order waits for its last Pod: whether that one gets ready is told of the Pod itself."""
    if workload.spec.get("podManagementPolicy") == "Parallel":
        return True
    return all(pod.ready for pod in workload.pods)


def _pods(cluster: Cluster, now: datetime, binding: set[str]) -> Iterator[str]:
    for pod in Pod.all(cluster.reading, cluster.namespace):
        if reason := _pod_moves(cluster, pod, now, binding):
            yield f"{pod}: {reason}"


def _pod_moves(cluster: Cluster, pod: Pod, now: datetime, binding: set[str]) -> str:
    if pod.terminating:
        return "terminating" if now < _gone_by(pod) else ""
    if pod.phase in {"Succeeded", "Failed"} or pod.ready:
        return ""
    scheduled = pod.condition("PodScheduled")
    if scheduled.get("status") != "True":
        # No node is going to join: once the scheduler has refused, only a claim that gets bound changes a Pod's lot.
        refused = scheduled.get("reason") == "Unschedulable"
        waits = not refused or binding & set(pod.claims.values()) or _just_bound(cluster, pod)
        return "being scheduled" if waits else ""
    statuses = pod.container_statuses
    if not statuses:
        return "starting"
    moving = [reason for status in statuses if (reason := _container_moves(pod, status, now))]
    hopeless = any(_hopeless(pod, status, now) for status in statuses)
    return "" if hopeless or not moving else moving[0]


def _just_bound(cluster: Cluster, pod: Pod) -> bool:
    """Whether what the scheduler refused it for is over already: it looks again within seconds."""
    blamed = "unbound" in pod.condition("PodScheduled").get("message", "")
    return blamed and all(cluster.claim(name).bound for name in pod.claims.values())


def _gone_by(pod: Pod) -> datetime:
    """The API server sets deletionTimestamp to when the grace period will be over."""
    over = datetime.fromisoformat(pod.metadata["deletionTimestamp"].replace("Z", "+00:00"))
    return over + TERMINATING_GRACE


def _container_moves(pod: Pod, status: Json, now: datetime) -> str:
    state = status.get("state") or {}
    if "waiting" in state:
        return str(state["waiting"].get("reason", "waiting"))
    if "running" in state and not status.get("ready"):
        started = datetime.fromisoformat(state["running"]["startedAt"].replace("Z", "+00:00"))
        allowed = _probe_seconds(pod.containers.get(status["name"], {}))
        return "inside its probe delays" if now < started + timedelta(seconds=allowed) else ""
    return "ended, and about to run again" if _runs_again(pod, status) else ""


def _runs_again(pod: Pod, status: Json) -> bool:
    """Whether a container that has just ended will be started again; an init container that ended well is ready."""
    ended = (status.get("state") or {}).get("terminated")
    if not ended or status.get("ready"):
        return False
    policy = pod.spec.get("restartPolicy", "Always")
    return policy == "Always" or (policy == "OnFailure" and ended.get("exitCode") != 0)


def _probe_seconds(container: Json) -> float:
    """How long after its start a container may take to become ready before its probe has truly failed."""
    return 2 + sum(
        probe.get("initialDelaySeconds", 0)
        + probe.get("periodSeconds", 10) * probe.get("failureThreshold", 3)
        + probe.get("timeoutSeconds", 1)
        for name in ("startupProbe", "readinessProbe")
        if (probe := container.get(name))
    )


def _hopeless(pod: Pod, status: Json, now: datetime) -> bool:
    """Whether a container waits for something that will not come while we look."""
    waiting = (status.get("state") or {}).get("waiting") or {}
    reason, message = waiting.get("reason", ""), waiting.get("message", "").lower()
    if reason in {"InvalidImageName", "ErrImageNeverPull", "CreateContainerConfigError"}:
        return True
    if reason in PULL_REASONS:
        old = pod.created is not None and now > pod.created + HOPELESS_PULL
        return old or any(words in message for words in UNKNOWN_IMAGE)
    crashed = reason == "CrashLoopBackOff" or _runs_again(pod, status)
    return crashed and status.get("restartCount", 0) >= HOPELESS_CRASHES


def _claims_being_bound(cluster: Cluster) -> set[str]:
    """Names of the claims that a provisioner may bind: their class exists, and a consumer where it waits for one."""
    claims = [claim for claim in cluster.claims() if claim.phase == "Pending"]
    if not claims:
        return set()
    used = {name for pod in cluster.pods() for name in pod.claims.values()}
    classes = {found.name: found for found in cluster.storage_classes()}
    default = next((found for found in classes.values() if found.default), None)
    binding: set[str] = set()
    for claim in claims:
        wanted = default if claim.storage_class is None else classes.get(claim.storage_class)
        if wanted is not None and (claim.name in used or not wanted.waits_for_consumer):
            binding.add(claim.name)
    return binding
