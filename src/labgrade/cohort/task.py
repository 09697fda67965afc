"""One student's lab to grade, as it is handed to whoever grades it, on this machine or on another."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from concurrent.futures import Future
from dataclasses import dataclass
from typing import Literal, Protocol, TypeAlias

from labgrade.cohort.model import Limits
from labgrade.model import LabResult, Student
from labgrade.text import Text


@dataclass(frozen=True, slots=True)
class Submission:
    """What was handed in for one lab: read, judged safe, and small enough to travel."""

    files: Mapping[str, bytes]
    """By path with `/`, relative to the answer's own folder, in the order in which they are applied."""
    digest: str
    """`sha256:…` over names and contents."""
    submitted: str = ""
    """When, RFC 3339 in UTC, where that is known (a commit's time)."""
    ignored: tuple[str, ...] = ()
    """Files that were handed in and are of no kind that answers have, such as a README."""


@dataclass(frozen=True, slots=True)
class Task:
    """Everything that grading needs, so that it can be done anywhere the same course is."""

    student: Student
    lab: str
    course: str
    """The course's digest: who has another one must not grade."""
    kubeconfig: bytes = b""
    """One that we wrote, with the one context `grader`; empty for a submission."""
    cluster: str = ""
    """Tells the student's clusters apart: server and authority; empty for a submission."""
    namespace: str | None = None
    submission: Submission | None = None
    limits: Limits = Limits()
    only: tuple[str, ...] = ()
    disturb: bool = True
    timeout: float | None = None
    context: str = ""
    """What the student or the trainer calls the cluster, for reports; untrusted."""
    shared: bool = False
    """Others of the batch have their work on the same cluster, in other namespaces."""

    @property
    def name(self) -> str:
        """What is unique of it in a batch, for people and for schedulers."""
        return f"{self.student.id}/{self.lab}"


@dataclass(frozen=True, slots=True)
class Progress:
    """Something that happened to a task under way."""

    student: str
    lab: str
    kind: Literal["waiting", "started", "check", "outcome", "ended"]
    """`waiting`: for a cluster to become free; `check`: one begins."""
    words: str = ""
    """Of a check or an outcome: the check's id."""
    earned: float = 0.0
    """Points so far."""


Told: TypeAlias = Callable[[Progress], None]


@dataclass(frozen=True, slots=True)
class Graded:
    """What came of a task."""

    result: LabResult
    """With a note that says why, where it is not complete; never without a result."""
    seconds: float
    ours: bool = True
    """Where it is not complete: whether we are the reason, and not what was handed in."""
    log: str = ""
    """The end of pytest's words, for the trainer."""
    notes: tuple[Text, ...] = ()


class Crew(Protocol):
    """Who grades tasks: processes of this machine, or workers on others."""

    def hand_out(self, task: Task) -> Future[Graded]:
        """Begins it as soon as there is room. The future fails only where nobody can grade it: HarnessError."""
        ...

    def interrupt(self) -> None:
        """Lets what is under way restore and end soon, and begins nothing more."""
        ...

    def close(self) -> None:
        """Ends every process, and removes every cluster, that it made."""
        ...
