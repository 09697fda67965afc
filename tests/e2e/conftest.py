"""One kind cluster for all end-to-end tests, made by `labgrade up` itself and removed afterwards."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from labgrade import course, kubeconfig
from labgrade.cluster import target, workspace
from labgrade.cluster.api import Api
from labgrade.cluster.workspace import Workspace
from labgrade.course import answers
from labgrade.engine import find
from labgrade.model import Lab
from labgrade.runid import new_run

LABGRADE = [sys.executable, "-m", "labgrade"]
SECONDS = 300


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Whatever stands in this folder needs a cluster."""
    here = Path(__file__).parent
    for item in items:
        if here in item.path.parents:
            item.add_marker("e2e")


@dataclass(frozen=True)
class Practice:
    """The practice cluster, as a student at a terminal has it."""

    name: str
    environment: Mapping[str, str]

    def labgrade(
        self, *words: str, seconds: float = SECONDS, extra: Mapping[str, str] | None = None
    ) -> subprocess.CompletedProcess[str]:
        """Runs the command to its end, with `extra` in its environment."""
        environment = {**self.environment, **(extra or {})}
        return subprocess.run(
            [*LABGRADE, *words], env=environment, capture_output=True, text=True, timeout=seconds, check=False
        )

    def started(self, *words: str) -> subprocess.Popen[str]:
        """Begins the command; the caller waits for it."""
        return subprocess.Popen(
            [*LABGRADE, *words], env=dict(self.environment), text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE
        )

    @property
    def kubeconfig(self) -> Path:
        """The grader's kubeconfig of this cluster."""
        return Path(self.environment["XDG_STATE_HOME"]) / "labgrade" / "clusters" / f"{self.name}.kubeconfig"

    def api(self, folder: Path) -> Api:
        """A connection of the test's own."""
        folder.mkdir()
        return Api(kubeconfig.read(self.kubeconfig), folder)


@pytest.fixture(scope="session")
def practice(tmp_path_factory: pytest.TempPathFactory) -> Generator[Practice]:
    """A cluster in a home of its own, so that nothing of the developer's is touched."""
    with _cluster(tmp_path_factory.mktemp("home")) as found:
        yield found


@pytest.fixture(scope="module")
def cilium(tmp_path_factory: pytest.TempPathFactory) -> Generator[Practice]:
    """The same with Cilium, for one module: two clusters and their tests are much for a small machine."""
    with _cluster(tmp_path_factory.mktemp("home"), "--cni", "cilium") as found:
        yield found


@contextmanager
def _cluster(home: Path, *words: str) -> Generator[Practice]:
    environment = {
        **os.environ,
        "XDG_STATE_HOME": str(home / "state"),
        "KUBECONFIG": str(home / "kubeconfig"),
        "LANG": "C.UTF-8",
        "LC_ALL": "C.UTF-8",
        "COLUMNS": "100",
    }
    cluster = Practice(f"labgrade-test-{new_run()}", environment)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_STATE_HOME", environment["XDG_STATE_HOME"])
        patch.setenv("KUBECONFIG", environment["KUBECONFIG"])
        try:
            up = cluster.labgrade("up", "--name", cluster.name, *words, seconds=1800)
            assert up.returncode == 0, up.stderr
            yield cluster
        finally:
            cluster.labgrade("down", "--name", cluster.name)


@dataclass(frozen=True)
class Work:
    """A lab's namespace on the practice cluster, for one test."""

    lab: Lab
    practice: Practice
    place: Workspace
    out: Path

    def put(self, answer: answers.Answer) -> None:
        """Applies an answer."""
        answers.apply(answer, self.place.namespace, self.place.environment)

    @property
    def options(self) -> list[str]:
        """What leads a command to this namespace and its results to this test's folder."""
        return ["--kubeconfig", str(self.practice.kubeconfig), "--namespace", self.place.namespace]

    def check(self, *words: str, **more: str) -> subprocess.CompletedProcess[str]:
        """`labgrade check` to its end."""
        return self.practice.labgrade("check", self.lab.id, *self.options, "--out", str(self.out), *words, extra=more)

    def check_started(self, *words: str) -> subprocess.Popen[str]:
        """`labgrade check`, begun."""
        return self.practice.started("check", self.lab.id, *self.options, "--out", str(self.out), *words)

    @property
    def result(self) -> dict[str, Any]:
        """result.json as it is now."""
        return json.loads((self.out / "result.json").read_text())

    @property
    def states(self) -> dict[str, str]:
        """State by check."""
        return {outcome["id"]: outcome["state"] for outcome in self.result["outcomes"]}


@pytest.fixture
def work(practice: Practice, tmp_path: Path, request: pytest.FixtureRequest) -> Generator[Work]:
    """A fresh namespace for the lab that the test names by `@pytest.mark.parametrize("work", [LAB], indirect=True)`."""
    lab = course.find(None).lab(request.param)
    namespace = f"{lab.namespace}-{new_run()}"
    with workspace.opened(target.resolve(str(practice.kubeconfig), None), namespace) as place:
        place.create()
        try:
            yield Work(lab, practice, place, tmp_path / "out")
        finally:
            place.abandon()


@pytest.fixture(scope="session")
def docker() -> dict[str, str]:
    """The environment in which `docker` reaches the engine that the cluster runs on."""
    return find().environment


def kill_hard(process: subprocess.Popen[str]) -> None:
    """Ends it by kill -9, and the grading process below it likewise."""
    children = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()
    process.send_signal(signal.SIGKILL)
    process.communicate()
    for child in children:
        try:
            os.kill(int(child), signal.SIGKILL)
        except ProcessLookupError:
            pytest.fail("the grading process had ended before it was killed")
