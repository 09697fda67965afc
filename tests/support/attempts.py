"""Attempts at small labs, as a grading of a cohort keeps them."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from labgrade.cohort.model import Attempt, ByKubeconfig, Cohort, Member, Source
from labgrade.model import Check, ClusterInfo, Lab, LabResult, Outcome, State, Student
from labgrade.text import Text, text

NONE = Text("", "")
CHECKS = ("image", "replicas", "service", "answers")
"""Of each lab, 5 points each."""
STATES: dict[str, State] = {"P": "passed", "H": "failed", "F": "failed", "B": "blocked", "S": "skipped", "E": "error"}
EARNED = {"P": 5.0, "H": 2.5}


def lab(name: str, namespace: str = "") -> Lab:
    """One with four checks."""
    checks = tuple(Check(one, 5.0, text(f"{name}: {one}"), text("?")) for one in CHECKS)
    return Lab(Path("labs") / name, name, text(f"Lab {name}"), namespace or f"lab-{name}", checks)


def member(student: str, source: Source | None = None) -> Member:
    """A student, with a kubeconfig unless told otherwise."""
    return Member(Student(student, f"Name of {student}"), source or ByKubeconfig(Path(student)))


def cohort(students: Sequence[str] = ("ada", "bob", "eve"), labs: Sequence[str] = ("x",), **more: Any) -> Cohort:
    """One that is graded by kubeconfigs."""
    return Cohort(Path("COHORT.yaml"), tuple(labs), tuple(map(member, students)), **more)


def result(states: str = "PPPP", *, lab: str = "x", course: str = "new", **more: Any) -> LabResult:
    """One letter for each check: Passed, Half, Failed, Blocked, Skipped, Error; the rest of them was not run."""
    outcomes = tuple(
        Outcome(
            id=name,
            title=text(name),
            state=STATES[letter],
            points=5.0,
            earned=EARNED.get(letter, 0.0),
            seconds=0.25,
            hint=text("?"),
            saw=NONE if letter == "P" else Text(f"saw {name}", f"vu {name}"),
        )
        for name, letter in zip(CHECKS, states, strict=False)
    )
    known: dict[str, Any] = {
        "lab_id": lab,
        "lab_title": text(f"Lab {lab}"),
        "tool_version": "0.1.0",
        "course_digest": course,
        "run": "run",
        "cluster": ClusterInfo("grader", "", "v1.34.0"),
        "started": "2026-01-31T09:00:00Z",
        "finished": "2026-01-31T09:00:06Z",
        "possible": 20.0 - 5.0 * states.count("S"),
        "outcomes": outcomes,
        "not_run": CHECKS[len(states) :],
    }
    return LabResult(**(known | more))


def attempt(student: str = "ada", states: str = "PPPP", *, round_: int = 1, lab: str = "x", **more: Any) -> Attempt:
    """What concerns the result (`course`, `uid`, `started`, `finished`, `note`) goes there, the rest stays."""
    inner = {name: more.pop(name) for name in ("course", "started", "finished", "note", "possible") if name in more}
    if "uid" in more:
        inner["cluster"] = ClusterInfo("grader", more.pop("uid"), "v1.34.0")
    return Attempt(student, lab, round_, result(states, lab=lab, **inner), more.pop("seconds", 6.0), **more)


def moment(day: int, hour: int = 0, minute: int = 0, second: int = 0) -> datetime:
    """In January 2026, UTC."""
    return datetime(2026, 1, day, hour, minute, second, tzinfo=UTC)
