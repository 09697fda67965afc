"""ctrf.json: the Common Test Report Format, for dashboards and pull request comments that read it.

A blocked check is `skipped`, one in error `other`, one that was not run `pending`; `rawStatus` has our own word, and
points are labels.
"""

from __future__ import annotations

from labgrade import jsontext
from labgrade.exports.telling import (
    NOT_RUN,
    all_words,
    distinct,
    graded,
    left_out,
    message,
    moment,
    points,
    remarks,
    seconds,
)
from labgrade.model import Json, LabResult, Outcome, State
from labgrade.text import Language, harmless

SPECIFICATION = "0.1.0"
STATUSES: dict[State, str] = {
    "passed": "passed",
    "failed": "failed",
    "blocked": "skipped",
    "skipped": "skipped",
    "error": "other",
}
ALL_STATUSES = ("passed", "failed", "skipped", "pending", "other")


def render(result: LabResult, *, language: Language) -> str:
    """The JSON text; messages in `language`, names are the checks' ids."""
    tests = tests_of(result, language, suite=(result.lab_id,))
    start = milliseconds(result.started)
    totals: Json = {
        "complete": result.complete,
        "earned": points(result.earned),
        "possible": points(result.possible),
    }
    # Missing rather than low: what is not complete is no grade.
    totals |= {"grade": points(result.grade)} if graded(result) else {}
    summary = summary_of(tests, start, start + round(seconds(result) * 1000)) | {"extra": totals}
    extra: Json = {
        "lab": harmless(result.lab_id),
        "labTitle": harmless(result.lab_title[language]),
        "courseDigest": harmless(result.course_digest),
        "run": harmless(result.run),
        "note": harmless(result.note[language]),
    }
    if result.remarks:
        extra["remarks"] = remarks(result, language)
    if result.student:
        extra["student"] = {"id": harmless(result.student.id), "name": harmless(result.student.name)}
    more: Json = {"extra": extra}
    if result.cluster.name:
        cluster = {"clusterUid": harmless(result.cluster.uid), "kubernetes": harmless(result.cluster.version)}
        more = {"environment": {"testEnvironment": harmless(result.cluster.name), "extra": cluster}} | more
    return document(result.tool_version, summary, tests, more)


def document(tool_version: str, summary: Json, tests: list[Json], more: Json) -> str:
    """The text of a report with these tests; `more` stands beside them."""
    tool = {"name": "labgrade", "version": harmless(tool_version)}
    results = {"tool": tool, "summary": summary, "tests": tests} | more
    return jsontext.dumps({"reportFormat": "CTRF", "specVersion": SPECIFICATION, "results": results})


def summary_of(tests: list[Json], start: int, stop: int) -> Json:
    """Counts and times; the counts are those of the tests."""
    counts = {status: sum(test["status"] == status for test in tests) for status in ALL_STATUSES}
    return {"tests": len(tests), **counts, "start": start, "stop": stop}


def tests_of(result: LabResult, language: Language, *, suite: tuple[str, ...]) -> list[Json]:
    """A test for each check, judged or not."""
    place = [harmless(name) for name in suite]
    tests = [_test(outcome, language, place) for outcome in distinct(result)]
    for check_id in left_out(result):
        told = {"message": NOT_RUN[language], "labels": {"earned": 0}}
        tests.append(_named(check_id, "pending", 0, place) | {"rawStatus": "not_run"} | told)
    return tests


def milliseconds(time: str) -> int:
    """Since 1970; 0 for words that are no time."""
    found = moment(time)
    return round(found.timestamp() * 1000) if found else 0


def _test(outcome: Outcome, language: Language, suite: list[str]) -> Json:
    found = _named(harmless(outcome.id), STATUSES[outcome.state], round(outcome.seconds * 1000), suite)
    found |= {
        "rawStatus": outcome.state,
        "labels": {"points": points(outcome.points), "earned": points(outcome.earned)},
        "extra": {"title": harmless(outcome.title[language])},
    }
    if outcome.state != "passed":
        found |= {"message": message(outcome, language), "trace": all_words(outcome, language)}
    return found


def _named(check_id: str, status: str, duration: int, suite: list[str]) -> Json:
    return {"name": check_id, "status": status, "duration": duration, "suite": suite}
