"""ctrf.json, of a result and of a cohort, against what the format requires and forbids."""

from __future__ import annotations

import dataclasses
import json
from typing import Any

import jsonschema
import pytest

from labgrade.exports import ctrf
from labgrade.exports.cohort import ctrf as cohort_ctrf
from labgrade.model import STATES, LabResult
from tests.support import cohorts
from tests.support.results import RESULTS, outcome, remarked, result

STATUS = {"enum": ["passed", "failed", "skipped", "pending", "other"]}
WORDS = {"type": "string"}
WHOLE = {"type": "integer"}
COUNTS = ("tests", "passed", "failed", "skipped", "pending", "other", "start", "stop")


def closed(required: tuple[str, ...], **properties: Any) -> dict[str, Any]:
    """An object with these keys, and no other."""
    return {"type": "object", "required": list(required), "properties": properties, "additionalProperties": False}


FREE = {"type": "object"}
LABEL = {"anyOf": [{"type": "string"}, {"type": "number"}, {"type": "boolean"}]}
SCHEMA = closed(
    ("results", "reportFormat", "specVersion"),
    reportFormat={"const": "CTRF"},
    specVersion={"type": "string", "pattern": r"^[0-9]+\.[0-9]+\.[0-9]+$"},
    results=closed(
        ("tool", "summary", "tests"),
        tool=closed(("name",), name={"type": "string", "minLength": 1}, version=WORDS, extra=FREE),
        summary=closed(COUNTS, **dict.fromkeys(COUNTS, WHOLE), suites=WHOLE, duration=WHOLE, extra=FREE),
        tests={
            "type": "array",
            "items": closed(
                ("name", "status", "duration"),
                name={"type": "string", "minLength": 1},
                status=STATUS,
                duration=WHOLE,
                suite={"type": "array", "minItems": 1, "items": WORDS},
                message=WORDS,
                trace=WORDS,
                rawStatus=WORDS,
                tags={"type": "array", "items": WORDS},
                labels={"type": "object", "additionalProperties": LABEL},
                extra=FREE,
            ),
        },
        environment=closed((), testEnvironment=WORDS, extra=FREE),
        extra=FREE,
    ),
)
"""As much of the format as we write: what it requires, its types, and that it forbids keys of one's own."""


def made(of: LabResult, language: Any = "en") -> dict[str, Any]:
    """The results in the file, which is valid."""
    data = json.loads(ctrf.render(of, language=language))
    jsonschema.validate(data, SCHEMA)
    return data["results"]


@pytest.mark.parametrize("name", RESULTS)
def test_every_result_is_valid_and_adds_up(name: str) -> None:
    """The counts are those of the tests, and time does not run backwards."""
    found = made(RESULTS[name])
    for status in STATUS["enum"]:
        assert found["summary"][status] == sum(test["status"] == status for test in found["tests"])
    assert found["summary"]["tests"] == len(found["tests"])
    assert found["summary"]["stop"] >= found["summary"]["start"]


def test_the_schema_in_use_says_no() -> None:
    """A key of one's own beside a summary's counts, or a time with decimals, is refused."""
    data = json.loads(ctrf.render(RESULTS["sample"], language="en"))
    for key, value in (("points", 1), ("start", 1.5)):
        spoilt = json.loads(json.dumps(data))
        spoilt["results"]["summary"][key] = value
        with pytest.raises(jsonschema.ValidationError):
            jsonschema.validate(spoilt, SCHEMA)


def test_each_state_has_a_status_and_keeps_its_own_name() -> None:
    """Blocked is no failure of its own, an error is none of the student's, and what was not run is pending."""
    tests = made(result(*(outcome(n, state) for n, state in enumerate(STATES)), not_run=("later",)))["tests"]
    assert [test["status"] for test in tests] == ["passed", "failed", "skipped", "skipped", "other", "pending"]
    assert [test["rawStatus"] for test in tests] == [*STATES, "not_run"]
    assert tests[0]["labels"] == {"points": 2, "earned": 2}


def test_times_are_whole_milliseconds() -> None:
    """The format knows no others."""
    found = made(result(dataclasses.replace(outcome(0, "passed"), seconds=0.12345)))
    assert found["tests"][0]["duration"] == 123


def test_only_a_complete_result_has_a_grade() -> None:
    """It is missing else, and not 0."""
    assert made(RESULTS["sample"])["summary"]["extra"]["grade"] == 6.67
    for name in ("error", "interrupted", "begun", "nothing"):
        assert "grade" not in made(RESULTS[name])["summary"]["extra"]


def test_remarks_are_there_and_an_unknown_cluster_is_not() -> None:
    """What was handed in is told, each on a line; blank names are left out."""
    assert made(remarked())["extra"]["remarks"] == ["web.yaml was not accepted: no <kind> in it"]
    assert "remarks" not in made(RESULTS["sample"])["extra"]
    assert "environment" not in made(RESULTS["refused"])
    assert made(RESULTS["sample"])["environment"]["testEnvironment"] == "practice"


@pytest.mark.parametrize("language", ["en", "fr"])
def test_a_cohort_is_valid_and_says_what_is_missing(language: Any) -> None:
    """Every missing mark has a test of its own that is no pass; every check of every student is there."""
    cohort = cohorts.sample()
    data = json.loads(cohort_ctrf.render(cohort, language=language))
    jsonschema.validate(data, SCHEMA)
    tests = data["results"]["tests"]
    marks = [mark for row in cohort.rows for mark in row.marks]
    missing = [test for test in tests if test["name"] == "(grade)"]
    assert len(missing) == sum(mark.grade is None for mark in marks)
    assert all(test["status"] == "other" and test["message"] for test in missing)
    assert len(tests) - len(missing) == sum(len(mark.outcomes) + len(mark.not_run) for mark in marks)
    assert data["results"]["summary"]["stop"] - data["results"]["summary"]["start"] == 842_000
