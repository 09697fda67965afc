"""canvas.csv, for the gradebook of Canvas: Grades, Import.

Its importer finds a student by Canvas' id, then by the SIS user id, the SIS login id, and last by the very name. It
rewrites every cell that looks like a number, the last `,` or `.` in it being the decimal mark; takes digits in brackets
at a title's end for the id of an assignment; drops columns whose title holds a word of its own; and reads a row whose
name holds "Points Possible" as the points of the assignments. Nothing here can be read so by mistake.
"""

from __future__ import annotations

import re

from labgrade.cohort.model import CohortResult, Row
from labgrade.exports.cohort.spreadsheet import cell, identifiers, number, table
from labgrade.model import FULL_GRADE, Student
from labgrade.text import Language

HEAD = ("Student", "ID", "SIS User ID", "SIS Login ID", "Section")
KEYS = ("canvas_id", "sis_user_id", "sis_login_id")
POINTS_POSSIBLE = "Points Possible"
LEFT_OUT = "the roster gives them no canvas_id, sis_user_id or sis_login_id of their own, and the name will not do"
REWRITTEN = re.compile(r"-?[0-9.,]*[.,][0-9.,]*%?|-?[0-9.,]+%")
"""What the importer would read as a number and write otherwise."""
OTHER_COLUMNS = re.compile(r"(Current|Final) (Score|Points|Grade)|Override (Score|Grade|Status)|read\s+only|\s\(\d+\)$")
"""In a title: a column that is no assignment, or the assignment of that number."""
TAKEN = {*HEAD, "LastName", "FirstName", "Integration ID", "Root Account"}


def render(cohort: CohortResult, *, language: Language) -> str:
    """The CSV text: head, points possible, and a row for each student; a grade that is missing is blank."""
    points = ["    " + POINTS_POSSIBLE, "", "", "", "", *(str(FULL_GRADE) for _ in cohort.labs)]
    rows = [[*found, cell(row.more.get("section", "")), *_grades(row)] for row, found in _identified(cohort)]
    return table([[*HEAD, *_titles(cohort, language)], points, *rows])


def left_out(cohort: CohortResult) -> tuple[Student, ...]:
    """Those whom Canvas could not tell from others."""
    kept = {row.student.id for row, _ in _identified(cohort)}
    return tuple(row.student for row in cohort.rows if row.student.id not in kept)


def _identified(cohort: CohortResult) -> list[tuple[Row, list[str]]]:
    """Rows with name and identifiers, where one of these tells the student from the others."""
    names = identifiers(row.student.name for row in cohort.rows)
    columns = [_column(cohort, key) for key in KEYS]
    found: list[tuple[Row, list[str]]] = []
    for row, name, *ids in zip(cohort.rows, names, *columns, strict=True):
        # Without a name of their own, only the ids may find them: not the namesake.
        known = [name if POINTS_POSSIBLE not in name and not REWRITTEN.fullmatch(name) else "", *ids]
        if any(known):
            found.append((row, known))
    return found


def _column(cohort: CohortResult, key: str) -> list[str]:
    values = identifiers(row.more.get(key, "") for row in cohort.rows)
    if key == "canvas_id":
        return [value if re.fullmatch(r"[1-9][0-9]{0,18}", value) else "" for value in values]
    return ["" if REWRITTEN.fullmatch(value) else value for value in values]


def _titles(cohort: CohortResult, language: Language) -> list[str]:
    """A title for each lab's column; its id where the title means something else, or is another lab's."""
    titles: list[str] = []
    for lab in cohort.labs:
        title = cell(lab.title[language])
        if not title or title in {*TAKEN, *titles} or OTHER_COLUMNS.search(title) or REWRITTEN.fullmatch(title):
            title = cell(lab.id)
        titles.append(title)
    return titles


def _grades(row: Row) -> list[str]:
    return [number(mark.grade) for mark in row.marks]
