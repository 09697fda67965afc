"""What the user sees while things are made: one line per step, a sign of life in long ones."""

import sys
import threading
import time
from collections.abc import Callable, Generator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TextIO

HEARTBEAT = 15.0  # seconds between two signs of life


@dataclass
class Progress:
    """Lines with the seconds since the command began; several threads may write."""

    out: TextIO = field(default_factory=lambda: sys.stderr)
    began: float = field(default_factory=time.monotonic)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def say(self, text: str) -> None:
        """Print one line, with the seconds since the beginning."""
        with self.lock:
            print(f"{time.monotonic() - self.began:6.1f} s  {text}", file=self.out, flush=True)

    @contextmanager
    def step(self, name: str, *, about: float = 0, sign: Callable[[], str] | None = None) -> Generator[None]:
        """Announce a long step and its end; `about` is its usual length in seconds on two cores.

        `sign` is asked every few seconds for a few words on how far the step has come.
        """
        self.say(f"{name}: started" + (f", usually about {about:.0f} s" if about else ""))
        start, over = time.monotonic(), threading.Event()
        beat = threading.Thread(target=self._beat, args=(name, sign or (lambda: "still at it"), over), daemon=True)
        beat.start()
        try:
            yield
        except BaseException:
            self.say(f"{name}: not finished after {time.monotonic() - start:.1f} s")
            raise
        else:
            self.say(f"{name}: done in {time.monotonic() - start:.1f} s")
        finally:
            over.set()
            beat.join()

    def _beat(self, name: str, sign: Callable[[], str], over: threading.Event) -> None:
        while not over.wait(HEARTBEAT):
            self.say(f"{name}: {sign()}")
