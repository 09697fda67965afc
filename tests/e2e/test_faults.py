"""Faults on the way to a real cluster: they may cost an answer, which is told, and never a point.

`LABGRADE_FAULT_SEEDS=1-50` soaks: each mixed test is run with all of these seeds instead of its own.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from labgrade import kubeconfig, result
from labgrade.course import answers
from labgrade.facts.reading import RESOURCES
from labgrade.home import home
from labgrade.patience import monotonic, until
from tests.support.faultproxy import MIXED, FaultProxy

from .conftest import Work
from .test_main_job import b01, e04

Outcomes = Mapping[str, tuple[str, float]]

SECONDS = 150
"""What a check may take with every third request going wrong, on a busy machine; without faults it takes five."""

KINDS: tuple[tuple[int | str, ...], ...] = (
    (429, 500, 503, "garbage", "delay"),
    ("close", "reset", "half", "lost", "cut"),
)
"""What the server says and what the network does: they are met together."""

KILL = "for each in /proc/[0-9]*; do [ $(cat $each/comm) = kube-apiserver ] && kill -9 ${each#/proc/}; done; true"

SHIFTED = """\
import datetime, time
AHEAD = 3600
class Shifted(datetime.datetime):
    @classmethod
    def now(cls, tz=None):
        return super().now(tz) + datetime.timedelta(seconds=AHEAD)
datetime.datetime = Shifted
true = time.time
time.time = lambda: true() + AHEAD
"""
"""A sitecustomize.py: Python's clock is an hour ahead."""


def seeds(*usual: int) -> list[int]:
    """The usual seeds, or those that a soak asks for."""
    first, _, last = os.environ.get("LABGRADE_FAULT_SEEDS", "").partition("-")
    return list(range(int(first), int(last or first) + 1)) if first else list(usual)


@dataclass(frozen=True)
class Trial:
    """A lab's namespace that is graded with and without faults on the way."""

    work: Work
    proxy: FaultProxy
    faulty: Path
    """A kubeconfig that leads through the proxy."""

    def through(self, kubeconfig: Path, name: str) -> tuple[Outcomes, int]:
        """One check: its outcomes, which are whole and in time, and its exit code."""
        began, out = monotonic(), self.work.out / name
        words = ["--kubeconfig", str(kubeconfig), "--namespace", self.work.place.namespace, "--out", str(out)]
        done = self.work.practice.labgrade("check", self.work.lab.id, *words, seconds=SECONDS)
        assert "Traceback" not in done.stdout + done.stderr
        graded = result.read(out / result.FILE_NAME)
        assert graded.finished, f"after {monotonic() - began:.0f} s:\n{done.stdout}{done.stderr}"
        assert graded.possible == 20
        assert (done.returncode == 3) == (not graded.complete), done.stdout + done.stderr
        return {found.id: (found.state, found.earned) for found in graded.outcomes}, done.returncode

    def baseline(self) -> Outcomes:
        """What comes out where nothing goes wrong."""
        return self.through(self.work.practice.kubeconfig, "baseline")[0]

    def assert_same_but_errors(self, baseline: Outcomes, *kinds: int | str, rate: float) -> None:
        """With such faults each check has the state and points of the baseline, or is in error; nothing is missing."""
        self.proxy.fault(*kinds, rate=rate, retry_after=1)
        found, _ = self.through(self.faulty, "faulty")
        done = dict(self.proxy.done)
        self.proxy.heal()
        assert done, "nothing went wrong: this proves nothing"
        assert found.keys() == baseline.keys(), f"a result was lost to {done}"
        fine = {name: {baseline[name], ("error", 0)} for name in baseline}
        wrong = {name: (baseline[name], found[name]) for name in found if found[name] not in fine[name]}
        assert not wrong, f"without and with {done}: {wrong}"

    def assert_nothing_left(self, folder: Path) -> None:
        """No namespace of ours, no Lease, no journal."""
        api = self.work.practice.api(folder)

        def left() -> list[str]:
            return [
                found["metadata"]["name"]
                for kind in ("Namespace", "Lease", "ConfigMap")
                for found in api.get(RESOURCES[kind].path(), labelSelector="app.kubernetes.io/managed-by=labgrade")[
                    "items"
                ]
            ]

        assert until(lambda: not left(), seconds=60), left()


@pytest.fixture
def seed(request: pytest.FixtureRequest) -> int:
    """Where the proxy's dice begin: 1, or what the test names by `parametrize("seed", …, indirect=True)`."""
    return getattr(request, "param", 1)


@pytest.fixture
def trial(work: Work, tmp_path: Path, seed: int) -> Iterator[Trial]:
    """A trial whose proxy has the test's seed."""
    folder = tmp_path / "proxy"
    folder.mkdir()
    with FaultProxy(kubeconfig.read(work.practice.kubeconfig), folder, seed=seed) as proxy:
        yield Trial(work, proxy, proxy.kubeconfig(folder))


@b01
def test_no_kind_of_fault_changes_a_verdict(trial: Trial, tmp_path: Path) -> None:
    """A wrong port: some checks pass, some fail, some are blocked, and a third of all requests goes wrong."""
    trial.work.put(answers.mistake(trial.work.lab, "service-wrong-port"))
    baseline = trial.baseline()
    assert {state for state, _ in baseline.values()} == {"passed", "failed", "blocked"}
    for kinds in KINDS:
        trial.assert_same_but_errors(baseline, *kinds, rate=0.3)
    trial.assert_nothing_left(tmp_path / "api")


