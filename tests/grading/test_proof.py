"""The judge of answers: exact in both directions, and never satisfied with an error."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import cast

import pytest

from labgrade.errors import UsageError
from labgrade.grading.proof import Case, Finding, Kind, cases, judge, share
from labgrade.model import Check, ClusterInfo, Lab, LabResult, Mistake, Outcome, State, Unproven
from labgrade.text import Text
from tests.support.course import check, write_course, write_lab

TEXT = Text("words", "mots")
CHECKS = tuple(Check(name, points, TEXT, TEXT) for name, points in (("a", 10), ("b", 6), ("c", 4)))


def lab_of(name: str = "b01") -> Lab:
    """A lab with three checks."""
    return Lab(Path(name), name, TEXT, "lab", CHECKS, ())


def graded(*states: State, earned: float | None = None, run: int = 3) -> LabResult:
    """A result with these states; what is passed earns all, `earned` is what the first one earns."""
    outcomes = [
        Outcome(check.id, TEXT, state, check.points, check.points if state == "passed" else 0, 1.0, TEXT, saw=TEXT)
        for check, state in zip(CHECKS, states, strict=True)
    ]
    if earned is not None:
        outcomes[0] = dataclasses.replace(outcomes[0], earned=earned)
    return LabResult(
        *("b01", TEXT, "0", "sha256:0", "run", ClusterInfo("", "", ""), "2026-01-01T00:00:00Z", None),
        possible=20,
        outcomes=tuple(outcomes[:run]),
        not_run=tuple(check.id for check in CHECKS[run:]),
    )


STARTER, SOLUTION = Case(lab_of(), "starter"), Case(lab_of(), "solution")
MISTAKE = Case(lab_of(), "mistake", Mistake("wrong", failed=("a",), blocked=("b",)))
PARTLY = Case(lab_of(), "mistake", Mistake("partly", failed=("a",), blocked=("b",), earned={"a": 5.0}))
NOTHING, ALL = graded("failed", "blocked", "failed"), graded("passed", "passed", "passed")


@pytest.mark.parametrize(
    ("case", "results", "verdict", "said"),
    [
        (STARTER, [NOTHING], "proven", ""),
        (STARTER, [graded("failed", "blocked", "passed")], "wrong", "c: passed with 4 points, though nothing was done"),
        (STARTER, [graded("failed", "blocked", "failed", earned=1)], "wrong", "a: failed with 1 points"),
        (STARTER, [graded("failed", "blocked", "error")], "error", "c: could not be looked at"),
        (STARTER, [graded("failed", "blocked", "skipped")], "unproven", "c: skipped"),
        (SOLUTION, [ALL, ALL], "proven", ""),
        (SOLUTION, [ALL, graded("passed", "failed", "passed")], "wrong", "b: failed, not passed"),
        (SOLUTION, [ALL, graded("passed", "passed", "skipped")], "unproven", "c: skipped"),
        (SOLUTION, [ALL, graded("passed", "passed", "passed", run=2)], "error", "c: was not run"),
        (SOLUTION, [graded("failed", "error", "passed"), ALL], "error", "b: could not be looked at"),
        (MISTAKE, [graded("failed", "blocked", "passed")], "proven", ""),
        (MISTAKE, [graded("passed", "blocked", "passed")], "wrong", "a: passed, not failed"),
        (MISTAKE, [graded("failed", "failed", "passed")], "wrong", "b: failed, not blocked"),
        (MISTAKE, [graded("failed", "blocked", "failed")], "wrong", "c: failed, not passed"),
        (MISTAKE, [graded("failed", "blocked", "passed", earned=2)], "wrong", "a: earned 2, not 0"),
        (MISTAKE, [graded("failed", "error", "passed")], "error", "b: could not be looked at"),
        (PARTLY, [graded("failed", "blocked", "passed", earned=5)], "proven", ""),
        (PARTLY, [graded("failed", "blocked", "passed")], "wrong", "a: earned 0, not 5"),
    ],
)
def test_an_answer_comes_to_exactly_what_it_must(case: Case, results: list[LabResult], verdict: str, said: str) -> None:
    """Too strict is as wrong as too lenient; an error proves nothing; a skipped check is unproven."""
    finding = judge(case, results)
    assert finding.verdict == verdict
    assert any(line.startswith(said) for line in finding.differences) or (verdict, said) == ("proven", "")
    assert not (verdict == "proven" and finding.differences)


def lacking(kind: Kind, **lists: tuple[str, ...]) -> Case:
    """A case of a lab of which these checks or cases are unproven without hubble-ui; as a mistake it fails `a`."""
    lab = dataclasses.replace(lab_of(), unproven=(Unproven("kindnet", ("a",)), Unproven("hubble-ui", **lists)))
    return Case(lab, kind, MISTAKE.mistake if kind == "mistake" else None)


NEEDS = ("c needs hubble-ui, which this machine cannot have",)


@pytest.mark.parametrize(
    ("kind", "states", "verdict", "said"),
    [
        ("solution", "passed passed passed", "unproven", NEEDS),
        ("solution", "passed passed failed", "unproven", NEEDS),
        ("solution", "passed passed skipped", "unproven", NEEDS),
        ("solution", "passed passed error", "unproven", NEEDS),
        ("solution", "passed passed blocked", "unproven", NEEDS),
        ("solution", "passed failed failed", "wrong", ("b: failed, not passed (words)",)),
        ("solution", "passed error failed", "error", ("b: could not be looked at: words",)),
        ("mistake", "failed blocked failed", "unproven", NEEDS),
        ("starter", "failed failed passed", "unproven", NEEDS),
        ("starter", "failed failed failed", "unproven", NEEDS),
        ("starter", "failed failed blocked", "proven", ()),
        ("starter", "passed failed blocked", "wrong", ("a: passed with 10 points, though nothing was done",)),
    ],
)
def test_what_this_machine_lacks_leaves_a_check_unproven(
    kind: Kind, states: str, verdict: str, said: tuple[str, ...]
) -> None:
    """Whatever the check says, and only that check; one that is blocked as it must be is blocked everywhere."""
    result = graded(*cast(list[State], states.split()))
    results = [result, result] if kind == "solution" else [result]
    finding = judge(lacking(kind, checks=("c",)), results, lacks=["hubble-ui"])
    assert (finding.verdict, finding.differences, finding.excused) == (verdict, said, said == NEEDS)


def test_what_this_machine_has_is_proven_as_ever() -> None:
    """A declaration for another machine excuses nothing here."""
    case, failing = lacking("solution", checks=("c",)), graded("passed", "passed", "failed")
    for lacks in ([], ["cilium-envoy"]):
        assert judge(case, [failing, failing], lacks).verdict == "wrong"
        assert judge(case, [ALL, ALL], lacks) == Finding(case, "proven", (), 6.0)


def test_an_undeclared_skip_is_not_excused() -> None:
    """It stays what it is, beside something that is."""
    result = graded("passed", "skipped", "failed")
    finding = judge(lacking("solution", checks=("c",)), [result, result], lacks=["hubble-ui"])
    assert (finding.verdict, finding.differences, finding.excused) == ("unproven", ("b: skipped, words",), False)


OPTIONAL = dataclasses.replace(lab_of(), checks=(*CHECKS[:2], dataclasses.replace(CHECKS[2], optional="snapshots")))


@pytest.mark.parametrize(
    ("kind", "states", "verdict", "said"),
    [
        ("solution", "passed passed skipped", "unproven", ("c was skipped, words",)),
        ("mistake", "failed blocked skipped", "unproven", ("c was skipped, words",)),
        ("starter", "failed blocked blocked", "proven", ()),
        ("solution", "passed passed passed", "proven", ()),
        ("solution", "passed skipped skipped", "unproven", ("b: skipped, words",)),
        ("solution", "passed failed skipped", "wrong", ("b: failed, not passed (words)",)),
        ("solution", "passed passed failed", "wrong", ("c: failed, not passed (words)",)),
        ("solution", "passed error skipped", "error", ("b: could not be looked at: words",)),
    ],
)
def test_a_declared_skip_is_unproven_and_excused(kind: Kind, states: str, verdict: str, said: tuple[str, ...]) -> None:
    """Where lab.yaml calls that very check optional, and the rest is as recorded."""
    case = Case(OPTIONAL, kind, MISTAKE.mistake if kind == "mistake" else None)
    result = graded(*cast(list[State], states.split()))
    finding = judge(case, [result, result] if kind == "solution" else [result])
    excused = bool(said) and said[0].startswith("c was")
    assert (finding.verdict, finding.differences, finding.excused) == (verdict, said, excused)


def test_a_declared_skip_beside_what_the_machine_lacks_is_told_with_it() -> None:
    """In one line."""
    case = Case(dataclasses.replace(OPTIONAL, unproven=(Unproven("hubble-ui", ("b",)),)), "solution")
    result = graded("passed", "failed", "skipped")
    finding = judge(case, [result, result], lacks=["hubble-ui"])
    assert finding.differences == ("b needs hubble-ui, which this machine cannot have; c was skipped, words",)
    assert finding.excused


def test_several_checks_and_components_are_all_named() -> None:
    """In one sentence each."""
    finding = judge(lacking("solution", checks=("b", "c")), [ALL, ALL], lacks=["hubble-ui", "kindnet"])
    assert finding.differences == ("a needs kindnet; b, c need hubble-ui, which this machine cannot have",)


def test_cases_that_need_what_is_lacking() -> None:
    """By name, and only where it is lacking."""
    solution, wrong = lacking("solution", cases=("solution",)), lacking("mistake", cases=("wrong",))
    assert solution.needed(["hubble-ui"]) == wrong.needed(["kindnet", "hubble-ui"]) == ["hubble-ui"]
    assert solution.needed(["kindnet"]) == lacking("starter", cases=("solution",)).needed(["hubble-ui"]) == []


def all_cases(labs: int = 3, mistakes: int = 20) -> list[Case]:
    """Several labs' cases."""
    found: list[Case] = []
    for name in (f"lab{n}" for n in range(labs)):
        lab = lab_of(name)
        wrong = [Mistake(f"wrong{n}", ("a",), ()) for n in range(mistakes)]
        found += [Case(lab, "starter"), Case(lab, "solution"), *(Case(lab, "mistake", each) for each in wrong)]
    return found


