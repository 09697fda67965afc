"""ctrf.json of a cohort: a test for each student, lab and check; and one for each missing mark, which says why."""

from __future__ import annotations

from labgrade.cohort.model import CohortResult
from labgrade.exports import ctrf
from labgrade.exports.cohort.asresult import Graded, results
from labgrade.exports.junit import GRADE
from labgrade.exports.telling import LONGEST_MESSAGE, cut, moment, one_line
from labgrade.model import Json
from labgrade.text import Language, harmless


def render(cohort: CohortResult, *, language: Language) -> str:
    """The JSON text; the suite of a test is the lab, then the student."""
    tests = [test for graded in results(cohort) for test in _tests(graded, language)]
    start = ctrf.milliseconds(cohort.started)
    stop = ctrf.milliseconds(cohort.finished) if cohort.finished and moment(cohort.finished) else start
    summary = ctrf.summary_of(tests, start, max(start, stop)) | {"extra": {"complete": cohort.complete}}
    extra = {"title": harmless(cohort.title), "courseDigest": harmless(cohort.course_digest)}
    return ctrf.document(cohort.tool_version, summary, tests, {"extra": extra})


def _tests(graded: Graded, language: Language) -> list[Json]:
    suite = (graded.lab.id, graded.row.student.id)
    tests = ctrf.tests_of(graded.result, language, suite=suite)
    if graded.mark.grade is None:
        why = cut(one_line(graded.mark.because[language]), LONGEST_MESSAGE)
        tests.append(
            {
                "name": GRADE,
                "status": "other",
                "duration": 0,
                "suite": [harmless(name) for name in suite],
                "rawStatus": "incomplete",
                "message": why,
            }
        )
    return tests
