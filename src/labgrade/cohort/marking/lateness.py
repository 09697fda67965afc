"""How late work was handed in, and what that costs; a clock that jumped never costs anything."""

from __future__ import annotations

import math
from collections.abc import Sequence
from datetime import UTC, datetime

from labgrade.cohort.model import Attempt, Late

SLACK = 1e-9
"""Of a period: so little after its end, by rounding alone, does not begin the next one."""
MOST_PERIODS = 1e6
"""More than that is as good as never, and no number grows without end."""
LEAST_HOURS = 0.0001
"""What is late at all is shown as late."""


def hours(attempt: Attempt, attempts: Sequence[Attempt], *, deadline: datetime | None) -> float:
    """Hours after the deadline, to four decimals, and 0 where it was in time or nobody knows.

    `attempts` are all of the same student at the same lab: what is graded again was handed in when it was first
    seen, at the latest.
    """
    same = [one for one in attempts if _is_graded_again(one, attempt)]
    moments = [moment for one in (attempt, *same) for moment in _moments(one)]
    if deadline is None or not moments:
        return 0.0
    late = (min(moments) - deadline).total_seconds() / 3600
    return max(round(late, 4), LEAST_HOURS) if late > 0 else 0.0


def _is_graded_again(one: Attempt, other: Attempt) -> bool:
    """The same files; or the same cluster under another course, where it was we who had it graded anew."""
    if one.submission or other.submission:
        return one.submission == other.submission
    before, after = one.result, other.result
    return bool(after.cluster.uid) and (
        before.cluster.uid == after.cluster.uid and before.course_digest != after.course_digest
    )


def _moments(attempt: Attempt) -> list[datetime]:
    """When it was there: all that is known of it. Where these contradict each other, a clock is wrong.

    Nothing is handed in after its grading began, and no grading ends before it begins.
    """
    result = attempt.result
    moments = [_moment(words) for words in (attempt.submitted, result.started, result.finished or "")]
    return [moment for moment in moments if moment is not None]


def _moment(words: str) -> datetime | None:
    """A time as RFC 3339 has it; None where it is none, or no such day exists."""
    try:
        moment = datetime.fromisoformat(words)
    except ValueError:
        return None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def penalty(grade: float, late: float, rule: Late | None) -> float:
    """What lateness of so many hours takes off a grade out of 20, rounded to two decimals; never more than all."""
    if rule is None or late <= 0:
        return 0.0
    begun = math.ceil(min(late / rule.hours, MOST_PERIODS) - SLACK)
    percent = min(rule.percent * begun, rule.most, 100.0)
    return round(grade * max(percent, 0.0) / 100, 2)
