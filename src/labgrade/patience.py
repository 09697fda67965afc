"""The one place that waits."""

from __future__ import annotations

import signal
import threading
import time
from collections.abc import Callable, Generator
from contextlib import contextmanager
from typing import TypeVar

import tenacity

from labgrade import errors

T = TypeVar("T")

TRANSPORT_TRIES = 5
TRANSPORT_PAUSE_SECONDS = 0.25
TRANSPORT_SECONDS = 8.0
"""After so long no further try begins."""

RESTORING_SECONDS = 30.0
"""What somebody whose time is up gets to put back what they changed."""

RETRY_AFTER_SECONDS = 3.0
"""The longest that a server which asks for more time is given at once."""


def _passing(error: BaseException) -> bool:
    """Worth another try: the server was not reached, or said that it is busy or unwell."""
    status = getattr(error, "status", None)
    if isinstance(error, errors.TimeUp):
        return False
    return isinstance(error, errors.HarnessError) and (status is None or status == 429 or status >= 500)


def _pause_seconds(state: tenacity.RetryCallState) -> float:
    """Twice as long each time, and at least what the server asked for."""
    asked = getattr(state.outcome and state.outcome.exception(), "retry_after", 0.0)
    return max(TRANSPORT_PAUSE_SECONDS * 2 ** (state.attempt_number - 1), min(asked, RETRY_AFTER_SECONDS))


def retrying_transport(request: Callable[[], T]) -> T:
    """`request`'s value; a passing fault of the way there is tried again, briefly; the last one is raised."""
    retrying = tenacity.Retrying(
        retry=tenacity.retry_if_exception(_passing),
        stop=tenacity.stop_after_attempt(TRANSPORT_TRIES) | tenacity.stop_after_delay(TRANSPORT_SECONDS),
        wait=_pause_seconds,
        reraise=True,
    )
    return retrying(request)


def until(condition: Callable[[], T | None], *, seconds: float, every: float = 0.25) -> T | None:
    """What `condition` returns once that is true; None when `seconds` have passed first."""
    retrying = tenacity.Retrying(
        retry=tenacity.retry_if_result(lambda value: not value),
        stop=tenacity.stop_after_delay(seconds),
        wait=tenacity.wait_fixed(every),
        retry_error_callback=lambda _: None,
    )
    return retrying(condition)


def until_passes(judge: Callable[[], T], *, again: Callable[[], bool]) -> T:
    """`judge`'s value once its assertion holds.

    `again` waits for a reason to judge anew; where it returns False, there is none, and the last assertion is
    raised without the frames of the retrying.
    """
    retrying = tenacity.Retrying(
        retry=tenacity.retry_if_exception_type(AssertionError),
        stop=lambda _: not again(),
        sleep=lambda _: None,
        reraise=True,
    )
    __tracebackhide__ = True
    return retrying(judge)


class Alarm:
    """Something other threads ring, and one thread waits for."""

    def __init__(self) -> None:
        self._event = threading.Event()

    def ring(self) -> None:
        """Wakes whoever waits, or the next one who does."""
        self._event.set()

    def wait(self, seconds: float) -> bool:
        """Whether it rang within so many seconds; the next call waits for a new ring."""
        rang = self._event.wait(max(0.0, seconds))
        self._event.clear()
        return rang


def pause(seconds: float) -> None:
    """Lets so much time pass, where there is nothing to be woken by."""
    time.sleep(seconds)


def every(seconds: float, action: Callable[[], None]) -> Callable[[], None]:
    """Runs `action` again and again in the background; returns what ends it."""
    stop = threading.Event()

    def loop() -> None:
        while not stop.wait(seconds):
            action()

    threading.Thread(target=loop, daemon=True).start()
    return stop.set


@contextmanager
def within(seconds: float | None) -> Generator[None]:
    """TimeUp in the midst of what is done within, once it has taken so long; None: it may take for ever.

    For the main thread, which alone hears of its alarm clock.
    """
    __tracebackhide__ = True
    if seconds is None:
        yield
        return

    def ring(*_: object) -> None:
        raise errors.TimeUp(f"it took longer than the {seconds:g} seconds that it was given")

    before = signal.signal(signal.SIGALRM, ring)
    # Again later: whatever takes a HarnessError for an answer may have taken the first one.
    signal.setitimer(signal.ITIMER_REAL, seconds, RESTORING_SECONDS)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


monotonic = time.monotonic
"""Seconds on a clock that only goes forward."""
