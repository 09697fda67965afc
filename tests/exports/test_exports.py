"""Every format has a sample, a heading in reports/README.md, and the manners of a pure function.

Run as a program, this makes the samples again.
"""

from __future__ import annotations

import builtins
import dataclasses
import os
import re
import socket
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from labgrade.cohort.model import Row
from labgrade.exports import EXPORTS
from labgrade.exports.cohort import COHORT_EXPORTS
from labgrade.home import home
from labgrade.model import STATES, LabResult, State, Student
from labgrade.result import read
from labgrade.text import Language, Text
from tests.support import cohorts, results

REPORTS = home() / "reports"
SAMPLES = REPORTS / "samples"
LANGUAGES: tuple[Language, ...] = ("en", "fr")
FORMATS = [*((name, "result") for name in EXPORTS), *((name, "cohort") for name in COHORT_EXPORTS)]
"""Every format, and what it is made of."""


def sample() -> LabResult:
    """The made-up result behind the samples of results."""
    return read(SAMPLES / "result.json")


def file_of(name: str, of: str) -> str:
    """The name that a report in this format goes by, in the folder of samples."""
    return EXPORTS[name].file if of == "result" else f"cohort/{COHORT_EXPORTS[name].file}"


def render(name: str, of: str, language: Language) -> str:
    """The sample of a result, or of a cohort, in a format."""
    if of == "result":
        return EXPORTS[name].render(sample(), language=language)
    return COHORT_EXPORTS[name].render(cohorts.sample(), language=language)


def rendered(name: str, of: str) -> dict[str, str]:
    """What a format's sample files must hold; one file where both languages are the same."""
    en, fr = (render(name, of, language) for language in LANGUAGES)
    file = Path(file_of(name, of))
    if en == fr:
        return {file.as_posix(): en}
    return {file.with_stem(f"{file.stem}.{language}").as_posix(): words for language, words in (("en", en), ("fr", fr))}


@pytest.mark.parametrize(("name", "of"), FORMATS)
def test_the_samples_are_what_is_made_today(name: str, of: str) -> None:
    """A reader of the samples sees today's format."""
    for file, words in rendered(name, of).items():
        path = SAMPLES / file
        assert path.is_file(), f"{file} is missing: run {Path(__file__).name} as a program"
        assert path.read_bytes().decode() == words, f"{file} is old: see reports/README.md"


def test_no_sample_is_left_over() -> None:
    """A sample of a format that is gone misleads."""
    expected = {file for name, of in FORMATS for file in rendered(name, of)}
    assert {path.relative_to(SAMPLES).as_posix() for path in SAMPLES.rglob("*") if path.is_file()} == expected


@pytest.mark.parametrize(("name", "of"), FORMATS)
def test_a_format_is_explained_to_its_readers(name: str, of: str) -> None:
    """reports/README.md has a heading for each format, below its own chapter, and links its samples."""
    words = (REPORTS / "README.md").read_text(encoding="utf-8")
    chapter = re.search(rf"^## Of a {of}$(.*?)(?=^## |\Z)", words, re.MULTILINE | re.DOTALL)
    assert chapter, f"reports/README.md has no chapter on reports of a {of}"
    section = re.search(rf"^### {name}$(.*?)(?=^### |\Z)", chapter[1], re.MULTILINE | re.DOTALL)
    assert section, f"reports/README.md has no heading {name} for a {of}"
    for file in rendered(name, of):
        assert f"(samples/{file})" in section[1]


@pytest.mark.parametrize(("name", "of"), FORMATS)
def test_a_format_needs_neither_disk_nor_network(name: str, of: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The same result gives the same report anywhere, at any time."""
    result, cohort = sample(), cohorts.sample()

    def make() -> str:
        if of == "result":
            return EXPORTS[name].render(result, language="fr")
        return COHORT_EXPORTS[name].render(cohort, language="fr")

    first = make()  # the template is read once

    def refuse(*_: Any, **__: Any) -> Any:
        raise AssertionError("a report touched the outside world")

    for module, attribute in ((builtins, "open"), (os, "open"), (socket, "socket")):
        monkeypatch.setattr(module, attribute, refuse)
    assert make() == first


@pytest.mark.parametrize("exports", [EXPORTS, COHORT_EXPORTS])
def test_file_names_do_not_collide(exports: Any) -> None:
    """All formats of a result, or of a cohort, fit into one folder."""
    files = [export.file for export in exports.values()]
    assert len(set(files)) == len(files)


@pytest.mark.parametrize(("name", "of"), FORMATS)
def test_lines_end_in_a_newline_alone(name: str, of: str) -> None:
    """Tools for text, and git on any system, leave the files as they are."""
    assert "\r" not in render(name, of, "fr")


anything = st.text(max_size=30)
numbers = st.floats(0, 20)


@settings(max_examples=15, deadline=None)
@given(words=anything, more=anything, earned=numbers, time=anything, state=st.sampled_from(STATES))
@pytest.mark.parametrize("name", EXPORTS)
def test_any_result_has_every_report(name: str, words: str, more: str, earned: float, time: str, state: State) -> None:
    """Whatever stands in a result, each format makes text of it that can be stored."""
    text = Text(words, more)
    one = dataclasses.replace(results.outcome(0, state, more), points=20, earned=earned)
    one = dataclasses.replace(one, id=words, title=text, saw=text, wanted=text, try_=text, hint=text)
    found = dataclasses.replace(results.result(one, not_run=(more,), note=text), lab_id=words, lab_title=text)
    found = dataclasses.replace(found, started=time, finished=more, student=Student(words, more), run=words)
    for language in LANGUAGES:
        EXPORTS[name].render(found, language=language).encode()


@settings(max_examples=15, deadline=None)
@given(words=anything, more=anything, number=numbers, late=numbers, time=anything)
@pytest.mark.parametrize("name", COHORT_EXPORTS)
def test_any_cohort_has_every_report(name: str, words: str, more: str, number: float, late: float, time: str) -> None:
    """Whatever stands in a cohort's result, each format makes text of it that can be stored."""
    text = Text(words, more)
    lab = dataclasses.replace(cohorts.ROLLOUT, title=text)
    marks = (
        dataclasses.replace(cohorts.mark(lab, "PHFB", "s", saw=text), grade=number, late=late, penalty=late),
        cohorts.mark(lab, "SE", "s", because=text, notes=(text,)),
    )
    known = {"username": words, "idnumber": more, "canvas_id": words, "sis_user_id": more, "section": words}
    rows = tuple(
        Row(Student(f"s{place}", words), (dataclasses.replace(mark, started=time),), email=more, more=known)
        for place, mark in enumerate(marks)
    )
    found = dataclasses.replace(cohorts.sample(), title=words, labs=(lab,), rows=rows, changes=(), alike=())
    for language in LANGUAGES:
        COHORT_EXPORTS[name].render(found, language=language).encode()
        assert "\0" not in COHORT_EXPORTS[name].missing(found)


def test_the_sample_shows_every_outcome_of_a_complete_result() -> None:
    """Samples are worth reading: passed, failed, partial credit, blocked and skipped are all in."""
    outcomes = sample().outcomes
    assert {outcome.state for outcome in outcomes} == {"passed", "failed", "blocked", "skipped"}
    assert any(outcome.state == "failed" and 0 < outcome.earned < outcome.points for outcome in outcomes)


if __name__ == "__main__":
    (SAMPLES / "cohort").mkdir(exist_ok=True)
    for format_name, made_of in FORMATS:
        for file_name, text in rendered(format_name, made_of).items():
            (SAMPLES / file_name).write_bytes(text.encode())
