"""The handouts: there in both languages, and with the same fixed names, since one rubric judges readers of both."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from labgrade.course.lint.draft import HANDOUTS, Draft, words
from labgrade.course.yamlfile import FileError

CODE = re.compile(r"`([^`\n]+)`")
RULE = re.compile(r"[|\s:-]+")
IMAGE = re.compile(r"[a-z0-9./-]+:[\w.-]*\d[\w.-]*")

Names = dict[str, int]
"""Names in backticks and the line where each stands first."""


def findings(draft: Draft) -> Iterator[FileError]:
    """A handout that is missing or empty, and names that only one of them has."""
    texts: dict[Path, str] = {}
    for path in (draft.folder / name for name in HANDOUTS):
        try:
            texts[path] = words(path)
        except FileError as error:
            yield error
            continue
        if not texts[path].strip():
            yield FileError(path, 0, "is empty")
    if len(texts) == len(HANDOUTS) and all(words.strip() for words in texts.values()):
        yield from _differences(texts)


def _differences(texts: dict[Path, str]) -> Iterator[FileError]:
    tables = {path: _fixed(words) for path, words in texts.items()}
    images = {path: _images(words) for path, words in texts.items()}
    for path, other in ((first, second) for first in texts for second in texts if first != second):
        if not tables[path]:
            yield FileError(path, 0, "has no table of the names that the checks rely on, in backticks")
        elif tables[other]:
            for name in tables[path].keys() - tables[other].keys():
                yield FileError(path, tables[path][name], f"`{name}` stands in no table of {other.name}")
        for name in images[path].keys() - images[other].keys() - tables[path].keys():
            yield FileError(path, images[path][name], f"the image `{name}` is not named in {other.name}")


def _fixed(text: str) -> Names:
    """What the tables name, less their heads."""
    found: Names = {}
    before = ""
    for number, line in _prose(text):
        head = not before.startswith("|")
        if line.startswith("|") and not head and not RULE.fullmatch(line):
            for name in CODE.findall(line):
                found.setdefault(name, number)
        before = line
    return found


def _images(text: str) -> Names:
    found: Names = {}
    for number, line in _prose(text):
        for name in CODE.findall(line):
            if IMAGE.fullmatch(name):
                found.setdefault(name, number)
    return found


def _prose(text: str) -> Iterator[tuple[int, str]]:
    """Numbered lines, those between fences blanked."""
    fenced = False
    for number, line in enumerate(text.splitlines(), 1):
        fence = line.startswith("```")
        yield number, "" if fenced or fence else line
        fenced ^= fence
