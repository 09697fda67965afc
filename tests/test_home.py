"""The tool finds its own course and template, and nobody else's."""

from __future__ import annotations

from pathlib import Path

import pytest

from labgrade.errors import HarnessError
from labgrade.home import LANDMARKS, home


def build(folder: Path) -> Path:
    """A whole home in `folder`."""
    for name in LANDMARKS:
        (folder / name).mkdir(parents=True)
    return folder


@pytest.fixture
def package(tmp_path: Path) -> Path:
    """Where `labgrade` would lie in a checkout."""
    folder = tmp_path / "src" / "labgrade"
    folder.mkdir(parents=True)
    return folder


def test_this_checkout_is_home() -> None:
    """Developers grade with what they edit."""
    assert home() == Path(__file__).resolve().parents[1]


def test_a_checkout_comes_before_a_stale_copy(package: Path) -> None:
    """An editable install leaves a copy of the course that nobody keeps up to date."""
    checkout = build(package.parents[1])
    build(package / "_course")
    assert home(package) == checkout


def test_the_installed_copy_serves_where_there_is_no_checkout(package: Path) -> None:
    """An installed labgrade needs nothing but itself."""
    copy = build(package / "_course")
    assert home(package) == copy


@pytest.mark.parametrize("missing", LANDMARKS)
def test_half_a_checkout_is_none(package: Path, missing: str) -> None:
    """A folder that happens to hold labs/ is not taken for the course."""
    copy = build(package / "_course")
    (build(package.parents[1]) / missing).rmdir()
    assert home(package) == copy


def test_the_working_directory_is_not_asked(package: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is the student's: a course that lies there does not grade; a broken installation says so instead."""
    elsewhere = build(tmp_path / "elsewhere")
    monkeypatch.chdir(elsewhere)
    with pytest.raises(HarnessError, match="incomplete"):
        home(package)
