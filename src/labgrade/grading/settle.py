"""Is the cluster still on its way? Pure rules over a reading; the words of the answer go into the log."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta

from labgrade.facts import Cluster, DaemonSet, Pod, Workload
from labgrade.facts.binding import unbound
from labgrade.facts.reading import instant
from labgrade.grading.hopeless import hopeless, runs_again
from labgrade.model import Json
from labgrade.why.workloads import refused

TERMINATING_GRACE = timedelta(seconds=10)
"""A Pod this long past its grace period is stuck (a finalizer, a lost node), not on its way."""

UNTRIED = timedelta(seconds=3)
"""A container that ends at once is ready, as far as its kubelet knows, for a second or two after each start."""

JOINING = timedelta(seconds=60)
"""A node this young may still become Ready: its Pod network is on its way."""


def on_its_way(cluster: Cluster, now: datetime, *, nodes: bool = False, starting: float = 0.0) -> list[str]:
    """What is going to change by itself, one entry each; empty where nothing is.

    Nothing on its way plus a quiet moment is what "settled" means. `now` is the server's time. `nodes` counts those
    that join, too: only labs about the cluster itself wait for them, since a node's status never rests for long.
    `starting`: the seconds that a container gets at least to become ready, from its start.
    """
    binding = _claims_being_bound(cluster, now)
    return [
        *(_nodes(cluster, now) if nodes else ()),
        *_workloads(cluster),
        *_pods(cluster, now, binding, starting),
        *(f"persistentvolumeclaim/{name}: being bound" for name in sorted(binding)),
    ]


def untried(cluster: Cluster, now: datetime) -> list[str]:
    """Pods that are ready by the mere fact that they have just started: nothing tells yet whether they keep running."""
    return [
        f"{pod}: has just started"
        for pod in cluster.pods()
        if pod.ready and any(_just_started(pod, status, now) for status in pod.container_statuses)
    ]


def _just_started(pod: Pod, status: Json, now: datetime) -> bool:
    running = (status.get("state") or {}).get("running") or {}
    if "startedAt" not in running or "readinessProbe" in pod.spec_of(status["name"]):
        return False
    return now < instant(running["startedAt"]) + UNTRIED


def _nodes(cluster: Cluster, now: datetime) -> Iterator[str]:
    """Nodes that join, and the system's Pods that start on them."""
    for node in cluster.nodes():
        young = node.created is not None and now < node.created + JOINING
        if young and (not node.ready or node.not_ready_taints):
            yield f"{node}: joining"
    yield from _pods(Cluster(cluster.reading, "kube-system"), now, set())


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
        elif _miscounted(workload):
            yield f"{workload}: its controller has not counted its Pods yet"
        elif workload.spec.get("minReadySeconds") and workload.ready > int(workload.status.get("availableReplicas", 0)):
            yield f"{workload}: Pods not ready for long enough yet"


def _pods_to_come(workload: Workload) -> bool:
    """Whether its controller is about to create or remove Pods. A rollout as such is told by its ReplicaSets."""
    if isinstance(workload, DaemonSet):
        return int(workload.status.get("currentNumberScheduled", 0)) < workload.replicas and not refused(workload)
    if workload.kind == "Deployment" or workload.condition("ReplicaFailure").get("status") == "True":
        return False
    there = int(workload.status.get("replicas", 0))
    if workload.kind == "StatefulSet" and there < workload.replicas:
        return _next_ordinal_may_start(workload) and not refused(workload)
    return there != workload.replicas


def _miscounted(workload: Workload) -> bool:
    """Whether its controller says more Pods than there are: it is busy, or away, as after the API server's restart."""
    if workload.kind not in {"ReplicaSet", "StatefulSet"}:
        return False
    there = workload.pods if workload.kind == "ReplicaSet" else workload.owned(Pod)
    return int(workload.status.get("replicas", 0)) > len(there)


def _next_ordinal_may_start(workload: Workload) -> bool:
    """A StatefulSet in order waits for its last Pod: whether that one gets ready is told of the Pod itself."""
    if workload.spec.get("podManagementPolicy") == "Parallel":
        return True
    return all(pod.ready for pod in workload.pods)


def _pods(cluster: Cluster, now: datetime, binding: set[str], starting: float = 0.0) -> Iterator[str]:
    for pod in Pod.all(cluster.reading, cluster.namespace):
        if reason := _pod_moves(cluster, pod, now, binding, starting):
            yield f"{pod}: {reason}"


def _pod_moves(cluster: Cluster, pod: Pod, now: datetime, binding: set[str], starting: float) -> str:
    if pod.terminating:
        return "terminating" if now < _gone_by(pod) else ""
    if pod.phase in {"Succeeded", "Failed"} or pod.ready:
        return ""
    scheduled = pod.condition("PodScheduled")
    if scheduled.get("status") != "True":
        # No node is going to join: once the scheduler has refused, only a claim that gets bound changes a Pod's lot.
        refused = scheduled.get("reason") == "Unschedulable"
        waits = not refused or binding & set(pod.claims.values()) or _just_bound(cluster, pod)
        return "being scheduled" if waits and not _waits_in_vain(cluster, pod, binding) else ""
    statuses = pod.container_statuses
    if not statuses:
        return "starting"
    moving = [reason for status in statuses if (reason := _container_moves(pod, status, now, starting))]
    return "" if not moving or hopeless(cluster, pod, now) else moving[0]


def _waits_in_vain(cluster: Cluster, pod: Pod, binding: set[str]) -> bool:
    """Whether a claim of its will not be bound: for some of these the scheduler waits minutes before it says so."""
    return any(cluster.claim(name).phase == "Pending" for name in set(pod.claims.values()) - binding)


def _just_bound(cluster: Cluster, pod: Pod) -> bool:
    """Whether what the scheduler refused it for is over already: it looks again within seconds."""
    blamed = "unbound" in pod.condition("PodScheduled").get("message", "")
    return blamed and all(cluster.claim(name).bound for name in pod.claims.values())


def _gone_by(pod: Pod) -> datetime:
    """The API server sets deletionTimestamp to when the grace period will be over."""
    return instant(pod.metadata["deletionTimestamp"]) + TERMINATING_GRACE


def _container_moves(pod: Pod, status: Json, now: datetime, starting: float) -> str:
    state = status.get("state") or {}
    if "waiting" in state:
        return str(state["waiting"].get("reason", "waiting"))
    if "running" in state and not status.get("ready"):
        started = instant(state["running"]["startedAt"])
        allowed = max(starting, _probe_seconds(pod.containers.get(status["name"], {})))
        return "inside its probe delays" if now < started + timedelta(seconds=allowed) else ""
    return "ended, and about to run again" if runs_again(pod, status) else ""


def _probe_seconds(container: Json) -> float:
    """How long after its start a container may take to become ready before its probe has truly failed."""
    return 2 + sum(
        probe.get("initialDelaySeconds", 0)
        + probe.get("periodSeconds", 10) * probe.get("failureThreshold", 3)
        + probe.get("timeoutSeconds", 1)
        for name in ("startupProbe", "readinessProbe")
        if (probe := container.get(name))
    )


def _claims_being_bound(cluster: Cluster, now: datetime) -> set[str]:
    """Names of the claims that may still get a volume."""
    why = {claim.name: unbound(cluster, claim) for claim in cluster.claims()}
    return {name for name, found in why.items() if found and now < found.until}
