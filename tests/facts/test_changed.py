"""When the cluster last changed, as its objects tell."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from labgrade.cluster.api import Api
from labgrade.facts import Cluster, Snapshot
from labgrade.model import Json
from tests.support.apiserver import ApiServer

JOINED = "2026-01-01T12:00:00Z"


def entry(manager: str, time: str, subresource: str = "") -> Json:
    """One note of who changed an object."""
    return {"manager": manager, "time": time} | ({"subresource": subresource} if subresource else {})


@pytest.mark.parametrize(
    ("notes", "changed"),
    [
        ([], "11:00:00"),
        ([entry("labgrade", JOINED, "ephemeralcontainers")], "11:00:00"),
        (
            [
                entry("labgrade", JOINED, "ephemeralcontainers"),
                entry("kubelet", "2026-01-01T12:00:02Z", "status"),
            ],
            "11:00:00",
        ),
        (
            [
                entry("labgrade", JOINED, "ephemeralcontainers"),
                entry("kubelet", "2026-01-01T12:01:00Z", "status"),
            ],
            "12:01:00",
        ),
        ([entry("kubectl-edit", "2026-01-01T12:00:01Z")], "12:00:01"),
        (
            [entry("labgrade", JOINED, "ephemeralcontainers"), entry("kubectl-label", "2026-01-01T12:00:01Z")],
            "12:00:01",
        ),
    ],
    ids=["made", "joined by us", "and it runs", "something later", "edited", "edited as we joined"],
)
def test_our_joining_a_pod_is_no_change_of_the_students(
    api: Api, server: ApiServer, notes: list[Json], changed: str
) -> None:
    """Else a settled cluster would be waited for again because we looked at it."""
    made = entry("kube-controller-manager", "2026-01-01T11:00:00Z")
    metadata = {"creationTimestamp": "2026-01-01T11:00:00Z", "managedFields": [made, *notes]}
    server.put("Pod", "web", "lab", metadata=metadata)
    snapshot = Snapshot(api)
    Cluster(snapshot, "lab").pods()
    assert snapshot.changed_at() == datetime.fromisoformat(f"2026-01-01T{changed}").replace(tzinfo=UTC)
