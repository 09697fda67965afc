"""grades.csv: what scripts and spreadsheets make of it."""

from __future__ import annotations

import csv
import dataclasses
import io
from typing import Any

import pytest

from labgrade.cohort.model import CohortResult
from labgrade.exports.cohort import csv as grades
from labgrade.exports.cohort.spreadsheet import cell
from labgrade.model import Student
from tests.support import cohorts
from tests.support.rosters import HOSTILE, cohort_of, student


def made(cohort: CohortResult, language: Any = "en") -> list[dict[str, str]]:
    """The file as a script reads it."""
    return list(csv.DictReader(io.StringIO(grades.render(cohort, language=language), newline=""), strict=True))


def one_lab(cohort: CohortResult) -> CohortResult:
    """The cohort with its first lab only."""
    rows = tuple(dataclasses.replace(row, marks=row.marks[:1]) for row in cohort.rows)
    return dataclasses.replace(cohort, labs=cohort.labs[:1], rows=rows)


def test_a_line_for_each_student_with_columns_of_one_lab() -> None:
    """With one lab the columns have plain names."""
    first, second, *_ = made(one_lab(cohorts.sample()))
    assert list(first)[:5] == ["id", "name", "email", "grade", "earned"]
    assert (first["id"], first["name"], first["grade"], first["complete"]) == ("s001", "Ada Lovelace", "20", "true")
    assert (second["grade"], second["earned"], second["possible"]) == ("11", "11", "20")


def test_several_labs_have_columns_of_their_own() -> None:
    """Each begins with the lab's id; lateness and its price are there."""
    rows = made(cohorts.sample())
    late = rows[2]
    assert late["sample-policies grade"] == "12.8"
    assert late["sample-policies late_hours"] == "30.5"
    assert late["sample-policies penalty"] == "3.2"
    assert len(rows) == 8


def test_what_is_not_graded_is_blank_and_says_why() -> None:
    """No number that somebody could add up, in either language."""
    for language, reason in (("en", "not graded yet"), ("fr", "pas encore évalué")):
        row = made(cohorts.sample(), language)[5]
        for key in ("grade", "earned", "possible", "penalty"):
            assert row[f"sample-rollout {key}"] == ""
        assert row["sample-rollout complete"] == "false"
        assert row["sample-rollout because"] == reason


def test_a_grade_of_nought_is_no_blank() -> None:
    """Who was graded and earned nothing has a 0."""
    assert made(cohorts.sample())[2]["sample-rollout grade"] == "0"


@pytest.mark.parametrize("evil", HOSTILE)
def test_no_cell_is_computed(evil: str) -> None:
    """Names, addresses and reasons that look like formulas are words; and every row has as many cells as the head."""
    row = dataclasses.replace(student(1, evil, email=evil), student=Student("s1", evil))
    words = grades.render(cohort_of(row), language="en")
    lines = list(csv.reader(io.StringIO(words, newline=""), strict=True))
    assert len(lines) == 2
    assert len(lines[0]) == len(lines[1])
    for found in lines[1]:
        assert not found.startswith(("=", "+", "-", "@", "\t", "\r", "\n", " ", "＝"))
        assert found.isprintable()


def test_numbers_have_points_in_french_too() -> None:
    """A script reads both languages alike."""
    assert "12,8" not in grades.render(cohorts.sample(), language="fr")
    en, fr = (made(cohorts.sample(), language) for language in ("en", "fr"))
    assert [list(row) for row in en] == [list(row) for row in fr]
    assert all(a[key] == b[key] for a, b in zip(en, fr, strict=True) for key in a if not key.endswith("because"))


def test_scripts_find_the_first_column() -> None:
    """No byte order mark stands before its name."""
    assert grades.render(cohorts.sample(), language="en").startswith("id,name,email,")


def test_harmless_words_stay_as_they_are() -> None:
    """Only what looks like a formula gets an apostrophe."""
    assert [cell(words) for words in ("O'Neill", "x=1", "b01 grade", "=1", "")] == [
        "O'Neill",
        "x=1",
        "b01 grade",
        "'=1",
        "",
    ]
