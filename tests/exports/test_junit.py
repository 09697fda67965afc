"""junit.xml holds for the consumers that there are: junitparser, Jenkins' schema, GitLab's way of reading."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest
import xmlschema
from hypothesis import given, settings
from hypothesis import strategies as st
from junitparser import Error, Failure, JUnitXml, Skipped

from labgrade.exports import junit
from labgrade.home import home
from labgrade.model import STATES, LabResult, Outcome, State
from labgrade.result import read
from labgrade.text import Text
from tests.support.results import RESULTS, remarked

JENKINS = xmlschema.XMLSchema(Path(__file__).with_name("jenkins-junit.xsd"))
HOSTILE = "<script>&amp;]]>\x1b[31m\0\u202e\ud800\ufffe[[ATTACHMENT|/etc/passwd]]\"'"


@pytest.fixture
def sample() -> LabResult:
    """The made-up result behind the samples in reports/."""
    return read(home() / "reports/samples/result.json")


def outcome(check_id: str = "rolled_out", state: State = "failed", **more: Any) -> Outcome:
    """An outcome of four points."""
    words = Text("question", "question")
    given: dict[str, Any] = {"points": 4.0, "earned": 0.0, "seconds": 0.0, "title": words, "hint": words}
    return Outcome(id=check_id, state=state, **given | more)


def holding(sample: LabResult, *outcomes: Outcome, **more: Any) -> LabResult:
    """The sample with other outcomes."""
    return dataclasses.replace(sample, outcomes=outcomes, **more)


def cases(result: LabResult, language: Any = "en") -> dict[str, ElementTree.Element]:
    """Testcases by name."""
    root = ElementTree.fromstring(junit.render(result, language=language))
    return {case.attrib["name"]: case for case in root.iter("testcase")}


def properties(element: ElementTree.Element) -> dict[str, str]:
    """The properties directly below a testsuite or testcase."""
    return {found.attrib["name"]: found.attrib["value"] for found in element.findall("properties/property")}


def assert_jenkins_takes(xml: str) -> None:
    """Valid against Jenkins' schema once testcases have lost their properties."""
    root = ElementTree.fromstring(xml)
    for case in root.iter("testcase"):
        for found in case.findall("properties"):
            case.remove(found)
    JENKINS.validate(ElementTree.tostring(root, encoding="unicode"))


def as_gitlab(xml: str) -> dict[tuple[str, str], tuple[str, str | None]]:
    """(classname, name) -> (status, what GitLab shows), as its parser gets there.

    Facts: it takes the first of failure, error, skipped; of such an element it shows the text, and drops attributes
    as soon as there is text (without any it would show them raw); a second testcase of one name replaces the first.
    """
    found: dict[tuple[str, str], tuple[str, str | None]] = {}
    for case in ElementTree.fromstring(xml).iter("testcase"):
        key = (case.attrib["classname"], case.attrib["name"])
        assert key not in found, f"GitLab would lose one of {key}"
        found[key] = ("success", None)
        for tag, status in (("failure", "failed"), ("error", "error"), ("skipped", "skipped")):
            element = case.find(tag)
            if element is not None:
                assert (element.text or "").strip(), "GitLab would show a Ruby hash"
                assert element.get("type") not in {"file", "yaml", "symbol", "array"}, "its XML reader acts on these"
                found[key] = (status, element.text)
                break
    return found


def test_each_state_becomes_what_consumers_know(sample: LabResult) -> None:
    """Failed is a failure, error an error, blocked, skipped and not run are skipped, and passed holds nothing."""
    result = holding(sample, *(outcome(state, state) for state in STATES), not_run=("later",))
    found = JUnitXml.fromstring(junit.render(result, language="en").encode())
    kinds = {case.name: [type(entry) for entry in case.result] for suite in found for case in suite}
    assert kinds == {
        "passed": [],
        "failed": [Failure],
        "blocked": [Skipped],
        "skipped": [Skipped],
        "error": [Error],
        "later": [Skipped],
    }


def test_counts_and_time_add_up(sample: LabResult) -> None:
    """The suite's counts are those of its testcases, the skipped ones among them; its time is their sum."""
    result = holding(sample, *(outcome(state, state, seconds=0.1) for state in STATES), not_run=("later",))
    xml = junit.render(result, language="en")
    suite = ElementTree.fromstring(xml)[0]
    counts = {key: suite.attrib[key] for key in ("tests", "failures", "errors", "skipped", "time")}
    assert counts == {"tests": "6", "failures": "1", "errors": "1", "skipped": "3", "time": "0.500"}
    parsed = JUnitXml.fromstring(xml.encode())
    before = (parsed.tests, parsed.failures, parsed.errors)
    parsed.update_statistics()
    assert (parsed.tests, parsed.failures, parsed.errors) == before


