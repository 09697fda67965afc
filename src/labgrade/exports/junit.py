"""junit.xml, for CI servers: one testsuite a lab, one testcase a check.

The junit-xml library makes the document. What it has no place for is added to it: testcase properties, and times
and counts in the form that Jenkins' schema allows. Points stand in the messages too: few consumers read properties.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any
from xml.etree import ElementTree

from junit_xml import TestCase, TestSuite

from labgrade import wording
from labgrade.exports.telling import (
    LONGEST_MESSAGE,
    NOT_RUN,
    all_words,
    cut,
    distinct,
    graded,
    left_out,
    message,
    one_line,
    remarks,
)
from labgrade.model import LabResult, Outcome
from labgrade.text import Language, harmless

Element = ElementTree.Element
TOTALS = ("tests", "failures", "errors", "time")
GRADE = "(grade)"
"""Name of the testcase that says why there is no grade; no check has such a name."""


def render(result: LabResult, *, language: Language) -> str:
    """JUnit XML; messages in `language`, numbers with a point in both."""
    suite = suite_of(result, name=result.lab_id, language=language)
    return document([suite], {key: suite.get(key, "0") for key in TOTALS})


def document(suites: list[Element], totals: dict[str, str]) -> str:
    """The text of a file with these testsuites."""
    root = ElementTree.Element("testsuites", {"name": "labgrade"} | totals)
    root.extend(suites)
    ElementTree.indent(root)
    return '<?xml version="1.0" encoding="UTF-8"?>\n' + ElementTree.tostring(root, encoding="unicode") + "\n"


def suite_of(
    result: LabResult, *, name: str, language: Language, more: Mapping[str, str] | None = None, missing: str = ""
) -> Element:
    """One result as a testsuite of that name, which is its testcases' classname, too.

    `more` are properties of the suite, before its own where they have the same name; `missing` says why there is no
    grade, where that is to be an error of its own.
    """
    suite = _suite(result, harmless(name), language, more or {}, missing).build_xml_doc()
    _state_time(suite, result)
    _state_points(suite, result)
    told = remarks(result, language)
    if told:
        ElementTree.SubElement(suite, "system-out").text = "\n".join((wording.HANDED_IN[language], *told))
    return suite


def _suite(result: LabResult, name: str, language: Language, more: Mapping[str, str], missing: str) -> Any:
    cases = [_case(outcome, name, language) for outcome in distinct(result)]
    for check_id in left_out(result):
        case = TestCase(harmless(check_id), name)
        case.add_skipped_info(NOT_RUN[language], NOT_RUN[language])
        cases.append(case)
    if missing:
        case = TestCase(GRADE, name)
        case.add_error_info(cut(one_line(missing), LONGEST_MESSAGE), harmless(missing), "error")
        cases.append(case)
    # Blank is what is not known, such as the cluster of somebody who handed in nothing.
    known = {key: value for key, value in _totals(result, language).items() if value or key == "grade"}
    properties = known | {key: harmless(value) for key, value in more.items()}
    return TestSuite(name, cases, timestamp=_timestamp(result.started), properties=properties)


def _case(outcome: Outcome, suite: str, language: Language) -> Any:
    case = TestCase(harmless(outcome.id), suite)
    # Message and text are never empty: a failure with neither would be written as a pass.
    headline, words = message(outcome, language), all_words(outcome, language)
    if outcome.state == "failed":
        case.add_failure_info(headline, words, "failed")
    elif outcome.state == "error":
        case.add_error_info(headline, words, "error")
    elif outcome.state in {"blocked", "skipped"}:
        case.add_skipped_info(headline, words)
    return case


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
        "grade": wording.number(result.grade) if graded(result) else "",
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
    seconds = {harmless(outcome.id): outcome.seconds for outcome in distinct(result)}
    for case in suite.iter("testcase"):
        case.set("time", f"{seconds.get(case.get('name', ''), 0.0):.3f}")
    suite.set("time", f"{sum(seconds.values()):.3f}")


def _state_points(suite: Element, result: LabResult) -> None:
    """Points, earned and state of each check, as its testcase's properties."""
    outcomes = {harmless(outcome.id): outcome for outcome in distinct(result)}
    for case in suite.iter("testcase"):
        if case.get("name") == GRADE:
            continue
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
