"""Which worker gets which task next, and what becomes of tasks whose worker is lost: decisions, no network.

Dask itself would put the blame for a lost worker on all that was queued there, and take every one of them through the
same ordeal together: after four deaths, one student who kills workers has failed everybody. So tasks are dealt to
named workers, never more than fit, and one that was under way on two lost workers no longer meets another such one.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from concurrent.futures import Future
from dataclasses import dataclass, field

from labgrade.cohort.task import Graded, Task
from labgrade.patience import monotonic

MOST_WORKERS = 3
"""So many workers may be lost under one task; then it is nobody's any more."""

SUSPECT = MOST_WORKERS - 1
"""After so many it is kept apart from others like it."""


@dataclass(slots=True, eq=False)
class Job:
    """A task and what became of it so far."""

    task: Task
    future: Future[Graded]
    trial: str = ""
    """The try under way: what a worker says of an earlier one is not heard. Empty: it waits."""
    tries: int = 0
    begun: float | None = None
    """When a worker's thread took the try under way, on our clock."""
    since: float = field(default_factory=monotonic)
    rests_until: float = 0.0
    """Not dealt before."""
    claimed_until: float = 0.0
    """What a lost worker left on a student's cluster may be in the way until then."""
    spoilt: int = 0
    """How often it was."""
    lost: list[str] = field(default_factory=list[str])
    """Addresses of workers that were lost under it."""
    reasons: list[str] = field(default_factory=list[str])
    """Why tries came to nothing, one for each."""

    @property
    def suspect(self) -> bool:
        """Whether it may well be the one that costs workers."""
        return len(self.reasons) >= SUSPECT


@dataclass(slots=True, eq=False)
class Hand:
    """A worker: what it is able to take, and what it has."""

    address: str
    threads: int
    clusters: int
    """Practice clusters that it may have, for submissions."""
    unfit: str = "has not answered yet"
    """Why it gets nothing; empty where it may grade."""
    met: bool = False
    """It has answered once, so that the batch is open there."""
    silent: bool = False
    """It is still a member of the crew, but has not been heard of for too long."""
    ghosts: int = 0
    """Tries that it still runs though they were given to another."""
    jobs: dict[str, Job] = field(default_factory=dict[str, Job])
    """By try."""

    @property
    def usable(self) -> bool:
        """Whether it may be dealt anything."""
        return not self.unfit and not self.silent

    def room(self, task: Task) -> int:
        """How many tasks of this kind it could take now."""
        free = self.threads - len(self.jobs) - self.ghosts
        if task.submission is None:
            return free
        taken = sum(job.task.submission is not None for job in self.jobs.values())
        return min(free, self.clusters - taken - self.ghosts)

    def has(self, cluster: str) -> bool:
        """Whether somebody's work on that cluster is being graded here."""
        return any(job.task.cluster == cluster for job in self.jobs.values())

    def suits(self, job: Job) -> bool:
        """Whether it has room for this one and nothing that should be kept apart from it."""
        return self.room(job.task) > 0 and not (job.suspect and any(other.suspect for other in self.jobs.values()))


class Table:
    """Everybody's hands, and the tasks that wait."""

    def __init__(self, batch: str) -> None:
        self._batch = batch
        self.hands: dict[str, Hand] = {}
        self.clusters: deque[Job] = deque()
        """Waiting, of students who have a cluster."""
        self.submissions: deque[Job] = deque()

    def put(self, job: Job) -> None:
        """The job waits; one that was under way before waits in front."""
        queue = self.clusters if job.task.submission is None else self.submissions
        job.trial, job.begun = "", None
        if job.tries:
            queue.appendleft(job)
        else:
            queue.append(job)

    def waiting(self) -> Iterator[deque[Job]]:
        """The queues in which there is something."""
        return (queue for queue in (self.clusters, self.submissions) if queue)

    def clear(self) -> None:
        """Nothing waits any more, and nothing is under way."""
        for queue in (self.clusters, self.submissions):
            queue.clear()
        for hand in self.hands.values():
            hand.jobs.clear()

    def running(self) -> list[Job]:
        """All that is under way."""
        return [job for hand in self.hands.values() for job in hand.jobs.values()]

    def able(self, task: Task) -> bool:
        """Whether anybody could take it, now or when something else has ended."""
        return any(self._can(hand, task) for hand in self.hands.values())

    def deal(self, now: float) -> Iterator[tuple[Job, Hand]]:
        """Gives what waits to whoever has room, each to the emptiest; the try's name is in `Job.trial`."""
        for queue in self.waiting():
            unsuited: list[Job] = []
            while queue and any(hand.usable and hand.room(queue[0].task) > 0 for hand in self.hands.values()):
                job = queue.popleft()
                hand = self._best(job) if job.rests_until <= now else None
                if hand is None:
                    unsuited.append(job)
                elif job.future.running() or job.future.set_running_or_notify_cancel():
                    job.tries += 1
                    job.trial = f"labgrade-{self._batch}-{job.task.name}-{job.tries}"
                    hand.jobs[job.trial] = job
                    yield job, hand
            queue.extendleft(reversed(unsuited))

    def _best(self, job: Job) -> Hand | None:
        able = [hand for hand in self.hands.values() if self._can(hand, job.task)]
        if job.task.shared:
            # One process holds the claim on a cluster for all who work there: another one would find it taken.
            able = [hand for hand in able if hand.has(job.task.cluster)] or able
        # The one that was lost under it may be back, and be the only one there is.
        others = [hand for hand in able if hand.address not in job.lost] or able
        suited = [hand for hand in others if hand.suits(job)]
        return max(suited, key=lambda hand: hand.room(job.task), default=None)

    def _can(self, hand: Hand, task: Task) -> bool:
        return hand.usable and hand.threads > 0 and (task.submission is None or hand.clusters > 0)

    def find(self, trial: str) -> tuple[Job, Hand] | None:
        """The job whose try under way this is, and where; None for one that counts no more."""
        for hand in self.hands.values():
            if job := hand.jobs.get(trial):
                return job, hand
        return None

    def ended(self, trial: str) -> Job | None:
        """The job, which is on no hand any more; None where the try counts no more: its answer is dropped."""
        found = self.find(trial)
        if found is None:
            return None
        job, hand = found
        del hand.jobs[trial]
        return job
