"""Proof that a lab grades right: each of its answers, applied to a namespace of its own and graded for real."""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from labgrade.cluster import scoped, workspace
from labgrade.course import answers
from labgrade.course.library import Course
from labgrade.course.rubric import mistakes
from labgrade.errors import HarnessError, UsageError
from labgrade.grading import process as gradelab
from labgrade.grading.process import Order
from labgrade.kubeconfig import read
from labgrade.model import Lab, LabResult, Mistake, Outcome, State
from labgrade.runid import new_run

Kind = Literal["starter", "solution", "mistake"]
Verdict = Literal["proven", "unproven", "wrong", "error"]

BEYOND = "which this machine cannot have"
"""Of a component that its engine says it lacks."""


@dataclass(frozen=True, slots=True)
class Case:
    """One answer of a lab and what it must come to."""

    lab: Lab
    kind: Kind
    mistake: Mistake | None = None

    @property
    def name(self) -> str:
        """As it is printed: starter, solution, or the mistake's name."""
        return self.mistake.name if self.mistake else self.kind

    @property
    def answer(self) -> answers.Answer:
        """What is applied before it is graded."""
        if self.mistake:
            return answers.mistake(self.lab, self.mistake.name)
        return answers.starter(self.lab) if self.kind == "starter" else answers.solution(self.lab)

    def needed(self, lacks: Collection[str]) -> list[str]:
        """Of the components that this machine lacks, those without which the case cannot be graded at all."""
        return [each.component for each in self.lab.unproven if each.component in lacks and self.name in each.cases]

    def expected(self, check: str) -> tuple[State, ...]:
        """The states that this check may come to."""
        if self.kind == "starter":
            return ("failed", "blocked")
        if self.mistake and check in self.mistake.failed:
            return ("failed",)
        return ("blocked",) if self.mistake and check in self.mistake.blocked else ("passed",)


@dataclass(frozen=True, slots=True)
class Finding:
    """What grading a case showed."""

    case: Case
    verdict: Verdict
    differences: tuple[str, ...]
    seconds: float
    excused: bool = False
    """Unproven for want of components that this machine or this cluster lacks, as lab.yaml says, and nothing else."""


def cases(lab: Lab) -> list[Case]:
    """Everything that proves a lab; UsageError where it has no mistakes to prove it with."""
    found = mistakes(lab)
    if not found:
        raise UsageError(f"{lab.folder}/mistakes: there is none, and without one nothing shows that checks can fail")
    return [Case(lab, "starter"), Case(lab, "solution"), *(Case(lab, "mistake", mistake) for mistake in found)]


def share(found: Iterable[Case], *, part: int, seed: str) -> list[Case]:
    """Every starter and solution, and of the mistakes about one in `part`, picked by `seed`; at least one a lab."""
    all_of_them = list(found)
    picked: list[Case] = []
    for case in all_of_them:
        rank = _rank(case, seed)
        others = [_rank(each, seed) for each in all_of_them if each.mistake and each.lab.id == case.lab.id]
        if case.mistake is None or rank % part == 0 or rank == min(others):
            picked.append(case)
    return picked


def _rank(case: Case, seed: str) -> int:
    return int.from_bytes(hashlib.sha256(f"{seed} {case.lab.id} {case.name}".encode()).digest()[:8], "big")


def prove(
    case: Case,
    course: Course,
    kubeconfig: Path,
    folder: Path,
    *,
    keeping: Collection[str] = (),
    lacks: Collection[str] = (),
    environment: Mapping[str, str] | None = None,
    until_gone: bool = False,
) -> Finding:
    """Applies and grades the case on a cluster, whose Lease is ours already, in a namespace of its own.

    `keeping`: cluster-scoped kinds that are put back afterwards as they were; nobody else may write these meanwhile.
    `lacks`: components that this machine cannot have. `environment`: more for the answer's steps. `until_gone`: wait
    until nothing of it runs any more.
    """
    namespace = f"{case.lab.namespace}-{new_run()}"
    order = Order(course=course, lab=case.lab, kubeconfig=str(kubeconfig), namespace=namespace, lease_held=True)
    try:
        with workspace.opened(read(kubeconfig), namespace) as place, scoped.kept(place, keeping):
            place.create()
            try:
                answers.apply(case.answer, namespace, place.environment | dict(environment or {}))
                results = [gradelab.grade(order, folder / "1")]
                if case.kind == "solution":
                    results.append(gradelab.grade(order, folder / "2"))
            finally:
                place.remove() if until_gone else place.abandon()
    except HarnessError as error:
        return Finding(case, "error", (str(error),), 0.0)
    return judge(case, results, lacks)


