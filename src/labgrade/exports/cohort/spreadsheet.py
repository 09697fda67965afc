"""Tables as gradebooks and spreadsheets read them: commas, quotes where they are needed, points as decimal marks."""

from __future__ import annotations

import csv
import io
from collections import Counter
from collections.abc import Iterable, Sequence

from labgrade.exports.telling import one_line

FORMULA = tuple("=+-@＝＋－＠")
"""What a cell begins with that a spreadsheet computes, in whichever width."""


def table(rows: Iterable[Sequence[str]]) -> str:
    """The text of a CSV file. Lines end in a newline alone, which every importer of ours takes."""
    file = io.StringIO()
    csv.writer(file, lineterminator="\n").writerows(rows)
    return file.getvalue()


def cell(words: str) -> str:
    """Words of strangers on one line, none of which is computed: `'` before what looks like a formula."""
    words = one_line(words).strip()
    return f"'{words}" if words.startswith(FORMULA) else words


def number(value: float | None) -> str:
    """At most two decimals, with a point; blank for None."""
    return "" if value is None else f"{value:.2f}".rstrip("0").rstrip(".")


def identifiers(values: Iterable[str]) -> list[str]:
    """The values by which an importer can find students: blank instead of all others.

    Two with the same one would get each other's grades, whatever their case; and what `cell` would change is not what
    the importer knows.
    """
    found = [value.strip() for value in values]
    known = Counter(value.casefold() for value in found)
    return [value if cell(value) == value and known[value.casefold()] == 1 else "" for value in found]
