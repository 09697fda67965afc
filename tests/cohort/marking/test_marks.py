"""Which attempt counts, what it is worth, and what a trainer is told of the rest."""

from __future__ import annotations

import dataclasses
import itertools
from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from labgrade.cohort.marking.marks import MOST_CHARACTERS, NOT_YET, OLDER, cohort_result
from labgrade.cohort.model import COUNTINGS, Alike, Attempt, Change, Cohort, CohortResult, Counting, Late, Mark
from labgrade.cohort.records.cohortform import dumps, loads
from labgrade.text import Text
from tests.support.attempts import attempt, cohort, lab, moment

LABS = (lab("x"), lab("y"))


def graded(some: Cohort, attempts: Sequence[Attempt], *, labs: int = 1, course: str = "new") -> CohortResult:
    """The cohort's result; whatever comes of it can be stored."""
    made = cohort_result(
        some,
        LABS[:labs],
        attempts,
        course_digest=course,
        tool_version="0.1.0",
        started="2026-01-31T09:00:00Z",
        finished=None,
    )
    assert loads(dumps(made)) == made
    return made


def mark(*attempts: Attempt, course: str = "new", **more: Any) -> Mark:
    """Ada's for the one lab."""
    return graded(cohort(("ada",), **more), attempts, course=course).rows[0].marks[0]


def test_everyone_in_the_roster_has_a_mark_for_each_lab_and_nobody_else() -> None:
    """In the roster's order, with what gradebooks ask for; who left stays out, and so does a lab that was dropped."""
    some = cohort(("bob", "ada"), ("x", "y"), title="Winter", counts="last")
    bob = dataclasses.replace(some.members[0], email="bob@example.org", more={"section": "A"})
    some = dataclasses.replace(some, members=(bob, some.members[1]))
    attempts = [attempt("ada", "PPHF"), attempt("gone"), attempt("bob", lab="z"), attempt("bob", lab="y")]
    made = graded(some, attempts, labs=2)
    assert [(row.student.id, row.email, row.more) for row in made.rows] == [
        ("bob", "bob@example.org", {"section": "A"}),
        ("ada", "", {}),
    ]
    assert [[one.grade for one in row.marks] for row in made.rows] == [[None, 20], [12.5, None]]
    assert [[one.lab for one in row.marks] for row in made.rows] == [["x", "y"], ["x", "y"]]
    assert (made.title, made.counts, made.complete) == ("Winter", "last", False)
    assert [(one.id, one.title, len(one.checks)) for one in made.labs] == [(x.id, x.title, 4) for x in LABS]
    assert made.labs[0].checks[1].points == 5


def test_a_mark_says_what_its_report_says() -> None:
    """Points, outcomes in short, and where the rest lies."""
    one = mark(attempt("ada", "PHBS", notes=(Text("n", "n"),)))
    assert (one.earned, one.possible, one.grade, one.because) == (7.5, 15, 10, Text("", ""))
    assert [tally.state for tally in one.outcomes] == ["passed", "failed", "blocked", "skipped"]
    assert [tally.earned for tally in one.outcomes] == [5, 2.5, 0, 0]
    assert one.outcomes[1].saw == Text("saw replicas", "vu replicas")
    assert (one.started, one.seconds, one.notes) == ("2026-01-31T09:00:00Z", 6, (Text("n", "n"),))
    assert (one.attempt, one.attempts, one.late, one.penalty, one.ours) == (1, 1, 0, 0, False)


def test_reports_lie_where_the_command_writes_them() -> None:
    """With several labs, each has a folder of its own; without an attempt there is none."""
    assert mark(attempt()).folder == "students/ada"
    made = graded(cohort(("ada",), ("x", "y")), [attempt()], labs=2)
    assert [one.folder for one in made.rows[0].marks] == ["students/ada/x", ""]


def test_long_words_are_cut() -> None:
    """One student's log must not fill the cohort's page."""
    one = attempt("ada", "F")
    outcome = dataclasses.replace(one.result.outcomes[0], saw=Text("x" * 301, "y" * 300))
    one = dataclasses.replace(one, result=dataclasses.replace(one.result, outcomes=(outcome,)))
    assert mark(one).outcomes[0].saw == Text("x" * (MOST_CHARACTERS - 1) + "…", "y" * 300)


@pytest.mark.parametrize(("counts", "expected"), [("best", (2, 15)), ("last", (3, 10)), ("first", (1, 5))])
def test_the_trainer_says_which_attempt_counts(counts: Counting, expected: tuple[int, float]) -> None:
    """Rounds decide about the order, not the order in which attempts are handed over."""
    attempts = [attempt("ada", states, round_=n) for n, states in enumerate(("PFFF", "PPPF", "PPFF"), start=1)]
    for order in itertools.permutations(attempts):
        one = mark(*order, counts=counts)
        assert ((one.attempt, one.grade), one.attempts) == (expected, 3)


def test_of_equally_good_attempts_the_first_counts() -> None:
    """It is the one that was there earlier."""
    assert mark(attempt("ada", "PPPF"), attempt("ada", "PPFP", round_=2)).attempt == 1


