"""The words of a lab: no blank left, and no text that is the same in both languages."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from labgrade.course.lint.draft import LEFT_BEHIND, Draft, words
from labgrade.course.yamlfile import FileError, Key
from labgrade.model import Lab
from labgrade.text import Text

BLANK = "TODO"
"""Marks what an author still has to fill in."""

SHOWN = 60
CODE = re.compile(r"`[^`]*`")
PLAIN_WORD = re.compile(r"(?<![\w./:=-])[a-zà-ÿ]{2,}(?![\w./:=-])")
"""A word of a sentence, not a kind, a name or a value."""


def findings(draft: Draft) -> Iterator[FileError]:
    """Each line with a blank, and each text that nobody seems to have translated."""
    for path in sorted(draft.folder.rglob("*")):
        if path.is_file() and not LEFT_BEHIND & set(path.parts):
            yield from _blanks(path)
    if draft.rubric and draft.lab:
        for key, text in _texts(draft.lab):
            if text.en == text.fr and len(PLAIN_WORD.findall(CODE.sub("", text.en))) > 1:
                problem = "is the same in French and in English; names and commands alone stand in backticks"
                yield FileError(draft.rubric.path, draft.rubric.line(key), f"{'.'.join(map(str, key))} {problem}")


def _blanks(path: Path) -> Iterator[FileError]:
    with suppress(FileError):  # a file that is no text is another rule's
        for number, line in enumerate(words(path).splitlines(), 1):
            if BLANK in line:
                yield FileError(path, number, f"a blank is left: {line.strip()[:SHOWN]}")


def _texts(lab: Lab) -> Iterator[tuple[Key, Text]]:
    yield ("title",), lab.title
    for check in lab.checks:
        yield ("checks", check.id, "title"), check.title
        yield ("checks", check.id, "hint"), check.hint
        if check.disturbs:
            yield ("checks", check.id, "disturbs"), check.disturbs
