"""A truth table of traffic: who reaches what, as it was seen, beside what was expected."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass

from labgrade.probe.answer import Answer

Cell = tuple[str, str]
"""Row (who asks) and column (what is asked for)."""


@dataclass(frozen=True, slots=True)
class Table:
    """Rows asked for columns, at the same time; what was not asked for stays blank."""

    answers: Mapping[Cell, Answer]

    def __getitem__(self, cell: Cell) -> Answer:
        return self.answers[cell]

    @property
    def rows(self) -> list[str]:
        """Who asks, in order."""
        return list(dict.fromkeys(row for row, _ in self.answers))

    @property
    def columns(self) -> list[str]:
        """What is asked for, in order."""
        return list(dict.fromkeys(column for _, column in self.answers))

    def differences(self, allowed: Collection[Cell]) -> list[Cell]:
        """The cells that are not as they should be: connected where allowed, dropped everywhere else.

        What is refused, reset or unreachable is neither.
        """
        return [cell for cell, answer in self.answers.items() if not _as_asked(answer, allowed=cell in allowed)]

    def drawn(self, allowed: Collection[Cell]) -> str:
        """Three tables one below the other, for a fixed-width font: expected, seen, difference."""
        wrong = set(self.differences(allowed))
        return "\n".join(
            [
                *self._legend(),
                *self._grid("expected", lambda cell: "connected" if cell in allowed else "dropped"),
                *self._grid("seen", lambda cell: self.answers[cell].seen),
                *self._grid("difference", lambda cell: self.answers[cell].seen if cell in wrong else "·"),
            ]
        )

    def seen(self) -> str:
        """The table as it was seen."""
        return "\n".join([*self._legend(), *self._grid("seen", lambda cell: self.answers[cell].seen)])

    def _legend(self) -> list[str]:
        """What the columns' numbers stand for, and the letters of a table too wide for words."""
        lines = [f"{number}: {column}" for number, column in enumerate(self.columns, 1)]
        if len(self.columns) <= WORDY:
            return lines
        words = dict.fromkeys(["connected", "dropped", *(answer.seen for answer in self.answers.values())])
        return [*lines, ", ".join(f"{_short(word)} = {word}" for word in words)]

    def _grid(self, title: str, word: Callable[[Cell], str]) -> list[str]:
        rows, columns = self.rows, self.columns
        form = _short if len(columns) > WORDY else str

        def shown(cell: Cell) -> str:
            return form(word(cell)) if cell in self.answers else ""

        heads = [str(number) for number, _ in enumerate(columns, 1)]
        lines = [[title, *heads], *([row, *(shown((row, column)) for column in columns)] for row in rows)]
        widths = [max(len(line[n]) for line in lines) for n in range(len(heads) + 1)]
        return ["  ".join(each.ljust(w) for each, w in zip(line, widths, strict=True)).rstrip() for line in lines]


WORDY = 6
"""With more columns than so many, a cell is a letter."""


MARKS = {"connected": ".", "dropped": "x", "refused": "r", "reset": "R", "unreachable": "u", "unresolved": "?"}


def _short(verdict: str) -> str:
    """A verdict as a mark, HTTP as its status."""
    return MARKS.get(verdict, verdict.removeprefix("http "))


def _as_asked(answer: Answer, *, allowed: bool) -> bool:
    return answer.connected if allowed else answer.verdict == "dropped"
