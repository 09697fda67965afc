"""Lab e04: a StatefulSet whose Pods keep their names, their addresses in DNS, and their data."""

from __future__ import annotations

from checks.names import assert_governed, assert_names_resolve
from checks.statefulsets import assert_ordered, assert_ordinals_ready
from checks.storage import assert_claim_per_ordinal, assert_claims_kept
from checks.survival import assert_data_survives
from labgrade.cluster.disturb import Disturb
from labgrade.facts import Cluster
from labgrade.probe import Prober

PAGES = "/usr/share/nginx/html"


def test_ready(cluster: Cluster) -> None:
    assert_ordinals_ready(cluster, cluster.statefulset("web"), replicas=2)


def test_headless_service(cluster: Cluster) -> None:
    assert_governed(cluster, cluster.statefulset("web"))


def test_claims(cluster: Cluster) -> None:
    assert_claim_per_ordinal(cluster, cluster.statefulset("web"))


def test_dns(cluster: Cluster, probe: Prober) -> None:
    web = cluster.statefulset("web")
    assert_names_resolve(cluster.service(web.service_name), web.pods, probe)


def test_order(cluster: Cluster) -> None:
    assert_ordered(cluster.statefulset("web"))


def test_data_survives(cluster: Cluster, disturb: Disturb) -> None:
    assert_data_survives(cluster.statefulset("web"), disturb, directory=PAGES)


def test_claims_kept(cluster: Cluster, disturb: Disturb) -> None:
    assert_claims_kept(cluster, cluster.statefulset("web"), disturb)
