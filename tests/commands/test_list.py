"""`labgrade list`: the labs, what each needs, what has been earned, and what to type next."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from labgrade.cli import main
from labgrade.home import home
from tests.support.course import check, write_course, write_lab

SAMPLE = json.loads((home() / "reports" / "samples" / "result.json").read_text())


@pytest.fixture
def course(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A course with two labs, and an empty folder to work in."""
    folder = write_course(tmp_path / "course")
    write_lab(folder, "a01-pods", check("there", 20), "")
    write_lab(folder, "b01-labels", check("seen", 12) + check("healed", 8, "disturbs: {en: kills, fr: tue}"), "")
    work = tmp_path / "work"
    work.mkdir()
    monkeypatch.chdir(work)
    monkeypatch.setenv("COLUMNS", "80")
    return folder


def listed(course: Path, capsys: pytest.CaptureFixture[str], *more: str, code: int = 0) -> list[str]:
    """The lines that `list` prints, in English unless told otherwise, runs of spaces shrunk."""
    language = () if "--lang" in more else ("--lang", "en")
    assert main(["list", "--course", str(course), *language, *more]) == code
    return [" ".join(line.split()) for line in capsys.readouterr().out.splitlines()]


def earned(lab: str, folder: str = "", **changes: Any) -> None:
    """A stored result of that lab: 6 of 18 points, unless changed."""
    path = Path(folder or f"reports/{lab}") / "result.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(SAMPLE | {"lab": SAMPLE["lab"] | {"id": lab}} | changes))


def all_earned(lab: str) -> None:
    """A stored result of that lab with everything earned."""
    outcome = SAMPLE["outcomes"][0] | {"points": 20, "earned": 20, "state": "passed"}
    earned(lab, outcomes=[outcome], earned=20, possible=20, grade=20)


