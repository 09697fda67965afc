"""The steps of answers, on clusters and in namespaces: shell that bash understands. They are parsed, never run."""

from __future__ import annotations

import os
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

from labgrade.course.answers import CLUSTER, SETUP, STEPS
from labgrade.course.lint.draft import Draft, words
from labgrade.course.yamlfile import FileError
from labgrade.errors import HarnessError

SECONDS = 20
COMPLAINT = re.compile(r": line (\d+): (.*)")


def findings(draft: Draft) -> Iterator[FileError]:
    """Line ends of another system, whatever bash stumbles over, and steps for a cluster that nobody makes.

    HarnessError where there is no bash.
    """
    for path in (folder / name for folder in draft.answers for name in (SETUP, STEPS)):
        if path.is_file():
            yield from _steps(path)
            if path.name == SETUP and not (draft.folder / "starter" / CLUSTER).is_file():
                yield FileError(path, 0, f"is for a cluster of the lab's own, and no starter/{CLUSTER} describes one")


def _steps(path: Path) -> Iterator[FileError]:
    try:
        lines = words(path).split("\n")
    except FileError as error:
        yield error
        return
    for number, line in enumerate(lines, 1):
        if line.endswith("\r"):
            yield FileError(path, number, "ends its lines as Windows does (CRLF), which bash takes for a part of them")
            return
    complaint = COMPLAINT.search(_asked(path))
    if complaint:
        yield FileError(path, int(complaint[1]), f"bash says: {complaint[2]}")


def _asked(path: Path) -> str:
    """What `bash -n` has to say, in English."""
    command = ["bash", "-n", str(path)]
    environment = {"PATH": os.environ.get("PATH", ""), "LC_ALL": "C"}
    try:
        return subprocess.run(
            command, env=environment, capture_output=True, text=True, errors="replace", timeout=SECONDS, check=False
        ).stderr
    except (OSError, subprocess.TimeoutExpired) as error:
        raise HarnessError(f"bash cannot be asked about {path}: {error}") from error
