"""What `check` prints: one line for each check, what to do about the failed ones, and the score."""

from __future__ import annotations

import os
import re
import textwrap
import unicodedata
from collections.abc import Iterable, Mapping
from typing import TextIO, TypedDict

from labgrade import wording
from labgrade.mending import mend_first
from labgrade.model import LabResult, Outcome, State
from labgrade.text import Language, Text, harmless

MARKS: dict[State, str] = {"passed": "✔", "failed": "✘", "blocked": "●", "skipped": "○", "error": "!"}
ASCII_MARKS: dict[State, str] = {"passed": "+", "failed": "x", "blocked": "*", "skipped": "-", "error": "!"}
COLOURS: dict[State, str] = {"passed": "32", "failed": "31", "blocked": "33", "skipped": "2", "error": "35"}
PARTLY_COLOUR = "33"
PLAIN = {"–": "-", "·": "-", "…": "...", "’": "'", "«": '"', "»": '"', "œ": "oe", "Œ": "OE"}
INDENT = "  "
WIDEST = 100
NARROWEST = 40
LONGEST = 1500
"""Characters of one text that a terminal gets; the HTML report has all of it."""


class Look(TypedDict):
    """How a stream wants its lines."""

    colour: bool
    width: int
    encoding: str


def look(stream: TextIO, *, no_color: bool = False, environment: Mapping[str, str] | None = None) -> Look:
    """How `stream` wants its lines: `line(outcome, language=…, **look(sys.stdout))`."""
    env = os.environ if environment is None else environment
    plain = no_color or bool(env.get("NO_COLOR")) or env.get("TERM") == "dumb"
    return Look(
        colour=stream.isatty() and not plain,
        width=_width(stream, env),
        encoding=stream.encoding or "utf-8",
    )


def _width(stream: TextIO, env: Mapping[str, str]) -> int:
    columns = env.get("COLUMNS", "")
    try:
        found = int(columns) if columns.isdecimal() else os.get_terminal_size(stream.fileno()).columns
    except (OSError, ValueError):
        found = 0  # a pipe, a file, or no file at all
    return max(NARROWEST, min(found or 80, WIDEST))


def line(
    outcome: Outcome,
    *,
    language: Language,
    colour: bool,
    width: int = 80,
    encoding: str = "utf-8",
    titles: Mapping[str, Text] | None = None,
) -> str:
    """One check: mark, title, points; below it what a student needs to go on. No newline at the end.

    `titles`: of checks by id, to name by its title what blocks this one; without them the outcome's own words do.
    """
    lines = [_headline(outcome, language, width)]
    for label, words in _details(outcome, language, titles or {}):
        start = INDENT + label.ljust(_label_width(language)) + INDENT if label else INDENT
        # A command is there to be copied: the terminal may break it, a newline of ours would run it by half.
        lines += wrapped(words, start, LONGEST if label == wording.TRY[language] else width)
    lines[0] = painted(lines[0], _colour(outcome), colour=colour)
    return shown("\n".join(lines), encoding)


def _headline(outcome: Outcome, language: Language, width: int) -> str:
    return headed(outcome.title[language] or outcome.id, MARKS[outcome.state], _points(outcome, language), width)


def headed(words: str, mark: str, points: str, width: int) -> str:
    """The words on as many lines as they need, the mark before and the points at the right end of the first."""
    words = re.sub(r"\s*\n\s*", " ", harmless(words)).strip()
    lines = wrapped(words, f"{mark} ", width - len(points) - 2)
    lines[0] = lines[0].ljust(width - len(points) - 2) + "  " + points
    return "\n".join(lines)


def _points(outcome: Outcome, language: Language) -> str:
    if outcome.state == "skipped":
        return "–"
    earned = "?" if outcome.state == "error" else wording.number(outcome.earned, language)
    return f"{earned}/{wording.number(outcome.points, language)}"


def _colour(outcome: Outcome) -> str:
    return PARTLY_COLOUR if outcome.state == "failed" and outcome.earned else COLOURS[outcome.state]


