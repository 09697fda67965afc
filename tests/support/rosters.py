"""Cohorts for gradebooks: the sample's marks under other names, addresses and ids."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

from labgrade.cohort.model import CohortResult, LabHead, Row
from labgrade.model import Student
from labgrade.text import Text
from tests.support import cohorts

HOSTILE = (
    '=CMD("calc")!A0',
    "+1+1",
    "-2+3",
    "@SUM(1+1)",
    "\t=1+1",
    "\r=1+1",
    " =1+1",
    "＝1+1",
    'a"b,c;d',
    "line\nbreak\r\nand\u2028more",
    'back\\"slash\\',
    "<script>alert(1)</script>",
    "\x00\x1b[31m\u202e",
    "Points Possible",
    "Muted",
    "",
)
"""Names that try something."""


def cohort_of(*rows: Row, labs: Sequence[LabHead] = cohorts.LABS) -> CohortResult:
    """A cohort of these, without anything else to tell."""
    return dataclasses.replace(cohorts.sample(), rows=rows, labs=tuple(labs), changes=(), alike=())


def student(number: int, name: str, *, email: str = "", letters: str = "PPPF", **more: str) -> Row:
    """A student with a grade for the first lab, by letters as in `cohorts.mark`, and none for the second."""
    mark = cohorts.mark(cohorts.ROLLOUT, letters, f"s{number}")
    return Row(Student(f"s{number}", name), (mark, cohorts.never(cohorts.POLICIES)), email=email, more=more)


def titled(*titles: str) -> CohortResult:
    """The sample with one lab for each of these titles, all with the marks of the first."""
    heads = tuple(
        dataclasses.replace(cohorts.ROLLOUT, id=f"lab-{number}", title=Text(title, title))
        for number, title in enumerate(titles)
    )
    rows = tuple(
        dataclasses.replace(row, marks=tuple(dataclasses.replace(row.marks[0], lab=head.id) for head in heads))
        for row in cohorts.sample().rows
    )
    return cohort_of(*rows, labs=heads)
