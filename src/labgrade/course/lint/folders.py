"""What a lab's folder holds: all that belongs there, and nothing that nobody reads."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from labgrade.course.answers import BESIDE, refuse_stray
from labgrade.course.lint.draft import HANDOUTS, RUBRIC, SUITE, Draft, entries
from labgrade.course.yamlfile import FileError, nearest
from labgrade.errors import UsageError

NAME = re.compile(r"[a-z]\d{2}(-[a-z0-9]+)+")
EXAMPLE = "b01-deployment-labels"
FOLDERS = ("starter", "solution", "mistakes")


def findings(draft: Draft) -> Iterator[FileError]:
    """A name of another form, folders that are missing or empty, and stray files."""
    if not NAME.fullmatch(draft.folder.name):
        yield FileError(draft.folder, 0, f"is named unlike a lab: a letter, two digits, and words, as in {EXAMPLE}")
    for name in FOLDERS:
        path = draft.folder / name
        if not path.is_dir():
            yield FileError(path, 0, "is no folder" if path.exists() else "is missing")
    known = (RUBRIC, SUITE, *HANDOUTS, *FOLDERS)
    for path in entries(draft.folder):
        if path.name not in known:
            yield FileError(path, 0, f"belongs to no lab{nearest(path.name, known)}")
    yield from _answers(draft)


def _answers(draft: Draft) -> Iterator[FileError]:
    for folder in draft.answers:
        for path in entries(folder):
            yield from _stray(path)
    for path in entries(draft.folder / "mistakes"):
        if not path.is_dir() and path.name not in BESIDE:
            yield FileError(path, 0, "lies beside the mistakes: each is a folder of its own")
    solution, mistakes = draft.folder / "solution", draft.folder / "mistakes"
    if solution.is_dir() and not any(path.name not in BESIDE for path in entries(solution)):
        yield FileError(solution, 0, "is empty: without a solution nothing shows that the lab can be solved")
    if mistakes.is_dir() and not draft.mistake_folders:
        yield FileError(mistakes, 0, "is empty: without a mistake nothing shows that the checks can fail")


def _stray(path: Path) -> Iterator[FileError]:
    if path.name in BESIDE:
        if path.name == "mistake.yaml" and path.parent.parent.name != "mistakes":
            yield FileError(path, 0, "belongs into a folder of mistakes/")
        return
    try:
        refuse_stray(path)
    except UsageError as error:
        yield FileError(path, 0, str(error).removeprefix(f"{path} "))
    else:
        if not path.is_file():
            yield FileError(path, 0, "is no file")
