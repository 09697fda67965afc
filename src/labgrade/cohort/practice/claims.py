"""Which clusters a pool has made, written down where the next one looks: after kill -9 that one removes them."""

from __future__ import annotations

import fcntl
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import IO

import platformdirs

from labgrade.wholefile import make_folder, written


class Claim:
    """One pool's clusters; the kernel holds it as long as the process lives, and no longer."""

    def __init__(self, run: str) -> None:
        """UsageError or HarnessError where the user's state folder cannot be written."""
        make_folder(_folder())
        self._path = _folder() / run
        with written(self._path):
            self._file = self._path.open("a", encoding="utf-8")
            fcntl.flock(self._file, fcntl.LOCK_EX)

    def add(self, name: str) -> None:
        """To be called before the cluster is made."""
        with written(self._path):
            self._file.write(f"{name}\n")
            self._file.flush()

    def release(self) -> None:
        """Once all of them are removed."""
        self._path.unlink(missing_ok=True)
        self._file.close()


def clear(remove: Callable[[str], None]) -> None:
    """Has every cluster removed whose pool has died; what `remove` raises ends it, and the rest stays written down."""
    for path in sorted(_folder().glob("*")):
        with suppress(BlockingIOError, FileNotFoundError), path.open(encoding="utf-8") as file:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            for name in _names(file):
                remove(name)
            path.unlink(missing_ok=True)


def _names(file: IO[str]) -> list[str]:
    return [line for line in file.read().splitlines() if line]


def _folder() -> Path:
    return platformdirs.user_state_path("labgrade") / "pools"
