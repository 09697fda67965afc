"""What a Dask worker does for a batch: it shows its course, grades, and ends all that once nobody asks for it any more.

Dask calls these functions by name, in the worker's process; tasks and what they show of themselves come from
`crew.py`. Threads of Dask cannot be ended, and a batch whose `labgrade grade` was killed is told to nobody here: so
every batch must be asked for again and again, and one that is not any more lapses.
"""

from __future__ import annotations

import asyncio
import pickle
import threading
from importlib.metadata import version
from typing import Any, Protocol

from labgrade.cohort.task import Graded, Progress, Task, Told
from labgrade.cohort.workers.extra import Worker, WorkerPlugin
from labgrade.course import Course, find
from labgrade.errors import HarnessError, UsageError
from labgrade.patience import RESTORING_SECONDS, every, monotonic, until

LOOKS_SECONDS = 1.0
"""How often a batch is asked whether it has lapsed."""


BEGUN = "begun"
"""What a worker tells first of a try: a thread of its own has taken it."""


class Work(Protocol):
    """What grades here: the same as on the trainer's own machine."""

    def grade(self, task: Task) -> Graded:
        """Grades, in this thread; returns when it is done."""
        ...

    def interrupt(self) -> None:
        """Lets what is under way restore and end soon."""
        ...

    def close(self) -> None:
        """Ends every process, and removes every cluster, that it made."""
        ...


def grader_of_this_worker(course: Course, *, clusters: int, told: Told) -> Work:
    """What grades on this worker, with so many practice clusters."""
    from labgrade.cohort.grader import Grader

    return Grader(course, clusters=clusters, told=told)


class Parcel:
    """A task on its way: whatever prints it, in a log or on a dashboard, shows no credentials."""

    def __init__(self, task: Task) -> None:
        self.name = task.name
        self.data = pickle.dumps(task)

    def __repr__(self) -> str:
        return f"<{self.name}>"

    def opened(self) -> Task:
        """The task."""
        task: Task = pickle.loads(self.data)
        return task


class _Batch:
    """What this worker does for one `labgrade grade`."""

    def __init__(self, name: str, worker: Worker, *, clusters: int, lapse: float) -> None:
        self.tries: dict[str, str] = {}
        """Under way: the task's name by try."""
        self.digest = ""
        """Of the course as it is when the batch begins."""
        self.trouble = ""
        self._name, self._worker, self._clusters = name, worker, clusters
        self._lapse, self._asked = lapse, monotonic()
        self._lock = threading.Lock()
        self._work: Work | None = None
        self._closed = False
        self._stop_looking = every(LOOKS_SECONDS, self._look)

    def asked(self) -> None:
        """Somebody still wants it."""
        self._asked = monotonic()

    def judge(self) -> None:
        """Looks which course is here."""
        try:
            self.digest = find(None).digest()
        except (UsageError, OSError) as error:
            self.trouble = str(error)

    def grade(self, trial: str, task: Task) -> Graded:
        """Grades, and tells what happens under the try's name."""
        work = self._ready()
        self.tries[trial] = task.name
        self._log({"trial": trial, "kind": BEGUN})
        try:
            return work.grade(task)
        finally:
            del self.tries[trial]

    def interrupt(self) -> None:
        """What is under way restores and ends."""
        with self._lock:
            work = self._work
        if work:
            work.interrupt()

    def close(self) -> None:
        """Likewise, and nothing of it remains here; a second time does nothing."""
        with self._lock:
            work, self._work, closed, self._closed = self._work, None, self._closed, True
        if closed:
            return
        self._stop_looking()
        if work:
            if self.tries:
                work.interrupt()
                until(lambda: not self.tries, seconds=RESTORING_SECONDS)
            work.close()

    def _ready(self) -> Work:
        with self._lock:
            if self._closed:
                raise HarnessError("this worker has ended the batch: nobody had asked for it in time")
            if self._work is None:
                self._work = grader_of_this_worker(find(None), clusters=self._clusters, told=self._tell)
            return self._work

    def _tell(self, progress: Progress) -> None:
        name = f"{progress.student}/{progress.lab}"
        for trial in [trial for trial, task in tuple(self.tries.items()) if task == name]:
            words = {"kind": progress.kind, "words": progress.words, "earned": progress.earned}
            self._log({"trial": trial, "student": progress.student, "lab": progress.lab, **words})

    def _log(self, message: dict[str, Any]) -> None:
        self._worker.log_event(topic(self._name), message)

    def _look(self) -> None:
        if monotonic() - self._asked > self._lapse:
            end(self._name)


_batches: dict[str, _Batch] = {}


def topic(batch: str) -> str:
    """Where workers tell what happens to the batch's tasks."""
    return f"labgrade-{batch}"


async def ask(batch: str, *, clusters: int, lapse: float, dask_worker: Worker) -> dict[str, Any]:
    """What the worker is and does; the batch is open here from now on, until nobody has asked for `lapse` seconds.

    Plain data, which other versions understand as well. `trouble` says why it has no course.
    """
    if batch not in _batches:
        _batches[batch] = _Batch(batch, dask_worker, clusters=clusters, lapse=lapse)
        if "labgrade" not in dask_worker.plugins:
            await dask_worker.plugin_add(_Leaving(), name="labgrade")
        await asyncio.to_thread(_batches[batch].judge)
    found = _batches[batch]
    found.asked()
    about = {"tries": list(found.tries), "digest": found.digest, "trouble": found.trouble}
    return {**about, **versions()}


def versions() -> dict[str, Any]:
    """Which labgrade and which Dask this is."""
    return {"labgrade": version("labgrade"), "distributed": version("distributed")}


def grade(batch: str, trial: str, parcel: Parcel) -> Graded:
    """A Dask task: grades what is in the parcel. HarnessError where the batch is not open here, or any more."""
    found = _batches.get(batch)
    if found is None:
        raise HarnessError("this worker does not know the batch: it has been started anew")
    return found.grade(trial, parcel.opened())


async def interrupt(batch: str) -> None:
    """What is under way of the batch restores and ends soon."""
    if found := _batches.get(batch):
        await asyncio.to_thread(found.interrupt)


async def close(batch: str) -> None:
    """Nothing of the batch remains here: returns when that is so."""
    await asyncio.to_thread(end, batch)


def end(batch: str) -> None:
    """Likewise, in this thread."""
    if found := _batches.pop(batch, None):
        found.close()


class _Leaving(WorkerPlugin):
    """A worker that is asked to end leaves nothing behind."""

    async def teardown(self, worker: Worker) -> None:  # noqa: ARG002
        await asyncio.gather(*(close(batch) for batch in tuple(_batches)))