def _details(outcome: Outcome, language: Language, titles: Mapping[str, Text]) -> list[tuple[str, str]]:
    """Labels and texts below a headline."""
    if outcome.state == "passed":
        return []
    known = [titles[name][language] for name in outcome.blocked_by if name in titles]
    if outcome.state == "blocked" and (known or (outcome.blocked_by and not outcome.saw)):
        return [(wording.MEND_FIRST[language], ", ".join(known or outcome.blocked_by))]
    if outcome.state != "failed":
        fallback = {"blocked": wording.BLOCKED, "skipped": wording.SKIPPED, "error": wording.ERROR}
        reasons = [outcome.saw] if outcome.saw else []
        if outcome.state != "blocked" or not reasons:
            reasons.append(fallback[outcome.state])
        return [("", words[language]) for words in reasons]
    rows = (
        (wording.SAW, outcome.saw),
        (wording.WANTED, outcome.wanted),
        (wording.TRY, outcome.try_),
        (wording.HINT, outcome.hint),
    )
    return [(label[language], words[language]) for label, words in rows if words[language]]


def evidence(outcome: Outcome, *, verbose: bool) -> list[str]:
    """The evidence as indented lines; unless `verbose`, only the tables of a failure, which are its best words."""
    entries = [entry for entry in outcome.evidence if verbose or (outcome.state == "failed" and "\n" in entry)]
    return [f"{INDENT}{part}" for entry in entries for part in harmless(entry).split("\n")]


def _label_width(language: Language) -> int:
    return max(len(label[language]) for label in (wording.SAW, wording.WANTED, wording.TRY, wording.HINT))


def wrapped(words: str, start: str, width: int) -> list[str]:
    """The words as lines behind `start`, all but the first indented as deep."""
    words = harmless(words)
    if len(words) > LONGEST:
        words = f"{words[:LONGEST]}…"
    hanging = " " * len(start)
    lines: list[str] = []
    for part in words.split("\n"):
        before = hanging if lines else start
        lines += textwrap.wrap(
            part, width, initial_indent=before, subsequent_indent=hanging, break_on_hyphens=False
        ) or [before.rstrip()]
    return lines


def painted(words: str, code: str, *, colour: bool) -> str:
    """The words in the colour of that SGR code, where there is colour at all."""
    return f"\x1b[{code}m{words}\x1b[0m" if colour else words


def shown(words: str, encoding: str) -> str:
    """The words, with other marks where the encoding has not ours, and bare letters where it has no accents."""
    try:
        words.encode(encoding)
    except UnicodeEncodeError:
        table = {mark: ASCII_MARKS[state] for state, mark in MARKS.items()} | PLAIN
        bare = unicodedata.normalize("NFKD", words.translate(str.maketrans(table)))
        letters = (c for c in bare if not unicodedata.combining(c))
        return "".join(letters).encode(encoding, "replace").decode(encoding)
    return words


def summary(
    result: LabResult,
    *,
    language: Language,
    colour: bool,
    width: int = 80,
    encoding: str = "utf-8",
    files: Iterable[object] = (),
) -> str:
    """The score, whether it is a grade yet and why not, remarks, what to mend first, and where the `files` are."""
    score = wording.score(result, language)
    note = wording.score_note(result)[language]
    lines = [painted(score, "1", colour=colour) + (f"  ({note})" if note else "")]
    for words in _verdict(result, language):
        lines += wrapped(words, "", width)
    if result.remarks:
        lines.append(f"{wording.HANDED_IN[language]}{wording.colon(language).rstrip(' ')}")
    for remark in result.remarks:
        lines += wrapped(remark[language], INDENT, width)
    first = mend_first(result)
    if first:
        label = wording.MEND_FIRST[language]
        words = f"{label[0].upper()}{label[1:]}{wording.colon(language)}{first.title[language]}"
        lines += wrapped(words, "", width)
    # Paths are never wrapped: they are there to be clicked and copied.
    lines += [INDENT + harmless(str(file)) for file in files]
    return shown("\n".join(lines), encoding)


def _verdict(result: LabResult, language: Language) -> list[str]:
    words: list[str] = []
    if result.perfect:
        words.append(wording.PERFECT[language])
    elif result.complete:
        words.append(wording.COMPLETE[language])
    else:
        words.append(wording.INCOMPLETE[language] + ".")
        words += [reason[language] for reason in wording.why_incomplete(result)]
    return words
