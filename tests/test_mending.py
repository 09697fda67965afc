"""A student is sent to the failure to begin with, not to the last one printed."""

from __future__ import annotations

import dataclasses

from labgrade.home import home
from labgrade.mending import blocked_behind, mend_first
from labgrade.model import LabResult
from labgrade.result import read


def sample() -> LabResult:
    """Six outcomes; the second is partly met, the third not at all, and blocks two others."""
    return read(home() / "reports/samples/result.json")


def test_what_earned_nothing_comes_before_what_is_partly_met() -> None:
    """The first such check in the rubric's order, and how many others wait for it."""
    found = mend_first(sample())
    assert found is not None
    assert found.id == "service"
    assert blocked_behind(sample(), found) == 2


def test_else_the_first_that_is_partly_met() -> None:
    """Where every failed check earned a part, the rubric's order decides."""
    result = sample()
    found = mend_first(dataclasses.replace(result, outcomes=result.outcomes[:2]))
    assert found is not None
    assert found.id == "history"


def test_a_bare_start_begins_at_the_beginning() -> None:
    """Of checks that all earned nothing, the first is mended first, also where a later one blocks others."""
    result = sample()
    nothing = tuple(dataclasses.replace(o, state="failed", earned=0.0) for o in result.outcomes[:3])
    found = mend_first(dataclasses.replace(result, outcomes=(*nothing, *result.outcomes[3:])))
    assert found is not None
    assert found.id == result.outcomes[0].id


def test_nothing_failed_nothing_to_mend() -> None:
    """Passed, skipped and error need no mending by the student."""
    result = sample()
    ours = dataclasses.replace(result.outcomes[1], state="error", earned=0.0)
    outcomes = (result.outcomes[0], ours, result.outcomes[5])
    assert mend_first(dataclasses.replace(result, outcomes=outcomes)) is None
