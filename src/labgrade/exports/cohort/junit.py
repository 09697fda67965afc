"""junit.xml of a cohort, for CI servers: one testsuite for each student and lab, named `student/lab`.

A mark without a grade has a testcase `(grade)`, an error that says why: whatever else passed, it is no result yet.
"""

from __future__ import annotations

from xml.etree.ElementTree import Element

from labgrade import wording
from labgrade.cohort.model import CohortResult
from labgrade.exports.cohort.asresult import Graded, results
from labgrade.exports.junit import TOTALS, document, suite_of
from labgrade.text import Language


def render(cohort: CohortResult, *, language: Language) -> str:
    """JUnit XML; messages in `language`, numbers with a point in both."""
    suites = [_suite(graded, language) for graded in results(cohort)]
    sums = {key: str(sum(int(suite.get(key, "0")) for suite in suites)) for key in TOTALS if key != "time"}
    seconds = sum(float(suite.get("time", "0")) for suite in suites)
    return document(suites, sums | {"time": f"{seconds:.3f}"})


def _suite(graded: Graded, language: Language) -> Element:
    mark = graded.mark
    more = {
        # With the penalty, which the points do not know.
        "grade": "" if mark.grade is None else wording.number(mark.grade),
        "complete": str(mark.grade is not None).lower(),
        "penalty": wording.number(mark.penalty),
        "late.hours": wording.number(mark.late),
        "attempt": str(mark.attempt),
        "attempts": str(mark.attempts),
    }
    missing = mark.because[language] if mark.grade is None else ""
    suite = suite_of(graded.result, name=graded.name, language=language, more=more, missing=missing)
    suite.set("time", f"{mark.seconds:.3f}")
    return suite
