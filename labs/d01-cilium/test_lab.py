"""d01: a kind cluster whose only Pod network is Cilium, without kube-proxy."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from checks.carrying import assert_carries, assert_services_carried
from checks.cilium import (
    assert_agents,
    assert_alone,
    assert_joined,
    assert_managed,
    assert_operator,
    assert_replacement,
)
from labgrade.cluster.ownservice import OwnService
from labgrade.facts import Cluster
from labgrade.probe import Prober

if TYPE_CHECKING:
    from testinfra.host import Host


def test_agents(cluster: Cluster, inside: Callable[..., Host]) -> None:
    assert_agents(cluster, inside)


def test_operator(cluster: Cluster) -> None:
    assert_operator(cluster)


def test_alone(cluster: Cluster) -> None:
    assert_alone(cluster)


def test_joined(cluster: Cluster) -> None:
    assert_joined(cluster)


def test_managed(cluster: Cluster) -> None:
    assert_managed(cluster)


def test_traffic(cluster: Cluster, probe: Prober) -> None:
    assert_carries(cluster, probe)


def test_replacement(cluster: Cluster) -> None:
    assert_replacement(cluster)


def test_without_kube_proxy(cluster: Cluster, probe: Prober, own_service: OwnService) -> None:
    assert_services_carried(cluster, probe, own_service)
