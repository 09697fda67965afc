"""gradescope.json, held against what Gradescope's specification says of results.json."""

from __future__ import annotations

import dataclasses
import json
import math
from typing import Any

import pytest

from labgrade.exports import gradescope
from labgrade.model import STATES, LabResult
from labgrade.text import Text
from tests.support.results import RESULTS, outcome, remarked, result

TOP = {
    "score",
    "execution_time",
    "output",
    "output_format",
    "test_output_format",
    "test_name_format",
    "visibility",
    "stdout_visibility",
    "extra_data",
    "tests",
    "leaderboard",
}
TEST = {
    "score",
    "max_score",
    "status",
    "name",
    "name_format",
    "number",
    "output",
    "output_format",
    "tags",
    "visibility",
    "extra_data",
}
FORMATS = {"text", "html", "simple_format", "md", "ansi"}


def made(of: LabResult, language: Any = "en") -> dict[str, Any]:
    """The file, read."""
    return json.loads(gradescope.render(of, language=language))


def shown_total(data: dict[str, Any]) -> float | None:
    """The mark that Gradescope enters: the score at the top, else the sum of the tests', else none at all."""
    if "score" in data:
        return data["score"]
    scores = [test["score"] for test in data["tests"] if "score" in test]
    return sum(scores) if scores else None


@pytest.mark.parametrize("name", RESULTS)
def test_every_result_keeps_to_the_specification(name: str) -> None:
    """Known keys, numbers that are numbers, known formats and states, and nothing hidden."""
    data = made(RESULTS[name])
    assert set(data) <= TOP
    assert data["output_format"] in FORMATS
    assert isinstance(data["execution_time"], (int, float))
    for test in data["tests"]:
        assert set(test) <= TEST
        assert test.get("status") in {None, "passed", "failed"}
        assert test.get("visibility", "visible") == "visible", "students would not see their total"
        assert all(math.isfinite(test[key]) for key in ("score", "max_score") if key in test)
        assert test["name"].splitlines() == [test["name"]]
        assert "\r" not in test["output"]
        assert all(isinstance(tag, str) for tag in test["tags"])


def test_no_check_vanishes_from_the_list() -> None:
    """Whatever became of a check, a student reads that it was asked."""
    mixed = result(*(outcome(number, state) for number, state in enumerate(STATES)), not_run=("later",))
    tests = made(mixed)["tests"]
    assert [test["extra_data"]["id"] for test in tests] == [*(f"check_{number}" for number in range(5)), "later"]
    assert [test["extra_data"]["state"] for test in tests] == [*STATES, "not_run"]


def test_the_score_is_the_grade_and_skipped_points_cost_nothing() -> None:
    """Of two checks one is skipped, the other passed: full marks, and the skipped one is informational."""
    data = made(result(outcome(0, "passed"), outcome(1, "skipped")))
    assert shown_total(data) == 20
    assert data["tests"][0]["max_score"] == 2
    assert not {"score", "max_score", "status"} & set(data["tests"][1])


def test_partial_credit_is_a_failed_test_with_points() -> None:
    """Both the points and the state say so."""
    half = dataclasses.replace(outcome(0, "failed"), earned=0.5)
    data = made(result(half, outcome(1, "passed"), outcome(2, "blocked")))
    assert [test["status"] for test in data["tests"]] == ["failed", "passed", "failed"]
    assert [(test["score"], test["max_score"]) for test in data["tests"]] == [(0.5, 2), (2, 2), (0, 2)]
    assert shown_total(data) == pytest.approx(2.5 / 6 * 20, abs=0.01)


@pytest.mark.parametrize("name", ["error", "interrupted", "begun", "nothing", "refused"])
def test_what_is_not_complete_has_no_score_anywhere(name: str) -> None:
    """No mark is better than a low one; the text above the tests says why."""
    data = made(RESULTS[name])
    assert shown_total(data) is None
    assert not any("max_score" in test for test in data["tests"])
    assert ("nothing to earn" if name == "nothing" else "Not complete") in data["output"]
    assert "/ 20" not in data["output"]
    assert "0 / " not in data["output"] or name == "error"


def test_words_are_in_the_language_asked_for() -> None:
    """Names and outputs, but no number."""
    en, fr = made(RESULTS["sample"]), made(RESULTS["sample"], "fr")
    assert fr["tests"][2]["name"] == "Le Service `web` a les Pods derrière lui"
    assert "indice\N{NO-BREAK SPACE}: " in fr["tests"][2]["output"]
    assert "à corriger d’abord\N{NO-BREAK SPACE}: " in fr["output"]
    assert en["score"] == fr["score"] == 6.67


def test_the_reason_of_a_refusal_ends_before_what_was_not_run() -> None:
    """Two sentences, and no points where nothing was looked at."""
    output = made(RESULTS["refused"])["output"]
    assert "leave it out. Not run: check_0, check_1." in output
    assert output.splitlines()[0].endswith(": no grade")
    assert made(RESULTS["refused"], "fr")["output"].splitlines()[0].endswith("\N{NO-BREAK SPACE}: sans note")


def test_what_was_handed_in_is_told() -> None:
    """A student sees that a manifest was not accepted."""
    assert "\nWhat was handed in: web.yaml was not accepted: no <kind> in it\n" in made(remarked())["output"]


def test_hostile_words_stay_text() -> None:
    """They are shown as text, in which neither markup nor control characters act."""
    words = Text("<script>\x1b[31m\ud800\r\n\u202e", "x")
    evil = dataclasses.replace(outcome(0, "failed", words.en), title=words, saw=words)
    data = made(result(evil))
    assert {data[key] for key in ("output_format", "test_output_format", "test_name_format")} == {"text"}
    assert data["tests"][0]["name"] == "<script>\\x1b[31m\\ud800\\r \\u202e"
