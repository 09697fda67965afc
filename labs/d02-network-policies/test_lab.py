"""Lab d02: a namespace closed in both directions, and one way opened through it."""

from __future__ import annotations

from checks.policies import assert_denies_all, assert_lets_in_only
from checks.segments import (
    Segment,
    assert_egress_closed,
    assert_ingress_closed,
    assert_others_closed,
    assert_port_closed,
    assert_resolves,
    assert_way_open,
)
from labgrade.facts import Cluster
from labgrade.probe import Prober

FRONTEND, BACKEND = {"app": "frontend"}, {"app": "backend"}
SEGMENT = Segment(FRONTEND, BACKEND, port=8080, other_port=9090, service="backend")


def test_denied(cluster: Cluster) -> None:
    assert_denies_all(cluster)


def test_ingress_closed(cluster: Cluster, probe: Prober) -> None:
    assert_ingress_closed(cluster, probe, SEGMENT)


def test_egress_closed(cluster: Cluster, probe: Prober) -> None:
    assert_egress_closed(cluster, probe, SEGMENT)


def test_lets_in(cluster: Cluster) -> None:
    assert_lets_in_only(cluster, to=BACKEND, source=FRONTEND, port=8080)


def test_reaches(cluster: Cluster, probe: Prober) -> None:
    assert_way_open(cluster, probe, SEGMENT)


def test_port_scope(cluster: Cluster, probe: Prober) -> None:
    assert_port_closed(cluster, probe, SEGMENT)


def test_label_scope(cluster: Cluster, probe: Prober) -> None:
    assert_others_closed(cluster, probe, SEGMENT)


def test_resolves(cluster: Cluster, probe: Prober) -> None:
    assert_resolves(cluster, probe, SEGMENT)
