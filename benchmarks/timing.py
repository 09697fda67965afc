"""Whole processes timed in turn, so that a slow moment of the machine meets all of them alike."""

from __future__ import annotations

import subprocess
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from statistics import median

from labgrade.patience import monotonic

ROUNDS = 7


@dataclass(frozen=True)
class Figure:
    """One claim, what was measured for it, and what it is measured against."""

    claim: str
    measured: float
    unit: str
    most: float
    """What is claimed: at most so much."""
    detail: str = ""

    @property
    def kept(self) -> bool:
        """Whether the claim holds."""
        return self.measured <= self.most

    def __str__(self) -> str:
        mark = "✔" if self.kept else "✘"
        most = f"claimed: at most {self.most:g}{self.unit}"
        return f"{mark} {self.claim}: {self.measured:.2f}{self.unit} ({most}) {self.detail}".rstrip()


def ran(command: Sequence[str], environment: Mapping[str, str], *, codes: Sequence[int] = (0,)) -> float:
    """Seconds that a command took from start to end; RuntimeError with its words where it ended otherwise."""
    began = monotonic()
    done = subprocess.run(command, env=dict(environment), capture_output=True, text=True, check=False)
    seconds = monotonic() - began
    if done.returncode not in codes:
        raise RuntimeError(f"`{' '.join(command)}` ended with {done.returncode}:\n{done.stdout}{done.stderr}")
    return seconds


def in_turn(*actions: Callable[[], float], rounds: int = ROUNDS) -> list[list[float]]:
    """Seconds of each action, `rounds` of each, A B A B …, after one of each that does not count."""
    for action in actions:
        action()
    taken = [[action() for action in actions] for _ in range(rounds)]
    return [list(row) for row in zip(*taken, strict=True)]


def ratio(ours: Sequence[float], theirs: Sequence[float]) -> float:
    """The median of the ratios, pair by pair."""
    return median(a / b for a, b in zip(ours, theirs, strict=True))


def shown(name: str, seconds: Sequence[float]) -> str:
    """A row of measurements in words."""
    return f"{name} {median(seconds):.2f} s ({min(seconds):.2f}–{max(seconds):.2f})"
