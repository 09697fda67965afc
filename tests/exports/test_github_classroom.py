"""classroom.json, read as Classroom's reporter reads what a runner hands to it."""

from __future__ import annotations

import base64
import dataclasses
import json
from typing import Any

import pytest

from labgrade.exports import github_classroom
from labgrade.model import STATES, LabResult
from labgrade.text import Text
from tests.support.results import RESULTS, outcome, result

MOST_OF_A_VARIABLE = 128 * 1024
"""Bytes, with its name, that Linux gives a process in one environment variable."""


def made(of: LabResult, language: Any = "en") -> dict[str, Any]:
    """The file, read."""
    return json.loads(github_classroom.render(of, language=language))


def runner(of: LabResult) -> dict[str, Any]:
    """What the reporter decodes from the step's output."""
    return json.loads(base64.b64decode(made(of)["result"], validate=True))


def reported(*results: dict[str, Any]) -> tuple[float, float] | None:
    """The points that the reporter sends: sums over the runners that have something to earn; none where none has."""
    counted = [one for one in results if one["max_score"]]
    total = sum(test["score"] for one in counted for test in one["tests"])
    most = sum(one["max_score"] for one in counted)
    return (total, most) if most else None


def commands(log: str) -> list[str]:
    """Lines that a runner of GitHub's acts upon."""
    return [line for line in log.splitlines() if line.strip().startswith("::") or "##[" in line]


@pytest.mark.parametrize("name", RESULTS)
def test_the_reporter_finds_all_that_it_reads(name: str) -> None:
    """A test at least, each with a status that it knows, a score that is a number, and a line's number."""
    found = runner(RESULTS[name])
    assert found["status"] in {"pass", "fail", "error"}
    assert isinstance(found["max_score"], (int, float))
    assert found["tests"], "its table would divide by 0"
    for test in found["tests"]:
        assert test["status"] in {"pass", "fail", "error"}
        assert isinstance(test["score"], (int, float))
        assert test["line_no"] == 0
        assert test["name"]
    data = made(RESULTS[name])
    assert {key: data[key] for key in found} == found, "in base64 is the same"


@pytest.mark.parametrize("name", ["sample", "perfect", "blocked"])
def test_the_points_are_the_result_s_and_the_notices_say_the_same(name: str) -> None:
    """A reporter, and whoever prints our lines instead, tell Classroom one number."""
    of = RESULTS[name]
    assert reported(runner(of)) == (of.earned, of.possible)
    complete, report = made(of)["notices"]
    earned, possible = f"{of.earned:g}", f"{of.possible:g}"
    assert complete == f"::notice title=Autograding complete::Points {earned}/{possible}"
    assert report.startswith("::notice title=Autograding report::")
    assert json.loads(report.rpartition("::")[2]) == {"totalPoints": of.earned, "maxPoints": of.possible}


@pytest.mark.parametrize("name", ["error", "interrupted", "begun", "nothing"])
def test_what_is_not_complete_is_an_error_and_sends_no_points(name: str) -> None:
    """The job fails, and Classroom keeps what it had."""
    found = runner(RESULTS[name])
    assert found["status"] == "error"
    assert reported(found) is None
    assert made(RESULTS[name])["notices"] == []
    assert not any(test["score"] for test in found["tests"])


@pytest.mark.parametrize(("states", "status"), [("passed", "pass"), ("failed", "fail"), ("blocked", "fail")])
def test_the_job_fails_unless_everything_is_earned(states: Any, status: str) -> None:
    """So that a student sees red while there is something to mend."""
    assert runner(result(outcome(0, "passed"), outcome(1, states)))["status"] == status


def test_states_and_skipped_points() -> None:
    """A skipped check is in neither the points nor the tests; the others have the status that people expect."""
    found = runner(result(*(outcome(number, state) for number, state in enumerate(STATES[:4]))))
    assert [test["status"] for test in found["tests"]] == ["pass", "fail", "fail"]
    assert reported(found) == (2, 6)


def test_weighted_partial_credit_is_exact() -> None:
    """Points with decimals neither round nor grow a tail."""
    parts = [dataclasses.replace(outcome(n, "failed"), points=3.3, earned=1.1) for n in range(3)]
    assert made(result(*parts))["notices"][0].endswith("Points 3.3/9.9")


def test_no_word_of_a_student_is_a_command() -> None:
    """The reporter prints names and messages into a log in which lines are commands."""
    evil = "x\n::set-output name=result::e30=\n  ::error::no\n##[add-path]/tmp\r::stop-commands::a"
    words = Text(evil, evil)
    spoilt = dataclasses.replace(outcome(0, "failed", evil), title=words, saw=words, hint=words)
    for test in runner(result(spoilt))["tests"]:
        assert commands(f"{test['name']}\n{test['message']}") == []
    assert commands(evil), "the rule that this test trusts finds some"


@pytest.mark.parametrize("checks", [1, 10, 60])
def test_it_fits_into_an_environment_variable(checks: int) -> None:
    """However long the words of a cluster are: what does not fit ends the reporter before it says anything."""
    long = Text("é" * 20_000, "x")
    made_of = result(*(dataclasses.replace(outcome(n, "failed", long.en), saw=long, title=long) for n in range(checks)))
    assert len(made(made_of)["result"]) < MOST_OF_A_VARIABLE - 100
