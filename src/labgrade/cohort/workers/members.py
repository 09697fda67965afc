"""Who belongs to a crew of workers: which of them may grade, which are lost, and what nobody here can take."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from labgrade.cluster.lease import DURATION_SECONDS
from labgrade.cohort.task import Task
from labgrade.cohort.workers import scheduler, worker
from labgrade.cohort.workers.dealing import Hand, Job, Table
from labgrade.patience import RESTORING_SECONDS, monotonic
from labgrade.text import harmless

CLUSTER = "cluster"
"""The resource that workers with practice clusters have: `dask worker --resources "cluster=2"`."""

NAMED = 3
"""Of workers that may not grade, so many are named in one sentence."""


@dataclass(frozen=True, slots=True)
class Timing:
    """How long things may take, in seconds."""

    look: float = 1.0
    """How often the scheduler is asked who is there."""
    ask: float = 10.0
    """How often each worker is asked what it does."""
    answer: float = 10.0
    """A worker or a scheduler that needs longer for an answer has not answered."""
    silence: float = 30.0
    """A worker not heard of for so long is given up, and so is a scheduler."""
    grace: float = 60.0
    """So long tasks wait for the first worker that can take them."""
    over: float = 60.0
    """So much later than a student's limit, which the worker itself holds, the worker is stuck."""
    cluster: float = 600.0
    """Likewise for submissions: so much more, to make and to wipe a practice cluster."""
    pause: float = 3.0
    """After a worker was lost, before a student's cluster is tried again, as what is left there restores; then twice
    as long each time."""
    claim: float = DURATION_SECONDS + RESTORING_SECONDS
    """So long a lost worker's claim on a student's cluster may last; what it spoils until then does not count."""
    lapse: float = 120.0
    """A worker that nobody asks for so long ends the batch by itself."""
    end: float = 120.0
    """So long workers may take to remove their clusters."""


class Members:
    """Keeps the hands of a table up to date with what the scheduler and the workers say."""

    def __init__(
        self,
        table: Table,
        *,
        digest: str,
        timing: Timing,
        say: Callable[[str], None],
        give_up: Callable[[Hand, str], None],
    ) -> None:
        """`give_up` hears of a hand that is lost, and why, while its jobs are still on it."""
        self._table, self._digest, self._timing = table, digest, timing
        self._say, self._give_up = say, give_up
        self._heard: dict[str, tuple[object, float]] = {}
        """By address: when the scheduler heard of it last, on its clock, and since when it says so, on ours."""
        self._asked: dict[str, float] = {}
        self._lacking: dict[bool, float] = {}
        """Since when nobody can take submissions, and clusters."""

    def meet(self, workers: Mapping[str, Mapping[str, Any]]) -> Iterator[Hand]:
        """Takes notice of who came, who left and who is silent; gives those that are to be asked what they are."""
        hands = self._table.hands
        for address in set(hands) - set(workers):
            # Said first, or what is given up would be dealt to it anew.
            hands[address].unfit = "is gone"
            self._give_up(hands[address], f"worker {address} is gone")
            del hands[address]
            self._heard.pop(address, None)
            self._asked.pop(address, None)
        now = monotonic()
        for address, about in workers.items():
            hand = hands.setdefault(address, Hand(address, threads=0, clusters=0))
            hand.threads, hand.clusters = about["nthreads"], int((about.get("resources") or {}).get(CLUSTER, 0))
            self._listen(hand, about["last_seen"], now)
            if not hand.silent and now - self._asked.get(address, -self._timing.ask) >= self._timing.ask:
                self._asked[address] = now
                yield hand

    def _listen(self, hand: Hand, last_seen: object, now: float) -> None:
        """The scheduler's clock may be another than ours, or jump: what counts is that it says something new."""
        before, since = self._heard.get(hand.address, (None, now))
        since = since if last_seen == before else now
        self._heard[hand.address] = (last_seen, since)
        was, hand.silent = hand.silent, now - since > self._timing.silence
        if hand.silent and not was:
            self._give_up(hand, f"worker {hand.address} has not been heard of for {self._timing.silence:.0f} seconds")

    def answered(self, hand: Hand, about: Mapping[str, Any]) -> None:
        """A worker said what it is and does."""
        hand.met = True
        hand.ghosts = sum(trial not in hand.jobs for trial in about.get("tries", ()))
        hand.unfit = self._unfit(hand.address, about)
        if hand.unfit:
            self._say(f"worker {hand.address} gets nothing: it {hand.unfit}")

    def did_not_answer(self, hand: Hand, why: str) -> None:
        """One that grades and does not answer for once keeps its tasks: silence and limits look after them."""
        if hand.unfit:
            hand.unfit = f"does not answer ({why})"

    def _unfit(self, address: str, about: Mapping[str, Any]) -> str:
        """Why this worker must not grade; empty where it may."""
        ours = worker.versions()
        for name in ("labgrade", "distributed"):
            if about.get(name) != ours[name]:
                return f"has {name} {about.get(name)}, and this machine has {ours[name]}: install the same on both"
        if not address.startswith("tls:") and not scheduler.loopback(address):
            return "speaks without TLS: start it with --tls-ca-file, --tls-cert and --tls-key"
        if about["trouble"]:
            return f"has no course: {about['trouble']}"
        if about["digest"] != self._digest:
            return (
                f"has the course {about['digest'][:19]}…, and {self._digest[:19]}… is to judge: "
                "put the same labs there, or name them in LABGRADE_COURSE, and start it anew"
            )
        return ""

    def hopeless(self) -> Iterator[tuple[deque[Job], str]]:
        """The queues of those that nobody here could take for too long, and why; those that wait are told so."""
        now = monotonic()
        for queue in self._table.waiting():
            task = queue[0].task
            kind = task.submission is None
            if self._table.able(task):
                self._lacking.pop(kind, None)
                continue
            waited = now - self._lacking.setdefault(kind, now)
            if waited > self._timing.grace:
                yield queue, self._lack(task)
            elif waited > min(self._timing.ask, self._timing.grace / 2):
                self._say(f"{self._lack(task)}; waiting {self._timing.grace:.0f} seconds for one")

    def _lack(self, task: Task) -> str:
        hands = list(self._table.hands.values())
        if not hands:
            return "the scheduler has no workers"
        if task.submission is not None and any(hand.usable for hand in hands):
            return f'no worker has practice clusters for submissions: start one with --resources "{CLUSTER}=1"'
        unfit = "; ".join(f"{hand.address} {hand.unfit or 'is not heard of'}" for hand in hands[:NAMED])
        return f"none of {len(hands)} workers can grade: {harmless(unfit)}"
