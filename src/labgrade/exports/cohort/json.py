"""cohort.json: everything that is known, for programs, and what every other report on a cohort is made from."""

from __future__ import annotations

from labgrade.cohort.model import CohortResult
from labgrade.cohort.records.cohortform import dumps
from labgrade.text import Language


def render(cohort: CohortResult, *, language: Language) -> str:  # noqa: ARG001 (it holds both languages)
    """cohort.json, version 1, the same in either language."""
    return dumps(cohort)
