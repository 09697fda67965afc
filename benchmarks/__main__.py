"""`python -m benchmarks [FIGURE…]`: makes a cluster, takes the figures, removes the cluster."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable
from contextlib import AbstractContextManager, nullcontext
from typing import Any

from benchmarks import cohort, cohort_page, disturbing, exercise, making, many_pods, states, tables, verdicts
from benchmarks.ground import Ground, bare, ground, ground_of
from benchmarks.timing import Figure

Measure = Callable[[Ground], Iterable[Figure]]

FIGURES: dict[str, Measure] = {
    "states": states.measure,
    "verdicts": verdicts.measure,
    "disturbing": disturbing.measure,
    "many-pods": many_pods.measure,
    "making": making.measure,
    "tables": tables.measure,
    "truth": tables.truth,
    "growth": tables.growth,
    "exercise": exercise.measure,
    "page": cohort_page.measure,
    "cohort": cohort.measure,
}
ON_CILIUM = ("tables", "truth", "growth")
"""Figures about policies need a network that enforces them."""
ON_ITS_OWN = ("exercise",)
"""This one needs the cluster that its lab describes."""
WITHOUT_CLUSTER = ("page",)
ON_SEVERAL = ("cohort",)
"""This one makes its own."""


def main(names: list[str]) -> int:
    """Takes the named figures, else all; 1 where one is beyond what is claimed, 2 for an unknown name."""
    unknown = [name for name in names if name not in FIGURES]
    if unknown:
        print(f"no figure is called {unknown[0]} (known: {', '.join(FIGURES)})", file=sys.stderr)
        return 2
    wanted = names or list(FIGURES)
    elsewhere = (*ON_CILIUM, *ON_ITS_OWN, *WITHOUT_CLUSTER, *ON_SEVERAL)
    parts: tuple[tuple[Callable[[], AbstractContextManager[Any]], list[str]], ...] = (
        (nullcontext, [name for name in wanted if name in WITHOUT_CLUSTER]),
        (lambda: ground("default"), [name for name in wanted if name not in elsewhere]),
        (lambda: ground("cilium"), [name for name in wanted if name in ON_CILIUM]),
        (bare, [name for name in wanted if name in ON_SEVERAL]),
        (lambda: ground_of(exercise.LAB), [name for name in wanted if name in ON_ITS_OWN]),
    )
    kept = [_all_kept(place, part) for place, part in parts if part]
    return 0 if all(kept) else 1


def _all_kept(place: Callable[[], AbstractContextManager[Any]], names: list[str]) -> bool:
    with place() as here:
        figures = [figure for name in names for figure in _shown(FIGURES[name](here))]
    return all(figure.kept for figure in figures)


def _shown(figures: Iterable[Figure]) -> Iterable[Figure]:
    for figure in figures:
        print(figure, flush=True)
        yield figure


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
