"""a01: a cluster of several nodes, made with kind."""

from __future__ import annotations

from checks.nodes import (
    assert_nodes,
    assert_ranges,
    assert_ready,
    assert_reserved,
    assert_zones,
    control_planes,
    workers,
)
from checks.placement import assert_pods_meet, assert_welcoming
from labgrade.facts import Cluster
from labgrade.probe import Prober

ZONE = "topology.kubernetes.io/zone"


def test_nodes(cluster: Cluster) -> None:
    assert_nodes(cluster, least_workers=2)


def test_ready(cluster: Cluster) -> None:
    assert_ready(cluster.nodes())


def test_reserved(cluster: Cluster) -> None:
    assert_reserved(control_planes(cluster))


def test_ranges(cluster: Cluster) -> None:
    assert_ranges(cluster, pods="10.100.0.0/16", services="10.200.0.0/16")


def test_zones(cluster: Cluster) -> None:
    assert_zones(workers(cluster), label=ZONE, zones=("zone-a", "zone-b"))


def test_across(cluster: Cluster, probe: Prober) -> None:
    assert_pods_meet(workers(cluster), probe)


def test_welcoming(cluster: Cluster, probe: Prober) -> None:
    assert_welcoming(workers(cluster), probe)
