"""The main job, end to end on a real cluster: start, check wrong, check right, and what is left on disk."""

from __future__ import annotations

import itertools
import json
import subprocess
import sys
from importlib.resources import files
from pathlib import Path

import jsonschema
import pytest
from junitparser import JUnitXml

from labgrade.course import answers
from labgrade.home import home

from .conftest import Practice, Work

B01, E04 = "b01-deployment-labels", "e04-statefulset"
b01 = pytest.mark.parametrize("work", [B01], indirect=True)
e04 = pytest.mark.parametrize("work", [E04], indirect=True)


def test_up_again_finds_the_cluster_there(practice: Practice) -> None:
    """A second `up` starts what is there and changes nothing."""
    again = practice.labgrade("up", "--name", practice.name)
    assert again.returncode == 0
    assert "there already" in again.stdout


@b01
def test_start_shows_the_handout_and_spares_existing_work(work: Work) -> None:
    """`start` puts the lab in place; over existing work it refuses until --reset."""
    first = work.practice.labgrade("start", B01, *work.options, "--lang", "fr")
    assert first.returncode == 0
    assert (work.lab.folder / "README.fr.md").read_text() in first.stdout
    work.place.kubectl("create", "configmap", "mine", "-n", work.place.namespace)
    refused = work.practice.labgrade("start", B01, *work.options)
    assert refused.returncode == 2
    assert "configmap/mine" in refused.stderr
    assert "--reset" in refused.stderr
    reset = work.practice.labgrade("start", B01, *work.options, "--reset", "--yes", "--quiet")
    assert reset.returncode == 0
    assert work.place.work() == []


@b01
def test_nothing_done_earns_nothing_and_hints_at_everything(work: Work) -> None:
    """The starting state: no point, each failed check with saw, wanted, try and hint."""
    work.put(answers.starter(work.lab))
    checked = work.check()
    assert checked.returncode == 1
    assert work.result["earned"] == 0
    assert work.result["complete"]
    assert set(work.states.values()) <= {"failed", "blocked"}
    for outcome in work.result["outcomes"]:
        if outcome["state"] == "failed":
            assert outcome["saw"]["fr"]
            assert outcome["hint"]["fr"] in work.lab.check(outcome["id"]).hint.fr
    assert "0 / 20" in checked.stdout


@b01
def test_the_reference_answer_earns_everything_and_reports_are_whole(work: Work) -> None:
    """Full marks, exit code 0, and three files that the tools people have can read."""
    work.put(answers.solution(work.lab))
    checked = work.check("--lang", "fr")
    assert checked.returncode == 0, checked.stdout + checked.stderr
    assert "20 / 20" in checked.stdout
    schema = json.loads((files("labgrade") / "schemas" / "result-v1.schema.json").read_text())
    jsonschema.validate(work.result, schema)
    assert work.result["cluster"]["version"].startswith("v1.")
    suite = next(iter(JUnitXml.fromfile(str(work.out / "junit.xml"))))
    assert (suite.tests, suite.failures, suite.errors) == (len(work.lab.checks), 0, 0)
    assert work.lab.title.fr in (work.out / "report.html").read_text()


@b01
def test_plain_pytest_grades_too_and_shows_points(work: Work) -> None:
    """`pytest labs/<slug>` needs no command of ours."""
    work.put(answers.starter(work.lab))
    command = [sys.executable, "-m", "pytest", f"labs/{B01}", *work.options]
    ran = subprocess.run(
        command, cwd=home(), env=dict(work.practice.environment), capture_output=True, text=True, check=False
    )
    assert ran.returncode == 1
    assert "0 / 20" in ran.stdout
    assert "Traceback" not in ran.stdout


@b01
def test_only_brings_prerequisites_along_and_spares_a_full_result(work: Work) -> None:
    """A partial run keeps all points possible, is incomplete, and lands beside the full result."""
    work.put(answers.starter(work.lab))
    work.check()
    full = work.result
    needy = next(check for check in work.lab.checks if check.needs)
    partial = work.check("--only", needy.id)
    assert partial.returncode == 1
    assert work.result == full
    beside = json.loads((work.out / "partial" / "result.json").read_text())
    assert not beside["complete"]
    assert beside["possible"] == 20
    assert {outcome["id"] for outcome in beside["outcomes"]} == {needy.id, *needy.needs}
    assert len(beside["outcomes"]) + len(beside["not_run"]) == len(work.lab.checks)


@b01
def test_watching_checks_again_at_every_change_and_disturbs_nothing(work: Work) -> None:
    """Left open beside an editor, it shows each state of the work, and ends when all that can be seen is right."""
    watching = work.check_started("--watch", "--lang", "en")
    try:
        assert watching.stdout
        first = "".join(itertools.takewhile(lambda line: not line.startswith("Watching"), watching.stdout))
        work.put(answers.solution(work.lab))
        rest, _ = watching.communicate(timeout=120)
    finally:
        watching.kill()
    assert "0 / 20" in first
    assert "All that can be seen is earned" in rest
    assert watching.returncode == 1
    disturbing = {check.id for check in work.lab.checks if check.disturbs}
    assert disturbing == set(work.result["not_run"])
    assert set(work.states.values()) == {"passed"}


def test_every_answer_that_this_commit_picks_is_proven(
    practice: Practice, docker: dict[str, str], tmp_path: Path
) -> None:
    """Starter, solution and a share of the mistakes of every lab, on a cluster that `prove` makes and removes."""
    seed = practice.environment.get("LABGRADE_PROOF_SEED", "")
    few = ("--part", "12", "--jobs", "3")  # three clusters at once are much for two cores
    proved = practice.labgrade("prove", "--all", *few, "--seed", seed, "--out", str(tmp_path / "proof"), seconds=3000)
    print(proved.stdout)
    assert proved.returncode == 0, proved.stdout + proved.stderr
    clusters = subprocess.run(
        ["kind", "get", "clusters"], env=docker, capture_output=True, text=True, check=True
    ).stdout
    assert "labgrade-prove" not in clusters
