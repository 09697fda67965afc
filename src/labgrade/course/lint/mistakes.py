"""The mistakes: each one changes something, and between them every check fails that is not optional."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

from labgrade.course.answers import BESIDE, SETUP, STEPS
from labgrade.course.lint.draft import Draft, entries, words
from labgrade.course.yamlfile import FileError, YamlFile

_Loader: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


def findings(draft: Draft) -> Iterator[FileError]:
    """A mistake that is the solution, and a check of which nothing shows that it can fail."""
    for folder in draft.mistake_folders:
        if _changes_nothing(draft, folder):
            yield FileError(folder, 0, "is the solution: it replaces nothing, adds nothing, and goes without nothing")
    if draft.lab and draft.rubric and draft.mistakes and len(draft.mistakes) == len(draft.mistake_folders):
        failed = {name for mistake in draft.mistakes for name in mistake.failed}
        for check in draft.lab.checks:
            # Where what it is about is absent, which may be everywhere, no mistake can show anything of it.
            if check.id not in failed and not check.optional:
                line = draft.rubric.line(("checks", check.id))
                problem = "is in `failed` of no mistake: nothing shows that it can fail"
                yield FileError(draft.rubric.path, line, f"checks.{check.id} {problem}")


def _changes_nothing(draft: Draft, folder: Path) -> bool:
    try:
        if YamlFile(folder / "mistake.yaml").names(("without",)):
            return False
        own = [path for path in entries(folder) if path.name not in BESIDE]
        return all(_same(path, _replaced(draft, path.name)) for path in own)
    except FileError:
        return False


def _replaced(draft: Draft, name: str) -> Path:
    """The file that a mistake's file of that name takes the place of, there or not."""
    solution = draft.folder / "solution" / name
    return solution if solution.exists() else draft.folder / "starter" / name


def _same(path: Path, other: Path) -> bool:
    """Whether two files mean the same: manifests as data, steps to the letter."""
    if not other.is_file():
        return False
    first, second = words(path), words(other)
    if first == second or path.name in {SETUP, STEPS}:
        return first == second
    try:
        return list(yaml.load_all(first, Loader=_Loader)) == list(yaml.load_all(second, Loader=_Loader))
    except (yaml.YAMLError, ValueError, RecursionError):
        return False