def test_nothing_earned_yet(course: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Every lab with what it is and needs, and the two commands to begin with."""
    lines = listed(course, capsys)
    assert lines[:3] == ["a01-pods – / 20", "Lab", "1 check · Kubernetes 1.29 or later"]
    assert "2 checks · Kubernetes 1.29 or later · some checks disturb" in lines
    assert lines[-3:] == [
        "Nothing earned yet. Begin with:",
        "labgrade up",
        f"labgrade start a01-pods --course {course}",
    ]


def test_minutes_version_and_cluster(course: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """What an evening with it takes, as the rubric says."""
    rubric = course / "labs/a01-pods/lab.yaml"
    rubric.write_text(f'minutes: 45\nkubernetes: "1.33"\ncluster: mine\n{rubric.read_text()}')
    (course / "labs/a01-pods/starter").mkdir()
    (course / "labs/a01-pods/starter/kind.yaml").touch()
    assert "1 check · 45 min · Kubernetes 1.33 or later · a cluster of its own, kind-mine" in listed(course, capsys)


def test_a_lab_that_is_made_for_cilium(course: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """What makes such a cluster; where students make it themselves, only that."""
    rubric = course / "labs/a01-pods/lab.yaml"
    rubric.write_text(f"cni: cilium\n{rubric.read_text()}")
    assert "1 check · Kubernetes 1.29 or later · Cilium: labgrade up --cni cilium" in listed(course, capsys)
    rubric.write_text(f"cluster: mine\n{rubric.read_text()}")
    (course / "labs/a01-pods/starter").mkdir()
    (course / "labs/a01-pods/starter/kind.yaml").touch()
    assert "1 check · Kubernetes 1.29 or later · a cluster of its own, kind-mine" in listed(course, capsys)


def test_what_has_been_earned(course: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The grade beside each lab, a mark where nothing is left, the sum, and the lab to go on with."""
    all_earned("a01-pods")
    lines = listed(course, capsys)
    assert "✔ a01-pods 20 / 20" in lines
    assert lines[-3:] == [
        "1 of 2 labs done, 20 of 40 points",
        "Go on with:",
        f"labgrade start b01-labels --course {course}",
    ]
    earned("b01-labels")
    lines = listed(course, capsys)
    assert "b01-labels 6.67 / 20" in lines
    assert lines[-3] == "1 of 2 labs done, 26.67 of 40 points"
    assert lines[-1] == f"labgrade check b01-labels --course {course}"


def test_all_done(course: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Nothing is left to type."""
    all_earned("a01-pods")
    all_earned("b01-labels")
    assert listed(course, capsys)[-2:] == ["2 of 2 labs done, 40 of 40 points", "Everything earned. Well done!"]


def test_an_incomplete_result_is_no_grade(course: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Points so far, said as such."""
    earned("b01-labels", not_run=["more"], complete=False)
    lines = listed(course, capsys)
    assert "b01-labels 6 / 18" in lines
    assert "incomplete: points so far, no grade yet" in lines


@pytest.mark.parametrize("broken", ['{"schema": "lab', "", "[]", "\x00", json.dumps(SAMPLE | {"schema": "x"})])
def test_a_broken_result_never_breaks_the_list(broken: str, course: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """It is named in its lab's place; the others are as ever."""
    all_earned("a01-pods")
    earned("b01-labels")
    Path("reports/b01-labels/result.json").write_text(broken)
    lines = listed(course, capsys)
    assert "✔ a01-pods 20 / 20" in lines
    assert "b01-labels ? / 20" in lines
    assert any(line.startswith("! unusable result, check again: reports/b01-labels/result.json: ") for line in lines)
    assert lines[-1].startswith("labgrade check b01-labels")


def test_odd_things_in_the_place_of_results(course: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A folder, a loop, another lab's result: said, never a traceback."""
    Path("reports/a01-pods/result.json").mkdir(parents=True)
    earned("c01-other", folder="reports/b01-labels")
    said = " ".join(listed(course, capsys))
    assert "reports/a01-pods/result.json is no file" in said
    assert "the stored result is of another lab, c01-other" in said


def test_results_elsewhere(course: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Where `check --out` put them: in a folder for each lab, or one for one lab."""
    earned("b01-labels", folder="mine")
    lines = listed(course, capsys, "--out", "mine")
    assert {"a01-pods – / 20", "b01-labels 6.67 / 20"} <= set(lines)
    assert lines[-1].startswith("labgrade check b01-labels"), "a lab that was begun comes before the others"
    earned("a01-pods", folder="mine/a01-pods")
    lines = listed(course, capsys, "--out", "mine")
    assert {"a01-pods 6.67 / 20", "b01-labels 6.67 / 20"} <= set(lines)


def test_names_for_scripts(course: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """One a line, and nothing else."""
    assert listed(course, capsys, "--quiet") == ["a01-pods", "b01-labels"]


def test_it_says_so_in_french(course: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Titles, needs and what to type next."""
    lines = listed(course, capsys, "--lang", "fr")
    assert "TP" in lines
    assert "1 contrôle · Kubernetes 1.29 ou plus récent" in lines
    assert "Rien de gagné pour l'instant. Pour commencer :" in lines


def test_a_narrow_terminal(course: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing but commands, which are there to be copied, is wider than the screen."""
    monkeypatch.setenv("COLUMNS", "40")
    earned("a01-pods", not_run=["more"], complete=False)
    Path("reports/b01-labels/result.json").mkdir(parents=True)
    main(["list", "--course", str(course)])
    lines = capsys.readouterr().out.splitlines()
    assert max(len(line) for line in lines if "labgrade " not in line) <= 40


def test_a_wrong_lab_is_told_in_its_place(course: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The other labs are listed; exit code 2."""
    (course / "labs/a01-pods/lab.yaml").write_text("title: X\n")
    lines = listed(course, capsys, code=2)
    assert "a01-pods/lab.yaml:1:namespaceismissing" in "".join(lines).replace(" ", "")
    assert "b01-labels – / 20" in lines
