"""Lab e03: a storage class, and a claim that gets its volume by asking."""

from __future__ import annotations

from checks.classes import assert_class_settings, assert_one_default, assert_provisioner_works
from checks.extras import assert_grows, assert_snapshots_restore
from checks.provisioning import assert_one_pod_uses, assert_provisioned, assert_serves_anybody
from checks.survival import assert_survives
from labgrade.cluster.disturb import Disturb
from labgrade.cluster.drills import pods_deleted
from labgrade.cluster.ownclaims import OwnClaims
from labgrade.cluster.ownvolumes import OwnVolumes
from labgrade.cluster.sentinels import file_in
from labgrade.facts import Cluster

DRAWERS = "drawers"
PAGES = "/usr/share/nginx/html"


def test_provisioner(cluster: Cluster) -> None:
    assert_provisioner_works(cluster, cluster.storage_class(DRAWERS))


def test_one_default(cluster: Cluster) -> None:
    assert_one_default(cluster, cluster.storage_class(DRAWERS))


def test_settings(cluster: Cluster) -> None:
    assert_class_settings(
        cluster,
        cluster.storage_class(DRAWERS),
        binding_mode="WaitForFirstConsumer",
        reclaim_policy="Delete",
        expandable=True,
    )


def test_claim(cluster: Cluster) -> None:
    assert_provisioned(cluster, cluster.claim("recipes"), cluster.storage_class(DRAWERS))


def test_used(cluster: Cluster) -> None:
    assert_one_pod_uses(cluster, cluster.deployment("kitchen"), cluster.claim("recipes"))


def test_data_survives(cluster: Cluster, disturb: Disturb) -> None:
    assert_survives(file_in(cluster.deployment("kitchen"), PAGES), pods_deleted, disturb)


def test_serves_anybody(cluster: Cluster, own_claims: OwnClaims) -> None:
    assert_serves_anybody(cluster.storage_class(DRAWERS), own_claims)


def test_grows(cluster: Cluster, own_volumes: OwnVolumes) -> None:
    assert_grows(cluster.storage_class(DRAWERS), own_volumes)


def test_snapshots(cluster: Cluster, own_volumes: OwnVolumes) -> None:
    assert_snapshots_restore(cluster.storage_class(DRAWERS), own_volumes)
