"""A cohort before and after it is graded: plain, frozen data without behaviour of its own."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Literal, TypeAlias

from labgrade.model import LabResult, State, Student
from labgrade.text import Text

Counting = Literal["best", "last", "first"]
COUNTINGS: tuple[Counting, ...] = ("best", "last", "first")
"""Which of several attempts at a lab counts."""


@dataclass(frozen=True, slots=True)
class ByKubeconfig:
    """A cluster of the student's, or a part of one, reached by a file of theirs."""

    file: Path
    context: str | None = None
    """None: the file's current context."""
    namespace: str | None = None
    """Where the work is; None: the lab's own."""


@dataclass(frozen=True, slots=True)
class ByContext:
    """Likewise, reached by a context of the trainer's own kubeconfig."""

    context: str
    namespace: str | None = None


@dataclass(frozen=True, slots=True)
class BySubmission:
    """An answer that was handed in: a folder, a zip file, or a revision of a git repository."""

    path: Path
    revision: str | None = None
    """A commit, tag or branch of the git repository at `path`; None: `path` is taken as it lies there."""


Source: TypeAlias = ByKubeconfig | ByContext | BySubmission


@dataclass(frozen=True, slots=True)
class Member:
    """One student of a cohort."""

    student: Student
    source: Source
    email: str = ""
    submitted: datetime | None = None
    """When it was handed in, as the roster says, with a time zone; None: nobody said."""
    more: Mapping[str, str] = field(default_factory=dict[str, str])
    """What gradebooks know the student by, under the roster's own column names: MORE."""


MORE = ("username", "idnumber", "section", "canvas_id", "sis_user_id", "sis_login_id", "github")
"""Columns of a roster that are only handed on to exports."""


@dataclass(frozen=True, slots=True)
class Late:
    """What lateness costs."""

    percent: float
    """Of the grade, taken off for every `hours` that have begun since the deadline."""
    hours: float = 24.0
    most: float = 100.0
    """Never more than so many percent."""


@dataclass(frozen=True, slots=True)
class Limits:
    """How long and how large things may become."""

    check: float = 180.0
    """Seconds of one check."""
    student: float = 1200.0
    """Seconds of one student's lab, from the first moment to the last."""
    whole: float | None = None
    """Seconds of the whole batch; None: as long as it takes."""
    memory: int = 1024
    """MiB of data that the process of one student's lab may hold."""


@dataclass(frozen=True, slots=True)
class Cohort:
    """COHORT.yaml."""

    path: Path
    labs: tuple[str, ...]
    members: tuple[Member, ...]
    title: str = ""
    servers: tuple[str, ...] = ()
    """Hosts besides this machine that kubeconfigs of students may lead to."""
    counts: Counting = "best"
    deadlines: Mapping[str, datetime] = field(default_factory=dict[str, datetime])
    """By lab; one that is missing has none."""
    late: Late | None = None
    """None: lateness is shown and costs nothing."""
    limits: Limits = Limits()


@dataclass(frozen=True, slots=True)
class Attempt:
    """One grading of one student's lab."""

    student: str
    """The id."""
    lab: str
    round: int
    """The run of the command that it belongs to, from 1; a resumed run is the same round."""
    result: LabResult
    """Complete, or with a note that says why it is not."""
    seconds: float
    ours: bool = True
    """Of an incomplete one: whether we are the reason, and not what was handed in."""
    submission: str = ""
    """Digest of what was handed in; empty for a cluster."""
    submitted: str = ""
    """When it was handed in, RFC 3339 in UTC; empty: the beginning of the grading counts."""
    notes: tuple[Text, ...] = ()
    """What a trainer should know of it, such as a manifest that the API server refused."""


@dataclass(frozen=True, slots=True)
class CheckHead:
    """A column of the cohort: one check."""

    id: str
    title: Text
    points: float


@dataclass(frozen=True, slots=True)
class LabHead:
    """A lab of the cohort."""

    id: str
    title: Text
    checks: tuple[CheckHead, ...]


@dataclass(frozen=True, slots=True)
class Tally:
    """An outcome in short."""

    id: str
    state: State
    points: float
    earned: float
    saw: Text = Text("", "")
    """Cut to a few hundred characters."""


@dataclass(frozen=True, slots=True)
class Mark:
    """What a student has for a lab: the attempt that counts."""

    lab: str
    grade: float | None
    """Out of 20, less the penalty; None where there is none yet: blank, never 0."""
    earned: float = 0.0
    possible: float = 0.0
    outcomes: tuple[Tally, ...] = ()
    not_run: tuple[str, ...] = ()
    because: Text = Text("", "")
    """Why there is no grade; empty where there is one."""
    ours: bool = False
    """Where there is none: whether we are the reason, and not what was handed in."""
    late: float = 0.0
    """Hours after the deadline; 0 where it was in time."""
    penalty: float = 0.0
    """Taken off the grade, out of 20."""
    attempt: int = 0
    """Which one counts, from 1; 0 where there was none."""
    attempts: int = 0
    started: str = ""
    seconds: float = 0.0
    folder: str = ""
    """Where the reports are, relative to the cohort's folder, with `/`; empty where there are none."""
    notes: tuple[Text, ...] = ()


@dataclass(frozen=True, slots=True)
class Row:
    """One student's marks, one for each lab in the cohort's order."""

    student: Student
    marks: tuple[Mark, ...]
    email: str = ""
    more: Mapping[str, str] = field(default_factory=dict[str, str])


@dataclass(frozen=True, slots=True)
class Change:
    """A grade that another rubric or another course made of the same work."""

    student: str
    lab: str
    before: float | None
    after: float | None
    checks: tuple[str, ...] = ()
    """Ids of the checks that earn, or are worth, more or less than they did."""


@dataclass(frozen=True, slots=True)
class Alike:
    """Students whose work is the same: pointed out, never judged."""

    what: Literal["cluster", "submission"]
    lab: str
    students: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class CohortResult:
    """A graded cohort: the source of every report on it, as cohort.json stores it."""

    title: str
    labs: tuple[LabHead, ...]
    rows: tuple[Row, ...]
    started: str
    finished: str | None
    """None: it was interrupted, or is under way."""
    tool_version: str
    course_digest: str
    counts: Counting = "best"
    changes: tuple[Change, ...] = ()
    alike: tuple[Alike, ...] = ()

    @property
    def complete(self) -> bool:
        """Whether every student has a grade for every lab."""
        return all(mark.grade is not None for row in self.rows for mark in row.marks)
