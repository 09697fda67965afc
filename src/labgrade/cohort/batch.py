"""The batch: hands tasks out, keeps at once what comes back, and ends, whatever single students' work does."""

from __future__ import annotations

import queue
import signal
from collections.abc import Callable, Generator, Iterable, Sequence
from concurrent.futures import Future
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace

from labgrade import clock
from labgrade.cohort.model import Attempt, ByContext, Cohort, Member
from labgrade.cohort.preparing import Refusal, Setting, blank, chains, note, prepared
from labgrade.cohort.task import Crew, Graded, Task
from labgrade.errors import HarnessError, UsageError, unforeseen
from labgrade.grading.process import INTERRUPTED
from labgrade.model import Lab
from labgrade.patience import monotonic
from labgrade.text import Text

LOOK_SECONDS = 0.25
"""Between two looks at the clock while nothing comes back."""

TIME_UP = Text(en="The time for the whole batch was up.", fr="Le temps de tout le lot était écoulé.")

ENDING = Text(
    en="{} What is under way restores what it changed and ends; this takes a moment.",
    fr="{} Ce qui est en cours remet en place ce qu'il a changé et se termine\u00a0; cela prend un moment.",
)

Keep = Callable[[Attempt, str], None]
"""Is given every attempt as it comes, with the end of pytest's words; HarnessError where it cannot be kept."""


@dataclass(frozen=True, slots=True)
class Ending:
    """How a batch ended."""

    left: int
    """How many labs of students were not graded after all."""
    why: Text = Text("", "")
    """INTERRUPTED or TIME_UP; empty where nothing is left."""


class Batch:
    """One round over a cohort."""

    def __init__(
        self,
        cohort: Cohort,
        labs: Sequence[Lab],
        setting: Setting,
        round_: int,
        keep: Keep,
        say: Callable[[Text], None] = lambda _: None,
    ) -> None:
        self._say = say
        self._cohort, self._labs, self._setting = cohort, labs, setting
        self._round, self._keep = round_, keep
        self._lab = {lab.id: lab for lab in labs}
        self._member = {member.student.id: member for member in cohort.members}
        self._came = queue.SimpleQueue[tuple[Task, "Future[Graded]"]]()
        self._why = Text("", "")
        self._trouble: HarnessError | UsageError | None = None
        self._left = 0

    def prepare(self, done: Iterable[tuple[str, str]]) -> list[Task]:
        """The tasks of those that are not `done`, by student and lab; why others cannot be graded is kept at once."""
        graded = set(done)
        pairs = [(member, lab) for lab in self._labs for member in self._cohort.members]
        wanted = [(member, lab) for member, lab in pairs if (member.student.id, lab.id) not in graded]
        tasks, refusals = prepared(self._cohort, self._labs, wanted, self._setting)
        for refusal in refusals:
            self._keep(self._refused(refusal), "")
        return tasks

    def run(self, tasks: Sequence[Task], crew: Crew) -> Ending:
        """Has all tasks graded, or what is under way restored and ended, on Ctrl-C or when the time is up.

        HarnessError where results can no longer be kept; those kept before are safe.
        """
        began, waiting = monotonic(), chains(tasks, self._labs)
        rest = {chain[0].name: chain[1:] for chain in waiting}
        under_way = sum(self._hand_out(chain[0], crew) for chain in waiting)
        stopped = False
        while under_way:
            if self._why and not stopped:
                self._say(Text(ENDING.en.format(self._why.en), ENDING.fr.format(self._why.fr)))
                crew.interrupt()
                stopped = True
            with suppress(queue.Empty):
                task, future = self._came.get(timeout=LOOK_SECONDS)
                under_way -= 1
                self._take(task, future)
                behind = rest.pop(task.name)
                if behind and not self._why:
                    rest[behind[0].name] = behind[1:]
                    under_way += self._hand_out(behind[0], crew)
                else:
                    self._left += len(behind)
            whole = self._cohort.limits.whole
            if whole is not None and monotonic() - began > whole:
                self._why = self._why or TIME_UP
        if self._trouble:
            raise self._trouble
        return Ending(self._left, self._why if self._left else Text("", ""))

    def _hand_out(self, task: Task, crew: Crew) -> int:
        """One more under way."""
        try:
            future = crew.hand_out(task)
        except HarnessError as error:
            future = Future[Graded]()
            future.set_exception(error)
        future.add_done_callback(lambda done: self._came.put((task, done)))
        return 1

    def _take(self, task: Task, future: Future[Graded]) -> None:
        """Keeps what came back, unless it was only begun, or nothing can be kept any more."""
        if future.cancelled():
            self._left += 1
            return
        error = future.exception()
        graded = self._unjudged(task, error) if error else future.result()
        if graded.result.note == INTERRUPTED or self._trouble:
            self._left += 1
            return
        try:
            self._keep(self._attempt(task, graded), graded.log)
        except (HarnessError, UsageError) as trouble:
            self._trouble, self._why = trouble, trouble.why

    def _attempt(self, task: Task, graded: Graded) -> Attempt:
        handed_in = task.submission
        return Attempt(
            student=task.student.id,
            lab=task.lab,
            round=self._round,
            result=graded.result,
            seconds=graded.seconds,
            ours=graded.ours,
            submission=handed_in.digest if handed_in else "",
            submitted=_submitted(self._member[task.student.id]) or (handed_in.submitted if handed_in else ""),
            notes=graded.notes,
        )

    def _unjudged(self, task: Task, error: BaseException) -> Graded:
        if not isinstance(error, HarnessError):
            error = unforeseen(error)
        return Graded(replace(blank(task.student, self._lab[task.lab], self._setting.course), note=note(error)), 0.0)

    def _refused(self, refusal: Refusal) -> Attempt:
        sheet = blank(refusal.member.student, self._lab[refusal.lab], self._setting.course)
        return Attempt(
            student=refusal.member.student.id,
            lab=refusal.lab,
            round=self._round,
            result=replace(sheet, note=note(refusal.error, refusal.member)),
            seconds=0.0,
            # A context is the trainer's own word.
            ours=isinstance(refusal.error, HarnessError) or isinstance(refusal.member.source, ByContext),
            submitted=_submitted(refusal.member),
        )

    @contextmanager
    def interruptible(self) -> Generator[None]:
        """Within, Ctrl-C and SIGTERM, however often, ask `run` for one orderly end, and break off nothing else."""

        def ask(*_: object) -> None:
            self._why = self._why or INTERRUPTED

        before = {number: signal.signal(number, ask) for number in (signal.SIGINT, signal.SIGTERM)}
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)


def _submitted(member: Member) -> str:
    """When, as the roster says; empty where it does not."""
    return clock.stamp(member.submitted) if member.submitted else ""
