"""Lab e02: a volume and a claim made by hand, and a Pod whose data stay where they are."""

from __future__ import annotations

from checks.byhand import (
    assert_bound_to_each_other,
    assert_fits,
    assert_mounts_claim,
    assert_retained,
    assert_stays_its_owners,
)
from checks.survival import assert_survives
from labgrade.cluster.disturb import Disturb
from labgrade.cluster.drills import moved, pods_deleted
from labgrade.cluster.ownpair import OwnPair
from labgrade.cluster.sentinels import file_in
from labgrade.facts import Cluster

SHELF, RECIPES, KITCHEN = "shelf", "recipes", "kitchen"
PAGES = "/usr/share/nginx/html"


def test_bound(cluster: Cluster) -> None:
    assert_bound_to_each_other(cluster, cluster.claim(RECIPES), cluster.volume(SHELF))


def test_fits(cluster: Cluster) -> None:
    assert_fits(cluster, cluster.claim(RECIPES), cluster.volume(SHELF), storage_class="by-hand")


def test_retain(cluster: Cluster) -> None:
    assert_retained(cluster, cluster.volume(SHELF))


def test_used(cluster: Cluster) -> None:
    assert_mounts_claim(cluster, cluster.deployment(KITCHEN), cluster.claim(RECIPES))


def test_data_survives(cluster: Cluster, disturb: Disturb) -> None:
    assert_survives(file_in(cluster.deployment(KITCHEN), PAGES), pods_deleted, disturb)


def test_moved(cluster: Cluster, disturb: Disturb) -> None:
    assert_survives(file_in(cluster.deployment(KITCHEN), PAGES), moved, disturb)


def test_released(cluster: Cluster, own_pair: OwnPair) -> None:
    assert_stays_its_owners(cluster.volume(SHELF), cluster.claim(RECIPES), own_pair)
