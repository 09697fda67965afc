"""Grading one lab: pytest in a process of its own, its outcomes as they come, the result always whole on disk."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Callable, Generator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from importlib.metadata import version
from pathlib import Path

from labgrade import clock, engine, result
from labgrade.course.library import Course
from labgrade.errors import HarnessError, UsageError
from labgrade.grading.child import Call, Child, Spawned, Start
from labgrade.grading.events import Event, received
from labgrade.grading.outcomes import selected
from labgrade.model import Check, ClusterInfo, Lab, LabResult, Outcome, Student
from labgrade.patience import RESTORING_SECONDS
from labgrade.runid import new_run
from labgrade.text import Text

LOG = "labgrade.log"
CLEARED = ("PYTEST", "PYTHON")
"""A student's shell must not change the judgement: PYTHONOPTIMIZE, for one, would take asserts out."""

INTERRUPTED = Text(en="The run was interrupted.", fr="L'exécution a été interrompue.")


@dataclass(frozen=True, slots=True)
class Order:
    """What to grade, and how."""

    course: Course
    lab: Lab
    kubeconfig: str | None = None
    context: str | None = None
    namespace: str | None = None
    only: tuple[str, ...] = ()
    disturb: bool = True
    timeout: float | None = None
    lease_held: bool = False
    student: Student | None = None
    digest: str | None = None
    """The course's, where it is known already; taking it reads every file that judges."""
    check_seconds: float | None = None
    """A check that takes longer ends in error."""
    seconds: float | None = None
    """A grading that takes longer is interrupted."""
    memory: int | None = None
    """MiB of data that the grading process may hold."""
    environment: Mapping[str, str] | None = None
    """The grading process's, complete; None: this one's, less what could change the judgement."""


class Interrupted(Exception):
    """Ctrl-C; `result` is what was known by then, restored and written."""

    def __init__(self, result: LabResult) -> None:
        super().__init__("interrupted")
        self.result = result


def grade(
    order: Order,
    folder: Path,
    *,
    began: Callable[[Check], None] = lambda _: None,
    told: Callable[[Outcome], None] = lambda _: None,
) -> LabResult:
    """Grades, and keeps result.json in `folder` up to date with every outcome; pytest's words go into a log there.

    `began` and `told` hear of each check as it starts and ends. UsageError and HarnessError where there was nothing
    to grade, Interrupted after Ctrl-C; a result is on disk in each case: an earlier complete one until a cluster was
    reached, else this one.
    """
    writer, spared = result.Writer(folder), result.complete_in(folder)

    def keep(sheet: LabResult) -> None:
        if sheet.cluster.uid or not spared:
            writer.write(sheet)

    return conduct(order, folder / LOG, keep=keep, began=began, told=told)


def conduct(
    order: Order,
    log: Path,
    *,
    keep: Callable[[LabResult], None],
    began: Callable[[Check], None] = lambda _: None,
    told: Callable[[Outcome], None] = lambda _: None,
    start: Start = Spawned,
) -> LabResult:
    """Like `grade`, with the result as it grows given to `keep`, the last time right before whatever is raised."""
    chosen, run = selected(order.lab, only=order.only, disturb=order.disturb), new_run()
    fatal: HarnessError | UsageError | None = None
    with _running_child(start(_call(order, run, log))) as child, _interruptible(child) as interrupted:
        # The digest takes time, and so does the start of pytest: both at once.
        sheet = blank(order.lab, order.digest or order.course.digest(), run=run, student=order.student)
        keep(sheet)
        with _limited(child, order.seconds) as late:
            for event in received(child.events):
                if event.kind == "begin":
                    began(order.lab.check(event.data["check"]))
                elif event.kind == "outcome":
                    told(event.outcome)
                elif event.kind == "fatal":
                    fatal = _fatal(event)
                sheet = _grown(sheet, event, order.lab)
                keep(sheet)
            child.events.close()  # a process that we stopped listening to must not wait for us
            child.ended()
    missing = [check.id for check in chosen if check.id in sheet.not_run]
    if interrupted:
        sheet = replace(sheet, note=INTERRUPTED)
    elif late.is_set() and missing:
        fatal = HarnessError(_overtime(order.seconds or 0.0))
    elif fatal is None and missing:
        fatal = HarnessError(_ended_early(order.lab, log))
    if fatal:
        sheet = replace(sheet, note=fatal.why)
    sheet = replace(sheet, finished=clock.now())
    keep(sheet)
    if interrupted:
        raise Interrupted(sheet)
    if fatal:
        raise fatal
    return sheet


def _overtime(seconds: float) -> Text:
    return Text(
        f"it took longer than the {seconds:g} seconds that one student's lab gets",
        f"cela a pris plus que les {seconds:g} secondes qu'a le TP d'un étudiant",
    )


