"""From a settled answer to the whole verdict: what a student waits for, right and wrong."""

from __future__ import annotations

import re
import tempfile
from collections.abc import Iterator
from pathlib import Path
from statistics import median

from benchmarks.ground import Ground
from benchmarks.timing import Figure, shown
from labgrade.grading.process import LOG
from labgrade.patience import pause

WAITED = re.compile(r"waited ([0-9.]+) s for pod/")

ROUNDS = 5
SETTLED_SECONDS = 15.0
"""A student reads and types for longer than that between an apply and a check."""

ANSWERS: dict[str, tuple[str | None, ...]] = {
    "b01-deployment-labels": (None, "service-selects-nothing", "service-wrong-port"),
    "b02-services": (None, "selector-of-nobody", "target-port-8080"),
}
"""Of each lab the right answer, and wrong ones that only traffic shows among them."""


def measure(ground: Ground) -> Iterator[Figure]:
    """Whole processes, observing checks, from the shell to the last report; less the wait for the probe Pod."""
    for lab, chosen in ANSWERS.items():
        for mistake in chosen:
            yield _measured(ground, lab, mistake)


def _measured(ground: Ground, lab: str, mistake: str | None) -> Figure:
    with ground.answered(lab, mistake) as place:
        pause(SETTLED_SECONDS)
        runs = [_timed(ground, lab, place.namespace) for _ in range(ROUNDS)]
    whole = [seconds for seconds, _ in runs]
    warm = [seconds - waited for seconds, waited in runs]
    detail = "; ".join([shown("probe warm", warm), shown("from cold", whole)])
    return Figure(f"{lab}, {mistake or 'right'}", median(warm), " s", 5.0 if mistake else 2.0, detail)


def _timed(ground: Ground, lab: str, namespace: str) -> tuple[float, float]:
    """Seconds of a whole process, and how many of them went by until the probe Pod had started."""
    out = Path(tempfile.mkdtemp(dir=ground.folder))
    seconds = ground.check(lab, namespace, "--no-disturb", "--out", str(out), codes=(1,))
    return seconds, sum(map(float, WAITED.findall((out / LOG).read_text())))
