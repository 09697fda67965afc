"""Lateness is counted from when work was there, costs what the trainer says, and never the fault of a clock."""

from __future__ import annotations

import dataclasses
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from labgrade.cohort.marking.lateness import hours, penalty
from labgrade.cohort.model import Attempt, Late
from tests.support.attempts import attempt, moment

DEADLINE = moment(31, 9)


def late(one: Attempt, *others: Attempt) -> float:
    """Hours after nine o'clock."""
    return hours(one, (one, *others), deadline=DEADLINE)


@pytest.mark.parametrize(
    ("more", "expected"),
    [
        ({"started": "2026-01-31T09:00:00Z"}, 0),
        ({"started": "2026-01-31T10:30:00Z", "finished": None}, 1.5),
        ({"started": "2026-01-31T08:59:59Z", "finished": "2026-01-31T09:30:00Z"}, 0),
        ({"started": "2026-02-02T09:00:00Z", "finished": None, "submitted": "2026-01-31T11:00:00+00:00"}, 2),
        ({"started": "2026-02-02T09:00:00Z", "finished": None, "submitted": "2026-01-30T11:00:00Z"}, 0),
        ({"started": "2026-01-31T09:00:00.000000001Z", "finished": None}, 0),
        ({"started": "2026-01-31T09:00:00.1Z", "finished": None}, 0.0001),
    ],
    ids=["on-time", "began-late", "ended-late", "submitted-late", "submitted-in-time", "a-nanosecond", "a-moment"],
)
def test_what_counts_is_when_it_was_handed_in_else_when_grading_began(more: dict[str, Any], expected: float) -> None:
    """How long the grader takes, and when the trainer gets to it, is not the student's."""
    assert late(attempt(**more)) == expected


def test_without_a_deadline_nobody_is_late() -> None:
    """Most labs have none."""
    one = attempt(started="2199-01-01T00:00:00Z")
    assert hours(one, [one], deadline=None) == 0


@pytest.mark.parametrize(
    "more",
    [
        {"started": "2031-01-31T09:00:00Z", "finished": "2026-01-31T08:00:00Z"},
        {"started": "2026-01-31T08:00:00Z", "finished": None, "submitted": "2031-01-31T09:00:00Z"},
        {"started": "1970-01-01T00:00:05Z"},
        {"started": "0001-01-01T00:00:00Z", "finished": None},
        {"started": "2026-02-31T25:00:00Z", "finished": None},
        {"started": "", "finished": None, "submitted": "soon"},
    ],
    ids=["set-back", "ahead", "no-battery", "first-year", "no-such-day", "no-time"],
)
def test_a_clock_that_jumps_costs_nothing(more: dict[str, Any]) -> None:
    """Where two times contradict each other, the one that is better for the student counts."""
    assert late(attempt(**more)) == 0


def test_the_same_files_graded_again_are_not_later_than_they_were() -> None:
    """A re-grade a week after the deadline is the trainer's, not the student's."""
    first = attempt(submission="sha256:a", started="2026-01-31T08:00:00Z")
    again = attempt(submission="sha256:a", started="2026-02-07T08:00:00Z", finished=None, round_=2)
    assert late(again, first) == 0
    other = dataclasses.replace(again, submission="sha256:b")
    assert late(other, first) == 167
    cluster = dataclasses.replace(again, submission="")
    assert late(cluster, dataclasses.replace(first, submission="")) == 167


@pytest.mark.parametrize(
    ("grade", "late_hours", "rule", "expected"),
    [
        (16, 30.5, Late(10), 3.2),
        (16, 24.0, Late(10), 1.6),
        (16, 24.0001, Late(10), 3.2),
        (16, 0.0001, Late(10), 1.6),
        (16, 240, Late(10, most=50), 8),
        (16, 240, Late(10), 16),
        (16, 240, Late(30, most=250), 16),
        (13.33, 1, Late(7.5, hours=1 / 3), 3.0),
        (10, 2.1, Late(10, hours=0.7), 3),
        (16, 0, Late(100), 0),
        (16, 5, None, 0),
        (16, 5, Late(0), 0),
        (0, 5, Late(10), 0),
        (16, 1e300, Late(10, hours=1e-300), 16),
    ],
)
def test_the_penalty_is_a_part_of_the_grade_for_every_period_begun(
    grade: float, late_hours: float, rule: Late | None, expected: float
) -> None:
    """A day late to the second is one day; a moment more begins the next."""
    assert penalty(grade, late_hours, rule) == expected


@given(st.floats(0, 20), st.floats(0, 1e6), st.builds(Late, st.floats(0, 200), st.floats(1e-3, 1e4), st.floats(0, 200)))
def test_a_penalty_never_takes_more_than_there_is(grade: float, late_hours: float, rule: Late) -> None:
    """No grade below 0, whatever the trainer writes."""
    assert 0 <= penalty(grade, late_hours, rule) <= grade + 0.005
