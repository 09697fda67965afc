"""index.html of a large cohort: how long it takes to be made again from what is stored, and how large it is."""

from __future__ import annotations

import os
import subprocess
import tempfile
from collections.abc import Generator
from pathlib import Path
from statistics import median

from benchmarks.ground import LABGRADE
from benchmarks.timing import Figure, in_turn, shown
from labgrade.exports.cohort import COHORT_EXPORTS
from labgrade.patience import monotonic
from tests.support.cohorts import large

STUDENTS, CHECKS = 1000, 10


def measure(_: object) -> Generator[Figure]:
    """Whole processes, `labgrade report` on the cohort's folder; no cluster is needed."""
    with tempfile.TemporaryDirectory() as folder:
        stored = COHORT_EXPORTS["json"]
        (Path(folder) / stored.file).write_text(stored.render(large(STUDENTS, CHECKS), language="en"), encoding="utf-8")
        page = Path(folder) / COHORT_EXPORTS["html"].file
        (taken,) = in_turn(lambda: _made(page))
        yield Figure(f"the page of {STUDENTS} students × {CHECKS} checks", median(taken), " s", 2.0, shown("", taken))
        yield Figure("the same, its size", page.stat().st_size / 1e6, " MB", 3.0)


def _made(page: Path) -> float:
    """Seconds of one page; a process that failed made none."""
    began = monotonic()
    with page.open("wb") as file:
        subprocess.run(
            [*LABGRADE, "report", str(page.parent), "--format", "html"], stdout=file, env=os.environ, check=True
        )
    return monotonic() - began
