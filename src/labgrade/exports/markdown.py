"""Words of strangers as Markdown that says just these words: no markup, no HTML, no link, no table's cell too many."""

from __future__ import annotations

import re

from labgrade.exports.telling import one_line

SPECIAL = re.compile(
    r"[\\`*_{}\[\]<>#|~&@$^!]"  # wherever they stand
    r"|:(?=\S)"  # addresses, and names of emoji
    r"|(?<=www)\."
    r"|^[-+=]|(?<=^\d)[.)]|(?<=^\d\d)[.)]",  # lists, and rules below headings
    re.IGNORECASE,
)
"""What a backslash makes plain."""


def prose(words: str) -> str:
    """The words on one line; what stands between single backticks is shown as code."""
    parts = re.split(r"(?<!`)`([^`]+)`(?!`)", one_line(words).strip())
    return "".join(code(part) if number % 2 else SPECIAL.sub(r"\\\g<0>", part) for number, part in enumerate(parts))


def escaped(words: str) -> str:
    """The words on one line, all of them plain text."""
    return SPECIAL.sub(r"\\\g<0>", one_line(words).strip())


def code(words: str) -> str:
    """The words on one line as code; `|` as a table's cell wants it, too."""
    words = one_line(words)
    longest = max(map(len, re.findall(r"`+", words)), default=0)
    fence = "`" * (longest + 1)
    room = " " if words.startswith("`") or words.endswith("`") or not words.strip() else ""
    return f"{fence}{room}{words or ' '}{room}{fence}"


def cell(words: str) -> str:
    """A table's cell: whatever Markdown it is made of, a `|` in it ends no cell."""
    return re.sub(r"(\\*)\|", lambda found: f"{found[1]}{'' if len(found[1]) % 2 else chr(92)}|", words)
