"""Who gets what: rules that a batch lives by when workers are full, lost, or suspected to have been killed."""

from __future__ import annotations

from concurrent.futures import Future

from labgrade.cohort.task import Submission, Task
from labgrade.cohort.workers.dealing import MOST_WORKERS, SUSPECT, Hand, Job, Table
from labgrade.model import Student

HANDED_IN = Submission({}, "sha256:0")


def job(student: str, *, handed_in: bool = False, cluster: str = "", lost: int = 0) -> Job:
    """One that was lost so many times already."""
    submission = HANDED_IN if handed_in else None
    task = Task(Student(student, ""), "lab", "", submission=submission, cluster=cluster, shared=bool(cluster))
    return Job(task, Future(), reasons=["gone"] * lost)


def table(*hands: Hand) -> Table:
    """Workers that may grade."""
    made = Table("batch")
    for hand in hands:
        hand.unfit = ""
        made.hands[hand.address] = hand
    return made


def dealt(found: Table, *jobs: Job, now: float = 0.0) -> list[tuple[str, str]]:
    """Who gets what, in order."""
    for each in jobs:
        found.put(each)
    return [(each.task.student.id, hand.address) for each, hand in found.deal(now)]


def test_everybody_goes_where_there_is_most_room() -> None:
    """No worker has more than it has threads; who comes later waits in order."""
    found = table(Hand("a", 1, 0), Hand("b", 2, 0))
    assert dealt(found, *map(job, "vwxyz")) == [("v", "b"), ("w", "a"), ("x", "b")]
    assert [each.task.student.id for each in found.clusters] == ["y", "z"]
    assert found.ended(next(iter(found.hands["a"].jobs)))
    assert dealt(found) == [("y", "a")]


def test_submissions_need_a_cluster_and_a_thread() -> None:
    """They wait for one; students with clusters of their own go by."""
    found = table(Hand("a", 9, 0), Hand("b", 3, 1))
    jobs = [job("v", handed_in=True), job("w", handed_in=True), job("x")]
    assert dealt(found, *jobs) == [("x", "a"), ("v", "b")]
    assert not table(Hand("a", 9, 0)).able(jobs[0].task)


def test_what_still_runs_somewhere_takes_room() -> None:
    """A worker that was given up and came back grades what it had to its end, for nothing."""
    assert dealt(table(Hand("a", 2, 0, ghosts=1)), job("v"), job("w")) == [("v", "a")]


def test_nothing_goes_to_who_may_not_or_is_silent() -> None:
    """Neither makes anybody able."""
    unfit, silent = Hand("a", 9, 0), Hand("b", 9, 0, silent=True)
    found = table(unfit, silent)
    unfit.unfit = "has another course"
    assert dealt(found, job("v")) == []
    assert not found.able(job("v").task)


def test_a_lost_one_goes_to_another_worker_if_there_is_one() -> None:
    """It waits for another that is full, and takes the same again where there is no other."""
    found = table(Hand("a", 5, 0), Hand("b", 1, 0))
    back = job("v")
    back.lost.append("a")
    full = job("w")
    full.lost.append("a")
    assert dealt(found, full, back) == [("w", "b")]
    del found.hands["b"]
    assert dealt(found) == [("v", "a")]


def test_lost_ones_wait_in_front_and_rest() -> None:
    """Until what the lost worker claimed has run out; others pass meanwhile."""
    found = table(Hand("a", 1, 0))
    again = job("v")
    again.tries, again.rests_until = 1, 10.0
    assert dealt(found, job("w"), again, now=9.0) == [("w", "a")]
    found.ended(found.running()[0].trial)
    assert dealt(found, job("x"), now=10.0) == [("v", "a")]


def test_those_that_may_have_cost_workers_are_kept_apart() -> None:
    """One on each worker at a time, so that the next loss shows who it is; a single loss blames nobody."""
    found = table(Hand("a", 5, 0), Hand("b", 5, 0))
    assert dealt(found, *(job(name, lost=SUSPECT) for name in "vwx"), job("y", lost=SUSPECT - 1)) == [
        ("v", "a"),
        ("w", "b"),
        ("y", "a"),
    ]
    assert SUSPECT < MOST_WORKERS


def test_one_cluster_is_graded_from_one_worker() -> None:
    """All who work on it go where the first one went, or wait for room there."""
    found = table(Hand("a", 2, 0), Hand("b", 9, 0))
    assert dealt(found, job("u"), job("v", cluster="one"), job("w", cluster="two"))[1:] == [("v", "b"), ("w", "b")]
    assert dealt(found, job("x", cluster="two"), job("y", cluster="three")) == [("x", "b"), ("y", "b")]


def test_a_late_answer_is_nobodys() -> None:
    """A try that was given up is not found any more, and each has a name of its own."""
    found = table(Hand("a", 1, 0))
    one = job("v")
    dealt(found, one)
    first = one.trial
    assert found.ended(first) is one
    found.put(one)
    dealt(found)
    assert one.trial != first
    assert found.ended(first) is None
    assert found.find(one.trial)


def test_who_was_cancelled_is_not_dealt() -> None:
    """And is no more in the way of others."""
    found, cancelled = table(Hand("a", 1, 0)), job("v")
    cancelled.future.cancel()
    assert dealt(found, cancelled, job("w")) == [("w", "a")]
    assert not list(found.waiting())
