"""What is graded and what came out of it: plain, frozen data without behaviour of its own."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from labgrade.text import Text

State = Literal["passed", "failed", "blocked", "skipped", "error"]
STATES: tuple[State, ...] = ("passed", "failed", "blocked", "skipped", "error")

FULL_GRADE = 20
"""A lab's points add up to this, and grades are given out of it."""

Cni = Literal["default", "cilium"]
CNIS: tuple[Cni, ...] = ("default", "cilium")
"""Pod networks that a cluster of ours can have; the default is kind's own."""

COMPONENTS = ("cilium-envoy", "hubble-ui", "kindnet")
"""What a machine without a container registry may lack: nothing makes these images there."""


@dataclass(frozen=True, slots=True)
class Check:
    """One line of the rubric: one graded question, answered by the function `test_<id>`."""

    id: str
    points: float
    title: Text
    hint: Text
    needs: tuple[str, ...] = ()
    """Ids of the checks that must pass first."""
    disturbs: Text | None = None
    """What the check deletes, restarts or scales, told to the student beforehand; None: it only looks."""
    optional: str | None = None
    """The optional component whose absence skips the check."""


@dataclass(frozen=True, slots=True)
class Mistake:
    """A recorded wrong answer and exactly what it must lose."""

    name: str
    failed: tuple[str, ...]
    blocked: tuple[str, ...]
    earned: dict[str, float] = field(default_factory=dict[str, float])
    """Partial credit: points that a failed check must still earn."""


@dataclass(frozen=True, slots=True)
class Unproven:
    """What cannot be proven of a lab where a component is lacking."""

    component: str
    checks: tuple[str, ...] = ()
    """Ids of checks whose outcome says nothing there."""
    cases: tuple[str, ...] = ()
    """Answers that cannot be graded there: `starter`, `solution`, or a mistake's name."""


@dataclass(frozen=True, slots=True)
class Lab:
    """A lab as its lab.yaml describes it."""

    folder: Path
    id: str
    title: Text
    namespace: str
    checks: tuple[Check, ...]
    images: tuple[str, ...] = ()
    """Public images the lab's answers use, each `name:tag@sha256:digest`."""
    kubernetes: tuple[int, int] = (1, 29)
    """The least version, major and minor, of a cluster that it is graded on."""
    timeout: float = 60.0
    """Seconds that a cluster gets to become what the checks ask for, before it counts as it is."""
    cluster: str | None = None
    """Name of the kind cluster that students make for this lab; None: it is done on the practice cluster."""
    minutes: float | None = None
    """How long a student needs, as the author thinks; None where nobody said."""
    cni: Cni = "default"
    """The Pod network that it is made for. With a `cluster` of its own, its answers install that network."""
    unproven: tuple[Unproven, ...] = ()

    def check(self, check_id: str) -> Check:
        """The check of that id; KeyError when there is none."""
        for check in self.checks:
            if check.id == check_id:
                return check
        raise KeyError(check_id)


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of one check."""

    id: str
    title: Text
    state: State
    points: float
    earned: float
    seconds: float
    hint: Text
    saw: Text = Text("", "")
    wanted: Text = Text("", "")
    try_: Text = Text("", "")
    evidence: tuple[str, ...] = ()
    blocked_by: tuple[str, ...] = ()
    """Of a blocked check: ids of the failed checks at the root of it, the one to mend first in front."""


@dataclass(frozen=True, slots=True)
class ClusterInfo:
    """Which cluster was graded; `uid` is that of its kube-system namespace."""

    name: str
    uid: str
    version: str


@dataclass(frozen=True, slots=True)
class Student:
    """Whose work it is, in a cohort."""

    id: str
    name: str


@dataclass(frozen=True, slots=True)
class LabResult:
    """A graded lab: the source of every report."""

    lab_id: str
    lab_title: Text
    tool_version: str
    course_digest: str
    run: str
    cluster: ClusterInfo
    started: str
    """RFC 3339, UTC."""
    finished: str | None
    possible: float
    """Points of all checks of the lab, less those of the skipped ones."""
    outcomes: tuple[Outcome, ...]
    not_run: tuple[str, ...] = ()
    """Checks without an outcome: left out by an option, or the run ended before them."""
    note: Text = Text("", "")
    """Why the run ended early, if it did."""
    student: Student | None = None
    remarks: tuple[Text, ...] = ()
    """What there is to say of what was handed in, such as a manifest that the cluster refused."""

    @property
    def earned(self) -> float:
        """Points earned so far."""
        return round(sum(outcome.earned for outcome in self.outcomes), 2)

    @property
    def grade(self) -> float:
        """Earned of possible, out of 20; 0 where nothing was possible."""
        if not self.possible:
            return 0.0
        # Never above 20, though `earned` is rounded and may exceed `possible` by half a hundredth.
        return min(round(self.earned / self.possible * FULL_GRADE, 2), float(FULL_GRADE))

    @property
    def complete(self) -> bool:
        """Every check was looked at, none ended in `error`: only then is the grade one."""
        return not self.not_run and all(outcome.state != "error" for outcome in self.outcomes)

    @property
    def perfect(self) -> bool:
        """Complete, everything earned, and there was something to earn."""
        return self.complete and self.possible > 0 and self.earned >= self.possible


Json = dict[str, Any]
"""An object as the Kubernetes API or a JSON file has it."""
