"""Whether what the API server says of a cluster is newer than the last start of its nodes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from labgrade.engine import Engine
from labgrade.errors import HarnessError
from labgrade.patience import until
from labgrade.run import output

SHORT_SECONDS = 60.0
TO_SECONDS = len("2026-01-01T00:00:00")
"""Times are compared as text: Docker's have fractions of a second, Kubernetes' have none."""

SYSTEM = "k8s-app in (cilium,hubble-relay,kindnet,kube-dns,kube-proxy)"
"""The Pods that make the network work; a student's own, in the same namespace, may be as they like."""

STATUSES = "{range .status.containerStatuses[*]} {.ready}={.state.running.startedAt}{end}"
PODS = "{range .items[*]}{.metadata.name} {.spec.nodeName}" + STATUSES + '{"\\n"}{end}'


def wait(nodes: Sequence[str], found: Engine, environment: Mapping[str, str], *, seconds: float) -> None:
    """Until the system's Pods on `nodes` run since these were started; HarnessError when that takes too long.

    Once a node is up again, its Pods are Ready in the API as they were when it was stopped, until kubelet has looked,
    and a rollout is complete until its controller has.
    """
    command = ["docker", "inspect", "--format", "{{.Name}} {{.State.StartedAt}}", *nodes]
    started = dict(
        line.lstrip("/").split() for line in output(command, found.environment, seconds=SHORT_SECONDS).splitlines()
    )
    if not until(lambda: not _waiting(started, environment), seconds=seconds, every=1.0):
        names = _waiting(started, environment)
        raise HarnessError(f"after the start of the nodes, {', '.join(names)} did not run within {seconds:.0f} s")


def _waiting(started: Mapping[str, str], environment: Mapping[str, str]) -> list[str]:
    """The Pods of the system that do not run, or of which nothing was heard, since their node was started."""
    command = ["kubectl", "get", "pods", "--namespace=kube-system", f"--selector={SYSTEM}", "-o", f"jsonpath={PODS}"]
    try:
        listed = output(command, environment, seconds=SHORT_SECONDS)
    except HarnessError:
        return ["the API server"]
    rows = [line.split() for line in listed.splitlines()]
    return [row[0] for row in rows if not row[2:] or not all(_runs(each, started.get(row[1], "")) for each in row[2:])]


def _runs(status: str, since: str) -> bool:
    ready, _, began = status.partition("=")
    return ready == "true" and began[:TO_SECONDS] >= since[:TO_SECONDS]