@b01
@pytest.mark.parametrize("seed", seeds(7), indirect=True)
def test_a_right_answer_loses_no_point(trial: Trial, tmp_path: Path) -> None:
    """Everything goes wrong now and then; what was looked at is earned, what was not is told."""
    trial.work.put(answers.solution(trial.work.lab))
    trial.assert_same_but_errors(_full(trial), *MIXED, rate=0.3)
    trial.assert_nothing_left(tmp_path / "api")


@e04
@pytest.mark.parametrize("seed", seeds(3), indirect=True)
def test_what_is_disturbed_under_faults_is_restored_once(trial: Trial, tmp_path: Path) -> None:
    """Claims and volumes stay the ones they were, the number of replicas comes back, and nothing is left to restore."""
    trial.work.put(answers.solution(trial.work.lab))
    place = trial.work.place
    place.kubectl("rollout", "status", "statefulset/web", "-n", place.namespace, seconds=SECONDS)
    before = _possessions(trial)
    trial.assert_same_but_errors(_full(trial), *MIXED, rate=0.25)
    assert _possessions(trial) == before
    trial.assert_nothing_left(tmp_path / "api")


@b01
def test_commands_in_containers_that_break_off_are_no_answers(trial: Trial) -> None:
    """Half the output, or all of it and no exit code: the first two are asked again, more end in `error`."""
    trial.work.put(answers.solution(trial.work.lab))
    for what in ("half", "lost"):
        trial.proxy.fault(what, words="/exec", times=1)
    outcomes, code = trial.through(trial.faulty, "twice")
    assert trial.proxy.done == {"half": 1, "lost": 1}
    assert (code, {state for state, _ in outcomes.values()}) == (0, {"passed"})
    trial.proxy.fault("lost", words="/exec")
    outcomes, code = trial.through(trial.faulty, "always")
    assert (code, {state for state, _ in outcomes.values()}) == (3, {"passed", "error"})


@b01
def test_a_restarted_api_server_costs_no_point(work: Work, docker: dict[str, str], tmp_path: Path) -> None:
    """It is killed in the middle of a check, and its kubelet starts it again: right outcomes, or errors."""
    work.put(answers.solution(work.lab))
    node = f"{work.practice.name}-control-plane"
    process = work.check_started()
    assert until(lambda: (work.out / "result.json").is_file() and work.result["outcomes"], seconds=60, every=0.05)
    subprocess.run(["docker", "exec", node, "sh", "-c", KILL], env=docker, check=True, capture_output=True)
    _, said = process.communicate(timeout=SECONDS)
    assert process.returncode in {0, 3}, said
    assert "Traceback" not in said
    assert set(work.states.values()) <= {"passed", "error"}
    assert work.result["possible"] == 20
    again = replace(work, out=tmp_path / "again")
    assert until(lambda: again.check().returncode == 0, seconds=180, every=1)
    _wait_for_controllers(work)


@b01
def test_a_stopped_node_is_told_in_words(work: Work, docker: dict[str, str]) -> None:
    """With one of two workers off, what runs on the other is right, and a failure names what the cluster shows."""
    work.put(answers.solution(work.lab))
    node = f"{work.practice.name}-worker2"
    subprocess.run(["docker", "stop", "--time", "0", node], env=docker, check=True, capture_output=True)
    try:
        checked = work.check("--no-disturb", "--timeout", "10")
    finally:
        subprocess.run(["docker", "start", node], env=docker, check=True, capture_output=True)
        waited = ["wait", "--for=condition=Ready", f"node/{node}", "--timeout=120s"]
        work.place.kubectl(*waited, seconds=SECONDS)
    assert "Traceback" not in checked.stdout + checked.stderr
    assert checked.returncode in {1, 3}
    assert work.result["possible"] == 20
    for outcome in work.result["outcomes"]:
        assert outcome["state"] == "passed" or outcome["saw"]["fr"], outcome


@b01
def test_a_clock_that_is_an_hour_ahead_changes_nothing(work: Work, tmp_path: Path) -> None:
    """Leases, ages and probe delays go by the cluster's clock; a foreign grader's fresh Lease is not taken over."""
    (tmp_path / "sitecustomize.py").write_text(SHIFTED)
    work.put(answers.solution(work.lab))
    command = [sys.executable, "-m", "pytest", f"--rootdir={home()}", "-c", str(home() / "pyproject.toml")]
    command += ["-p", "labgrade.plugin", *work.options, str(work.lab.folder / "test_lab.py")]
    environment = {**work.practice.environment, "PYTHONPATH": str(tmp_path)}
    done = subprocess.run(
        command, env=environment, cwd=home(), capture_output=True, text=True, timeout=SECONDS, check=False
    )
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-1000:]
    assert "20 / 20" in done.stdout


def _full(trial: Trial) -> Outcomes:
    """Every check passed, with all its points."""
    return {check.id: ("passed", check.points) for check in trial.work.lab.checks}


def _possessions(trial: Trial) -> list[str]:
    """The student's StatefulSet with its replicas, and claims with their volumes, by UID."""
    place = trial.work.place
    shown = "{range .items[*]}{.metadata.uid} {.spec.volumeName}{.spec.replicas}{'\\n'}{end}"
    words = ["get", "statefulsets,persistentvolumeclaims", "-n", place.namespace, "-o", f"jsonpath={shown}"]
    return sorted(place.kubectl(*words).splitlines())


def _wait_for_controllers(work: Work) -> None:
    """Returns once they are at work again: they end when the API server is away, and new namespaces stay empty."""
    namespace = f"{work.place.namespace}-new"
    account = ["get", "serviceaccount", "default", "-n", namespace, "--ignore-not-found", "-o", "name"]
    work.place.kubectl("create", "namespace", namespace)
    try:
        assert until(lambda: work.place.kubectl(*account), seconds=120, every=0.5)
    finally:
        work.place.kubectl("delete", "namespace", namespace, "--wait=false")
