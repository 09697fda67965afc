"""A CI job's step on a real cluster: what a student pushed is applied, graded and published."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest
from junitparser import JUnitXml

from labgrade import engine
from labgrade.course import answers
from labgrade.course.answers import Answer
from labgrade.home import home

from .conftest import Work

b01 = pytest.mark.parametrize("work", ["b01-deployment-labels"], indirect=True)
HOSTILE = "40-<img src=x>.yaml"


def push(root: Path, answer: Answer) -> None:
    """A student's repository with an answer in it."""
    (root / "answer").mkdir(parents=True)
    for path in answer.files:
        (root / "answer" / path.name).write_bytes(path.read_bytes())


def step(work: Work, root: Path, more: Mapping[str, str] | None = None) -> subprocess.CompletedProcess[str]:
    """The step of action.yml that grades, as a runner starts it, on the cluster that is there."""
    tools = engine.tools(work.practice.environment)
    environment = tools | {
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{tools['PATH']}",
        "GITHUB_ACTIONS": "true",
        "GITHUB_WORKSPACE": str(root),
        "GITHUB_OUTPUT": str(root.parent / "output"),
        "GITHUB_STEP_SUMMARY": str(root.parent / "summary.md"),
        "LAB": work.lab.id,
        "LAB_NAMESPACE": work.place.namespace,
        "LAB_KUBECONFIG": str(work.practice.kubeconfig),
        "LAB_OUT": str(work.out),
        **(more or {}),
    }
    command = ["bash", str(home() / "ci" / "steps" / "grade.sh")]
    return subprocess.run(command, cwd=root, env=environment, capture_output=True, text=True, timeout=300, check=False)


@b01
def test_a_right_answer_is_graded_and_published(work: Work, tmp_path: Path) -> None:
    """With the student's steps: full points in outputs, notices, summary and JUnit report."""
    push(tmp_path / "repository", answers.solution(work.lab))
    done = step(work, tmp_path / "repository", {"LAB_STEPS": "true", "LAB_LANG": "fr"})
    assert done.returncode == 0, done.stdout + done.stderr
    outputs = dict(line.split("=", 1) for line in (tmp_path / "output").read_text().splitlines())
    assert (outputs["grade"], outputs["complete"], outputs["exit-code"]) == ("20", "true", "0")
    assert "\n::notice title=Autograding complete::Points 20/20\n" in done.stdout
    assert work.lab.title.fr in (tmp_path / "summary.md").read_text()
    assert next(iter(JUnitXml.fromfile(str(work.out / "junit.xml")))).failures == 0


@b01
def test_a_wrong_answer_gets_hints_and_what_the_server_refused(work: Work, tmp_path: Path) -> None:
    """What is not accepted is named, the rest is graded, and without steps the rollback is missing."""
    root = tmp_path / "repository"
    push(root, answers.mistake(work.lab, "service-selects-nothing"))
    (root / "answer" / HOSTILE).write_text("apiVersion: v1\nkind: Pood\nmetadata: {name: x}\n")
    (root / "answer" / "50-elsewhere.yaml").write_text(
        "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: mine, namespace: kube-system}\n"
    )
    done = step(work, root)
    assert done.returncode == 1, done.stdout + done.stderr
    summary = (tmp_path / "summary.md").read_text()
    assert f"Not accepted as it stands:\n\n    {HOSTILE}\n" in summary
    assert "Not accepted as it stands:\n\n    50-elsewhere.yaml\n" in summary
    assert "Not run, since this job takes no scripts:\n\n    steps.sh\n" in summary
    assert work.states["served"] == "failed"
    assert "no matches for kind" in summary
    assert '::notice title=Autograding report::{"totalPoints":' in done.stdout
