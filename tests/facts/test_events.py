"""Events, of both generations of the API that writes them."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from labgrade.cluster.api import Api
from labgrade.facts import Cluster, Recorded, Snapshot
from labgrade.model import Json
from tests.support.apiserver import ApiServer

POD: Json = {"kind": "Pod", "metadata": {"name": "web", "namespace": "lab", "uid": "new"}}


def event(name: str, *, uid: str | None = "new", **parts: Any) -> Json:
    """An event about pod/web."""
    involved = {"kind": "Pod", "name": "web"} | ({"uid": uid} if uid else {})
    return {"kind": "Event", "metadata": {"name": name, "namespace": "lab"}, "involvedObject": involved} | parts


OLD: Json = {"lastTimestamp": "2026-01-31T12:00:03Z", "firstTimestamp": "2026-01-31T12:00:00Z", "count": 4}
SERIES = {"count": 7, "lastObservedTime": "2026-01-31T12:00:02.500000Z"}
NEW: Json = {"eventTime": "2026-01-31T12:00:01.250000Z", "series": SERIES, "lastTimestamp": None, "count": None}


def test_both_ways_to_tell_the_time_are_read_in_one_order() -> None:
    """Old ones have timestamps and a count, new ones a time and perhaps a series; the latest is at the end."""
    cluster = Cluster(Recorded(POD, event("old", **OLD), event("new", **NEW)), "lab")
    new, old = cluster.events()
    assert (new.name, new.count, new.last_seen) == ("new", 7, datetime(2026, 1, 31, 12, 0, 2, 500000, UTC))
    assert (old.name, old.count, old.last_seen) == ("old", 4, datetime(2026, 1, 31, 12, 0, 3, 0, UTC))
    assert new.first_seen > old.first_seen
    assert old.about == "pod/web"


def test_an_events_object_is_known_by_its_uid() -> None:
    """An earlier Pod of the same name has another; where an event tells none, the name has to do."""
    named = [event("own"), event("earlier", uid="old"), event("nameless", uid=None)]
    cluster = Cluster(Recorded(POD, *named), "lab")
    assert [found.name for found in cluster.events(cluster.pod("web"))] == ["nameless", "own"]
    assert cluster.events(cluster.pod("other")) == []


def test_events_are_read_but_not_followed(api: Api, server: ApiServer) -> None:
    """Their list changes all the time; a cluster would never be seen to settle."""
    snapshot = Snapshot(api)
    cluster = Cluster(snapshot, "lab")
    cluster.pods()
    assert server.count("/events") == 0
    assert cluster.events() == cluster.events() == []
    assert server.count("/events") == 1
    assert [kind for kind, _ in snapshot.versions()] == ["Pod"]
    assert snapshot.forget_unfollowed()
    assert not snapshot.forget_unfollowed()
