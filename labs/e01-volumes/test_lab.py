"""Lab e01: the basic kinds of volumes, who sees them, and what outlives what."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from checks.mounts import assert_mounts
from checks.survival import assert_lost, assert_survives
from checks.volumes import assert_host_path, assert_shared, assert_shares_with_node, assert_shows
from labgrade.cluster.disturb import Disturb
from labgrade.cluster.drills import containers_restarted, pods_deleted
from labgrade.cluster.sentinels import file_in
from labgrade.facts import Cluster, Node

if TYPE_CHECKING:
    from testinfra.host import Host

FOLDER, SEEN_AT = "/data", "/test-pd"
COOK, OUT = "cook", "/out"
WAITER, IN = "waiter", "/in"


def test_host_path(cluster: Cluster) -> None:
    assert_host_path(cluster.pod("test-pd"), path=FOLDER, kind="Directory", at=SEEN_AT)


def test_files(cluster: Cluster, inside: Callable[..., Host]) -> None:
    shown = [(cluster.config_map("hours"), "/etc/hours"), (cluster.secret("alarm"), "/etc/alarm")]
    assert_shows(cluster.pod("board"), inside, shown)


def test_mounts(cluster: Cluster) -> None:
    assert_mounts([cluster.pod("test-pd"), cluster.deployment("diner"), cluster.pod("board")])


def test_on_node(cluster: Cluster, on_node: Callable[[Node], Host], disturb: Disturb) -> None:
    assert_shares_with_node(cluster.pod("test-pd"), on_node, disturb, path=FOLDER, at=SEEN_AT)


def test_shared(cluster: Cluster, disturb: Disturb) -> None:
    assert_shared(cluster.deployment("diner"), disturb, writer=(COOK, OUT), reader=(WAITER, IN))


def test_restart(cluster: Cluster, disturb: Disturb) -> None:
    assert_survives(file_in(cluster.deployment("diner"), OUT, container=COOK), containers_restarted, disturb)


def test_gone(cluster: Cluster, disturb: Disturb) -> None:
    assert_lost(file_in(cluster.deployment("diner"), OUT, container=COOK), pods_deleted, disturb)
