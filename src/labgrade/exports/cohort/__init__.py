"""Reports on a cohort: each a pure function of a cohort's result, without clock, disk or cluster.

A new one is a module with a `render` beside these, a line in `COHORT_EXPORTS`, a sample and a heading in reports/.
"""

from __future__ import annotations

import importlib
from dataclasses import dataclass
from typing import Protocol, cast

from labgrade.cohort.model import CohortResult
from labgrade.exports.telling import one_line
from labgrade.model import Student
from labgrade.text import Language

MOST_NAMED = 20
"""Students that a sentence names; of more, it says how many."""


class Format(Protocol):
    """What a module beside this one offers."""

    def render(self, cohort: CohortResult, *, language: Language) -> str:
        """The file's text, to be stored as UTF-8."""
        ...


class Choosy(Protocol):
    """What it offers besides, if it cannot hold every student."""

    LEFT_OUT: str
    """Why, as the end of a sentence on several students."""

    def left_out(self, cohort: CohortResult) -> tuple[Student, ...]:
        """Those whom the file does not hold."""
        ...


@dataclass(frozen=True, slots=True)
class CohortExport:
    """One format that a cohort can be had in."""

    file: str
    """The name it goes by in the cohort's folder."""
    module: str
    choosy: bool = False
    """Whether it leaves students out whom the reader could not tell from others."""

    def render(self, cohort: CohortResult, *, language: Language) -> str:
        """The file's text, to be stored as UTF-8."""
        return self.load().render(cohort, language=language)

    def load(self) -> Format:
        """Imports what renders it."""
        return cast("Format", importlib.import_module(self.module))

    def left_out(self, cohort: CohortResult) -> tuple[Student, ...]:
        """The students whom the file does not hold."""
        return cast("Choosy", self.load()).left_out(cohort) if self.choosy else ()

    def missing(self, cohort: CohortResult) -> str:
        """A sentence for the trainer on those who are left out, and why; empty where nobody is."""
        students = [one_line(student.id) for student in self.left_out(cohort)]
        if not students:
            return ""
        named = ", ".join(students[:MOST_NAMED]) + (", …" if len(students) > MOST_NAMED else "")
        who = "1 student" if len(students) == 1 else f"{len(students)} students"
        return f"{self.file} leaves out {who} ({named}): {cast('Choosy', self.load()).LEFT_OUT}"


COHORT_EXPORTS: dict[str, CohortExport] = {
    "json": CohortExport("cohort.json", "labgrade.exports.cohort.json"),
    "csv": CohortExport("grades.csv", "labgrade.exports.cohort.csv"),
    "html": CohortExport("index.html", "labgrade.exports.cohort.html"),
    "junit": CohortExport("junit.xml", "labgrade.exports.cohort.junit"),
    "moodle": CohortExport("moodle.csv", "labgrade.exports.cohort.moodle", choosy=True),
    "canvas": CohortExport("canvas.csv", "labgrade.exports.cohort.canvas", choosy=True),
    "github-summary": CohortExport("summary.md", "labgrade.exports.cohort.github_summary"),
    "ctrf": CohortExport("ctrf.json", "labgrade.exports.cohort.ctrf"),
}
"""Formats by the name that `--format` takes."""