@pytest.mark.parametrize("part", [2, 5, 1000])
def test_a_share_keeps_what_every_lab_needs(part: int) -> None:
    """Starter, solution and at least one mistake a lab, in their order, however small the share."""
    picked = share(all_cases(), part=part, seed="abc")
    for name in ("lab0", "lab1", "lab2"):
        kinds = [case.kind for case in picked if case.lab.id == name]
        assert kinds[:2] == ["starter", "solution"]
        assert 1 <= kinds.count("mistake") < 20
    assert [case for case in all_cases() if case in picked] == picked


def test_a_share_is_the_same_for_a_seed_and_another_for_another() -> None:
    """A commit can be proven again; over many commits everything is."""
    assert share(all_cases(), part=4, seed="abc") == share(all_cases(), part=4, seed="abc")
    assert share(all_cases(), part=4, seed="abc") != share(all_cases(), part=4, seed="abd")
    seen = {case.name for seed in range(60) for case in share(all_cases(1), part=4, seed=str(seed))}
    assert len(seen) == 22
    assert share(all_cases(), part=1, seed="abc") == all_cases()


def test_a_lab_without_mistakes_cannot_be_proven(tmp_path: Path) -> None:
    """Nothing would show that its checks can fail."""
    folder = write_lab(write_course(tmp_path / "course"), "b01", check("there", 20), "")
    with pytest.raises(UsageError, match=r"mistakes: there is none"):
        cases(dataclasses.replace(lab_of(), folder=folder))
