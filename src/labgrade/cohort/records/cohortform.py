"""cohort.json, version 1: a graded cohort as programs read it, and as every report on it is made from.

`schemas/cohort-v1.schema.json` is its published form.
"""

from __future__ import annotations

from pathlib import Path

from labgrade import jsontext
from labgrade.cohort.model import Change, CohortResult, LabHead, Mark, Row, Tally
from labgrade.cohort.records.cohortreading import SCHEMA, from_data
from labgrade.jsontext import number
from labgrade.model import Json

FILE_NAME = "cohort.json"


def to_data(cohort: CohortResult) -> Json:
    """The cohort as version 1 has it."""
    return {
        "schema": SCHEMA,
        "tool": {"version": cohort.tool_version},
        "course": {"digest": cohort.course_digest},
        "title": cohort.title,
        "counts": cohort.counts,
        "started": cohort.started,
        "finished": cohort.finished,
        "complete": cohort.complete,
        "labs": [_lab_data(lab) for lab in cohort.labs],
        "students": [_row_data(row) for row in cohort.rows],
        "changes": [_change_data(change) for change in cohort.changes],
        "alike": [{"what": one.what, "lab": one.lab, "students": list(one.students)} for one in cohort.alike],
    }


def _lab_data(lab: LabHead) -> Json:
    checks = [{"id": one.id, "title": one.title.data(), "points": number(one.points)} for one in lab.checks]
    return {"id": lab.id, "title": lab.title.data(), "checks": checks}


def _row_data(row: Row) -> Json:
    return {
        "id": row.student.id,
        "name": row.student.name,
        "email": row.email,
        "more": dict(row.more),
        "marks": [_mark_data(mark) for mark in row.marks],
    }


def _mark_data(mark: Mark) -> Json:
    return {
        "lab": mark.lab,
        "grade": _grade(mark.grade),
        "because": mark.because.data(),
        "ours": mark.ours,
        "earned": number(mark.earned),
        "possible": number(mark.possible),
        "late": number(mark.late),
        "penalty": number(mark.penalty),
        "attempt": mark.attempt,
        "attempts": mark.attempts,
        "started": mark.started,
        "seconds": number(mark.seconds),
        "folder": mark.folder,
        "not_run": list(mark.not_run),
        "notes": [note.data() for note in mark.notes],
        "outcomes": [_tally_data(tally) for tally in mark.outcomes],
    }


def _tally_data(tally: Tally) -> Json:
    return {
        "id": tally.id,
        "state": tally.state,
        "points": number(tally.points),
        "earned": number(tally.earned),
        "saw": tally.saw.data(),
    }


def _change_data(change: Change) -> Json:
    return {
        "student": change.student,
        "lab": change.lab,
        "before": _grade(change.before),
        "after": _grade(change.after),
        "checks": list(change.checks),
    }


def _grade(grade: float | None) -> float | None:
    return None if grade is None else number(grade)


def dumps(cohort: CohortResult) -> str:
    """The text of cohort.json, as `jsontext` writes it."""
    return jsontext.dumps(to_data(cohort))


def loads(words: str) -> CohortResult:
    """The cohort in the text of a cohort.json; UsageError as for `from_data`."""
    return from_data(jsontext.loads(words))


def read(path: Path) -> CohortResult:
    """The cohort in a file; UsageError (file, key, what was found) where there is none that can be used."""
    return jsontext.read(path, loads)
