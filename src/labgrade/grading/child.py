"""The process in which pytest judges one lab: what it is told, how it begins and how it is ended."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Protocol, TypeAlias

from labgrade.wholefile import written


@dataclass(frozen=True, slots=True)
class Call:
    """What pytest is told."""

    arguments: tuple[str, ...]
    """Less `--labgrade-events`, whose number only the process itself knows."""
    folder: Path
    """Where it works."""
    environment: Mapping[str, str]
    log: Path
    """Where its words go."""
    memory: int | None = None
    """MiB of data that it may hold; None: what the machine has."""


class Child(Protocol):
    """The process, once it has begun."""

    @property
    def events(self) -> IO[bytes]:
        """What it tells of its checks; at its end when the process is gone."""
        ...

    def interrupt(self) -> None:
        """Asks it to restore what it changed, and to end."""
        ...

    def kill(self) -> None:
        """Ends it and all that it started, at once."""
        ...

    def ended(self, seconds: float | None = None) -> bool:
        """Whether it has, within so many seconds; None: however long that takes."""
        ...


Start: TypeAlias = Callable[[Call], Child]


class Spawned:
    """A Python of its own: whatever the process that called for it has imported, this one has not."""

    def __init__(self, call: Call) -> None:
        """Begins; UsageError or HarnessError where the log cannot be written."""
        with written(call.log):
            words = call.log.open("wb")
        reading, writing = os.pipe()
        self.events = os.fdopen(reading, "rb")
        with words:
            self._process = subprocess.Popen(
                [sys.executable, "-P", "-m", "pytest", *call.arguments, f"--labgrade-events={writing}"],
                cwd=call.folder,
                env=dict(call.environment),
                stdin=subprocess.DEVNULL,
                stdout=words,
                stderr=subprocess.STDOUT,
                pass_fds=(writing,),
                # Of its own, so that Ctrl-C reaches it once, from us: a second one would cut its restoring short.
                start_new_session=True,
            )
        os.close(writing)

    def interrupt(self) -> None:
        """Asks it to restore what it changed, and to end."""
        self._process.send_signal(signal.SIGINT)

    def kill(self) -> None:
        """Ends it and all that it started, at once."""
        kill_session(self._process.pid)

    def ended(self, seconds: float | None = None) -> bool:
        """Whether it has, within so many seconds; None: however long that takes."""
        with suppress(subprocess.TimeoutExpired):
            self._process.wait(seconds)
        return self._process.returncode is not None


def kill_session(leader: int) -> None:
    """Ends the processes of a session that `leader` began, if they are still there."""
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(leader, signal.SIGKILL)
