"""A cohort.json read back, and believed only where no part of it contradicts another."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import Any

from labgrade.cohort.model import COUNTINGS, Alike, Change, CheckHead, CohortResult, LabHead, Mark, Row, Tally
from labgrade.model import FULL_GRADE, Student
from labgrade.result import ROUNDING
from labgrade.resultform import Field

SCHEMA = "labgrade/cohort/v1"

PART = r"[^./\\:?#%\x00-\x1f][^/\\:?#%\x00-\x1f]*"
FOLDER = re.compile(rf"({PART}(/{PART})*)?")
"""A folder below the cohort's own. Reports link to it: nothing in it leads elsewhere, nor means something in a URL."""


def from_data(data: Any) -> CohortResult:
    """The cohort that `cohortform.to_data` gave, or another writer of version 1; keys not known are ignored.

    UsageError with the key and what was found there, also where one part contradicts another.
    """
    top = Field(data, ())
    top.get("schema").schema(SCHEMA)
    finished = top.get("finished")
    cohort = CohortResult(
        title=top.get("title").string(),
        labs=tuple(_lab_from(field) for field in _distinct(top.get("labs"), "id")),
        rows=tuple(_row_from(field) for field in _distinct(top.get("students"), "id")),
        started=top.get("started").time(),
        finished=None if finished.value is None else finished.time(),
        tool_version=top.get("tool").get("version").string(),
        course_digest=top.get("course").get("digest").string(),
        counts=top.get("counts").one_of(COUNTINGS),
        changes=tuple(_change_from(field) for field in top.get("changes").items()),
        alike=tuple(_alike_from(field) for field in top.get("alike").items()),
    )
    _check_consistent(cohort, top)
    return cohort


def _distinct(field: Field, key: str) -> Iterator[Field]:
    """The objects of a list, none of which may be named as another."""
    _refuse_doubles(item.get(key) for item in field.items())
    return iter(field.items())


def _refuse_doubles(fields: Iterable[Field]) -> None:
    seen: set[str] = set()
    for field in fields:
        if field.name() in seen:
            field.fail(f"is {field.shown}, which stands here a second time")
        seen.add(field.name())


def _names(field: Field) -> tuple[str, ...]:
    _refuse_doubles(field.items())
    return tuple(item.name() for item in field.items())


def _lab_from(field: Field) -> LabHead:
    checks = tuple(
        CheckHead(id=one.get("id").name(), title=one.get("title").text(), points=one.get("points").number())
        for one in _distinct(field.get("checks"), "id")
    )
    return LabHead(id=field.get("id").name(), title=field.get("title").text(), checks=checks)


def _row_from(field: Field) -> Row:
    return Row(
        student=Student(field.get("id").name(), field.get("name").string()),
        marks=tuple(_mark_from(mark) for mark in field.get("marks").items()),
        email=field.get("email").string(),
        more=field.get("more").strings(),
    )


def _mark_from(field: Field) -> Mark:
    started, folder = field.get("started"), field.get("folder")
    if not FOLDER.fullmatch(folder.string()):
        folder.fail(f"is {folder.shown}, but a folder below this one is expected, like students/s001")
    mark = Mark(
        lab=field.get("lab").name(),
        grade=_grade_from(field.get("grade")),
        earned=field.get("earned").number(),
        possible=field.get("possible").number(),
        outcomes=tuple(_tally_from(one) for one in field.get("outcomes").items()),
        not_run=tuple(one.name() for one in field.get("not_run").items()),
        because=field.get("because").text(),
        ours=field.get("ours").boolean(),
        late=field.get("late").number(),
        penalty=field.get("penalty").number(),
        attempt=field.get("attempt").whole(),
        attempts=field.get("attempts").whole(),
        started=started.string() and started.time(),
        seconds=field.get("seconds").number(),
        folder=folder.string(),
        notes=tuple(one.text() for one in field.get("notes").items()),
    )
    _check_mark(mark, field)
    return mark


