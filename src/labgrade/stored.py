"""Stored results: where they lie, and reading files that anybody may have written."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator, Sequence
from itertools import count
from pathlib import Path

from labgrade import result
from labgrade.cohort.model import CohortResult
from labgrade.cohort.records import cohortform
from labgrade.errors import UsageError
from labgrade.model import LabResult

FOLDER = "reports"
"""Where `check` puts results unless told otherwise: below it, one folder for each lab."""

BEGINNING = 200
"""Bytes, in which a file of ours has said what it is."""
MOST_BYTES = 64 * 1024 * 1024
"""No result is as large; reading what is larger would only fill the memory."""


def read(path: Path) -> LabResult:
    """The result in a file; UsageError where it is missing, no file, too large, torn, or no result."""
    _check_file(path)
    return result.read(path)


def read_cohort(path: Path) -> CohortResult:
    """The cohort in a file; UsageError as for `read`."""
    _check_file(path)
    return cohortform.read(path)


def cohort_at(path: Path) -> Path | None:
    """The graded cohort that a path names: the file itself, or the one in that folder; None where it names none."""
    if path.is_dir():
        file = path / cohortform.FILE_NAME
        return file if file.exists() else None
    return path if path.name == cohortform.FILE_NAME or _says_cohort(path) else None


def _says_cohort(path: Path) -> bool:
    """Whether a file of whatever name begins as cohorts do; that it is whole is for `read_cohort` to say."""
    try:
        if not stat.S_ISREG(path.stat().st_mode):
            return False
        with path.open("rb") as file:
            return b'"' + cohortform.SCHEMA.rpartition("/")[0].encode() in file.read(BEGINNING)
    except (OSError, ValueError):
        return False


def _check_file(path: Path) -> None:
    try:
        found = path.stat()
    except (OSError, ValueError) as error:
        raise UsageError(f"{path} cannot be read: {getattr(error, 'strerror', None) or error}") from error
    if not stat.S_ISREG(found.st_mode):
        raise UsageError(f"{path} is no file")
    if found.st_size > MOST_BYTES:
        raise UsageError(f"{path} is {found.st_size >> 20} MiB large; a result has {MOST_BYTES >> 20} at most")


def files(path: Path) -> list[Path]:
    """The results that a path names: the file itself, the one in that folder, or else all those below it.

    UsageError where there is none.
    """
    if not path.is_dir():
        return [path]
    found = sorted(_below(path))
    if not found:
        raise UsageError(f"{path} holds no {result.FILE_NAME}, nor does a folder below it")
    return found


def _below(folder: Path) -> Iterator[Path]:
    for place, folders, names in os.walk(folder):
        if result.FILE_NAME in names:
            # What lies deeper is of the same grading, such as an earlier partial run.
            folders.clear()
            yield Path(place) / result.FILE_NAME


def places(paths: Sequence[Path]) -> list[Path]:
    """For each file a relative folder of its own, named as the files are told apart; `.` for a single one.

    The names come from where the files lie, never from what stands in them.
    """
    own = {result.FILE_NAME, cohortform.FILE_NAME}
    homes = [path.parent if path.name in own else path.with_suffix("") for path in map(_absolute, paths)]
    top = Path(os.path.commonpath(homes)) if homes else Path()
    taken: list[Path] = []
    for home in homes:
        wanted = home.relative_to(top)
        others = (wanted.parent / f"{home.name}-{number}" for number in count(2))
        while wanted in taken:
            wanted = next(others)
        taken.append(wanted)
    return taken


def _absolute(path: Path) -> Path:
    return Path(os.path.abspath(path))  # noqa: PTH100 (it takes `..` away and follows no link)
