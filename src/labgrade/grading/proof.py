"""Proof that a lab grades right: each of its answers, applied to a namespace of its own and graded for real."""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Iterable
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
from labgrade.model import Lab, LabResult, Mistake
from labgrade.runid import new_run

Kind = Literal["starter", "solution", "mistake"]
Verdict = Literal["proven", "unproven", "wrong", "error"]


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


@dataclass(frozen=True, slots=True)
class Finding:
    """What grading a case showed."""

    case: Case
    verdict: Verdict
    differences: tuple[str, ...]
    seconds: float


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


def prove(case: Case, course: Course, kubeconfig: Path, folder: Path, *, keeping: Collection[str] = ()) -> Finding:
    """Applies and grades the case on a cluster, whose Lease is ours already, in a namespace of its own.

    `keeping`: cluster-scoped kinds that are put back afterwards as they were; nobody else may write these meanwhile.
    """
    namespace = f"{case.lab.namespace}-{new_run()}"
    order = Order(course=course, lab=case.lab, kubeconfig=str(kubeconfig), namespace=namespace, lease_held=True)
    try:
        with workspace.opened(read(kubeconfig), namespace) as place, scoped.kept(place, keeping):
            place.create()
            try:
                answers.apply(case.answer, namespace, place.environment)
                results = [gradelab.grade(order, folder / "1")]
                if case.kind == "solution":
                    results.append(gradelab.grade(order, folder / "2"))
            finally:
                place.abandon()
    except HarnessError as error:
        return Finding(case, "error", (str(error),), 0.0)
    return judge(case, results)


def judge(case: Case, results: list[LabResult]) -> Finding:
    """Holds what was graded against what the case must come to, exactly."""
    seconds = sum(outcome.seconds for each in results for outcome in each.outcomes)
    errors = [f"{o.id}: could not be looked at: {o.saw.en}" for r in results for o in r.outcomes if o.state == "error"]
    errors += [f"{name}: was not run" for result in results for name in result.not_run]
    if errors:
        return Finding(case, "error", tuple(errors), seconds)
    differences = [line for result in results for line in _differences(case, result)]
    skipped = [f"{o.id}: skipped, {o.saw.en}" for result in results for o in result.outcomes if o.state == "skipped"]
    if differences:
        return Finding(case, "wrong", tuple(dict.fromkeys(differences)), seconds)
    return Finding(case, "unproven" if skipped else "proven", tuple(dict.fromkeys(skipped)), seconds)


def _differences(case: Case, result: LabResult) -> list[str]:
    if case.kind == "solution":
        return [
            f"{o.id}: {o.state}, not passed ({o.saw.en})"
            for o in result.outcomes
            if o.state not in {"passed", "skipped"}
        ]
    if case.mistake is None:
        return [
            f"{o.id}: {o.state} with {o.earned:g} points, though nothing was done"
            for o in result.outcomes
            if o.state == "passed" or o.earned
        ]
    return _against_mistake(case.mistake, result)


def _against_mistake(mistake: Mistake, result: LabResult) -> list[str]:
    found: list[str] = []
    for outcome in result.outcomes:
        expected = (
            "failed" if outcome.id in mistake.failed else "blocked" if outcome.id in mistake.blocked else "passed"
        )
        earned = mistake.earned.get(outcome.id, outcome.points if expected == "passed" else 0.0)
        if outcome.state == "skipped":
            continue
        if outcome.state != expected:
            found.append(f"{outcome.id}: {outcome.state}, not {expected} ({outcome.saw.en})")
        elif outcome.earned != earned:
            found.append(f"{outcome.id}: earned {outcome.earned:g}, not {earned:g}")
    return found