def _grade_from(field: Field) -> float | None:
    if field.value is None:
        return None
    grade = field.number()
    if grade > FULL_GRADE:
        field.fail(f"is {field.shown}, but a grade is at most {FULL_GRADE}")
    return grade


def _tally_from(field: Field) -> Tally:
    tally = Tally(
        id=field.get("id").name(),
        state=field.get("state").state(),
        points=field.get("points").number(),
        earned=field.get("earned").number(),
        saw=field.get("saw").text(),
    )
    most = tally.points if tally.state in {"passed", "failed"} else 0
    if tally.earned > most + ROUNDING:
        field.get("earned").fail(f"is {tally.earned:g}, but a check that is {tally.state} earns {most:g} at most")
    return tally


def _change_from(field: Field) -> Change:
    return Change(
        student=field.get("student").name(),
        lab=field.get("lab").name(),
        before=_grade_from(field.get("before")),
        after=_grade_from(field.get("after")),
        checks=_names(field.get("checks")),
    )


def _alike_from(field: Field) -> Alike:
    students = field.get("students")
    if len(students.items()) < 2:
        students.fail(f"is {students.shown}, but at least two are expected")
    return Alike(
        what=field.get("what").one_of(("cluster", "submission")),
        lab=field.get("lab").name(),
        students=_names(students),
    )


def _check_mark(mark: Mark, field: Field) -> None:
    """A mark that says something else than its outcomes was edited or damaged: believe none of it."""
    _refuse_doubles([*(one.get("id") for one in field.get("outcomes").items()), *field.get("not_run").items()])
    earned = round(sum(tally.earned for tally in mark.outcomes), 2)
    if abs(mark.earned - earned) > ROUNDING:
        field.get("earned").fail(f"is {mark.earned:g}, but the outcomes make it {earned:g}")
    if mark.earned > mark.possible + ROUNDING:
        field.get("earned").fail(f"is {mark.earned:g}, which is more than the {mark.possible:g} possible")
    if mark.attempt > mark.attempts or bool(mark.attempt) != bool(mark.attempts):
        field.get("attempt").fail(f"is {mark.attempt}, but attempts is {mark.attempts}")
    if mark.grade is None:
        if not mark.because:
            field.get("because").fail("is empty, but there is no grade: a reason is expected")
        return
    if mark.because:
        field.get("because").fail(f"is {mark.because.en!r}, but there is a grade")
    _check_grade(mark, field)


def _check_grade(mark: Mark, field: Field) -> None:
    unseen = [*mark.not_run, *(tally.id for tally in mark.outcomes if tally.state == "error")]
    if unseen or not mark.possible:
        what = f"{unseen[0]!r} was not looked at" if unseen else "nothing could be earned"
        field.get("grade").fail(f"is {mark.grade:g}, but {what}: null is expected")
    full = min(round(mark.earned / mark.possible * FULL_GRADE, 2), float(FULL_GRADE))
    right = max(0.0, full - mark.penalty)
    # Grade and penalty are each rounded once.
    if mark.grade is not None and abs(mark.grade - right) > 2 * ROUNDING:
        field.get("grade").fail(f"is {mark.grade:g}, but points and penalty make it {right:g}")


def _check_consistent(cohort: CohortResult, top: Field) -> None:
    labs, students = [lab.id for lab in cohort.labs], {row.student.id for row in cohort.rows}
    for field, row in zip(top.get("students").items(), cohort.rows, strict=True):
        found = [mark.lab for mark in row.marks]
        if found != labs:
            field.get("marks").fail(f"are of {', '.join(found) or 'no lab'}, but the labs are {', '.join(labs)}")
    for key in ("changes", "alike"):
        for field in top.get(key).items():
            named = [field.get("student")] if key == "changes" else field.get("students").items()
            for one, known in (*((student, students) for student in named), (field.get("lab"), labs)):
                if one.name() not in known:
                    one.fail(f"is {one.shown}, which this cohort does not have")
    if top.get("complete").boolean() != cohort.complete:
        top.get("complete").fail(f"is {top.get('complete').shown}, but the marks make it {cohort.complete}")
