"""What a student should mend first: where several checks fall over one another, the one at the bottom."""

from __future__ import annotations

from labgrade.model import LabResult, Outcome


def mend_first(result: LabResult) -> Outcome | None:
    """The first failed check that blocks others, else the first failed one, else None."""
    failed = [outcome for outcome in result.outcomes if outcome.state == "failed"]
    blocking = {name for outcome in result.outcomes for name in outcome.blocked_by}
    return next((outcome for outcome in failed if outcome.id in blocking), failed[0] if failed else None)


def blocked_behind(result: LabResult, outcome: Outcome) -> int:
    """How many checks cannot be tried until this one passes."""
    return sum(outcome.id in other.blocked_by for other in result.outcomes)
