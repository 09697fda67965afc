"""What a student should mend first."""

from __future__ import annotations

from labgrade.model import LabResult, Outcome


def mend_first(result: LabResult) -> Outcome | None:
    """The first failed check that earned nothing, else the first that earned a part, else None.

    The order is the rubric's, in which prerequisites stand before what builds on them.
    """
    failed = [outcome for outcome in result.outcomes if outcome.state == "failed"]
    return next((outcome for outcome in failed if not outcome.earned), failed[0] if failed else None)


def blocked_behind(result: LabResult, outcome: Outcome) -> int:
    """How many checks cannot be tried until this one passes."""
    return sum(outcome.id in other.blocked_by for other in result.outcomes)
