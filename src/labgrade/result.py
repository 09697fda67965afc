"""result.json, version 1: the source of every report, written so that no crash can tear it.

`schemas/result-v1.schema.json` is its published form.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from labgrade import jsontext
from labgrade.errors import UsageError
from labgrade.jsontext import number
from labgrade.model import ClusterInfo, Json, LabResult, Outcome, Student
from labgrade.resultform import Field
from labgrade.wholefile import make_folder, write_whole

SCHEMA = "labgrade/result/v1"
FILE_NAME = "result.json"
ROUNDING = 0.005
"""Totals are rounded to two decimals."""


def to_data(result: LabResult) -> Json:
    """The result as version 1 has it."""
    return {
        "schema": SCHEMA,
        "tool": {"version": result.tool_version},
        "course": {"digest": result.course_digest},
        "lab": {"id": result.lab_id, "title": result.lab_title.data()},
        "student": result.student and {"id": result.student.id, "name": result.student.name},
        "cluster": {
            "name": result.cluster.name,
            "uid": result.cluster.uid,
            "version": result.cluster.version,
        },
        "run": result.run,
        "started": result.started,
        "finished": result.finished,
        "earned": number(result.earned),
        "possible": number(result.possible),
        "grade": number(result.grade),
        "complete": result.complete,
        "not_run": list(result.not_run),
        "note": result.note.data(),
        "remarks": [words.data() for words in result.remarks],
        "outcomes": [outcome_data(outcome) for outcome in result.outcomes],
    }


def outcome_data(outcome: Outcome) -> Json:
    """One outcome as version 1 has it."""
    return {
        "id": outcome.id,
        "title": outcome.title.data(),
        "state": outcome.state,
        "points": number(outcome.points),
        "earned": number(outcome.earned),
        "seconds": number(outcome.seconds),
        "saw": outcome.saw.data(),
        "wanted": outcome.wanted.data(),
        "try": outcome.try_.data(),
        "hint": outcome.hint.data(),
        "evidence": list(outcome.evidence),
        "blocked_by": list(outcome.blocked_by),
    }


def from_data(data: Any) -> LabResult:
    """The result that `to_data` gave, or another writer of version 1; keys not known are ignored.

    UsageError with the key and what was found there, also where the totals contradict the outcomes.
    """
    top = Field(data, ())
    top.get("schema").schema(SCHEMA)
    student = top.get("student")
    result = LabResult(
        lab_id=top.get("lab").get("id").name(),
        lab_title=top.get("lab").get("title").text(),
        tool_version=top.get("tool").get("version").string(),
        course_digest=top.get("course").get("digest").string(),
        run=top.get("run").string(),
        cluster=ClusterInfo(**{key: top.get("cluster").get(key).string() for key in ("name", "uid", "version")}),
        started=top.get("started").time(),
        finished=None if top.get("finished").value is None else top.get("finished").time(),
        possible=top.get("possible").number(),
        outcomes=tuple(outcome_from(field) for field in top.get("outcomes").items()),
        not_run=tuple(field.name() for field in top.get("not_run").items()),
        note=top.get("note").text(),
        student=None
        if student.value is None
        else Student(id=student.get("id").name(), name=student.get("name").string()),
        remarks=tuple(field.text() for field in top.get("remarks", default=[]).items()),
    )
    _check_consistent(result, top)
    return result


def outcome_from(field: Field) -> Outcome:
    """The outcome that `outcome_data` gave; UsageError as for `from_data`."""
    outcome = Outcome(
        id=field.get("id").name(),
        title=field.get("title").text(),
        state=field.get("state").state(),
        points=field.get("points").number(),
        earned=field.get("earned").number(),
        seconds=field.get("seconds").number(),
        hint=field.get("hint").text(),
        saw=field.get("saw").text(),
        wanted=field.get("wanted").text(),
        try_=field.get("try").text(),
        evidence=tuple(item.string() for item in field.get("evidence").items()),
        blocked_by=tuple(item.name() for item in field.get("blocked_by", default=[]).items()),
    )
    most = outcome.points if outcome.state in {"passed", "failed"} else 0
    if outcome.earned > most + ROUNDING:
        field.get("earned").fail(f"is {outcome.earned:g}, but a check that is {outcome.state} earns {most:g} at most")
    return outcome


def _check_consistent(result: LabResult, top: Field) -> None:
    """A result whose totals say something else than its outcomes was edited or damaged: believe none of it."""
    seen: set[str] = set()
    fields = [*((field.get("id"), field.get("id").name()) for field in top.get("outcomes").items())]
    fields += [(field, field.name()) for field in top.get("not_run").items()]
    for field, name in fields:
        if name in seen:
            field.fail(f"is {name!r}, which stands here a second time")
        seen.add(name)
    if result.earned > result.possible + ROUNDING:
        top.get("earned").fail(f"is {result.earned:g}, which is more than the {result.possible:g} possible")
    for key, right in (("earned", result.earned), ("grade", result.grade)):
        if abs(top.get(key).number() - right) > ROUNDING:
            top.get(key).fail(f"is {top.get(key).shown}, but the outcomes make it {right:g}")
    if top.get("complete").boolean() != result.complete:
        top.get("complete").fail(f"is {top.get('complete').shown}, but the outcomes make it {result.complete}")


def dumps(result: LabResult) -> str:
    """The text of result.json, as `jsontext` writes it."""
    return jsontext.dumps(to_data(result))


def loads(words: str) -> LabResult:
    """The result in the text of a result.json; UsageError as for `from_data`."""
    return from_data(jsontext.loads(words))


def read(path: Path) -> LabResult:
    """The result in a file; UsageError (file, key, what was found) where there is none that can be used."""
    return jsontext.read(path, loads)


def complete_in(folder: Path) -> bool:
    """Whether a complete result lies in `folder`, one that nothing lesser should take the place of."""
    try:
        return read(folder / FILE_NAME).complete
    except UsageError:
        return False


class Writer:
    """Keeps result.json in one folder while a result grows.

    At every instant, also after kill -9 or a power cut, the file is whole: the last result written, or the
    one before.
    """

    def __init__(self, folder: Path) -> None:
        """Makes the folder if need be; UsageError where that cannot be done."""
        make_folder(folder)
        self.path = folder / FILE_NAME

    def write(self, result: LabResult) -> None:
        """Replaces the file by this result; UsageError (no permission) or HarnessError (disk full) where it cannot."""
        write_whole(self.path, dumps(result).encode())
