"""What can be read of a namespace without Pods."""

from labgrade.facts import Cluster, ConfigMap


def menu(cluster: Cluster) -> ConfigMap:
    return ConfigMap(cluster.reading, cluster.namespace, "menu")


def test_menu_there(cluster: Cluster) -> None:
    assert menu(cluster).exists


def test_menu_filled(cluster: Cluster) -> None:
    assert menu(cluster).data.get("soup") == "onion"


def test_service_there(cluster: Cluster) -> None:
    assert cluster.service("web").cluster_ip


def test_service_selects(cluster: Cluster) -> None:
    assert cluster.service("web").selector == {"app": "web"}


def test_nodes_ready(cluster: Cluster) -> None:
    assert all(node.ready for node in cluster.nodes())