@pytest.mark.parametrize(("seconds", "written"), [(0.0, "0.000"), (1e-7, "0.000"), (1234.5, "1234.500")])
def test_seconds_are_plain_decimals(sample: LabResult, seconds: float, written: str) -> None:
    """The library leaves out a time of 0 and writes tiny ones with an exponent; consumers trip over both."""
    xml = junit.render(holding(sample, outcome(seconds=seconds)), language="en")
    assert f'time="{written}"' in xml
    assert cases(holding(sample, outcome(seconds=seconds)))["rolled_out"].attrib["time"] == written
    assert_jenkins_takes(xml)


def test_points_are_properties_of_each_testcase(sample: LabResult) -> None:
    """Partial credit survives the export."""
    result = holding(sample, outcome(earned=1.5), outcome("other", "passed", points=2.0, earned=2.0))
    assert properties(cases(result)["rolled_out"]) == {"points": "4", "earned": "1.5", "state": "failed"}
    assert properties(cases(result)["other"]) == {"points": "2", "earned": "2", "state": "passed"}


@pytest.mark.parametrize("state", ["failed", "blocked", "error"])
def test_the_score_stands_in_message_and_text(sample: LabResult, state: State) -> None:
    """Consumers that drop properties, or messages, still show points."""
    case = cases(holding(sample, outcome(state=state, saw=Text("nothing", "rien"))))["rolled_out"]
    reason = next(child for child in case if child.tag != "properties")
    assert "0 / 4 points" in reason.attrib["message"]
    assert "nothing" in reason.attrib["message"]
    assert "0 / 4 points" in (reason.text or "")


@pytest.mark.parametrize("state", ["failed", "error"])
def test_a_failure_without_words_is_no_pass(sample: LabResult, state: State) -> None:
    """The library writes a failure that has neither message nor output as a passed testcase."""
    empty = Text("", "")
    xml = junit.render(holding(sample, outcome(state=state, title=empty, hint=empty)), language="en")
    assert as_gitlab(xml)["sample_rollout", "rolled_out"][0] == state


def test_a_check_appears_once_in_its_gravest_state(sample: LabResult) -> None:
    """Two failures in one test never make two testcases."""
    result = holding(sample, outcome(state="passed"), outcome(state="error"), outcome(), not_run=("rolled_out",))
    found = as_gitlab(junit.render(result, language="en"))
    assert [status for status, _ in found.values()] == ["error"]


def test_what_was_not_run_is_skipped_and_keeps_its_points(sample: LabResult) -> None:
    """Left-out checks are seen, are not passes, and make the grade blank."""
    result = holding(sample, outcome(state="passed", earned=4.0), possible=20.0, not_run=("later",))
    suite = ElementTree.fromstring(junit.render(result, language="en"))[0]
    assert properties(cases(result)["later"]) == {"earned": "0", "state": "not_run"}
    reason = cases(result)["later"].find("skipped")
    assert reason is not None
    assert "not run" in reason.attrib["message"]
    totals = properties(suite)
    assert (totals["earned"], totals["possible"], totals["complete"], totals["grade"]) == ("4", "20", "false", "")


def test_the_suite_says_what_was_graded(sample: LabResult) -> None:
    """Totals, student, cluster and versions travel as suite properties."""
    totals = properties(ElementTree.fromstring(junit.render(sample, language="en"))[0])
    assert (totals["earned"], totals["possible"], totals["grade"]) == ("6", "18", "6.67")
    assert (totals["complete"], totals["lab"], totals["student.id"]) == ("true", "sample_rollout", "s042")
    assert totals["cluster.uid"] == sample.cluster.uid
    assert totals["cluster.version"] == sample.cluster.version
    assert totals["course.digest"] == sample.course_digest
    assert totals["tool.version"] == sample.tool_version
    alone = properties(ElementTree.fromstring(junit.render(holding(sample, student=None), language="en"))[0])
    assert not any(name.startswith("student") for name in alone)


@pytest.mark.parametrize(
    ("started", "stamp"),
    [
        ("2026-01-31T09:00:00Z", "2026-01-31T09:00:00"),
        ("2026-01-31T09:00:00.123456+00:00", "2026-01-31T09:00:00"),
        ("2026-01-31T10:00:00+01:00", "2026-01-31T09:00:00"),
        ("2026-99-99T09:00:00Z", None),
    ],
)
def test_the_timestamp_has_the_form_that_old_schemas_ask_for(
    sample: LabResult, started: str, stamp: str | None
) -> None:
    """UTC, whole seconds, no zone; none at all where the start is not a time."""
    suite = ElementTree.fromstring(junit.render(dataclasses.replace(sample, started=started), language="en"))[0]
    assert suite.get("timestamp") == stamp


def test_messages_are_in_the_language_asked_for(sample: LabResult) -> None:
    """A French class reads French, with the same numbers."""
    message = cases(sample, "fr")["history"][1].attrib["message"]
    assert message == "2 / 4 points\N{NO-BREAK SPACE}: une seule révision antérieure : la 2"
    assert properties(cases(sample, "fr")["history"]) == properties(cases(sample, "en")["history"])


