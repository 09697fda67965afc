"""Grading tasks on this machine: one process for each, whatever becomes of it."""

from __future__ import annotations

import json
import os
import tempfile
import threading
from collections.abc import Callable, Generator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit
from weakref import WeakSet

from labgrade import engine, kubeconfig
from labgrade.cluster import workspace
from labgrade.cohort.preparing import note
from labgrade.cohort.task import Graded, Progress, Submission, Task, Told
from labgrade.cohort.tenancy import Tenancies
from labgrade.cohort.warm import Forked
from labgrade.course import answers
from labgrade.course.answers import CLUSTER
from labgrade.course.library import Course
from labgrade.errors import HarnessError, UsageError, unforeseen
from labgrade.grading.child import Call, Child
from labgrade.grading.process import INTERRUPTED, LOG, Interrupted, Order, blank, conduct
from labgrade.model import Check, Lab, LabResult, Outcome
from labgrade.patience import monotonic
from labgrade.text import Text

if TYPE_CHECKING:
    from labgrade.cohort.practice.pool import Pool

KEPT = ("PATH", "HOME", "TZ", "LANG", "LOGNAME", "USER")
KEPT_STARTS = ("LC_", "XDG_", "DOCKER_", "LABGRADE_")
"""What a grading process gets of our environment: enough to find programs, caches and the engine."""

REMOVING = "removing the practice clusters"

LONGEST_LOG = 64 * 1024
"""Of pytest's words, so many bytes from the end are kept."""


class Grader:
    """Grades tasks, any number at once; one for each process that has any to grade."""

    def __init__(
        self,
        course: Course,
        *,
        clusters: int = 1,
        images: tuple[str, ...] = (),
        told: Told = lambda _: None,
        say: Callable[[str], None] = lambda _: None,
    ) -> None:
        """`clusters`: how many practice clusters there may be for submissions, made when they are needed; `images` are
        put onto each of them.

        `told` hears of every task's progress and `say` of clusters, both from several threads.
        """
        self._course, self._told = course, told
        self._digest = course.digest()
        self._tenancies = Tenancies()
        self._clusters, self._images, self._say = clusters, images, say
        self._pool: Pool | None = None
        self._ending: threading.Thread | None = None
        self._children = WeakSet[Child]()
        self._turn = threading.Lock()
        self._stopping = threading.Event()

    def grade(self, task: Task) -> Graded:
        """What came of it, always with a result; HarnessError only where another grader should be asked instead."""
        if task.course != self._digest:
            raise HarnessError(
                f"the course here is {self._digest[:19]}…, and {task.course[:19]}… is to judge: "
                "install the same labgrade and the same labs on every machine"
            )
        began = monotonic()
        lab = self._course.lab(task.lab)
        work = _Work(task, lab, self._order(task, lab), self._told)
        try:
            with tempfile.TemporaryDirectory(prefix="labgrade-") as folder:
                self._do(work, Path(folder))
        except Interrupted:
            pass
        except UsageError as error:
            work.fail(error, ours=False)
        except HarnessError as error:
            work.fail(error, ours=True)
        except OSError as error:
            work.fail(HarnessError(f"{error.filename or tempfile.gettempdir()}: {error.strerror}"), ours=True)
        except Exception as error:  # whatever is wrong with one student must not become the others' affair
            work.fail(unforeseen(error), ours=True)
        self._told(Progress(task.student.id, task.lab, "ended", earned=work.sheet.earned))
        if self._stopping.is_set() and not work.sheet.complete:
            work.sheet = replace(work.sheet, note=INTERRUPTED)
        return Graded(work.sheet, round(monotonic() - began, 2), work.ours, work.log, tuple(work.notes))

    def interrupt(self) -> None:
        """Lets what is under way restore and end, and begins nothing more."""
        with self._turn:
            self._stopping.set()
            children, pool = tuple(self._children), self._pool
        for child in children:
            child.interrupt()
        if pool and not self._ending:
            # Whoever waits for a cluster hears at once that none will come; removing them takes its time.
            self._say(REMOVING)
            self._ending = threading.Thread(target=pool.close)
            self._ending.start()

    def close(self) -> None:
        """Removes the practice clusters."""
        self.interrupt()
        if self._ending:
            self._ending.join()

    def _start(self, call: Call) -> Child:
        child = Forked(call)
        with self._turn:
            self._children.add(child)
            stopping = self._stopping.is_set()
        if stopping:
            child.interrupt()
        return child

    def _order(self, task: Task, lab: Lab) -> Order:
        return Order(
            course=self._course,
            lab=lab,
            namespace=task.namespace,
            only=task.only,
            disturb=task.disturb,
            timeout=task.timeout,
            student=task.student,
            digest=self._digest,
            check_seconds=task.limits.check,
            seconds=task.limits.student,
            memory=task.limits.memory,
        )

    def _do(self, work: _Work, folder: Path) -> None:
        with ExitStack() as stack:
            if work.task.submission is None:
                path, held = stack.enter_context(self._reached(work.task, folder)), work.task.shared
            else:
                work.tell("waiting")
                path, held = stack.enter_context(self._handed_in(work, folder)), False
            if self._stopping.is_set():
                return
            work.tell("started")
            environment, log = _environment(work.task, folder), folder / LOG
            order = replace(work.order, kubeconfig=str(path), lease_held=held, environment=environment)
            try:
                conduct(order, log, keep=work.keep, began=work.began, told=work.ended, start=self._start)
            finally:
                work.log = _end_of(log)

    @contextmanager
    def _reached(self, task: Task, folder: Path) -> Generator[Path]:
        """The student's own cluster."""
        path = folder / "kubeconfig.yaml"
        path.touch(mode=0o600)
        path.write_bytes(task.kubeconfig)
        if not task.shared:
            yield path
            return
        access = kubeconfig.read(path, allowed_hosts=[_host(task)])
        with self._tenancies.held(access):
            yield path

    @contextmanager
    def _handed_in(self, work: _Work, folder: Path) -> Generator[Path]:
        """A practice cluster with the submission on it; afterwards it is wiped."""
        # With all that it needs, only where something is handed in.
        from labgrade.cohort.submissions import applying, innode, screening

        submission, lab = work.task.submission, work.lab
        assert submission is not None
        config = _own_cluster(lab, submission, folder)
        with self._the_pool().lent(lab, spoils=screening.spoils(submission), config=config) as lent:
            with workspace.opened(lent.access, lab.namespace) as place:
                if self._stopping.is_set():
                    raise HarnessError(INTERRUPTED.en)
                place.create()
                in_node = innode.in_node(lent.name)
                work.notes += applying.apply(submission, lab, folder / "answer", place.environment, in_node)
            yield lent.kubeconfig

    def _the_pool(self) -> Pool:
        from labgrade.cohort.practice.pool import Pool

        with self._turn:
            if self._stopping.is_set():
                raise HarnessError(INTERRUPTED.en)
            if self._pool is None:
                self._pool = Pool(self._clusters, say=self._say, images=self._images)
            return self._pool


