r"""moodle.csv, for Moodle's gradebook: Grades, Import, CSV file.

Its importer has habits that cost students their grades, and this file avoids each:

- A row whose identifier is blank gets on the student before it. So a column of identifiers stands here only where every
  row has one of its own, and students who have none are left out. A lone `0` counts as blank, too.
- A blank grade makes 0 where the import makes a new grade item; `-` is no grade there as well as in an existing one.
- Feedback is shown as HTML, and a backslash before a quote ends no quoting as it should: neither is in here.
- A column titled as Moodle titles the time of its own exports makes it refuse rows as stale.
"""

from __future__ import annotations

import html

from labgrade.cohort.model import CohortResult, Row
from labgrade.exports.cohort.feedback import feedback
from labgrade.exports.cohort.spreadsheet import cell, identifiers, number, table
from labgrade.exports.telling import one_line
from labgrade.model import Student
from labgrade.text import Language, Text

KEYS = ("username", "email", "idnumber")
LEFT_OUT = "the roster gives them no username, email or idnumber of their own that all the others have, too"
NO_GRADE = "-"
FEEDBACK = Text("feedback", "commentaire")
TAKEN = {
    *KEYS,
    "id",
    "last downloaded from this course",
    "dernier téléchargement depuis ce cours",
}
"""Titles, in lower case, that the importer knows, or that stand here already."""


def render(cohort: CohortResult, *, language: Language) -> str:
    """The CSV text: who, and for each lab its grade out of 20 and a feedback."""
    keys, students = _identified(cohort)
    titles = _titles(cohort, language)
    head = [*keys, *(column for title in titles for column in (title, f"{title} {FEEDBACK[language]}"))]
    rows = [[*found, *_marks(row, cohort, language)] for row, found in students]
    return table([head, *rows])


def left_out(cohort: CohortResult) -> tuple[Student, ...]:
    """Those whom Moodle could not tell from others."""
    kept = {row.student.id for row, _ in _identified(cohort)[1]}
    return tuple(row.student for row in cohort.rows if row.student.id not in kept)


def _identified(cohort: CohortResult) -> tuple[list[str], list[tuple[Row, list[str]]]]:
    """Columns of identifiers that are nowhere blank, and the rows that have all of them."""
    columns = {key: _column(cohort, key) for key in KEYS}
    # As many students as can be: then every column that none of them lacks.
    best = max(KEYS, key=lambda key: sum(map(bool, columns[key])))
    kept = [number for number, value in enumerate(columns[best]) if value]
    keys = [key for key in KEYS if all(columns[key][number] for number in kept)]
    return keys, [(cohort.rows[number], [columns[key][number] for key in keys]) for number in kept]


def _column(cohort: CohortResult, key: str) -> list[str]:
    values = identifiers(row.email if key == "email" else row.more.get(key, "") for row in cohort.rows)
    return ["" if value == "0" or "\\" in value else value for value in values]


def _titles(cohort: CohortResult, language: Language) -> list[str]:
    """A title for each lab's column; its id where the title is the importer's or another lab's."""
    titles: list[str] = []
    taken = set(TAKEN)
    for lab in cohort.labs:
        title = _plain(lab.title[language])
        if not title or {title.casefold(), f"{title} {FEEDBACK[language]}".casefold()} & taken:
            title = _plain(lab.id)
        taken |= {title.casefold(), f"{title} {FEEDBACK[language]}".casefold()}
        titles.append(title)
    return titles


def _marks(row: Row, cohort: CohortResult, language: Language) -> list[str]:
    words: list[str] = []
    for mark, lab in zip(row.marks, cohort.labs, strict=True):
        grade = NO_GRADE if mark.grade is None else number(mark.grade)
        words += [grade, _plain(html.escape(feedback(mark, lab, language), quote=False))]
    return words


def _plain(words: str) -> str:
    return cell(one_line(words).replace("\\", "/"))
