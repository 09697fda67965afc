"""classroom.json, for GitHub Classroom: what a runner hands to its reporter, and what the reporter would say of it.

The keys `status`, `max_score` and `tests` are the runner's; `result` is the same in base64, as a step's output named
`result` holds it; `notices` are the two lines to print where no reporter runs. The reporter adds up the scores of every
runner whose `max_score` is not 0, whatever its status: a result that is not complete has 0 there, and so no points.
"""

from __future__ import annotations

import base64
import json

from labgrade import jsontext
from labgrade.exports.telling import (
    NOT_RUN,
    all_words,
    cut,
    distinct,
    graded,
    left_out,
    one_line,
    points,
    why_not,
)
from labgrade.exports.workflow import inert, notice
from labgrade.model import Json, LabResult, Outcome
from labgrade.text import Language, Text

LONGEST_NAME = 200
"""Characters."""
ALL_MESSAGES = 15_000
"""Characters that all messages share: the reporter gets the result in one environment variable, of 128 KiB at most."""

NO_TEST = Text("nothing to grade", "rien à évaluer")


def render(result: LabResult, *, language: Language) -> str:
    """The JSON text; names and messages are such that a log may show them."""
    runner = _runner(result, language)
    packed = json.dumps(runner, ensure_ascii=False, allow_nan=False).encode()
    return jsontext.dumps({**runner, "result": base64.b64encode(packed).decode(), "notices": _notices(result)})


def _runner(result: LabResult, language: Language) -> Json:
    # A skipped check counts nowhere: as a test it would weigh in the reporter's table, which goes by their number.
    counted = [outcome for outcome in distinct(result) if outcome.state != "skipped"]
    longest = ALL_MESSAGES // max(len(counted), 1)
    tests = [_test(outcome, language, longest, scored=graded(result)) for outcome in counted]
    tests += [_entry(check_id, "error", 0, NOT_RUN[language]) for check_id in left_out(result)]
    if not graded(result):
        status, most = "error", 0.0
    else:
        status, most = "pass" if result.perfect else "fail", points(result.possible)
    # Without any test the reporter's table divides by 0.
    tests = tests or [_entry(NO_TEST[language], status, 0, why_not(result, language))]
    return {"status": status, "max_score": most, "tests": tests}


def _test(outcome: Outcome, language: Language, longest: int, *, scored: bool) -> Json:
    status = {"passed": "pass", "error": "error"}.get(outcome.state, "fail")
    words = "" if outcome.state == "passed" else cut(all_words(outcome, language), longest)
    return _entry(outcome.title[language] or outcome.id, status, points(outcome.earned) if scored else 0, words)


def _entry(name: str, status: str, score: float, message: str) -> Json:
    """A test with all that the reporter reads; where a line's number or a score is missing, it prints nonsense."""
    return {
        "name": inert(cut(one_line(name), LONGEST_NAME)),
        "status": status,
        "score": score,
        "message": inert(message),
        "line_no": 0,
    }


def _notices(result: LabResult) -> list[str]:
    """What Classroom reads a submission's points from; none while there is no grade."""
    if not graded(result):
        return []
    total, most = points(result.earned), points(result.possible)
    report = json.dumps({"totalPoints": total, "maxPoints": most}, separators=(",", ":"))
    return [notice("Autograding complete", f"Points {total}/{most}"), notice("Autograding report", report)]
