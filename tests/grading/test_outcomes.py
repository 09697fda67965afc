"""From what pytest saw to the five outcomes: whose fault, which precedence, how many points."""

from __future__ import annotations

from pathlib import Path

import pytest

from labgrade.errors import Absent, HarnessError, Unmet, UsageError
from labgrade.grading.outcomes import Scoresheet, selected
from labgrade.model import Check, Lab, Outcome
from labgrade.text import Text

OK = None


def lab_of(*checks: Check) -> Lab:
    """A lab with these checks."""
    return Lab(Path("labs/b01"), "b01", Text("Lab", "TP"), "lab", checks, ())


def check(name: str, *needs: str, points: float = 4, disturbs: bool = False, optional: str | None = None) -> Check:
    """A check."""
    act = Text("deletes", "supprime") if disturbs else None
    return Check(name, points, Text(f"the {name}", f"le {name}"), Text("?", "?"), needs, act, optional)


def graded(*checks: Check, **errors: BaseException | None) -> dict[str, Outcome]:
    """What becomes of the checks when their calls end so; those that are hindered are not called."""
    sheet = Scoresheet(lab_of(*checks), checks)
    for each in checks:
        if sheet.hindrance(each.id):
            sheet.note(each.id, "setup", pytest.skip.Exception("hindered"), seconds=0.1, words="")
        else:
            sheet.note(each.id, "setup", None, seconds=0.1, words="")
            sheet.note(each.id, "call", errors.get(each.id), seconds=1.0, words="assert 1 == 3")
        sheet.note(each.id, "teardown", None, seconds=0.1, words="")
        sheet.close(each.id)
    return {outcome.id: outcome for outcome in sheet.outcomes}


def one(error: BaseException | None, *, phase: str = "call", optional: str | None = None) -> Outcome:
    """What becomes of one check in one phase of which something was raised."""
    only = check("there", optional=optional)
    sheet = Scoresheet(lab_of(only), [only])
    for each in ("setup", "call", "teardown"):
        sheet.note("there", each, error if each == phase else None, seconds=0.5, words="assert 1 == 3")
    return sheet.close("there")


def test_passed_earns_its_points() -> None:
    """Nothing was raised in any phase; the seconds of all three add up."""
    outcome = one(OK)
    assert (outcome.state, outcome.earned, outcome.seconds) == ("passed", 4, 1.5)


def test_unmet_is_the_students() -> None:
    """Saw, wanted, try and evidence travel; nothing is earned."""
    outcome = one(Unmet(Text("two", "deux"), wanted="three", try_="kubectl get pods", evidence=("pod/a",)))
    assert (outcome.state, outcome.earned) == ("failed", 0)
    assert (outcome.saw.fr, outcome.wanted.en, outcome.try_.fr) == ("deux", "three", "kubectl get pods")
    assert outcome.evidence == ("pod/a",)


def test_partial_credit_is_failed_and_earns() -> None:
    """Half the work is half the points, to the hundredth, and still is not passed."""
    assert (one(Unmet("x", credit=1 / 3)).state, one(Unmet("x", credit=1 / 3)).earned) == ("failed", 1.33)


@pytest.mark.parametrize("credit", [1, 1.5, -0.1])
def test_credit_is_a_part(credit: float) -> None:
    """All of the points would be passed: a check that asks so is broken."""
    with pytest.raises(ValueError, match="credit"):
        Unmet("x", credit=credit)


def test_a_plain_assert_is_the_students() -> None:
    """It says what pytest says, and wants what the title says."""
    outcome = one(AssertionError())
    assert (outcome.state, outcome.saw.en, outcome.wanted.fr) == ("failed", "assert 1 == 3", "le there")
    assert one(AssertionError("two Pods")).saw.fr == "two Pods"


@pytest.mark.parametrize(
    "error",
    [HarnessError("unreachable"), KeyError("spec"), RuntimeError(), TimeoutError(), pytest.skip.Exception("no")],
)
def test_any_other_exception_is_ours(error: BaseException) -> None:
    """A bug in a check, or a suite that skips on its own, costs nobody points."""
    assert (one(error).state, one(error).earned) == ("error", 0)


@pytest.mark.parametrize("phase", ["setup", "teardown"])
@pytest.mark.parametrize("error", [AssertionError("x"), Unmet("x"), KeyError("x"), HarnessError("x")])
def test_setting_up_and_clearing_away_is_ours(phase: str, error: BaseException) -> None:
    """Even an assertion there judges nothing of the student's."""
    assert one(error, phase=phase).state == "error"


def test_an_error_in_teardown_replaces_the_outcome() -> None:
    """One check has one outcome: what could not be restored may have spoiled what was seen."""
    only = check("there")
    sheet = Scoresheet(lab_of(only), [only])
    sheet.note("there", "call", Unmet("two Pods"), seconds=1, words="")
    sheet.note("there", "teardown", OSError("lost"), seconds=1, words="")
    sheet.close("there")
    assert [(outcome.state, outcome.saw.en) for outcome in sheet.outcomes] == [("error", "OSError: lost")]


