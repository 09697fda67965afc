"""grades.csv, for people and scripts: a line for each student.

Its head is the same in both languages, so that scripts find their columns; only reasons are translated. It has no
byte order mark: scripts would find it in the first column's name, and where spreadsheets want one to read UTF-8 in a
double-clicked file they mostly want semicolons as well, so that their import has to be told both anyway.
"""

from __future__ import annotations

from labgrade.cohort.model import CohortResult, Mark, Row
from labgrade.exports.cohort.spreadsheet import cell, number, table
from labgrade.text import Language

STUDENT = ("id", "name", "email")
MARK = ("grade", "earned", "possible", "complete", "late_hours", "penalty", "attempts", "because")
"""With several labs each has the lab's id and a space before it."""


def render(cohort: CohortResult, *, language: Language) -> str:
    """The CSV text; what is not graded is blank, with the reason in `because`."""
    several = len(cohort.labs) > 1
    head = [f"{lab.id} {key}" if several else key for lab in cohort.labs for key in MARK]
    return table([[*STUDENT, *map(cell, head)], *(_line(row, language) for row in cohort.rows)])


def _line(row: Row, language: Language) -> list[str]:
    marks = [words for mark in row.marks for words in _words(mark, language)]
    return [cell(words) for words in (row.student.id, row.student.name, row.email, *marks)]


def _words(mark: Mark, language: Language) -> list[str]:
    graded = mark.grade is not None
    return [
        number(mark.grade),
        # Points so far are no result: whoever adds them up would make a low mark of them.
        number(mark.earned if graded else None),
        number(mark.possible if graded else None),
        "true" if graded else "false",
        number(mark.late),
        number(mark.penalty if graded else None),
        str(mark.attempts),
        mark.because[language],
    ]
