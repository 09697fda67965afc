"""A trainer grades what was handed in, on practice clusters that come and go."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
import yaml

from labgrade import course
from labgrade.cohort.records import cohortform
from labgrade.course import answers
from labgrade.engine import find
from labgrade.run import output
from tests.e2e.conftest import Practice

LAB = "b01-deployment-labels"
SECONDS = 600
EVIL = """
apiVersion: v1
kind: Pod
metadata: {name: reader}
spec:
  containers: [{name: reader, image: "nginx:1.26", volumeMounts: [{name: host, mountPath: /host}]}]
  volumes: [{name: host, hostPath: {path: /}}]
"""


def handed_in(folder: Path, answer: answers.Answer) -> Path:
    """A student's folder."""
    folder.mkdir(parents=True)
    for path in answer.files:
        shutil.copy(path, folder / path.name)
    return folder


@pytest.fixture
def cohort(tmp_path: Path) -> Path:
    """Right, wrong, broken, and unsafe."""
    lab = course.find(None).lab(LAB)
    right = handed_in(tmp_path / "right", answers.solution(lab))
    (right / "README.md").write_text("Voilà.")
    wrong = handed_in(tmp_path / "wrong", answers.mistake(lab, "service-selects-nothing"))
    broken = handed_in(tmp_path / "broken", answers.solution(lab))
    (broken / "20-service.yaml").write_text("kind: Service\napiVersion: v1\nmetadata: {name: web}\nspec: {ports: x}\n")
    handed_in(tmp_path / "unsafe", answers.solution(lab)).joinpath("90-reader.yaml").write_text(EVIL)
    shutil.make_archive(str(tmp_path / "wrong"), "zip", wrong)
    students = [
        {"id": "ada", "submission": "right"},
        {"id": "bob", "submission": "wrong.zip"},
        {"id": "cyd", "submission": "broken"},
        {"id": "dan", "submission": "unsafe"},
    ]
    path = tmp_path / "cohort.yaml"
    path.write_text(yaml.safe_dump({"lab": LAB, "students": students}))
    return path


def test_submissions_are_graded(practice: Practice, cohort: Path, tmp_path: Path) -> None:
    """The right one earns all, the wrong one what its work is worth; what is unsafe never reaches a cluster."""
    out = tmp_path / "out"
    done = practice.labgrade("grade", str(cohort), "--out", str(out), "--clusters", "1", seconds=SECONDS)
    assert done.returncode == 1, done.stdout + done.stderr
    marks = {row.student.id: row.marks[0] for row in cohortform.read(out / "cohort.json").rows}
    assert marks["ada"].grade == 20, done.stdout
    bob, cyd = marks["bob"].grade, marks["cyd"].grade
    assert bob is not None
    assert cyd is not None
    assert 0 < bob < 20
    assert 0 < cyd < 20
    assert "20-service.yaml was not accepted" in marks["cyd"].notes[0].en
    assert "20-service.yaml was not accepted" in (out / "students/cyd/report.html").read_text()
    assert marks["dan"].grade is None
    assert not marks["dan"].ours
    assert "hostPath" in marks["dan"].because.en
    assert "90-reader.yaml" in marks["dan"].because.en
    left = output(["kind", "get", "clusters"], find().environment, seconds=60)
    assert "labgrade-grade-" not in left
