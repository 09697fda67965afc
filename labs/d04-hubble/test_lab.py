"""d04: what happens on the network, told by Hubble."""

from __future__ import annotations

from checks.hubble import (
    assert_dropped,
    assert_enabled,
    assert_forwarded,
    assert_reachable,
    assert_relay,
    assert_ui,
    assert_ui_answers,
)
from labgrade.facts import Cluster
from labgrade.probe import Prober
from labgrade.probe.flows import Hubble


def test_relay_available(cluster: Cluster) -> None:
    assert_relay(cluster)


def test_ui_available(cluster: Cluster) -> None:
    assert_ui(cluster)


def test_enabled(cluster: Cluster) -> None:
    assert_enabled(cluster)


def test_services(cluster: Cluster) -> None:
    assert_reachable(cluster)


def test_forwarded(cluster: Cluster, probe: Prober, hubble: Hubble) -> None:
    assert_forwarded(cluster, probe, hubble)


def test_dropped(cluster: Cluster, probe: Prober, hubble: Hubble) -> None:
    assert_dropped(cluster, probe, hubble)


def test_ui_answers(cluster: Cluster, probe: Prober) -> None:
    assert_ui_answers(cluster, probe)
