"""`python -m benchmarks [FIGURE…]`: makes a cluster, takes the figures, removes the cluster."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable

from benchmarks import disturbing, making, many_pods, states, verdicts
from benchmarks.ground import Ground, ground
from benchmarks.timing import Figure

FIGURES: dict[str, Callable[[Ground], Iterable[Figure]]] = {
    "states": states.measure,
    "verdicts": verdicts.measure,
    "disturbing": disturbing.measure,
    "many-pods": many_pods.measure,
    "making": making.measure,
}


def main(names: list[str]) -> int:
    """Takes the named figures, else all; 1 where one is beyond what is claimed, 2 for an unknown name."""
    unknown = [name for name in names if name not in FIGURES]
    if unknown:
        print(f"no figure is called {unknown[0]} (known: {', '.join(FIGURES)})", file=sys.stderr)
        return 2
    kept = True
    with ground() as here:
        for name in names or FIGURES:
            for figure in FIGURES[name](here):
                print(figure, flush=True)
                kept = kept and figure.kept
    return 0 if kept else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
