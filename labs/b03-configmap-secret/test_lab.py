"""Lab b03: what a Pod takes from a ConfigMap and from a Secret, and what becomes of an edit."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from checks.configuration import assert_file, assert_follows, assert_has_keys, assert_variable
from checks.immutability import assert_immutable
from checks.secrets import assert_decodes, assert_only_from_secret
from labgrade.cluster.owncopy import OwnCopy
from labgrade.cluster.rehearsal import Rehearsal
from labgrade.facts import Cluster

if TYPE_CHECKING:
    from testinfra.host import Host

FILE = "/usr/share/nginx/html/menu.txt"
TILL = {"username": b"waiter", "password": b"thyme-and-patience"}


def test_objects(cluster: Cluster) -> None:
    assert_has_keys([(cluster.config_map("menu"), ["greeting", "menu.txt"]), (cluster.secret("till"), [*TILL])])


def test_secret(cluster: Cluster) -> None:
    assert_decodes(cluster.secret("till"), kind="kubernetes.io/basic-auth", values=TILL)


def test_env(cluster: Cluster, inside: Callable[..., Host]) -> None:
    menu = cluster.config_map("menu")
    assert_variable(cluster.deployment("bistro"), inside, name="GREETING", config=menu, key="greeting")


def test_file(cluster: Cluster, inside: Callable[..., Host]) -> None:
    menu = cluster.config_map("menu")
    assert_file(cluster.deployment("bistro"), inside, path=FILE, config=menu, key="menu.txt")


def test_credential(cluster: Cluster, inside: Callable[..., Host]) -> None:
    bistro, till = cluster.deployment("bistro"), cluster.secret("till")
    assert_only_from_secret(cluster, bistro, inside, name="TILL_PASSWORD", secret=till, key="password")


def test_immutable(cluster: Cluster, rehearsal: Rehearsal) -> None:
    assert_immutable(cluster.config_map("house-rules"), rehearsal, key="rules.txt")


def test_follows(cluster: Cluster, own_copy: OwnCopy) -> None:
    menu = cluster.config_map("menu")
    assert_follows(cluster.deployment("bistro"), own_copy, path=FILE, name="GREETING", config=menu)
