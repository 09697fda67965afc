"""Trouble on a real cluster: ours is never the student's, and nothing is lost or left behind."""

from __future__ import annotations

import signal
import subprocess
from pathlib import Path

import pytest
import yaml

from labgrade import engine
from labgrade.course import answers
from labgrade.facts.reading import RESOURCES
from labgrade.patience import until

from .conftest import Practice, Work, kill_hard
from .test_main_job import b01, e04

SCALED = "claims_kept"
"""The check of e04 that scales the StatefulSet down and up again."""


def _replicas(work: Work) -> int:
    words = work.place.kubectl(
        "get", "statefulset", "web", "-n", work.place.namespace, "-o", "jsonpath={.spec.replicas}"
    )
    return int(words)


def _until_scaled_down(work: Work, before: int) -> None:
    assert until(lambda: _replicas(work) < before, seconds=90, every=0.1), "the check never scaled"


@e04
def test_kill_in_the_middle_of_a_disturbing_check_is_mended_by_the_next_run(work: Work) -> None:
    """A killed run leaves the StatefulSet scaled; the next one restores it before it grades, and earns everything."""
    work.put(answers.solution(work.lab))
    before = _replicas(work)
    process = work.check_started()
    _until_scaled_down(work, before)
    kill_hard(process)
    assert work.result["finished"] is None
    assert SCALED in work.result["not_run"]
    again = work.check()
    assert again.returncode == 0, again.stdout + again.stderr
    assert _replicas(work) == before


@e04
def test_ctrl_c_in_the_middle_of_a_disturbing_check_restores_at_once(work: Work, tmp_path: Path) -> None:
    """Exit code 130, a whole result that says so, the replicas as before, and nothing of ours left."""
    work.put(answers.solution(work.lab))
    before = _replicas(work)
    process = work.check_started()
    _until_scaled_down(work, before)
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=60)
    assert process.returncode == 130
    assert work.result["note"]["en"]
    assert work.result["finished"]
    assert SCALED in work.result["not_run"]
    assert _replicas(work) == before
    _assert_nothing_left(work.practice, tmp_path)


@b01
def test_two_graders_at_once_are_kept_apart(work: Work) -> None:
    """The second one is told who grades, loses nobody a point, and does no harm."""
    work.put(answers.starter(work.lab))
    work.place.kubectl("create", "deployment", "web", "--image=none.invalid/nothing:1", "-n", work.place.namespace)
    first = work.check_started("--timeout", "20")
    assert until(lambda: (work.out / "result.json").is_file() and work.result["cluster"]["uid"], seconds=30)
    second = work.practice.labgrade("check", work.lab.id, *work.options, "--out", str(work.out.parent / "second"))
    assert second.returncode == 3
    assert "another labgrade is grading" in second.stderr
    first.communicate(timeout=120)
    assert first.returncode == 1


@b01
def test_a_cluster_that_vanishes_costs_no_point(work: Work, docker: dict[str, str]) -> None:
    """The API server stops answering in the middle: `error`, exit code 3, all points still possible."""
    work.put(answers.solution(work.lab))
    node = f"{work.practice.name}-control-plane"
    process = work.check_started()
    assert until(lambda: (work.out / "result.json").is_file() and work.result["outcomes"], seconds=30, every=0.05)
    subprocess.run(["docker", "pause", node], env=docker, check=True, capture_output=True)
    try:
        process.communicate(timeout=240)
    finally:
        subprocess.run(["docker", "unpause", node], env=docker, check=True, capture_output=True)
    assert process.returncode == 3
    assert work.result["possible"] == 20
    assert "failed" not in work.states.values()
    assert "error" in work.states.values()
    assert until(lambda: work.check().returncode == 0, seconds=180, every=2)


@b01
def test_a_missing_probe_image_is_our_trouble(work: Work) -> None:
    """Only what the probe would have asked ends in `error`; the rest is graded."""
    work.put(answers.solution(work.lab))
    checked = work.check(LABGRADE_PROBE_IMAGE="none.invalid/probe:1")
    assert checked.returncode == 3
    assert set(work.states.values()) == {"passed", "error"}
    assert work.result["possible"] == 20
    errors = [outcome for outcome in work.result["outcomes"] if outcome["state"] == "error"]
    assert "none.invalid/probe:1" in errors[0]["saw"]["en"]


@pytest.mark.parametrize("work", ["d02-network-policies"], indirect=True)
def test_a_network_that_ignores_policies_costs_no_point(work: Work) -> None:
    """The right policies, and everything gets through: nothing can be said of them, and that is said."""
    if engine.find().node_image is None:
        pytest.skip("kind's own network enforces policies; the one of our node image does not")
    work.put(answers.solution(work.lab))
    done = work.check()
    assert done.returncode == 3, done.stdout
    assert (work.states["denied"], work.states["lets_in"]) == ("passed", "passed")
    assert "failed" not in work.states.values()
    closed = next(outcome for outcome in work.result["outcomes"] if outcome["id"] == "ingress_closed")
    assert closed["state"] == "error"
    assert "ignores NetworkPolicies" in closed["saw"]["en"]


@b01
def test_an_account_without_permission_is_told_so(work: Work, tmp_path: Path) -> None:
    """A kubeconfig that may look at nothing ends with one sentence and exit code 3."""
    name = work.place.namespace
    work.place.kubectl("create", "serviceaccount", "nobody", "-n", name)
    token = work.place.kubectl("create", "token", "nobody", "-n", name).strip()
    data = yaml.safe_load(work.practice.kubeconfig.read_text())
    data["users"][0]["user"] = {"token": token}
    weak = tmp_path / "weak.yaml"
    weak.write_text(yaml.safe_dump(data))
    checked = work.practice.labgrade("check", work.lab.id, "--kubeconfig", str(weak), "--out", str(tmp_path / "out"))
    assert checked.returncode == 3
    assert "may not look at the cluster" in checked.stderr
    assert (tmp_path / "out" / "result.json").is_file()


@b01
def test_a_cluster_that_is_not_there_is_told_so(work: Work, tmp_path: Path) -> None:
    """Nothing listens at the address: one sentence, exit code 3, a result that says so."""
    data = yaml.safe_load(work.practice.kubeconfig.read_text())
    data["clusters"][0]["cluster"]["server"] = "https://127.0.0.1:9"
    dead = tmp_path / "dead.yaml"
    dead.write_text(yaml.safe_dump(data))
    checked = work.practice.labgrade("check", work.lab.id, "--kubeconfig", str(dead), "--out", str(tmp_path / "out"))
    assert checked.returncode == 3
    assert "nothing answers at" in checked.stderr
    assert "Traceback" not in checked.stderr


@b01
def test_nothing_of_ours_is_left_after_a_check(work: Work, tmp_path: Path) -> None:
    """No namespace, no Lease, no journal."""
    work.put(answers.starter(work.lab))
    work.check()
    _assert_nothing_left(work.practice, tmp_path)


def _assert_nothing_left(practice: Practice, tmp_path: Path) -> None:
    api = practice.api(tmp_path / "connection")

    def left() -> list[str]:
        return [
            found["metadata"]["name"]
            for kind in ("Namespace", "Lease", "ConfigMap", "Pod")
            for found in api.get(RESOURCES[kind].path(), labelSelector="app.kubernetes.io/managed-by=labgrade")["items"]
        ]

    assert until(lambda: not left(), seconds=60), left()
