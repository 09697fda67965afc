"""Lab b02: one application behind Services of several types, and who reaches it through each of them."""

from __future__ import annotations

from checks.endpoints import assert_cluster_ip, assert_follows
from checks.exposure import assert_node_port, assert_on_every_node
from checks.names import assert_alias, assert_stands_for_pods
from checks.visits import assert_reached_by_name, assert_spread
from labgrade.cluster.disturb import Disturb
from labgrade.facts import Cluster
from labgrade.probe import Prober

LABELS = {"app": "my-app"}
SERVICE, NODE_PORT, HEADLESS, ALIAS = "my-app-service", "my-app-nodeport", "my-app-headless", "database"


def test_cluster_ip(cluster: Cluster) -> None:
    assert_cluster_ip(cluster, cluster.service(SERVICE), labels=LABELS)


def test_full_name(cluster: Cluster, probe: Prober) -> None:
    assert_reached_by_name(cluster.service(SERVICE), probe, port=80)


def test_spread(cluster: Cluster, probe: Prober) -> None:
    assert_spread(cluster.service(SERVICE), probe, port=80)


def test_node_port(cluster: Cluster) -> None:
    assert_node_port(cluster, cluster.service(NODE_PORT), port=80)


def test_every_node(cluster: Cluster, probe: Prober) -> None:
    assert_on_every_node(cluster, cluster.service(NODE_PORT), probe, labels=LABELS, port=80)


def test_alias(cluster: Cluster, probe: Prober) -> None:
    assert_alias(cluster, cluster.service(ALIAS), probe, host="db.example.com")


def test_headless(cluster: Cluster, probe: Prober) -> None:
    assert_stands_for_pods(cluster, cluster.service(HEADLESS), probe, labels=LABELS)


def test_follows(cluster: Cluster, disturb: Disturb) -> None:
    assert_follows(cluster, cluster.service(SERVICE), disturb, labels=LABELS)