def test_what_is_not_known_is_no_property(sample: LabResult) -> None:
    """A blank cluster would be taken for one without a name; a grade is blank on purpose."""
    known = properties(ElementTree.fromstring(junit.render(RESULTS["refused"], language="en"))[0])
    assert not {"cluster.name", "cluster.uid", "cluster.version", "run"} & set(known)
    assert [key for key, value in known.items() if not value] == ["grade"]
    assert properties(ElementTree.fromstring(junit.render(sample, language="en"))[0])["cluster.name"] == "practice"


@pytest.mark.parametrize("words", ["web.yaml was not accepted", HOSTILE])
def test_what_was_handed_in_is_told_in_the_suites_own_words(words: str) -> None:
    """As consumers show it, and every one of them takes it."""
    xml = junit.render(remarked(*[Text(words, words)] * 60), language="en")
    assert_jenkins_takes(xml)
    as_gitlab(xml)
    told = (ElementTree.fromstring(xml)[0].findtext("system-out") or "").split("\n")
    assert (told[0], len(told), told[-1]) == ("What was handed in", 52, "and 10 more")
    assert "web.yaml" in told[1] or "&amp;]]>\\x1b" in told[1]


def test_gitlab_shows_everything_a_student_needs(sample: LabResult) -> None:
    """GitLab drops message and properties: score, saw, wanted, try, hint and evidence stand in the text."""
    status, words = as_gitlab(junit.render(sample, language="en"))["sample_rollout", "service"]
    assert status == "failed"
    for part in (
        "0 / 4 points",
        "selects app=wbe",
        "three ready endpoints",
        "kubectl get endpointslices",
        "Which labels",
    ):
        assert part in (words or "")
    assert "pod/web-7c5ddbdf54-x2x9k" in (words or "")


@pytest.mark.parametrize("state", STATES)
def test_hostile_words_stay_words(sample: LabResult, state: State) -> None:
    """Markup, control characters and half surrogates from a cluster neither break the file nor act in it."""
    words = Text(HOSTILE, HOSTILE)
    hostile = outcome(HOSTILE, state, title=words, saw=words, wanted=words, try_=words, evidence=(HOSTILE,))
    result = holding(sample, hostile, lab_id=HOSTILE, note=words, not_run=(HOSTILE + "2",))
    xml = junit.render(result, language="fr")
    xml.encode()
    assert_jenkins_takes(xml)
    assert len(as_gitlab(xml)) == 2
    assert not any(ord(c) < 32 and c != "\n" for c in xml)
    # GitLab takes attachments from system-out: nothing of the student's may stand there.
    assert not list(ElementTree.fromstring(xml).iter("system-out"))
    case = ElementTree.fromstring(xml).find(".//testcase")
    assert case is not None
    assert case.attrib["name"].startswith("<script>&amp;]]>\\x1b[31m\\x00\\u202e\\ud800\\ufffe")


def test_a_megabyte_is_kept_but_not_as_a_message(sample: LabResult) -> None:
    """A message is a line in a table, whatever a student's Pod logs."""
    long = Text("x" * 1_000_000, "x")
    failure = cases(holding(sample, outcome(saw=long)))["rolled_out"].find("failure")
    assert failure is not None
    assert len(failure.attrib["message"]) < 500
    assert len(failure.text or "") > 1_000_000


anything = st.text(max_size=20)


@settings(max_examples=60, deadline=None)
@given(
    ids=st.lists(anything.filter(bool), max_size=4),
    states=st.lists(st.sampled_from(STATES), min_size=4, max_size=4),
    words=anything,
    seconds=st.floats(0, 1e9),
    earned=st.floats(0, 4),
)
def test_any_result_is_valid(ids: list[str], states: list[State], words: str, seconds: float, earned: float) -> None:
    """Whatever is in a result, Jenkins, GitLab and junitparser can read it."""
    made = [
        outcome(name, state, saw=Text(words, words), seconds=seconds, earned=earned)
        for name, state in zip(ids, states, strict=False)
    ]
    xml = junit.render(holding(read(home() / "reports/samples/result.json"), *made), language="en")
    assert_jenkins_takes(xml)
    as_gitlab(xml)
    assert len(JUnitXml.fromstring(xml.encode())) == 1


@pytest.mark.parametrize(
    "spoilt",
    ['<testsuite disabled="0" ', '<testsuite time="1e-05" ', "<testsuite skipping='1' "],
)
def test_the_schema_in_use_refuses_what_jenkins_refuses(sample: LabResult, spoilt: str) -> None:
    """The grammar that the other tests trust says no where Jenkins does."""
    xml = junit.render(sample, language="en").replace('time="5.040" timestamp', "timestamp")
    with pytest.raises(xmlschema.XMLSchemaValidationError):
        assert_jenkins_takes(xml.replace("<testsuite ", spoilt))
    with pytest.raises(xmlschema.XMLSchemaValidationError):
        JENKINS.validate(xml)