@dataclass
class _Work:
    """One task under way, and what is known of it so far."""

    task: Task
    lab: Lab
    order: Order
    told: Told
    notes: list[Text] = field(default_factory=list[Text])
    log: str = ""
    ours: bool = True
    sheet: LabResult = field(init=False)

    def __post_init__(self) -> None:
        self.sheet = blank(self.lab, self.task.course, student=self.task.student)

    def keep(self, sheet: LabResult) -> None:
        """The result as it grows, with the name of the cluster that the trainer knows it by."""
        cluster = sheet.cluster
        if cluster.uid and self.task.context:
            cluster = replace(cluster, name=self.task.context)
        self.sheet = replace(sheet, cluster=cluster, remarks=tuple(self.notes))

    def fail(self, error: HarnessError | UsageError, *, ours: bool) -> None:
        """Ends it without a grade."""
        self.ours = ours
        self.sheet = replace(self.sheet, note=note(error), remarks=tuple(self.notes))

    def tell(self, kind: str, words: str = "") -> None:
        """Passes on what happens."""
        self.told(Progress(self.task.student.id, self.task.lab, kind, words, self.sheet.earned))  # pyright: ignore[reportArgumentType]

    def began(self, check: Check) -> None:
        """A check begins."""
        self.tell("check", check.id)

    def ended(self, outcome: Outcome) -> None:
        """A check has ended."""
        self.tell("outcome", outcome.id)


class LocalCrew:
    """See `Crew`: threads of this process, each waiting for one grading process."""

    def __init__(self, grader: Grader, *, jobs: int, clusters: int) -> None:
        self._grader = grader
        self._jobs = ThreadPoolExecutor(jobs, thread_name_prefix="grading")
        # Apart, so that submissions that wait for a cluster keep nobody else from being graded.
        self._submissions = ThreadPoolExecutor(clusters, thread_name_prefix="submission")

    def hand_out(self, task: Task) -> Future[Graded]:
        """Begins it as soon as there is room."""
        room = self._jobs if task.submission is None else self._submissions
        return room.submit(self._grader.grade, task)

    def interrupt(self) -> None:
        """Lets what is under way restore and end, and begins nothing more."""
        for room in (self._jobs, self._submissions):
            room.shutdown(wait=False, cancel_futures=True)
        self._grader.interrupt()

    def close(self) -> None:
        """Ends every process, and removes every cluster, that it made."""
        self.interrupt()
        for room in (self._jobs, self._submissions):
            room.shutdown()
        self._grader.close()


def _environment(task: Task, folder: Path) -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if name in KEPT or name.startswith(KEPT_STARTS)}
    # What a process that is killed leaves behind goes with the task's own folder.
    return engine.tools(kept) | {"TMPDIR": str(folder), "LABGRADE_ALLOWED_HOSTS": _host(task)}


def _host(task: Task) -> str:
    """Where the task's kubeconfig leads, which was judged when it was written."""
    if not task.kubeconfig:
        return ""
    server = json.loads(task.kubeconfig)["clusters"][0]["cluster"]["server"]
    return urlsplit(server).hostname or ""


def _own_cluster(lab: Lab, submission: Submission, folder: Path) -> Path | None:
    """The kind configuration that the lab is about, theirs or the one they begin with; None: any cluster will do."""
    if CLUSTER not in submission.files:
        return answers.starter(lab).cluster
    path = folder / CLUSTER
    path.write_bytes(submission.files[CLUSTER])
    return path


def _end_of(log: Path) -> str:
    try:
        with log.open("rb") as words:
            words.seek(max(0, log.stat().st_size - LONGEST_LOG))
            return words.read(LONGEST_LOG).decode("utf-8", "replace")
    except OSError:
        return ""
