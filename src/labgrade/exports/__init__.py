"""Reports: each a pure function of a result, without clock, disk or cluster.

A new one is a module with a `render` beside these, a line in `EXPORTS`, a sample and a heading in reports/.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from labgrade.exports import html, json, junit
from labgrade.model import LabResult
from labgrade.text import Language


class Render(Protocol):
    """Makes one report out of one result."""

    def __call__(self, result: LabResult, *, language: Language) -> str:
        """The file's text, to be stored as UTF-8."""
        ...


@dataclass(frozen=True, slots=True)
class Export:
    """One format that a result can be had in."""

    file: str
    """The name it goes by beside the other reports."""
    render: Render


EXPORTS: dict[str, Export] = {
    "json": Export("result.json", json.render),
    "junit": Export("junit.xml", junit.render),
    "html": Export("report.html", html.render),
}
"""Formats by the name that `--format` takes."""
