"""One grader in one process: what it refuses, and that an interrupt reaches every stage of a task."""

from __future__ import annotations

import tempfile
import threading
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from labgrade.cohort.grader import Grader, LocalCrew
from labgrade.cohort.practice import pool
from labgrade.cohort.task import Submission, Task
from labgrade.course import Course
from labgrade.errors import HarnessError
from labgrade.grading.process import INTERRUPTED
from labgrade.model import Student
from tests.support.course import check, write_course, write_lab

SECONDS = 20
HANDED_IN = Submission({"10-web.yaml": b""}, "sha256:1")


@pytest.fixture
def course(tmp_path: Path) -> Course:
    """One lab, whose suite must not be reached."""
    found = Course(write_course(tmp_path / "course"))
    folder = write_lab(found.folder, "b01", check("there", 20), "raise SystemExit\n")
    (folder / "starter").mkdir()
    (folder / "solution").mkdir()
    return found


@pytest.fixture
def task(course: Course) -> Task:
    """A submission for it."""
    return Task(Student("ada", "Ada"), "b01", course.digest(), submission=HANDED_IN)


class SlowPool:
    """Its one cluster is not there before it is closed."""

    asked = threading.Event()

    def __init__(self, *_: object, **__: object) -> None:
        self.closed = threading.Event()

    @contextmanager
    def lent(self, *_: object, **__: object) -> Generator[None]:
        """None, once it is closed."""
        self.asked.set()
        assert self.closed.wait(SECONDS)
        raise HarnessError("no clusters are lent any more")
        yield

    def close(self) -> None:
        """Lets everybody go."""
        self.closed.set()


def test_an_interrupt_reaches_who_waits_for_a_cluster(
    task: Task, course: Course, monkeypatch: pytest.MonkeyPatch
) -> None:
    """At once; the result says that it was interrupted, not that something failed, and nothing more is begun."""
    monkeypatch.setattr(pool, "Pool", SlowPool)
    said = list[str]()
    grader = Grader(course, say=said.append)
    crew = LocalCrew(grader, jobs=1, clusters=1)
    first, second = crew.hand_out(task), crew.hand_out(task)
    assert SlowPool.asked.wait(SECONDS)
    crew.interrupt()
    assert first.result(SECONDS).result.note == INTERRUPTED
    assert second.cancelled()
    crew.close()
    assert grader.grade(task).result.note == INTERRUPTED
    assert said == ["removing the practice clusters"]


def test_another_course_is_another_graders_affair(task: Task, course: Course) -> None:
    """Whoever has it must grade; the sentence names both."""
    with pytest.raises(HarnessError, match=r"the course here is sha256:.* and sha256:other… is to judge"):
        Grader(course).grade(replace(task, course="sha256:other"))


def test_a_full_temporary_folder_is_named(
    task: Task, course: Course, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Ours, incomplete, with the system's own word for it."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "gone"))
    graded = Grader(course).grade(task)
    assert (graded.ours, graded.result.complete) == (True, False)
    assert "No such file or directory" in graded.result.note.en
    assert graded.result.student == task.student
