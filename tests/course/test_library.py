"""Which course grades, which labs it has, and the digest that says what judged."""

from __future__ import annotations

from pathlib import Path

import pytest

from labgrade.course.library import Course, find
from labgrade.errors import UsageError
from labgrade.home import home
from tests.support.course import check, write_course, write_lab


@pytest.fixture
def course(tmp_path: Path) -> Course:
    """A course with two labs and a module of checks."""
    folder = write_course(tmp_path / "course")
    for name in ("a01-pods", "b01-labels"):
        write_lab(folder, name, check("there", 20), "def test_there(): ...")
    (folder / "checks").mkdir()
    (folder / "checks" / "pods.py").write_text("LEAST = 3\n")
    return Course(folder)


def test_labs_by_name(course: Course) -> None:
    """All of them, sorted; a folder without a lab.yaml is none."""
    (course.folder / "labs" / "drafts").mkdir()
    assert course.names() == ["a01-pods", "b01-labels"]
    assert [lab.id for lab in course.labs()] == course.names()


@pytest.mark.parametrize("name", ["b01-lables", "b01", "../labs/b01-labels", "", "drafts"])
def test_an_unknown_lab(course: Course, name: str) -> None:
    """What is not in the list is refused with the list; a path is no name."""
    with pytest.raises(UsageError, match=r"there is no lab .*\(known: a01-pods, b01-labels\)"):
        course.lab(name)


def test_the_nearest_lab(course: Course) -> None:
    """A slip is guessed."""
    with pytest.raises(UsageError, match="did you mean 'b01-labels'"):
        course.lab("b01-lables")


@pytest.mark.parametrize(
    "name",
    ["labs/a01-pods/lab.yaml", "labs/a01-pods/test_lab.py", "checks/pods.py", "fixtures/cluster.py", "conftest.py"],
)
def test_the_digest_follows_every_file_that_judges(course: Course, name: str) -> None:
    """A grade can be traced to the exact words that judged; one byte makes another digest, undoing it the old one."""
    before, path = course.digest(), course.folder / name
    words = path.read_bytes()
    path.write_bytes(words + b"#")
    assert course.digest() != before
    path.write_bytes(words)
    assert course.digest() == before


def test_the_digest_follows_names(course: Course) -> None:
    """The same bytes under another name are another course."""
    before = course.digest()
    (course.folder / "checks" / "pods.py").rename(course.folder / "checks" / "pots.py")
    assert course.digest() != before


def test_the_digest_knows_nothing_of_machines(course: Course, tmp_path: Path) -> None:
    """Compiled files, results and the place on disk say nothing about the judgement."""
    before = course.digest()
    cache = course.folder / "checks" / "__pycache__"
    cache.mkdir()
    (cache / "pods.cpython-311.pyc").write_bytes(b"compiled")
    (course.folder / "reports").mkdir()
    (course.folder / "reports" / "result.json").write_text("{}")
    moved = course.folder.rename(tmp_path / "elsewhere")
    assert Course(moved).digest() == before


def test_the_tools_own_course_grades(course: Course, monkeypatch: pytest.MonkeyPatch) -> None:
    """The working directory is the student's: a course that lies there does not grade unasked."""
    monkeypatch.delenv("LABGRADE_COURSE", raising=False)
    monkeypatch.chdir(course.folder)
    assert find(None).folder == home()


def test_another_course_has_to_be_asked_for(course: Course, monkeypatch: pytest.MonkeyPatch) -> None:
    """By the environment or by the option, which wins."""
    monkeypatch.setenv("LABGRADE_COURSE", str(course.folder))
    assert find(None) == course
    assert find(str(home())).folder == home()
    monkeypatch.chdir(course.folder.parent)
    assert find("course") == course


@pytest.mark.parametrize("missing", ["labs", "conftest.py", "pyproject.toml"])
def test_half_a_course_is_none(course: Course, missing: str) -> None:
    """A mistyped --course is a sentence that says what is not there."""
    (course.folder / missing).rename(course.folder / "gone")
    with pytest.raises(UsageError, match=f"is not a course: it has no {missing}"):
        find(str(course.folder))
