"""The junit.xml of a cohort holds for the consumers that there are, and shows what is missing as an error."""

from __future__ import annotations

from typing import Any
from xml.etree import ElementTree

import pytest
from junitparser import JUnitXml

from labgrade.exports.cohort import junit
from tests.exports.test_junit import as_gitlab, assert_jenkins_takes, properties
from tests.support import cohorts


@pytest.mark.parametrize("language", ["en", "fr"])
def test_every_consumer_takes_it(language: Any) -> None:
    """Jenkins' schema, GitLab's way of reading, and junitparser, with hostile names in it."""
    xml = junit.render(cohorts.sample(), language=language)
    xml.encode()
    assert_jenkins_takes(xml)
    as_gitlab(xml)
    parsed = JUnitXml.fromstring(xml.encode())
    before = (parsed.tests, parsed.failures, parsed.errors)
    parsed.update_statistics()
    assert (parsed.tests, parsed.failures, parsed.errors) == before


def test_a_suite_for_each_student_and_lab() -> None:
    """Its name tells it from all others, and its grade is the one that counts."""
    suites = {
        suite.attrib["name"]: suite for suite in ElementTree.fromstring(junit.render(cohorts.sample(), language="en"))
    }
    assert len(suites) == 16
    late = properties(suites["s003/sample-policies"])
    assert (late["earned"], late["grade"], late["penalty"], late["late.hours"]) == ("16", "12.8", "3.2", "30.5")
    assert properties(suites["s001/sample-policies"])["attempts"] == "3"
    assert all(value for suite in suites.values() for key, value in properties(suite).items() if key != "grade")


def test_a_missing_grade_is_an_error_with_its_reason() -> None:
    """Also where nothing else failed; its suite has no grade, and every other suite has no such testcase."""
    cohort = cohorts.sample()
    found = as_gitlab(junit.render(cohort, language="fr"))
    suites = {suite.attrib["name"]: suite for suite in ElementTree.fromstring(junit.render(cohort, language="fr"))}
    for row in cohort.rows:
        for mark in row.marks:
            name = f"{row.student.id}/{mark.lab}"
            if mark.grade is None:
                status, words = found[name, "(grade)"]
                assert status == "error"
                assert words == mark.because.fr
                assert properties(suites[name])["grade"] == ""
                assert properties(suites[name])["complete"] == "false"
            else:
                assert (name, "(grade)") not in found
                assert properties(suites[name])["complete"] == "true"
