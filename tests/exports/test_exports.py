"""Every format has a sample, a heading in reports/README.md, and the manners of a pure function.

Run as a program, this makes the samples again.
"""

from __future__ import annotations

import builtins
import os
import re
import socket
from pathlib import Path
from typing import Any

import pytest

from labgrade.exports import EXPORTS
from labgrade.home import home
from labgrade.model import LabResult
from labgrade.result import read
from labgrade.text import Language

REPORTS = home() / "reports"
SAMPLES = REPORTS / "samples"
LANGUAGES: tuple[Language, ...] = ("en", "fr")


def sample() -> LabResult:
    """The made-up result behind all samples."""
    return read(SAMPLES / "result.json")


def rendered(name: str) -> dict[str, str]:
    """What a format's sample files must hold; one file where both languages are the same."""
    export = EXPORTS[name]
    en, fr = (export.render(sample(), language=language) for language in LANGUAGES)
    if en == fr:
        return {export.file: en}
    file = Path(export.file)
    return {f"{file.stem}.en{file.suffix}": en, f"{file.stem}.fr{file.suffix}": fr}


@pytest.mark.parametrize("name", EXPORTS)
def test_the_samples_are_what_is_made_today(name: str) -> None:
    """A reader of the samples sees today's format."""
    for file, words in rendered(name).items():
        path = SAMPLES / file
        assert path.is_file(), f"{file} is missing: run {Path(__file__).name} as a program"
        assert path.read_text(encoding="utf-8") == words, f"{file} is old: see reports/README.md"


def test_no_sample_is_left_over() -> None:
    """A sample of a format that is gone misleads."""
    expected = {file for name in EXPORTS for file in rendered(name)}
    assert {path.name for path in SAMPLES.iterdir()} == expected


@pytest.mark.parametrize("name", EXPORTS)
def test_a_format_is_explained_to_its_readers(name: str) -> None:
    """reports/README.md has a heading for each format, and links its samples."""
    words = (REPORTS / "README.md").read_text(encoding="utf-8")
    section = re.search(rf"^## {name}$(.*?)(?=^## |\Z)", words, re.MULTILINE | re.DOTALL)
    assert section, f"reports/README.md has no heading {name}"
    for file in rendered(name):
        assert f"(samples/{file})" in section[1]


@pytest.mark.parametrize("name", EXPORTS)
def test_a_format_needs_neither_disk_nor_network(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The same result gives the same report anywhere, at any time."""
    result = sample()
    first = EXPORTS[name].render(result, language="fr")  # the template is read once

    def refuse(*_: Any, **__: Any) -> Any:
        raise AssertionError("a report touched the outside world")

    for module, attribute in ((builtins, "open"), (os, "open"), (socket, "socket")):
        monkeypatch.setattr(module, attribute, refuse)
    assert EXPORTS[name].render(result, language="fr") == first


def test_file_names_do_not_collide() -> None:
    """All formats of a result fit into one folder."""
    files = [export.file for export in EXPORTS.values()]
    assert len(set(files)) == len(files)


def test_the_sample_shows_every_outcome_of_a_complete_result() -> None:
    """Samples are worth reading: passed, failed, partial credit, blocked and skipped are all in."""
    outcomes = sample().outcomes
    assert {outcome.state for outcome in outcomes} == {"passed", "failed", "blocked", "skipped"}
    assert any(outcome.state == "failed" and 0 < outcome.earned < outcome.points for outcome in outcomes)


if __name__ == "__main__":
    for format_name in EXPORTS:
        for file_name, text in rendered(format_name).items():
            (SAMPLES / file_name).write_text(text, encoding="utf-8")
