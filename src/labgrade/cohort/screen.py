"""What a trainer sees while a batch runs: a live table on a terminal, else a plain line for each result."""

from __future__ import annotations

import sys
import threading
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Self

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.progress import BarColumn, MofNCompleteColumn, TimeElapsedColumn, TimeRemainingColumn
from rich.progress import Progress as Bar
from rich.table import Table
from rich.text import Text as Words

from labgrade.cohort.model import Attempt
from labgrade.cohort.task import Progress
from labgrade.patience import monotonic
from labgrade.terminal import Look, shown
from labgrade.text import Language, Text, harmless
from labgrade.wording import number, score

MOST_ROWS = 20
"""Students under way that are shown by name; the others are counted."""

WAITS = Text("waits for a cluster", "attend un cluster")
OTHERS = Text("and {} more", "et {} autres")
INCOMPLETE = Text("incomplete", "incomplet")
HEADS = (
    Text("student", "étudiant"),
    Text("lab", "TP"),
    Text("check", "vérification"),
    Text("points", "points"),
    Text("time left", "reste"),
)


class Screen:
    """Where a batch is told of, from several threads. This one shows nothing."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None: ...

    def begin(self, total: int, done: int) -> None:
        """So many labs of students there are, and so many of them have been graded before."""

    def told(self, progress: Progress) -> None:
        """Something happened to a task."""

    def kept(self, attempt: Attempt) -> None:
        """A result is in the database."""

    def say(self, words: str) -> None:
        """Something that concerns the batch."""


class Plain(Screen):
    """A line for each result, for logs and pipes."""

    def __init__(self, language: Language, encoding: str) -> None:
        self._language: Language = language
        self._encoding = encoding
        self._total = self._done = 0
        self._turn = threading.Lock()

    def begin(self, total: int, done: int) -> None:
        """Counts from there."""
        self._total, self._done = total, done

    def kept(self, attempt: Attempt) -> None:
        """One line."""
        with self._turn:
            self._done += 1
            self._print(f"{self._done:>{len(str(self._total))}}/{self._total}  {line(attempt, self._language)}")

    def say(self, words: str) -> None:
        """One line."""
        with self._turn:
            self._print(harmless(words))

    def _print(self, words: str) -> None:
        print(shown(words, self._encoding), flush=True)


def line(attempt: Attempt, language: Language) -> str:
    """A result in one line: who, which lab, what it came to or the first line of why it came to nothing."""
    result = attempt.result
    end = f"{score(result, language)}  ({attempt.seconds:.0f} s)"
    if not result.complete:
        why = result.note[language] or ", ".join(o.id for o in result.outcomes if o.state == "error")
        end = f"{INCOMPLETE[language]}: {why.splitlines()[0] if why else '?'}"
    return harmless(f"{attempt.student}  {attempt.lab}  {end}")


@dataclass
class _Running:
    """A task under way."""

    latest: Progress
    since: float


class Lively(Screen):
    """A table that is drawn anew a few times a second."""

    def __init__(self, language: Language, *, student_seconds: float, colour: bool) -> None:
        self._language: Language = language
        self._limit = student_seconds
        self._running: dict[tuple[str, str], _Running] = {}
        self._turn = threading.Lock()
        console = Console(no_color=not colour, highlight=False)
        columns = (BarColumn(), MofNCompleteColumn(), TimeElapsedColumn(), TimeRemainingColumn())
        self._bar = Bar(*columns, console=console, auto_refresh=False)
        self._task = self._bar.add_task("", total=None)
        self._live = Live(get_renderable=self._drawn, console=console, refresh_per_second=4, transient=True)

    def __enter__(self) -> Self:
        self._live.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._live.stop()

    def begin(self, total: int, done: int) -> None:
        """The bar counts from there."""
        self._bar.reset(self._task, total=total, completed=done)

    def told(self, progress: Progress) -> None:
        """The student's row."""
        key = (progress.student, progress.lab)
        with self._turn:
            if progress.kind == "ended":
                self._running.pop(key, None)
            else:
                began = progress.kind == "started" or key not in self._running
                since = monotonic() if began else self._running[key].since
                self._running[key] = _Running(progress, since)

    def kept(self, attempt: Attempt) -> None:
        """The bar moves; what has no grade stays readable above the table."""
        self._bar.advance(self._task)
        words = line(attempt, self._language)
        self._live.console.print(Words(words, style="" if attempt.result.complete else "magenta"))

    def say(self, words: str) -> None:
        """A line above the table."""
        self._live.console.print(Words(harmless(words), style="dim"))

    def _drawn(self) -> RenderableType:
        with self._turn:
            running = sorted(self._running.values(), key=lambda each: each.since)
        table = Table(box=None, pad_edge=False)
        for head in HEADS:
            table.add_column(head[self._language], justify="right" if head in HEADS[3:] else "left")
        for each in running[:MOST_ROWS]:
            table.add_row(*(Words(cell) for cell in self._cells(each)))
        parts: list[RenderableType] = [table] if running else []
        if len(running) > MOST_ROWS:
            parts.append(Words(OTHERS[self._language].format(len(running) - MOST_ROWS)))
        return Group(*parts, self._bar)

    def _cells(self, each: _Running) -> Iterable[str]:
        latest = each.latest
        waits = latest.kind == "waiting"
        left = max(0.0, self._limit - (monotonic() - each.since))
        yield harmless(latest.student)
        yield latest.lab
        yield WAITS[self._language] if waits else latest.words
        yield "" if waits else number(latest.earned, self._language)
        yield "" if waits else f"{left:.0f} s"


def screen(language: Language, look: Look, *, quiet: bool, student_seconds: float) -> Screen:
    """What fits standard output, whose `look` says whether there is somebody to look at it."""
    if quiet:
        return Screen()
    if sys.stdout.isatty():
        return Lively(language, student_seconds=student_seconds, colour=look["colour"])
    return Plain(language, look["encoding"])
