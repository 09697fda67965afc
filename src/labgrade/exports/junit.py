"""junit.xml, for CI servers: one testsuite a lab, one testcase a check.

The junit-xml library makes the document. What it has no place for is added to it: testcase properties, and times
and counts in the form that Jenkins' schema allows. Points stand in the messages too: few consumers read properties.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import Any
from xml.etree import ElementTree

from junit_xml import TestCase, TestSuite

from labgrade import wording
from labgrade.model import LabResult, Outcome, State
from labgrade.text import Language, Text, harmless

Element = ElementTree.Element
GRAVEST: tuple[State, ...] = ("error", "failed", "blocked", "skipped", "passed")
LONGEST_MESSAGE = 400
"""Characters: a message is a line in a table; the text below it has everything."""

POINTS = Text("points", "points")
LEFT_OUT = Text("not run; its points stay in the total", "non exécuté ; ses points restent dans le total")


def render(result: LabResult, *, language: Language) -> str:
    """JUnit XML; messages in `language`, numbers with a point in both."""
    suite = _suite(result, language).build_xml_doc()
    _state_time(suite, result)
    _state_points(suite, result)
    root = ElementTree.Element("testsuites", {"name": "labgrade"})
    for key in ("tests", "failures", "errors", "time"):
        root.set(key, suite.get(key))
    root.append(suite)
    ElementTree.indent(root)
    return '<?xml version="1.0" encoding="UTF-8"?>\n' + ElementTree.tostring(root, encoding="unicode") + "\n"


def _suite(result: LabResult, language: Language) -> Any:
    name = harmless(result.lab_id)
    cases = [_case(outcome, name, language) for outcome in _distinct(result)]
    for check_id in _left_out(result):
        case = TestCase(harmless(check_id), name)
        case.add_skipped_info(LEFT_OUT[language], LEFT_OUT[language])
        cases.append(case)
    return TestSuite(name, cases, timestamp=_timestamp(result.started), properties=_totals(result, language))


def _distinct(result: LabResult) -> list[Outcome]:
    """One outcome for each check, the gravest: consumers keep any one of two testcases of the same name."""
    found: dict[str, Outcome] = {}
    for outcome in result.outcomes:
        known = found.setdefault(harmless(outcome.id), outcome)
        if GRAVEST.index(outcome.state) < GRAVEST.index(known.state):
            found[harmless(outcome.id)] = outcome
    return list(found.values())


def _left_out(result: LabResult) -> list[str]:
    judged = {harmless(outcome.id) for outcome in result.outcomes}
    return [name for name in dict.fromkeys(map(harmless, result.not_run)) if name not in judged]


def _case(outcome: Outcome, suite: str, language: Language) -> Any:
    case = TestCase(harmless(outcome.id), suite)
    # Message and text are never empty: a failure with neither would be written as a pass.
    message, words = _message(outcome, language), _words(outcome, language)
    if outcome.state == "failed":
        case.add_failure_info(message, words, "failed")
    elif outcome.state == "error":
        case.add_error_info(message, words, "error")
    elif outcome.state in {"blocked", "skipped"}:
        case.add_skipped_info(message, words)
    return case


def _message(outcome: Outcome, language: Language) -> str:
    """`1.5 / 4 points: what was seen`, on one line."""
    words = re.sub(r"\s*[\t\n]\s*", " ", harmless(f"{_score(outcome, language)}: {_reason(outcome, language)}"))
    return words if len(words) <= LONGEST_MESSAGE else f"{words[:LONGEST_MESSAGE]}…"


def _score(outcome: Outcome, language: Language) -> str:
    score = f"{wording.number(outcome.earned)} / {wording.number(outcome.points)} {POINTS[language]}"
    return score if outcome.state == "failed" else f"{wording.STATES[outcome.state][language]}, {score}"


def _reason(outcome: Outcome, language: Language) -> str:
    fallback = {"blocked": wording.BLOCKED, "skipped": wording.SKIPPED, "error": wording.ERROR}
    reason = outcome.saw[language]
    if outcome.state == "blocked" and outcome.blocked_by and not reason:
        reason = f"{wording.MEND_FIRST[language]}: {', '.join(outcome.blocked_by)}"
    return reason or fallback.get(outcome.state, outcome.title)[language]


def _words(outcome: Outcome, language: Language) -> str:
    """All there is to read; GitLab shows this and not the message."""
    rows = [(wording.SAW, outcome.saw), (wording.WANTED, outcome.wanted), (wording.TRY, outcome.try_)]
    if outcome.state == "failed":
        rows.append((wording.HINT, outcome.hint))
    else:
        rows[0] = (wording.STATES[outcome.state], Text(_reason(outcome, "en"), _reason(outcome, "fr")))
    lines = [outcome.title[language], _score(outcome, language)]
    lines += [f"{label[language]}: {words[language]}" for label, words in rows if words[language]]
    return harmless("\n".join([*lines, *outcome.evidence]))


def _timestamp(started: str) -> str | None:
    """As JUnit wants it, without a zone and in whole seconds; the suite's properties have it in full."""
    try:
        moment = datetime.fromisoformat(started)
    except ValueError:
        return None
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S")


def _totals(result: LabResult, language: Language) -> dict[str, str]:
    found = {
        "earned": wording.number(result.earned),
        "possible": wording.number(result.possible),
        # Blank rather than low: what is not complete is no grade.
        "grade": wording.number(result.grade) if result.complete else "",
        "complete": str(result.complete).lower(),
        "lab": result.lab_id,
        "lab.title": result.lab_title[language],
        "cluster.name": result.cluster.name,
        "cluster.uid": result.cluster.uid,
        "cluster.version": result.cluster.version,
        "course.digest": result.course_digest,
        "tool.version": result.tool_version,
        "run": result.run,
        "started": result.started,
        "finished": result.finished or "",
        "note": result.note[language],
    }
    if result.student:
        found |= {"student.id": result.student.id, "student.name": result.student.name}
    return {key: harmless(value) for key, value in found.items()}


def _state_time(suite: Element, result: LabResult) -> None:
    """Seconds without an exponent, also where they are 0, and no attribute that Jenkins' schema lacks."""
    suite.attrib.pop("disabled", None)
    seconds = {harmless(outcome.id): outcome.seconds for outcome in _distinct(result)}
    for case in suite.iter("testcase"):
        case.set("time", f"{seconds.get(case.get('name', ''), 0.0):.3f}")
    suite.set("time", f"{sum(seconds.values()):.3f}")


def _state_points(suite: Element, result: LabResult) -> None:
    """Points, earned and state of each check, as its testcase's properties."""
    outcomes = {harmless(outcome.id): outcome for outcome in _distinct(result)}
    for case in suite.iter("testcase"):
        outcome = outcomes.get(case.get("name", ""))
        found = {"earned": "0", "state": "not_run"}
        if outcome:
            found = {
                "points": wording.number(outcome.points),
                "earned": wording.number(outcome.earned),
                "state": outcome.state,
            }
        properties = Element("properties")
        for name, value in found.items():
            ElementTree.SubElement(properties, "property", {"name": name, "value": value})
        case.insert(0, properties)
