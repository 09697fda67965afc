"""Twelve state checks."""

from labgrade.facts import Cluster


def test_deployment_available(cluster: Cluster) -> None:
    assert cluster.deployment("web").available == cluster.deployment("web").replicas > 0


def test_deployment_observed(cluster: Cluster) -> None:
    assert cluster.deployment("web").observed == cluster.deployment("web").generation


def test_replicasets_there(cluster: Cluster) -> None:
    assert cluster.replicasets()


def test_pods_ready(cluster: Cluster) -> None:
    assert cluster.pods()
    assert all(pod.ready for pod in cluster.pods())


def test_pods_addressed(cluster: Cluster) -> None:
    assert all(pod.ip for pod in cluster.pods())


def test_service_there(cluster: Cluster) -> None:
    assert cluster.service("web").cluster_ip


def test_service_selects(cluster: Cluster) -> None:
    assert cluster.service("web").selector


def test_endpoints_there(cluster: Cluster) -> None:
    assert cluster.service("web").endpoints


def test_nodes_ready(cluster: Cluster) -> None:
    assert all(node.ready for node in cluster.nodes())


def test_claims_none_lost(cluster: Cluster) -> None:
    assert all(c.phase != "Lost" for c in cluster.claims())


def test_statefulsets_settled(cluster: Cluster) -> None:
    assert all(s.ready == s.replicas for s in cluster.statefulsets())


def test_default_class(cluster: Cluster) -> None:
    assert any(c.default for c in cluster.storage_classes())
