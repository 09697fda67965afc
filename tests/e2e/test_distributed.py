"""A class whose work stands on one real cluster, graded by two workers of a Dask scheduler."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
import yaml

from labgrade import course
from labgrade.cluster import target, workspace
from labgrade.cohort.records import cohortform
from labgrade.course import answers
from labgrade.runid import new_run
from tests.e2e.conftest import Practice
from tests.support.fleet import CERTIFICATES, Fleet

LAB = "b01-deployment-labels"
WRONG = "service-selects-nothing"


@pytest.fixture
def cohort(practice: Practice, tmp_path: Path) -> Iterator[Path]:
    """Six students, each in a namespace of the practice cluster; the last two are wrong."""
    lab = course.find(None).lab(LAB)
    students: list[dict[str, str]] = []
    with ExitStack() as stack:
        for number in range(6):
            namespace = f"{lab.namespace}-{new_run()}"
            place = stack.enter_context(workspace.opened(target.resolve(str(practice.kubeconfig), None), namespace))
            place.create()
            stack.callback(place.abandon)
            answer = answers.mistake(lab, WRONG) if number >= 4 else answers.solution(lab)
            answers.apply(answer, place.namespace, place.environment)
            students.append({"id": f"s{number}", "kubeconfig": str(practice.kubeconfig), "namespace": namespace})
        path = tmp_path / "cohort.yaml"
        path.write_text(yaml.safe_dump({"lab": LAB, "students": students}))
        yield path


def test_a_class_is_graded_by_workers(practice: Practice, cohort: Path, tmp_path: Path) -> None:
    """All six have their grades, though only one process at a time may hold the claim on their cluster."""
    folder, out = tmp_path / "fleet", tmp_path / "out"
    folder.mkdir()
    with Fleet(folder, course.find(None).folder, preload=None) as fleet:
        fleet.scheduler()
        fleet.worker()
        fleet.worker()
        options = ("--tls-ca", "--tls-cert", "--tls-key")
        files = (CERTIFICATES.ca, CERTIFICATES.cert, CERTIFICATES.key)
        tls = [word for pair in zip(options, map(str, files), strict=True) for word in pair]
        words = ("grade", str(cohort), "--out", str(out), "--scheduler", fleet.address, *tls)
        done = practice.labgrade(*words)
    assert done.returncode == 0, done.stdout + done.stderr
    marks = {row.student.id: row.marks[0].grade for row in cohortform.read(out / "cohort.json").rows}
    assert all(marks[f"s{number}"] == 20 for number in range(4)), done.stdout
    assert all(0 < (marks[f"s{number}"] or 0) < 20 for number in (4, 5)), done.stdout
