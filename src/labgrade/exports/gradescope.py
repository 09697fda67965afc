"""gradescope.json: what an autograder of Gradescope leaves as results.json.

The score at the top is the grade out of 20, so that a skipped check costs nothing; the tests carry the points. A
result that is not complete has no score anywhere: Gradescope then has nothing to enter, where the points so far would
be taken for a low mark.
"""

from __future__ import annotations

from labgrade import jsontext, wording
from labgrade.exports.telling import (
    NOT_RUN,
    all_words,
    distinct,
    graded,
    left_out,
    one_line,
    points,
    remarks,
    seconds,
    total,
    why_not,
)
from labgrade.mending import mend_first
from labgrade.model import Json, LabResult, Outcome
from labgrade.text import Language, harmless


def render(result: LabResult, *, language: Language) -> str:
    """The JSON text; every check is in its list, whatever became of it."""
    tests = [_test(outcome, language, scored=graded(result)) for outcome in distinct(result)]
    tests += [_not_run(check_id, language) for check_id in left_out(result)]
    data: Json = {"score": points(result.grade)} if graded(result) else {}
    data |= {
        "execution_time": seconds(result),
        "output": _output(result, language),
        "output_format": "text",
        "test_output_format": "text",
        "test_name_format": "text",
        "tests": tests,
        "extra_data": _extra(result),
    }
    return jsontext.dumps(data)


def _test(outcome: Outcome, language: Language, *, scored: bool) -> Json:
    found: Json = {}
    if scored and outcome.state != "skipped":
        found = {"score": points(outcome.earned), "max_score": points(outcome.points)}
    # A status of its own: by default Gradescope takes whatever has no score for neither.
    if outcome.state in {"passed", "failed", "blocked"}:
        found["status"] = "passed" if outcome.state == "passed" else "failed"
    return found | {
        "name": one_line(outcome.title[language] or outcome.id),
        "output": all_words(outcome, language),
        "tags": [outcome.state],
        "extra_data": {"id": harmless(outcome.id), "state": outcome.state},
    }


def _not_run(check_id: str, language: Language) -> Json:
    return {
        "name": check_id,
        "output": NOT_RUN[language],
        "tags": ["not_run"],
        "extra_data": {"id": check_id, "state": "not_run"},
    }


def _output(result: LabResult, language: Language) -> str:
    """What stands above the tests: why there is no score, what to say of what was handed in, what to mend first."""
    colon = wording.colon(language)
    lines = [f"{result.lab_title[language]}{colon}{total(result, language)}"]
    if not graded(result):
        lines.append(why_not(result, language))
    lines += [f"{wording.HANDED_IN[language]}{colon}{words}" for words in remarks(result, language)]
    first = mend_first(result)
    if first:
        lines.append(f"{wording.MEND_FIRST[language]}{colon}{first.title[language]}")
    return harmless("\n".join(lines))


def _extra(result: LabResult) -> Json:
    found: Json = {
        "lab": result.lab_id,
        "cluster_uid": result.cluster.uid,
        "course_digest": result.course_digest,
        "tool_version": result.tool_version,
        "run": result.run,
    }
    totals = {"complete": result.complete, "earned": points(result.earned), "possible": points(result.possible)}
    return {key: harmless(value) for key, value in found.items()} | totals
