"""What lies in a cohort's database: tables, and attempts as their rows."""

from __future__ import annotations

import json
import sqlite3
import zlib
from pathlib import Path
from typing import Any

from labgrade import result
from labgrade.cohort.model import Attempt
from labgrade.cohort.records import storetrouble
from labgrade.errors import UsageError
from labgrade.text import Text

APPLICATION = 0x6C616267
"""`labg`: says in the file's header whose it is."""
VERSION = 1

TABLES = {
    "rounds": """CREATE TABLE rounds (
        number INTEGER PRIMARY KEY,
        course TEXT NOT NULL, -- digest of what judged
        started TEXT NOT NULL, -- RFC 3339, UTC
        labs TEXT NOT NULL, -- ids, as a JSON list
        students TEXT NOT NULL -- likewise
    )""",
    "attempts": """CREATE TABLE attempts (
        round INTEGER NOT NULL REFERENCES rounds (number),
        student TEXT NOT NULL,
        lab TEXT NOT NULL,
        complete INTEGER NOT NULL, -- 1: every check was looked at
        grade REAL, -- out of 20, before any penalty; NULL unless complete
        earned REAL NOT NULL,
        possible REAL NOT NULL,
        seconds REAL NOT NULL,
        ours INTEGER NOT NULL,
        submission TEXT NOT NULL,
        submitted TEXT NOT NULL,
        notes TEXT NOT NULL, -- a JSON list of texts
        result BLOB NOT NULL, -- the text of result.json, compressed by zlib
        UNIQUE (round, student, lab)
    )""",
}

KEEP = """
    INSERT INTO attempts
    (round, student, lab, complete, grade, earned, possible, seconds, ours, submission, submitted, notes, result)
    VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
"""


def prepare(connection: sqlite3.Connection, path: Path) -> None:
    """Takes hold of the database, makes sure that it is ours and whole, or makes it."""
    for setting in ("locking_mode = EXCLUSIVE", "synchronous = FULL", "fullfsync = ON", "foreign_keys = ON"):
        connection.execute(f"PRAGMA {setting}")
    connection.execute("BEGIN EXCLUSIVE")
    there = {name for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
    _refuse_foreign(connection, path, there)
    for name in TABLES.keys() - there:
        connection.execute(TABLES[name])
    # Written each time: where nothing can be written, that is told now and not after the first student.
    connection.execute(f"PRAGMA application_id = {APPLICATION}")
    connection.execute(f"PRAGMA user_version = {VERSION}")
    connection.execute("COMMIT")
    # Outside of a transaction, and only now: the database is known to be ours.
    connection.execute("PRAGMA journal_mode = DELETE")


def _refuse_foreign(connection: sqlite3.Connection, path: Path, tables: set[str]) -> None:
    application = connection.execute("PRAGMA application_id").fetchone()[0]
    version = connection.execute("PRAGMA user_version").fetchone()[0]
    if application != APPLICATION and (application or tables):
        raise UsageError(f"{path} is another program's database: choose another folder, or move the file away")
    if version > VERSION:
        raise UsageError(
            f"{path} was written by a newer labgrade (its form is {version}, this one knows {VERSION}):"
            " use that one, or choose another folder"
        )
    found = connection.execute("PRAGMA quick_check(1)").fetchone()[0]
    if found != "ok":
        raise storetrouble.damaged(path, found)
    if tables and not tables >= TABLES.keys():
        raise storetrouble.damaged(path, f"it has no table {min(TABLES.keys() - tables)}")


def row(attempt: Attempt) -> tuple[Any, ...]:
    """The values that KEEP takes."""
    graded = attempt.result
    return (
        attempt.round,
        attempt.student,
        attempt.lab,
        int(graded.complete),
        graded.grade if graded.complete else None,
        graded.earned,
        graded.possible,
        attempt.seconds,
        int(attempt.ours),
        attempt.submission,
        attempt.submitted,
        json.dumps([note.data() for note in attempt.notes]),
        zlib.compress(result.dumps(graded).encode()),
    )


def attempt_of(
    student: str, lab: str, round_: int, graded: bytes, seconds: float, ours: int, digest: str, when: str, notes: str
) -> Attempt:
    """The attempt that a row holds; whatever is wrong with it is raised as it comes, to be told by `sound`."""
    return Attempt(
        student=student,
        lab=lab,
        round=round_,
        result=result.loads(zlib.decompress(graded).decode()),
        seconds=seconds,
        ours=bool(ours),
        submission=digest,
        submitted=when,
        notes=tuple(Text.of(note) for note in json.loads(notes)),
    )
