"""Who belongs to a crew, and since when nobody has heard of them."""

from __future__ import annotations

from typing import Any

import pytest

from labgrade.cohort.workers import members, worker
from labgrade.cohort.workers.dealing import Hand, Table
from labgrade.cohort.workers.members import Members, Timing


class World:
    """Workers as a scheduler lists them, a clock, and what was said and given up."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.now = 0.0
        monkeypatch.setattr(members, "monotonic", lambda: self.now)
        self.table = Table("batch")
        self.said: list[str] = []
        self.lost: list[tuple[str, bool]] = []
        self.members = Members(
            self.table, digest="sha256:ours", timing=Timing(), say=self.said.append, give_up=self._give_up
        )

    def _give_up(self, hand: Hand, _: str) -> None:
        self.lost.append((hand.address, hand.usable))

    def meet(self, **seen: float) -> list[str]:
        """Who is to be asked, of workers that the scheduler heard of at these times."""
        workers = {
            f"tls://{name}": {"nthreads": 4, "last_seen": when, "resources": {"cluster": 2.0}}
            for name, when in seen.items()
        }
        return [hand.address for hand in self.members.meet(workers)]

    def answer(self, name: str, **about: Any) -> Hand:
        """A worker says what it is."""
        hand = self.table.hands[f"tls://{name}"]
        same = {"tries": [], "digest": "sha256:ours", "trouble": "", **worker.versions()}
        self.members.answered(hand, {**same, **about})
        return hand


@pytest.fixture
def world(monkeypatch: pytest.MonkeyPatch) -> World:
    """At time 0, without workers."""
    return World(monkeypatch)


def test_workers_are_asked_when_they_come_and_now_and_then(world: World) -> None:
    """They may grade once they have answered."""
    assert world.meet(a=1.0) == ["tls://a"]
    assert not world.table.hands["tls://a"].usable
    hand = world.answer("a")
    assert (hand.usable, hand.threads, hand.clusters) == (True, 4, 2)
    world.now = 5
    assert world.meet(a=2.0, b=1.0) == ["tls://b"]
    world.now = 10
    assert world.meet(a=3.0, b=2.0) == ["tls://a"]


def test_what_is_given_up_cannot_be_dealt_to_the_same_again(world: World) -> None:
    """A worker that is gone or silent is no longer usable at the moment in which its tasks come back."""
    world.meet(a=1.0, b=1.0)
    world.answer("a")
    world.answer("b")
    world.meet(b=1.0)
    world.now = 31
    world.meet(b=1.0)
    assert world.lost == [("tls://a", False), ("tls://b", False)]
    assert list(world.table.hands) == ["tls://b"]


def test_silence_is_measured_on_our_own_clock(world: World) -> None:
    """The scheduler's may be years away and jump back; any other time that it names is a sign of life."""
    world.meet(a=1e9)
    world.answer("a")
    for seen in (5.0, 4.0, 1e12):
        world.now += 25
        world.meet(a=seen)
    assert world.table.hands["tls://a"].usable
    world.now += 31
    assert world.meet(a=1e12) == []
    assert world.table.hands["tls://a"].silent
    assert world.meet(a=1e12 + 1) == ["tls://a"]
    assert world.table.hands["tls://a"].usable


@pytest.mark.parametrize(
    ("about", "why"),
    [
        ({"labgrade": "0.0.1"}, "has labgrade 0.0.1"),
        ({"distributed": "2024.1.0"}, "has distributed 2024.1.0"),
        ({"digest": "sha256:another"}, "has the course sha256:another…, and sha256:ours… is to judge"),
        ({"trouble": "/labs is not a course"}, "has no course: /labs is not a course"),
    ],
)
def test_who_does_not_fit_is_named_with_the_reason(world: World, about: dict[str, str], why: str) -> None:
    """And gets nothing."""
    world.meet(a=1.0)
    assert not world.answer("a", **about).usable
    assert why in world.said[0]


def test_a_worker_without_tls_gets_nothing(world: World) -> None:
    """Unless it is on this machine."""
    list(world.members.meet({"tcp://10.0.0.7:9": {"nthreads": 4, "last_seen": 1.0, "resources": {}}}))
    hand = world.table.hands["tcp://10.0.0.7:9"]
    world.members.answered(hand, {"tries": [], "digest": "sha256:ours", "trouble": "", **worker.versions()})
    assert "without TLS" in hand.unfit


def test_what_a_worker_still_runs_for_nothing_is_counted(world: World) -> None:
    """Tries that were given to others."""
    world.meet(a=1.0)
    assert world.answer("a", tries=["old", "older"]).ghosts == 2
