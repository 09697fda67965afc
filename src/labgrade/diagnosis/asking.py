"""Asking other programs, and hearing also that they are missing or hang."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass

SECONDS = 5.0


@dataclass(frozen=True, slots=True)
class Reply:
    """What came of asking a program."""

    command: str
    code: int | None = None
    """Its exit code; None: it is missing, hangs, or cannot be run."""
    out: str = ""
    err: str = ""
    path: str | None = None
    """Where the program lies; None where it is missing."""
    hung: bool = False

    @property
    def good(self) -> bool:
        """Whether it did what it was asked to do."""
        return self.code == 0

    @property
    def last_words(self) -> str:
        """The end of what it said, for people."""
        return (self.err.strip() or self.out.strip())[-400:]


def ask(words: list[str], environment: Mapping[str, str], *, seconds: float = SECONDS) -> Reply:
    """Runs a program, for so many seconds at most; never raises."""
    command = " ".join(words)
    path = shutil.which(words[0], path=environment.get("PATH", os.defpath))
    if path is None:
        return Reply(command)
    try:
        # A session of its own: what hangs is ended with all that it started, or its pipes would stay open.
        process = subprocess.Popen(
            [path, *words[1:]],
            env=dict(environment),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            start_new_session=True,
        )
    except OSError as error:
        return Reply(command, err=str(error), path=path)
    try:
        out, err = process.communicate(timeout=seconds)
    except subprocess.TimeoutExpired:
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(process.pid, signal.SIGKILL)
        return Reply(command, path=path, hung=True)
    return Reply(command, process.returncode, out.decode("utf-8", "replace"), err.decode("utf-8", "replace"), path)
