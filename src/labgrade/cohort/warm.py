"""A process for each student's lab, forked off one that has everything imported: starting Python is paid once."""

from __future__ import annotations

import multiprocessing
import os
import signal
import sys
import tempfile
import threading
from contextlib import suppress
from multiprocessing.connection import Connection, wait
from typing import TYPE_CHECKING

from labgrade.grading.child import Call, kill_session
from labgrade.patience import RESTORING_SECONDS, Alarm
from labgrade.wholefile import written

if TYPE_CHECKING:
    from multiprocessing.context import ForkServerProcess

_context = multiprocessing.get_context("forkserver")
_context.set_forkserver_preload(["labgrade.cohort.preloaded"])


LARGEST_FILE = 128 * 1024 * 1024
"""Bytes that any file may have which a grading process writes, its log above all: the disk is everybody's."""


class Forked:
    """See `labgrade.grading.child.Child`: as good as a Python of its own, and there in a few milliseconds."""

    def __init__(self, call: Call) -> None:
        """Begins; UsageError or HarnessError where the log cannot be written."""
        with written(call.log):
            call.log.touch()
        self._turn = threading.Lock()
        reading, writing = _context.Pipe(duplex=False)
        # Nobody writes to it: its end is the end of the process that would listen to the events.
        watched, self._kept = _context.Pipe(duplex=False)
        self.events = os.fdopen(os.dup(reading.fileno()), "rb")
        self._process: ForkServerProcess = _context.Process(target=_judge, args=(call, writing, watched), daemon=True)
        self._process.start()
        for each in (reading, writing, watched):
            each.close()

    def interrupt(self) -> None:
        """Asks it to restore what it changed, and to end."""
        if pid := self._alive():
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGINT)

    def kill(self) -> None:
        """Ends it and all that it started, at once."""
        if pid := self._alive():
            kill_session(pid)

    def ended(self, seconds: float | None = None) -> bool:
        """Whether it has, within so many seconds; None: however long that takes. From any thread."""
        if not wait([self._process.sentinel], seconds):
            return False
        with self._turn:
            self._process.join()
            self._kept.close()
        return True

    def _alive(self) -> int | None:
        """Its id, as long as it runs."""
        with self._turn:  # the library's own look at a process is for one thread at a time
            return self._process.pid if self._process.is_alive() else None


def _judge(call: Call, events: Connection, alive: Connection) -> None:
    """All there is of the new process: pytest, as if a shell had started it."""
    os.setsid()
    signal.signal(signal.SIGINT, signal.default_int_handler)
    _limit(call.memory)
    with call.log.open("ab") as words:
        os.dup2(words.fileno(), 1)
        os.dup2(words.fileno(), 2)
    os.environ.clear()
    os.environ.update(call.environment)
    tempfile.tempdir = None  # asked for anew, now that the environment is another one
    os.chdir(call.folder)
    threading.Thread(target=_end_with, args=(alive,), daemon=True).start()
    import pytest

    arguments = [
        *call.arguments,
        f"--labgrade-events={events.fileno()}",
        "-W",
        "ignore::pytest.PytestAssertRewriteWarning",
    ]
    sys.exit(pytest.main(arguments))


def _limit(memory: int | None) -> None:
    import resource

    resource.setrlimit(resource.RLIMIT_FSIZE, (LARGEST_FILE, LARGEST_FILE))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    if memory is not None:
        size = memory * 1024 * 1024
        resource.setrlimit(resource.RLIMIT_DATA, (size, size))


def _end_with(alive: Connection) -> None:
    """Ends the process once the one that started it is gone, even by kill -9: first politely, so that it restores."""
    with suppress(EOFError, OSError):
        alive.recv_bytes()
    os.kill(os.getpid(), signal.SIGINT)
    Alarm().wait(RESTORING_SECONDS)
    kill_session(os.getpid())
