"""A student is sent to the failure at the bottom, not to the last one printed."""

from __future__ import annotations

import dataclasses

from labgrade.home import home
from labgrade.mending import blocked_behind, mend_first
from labgrade.model import LabResult
from labgrade.result import read


def sample() -> LabResult:
    """Six outcomes; the second failed alone, the third blocks two others."""
    return read(home() / "reports/samples/result.json")


def test_what_blocks_others_comes_first() -> None:
    """Mending it opens more checks than an earlier failure that stands alone."""
    found = mend_first(sample())
    assert found is not None
    assert found.id == "service"
    assert blocked_behind(sample(), found) == 2


def test_else_the_first_failure_in_the_rubric() -> None:
    """Where nothing is blocked, the rubric's order decides."""
    result = sample()
    found = mend_first(dataclasses.replace(result, outcomes=result.outcomes[:3]))
    assert found is not None
    assert found.id == "history"


def test_nothing_failed_nothing_to_mend() -> None:
    """Passed, skipped and error need no mending by the student."""
    result = sample()
    ours = dataclasses.replace(result.outcomes[1], state="error", earned=0.0)
    outcomes = (result.outcomes[0], ours, result.outcomes[5])
    assert mend_first(dataclasses.replace(result, outcomes=outcomes)) is None