def test_skipped_only_where_the_rubric_says_so() -> None:
    """A missing component skips the check that declares that very component; elsewhere it is our error."""
    assert one(Absent("metrics"), optional="metrics").state == "skipped"
    assert one(Absent("metrics"), optional="metrics", phase="setup").state == "skipped"
    assert one(Absent("metrics"), optional="ingress").state == "error"
    assert one(Absent("metrics")).state == "error"


def test_skipped_points_leave_possible() -> None:
    """What could not be asked for is not counted against anybody; an error's points stay."""
    checks = (check("a", optional="metrics"), check("b"))
    sheet = Scoresheet(lab_of(*checks), checks)
    sheet.note("a", "call", Absent("metrics"), seconds=1, words="")
    sheet.close("a")
    sheet.note("b", "call", KeyError(), seconds=1, words="")
    sheet.close("b")
    assert sheet.possible == 4


CHAIN = (check("a"), check("b", "a"), check("c", "b"), check("d", "c"))


@pytest.mark.parametrize(
    ("error", "states"),
    [
        (OK, "passed passed passed passed"),
        (Unmet("x"), "failed blocked blocked blocked"),
        (Unmet("x", credit=0.5), "failed blocked blocked blocked"),
        (HarnessError("x"), "error error error error"),
    ],
)
def test_what_builds_on_a_check_shares_its_fate(error: BaseException | None, states: str) -> None:
    """Blocked behind a failure, however far; not judged behind what could not be looked at."""
    assert " ".join(outcome.state for outcome in graded(*CHAIN, a=error).values()) == states


def test_a_skipped_prerequisite_skips() -> None:
    """And the reason is that the component is absent, not that we could not look."""
    outcomes = graded(check("a", optional="metrics"), check("b", "a"), check("c", "b"), a=Absent("metrics"))
    assert [outcome.state for outcome in outcomes.values()] == ["skipped"] * 3
    assert {outcome.saw.en for outcome in outcomes.values()} == {"metrics is not installed"}


def test_the_root_of_a_blocked_chain_is_named() -> None:
    """Three checks further on the student still reads what to mend first."""
    last = graded(*CHAIN, b=Unmet("x"))["d"]
    assert (last.state, last.blocked_by, last.saw.fr) == ("blocked", ("b",), "d'abord : le b")


@pytest.mark.parametrize(
    ("errors", "state"),
    [
        ({"a": Unmet("x"), "b": HarnessError("x"), "c": Absent("metrics")}, "blocked"),
        ({"a": OK, "b": HarnessError("x"), "c": Absent("metrics")}, "error"),
        ({"a": OK, "b": OK, "c": Absent("metrics")}, "skipped"),
        ({"a": OK, "b": OK, "c": OK}, "passed"),
    ],
)
@pytest.mark.parametrize("needs", ["abc", "cba", "bca"])
def test_precedence(errors: dict[str, BaseException | None], state: str, needs: str) -> None:
    """Failed before error before skipped, in whatever order the prerequisites stand."""
    checks = (check("a"), check("b"), check("c", optional="metrics"), check("d", *needs))
    assert graded(*checks, **errors)["d"].state == state


def test_a_check_in_error_that_builds_on_an_error_says_on_which() -> None:
    """The reason is its prerequisite, by its title in both languages."""
    saw = graded(*CHAIN, a=HarnessError("x"))["b"].saw
    assert "the a" in saw.en
    assert "le a" in saw.fr


LAB = lab_of(
    check("act", disturbs=True), check("a"), check("b", "a"), check("c"), check("again", "act", "b", disturbs=True)
)


@pytest.mark.parametrize(
    ("only", "disturb", "expected"),
    [
        ((), True, "a b c act again"),
        ((), False, "a b c"),
        (("b",), True, "a b"),
        (("c", "b"), True, "a b c"),
        (("again",), True, "a b act again"),
        (("again",), False, "a b"),
        (("act",), False, ""),
    ],
)
def test_which_checks_run_and_when(only: tuple[str, ...], disturb: bool, expected: str) -> None:  # noqa: FBT001 - a table
    """Those that look first; a chosen one with its prerequisites; nothing that disturbs against the student's will."""
    assert " ".join(each.id for each in selected(LAB, only=only, disturb=disturb)) == expected


def test_an_unknown_check() -> None:
    """The nearest one is offered."""
    with pytest.raises(UsageError, match="b01 has no check 'agian'; did you mean 'again'"):
        selected(LAB, only=["agian"])


def test_traffic_that_was_tried_is_evidence_also_of_a_pass() -> None:
    """A reader sees what a point was given for; a line that the check told itself is not told twice."""
    asked = ["pod/probe 10.0.0.9 → http://10.0.0.1:80/: http 200 in 0.01 s"]
    passed = Scoresheet(lab_of(check("a")), [check("a")])
    passed.note("a", "call", None, seconds=0, words="")
    assert passed.close("a", asked=asked).evidence == tuple(asked)
    failed = Scoresheet(lab_of(check("a")), [check("a")])
    failed.note("a", "call", Unmet("no", evidence=(asked[0], "more")), seconds=0, words="")
    assert failed.close("a", asked=asked).evidence == (asked[0], "more")
