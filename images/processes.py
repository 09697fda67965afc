"""Processes that are surely ours, and their end."""

import json
import os
import signal
import time
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

PROC = Path("/proc")


@dataclass(frozen=True)
class Process:
    """A process, told from a later one with the same id by the moment it began (clock ticks since boot)."""

    pid: int
    began: int
    name: str = ""

    @property
    def alive(self) -> bool:
        """Whether this very process still runs."""
        return began(self.pid) == self.began


def began(pid: int) -> int | None:
    """When a process began, in clock ticks since boot; None when it has ended or is a zombie."""
    try:
        text = (PROC / str(pid) / "stat").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return None
    fields = text.rpartition(")")[2].split()
    return None if fields[0] == "Z" else int(fields[19])


def record(note: Path, pid: int) -> None:
    """Write down a process, for `recorded` to find in a later run."""
    note.write_text(json.dumps({"pid": pid, "began": began(pid)}), encoding="ascii")


def recorded(note: Path) -> Process | None:
    """The process of a note if it still runs; None for a stale, damaged or missing note."""
    try:
        known = cast(dict[str, Any], json.loads(note.read_text(encoding="ascii")))
        process = Process(int(known["pid"]), int(known["began"]))
    except (OSError, ValueError, KeyError, TypeError):
        return None
    return process if process.alive else None


def running(folder: Path, names: Iterable[str]) -> list[Process]:
    """Processes whose program lies inside `folder` and is called one of `names`, also when it was deleted since."""
    wanted = set(names)
    found: list[Process] = []
    for entry in PROC.iterdir():
        if not entry.name.isdigit():
            continue
        try:
            program = Path(str((entry / "exe").readlink()).removesuffix(" (deleted)"))
        except OSError:
            continue
        start = began(int(entry.name))
        if start is not None and program.is_relative_to(folder.resolve()) and program.name in wanted:
            found.append(Process(int(entry.name), start, program.name))
    return found


def children(process: Process) -> list[Process]:
    """The processes that a process started and that still run."""
    path = PROC / str(process.pid) / "task"
    pids: list[int] = []
    for task in path.glob("*/children"):
        try:
            pids += [int(word) for word in task.read_text(encoding="ascii").split()]
        except OSError:
            continue
    return [Process(pid, start) for pid in pids if (start := began(pid)) is not None]


def end(processes: Iterable[Process], *, patience: float) -> None:
    """Ask processes to end, wait up to `patience` seconds, then kill those that have not."""
    waiting = [process for process in processes if _signal(process, signal.SIGTERM)]
    deadline = time.monotonic() + patience
    while (waiting := [process for process in waiting if process.alive]) and time.monotonic() < deadline:
        time.sleep(0.05)
    kill(waiting)


def kill(processes: Iterable[Process]) -> None:
    """Kill processes and wait until the kernel has taken them away."""
    waiting = [process for process in processes if _signal(process, signal.SIGKILL)]
    deadline = time.monotonic() + 10
    while any(process.alive for process in waiting) and time.monotonic() < deadline:
        time.sleep(0.05)


def _signal(process: Process, number: int) -> bool:
    if not process.alive:
        return False
    try:
        os.kill(process.pid, number)
    except ProcessLookupError:
        return False
    return True
