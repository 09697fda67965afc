"""`labgrade new`: a whole lab with blanks, which lint tells one by one and accepts once they are filled in."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from labgrade.cli import main
from labgrade.course import answers, new
from labgrade.course.library import Course
from labgrade.course.lint.texts import BLANK
from labgrade.course.new import nearest_name
from labgrade.course.rubric import mistakes
from labgrade.model import FULL_GRADE
from tests.support.course import write_course

LAB = "c07-config-maps"


@pytest.fixture
def course(tmp_path: Path) -> Path:
    """A course without labs."""
    return write_course(tmp_path / "course")


def typed(*words: str, course: Path) -> int:
    """What a command on that course ends with."""
    return main([*words, "--course", str(course)])


def test_from_nothing_to_a_lab_that_lint_accepts(course: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Lint names exactly the lines that hold a blank; once they are filled, it has nothing to say."""
    assert typed("new", LAB, course=course) == 0
    assert f"labgrade lint {LAB} --course {course}" in capsys.readouterr().out
    files = [path for path in (course / "labs" / LAB).rglob("*.*") if path.is_file()]
    blanks = {
        f"{path}:{number}:"
        for path in files
        for number, line in enumerate(path.read_text().splitlines(), 1)
        if BLANK in line
    }
    assert {Path(place).name.split(":")[0] for place in blanks} > {"lab.yaml", "README.md", "README.fr.md"}
    assert typed("lint", LAB, "--quiet", course=course) == 1
    lines = capsys.readouterr().out.splitlines()
    assert {line.split(" ")[0] for line in lines} == blanks
    for path in files:
        path.write_text(path.read_text().replace(BLANK, "Filled in:"))
    assert typed("lint", course=course) == 0
    assert capsys.readouterr().out == "1 lab, 1 check, 1 mistake: nothing to complain about\n"


def test_it_is_a_lab_already(course: Path) -> None:
    """Rubric, answers and mistake can be read as they are, under the lab's own name and namespace."""
    typed("new", LAB, "--quiet", course=course)
    lab = Course(course).lab(LAB)
    assert (lab.namespace, sum(check.points for check in lab.checks)) == ("c07", FULL_GRADE)
    assert answers.starter(lab).files == ()
    assert [path.name for path in answers.solution(lab).files] == ["10-service.yaml"]
    (mistake,) = mistakes(lab)
    assert mistake.failed == ("example",)
    assert not [path for path in (course / "labs" / LAB).rglob("*") if path.is_file() and "x00" in path.read_text()]
    assert [path.name for path in (course / "labs").iterdir()] == [LAB]


def test_an_existing_lab_is_left_alone(course: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Nobody's work is written over."""
    folder = course / "labs" / LAB
    folder.mkdir()
    (folder / "lab.yaml").write_text("mine")
    assert typed("new", LAB, course=course) == 2
    assert "is there already, and was left as it is" in capsys.readouterr().err
    assert [path.read_text() for path in folder.iterdir()] == ["mine"]


@pytest.mark.parametrize(
    ("name", "near"),
    [
        ("B1 Pods & Services", "b01-pods-services"),
        ("e4_statefulset", "e04-statefulset"),
        ("b01", "b01-words"),
        ("pods", "x01-pods"),
        ("Réseau à états", "x01-reseau-a-etats"),
        ("c123-pods", "x01-c123-pods"),
        ("../../b01-evil", "b01-evil"),
        ("b01-\x1b[2J", "b01-2j"),
        ("", "x01-words"),
        ("b01-" + 99 * "x", "b01-" + 46 * "x"),
    ],
)
def test_a_bad_name(name: str, near: str, course: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """It is refused with the nearest one that would do, and nothing is made."""
    assert typed("new", name, course=course) == 2
    said = capsys.readouterr().err
    assert f"did you mean {near!r}?" in said
    assert "\x1b" not in said
    assert list((course / "labs").iterdir()) == []
    assert typed("new", nearest_name(name), course=course) == 0


def test_an_installed_course_is_no_place_for_it(
    course: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The next upgrade would remove it: where to go instead is said."""
    site = course.parent / "site" / "labgrade"
    site.mkdir(parents=True)
    course.rename(site / "_course")
    monkeypatch.setattr(new.labgrade, "__file__", str(site / "__init__.py"))
    assert typed("new", LAB, course=site / "_course") == 2
    assert "get a checkout of labgrade" in capsys.readouterr().err
    assert list((site / "_course" / "labs").iterdir()) == []


def test_what_installers_compile_is_no_part_of_it(
    course: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """An installed skeleton may hold bytes that are no text."""
    skeleton = Path(shutil.copytree(new.SKELETON, tmp_path / new.SKELETON.name))
    (skeleton / "__pycache__").mkdir()
    (skeleton / "__pycache__" / "test_lab.cpython-311.pyc").write_bytes(b"\xff\0")
    monkeypatch.setattr(new, "SKELETON", skeleton)
    assert typed("new", LAB, course=course) == 0
    assert not list((course / "labs").rglob("__pycache__"))


def test_half_a_lab_is_never_left(
    course: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    """Where it cannot be made, nothing is."""
    monkeypatch.setattr(new, "SKELETON", tmp_path / "gone")
    assert typed("new", LAB, course=course) == 2
    assert "cannot be made" in capsys.readouterr().err
    assert list((course / "labs").iterdir()) == []
