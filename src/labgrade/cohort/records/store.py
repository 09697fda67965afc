"""Every attempt of a cohort, in a database that no crash can tear and that one process at a time writes.

A rollback journal, and not the faster write-ahead log: that one needs memory shared between processes, which
network drives do not have. Every commit is on disk before it returns. SQLite's own exclusive lock keeps a second
process out; the kernel drops it when ours ends, however that ends, and processes that we fork do not inherit it.
"""

from __future__ import annotations

import json
import sqlite3
import stat
import threading
from collections.abc import Generator, Iterable
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from labgrade import clock
from labgrade.cohort.model import Attempt
from labgrade.cohort.records import storetrouble
from labgrade.cohort.records.storeform import KEEP, attempt_of, prepare, row
from labgrade.errors import UsageError
from labgrade.wholefile import make_folder

FILE_NAME = "grades.db"
BUSY_SECONDS = 1.0
"""Somebody who only looks into the database is gone by then; another grading is not."""


@dataclass(frozen=True, slots=True)
class Round:
    """One run of the command; one that was resumed is the same."""

    number: int
    course_digest: str
    started: str
    """RFC 3339, UTC: when it began first."""
    labs: tuple[str, ...]
    students: tuple[str, ...]


class Store:
    """An open database. It may be used from several threads, and not in a process that was forked since."""

    def __init__(self, path: Path, connection: sqlite3.Connection) -> None:
        self.path = path
        self._connection = connection
        self._lock = threading.Lock()

    @classmethod
    @contextmanager
    def opened(cls, path: Path) -> Generator[Store]:
        """The database at `path`, made where there is none, with its folder; held until the end of the block.

        UsageError where it cannot be used: it is in use, of a newer labgrade, another program's, damaged, or in a
        place where nothing can be written. HarnessError where the disk is full.
        """
        make_folder(path.parent)
        _refuse_others(path)
        with storetrouble.told(path):
            connection = sqlite3.connect(path, timeout=BUSY_SECONDS, isolation_level=None, check_same_thread=False)
        with closing(connection):
            with storetrouble.told(path):
                prepare(connection, path)
            yield cls(path, connection)

    def begin(self, labs: Iterable[str], students: Iterable[str], course_digest: str, *, resume: bool) -> int:
        """The number of a new round, or with `resume` of the last one; from 1.

        UsageError where that one was judged by another state of the course.
        """
        lists = json.dumps(list(labs)), json.dumps(list(students))
        with self._writing() as database:
            query = "SELECT number, course FROM rounds ORDER BY number DESC LIMIT 1"
            number, before = database.execute(query).fetchone() or (0, "")
            if resume and number:
                self._refuse_mixture(number, before, course_digest)
                database.execute("UPDATE rounds SET labs = ?, students = ? WHERE number = ?", (*lists, number))
                return number
            number += 1
            database.execute("INSERT INTO rounds VALUES (?, ?, ?, ?, ?)", (number, course_digest, clock.now(), *lists))
            return number

    def _refuse_mixture(self, number: int, before: str, now: str) -> None:
        if before != now:
            raise UsageError(
                f"{self.path}: round {number} was judged by another state of the course ({_short(before)}; it is"
                f" {_short(now)} now), and resuming it would mix two rubrics: run without --resume to grade all anew"
            )

    def keep(self, attempt: Attempt) -> bool:
        """Whether the attempt was taken; if so, it is on disk when this returns.

        One that is complete is never replaced within its round; one that is not, by any that comes later.
        UsageError or HarnessError where it cannot be kept; what was kept before stays.
        """
        values, key = row(attempt), (attempt.round, attempt.student, attempt.lab)
        with self._writing() as database:
            gone = database.execute(
                "DELETE FROM attempts WHERE round = ? AND student = ? AND lab = ? AND NOT complete", key
            )
            there = "SELECT 1 FROM attempts WHERE round = ? AND student = ? AND lab = ?"
            if not gone.rowcount and database.execute(there, key).fetchone():
                return False
            database.execute(KEEP, values)
            return True

    def graded(self, number: int) -> set[tuple[str, str]]:
        """Student and lab of all that has a complete attempt in that round."""
        return set(self._read("SELECT student, lab FROM attempts WHERE round = ? AND complete", number))

    def rounds(self) -> list[Round]:
        """All rounds, oldest first."""
        found = self._read("SELECT number, course, started, labs, students FROM rounds ORDER BY number")
        with storetrouble.sound(self.path):
            return [
                Round(number, course, started, tuple(json.loads(labs)), tuple(json.loads(students)))
                for number, course, started, labs, students in found
            ]

    def attempts(self) -> list[Attempt]:
        """All attempts, in the order of their rounds and then as they came."""
        found = self._read(
            "SELECT student, lab, round, result, seconds, ours, submission, submitted, notes"
            " FROM attempts ORDER BY round, rowid"
        )
        with storetrouble.sound(self.path):
            return [attempt_of(*each) for each in found]

    def _read(self, query: str, *values: Any) -> list[Any]:
        with self._lock, storetrouble.told(self.path):
            return self._connection.execute(query, values).fetchall()

    @contextmanager
    def _writing(self) -> Generator[sqlite3.Connection]:
        """One transaction: all of it is on disk at the end, or nothing."""
        with self._lock, storetrouble.told(self.path):
            self._connection.execute("BEGIN IMMEDIATE")
            try:
                yield self._connection
                self._connection.execute("COMMIT")
            except BaseException:
                # SQLite may have rolled back by itself, such as on a full disk.
                with suppress(sqlite3.Error):
                    self._connection.execute("ROLLBACK")
                raise


def _refuse_others(path: Path) -> None:
    """Refuses what is there and no file: SQLite would wait for a FIFO for ever."""
    try:
        found = path.stat()
    except FileNotFoundError:
        return
    except OSError as error:
        raise UsageError(f"{path} cannot be opened: {error.strerror}") from error
    if not stat.S_ISREG(found.st_mode):
        raise UsageError(f"{path} is no file, so it can be no database: move it away, or choose another folder")


def _short(digest: str) -> str:
    return digest[:15] or "nothing"
