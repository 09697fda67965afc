"""Grading on the workers of a Dask scheduler: tasks go there, progress and results come back, and none gets lost.

Needs the extra `labgrade[dask]`. All of the crew's state belongs to one thread, in which Dask's client lives too;
whoever hands out tasks does so from any other.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Coroutine
from concurrent.futures import Future
from typing import Any, TypeVar

from labgrade.cohort.task import Graded, Task, Told
from labgrade.cohort.workers import scheduler
from labgrade.cohort.workers.dealing import Job
from labgrade.cohort.workers.dispatch import Dispatch
from labgrade.cohort.workers.members import Timing
from labgrade.cohort.workers.scheduler import Certificates
from labgrade.course import Course
from labgrade.patience import every

T = TypeVar("T")


class DaskCrew:
    """See `Crew`: the workers of a Dask scheduler, as far as they have the same course and the same labgrade."""

    def __init__(
        self,
        address: str,
        *,
        course: Course,
        told: Told,
        say: Callable[[str], None] = lambda _: None,
        certificates: Certificates | None = None,
        timing: Timing | None = None,
    ) -> None:
        """`told` hears of every task's progress and `say` of the crew, one sentence each, both in the crew's thread.

        UsageError where the address or the files will not do, HarnessError where the scheduler will not.
        """
        address = scheduler.checked(address)
        self._timing = timing or Timing()
        self._closed = False
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="dask crew", daemon=True)
        self._thread.start()
        try:
            client = self._wait(scheduler.connected(address, certificates or Certificates()))
        except BaseException:
            self._end_thread()
            raise
        self._dispatch = Dispatch(
            client, address, course=course, told=told, say=say, timing=self._timing, loop=self._loop
        )
        self._stop_looking = every(self._timing.look, lambda: self._post(self._dispatch.tick))
        self._post(self._dispatch.begin)

    @property
    def workers(self) -> int:
        """How many may grade at this moment."""
        return self._dispatch.workers

    def hand_out(self, task: Task) -> Future[Graded]:
        """Begins it as soon as a worker has room. The future fails only where nobody can grade it: HarnessError."""
        job = Job(task, Future())
        if self._closed:
            job.future.cancel()
        else:
            self._post(lambda: self._dispatch.take(job))
        return job.future

    def interrupt(self) -> None:
        """Lets what is under way restore and end soon, and begins nothing more: what waits is cancelled."""
        if not self._closed:
            self._post(self._dispatch.stop)

    def close(self) -> None:
        """Likewise, and no process and no cluster of this batch's remains with any worker that still answers."""
        if self._closed:
            return
        self._closed = True
        self._stop_looking()
        try:
            self._wait(self._dispatch.leave())
        finally:
            self._end_thread()

    def _wait(self, what: Coroutine[Any, Any, T]) -> T:
        return asyncio.run_coroutine_threadsafe(what, self._loop).result()

    def _post(self, action: Callable[[], None]) -> None:
        self._loop.call_soon_threadsafe(action)

    def _end_thread(self) -> None:
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        # Not closed: a look that was under way may still post to it, and nothing is left that would run.