def _ended_early(lab: Lab, log: Path) -> Text:
    return Text(
        f"the suite of {lab.id} ended early; its own words are in {log}",
        f"la suite de {lab.id} s'est arrêtée trop tôt ; ce qu'elle a dit est dans {log}",
    )


def blank(lab: Lab, digest: str, *, run: str = "", student: Student | None = None) -> LabResult:
    """The result before anything was looked at; `digest` is the course's."""
    return LabResult(
        lab_id=lab.id,
        lab_title=lab.title,
        tool_version=version("labgrade"),
        course_digest=digest,
        run=run,
        cluster=ClusterInfo("", "", ""),
        started=clock.now(),
        finished=None,
        possible=sum(check.points for check in lab.checks),
        outcomes=(),
        not_run=tuple(check.id for check in lab.checks),
        student=student,
    )


def _grown(sheet: LabResult, event: Event, lab: Lab) -> LabResult:
    if event.kind == "start":
        return replace(sheet, cluster=ClusterInfo(**event.data["cluster"]))
    if event.kind != "outcome":
        return sheet
    order = [check.id for check in lab.checks]
    outcomes = sorted((*sheet.outcomes, event.outcome), key=lambda outcome: order.index(outcome.id))
    skipped = sum(outcome.points for outcome in outcomes if outcome.state == "skipped")
    return replace(
        sheet,
        outcomes=tuple(outcomes),
        not_run=tuple(name for name in sheet.not_run if name != event.outcome.id),
        possible=sum(check.points for check in lab.checks) - skipped,
    )


def _fatal(event: Event) -> HarnessError | UsageError:
    kind = UsageError if event.data["code"] == 2 else HarnessError
    return kind(event.data["message"])


_running: set[Child] = set()


def interrupt_all() -> None:
    """Asks every grading of this process to restore and end; for gradings in threads, which hear no signals."""
    for child in tuple(_running):
        child.interrupt()


@contextmanager
def _running_child(child: Child) -> Generator[Child]:
    """Whatever happens, it has ended afterwards."""
    _running.add(child)
    try:
        yield child
    finally:
        if not child.ended(0):
            child.interrupt()
            child.ended()
        _running.discard(child)


@contextmanager
def _limited(child: Child, seconds: float | None) -> Generator[threading.Event]:
    """Interrupts the process when its time is up, and kills it where it does not heed that."""
    late = threading.Event()

    def end() -> None:
        late.set()
        child.interrupt()
        if not child.ended(RESTORING_SECONDS):
            child.kill()

    timer = threading.Timer(seconds or 0.0, end)
    timer.daemon = True
    if seconds is not None:
        timer.start()
    try:
        yield late
    finally:
        timer.cancel()


def _call(order: Order, run: str, log: Path) -> Call:
    root = order.course.folder
    arguments = [f"--rootdir={root}", "-c", str(root / "pyproject.toml"), "-p", "labgrade.plugin"]
    arguments += ["-p", "no:cacheprovider", "-q", "-rA", "--color=no", "--log-cli-level=INFO"]
    options = {
        "labgrade-run": run,
        "kubeconfig": order.kubeconfig,
        "context": order.context,
        "namespace": order.namespace,
        "settle-timeout": order.timeout,
        "check-timeout": order.check_seconds,
    }
    arguments += [f"--{name}={value}" for name, value in options.items() if value is not None]
    arguments += [f"--only={name}" for name in order.only]
    arguments += [] if order.disturb else ["--no-disturb"]
    arguments += ["--labgrade-lease-held"] if order.lease_held else []
    arguments.append(str(order.lab.folder / "test_lab.py"))
    return Call(tuple(arguments), root, _environment(order), log, order.memory)


def _environment(order: Order) -> dict[str, str]:
    given = engine.tools(order.environment)
    environment = {name: value for name, value in given.items() if not name.startswith(CLEARED)}
    if named := environment.get("KUBECONFIG"):
        # Relative to where the command was typed; pytest works in the course.
        environment["KUBECONFIG"] = os.pathsep.join(str(Path(each).absolute()) for each in named.split(os.pathsep))
    return environment | {"PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1", "PYTHONUTF8": "1"}


@contextmanager
def _interruptible(child: Child) -> Generator[Sequence[int]]:
    """Hands Ctrl-C and SIGTERM on to pytest, which restores and ends; the list tells whether any came."""
    came: list[int] = []

    def hand_on(number: int, _: object) -> None:
        if not came:
            child.interrupt()
        came.append(number)

    numbers = (signal.SIGINT, signal.SIGTERM)
    try:
        before = {number: signal.signal(number, hand_on) for number in numbers}
    except ValueError:  # Not the main thread: whoever started the thread looks after signals.
        yield came
        return
    try:
        yield came
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
