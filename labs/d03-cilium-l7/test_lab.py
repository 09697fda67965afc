"""Lab d03: the frontend may read from the backend's /api/, and nothing else, and nobody else may at all."""

from __future__ import annotations

from checks.httprules import Way
from checks.l7 import assert_http_rule, assert_nothing_beside, assert_policy
from checks.requests import Request, assert_answered, assert_strangers_kept_out
from labgrade.facts import Cluster
from labgrade.probe import Prober

POLICY = "http-policy"
WAY = Way(source={"app": "frontend"}, to={"app": "backend"}, port=8080)
READ, WRITE, ADMIN = (
    Request("GET", "/api/items", 200),
    Request("POST", "/api/items", 403),
    Request("GET", "/admin", 403),
)
ALL = (READ, WRITE, ADMIN)


def test_policy(cluster: Cluster) -> None:
    assert_policy(cluster, POLICY)


def test_rule(cluster: Cluster) -> None:
    assert_http_rule(cluster, POLICY, WAY)


def test_get_api(cluster: Cluster, probe: Prober) -> None:
    assert_answered(cluster, probe, READ, WAY, beside=ALL)


def test_other_method(cluster: Cluster, probe: Prober) -> None:
    assert_answered(cluster, probe, WRITE, WAY, beside=ALL)


def test_other_path(cluster: Cluster, probe: Prober) -> None:
    assert_answered(cluster, probe, ADMIN, WAY, beside=ALL)


def test_strangers(cluster: Cluster, probe: Prober) -> None:
    assert_strangers_kept_out(cluster, probe, WAY)


def test_nothing_beside(cluster: Cluster) -> None:
    assert_nothing_beside(cluster, POLICY, WAY)
