"""Running other programs, with a time-out and with their own words when they fail."""

from __future__ import annotations

import subprocess
from collections.abc import Mapping, Sequence

from labgrade.errors import HarnessError

LINES = 12
"""Of a failed program's words, so many lines from the end are told."""


def output(
    command: Sequence[str],
    environment: Mapping[str, str],
    *,
    seconds: float,
    stdin: str | None = None,
    apart: bool = False,
) -> str:
    """What `command` prints; HarnessError with its own words where it fails, is missing, or takes too long.

    `apart`: Ctrl-C at the terminal does not reach it.
    """
    words = " ".join(command)
    try:
        done = subprocess.run(
            command,
            env=dict(environment),
            input=stdin or "",
            capture_output=True,
            text=True,
            timeout=seconds,
            check=False,
            process_group=0 if apart else None,
        )
    except FileNotFoundError as error:
        raise HarnessError(f"{command[0]} is not installed, and labgrade needs it: {_where(command[0])}") from error
    except subprocess.TimeoutExpired as error:
        raise HarnessError(f"`{words}` did not end within {seconds:.0f} s") from error
    if done.returncode:
        raise HarnessError(f"`{words}` failed:\n{_last_lines(done.stderr or done.stdout)}")
    return done.stdout


def _last_lines(words: str) -> str:
    lines = words.strip().splitlines()
    left_out = [f"({len(lines) - LINES} lines before)"] if len(lines) > LINES else []
    return "\n".join([*left_out, *lines[-LINES:]])


def _where(program: str) -> str:
    pages = {
        "docker": "https://docs.docker.com/get-started/get-docker/",
        "kind": "https://kind.sigs.k8s.io/docs/user/quick-start/#installation",
        "kubectl": "https://kubernetes.io/docs/tasks/tools/",
    }
    return pages.get(program, "see your system's packages")
