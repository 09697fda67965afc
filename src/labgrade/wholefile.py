"""Files that are whole at every instant, also after kill -9, a full disk or a power cut."""

from __future__ import annotations

import errno
import os
from collections.abc import Generator
from contextlib import contextmanager, suppress
from pathlib import Path

from labgrade.errors import HarnessError, UsageError

FULL = frozenset({errno.ENOSPC, errno.EDQUOT})


@contextmanager
def written(path: Path) -> Generator[None]:
    """What is written to `path` within fails with a sentence: HarnessError where the disk is full, else UsageError."""
    try:
        yield
    except OSError as error:
        kind = HarnessError if error.errno in FULL else UsageError
        raise kind(f"{path} cannot be written: {_reason(error)}") from error


def make_folder(folder: Path) -> None:
    """Makes a folder and those above it, if need be; UsageError where that cannot be done."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UsageError(f"{folder} cannot be made: {_reason(error)}") from error


def write_whole(path: Path, content: bytes) -> None:
    """Makes `content` the file at `path`, or leaves what is there as it was.

    UsageError where it cannot be written (no permission), HarnessError where the disk is full.
    """
    # Named after the process: two that were given one folder must not write into one file.
    new = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        with written(path):
            with new.open("wb") as file:
                file.write(content)
                file.flush()
                os.fsync(file.fileno())
            new.replace(path)
            _sync(path.parent)
    finally:
        # Where the folder itself is gone or not ours, the first error says more than this one.
        with suppress(OSError):
            new.unlink(missing_ok=True)


def _sync(folder: Path) -> None:
    """Makes a renaming last: until its folder is on disk, a power cut may undo it."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _reason(error: OSError) -> str:
    return error.strerror or str(error)
