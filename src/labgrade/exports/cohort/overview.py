"""What a cohort comes to, in numbers: how many and how high, which checks are hard, who needs help."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean, median
from typing import Literal, TypeAlias

from labgrade.cohort.model import CheckHead, CohortResult, LabHead, Mark, Row, Tally
from labgrade.model import FULL_GRADE, State
from labgrade.text import Text

Kind: TypeAlias = State | Literal["partly", "not-run"]
KINDS: tuple[Kind, ...] = ("passed", "partly", "failed", "blocked", "skipped", "error", "not-run")
"""What a check can be in a student's row, the best first."""
JUDGED: tuple[Kind, ...] = ("passed", "partly", "failed", "blocked")
"""Those that tell how hard a check is."""

Why: TypeAlias = Literal["ours", "handed-in", "untried"]
"""Why there is no grade: we could not look, what was handed in cannot be graded, or nobody has tried."""
WHYS: tuple[Why, ...] = ("ours", "handed-in", "untried")

BAR = 2
"""Points between one bar of a distribution and the next."""
ENOUGH = FULL_GRADE / 2
"""Who has less needs help."""
STUCK = 0.5
"""Likewise who has at least this part of the checks blocked: they are held up at the beginning."""
ALIKE = 2
"""What a failed check saw is worth telling where it was seen so often."""

Marked: TypeAlias = tuple[Row, Mark]


@dataclass(frozen=True, slots=True)
class Bar:
    """How many grades are at least `low` and below `high`; the last bar has those that are `high`, too."""

    low: int
    high: int
    count: int


@dataclass(frozen=True, slots=True)
class Hardness:
    """What became of one check among all who tried it."""

    number: int
    """Its place in the rubric, from 1."""
    head: CheckHead
    kinds: Mapping[Kind, int]
    share: float | None
    """The mean part of its points, from 0 to 1, of all who were judged; None where nobody was."""
    seen: tuple[tuple[Text, int], ...]
    """What those who did not earn it had most often, and how many."""

    @property
    def judged(self) -> int:
        """How many it says something about."""
        return sum(self.kinds[kind] for kind in JUDGED)


@dataclass(frozen=True, slots=True)
class Low:
    """Somebody with a low grade, or held up early."""

    row: Row
    mark: Mark
    stuck_at: str
    """Id of the first check that failed, where many are blocked; else empty."""
    blocked: int
    of: int
    """Checks that count."""


@dataclass(frozen=True, slots=True)
class Overview:
    """One lab of a cohort."""

    head: LabHead
    marked: tuple[Marked, ...]
    grades: tuple[float, ...]
    without: Mapping[Why, tuple[Marked, ...]]
    bars: tuple[Bar, ...]
    checks: tuple[Hardness, ...]
    """The hardest first; what nobody was judged on comes last."""
    lows: tuple[Low, ...]
    """The lowest grade first."""

    @property
    def incomplete(self) -> int:
        """How many were tried and have no grade."""
        return len(self.without["ours"]) + len(self.without["handed-in"])

    @property
    def late(self) -> int:
        """How many were handed in after the deadline."""
        return sum(mark.late > 0 for _, mark in self.marked)

    @property
    def mean(self) -> float | None:
        """Of the grades that there are."""
        return fmean(self.grades) if self.grades else None

    @property
    def median(self) -> float | None:
        """Likewise."""
        return median(self.grades) if self.grades else None


def overviews(cohort: CohortResult) -> list[Overview]:
    """One for each lab."""
    return [
        overview(head, [(row, row.marks[place]) for row in cohort.rows if place < len(row.marks)])
        for place, head in enumerate(cohort.labs)
    ]


def overview(head: LabHead, marked: Sequence[Marked]) -> Overview:
    """What a lab's marks come to."""
    grades = tuple(mark.grade for _, mark in marked if mark.grade is not None)
    return Overview(
        head=head,
        marked=tuple(marked),
        grades=grades,
        without={why: tuple((row, mark) for row, mark in marked if why_without(mark) == why) for why in WHYS},
        bars=_bars(grades),
        checks=_checks(head, [mark for _, mark in marked]),
        lows=_lows(marked),
    )


def why_without(mark: Mark) -> Why | None:
    """Why there is no grade; None where there is one."""
    if mark.grade is not None:
        return None
    if not mark.attempts:
        return "untried"
    return "ours" if mark.ours else "handed-in"


def kind(tally: Tally) -> Kind:
    """What became of a check; one that failed and earned something is `partly`."""
    return "partly" if tally.state == "failed" and tally.earned > 0 else tally.state


def _bars(grades: Iterable[float]) -> tuple[Bar, ...]:
    last = FULL_GRADE // BAR - 1
    counts = Counter(min(max(int(grade // BAR), 0), last) for grade in grades)
    return tuple(Bar(place * BAR, (place + 1) * BAR, counts[place]) for place in range(last + 1))


def _checks(head: LabHead, marks: Sequence[Mark]) -> tuple[Hardness, ...]:
    tallies: dict[str, list[Tally]] = {check.id: [] for check in head.checks}
    for mark in marks:
        for tally in mark.outcomes:
            if tally.id in tallies:  # else of a rubric that was another one
                tallies[tally.id].append(tally)
    tried = sum(mark.attempts > 0 for mark in marks)
    found = [_hardness(number, check, tallies[check.id], tried) for number, check in enumerate(head.checks, 1)]
    return tuple(sorted(found, key=lambda one: (one.share is None, one.share or 0.0, one.number)))


def _hardness(number: int, head: CheckHead, tallies: Sequence[Tally], tried: int) -> Hardness:
    counts = Counter(kind(tally) for tally in tallies)
    counts["not-run"] = max(tried - len(tallies), 0)
    kinds: dict[Kind, int] = {each: counts[each] for each in KINDS}
    judged = [tally for tally in tallies if kind(tally) in JUDGED]
    lost = [tally for tally in judged if tally.state == "failed" and tally.saw]
    often = Counter((tally.saw.en, tally.saw.fr) for tally in lost).most_common(2)
    return Hardness(
        number,
        head,
        kinds,
        fmean(_part(tally) for tally in judged) if judged else None,
        tuple((Text(en, fr), count) for (en, fr), count in often if count >= ALIKE),
    )


def _part(tally: Tally) -> float:
    """From 0 to 1: a check without points is earned or not."""
    return tally.earned / tally.points if tally.points > 0 else float(tally.state == "passed")


def _lows(marked: Sequence[Marked]) -> tuple[Low, ...]:
    found = [(mark.grade, _low(row, mark)) for row, mark in marked if mark.grade is not None]
    helped = [(grade, low) for grade, low in found if grade < ENOUGH or low.stuck_at]
    return tuple(low for _, low in sorted(helped, key=lambda one: one[0]))


def _low(row: Row, mark: Mark) -> Low:
    counted = [tally for tally in mark.outcomes if tally.state != "skipped"]
    blocked = sum(tally.state == "blocked" for tally in counted)
    first = next((tally.id for tally in counted if tally.state == "failed"), "")
    stuck = blocked > 0 and blocked >= STUCK * len(counted)
    return Low(row, mark, first if stuck else "", blocked, len(counted))
