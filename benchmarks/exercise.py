"""The course's own exercise, answered right: from the command to the verdict, and which check takes how much of it."""

from __future__ import annotations

import json
import tempfile
from pathlib import Path
from statistics import median

from benchmarks.ground import Ground
from benchmarks.timing import Figure, shown

LAB, MOST_SECONDS = "z01-tp6-wordpress", 90.0
ROUNDS = 3


def measure(ground: Ground) -> list[Figure]:
    """`labgrade check`, whole process, on a settled answer; the shares are those of the last round."""
    out = Path(tempfile.mkdtemp(dir=ground.folder))
    with ground.answered(LAB) as place:
        # The first one finds Pods that have just started, and is not counted.
        taken = [ground.check(LAB, place.namespace, "--out", str(out)) for _ in range(ROUNDS + 1)][1:]
    outcomes = json.loads((out / "result.json").read_text())["outcomes"]
    shares = ", ".join(f"{each['id']} {each['seconds']:.1f} s" for each in outcomes)
    return [Figure(f"{LAB}, a right answer", median(taken), " s", MOST_SECONDS, f"{shown('check', taken)}; {shares}")]
