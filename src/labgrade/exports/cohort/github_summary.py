"""summary.md of a cohort: what a workflow's run shows on its page, a line for each student."""

from __future__ import annotations

from labgrade import wording
from labgrade.cohort.model import CohortResult, Row
from labgrade.exports.github_summary import LONGEST, MOST_BYTES
from labgrade.exports.markdown import cell, code, escaped, prose
from labgrade.exports.telling import cut
from labgrade.model import FULL_GRADE
from labgrade.text import Language, Text

COHORT = Text("Cohort", "Groupe")
STUDENT = Text("Student", "Étudiant")
COUNT = Text("{} of {} grades", "{} notes sur {}")
MISSING = Text("Without a grade", "Sans note")
MORE = Text("{} more lines: `index.html` has them all.", "{} lignes de plus\u00a0: `index.html` les montre toutes.")


def render(cohort: CohortResult, *, language: Language) -> str:
    """GitHub's Markdown; nothing that a cohort holds acts as markup in it."""
    marks = [mark for row in cohort.rows for mark in row.marks]
    graded = sum(mark.grade is not None for mark in marks)
    title = escaped(cut(cohort.title, LONGEST)) or COHORT[language]
    titles = [cell(prose(cut(lab.title[language] or lab.id, LONGEST))) for lab in cohort.labs]
    lines = [f"## {title} — {COUNT[language].format(graded, len(marks))}", ""]
    lines += [f"| | {STUDENT[language]} | {' | '.join(titles)} |", f"| :-- | :-- |{' --: |' * len(titles)}"]
    lines += [_line(row, language) for row in cohort.rows]
    missing = [words for row in cohort.rows for words in _missing(row, language)]
    if missing:
        lines += ["", f"### {MISSING[language]}", "", *missing]
    return _fitting(lines, language)


def _line(row: Row, language: Language) -> str:
    grades = ["–" if mark.grade is None else wording.number(mark.grade, language) for mark in row.marks]
    who = [cell(code(row.student.id)), cell(escaped(cut(row.student.name, LONGEST)))]
    return f"| {' | '.join([*who, *(f'{grade} / {FULL_GRADE}' if grade != '–' else grade for grade in grades)])} |"


def _missing(row: Row, language: Language) -> list[str]:
    colon = "\u00a0: " if language == "fr" else ": "
    return [
        f"- {code(row.student.id)}, {code(mark.lab)}{colon}{prose(cut(mark.because[language], LONGEST))}"
        for mark in row.marks
        if mark.grade is None
    ]


def _fitting(lines: list[str], language: Language) -> str:
    """As many lines as GitHub takes, and how many there are besides."""
    left = MOST_BYTES
    for number, line in enumerate(lines):
        left -= len(line.encode()) + 1
        if left < 0:
            lines = [*lines[:number], "", MORE[language].format(len(lines) - number)]
            break
    return "\n".join(lines) + "\n"
