"""Answers: what is applied, in which order, and what a mistake changes of the solution."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from labgrade.course import answers
from labgrade.course.rubric import read_lab
from labgrade.errors import HarnessError, UsageError
from labgrade.model import Lab
from tests.support.course import check, write_course, write_lab


@pytest.fixture
def lab(tmp_path: Path) -> Lab:
    """A lab whose solution has two manifests and steps, and one mistake that only says what it is."""
    folder = write_lab(write_course(tmp_path / "course"), "b01", check("there", 20), "")
    for name in ("solution/10-web.yaml", "solution/9-first.yml", "solution/steps.sh"):
        put(folder / name, f"solution's {name}")
    put(folder / "starter/.gitkeep")
    put(folder / "mistakes/wrong/mistake.yaml", "about: Wrong\nfailed: [there]\n")
    return read_lab(folder)


def put(path: Path, words: str = "") -> None:
    """Writes a file and the folders that it needs."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(words)


def names(answer: answers.Answer) -> list[str]:
    """What is applied, in order."""
    return [path.name for path in answer.files]


def test_a_starter_may_be_nothing(lab: Lab) -> None:
    """An empty start is a start."""
    assert names(answers.starter(lab)) == []


def test_manifests_by_number_then_steps(lab: Lab) -> None:
    """Steps come last, also after manifests whose names sort behind them."""
    put(lab.folder / "solution" / "90-zzz.yaml")
    assert names(answers.solution(lab)) == ["9-first.yml", "10-web.yaml", "90-zzz.yaml", "steps.sh"]


def test_the_solution_is_laid_over_the_starter(lab: Lab) -> None:
    """What students begin with is part of the answer, unless the solution replaces it."""
    put(lab.folder / "starter/05-app.yaml")
    put(lab.folder / "starter/10-web.yaml")
    found = answers.solution(lab).files
    assert [path.name for path in found] == ["05-app.yaml", "9-first.yml", "10-web.yaml", "steps.sh"]
    assert [path.parent.name for path in found] == ["starter", "solution", "solution", "solution"]


@pytest.mark.parametrize("stray", ["web.yaml", "steps.sh.orig", "notes.md", "kind.yml"])
def test_a_file_that_would_be_left_out_is_refused(lab: Lab, stray: str) -> None:
    """A misnamed manifest is never silently no part of the answer."""
    put(lab.folder / "solution" / stray)
    with pytest.raises(UsageError, match=stray):
        answers.solution(lab)


def test_a_mistake_is_laid_over_the_solution(lab: Lab) -> None:
    """A file of the same name replaces, another one adds."""
    folder = lab.folder / "mistakes" / "wrong"
    put(folder / "10-web.yaml")
    put(folder / "15-more.yaml")
    found = answers.mistake(lab, "wrong")
    assert names(found) == ["9-first.yml", "10-web.yaml", "15-more.yaml", "steps.sh"]
    assert [path.parent.name for path in found.files] == ["solution", "wrong", "wrong", "solution"]


def test_a_mistake_goes_without(lab: Lab) -> None:
    """What the student forgot is left out of the solution."""
    put(lab.folder / "mistakes/wrong/mistake.yaml", "about: W\nfailed: [there]\nwithout: [steps.sh, 9-first.yml]\n")
    assert names(answers.mistake(lab, "wrong")) == ["10-web.yaml"]


def test_a_kind_configuration_makes_the_cluster_and_is_not_applied(lab: Lab) -> None:
    """The nearest one counts: a mistake's, else the solution's, else the starter's."""
    assert answers.solution(lab).cluster is None
    put(lab.folder / "starter/kind.yaml")
    assert answers.starter(lab) == answers.Answer("starter", (), cluster=lab.folder / "starter/kind.yaml")
    assert answers.solution(lab).cluster == lab.folder / "starter/kind.yaml"
    put(lab.folder / "solution/kind.yaml")
    assert answers.mistake(lab, "wrong").cluster == lab.folder / "solution/kind.yaml"
    put(lab.folder / "mistakes/wrong/kind.yaml")
    assert answers.mistake(lab, "wrong").cluster == lab.folder / "mistakes/wrong/kind.yaml"
    assert "kind.yaml" not in names(answers.mistake(lab, "wrong"))


def test_what_sets_a_cluster_up_is_not_applied_with_the_rest(lab: Lab, environment: dict[str, str]) -> None:
    """The nearest one counts, as for any file; it runs for itself, and knows no namespace."""
    put(lab.folder / "starter/kind.yaml")
    put(lab.folder / "solution/cluster.sh", 'kubectl install "${NAMESPACE-nowhere}"\n')
    assert answers.starter(lab).setup is None
    found = answers.mistake(lab, "wrong")
    assert found.setup == lab.folder / "solution/cluster.sh"
    assert "cluster.sh" not in names(found)
    answers.set_up(answers.starter(lab), environment)
    answers.set_up(found, {**environment, "NAMESPACE": "b01-x"})
    assert Path(environment["LOG"]).read_text() == "kubectl install nowhere\n"


def test_a_cluster_that_nobody_makes_is_not_set_up(lab: Lab) -> None:
    """It would be run on everybody's."""
    put(lab.folder / "solution/cluster.sh")
    with pytest.raises(UsageError, match=r"cluster\.sh is for a cluster of the answer's own, and no kind\.yaml"):
        answers.solution(lab)


def test_a_missing_solution_is_said(lab: Lab) -> None:
    """A lab without its reference answer cannot be proven, and says where it should be."""
    (lab.folder / "solution").rename(lab.folder / "answer")
    with pytest.raises(UsageError, match=r"solution is missing"):
        answers.solution(lab)


@pytest.fixture
def environment(tmp_path: Path) -> dict[str, str]:
    """An environment whose kubectl writes down what it is told."""
    put(tmp_path / "bin/kubectl", '#!/bin/sh\necho "kubectl $*" >> "$LOG"\n')
    (tmp_path / "bin/kubectl").chmod(0o755)
    return {"PATH": f"{tmp_path / 'bin'}{os.pathsep}{os.environ['PATH']}", "LOG": str(tmp_path / "log")}


def test_applying_hands_over_namespace_and_order(lab: Lab, environment: dict[str, str]) -> None:
    """Manifests go through kubectl, steps through bash, which knows the namespace."""
    put(lab.folder / "solution/steps.sh", 'kubectl annotate "$NAMESPACE"\n')
    answers.apply(answers.solution(lab), "b01-x", environment)
    told = Path(environment["LOG"]).read_text().splitlines()
    assert [line.replace(f"{lab.folder}/solution/", "") for line in told] == [
        "kubectl apply -n b01-x -f 9-first.yml",
        "kubectl apply -n b01-x -f 10-web.yaml",
        "kubectl annotate b01-x",
    ]


@pytest.mark.parametrize("steps", ["false\necho on\n", 'echo "$UNSET"\n'])
def test_steps_stop_at_the_first_failure(lab: Lab, environment: dict[str, str], steps: str) -> None:
    """An answer that was applied by half proves nothing: it is our error."""
    put(lab.folder / "solution/steps.sh", steps)
    with pytest.raises(HarnessError, match=r"steps\.sh` failed"):
        answers.apply(answers.solution(lab), "b01-x", environment)
