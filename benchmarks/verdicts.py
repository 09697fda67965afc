"""From a settled answer to the whole verdict: what a student waits for, right and wrong."""

from __future__ import annotations

from statistics import median

from benchmarks.ground import Ground
from benchmarks.timing import Figure, shown
from labgrade.patience import pause

ROUNDS = 5
SETTLED_SECONDS = 15.0
"""A student reads and types for longer than that between an apply and a check."""

ANSWERS: dict[str, tuple[str | None, ...]] = {
    "b01-deployment-labels": (None, "service-selects-nothing", "service-wrong-port"),
    "b02-services": (None, "selector-mismatch", "wrong-target-port"),
}
"""Of each lab the right answer, and wrong ones that only traffic shows among them."""


def measure(ground: Ground) -> list[Figure]:
    """Whole processes, observing checks, from the shell to the last report; the probe's start is in it."""
    return [_measured(ground, lab, mistake) for lab, chosen in ANSWERS.items() for mistake in chosen]


def _measured(ground: Ground, lab: str, mistake: str | None) -> Figure:
    with ground.answered(lab, mistake) as place:
        pause(SETTLED_SECONDS)
        seconds = [ground.check(lab, place.namespace, "--no-disturb", codes=(1,)) for _ in range(ROUNDS)]
    return Figure(
        f"{lab}, {mistake or 'right'}", median(seconds), " s", 5.0 if mistake else 2.0, shown("whole process", seconds)
    )