def test_the_best_is_the_best_after_the_penalty() -> None:
    """Half a lab in time may be worth more than all of it late."""
    attempts = (
        attempt("ada", "PPPF", started="2026-01-30T09:00:00Z", finished=None),
        attempt("ada", "PPPP", started="2026-02-02T09:30:00Z", finished=None, round_=2),
    )
    deadlines = {"x": moment(31, 9)}
    one = mark(*attempts, deadlines=deadlines, late=Late(10))
    assert (one.attempt, one.grade, one.late, one.penalty) == (1, 15, 0, 0)
    one = mark(*attempts, deadlines=deadlines, late=Late(5))
    assert (one.attempt, one.grade, one.late, one.penalty) == (2, 17, 48.5, 3)
    one = mark(*attempts, deadlines=deadlines)
    assert (one.attempt, one.grade, one.late, one.penalty) == (2, 20, 48.5, 0)
    one = mark(*attempts, deadlines={"y": moment(1)}, late=Late(10))
    assert (one.grade, one.late) == (20, 0)


def test_a_penalty_leaves_nothing_at_least() -> None:
    """A grade is never below 0."""
    one = mark(attempt("ada", "PPFF"), deadlines={"x": moment(1)}, late=Late(50))
    assert (one.grade, one.penalty, one.earned) == (0, 10, 10)


@pytest.mark.parametrize("counts", COUNTINGS)
def test_an_incomplete_attempt_counts_only_where_there_is_no_complete_one(counts: Counting) -> None:
    """Neither before nor after it; that the last one failed is said."""
    attempts = (attempt("ada", "PPPE"), attempt("ada", "PFFF", round_=2), attempt("ada", "PP", round_=3))
    one = mark(*attempts, counts=counts)
    assert (one.attempt, one.attempts, one.grade) == (2, 3, 5)
    assert [note.en for note in one.notes] == [
        "attempt 3 ended without a grade (Not run: service, answers.); attempt 2 counts"
    ]
    assert mark(*attempts[:2], counts=counts).notes == ()


def test_without_a_complete_attempt_the_grade_is_blank_with_a_reason() -> None:
    """It is never 0: the last one is shown, and says whether it is the grader's or what was handed in."""
    refused = Text("the submission is refused", "le rendu est refusé")
    one = mark(attempt("ada", "PPPE"), attempt("ada", "", round_=2, note=refused, ours=False))
    assert (one.grade, one.because, one.ours, one.attempt) == (None, refused, False, 2)
    assert one.notes == ()
    assert (one.earned, one.penalty, one.not_run) == (0, 0, ("image", "replicas", "service", "answers"))
    one = mark(attempt("ada", "PPPE"), deadlines={"x": moment(1)}, late=Late(50))
    assert (one.grade, one.ours, one.earned, one.penalty) == (None, True, 15, 0)
    assert one.late > 0
    assert "answers" in one.because.en
    assert "answers" in one.because.fr


def test_who_was_never_tried_is_told_so() -> None:
    """That is neither an error nor a 0."""
    one = mark()
    assert (one.grade, one.because, one.attempt, one.attempts, one.started) == (None, NOT_YET, 0, 0, "")
    assert one.because.en == "not graded yet"
    assert one.ours


def test_where_nothing_could_be_earned_there_is_no_grade() -> None:
    """All of it was skipped: 0 of 0 is not 0 of 20."""
    one = mark(attempt("ada", "SSSS"))
    assert one.grade is None
    assert one.because


@pytest.mark.parametrize("counts", COUNTINGS)
def test_a_regrade_replaces_what_another_rubric_judged(counts: Counting) -> None:
    """Also the better grade of the old one; who was not graded again keeps the old one, and that is said."""
    old = [attempt("ada", "PPPP", course="old"), attempt("bob", "PPPF", course="old")]
    new = attempt("ada", "PPFF", round_=2, course="new")
    made = graded(cohort(("ada", "bob"), counts=counts), [*old, new])
    ada, bob = (row.marks[0] for row in made.rows)
    assert (ada.grade, ada.attempt, ada.attempts, ada.notes) == (10, 2, 2, ())
    assert (bob.grade, bob.attempt, bob.notes) == (15, 1, (OLDER,))


def test_an_incomplete_regrade_replaces_nothing() -> None:
    """The cluster is gone; the grade that it had is not. Both are said."""
    one = mark(attempt("ada", "PPPF", course="old"), attempt("ada", "PPPE", round_=2))
    assert (one.grade, one.attempt) == (15, 1)
    assert [note == OLDER for note in one.notes] == [True, False]


def test_of_older_rubrics_the_newest_counts() -> None:
    """As it would have before there was a newer one."""
    attempts = [attempt("ada", "PPPP", course="a"), attempt("ada", "PFFF", course="b", round_=2)]
    one = mark(*attempts, course="c")
    assert (one.grade, one.attempt) == (5, 2)


def test_the_newest_rounds_rubric_counts_even_if_it_is_an_old_one() -> None:
    """The trainer took a change back and began a round: what that rubric judged before stands again."""
    attempts = [attempt("ada", "PFFF"), attempt("ada", "PPPP", course="tried", round_=2), attempt("bob", round_=3)]
    assert mark(*attempts).grade == 5