def not_tried(case: Case, lacks: Collection[str]) -> Finding:
    """The finding of a case that needs what this machine cannot have."""
    needed = ", ".join(case.needed(lacks))
    return Finding(case, "unproven", (f"needs {needed}, {BEYOND}",), 0.0, excused=True)


def judge(case: Case, results: list[LabResult], lacks: Collection[str] = ()) -> Finding:
    """Holds what was graded against what the case must come to, exactly; `lacks` is what this machine cannot have."""
    seconds = sum(outcome.seconds for each in results for outcome in each.outcomes)
    beyond = _beyond(case, results, lacks)
    compared = [o for result in results for o in result.outcomes if not any(o.id in ids for ids in beyond.values())]
    errors = [f"{o.id}: could not be looked at: {o.saw.en}" for o in compared if o.state == "error"]
    errors += [f"{name}: was not run" for result in results for name in result.not_run]
    if errors:
        return Finding(case, "error", tuple(dict.fromkeys(errors)), seconds)
    differences = [line for outcome in compared if (line := _difference(case, outcome))]
    if differences:
        return Finding(case, "wrong", tuple(dict.fromkeys(differences)), seconds)
    skipped = [outcome for outcome in compared if outcome.state == "skipped"]
    undeclared = [f"{o.id}: skipped, {o.saw.en}" for o in skipped if not case.lab.check(o.id).optional]
    if undeclared:
        return Finding(case, "unproven", tuple(dict.fromkeys(undeclared)), seconds)
    needed = "; ".join(f"{_need(ids)} {component}" for component, ids in beyond.items())
    words = [f"{needed}, {BEYOND}"] if needed else []
    words += dict.fromkeys(f"{outcome.id} was skipped, {outcome.saw.en}" for outcome in skipped)
    if words:
        return Finding(case, "unproven", ("; ".join(words),), seconds, excused=True)
    return Finding(case, "proven", (), seconds)


def _beyond(case: Case, results: list[LabResult], lacks: Collection[str]) -> dict[str, list[str]]:
    """By component that is lacking: the checks whose outcomes say nothing without it.

    One that is blocked as it must be is not among them: what blocks it does so on every machine.
    """
    found: dict[str, list[str]] = {}
    for each in (each for each in case.lab.unproven if each.component in lacks):
        outcomes = [o for result in results for o in result.outcomes if o.id in each.checks]
        ids = [o.id for o in outcomes if o.state != "blocked" or o.state not in case.expected(o.id)]
        if ids:
            found[each.component] = list(dict.fromkeys(ids))
    return found


def _need(checks: list[str]) -> str:
    return f"{', '.join(checks)} {'needs' if len(checks) == 1 else 'need'}"


def _difference(case: Case, outcome: Outcome) -> str:
    """In what the outcome is another than it must be; empty when in nothing."""
    expected = case.expected(outcome.id)
    if case.kind == "starter" and (outcome.state == "passed" or outcome.earned):
        return f"{outcome.id}: {outcome.state} with {outcome.earned:g} points, though nothing was done"
    if outcome.state == "skipped":
        return ""
    if outcome.state not in expected:
        return f"{outcome.id}: {outcome.state}, not {' or '.join(expected)} ({outcome.saw.en})"
    earned = outcome.points if "passed" in expected else 0.0
    if case.mistake:
        earned = case.mistake.earned.get(outcome.id, earned)
    return "" if outcome.earned == earned else f"{outcome.id}: earned {outcome.earned:g}, not {earned:g}"
