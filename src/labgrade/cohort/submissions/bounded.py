"""Running a program whose output may be anything, of any length: only its end is kept."""

from __future__ import annotations

import os
import signal
import subprocess
import tempfile
import threading
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import IO

from labgrade.errors import HarnessError

MOST_WORDS = 64 * 1024
"""Of standard error, so many bytes from the end are kept."""

CHUNK = 64 * 1024
LAST_SECONDS = 10.0
"""For what a program that was ended still has in its pipes."""


@dataclass(frozen=True, slots=True)
class Ended:
    """What a program left behind."""

    code: int | None
    """Its exit code; None: it was ended because its time was over."""
    said: bytes
    """The end of its standard output."""
    lost: int
    """So many bytes of standard output before that were dropped."""
    errors: bytes
    """The end of its standard error."""


def run(
    command: Sequence[str], environment: Mapping[str, str], *, seconds: float, most: int, stdin: bytes = b""
) -> Ended:
    """Runs it to its end, or for so many seconds; `most` bytes of standard output are kept.

    HarnessError where there is no such program.
    """
    with tempfile.TemporaryFile() as given:
        given.write(stdin)
        given.seek(0)
        try:
            process = subprocess.Popen(
                command,
                env=dict(environment),
                stdin=given,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                start_new_session=True,  # its helpers end with it
            )
        except OSError as error:
            raise HarnessError(f"{command[0]} cannot be run: {error.strerror}") from error
    assert process.stdout is not None
    assert process.stderr is not None
    said, errors = _Tail(process.stdout, most), _Tail(process.stderr, MOST_WORDS)
    code = _waited_for(process, seconds)
    for tail in (said, errors):
        tail.thread.join(LAST_SECONDS)
    return Ended(code, bytes(said.kept), said.lost, bytes(errors.kept))


def _waited_for(process: subprocess.Popen[bytes], seconds: float) -> int | None:
    try:
        return process.wait(seconds)
    except subprocess.TimeoutExpired:
        return None
    finally:
        if process.returncode is None:
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()


@dataclass
class _Tail:
    """Reads a stream to its end in a thread of its own, and keeps the last bytes."""

    stream: IO[bytes]
    most: int
    kept: bytearray = field(default_factory=bytearray)
    lost: int = 0
    thread: threading.Thread = field(init=False)

    def __post_init__(self) -> None:
        self.thread = threading.Thread(target=self._read, daemon=True)
        self.thread.start()

    def _read(self) -> None:
        with self.stream, suppress(ValueError):
            while chunk := self.stream.read1(CHUNK):  # pyright: ignore[reportAttributeAccessIssue] - pipes are buffered
                self.kept += chunk
                over = len(self.kept) - self.most
                if over > 0:
                    self.lost += over
                    del self.kept[:over]
