"""Lab e03: a storage class, and a claim that gets its volume by asking."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from checks.classes import assert_class_settings, assert_one_default, assert_provisioner_works
from checks.provisioning import assert_one_pod_uses, assert_provisioned, assert_serves_anybody
from checks.survival import assert_data_outlives_pod
from labgrade.cluster.disturb import Disturb
from labgrade.cluster.ownclaims import OwnClaims
from labgrade.facts import Cluster

if TYPE_CHECKING:
    from testinfra.host import Host

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


def test_data_survives(cluster: Cluster, inside: Callable[..., Host], disturb: Disturb) -> None:
    assert_data_outlives_pod(cluster.deployment("kitchen"), inside, disturb, directory=PAGES)


def test_serves_anybody(cluster: Cluster, own_claims: OwnClaims) -> None:
    assert_serves_anybody(cluster.storage_class(DRAWERS), own_claims)
