"""What SQLite complains about, as a sentence, and whose fault it is."""

from __future__ import annotations

import sqlite3
import zlib
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

from labgrade.errors import HarnessError, UsageError
from labgrade.text import harmless

USELESS: dict[int, str] = {
    sqlite3.SQLITE_BUSY: "is in use, by another grading into the same folder or by a program that shows databases:"
    " wait until that has ended, or choose another folder",
    sqlite3.SQLITE_PROTOCOL: "cannot be locked: choose a folder on a disk of this machine",
    sqlite3.SQLITE_READONLY: "cannot be written: it or its folder is read-only",
    sqlite3.SQLITE_CANTOPEN: "cannot be opened or made: nothing may be written there",
    sqlite3.SQLITE_PERM: "cannot be opened: no permission",
    sqlite3.SQLITE_NOTADB: "is no database: move it away, or choose another folder",
}
"""By SQLite's primary code: what the person who typed the folder can change."""

LOCKING = ("SQLITE_IOERR_LOCK", "SQLITE_IOERR_UNLOCK", "SQLITE_IOERR_RDLOCK", "SQLITE_IOERR_CHECKRESERVEDLOCK")


@contextmanager
def told(path: Path) -> Generator[None]:
    """What SQLite complains about within fails with one sentence.

    HarnessError where the disk is full or broken, else UsageError.
    """
    try:
        yield
    except sqlite3.Error as error:
        raise _trouble(path, error) from error


@contextmanager
def sound(path: Path) -> Generator[None]:
    """UsageError where what is stored, and read within, is nothing that we wrote."""
    try:
        yield
    except (zlib.error, ValueError, TypeError, KeyError, UsageError) as error:
        raise damaged(path, str(error)) from error


def damaged(path: Path, how: str) -> UsageError:
    """What is there was ours and cannot be read any more."""
    words = harmless(how).replace("\n", " ")
    return UsageError(f"{path} is damaged ({words}): put a copy of it back, or move it away to begin anew")


def _trouble(path: Path, error: sqlite3.Error) -> UsageError | HarnessError:
    # Errors of the sqlite3 module itself, and not of SQLite, have no code.
    code, name = getattr(error, "sqlite_errorcode", 0), getattr(error, "sqlite_errorname", "")
    primary = code & 0xFF
    if name in LOCKING:
        return UsageError(f"{path} {USELESS[sqlite3.SQLITE_PROTOCOL]}")
    if primary in USELESS:
        return UsageError(f"{path} {USELESS[primary]}")
    if primary == sqlite3.SQLITE_FULL:
        return HarnessError(f"{path} cannot be written: the disk is full; what was kept before is safe")
    if primary == sqlite3.SQLITE_IOERR:
        return HarnessError(f"{path} cannot be read or written ({name}): the disk is full or failing")
    if primary in {sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_ERROR}:
        return damaged(path, str(error))
    return HarnessError(f"{path}: the database failed: {error} {name}".rstrip())
