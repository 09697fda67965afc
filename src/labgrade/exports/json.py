"""result.json: everything that is known, for programs, and what every other report is made from."""

from __future__ import annotations

from labgrade.model import LabResult
from labgrade.result import dumps
from labgrade.text import Language


def render(result: LabResult, *, language: Language) -> str:  # noqa: ARG001 (it holds both languages)
    """result.json, version 1, the same in either language."""
    return dumps(result)
