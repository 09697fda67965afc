"""What the cluster said of a failure, beside what the check saw."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from labgrade.cluster.api import Api
from labgrade.facts import Cluster, Recorded, Snapshot
from labgrade.grading.witness import LONGEST, MOST_EVENTS, witness
from labgrade.model import Json, Outcome
from labgrade.text import Text
from tests.support.apiserver import ApiServer

NOW = datetime(2026, 1, 31, 12, 0, 0, tzinfo=UTC)


def outcome(saw: str, *evidence: str) -> Outcome:
    """A failure in these words."""
    none = Text("", "")
    return Outcome("c", none, "failed", 2, 0, 0.1, none, saw=Text(saw, saw), evidence=evidence)


def thing(kind: str, name: str, owner: str = "", **parts: Json) -> Json:
    """An object, perhaps of an owner."""
    owners = [{"kind": "?", "name": owner, "uid": owner, "controller": True}] if owner else []
    return {
        "kind": kind,
        "metadata": {"name": name, "namespace": "lab", "uid": name, "ownerReferences": owners},
    } | parts


def event(
    reason: str, about: str, *, ago: float = 12, count: int = 1, kind: str = "Warning", message: str = ""
) -> Json:
    """Something said of an object."""
    involved = {"kind": about.split("/")[0].title(), "name": about.split("/")[1], "uid": about.split("/")[1]}
    stamp = f"{NOW - timedelta(seconds=ago):%Y-%m-%dT%H:%M:%SZ}"
    parts = {"reason": reason, "type": kind, "message": message or reason.lower(), "count": count}
    return thing("Event", f"{reason}.{about}.{ago}") | parts | {"involvedObject": involved, "lastTimestamp": stamp}


CRASHED = {"name": "nginx", "state": {"terminated": {"exitCode": 1, "reason": "Error", "containerID": "x"}}}
CHAIN = (
    thing("Deployment", "web"),
    thing("ReplicaSet", "web-1", owner="web"),
    thing("Pod", "web-1-a", owner="web-1", status={"phase": "Running", "containerStatuses": [CRASHED]}),
    thing("Pod", "duo"),
)


def told(failure: Outcome, *events: Json, logs: dict[str, str] | None = None) -> tuple[str, ...]:
    """Evidence for a failure beside these events."""
    return witness(Cluster(Recorded(*CHAIN, *events, logs=logs), "lab"), failure, NOW)


def test_what_a_named_object_controls_is_told_of() -> None:
    """The failure names the Deployment; its Pod's state, last lines and Warnings explain it, the newest last."""
    lines = told(
        outcome("deployment/web: 0/3 Pods"),
        event("BackOff", "pod/web-1-a", ago=12, count=4, message="Back-off restarting"),
        event("Failed", "pod/web-1-a", ago=30),
        event("Unhealthy", "pod/duo"),
        logs={"nginx": "first\nbind() failed\n"},
    )
    assert lines == (
        "state pod/web-1-a nginx: terminated, Error, exit code 1",
        "log pod/web-1-a nginx: first",
        "log pod/web-1-a nginx: bind() failed",
        "event Warning Failed pod/web-1-a (30 s ago): failed",
        "event Warning BackOff pod/web-1-a (4 times, last 12 s ago): Back-off restarting",
    )


def test_normal_events_are_told_only_of_what_the_student_reads() -> None:
    """They are many, and seldom the point."""
    events = [event("Pulled", "pod/web-1-a", kind="Normal"), event("Scaled", "deployment/web", kind="Normal")]
    assert told(outcome("deployment/web is small"), *events)[1:] == (
        "event Normal Scaled deployment/web (12 s ago): scaled",
    )


def test_where_nothing_is_named_all_warnings_are_told() -> None:
    """A plain assert says nothing of the object that it was about."""
    events = [
        event("Unhealthy", "pod/duo"),
        event("Pulled", "pod/duo", kind="Normal"),
        event("Old", "pod/duo", ago=9e3),
    ]
    assert told(outcome("assert 1 == 3"), *events) == ("event Warning Unhealthy pod/duo (12 s ago): unhealthy",)


def test_a_storm_of_events_stays_short() -> None:
    """Controllers say the same of every Pod that they try to create, each time in other words."""
    storm = [event("FailedCreate", "pod/duo", ago=n, message=f"pods duo-{n} is forbidden") for n in range(40)]
    many = [event(f"Reason{n}", "pod/duo", ago=n) for n in range(40)]
    assert len(told(outcome("pod/duo"), *storm)) == 2
    lines = told(outcome("pod/duo"), *many, event("Long", "pod/duo", ago=0, message="x" * 9999))
    assert len(lines) == MOST_EVENTS
    assert max(map(len, lines)) == LONGEST
    assert "Reason0" in "".join(lines)


def test_events_that_cannot_be_read_spoil_nothing(api: Api, server: ApiServer) -> None:
    """The outcome stands without them."""
    server.fault(403, "/events", times=9)
    assert witness(Cluster(Snapshot(api), "lab"), outcome("pod/duo"), NOW) == ()
