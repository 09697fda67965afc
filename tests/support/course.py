"""Courses in a string: a folder that grades, made in a moment."""

from __future__ import annotations

import shutil
import textwrap
from pathlib import Path

from labgrade.home import home

CONFTEST = """\
import pytest

pytest_plugins = ["labgrade.plugin", "fixtures.cluster", "fixtures.host"]
"""


def check(name: str, points: float, *more: str) -> str:
    """A check of a rubric; `more` are lines such as `needs: [other]`."""
    lines = [
        f"points: {points}",
        f"title: {{en: The {name}, fr: Le {name}}}",
        f"hint: {{en: What of {name}?, fr: Et {name} ?}}",
        *more,
    ]
    return f"  {name}:\n" + textwrap.indent("\n".join(lines), "    ") + "\n"


def write_lab(course: Path, name: str, checks: str, suite: str, *, timeout: float = 2) -> Path:
    """A lab in a course: its rubric's checks and its suite."""
    folder = course / "labs" / name
    folder.mkdir(parents=True)
    head = f"title: {{en: Lab, fr: TP}}\nnamespace: lab\ntimeout: {timeout}\nchecks:\n"
    (folder / "lab.yaml").write_text(head + checks)
    (folder / "test_lab.py").write_text(textwrap.dedent(suite))
    return folder


def write_course(folder: Path) -> Path:
    """A course without labs: the real fixtures, a conftest, a configuration of its own."""
    (folder / "labs").mkdir(parents=True)
    shutil.copytree(home() / "fixtures", folder / "fixtures", ignore=shutil.ignore_patterns("__pycache__"))
    (folder / "conftest.py").write_text(CONFTEST)
    (folder / "pyproject.toml").write_text('[tool.pytest]\naddopts = ["--import-mode=importlib"]\npythonpath = ["."]\n')
    return folder
