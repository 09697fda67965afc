"""What a cohort comes to: counted, averaged and put in the order that helps a trainer."""

from __future__ import annotations

import dataclasses

import pytest

from labgrade.cohort.model import CheckHead, LabHead, Mark, Row
from labgrade.exports.cohort.overview import KINDS, Bar, Overview, overview, overviews, why_without
from labgrade.model import Student
from labgrade.text import Text
from tests.support.cohorts import POLICIES, ROLLOUT, mark, never, refused, sample

SLOW = Text("the cluster did not answer", "le cluster n’a pas répondu")


def seen(*marks: Mark, head: LabHead = ROLLOUT) -> Overview:
    """What these marks come to."""
    return overview(head, [(Row(Student(f"s{n}", ""), (one,)), one) for n, one in enumerate(marks)])


def graded(states: str, grade: float) -> Mark:
    """A mark with another grade than its points would give."""
    return dataclasses.replace(mark(ROLLOUT, states, "s"), grade=grade)


def test_each_lab_has_its_own_marks() -> None:
    """The sample's two labs, each with what became of its eight students."""
    rollout, policies = overviews(sample())
    assert (rollout.head, policies.head) == (ROLLOUT, POLICIES)
    assert (len(rollout.grades), rollout.incomplete, len(rollout.without["untried"]), rollout.late) == (5, 2, 1, 0)
    assert (len(policies.grades), policies.incomplete, len(policies.without["untried"]), policies.late) == (6, 1, 1, 1)


def test_only_grades_are_averaged() -> None:
    """What is not complete is no zero: it has no part in mean and median."""
    found = seen(mark(ROLLOUT, "PPPP", "a"), graded("PPPF", 11.0), graded("PFFF", 5.0), never(ROLLOUT))
    assert (found.mean, found.median) == (12.0, 11.0)
    nothing = seen(never(ROLLOUT), refused(ROLLOUT, "a"))
    assert (nothing.mean, nothing.median) == (None, None)


def test_whoever_is_the_reason_is_told() -> None:
    """No grade on our side, by what was handed in, or because nobody has tried yet; a grade of 0 is one."""
    ours = mark(ROLLOUT, "PPPE", "a", because=SLOW, ours=True)
    assert [why_without(one) for one in (ours, refused(ROLLOUT, "b"), never(ROLLOUT), mark(ROLLOUT, "FFFF", "c"))] == [
        "ours",
        "handed-in",
        "untried",
        None,
    ]


@pytest.mark.parametrize(
    ("grade", "low"), [(0.0, 0), (1.99, 0), (2.0, 2), (9.99, 8), (10.0, 10), (18.0, 18), (20.0, 18), (21.0, 18)]
)
def test_a_grade_is_in_one_bar(grade: float, low: int) -> None:
    """On the edge it counts above, and full marks are in the last bar."""
    bars = seen(graded("PPPP", grade)).bars
    assert [bar for bar in bars if bar.count] == [Bar(low, low + 2, 1)]
    assert [bar.low for bar in bars] == list(range(0, 20, 2))


def test_the_hardest_check_is_in_front() -> None:
    """By the mean part of the points; partial credit counts as far as it goes, blocked as nothing."""
    found = seen(mark(ROLLOUT, "PHFB", "a"), mark(ROLLOUT, "PPFP", "b"))
    assert [(check.head.id, check.share) for check in found.checks] == [
        ("service", 0.0),
        ("answers", 0.5),
        ("replicas", 0.75),
        ("image", 1.0),
    ]
    assert [check.number for check in found.checks] == [3, 4, 2, 1]


def test_only_the_judged_tell_how_hard_a_check_is() -> None:
    """Who could not be looked at, lacked the component or was not run says nothing about the check."""
    found = seen(
        mark(ROLLOUT, "PEPS", "a", because=SLOW),
        mark(ROLLOUT, "PPPE", "b", because=SLOW),
        mark(ROLLOUT, "F", "c", because=SLOW),
        never(ROLLOUT),
    )
    image, replicas, service, answers = sorted(found.checks, key=lambda check: check.number)
    assert (image.share, image.judged) == (2 / 3, 3)
    assert (replicas.share, replicas.judged) == (1.0, 1)
    assert dict(replicas.kinds) == dict.fromkeys(KINDS, 0) | {"passed": 1, "error": 1, "not-run": 1}
    assert service.kinds["not-run"] == 1
    assert (answers.share, answers.judged) == (None, 0)
    assert found.checks[-1] == answers


def test_the_commonest_reason_is_shown() -> None:
    """What two or more saw is worth telling, the commonest in front; what nobody else saw is not."""
    words = [SLOW, SLOW, SLOW, Text("a", "a"), Text("a", "a"), Text("b", "b")]
    found = seen(*(mark(ROLLOUT, "FBBB", "s", saw=saw) for saw in words))
    assert next(check for check in found.checks if check.head.id == "image").seen == ((SLOW, 3), (Text("a", "a"), 2))
    assert next(check for check in found.checks if check.head.id == "service").seen == (), "blocked ones saw nothing"
    assert [check.seen for check in seen(mark(ROLLOUT, "PPPF", "s")).checks] == [()] * 4, "only one saw that"


def test_the_lowest_grades_need_help_first() -> None:
    """Below half of the grade, the lowest in front; and who was held up early, whatever the grade."""
    marks = [
        graded("PPPF", 9.99),
        graded("PPPP", 10.0),
        graded("PFBB", 10.5),
        graded("FBBB", 0.0),
        graded("FBSS", 12.0),
    ]
    lows = seen(*marks).lows
    assert [(low.mark.grade, low.stuck_at, low.blocked, low.of) for low in lows] == [
        (0.0, "image", 3, 4),
        (9.99, "", 0, 4),
        (10.5, "replicas", 2, 4),
        (12.0, "image", 1, 2),
    ]


def test_a_check_without_points_is_earned_or_not() -> None:
    """Nothing is divided by nothing."""
    head = LabHead("free", Text("free", "free"), (CheckHead("look", Text("look", "look"), 0.0),))
    outcomes = [dataclasses.replace(mark(ROLLOUT, letter, "s").outcomes[0], id="look", points=0.0) for letter in "PF"]
    marks = [dataclasses.replace(mark(ROLLOUT, "", "s"), outcomes=(one,), grade=0.0) for one in outcomes]
    assert seen(*marks, head=head).checks[0].share == 0.5


def test_checks_of_another_rubric_are_left_out() -> None:
    """A student graded long ago may have checks that the lab has no more."""
    old = dataclasses.replace(mark(ROLLOUT, "P", "s").outcomes[0], id="gone")
    found = seen(dataclasses.replace(mark(ROLLOUT, "PPPP", "s"), outcomes=(old,)))
    assert [check.kinds["not-run"] for check in found.checks] == [1, 1, 1, 1]
