"""`labgrade lint`: findings a line each, as compilers print them, and an exit code for scripts."""

from __future__ import annotations

from pathlib import Path

import pytest

from labgrade.cli import main
from tests.support.course import check, write_course, write_lab


@pytest.fixture
def course(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A course with a lab that lacks nearly everything; it is the working directory."""
    folder = write_course(tmp_path / "course")
    write_lab(folder, "a01-pods", check("there", 20), "def test_there(): assert False\n")
    monkeypatch.chdir(folder)
    return folder


def test_findings(course: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Each is a line with the file as one would open it from here; exit code 1, and how many at the end."""
    assert main(["lint", "--course", str(course)]) == 1
    assert capsys.readouterr().out.splitlines() == [
        "labs/a01-pods/README.fr.md: is missing",
        "labs/a01-pods/README.md: is missing",
        "labs/a01-pods/mistakes: is missing",
        "labs/a01-pods/solution: is missing",
        "labs/a01-pods/starter: is missing",
        "1 lab, 1 check, 0 mistakes: 5 findings",
    ]


def test_only_what_is_wrong(course: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """For scripts: no closing line."""
    assert main(["lint", "--course", str(course), "--quiet"]) == 1
    assert len(capsys.readouterr().out.splitlines()) == 5


def test_an_unknown_lab(course: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Exit code 2 and the nearest one."""
    assert main(["lint", "a01-pdos", "--course", str(course)]) == 2
    assert "did you mean 'a01-pods'?" in capsys.readouterr().err


def test_names_on_disk_drive_no_terminal(course: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A course may come from anywhere."""
    (course / "labs/a01-pods/evil\x1b[2J").touch()
    assert main(["lint", "--course", str(course)]) == 1
    said = capsys.readouterr().out
    assert "evil\\x1b[2J: belongs to no lab" in said
    assert "\x1b" not in said
