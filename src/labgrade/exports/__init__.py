"""Reports: each a pure function of a result, without clock, disk or cluster.

A new one is a module with a `render` beside these, a line in `EXPORTS`, a sample and a heading in reports/.
"""

from __future__ import annotations

import importlib
from dataclasses import dataclass
from typing import Protocol, cast

from labgrade.model import LabResult
from labgrade.text import Language


class Format(Protocol):
    """What a module beside this one offers."""

    def render(self, result: LabResult, *, language: Language) -> str:
        """The file's text, to be stored as UTF-8."""
        ...


@dataclass(frozen=True, slots=True)
class Export:
    """One format that a result can be had in."""

    file: str
    """The name it goes by beside the other reports."""
    module: str

    def render(self, result: LabResult, *, language: Language) -> str:
        """The file's text, to be stored as UTF-8."""
        return self.load().render(result, language=language)

    def load(self) -> Format:
        """Imports what renders it: worth doing while something else is waited for anyway."""
        return cast("Format", importlib.import_module(self.module))


EXPORTS: dict[str, Export] = {
    "json": Export("result.json", "labgrade.exports.json"),
    "junit": Export("junit.xml", "labgrade.exports.junit"),
    "html": Export("report.html", "labgrade.exports.html"),
    "gradescope": Export("gradescope.json", "labgrade.exports.gradescope"),
    "github-classroom": Export("classroom.json", "labgrade.exports.github_classroom"),
    "github-summary": Export("summary.md", "labgrade.exports.github_summary"),
    "ctrf": Export("ctrf.json", "labgrade.exports.ctrf"),
}
"""Formats by the name that `--format` takes."""
