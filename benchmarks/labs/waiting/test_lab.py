"""A Deployment that is on its way, and stays there."""

from labgrade.facts import Cluster


def test_available(cluster: Cluster) -> None:
    assert cluster.deployment("web").available == 1
