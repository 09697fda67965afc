"""One `up` at a time, and no end of the engine while somebody uses it."""

import fcntl
from collections.abc import Generator
from contextlib import contextmanager
from typing import IO

from images.places import Places
from images.progress import Progress


@contextmanager
def alone(places: Places, progress: Progress) -> Generator[None]:
    """Hold the lock of everything that makes or ends an engine; says so when another process has it."""
    places.cache.mkdir(parents=True, exist_ok=True)
    with (places.cache / "lock").open("a") as file:
        if not _take(file, fcntl.LOCK_EX):
            progress.say("another labgrade process prepares or ends the engine; waiting for it")
            fcntl.flock(file, fcntl.LOCK_EX)
        yield


class Users:
    """Who runs commands on the engine; the last `run` to leave ends an engine that a `run` has started."""

    def __init__(self, places: Places) -> None:
        places.engine.mkdir(parents=True, exist_ok=True)
        self.note = places.engine / "ends-with-its-users"
        self.file: IO[str] = (places.engine / "users.lock").open("a")

    def enter(self, *, started_it: bool) -> None:
        """Count this process as a user."""
        if started_it:
            self.note.touch()
        fcntl.flock(self.file, fcntl.LOCK_SH)

    def leave(self) -> bool:
        """Count this process no more; true when it is the one to end the engine."""
        fcntl.flock(self.file, fcntl.LOCK_UN)
        return self.note.exists() and _take(self.file, fcntl.LOCK_EX)


def _take(file: IO[str], kind: int) -> bool:
    try:
        fcntl.flock(file, kind | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
