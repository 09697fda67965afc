"""One batch on the workers of a Dask scheduler: its tries, their answers, and what becomes of those that are lost."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Iterable
from dataclasses import replace
from typing import Any

from labgrade.cohort.task import Graded, Progress, Told
from labgrade.cohort.workers import scheduler, worker
from labgrade.cohort.workers.dealing import MOST_WORKERS, Hand, Job, Table
from labgrade.cohort.workers.extra import Client, FutureCancelledError
from labgrade.cohort.workers.members import CLUSTER, Members, Timing
from labgrade.course import Course
from labgrade.errors import HarnessError
from labgrade.grading.process import INTERRUPTED, blank
from labgrade.patience import monotonic
from labgrade.runid import new_run
from labgrade.text import Text, harmless


class Dispatch:
    """All of it happens in one thread, that of the event loop, unless it says otherwise."""

    def __init__(
        self,
        client: Client,
        address: str,
        *,
        course: Course,
        told: Told,
        say: Callable[[str], None],
        timing: Timing,
        loop: asyncio.AbstractEventLoop,
    ) -> None:
        self._client, self._address, self._course = client, address, course
        self._told, self._say, self._timing, self._loop = told, say, timing, loop
        self._batch = new_run()
        self._table = Table(self._batch)
        self._members = Members(
            self._table, digest=course.digest(), timing=timing, say=self._say_once, give_up=self._give_up
        )
        self._answers: dict[str, asyncio.Task[None]] = {}
        """What waits for the answer to a try."""
        self._errands: set[asyncio.Task[None]] = set()
        self._asking: set[str] = set()
        self._said: set[str] = set()
        self._heard_scheduler = monotonic()
        self._lost = ""
        """Why there is no scheduler any more; empty while there is."""
        self._looking = self._stopped = False

    @property
    def workers(self) -> int:
        """For any thread: how many may grade."""
        return sum(hand.usable for hand in tuple(self._table.hands.values()))

    # Tasks and their tries.

    def begin(self) -> None:
        """Listens to what workers tell, and looks who is there."""
        self._client.subscribe_topic(worker.topic(self._batch), self._heard)
        self.tick()

    def take(self, job: Job) -> None:
        """A task was handed out."""
        if self._stopped:
            job.future.cancel()
        elif self._lost:
            _fail([job], self._lost)
        else:
            self._table.put(job)
            self._deal()

    def _deal(self) -> None:
        if self._stopped or self._lost:
            return
        for job, hand in self._table.deal(monotonic()):
            self._answers[job.trial] = self._errand(self._follow(job, hand.address, job.trial))

    async def _follow(self, job: Job, address: str, trial: str) -> None:
        """One try, from its submission to its answer."""
        remote: Any = self._client.submit(
            worker.grade,
            self._batch,
            trial,
            worker.Parcel(job.task),
            key=trial,
            workers=[address],
            resources=None if job.task.submission is None else {CLUSTER: 1},
            retries=0,
            pure=False,
        )
        try:
            graded: Graded = await remote
        except FutureCancelledError as error:  # never by us: who gives a try up cancels this coroutine
            if error.reason == "scheduler-connection-lost":
                self._lose_scheduler("the connection broke")
            else:
                self._lose(trial, f"{address}: {error.reason}")
        except Exception as error:  # raised over there, by labgrade or by what Dask could not make of the task
            self._lose(trial, f"{address}: {_first_line(error)}")
        else:
            if graded.result.note == INTERRUPTED and not self._stopped:
                self._lose(trial, f"worker {address} was told to end")
            else:
                self._ended(trial, graded)
        finally:
            # Dask forgets the try: if an answer ever comes, it reaches nobody.
            remote.release()

    def _heard(self, event: tuple[float, dict[str, Any]]) -> None:
        """A worker tells what happens to a task; of a try that counts no more, it is not passed on."""
        message = event[1]
        found = self._table.find(message["trial"])
        if found is None:
            return
        job, _ = found
        if job.begun is None:
            job.begun = monotonic()
        if message["kind"] != worker.BEGUN:
            student, lab = job.task.student.id, job.task.lab
            self._told(Progress(student, lab, message["kind"], str(message["words"]), float(message["earned"])))

    def _ended(self, trial: str, graded: Graded) -> None:
        job = self._table.ended(trial)
        self._answers.pop(trial, None)
        if job is None:
            return
        if monotonic() < job.claimed_until and _spoilt(graded) and not self._stopped:
            # What the lost worker left, such as its claim on the cluster, was in the way: that passes.
            job.spoilt += 1
            self._wait(job, graded.result.note.en)
        else:
            _settle(job, graded)
        self._deal()

    def _lose(self, trial: str, reason: str) -> None:
        """A try came to nothing."""
        found = self._table.find(trial)
        if found is None:
            return
        job, hand = found
        self._table.ended(trial)
        following = self._answers.pop(trial, None)
        if following is not None and following is not asyncio.current_task():
            following.cancel()
        job.lost.append(hand.address)
        job.reasons.append(harmless(reason))
        if job.task.submission is None:
            job.claimed_until = monotonic() + self._timing.claim
        if self._stopped:
            _settle(job, self._ungraded(job, INTERRUPTED))
        elif len(job.reasons) >= MOST_WORKERS:
            _settle(job, self._ungraded(job, _given_up(job)))
        else:
            self._wait(job, reason)
        self._deal()

    def _wait(self, job: Job, reason: str) -> None:
        """The job waits for another worker; longer each time that a lost worker's claim was in its way."""
        self._say_once(f"{job.task.name} is given to another worker: {reason}")
        self._told(Progress(job.task.student.id, job.task.lab, "waiting"))
        if job.claimed_until:
            job.rests_until = monotonic() + self._timing.pause * 2**job.spoilt
        self._table.put(job)

    def _ungraded(self, job: Job, note: Text) -> Graded:
        sheet = blank(self._course.lab(job.task.lab), job.task.course, student=job.task.student)
        return Graded(replace(sheet, note=note), round(monotonic() - job.since, 2))

    # The workers and the scheduler.

    def tick(self) -> None:
        """Looks who is there, unless that is being done; workers of a batch that is lost are asked no more, and end."""
        if not self._looking and not self._lost:
            self._looking = True
            self._errand(self._look())

    async def _look(self) -> None:
        try:
            async with asyncio.timeout(self._timing.answer):
                workers = await scheduler.workers(self._client)
        except (TimeoutError, OSError) as error:
            if monotonic() - self._heard_scheduler > self._timing.silence or self._client.status == "closed":
                self._lose_scheduler(_first_line(error))
            return
        finally:
            self._looking = False
        self._heard_scheduler = monotonic()
        for hand in self._members.meet(workers):
            if hand.address not in self._asking:
                self._asking.add(hand.address)
                self._errand(self._ask(hand))
        self._time_out()
        self._deal()
        for queue, why in tuple(self._members.hopeless()):
            jobs = list(queue)
            queue.clear()
            _fail(jobs, why)

    async def _ask(self, hand: Hand) -> None:
        """What the worker is and does; and that it is still wanted."""
        try:
            about = await self._tell(
                hand.address,
                worker.ask,
                seconds=self._timing.answer,
                clusters=hand.clusters,
                lapse=self._timing.lapse,
            )
        except Exception as error:  # whatever its Python says of a labgrade that it lacks, or the network
            self._members.did_not_answer(hand, _first_line(error))
        else:
            self._members.answered(hand, about)
            self._deal()
        finally:
            self._asking.discard(hand.address)

    async def _tell(self, address: str, function: Callable[..., Any], *, seconds: float, **more: Any) -> Any:
        """What a function of `worker.py` gives there, or raises there; TimeoutError, or OSError."""
        async with asyncio.timeout(seconds):
            answers: Any = await scheduler.run(self._client, function, self._batch, workers=[address], **more)
        return answers[address]

    def _give_up(self, hand: Hand, reason: str) -> None:
        for trial in tuple(hand.jobs):
            self._lose(trial, reason)

    def _time_out(self) -> None:
        for hand in tuple(self._table.hands.values()):
            for trial, job in tuple(hand.jobs.items()):
                limit = job.task.limits.student + self._timing.over
                limit += 0 if job.task.submission is None else self._timing.cluster
                if job.begun is not None and monotonic() - job.begun > limit:
                    self._lose(trial, f"worker {hand.address} had it for more than {limit:.0f} seconds")

    def _lose_scheduler(self, cause: str) -> None:
        """Dask forgets a client's tasks with its connection: to go on would be to grade the same twice."""
        if self._lost:
            return
        self._lost = (
            f"the scheduler at {self._address} is lost ({harmless(cause)}); what is graded is kept: "
            "when it is there again, go on with --resume"
        )
        jobs = [*self._table.running(), *(job for queue in self._table.waiting() for job in queue)]
        self._table.clear()
        for following in self._answers.values():
            if following is not asyncio.current_task():
                following.cancel()
        _fail(jobs, self._lost)

    def _say_once(self, sentence: str) -> None:
        if sentence not in self._said:
            self._said.add(sentence)
            self._say(harmless(sentence))

    # The end.

    def stop(self) -> None:
        """What is under way restores and ends; what waits is cancelled, or interrupted where that was begun once."""
        if self._stopped:
            return
        self._stopped = True
        for queue in tuple(self._table.waiting()):
            for job in queue:
                if not job.future.cancel():
                    _settle(job, self._ungraded(job, INTERRUPTED))
            queue.clear()
        for hand in self._table.hands.values():
            if hand.jobs:
                self._errand(self._send(hand, worker.interrupt, seconds=self._timing.answer))

    async def leave(self) -> None:
        """Likewise; workers remove what they have of the batch, and the scheduler forgets it."""
        self.stop()
        if self._client.status == "running":
            hands = [hand for hand in self._table.hands.values() if hand.met and not hand.silent]
            await asyncio.gather(*(self._send(hand, worker.close, seconds=self._timing.end) for hand in hands))
        for job in self._table.running():
            _settle(job, self._ungraded(job, INTERRUPTED))
        for task in tuple(self._errands):
            task.cancel()
        await asyncio.gather(*self._errands, return_exceptions=True)
        await scheduler.left(self._client)

    async def _send(self, hand: Hand, function: Callable[..., Any], *, seconds: float) -> None:
        try:
            await self._tell(hand.address, function, seconds=seconds)
        except Exception as error:  # it has gone meanwhile, and its processes with it
            self._say_once(f"worker {hand.address} could not be told to end: {_first_line(error)}")

    def _errand(self, what: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        task = self._loop.create_task(what)
        self._errands.add(task)
        task.add_done_callback(self._errands.discard)
        return task


def _settle(job: Job, graded: Graded) -> None:
    if not job.future.done():
        job.future.set_result(graded)


def _fail(jobs: Iterable[Job], why: str) -> None:
    for job in jobs:
        if job.future.running() or job.future.set_running_or_notify_cancel():
            job.future.set_exception(HarnessError(why))


def _spoilt(graded: Graded) -> bool:
    """Whether nothing could be looked at, and not for what was handed in."""
    return graded.ours and not graded.result.outcomes and bool(graded.result.note)


def _given_up(job: Job) -> Text:
    reasons = "; ".join(dict.fromkeys(job.reasons))
    return Text(
        en=f"Given up after {len(job.reasons)} tries on workers: {reasons}.",
        fr=f"Abandonné après {len(job.reasons)} essais sur des machines : {reasons}.",
    )


def _first_line(error: BaseException) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0]