def test_who_gained_or_lost_by_a_new_rubric_is_listed() -> None:
    """Grades that count, before and after, and which checks made the difference; the same grade is no news."""
    old = [attempt(name, states, course="old") for name, states in (("ada", "PPFF"), ("bob", "PPPF"), ("eve", "PFFF"))]
    new = [attempt(name, states, round_=2) for name, states in (("ada", "PHPH"), ("bob", "PFFF"), ("eve", "FPFF"))]
    made = graded(cohort(), [*old, *new])
    assert made.changes == (
        Change("ada", "x", 10, 15, ("replicas", "service", "answers")),
        Change("bob", "x", 15, 5, ("replicas", "service")),
    )


def test_changes_are_still_told_after_another_round_with_the_new_rubric() -> None:
    """What counted under the one before is what it is compared with, whichever rounds these were."""
    attempts = [
        attempt("ada", "PFFF", course="old"),
        attempt("ada", "PPFF", course="old", round_=2),
        attempt("ada", "PPPF", round_=3),
        attempt("ada", "PPPP", round_=4),
    ]
    assert graded(cohort(("ada",)), attempts).changes == (Change("ada", "x", 10, 20, ("service", "answers")),)
    assert graded(cohort(("ada",), counts="first"), attempts).changes == (
        Change("ada", "x", 5, 15, ("replicas", "service")),
    )


def test_a_grade_where_there_was_none_is_a_change_and_the_reverse_is_not() -> None:
    """An incomplete re-grade takes nothing away, and who is graded for the first time gains nothing."""
    attempts = [
        attempt("ada", "PPPE", course="old"),
        attempt("ada", "PPPF", round_=2),
        attempt("bob", "PPPP", course="old"),
        attempt("bob", "PP", round_=2),
        attempt("eve", "PPPP", round_=2),
    ]
    assert graded(cohort(), attempts).changes == (Change("ada", "x", None, 15, ()),)


def test_a_check_that_came_or_went_is_one_that_counts_otherwise() -> None:
    """Also where it earned nothing: what can be earned is another sum."""
    for states, expected in (("PPPF", (15, 13.33, ("image",))), ("FPPF", (10, 13.33, ("image",)))):
        old = attempt("ada", states, course="old")
        shorter = dataclasses.replace(old.result, outcomes=old.result.outcomes[1:], possible=15.0, course_digest="new")
        new = dataclasses.replace(old, round=2, result=shorter)
        assert graded(cohort(("ada",)), [old, new]).changes == (Change("ada", "x", *expected),)
    attempts = [attempt("ada", "PP", course="old"), attempt("ada", "PPPF", round_=2)]
    assert graded(cohort(("ada",)), attempts).changes == (Change("ada", "x", None, 15, ("service", "answers")),)


def test_one_rubric_makes_no_changes() -> None:
    """Students improve; that is what attempts are for."""
    attempts = [attempt("ada", "PFFF"), attempt("ada", "PPPP", round_=2)]
    assert graded(cohort(("ada",)), attempts).changes == ()


def test_the_same_work_is_pointed_out_and_costs_nothing() -> None:
    """Never judged: the grades stay."""
    made = graded(cohort(("ada", "bob")), [attempt("ada", uid="u"), attempt("bob", uid="u")])
    assert made.alike == (Alike("cluster", "x", ("ada", "bob")),)
    assert made.complete


@pytest.mark.parametrize("finished", ["2020-01-01T00:00:00Z", None])
def test_a_clock_that_jumps_neither_crashes_nor_punishes(finished: str | None) -> None:
    """A grading that ended before it began was not late."""
    one = mark(
        attempt("ada", started="2031-01-01T00:00:00Z", finished=finished, submitted="2026-01-01T00:00:00Z"),
        deadlines={"x": moment(31)},
        late=Late(50),
    )
    assert (one.grade, one.late, one.penalty) == (20, 0, 0)


attempts_of_one = st.lists(
    st.builds(
        attempt,
        st.just("ada"),
        st.text("PHFBSE", max_size=4),
        round_=st.integers(1, 4),
        course=st.sampled_from(["a", "b", "new"]),
        submission=st.sampled_from(["", "sha256:a"]),
        started=st.sampled_from(["2026-01-31T09:00:00Z", "2026-02-03T09:00:00Z", "1970-01-01T00:00:00Z"]),
        finished=st.sampled_from([None, "2026-02-03T09:00:00Z"]),
    ),
    max_size=6,
)


@given(attempts_of_one, st.sampled_from(COUNTINGS), st.none() | st.builds(Late, st.floats(0, 120)))
def test_whatever_was_attempted_a_mark_holds_together(
    attempts: list[Attempt], counts: Counting, rule: Late | None
) -> None:
    """It can be stored and read, which checks its sums; a grade stands there exactly where something was complete."""
    one = mark(*attempts, counts=counts, late=rule, deadlines={"x": moment(31, 9)})
    assert one.attempts == len(attempts)
    assert (one.grade is not None) == any(a.result.complete and a.result.possible for a in attempts)
