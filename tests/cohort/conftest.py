"""A class whose clusters answer on loopback, and `labgrade grade` as a trainer types it."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
import yaml

from labgrade import result
from labgrade.cohort.model import CohortResult, Mark
from labgrade.cohort.records import cohortform
from labgrade.model import Json, LabResult
from labgrade.patience import until
from tests.support.apiserver import ApiServer
from tests.support.course import check, write_course, write_lab

SECONDS = 120
"""What a busy machine may need for a batch of a few seconds."""

CHECKS = check("there", 8) + check("served", 7) + check("right", 5, "needs: [there]")

SUITE = """
import os, signal, threading

from labgrade.facts import ConfigMap

def moods(cluster):
    found = ConfigMap(cluster.reading, cluster.namespace, "mood")
    return (found.data.get("mood") or "") if found.exists else ""

def test_there(cluster):
    mood = moods(cluster)
    if mood == "hangs":
        threading.Event().wait(600)
    if mood == "deaf":
        signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGINT, signal.SIGALRM])
        threading.Event().wait(600)
    if mood == "slow":
        threading.Event().wait(3)
        cluster.pods()
    if mood == "crashes":
        os.abort()
    if mood in {"floods", "drowns"}:
        for _ in range(30 if mood == "floods" else 300):
            print("x" * 1_000_000)
    if mood == "eats":
        bytearray(4 << 30)
    if mood == "curious":
        raise RuntimeError(" ".join(sorted(os.environ)) + os.getcwd())
    assert mood

def test_served(cluster):
    assert moods(cluster) != "lazy"

def test_right(cluster): ...
"""
"""What a student's ConfigMap `mood` says decides what grading them does to the process that tries."""


class Class:
    """Students with a cluster each, a course of one lab, and a folder for what comes out."""

    def __init__(self, folder: Path, stack: ExitStack) -> None:
        self.folder, self._stack = folder, stack
        self.course = write_course(folder / "course")
        write_lab(self.course, "b01", CHECKS, SUITE, timeout=0.2)
        self.out = folder / "out"
        self.servers: dict[str, ApiServer] = {}
        self.students: list[Json] = []
        (folder / "tmp").mkdir()
        self.environment = {
            **os.environ,
            "HOME": str(folder),
            "LANG": "C.UTF-8",
            "LC_ALL": "C.UTF-8",
            "TMPDIR": str(folder / "tmp"),
            "SECRET_OF_THE_TRAINER": "1",
        }

    def student(self, name: str, mood: str = "good", /, **more: object) -> ApiServer:
        """One more, with a cluster of their own."""
        server = self._stack.enter_context(ApiServer(tls=True))
        server.token = "secret"
        server.put("ConfigMap", "mood", "lab", data={"mood": mood})
        (self.folder / name).mkdir()
        path = server.kubeconfig(self.folder / name)
        self.servers[name] = server
        self.students.append({"id": name, "kubeconfig": str(path), **more})
        return server

    def write(self, **more: object) -> Path:
        """COHORT.yaml with all of them."""
        path = self.folder / "cohort.yaml"
        keys = {"lab": "b01", "students": self.students, **more}
        path.write_text(yaml.safe_dump({key: value for key, value in keys.items() if value is not None}))
        return path

    def start(
        self, *words: str, before: Sequence[str] = (), stdout: int = subprocess.PIPE, **more: object
    ) -> subprocess.Popen[str]:
        """Types it, behind another command or not, and does not wait."""
        where = ["--course", str(self.course), "--out", str(self.out)]
        return subprocess.Popen(
            [*before, sys.executable, "-m", "labgrade", "grade", str(self.write(**more)), *where, *words],
            text=True,
            cwd=self.folder,
            env=self.environment,
            stdin=subprocess.DEVNULL,
            stdout=stdout,
            stderr=subprocess.STDOUT,
        )

    def grade(self, *words: str, **more: Any) -> tuple[int, str]:
        """Types it, and gets exit code and screen."""
        child = self.start(*words, before=(), stdout=subprocess.PIPE, **more)
        screen, _ = child.communicate(timeout=SECONDS)
        return child.returncode, screen

    @property
    def graded(self) -> CohortResult:
        """What cohort.json says."""
        return cohortform.read(self.out / "cohort.json")

    @property
    def marks(self) -> dict[str, Mark]:
        """Everybody's mark."""
        return {row.student.id: row.marks[0] for row in self.graded.rows}

    @property
    def grades(self) -> dict[str, float | None]:
        """Everybody's grade."""
        return {name: mark.grade for name, mark in self.marks.items()}

    def result(self, name: str) -> LabResult:
        """A student's own result."""
        return result.read(self.out / "students" / name / "result.json")

    def kept(self, count: int) -> bool:
        """Whether so many results are there, with patience."""
        return bool(
            until(lambda: len(list(self.out.glob("students/*/result.json"))) >= count, seconds=SECONDS, every=0.02)
        )

    @property
    def leased(self) -> list[str]:
        """Whose clusters are still being graded."""
        return [name for name, each in self.servers.items() if each.find("Lease", "labgrade", "kube-system")]

    @property
    def left(self) -> list[str]:
        """What lies about in the folder for temporary files."""
        return [path.name for path in (self.folder / "tmp").iterdir()]


@pytest.fixture(autouse=True)
def _own_state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What pools write down is each test's own."""
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))


@pytest.fixture
def group(tmp_path: Path) -> Iterator[Class]:
    """A class without students yet."""
    with ExitStack() as stack:
        yield Class(tmp_path, stack)
