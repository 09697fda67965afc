"""z01: a cluster with Cilium, shared storage, and a WordPress whose data, passwords and traffic are looked after."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from checks.cilium import assert_agents, assert_alone, assert_joined
from checks.credentials import assert_only_from_secret
from checks.handmade import Wanted, assert_bound_by_hand, assert_shared_path
from checks.site import database, web
from checks.siteflows import assert_site_flows, assert_site_watched
from checks.survival import assert_survives
from checks.wordpress import Asked, assert_answers, assert_apps
from labgrade.cluster.disturb import Disturb
from labgrade.cluster.drills import pods_deleted
from labgrade.cluster.sentinels import file_in, row_in
from labgrade.facts import Cluster, Node
from labgrade.probe import Prober
from labgrade.probe.flows import Hubble

if TYPE_CHECKING:
    from testinfra.host import Host

SHARED = "/mnt/data"
CLAIMS = (Wanted("mysql-pv-claim", 5 * 2**30, "5Gi"), Wanted("wp-pv-claim", 10 * 2**30, "10Gi"))
APPS = {
    "mariadb": Asked("mariadb:12.0.2", "/var/lib/mysql"),
    "wordpress": Asked("wordpress:6-php8.4", "/var/www/html"),
}
UPLOADS = "/var/www/html/wp-content/uploads"
HOST, DOOR = "wordpress.local", 30080


def test_cluster(cluster: Cluster, inside: Callable[..., Host]) -> None:
    assert_alone(cluster)
    assert_joined(cluster)
    assert_agents(cluster, inside)


def test_shared_path(cluster: Cluster, on_node: Callable[[Node], Host]) -> None:
    assert_shared_path(cluster.nodes(), on_node, path=SHARED)


def test_claims(cluster: Cluster) -> None:
    assert_bound_by_hand(cluster, CLAIMS, storage_class="local-storage", reclaim="Retain", below=SHARED)


def test_password(cluster: Cluster) -> None:
    assert_only_from_secret(cluster, [database(cluster), web(cluster)])


def test_applications(cluster: Cluster) -> None:
    assert_apps(cluster, APPS)


def test_http(cluster: Cluster, probe: Prober) -> None:
    assert_answers(cluster, probe, host=HOST, node_port=DOOR)


def test_flows(cluster: Cluster, probe: Prober) -> None:
    assert_site_flows(cluster, probe, node_port=DOOR)


def test_hubble(cluster: Cluster, probe: Prober, hubble: Hubble) -> None:
    assert_site_watched(cluster, probe, hubble)


def test_data_survives(cluster: Cluster, disturb: Disturb) -> None:
    assert_survives([row_in(database(cluster)), file_in(web(cluster), UPLOADS)], pods_deleted, disturb)
