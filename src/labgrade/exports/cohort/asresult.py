"""A cohort's marks as results, for formats that are made of results."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from labgrade.cohort.model import CohortResult, LabHead, Mark, Row, Tally
from labgrade.model import ClusterInfo, LabResult, Outcome
from labgrade.text import Text


@dataclass(frozen=True, slots=True)
class Graded:
    """A student's mark for a lab, and the result that it stands for, as far as a cohort knows it."""

    row: Row
    lab: LabHead
    mark: Mark
    result: LabResult

    @property
    def name(self) -> str:
        """What is unique of it in a cohort."""
        return f"{self.row.student.id}/{self.lab.id}"


def results(cohort: CohortResult) -> Iterator[Graded]:
    """Everything in the cohort's order, also what was never graded."""
    for row in cohort.rows:
        for lab, mark in zip(cohort.labs, row.marks, strict=True):
            yield Graded(row, lab, mark, _result(cohort, row, lab, mark))


def _result(cohort: CohortResult, row: Row, lab: LabHead, mark: Mark) -> LabResult:
    titles = {check.id: check.title for check in lab.checks}
    return LabResult(
        lab_id=lab.id,
        lab_title=lab.title,
        tool_version=cohort.tool_version,
        course_digest=cohort.course_digest,
        run="",
        cluster=ClusterInfo("", "", ""),
        started=mark.started,
        finished=None,
        possible=mark.possible,
        outcomes=tuple(_outcome(tally, titles.get(tally.id, Text(tally.id, tally.id))) for tally in mark.outcomes),
        not_run=mark.not_run,
        note=mark.because,
        student=row.student,
    )


def _outcome(tally: Tally, title: Text) -> Outcome:
    nothing = Text("", "")
    return Outcome(tally.id, title, tally.state, tally.points, tally.earned, 0.0, nothing, saw=tally.saw)
