"""Lab b01: a Deployment that heals, moves forward and back, and lets one Pod go into quarantine."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from checks.healing import assert_replaced
from checks.pods import assert_shared_network
from checks.quarantine import assert_isolated, assert_quarantined, released
from checks.rollouts import assert_rolled_back, assert_updated
from checks.services import assert_served
from checks.workloads import assert_owned, assert_rolled_out, workload_pods
from labgrade.cluster.disturb import Disturb
from labgrade.facts import Cluster
from labgrade.probe import Prober

if TYPE_CHECKING:
    from testinfra.host import Host

FIRST, NEWER, BUSYBOX = "nginx:1.22", "nginx:1.26", "busybox:1.36"
LABELS = {"app": "web"}


def test_rolled_out(cluster: Cluster) -> None:
    assert_rolled_out(cluster, cluster.deployment("web"), replicas=3)


def test_owned(cluster: Cluster) -> None:
    assert_owned(cluster, cluster.deployment("web"), labels=LABELS)


def test_served(cluster: Cluster, probe: Prober) -> None:
    assert_served(cluster.service("web"), workload_pods(cluster, cluster.deployment("web"), LABELS), probe, port=80)


def test_updated(cluster: Cluster) -> None:
    assert_updated(cluster.deployment("web"), image=NEWER)


def test_rolled_back(cluster: Cluster) -> None:
    assert_rolled_back(cluster.deployment("web"), image=FIRST)


def test_quarantined(cluster: Cluster) -> None:
    assert_quarantined(cluster, cluster.deployment("web"))


def test_isolated(cluster: Cluster, probe: Prober) -> None:
    assert_isolated(cluster.service("web"), released(cluster, cluster.deployment("web")), probe)


def test_shared_network(cluster: Cluster, probe: Prober, inside: Callable[..., Host]) -> None:
    assert_shared_network(cluster.pod("duo"), inside, probe, server=NEWER, client=BUSYBOX)


def test_self_healing(cluster: Cluster, disturb: Disturb) -> None:
    assert_replaced(cluster, workload_pods(cluster, cluster.deployment("web"), LABELS), disturb)
