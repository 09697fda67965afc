"""What a user installs: one import name, with the course as data beside it."""

from __future__ import annotations

import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from labgrade.course.new import SKELETON
from labgrade.home import home
from labgrade.probe import image


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel, built without the network."""
    folder = tmp_path_factory.mktemp("wheel")
    build = [sys.executable, "-m", "hatchling", "build", "--target", "wheel", "--directory", str(folder)]
    subprocess.run(build, cwd=home(), check=True, capture_output=True)
    return next(folder.glob("*.whl"))


def test_it_installs_one_name_and_carries_the_whole_course(wheel: Path) -> None:
    """Nothing of ours can shadow another project's `fixtures` or `checks`; no cache files travel along."""
    names = zipfile.ZipFile(wheel).namelist()
    assert {name.split("/")[0] for name in names if ".dist-info/" not in name} == {"labgrade"}
    assert not [name for name in names if name.endswith(".pyc")]
    course = {name.removeprefix("labgrade/_course/") for name in names if "/_course/" in name}
    for folder in ("labs", "checks", "fixtures", "reports/templates"):
        wanted = {path.relative_to(home()).as_posix() for path in (home() / folder).rglob("*") if path.is_file()}
        assert {name for name in wanted if "__pycache__" not in name} <= course
    skeleton = {path.relative_to(home() / "src").as_posix() for path in SKELETON.rglob("*") if path.is_file()}
    assert skeleton <= set(names)


def test_it_carries_the_images_of_the_probe_that_were_made(wheel: Path) -> None:
    """A release makes them beforehand; no registry has them."""
    made = {f"labgrade/probe/archives/{path.name}" for path in image.ARCHIVES.glob("*.tar")}
    assert made == {name for name in zipfile.ZipFile(wheel).namelist() if "/archives/" in name}


def test_it_grades_with_the_course_it_carries(wheel: Path, tmp_path: Path) -> None:
    """Unpacked far from any checkout, it knows its labs, and a student's own files change nothing."""
    zipfile.ZipFile(wheel).extractall(tmp_path / "site")
    students = tmp_path / "work"
    (students / "labs").mkdir(parents=True)
    (students / "conftest.py").write_text("raise SystemExit('the student was asked')\n")
    program = "import sys; sys.path.insert(0, sys.argv.pop(1)); from labgrade.cli import main; sys.exit(main())"
    command = [sys.executable, "-c", program, str(tmp_path / "site"), "check", "b01-deploymnt-labels"]
    asked = subprocess.run(
        command, cwd=students, env={**os.environ, "LC_ALL": "C.UTF-8"}, capture_output=True, text=True, check=False
    )
    assert asked.returncode == 2
    assert "did you mean 'b01-deployment-labels'?" in asked.stderr
