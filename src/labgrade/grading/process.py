"""Grading one lab: pytest in a process of its own, its outcomes as they come, the result always whole on disk."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Generator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import IO

from labgrade import engine, result
from labgrade.course.library import Course
from labgrade.errors import HarnessError, UsageError
from labgrade.grading.events import Event, received
from labgrade.grading.outcomes import selected
from labgrade.model import Check, ClusterInfo, Lab, LabResult, Outcome
from labgrade.runid import new_run
from labgrade.text import Text, text
from labgrade.wholefile import written

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
    chosen = selected(order.lab, only=order.only, disturb=order.disturb)
    writer, run = result.Writer(folder), new_run()
    spared = result.complete_in(folder)

    def keep(sheet: LabResult) -> None:
        if sheet.cluster.uid or not spared:
            writer.write(sheet)

    fatal: HarnessError | UsageError | None = None
    with _pytest(order, run, folder / LOG) as process, _interruptible(process) as interrupted:
        # The digest takes time, and so does the start of pytest: both at once.
        sheet = _blank(order, run)
        keep(sheet)
        for event in received(process.events):
            if event.kind == "begin":
                began(order.lab.check(event.data["check"]))
            elif event.kind == "outcome":
                told(event.outcome)
            elif event.kind == "fatal":
                fatal = _fatal(event)
            sheet = _grown(sheet, event, order.lab)
            keep(sheet)
        process.child.wait()
    missing = [check.id for check in chosen if check.id in sheet.not_run]
    if interrupted:
        sheet = replace(sheet, note=INTERRUPTED)
    elif fatal is None and missing:
        fatal = HarnessError(f"the suite of {order.lab.id} ended early; its own words are in {folder / LOG}")
    if fatal:
        sheet = replace(sheet, note=text(str(fatal)))
    sheet = replace(sheet, finished=_now())
    keep(sheet)
    if interrupted:
        raise Interrupted(sheet)
    if fatal:
        raise fatal
    return sheet


def _blank(order: Order, run: str) -> LabResult:
    lab = order.lab
    return LabResult(
        lab_id=lab.id,
        lab_title=lab.title,
        tool_version=version("labgrade"),
        course_digest=order.course.digest(),
        run=run,
        cluster=ClusterInfo("", "", ""),
        started=_now(),
        finished=None,
        possible=sum(check.points for check in lab.checks),
        outcomes=(),
        not_run=tuple(check.id for check in lab.checks),
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


@dataclass(frozen=True, slots=True)
class _Process:
    child: subprocess.Popen[bytes]
    events: IO[bytes]


@contextmanager
def _pytest(order: Order, run: str, log: Path) -> Generator[_Process]:
    with written(log):
        words = log.open("wb")
    reading, writing = os.pipe()
    with words, os.fdopen(reading, "rb") as events:
        child = subprocess.Popen(
            _command(order, run, writing),
            cwd=order.course.folder,
            env=_environment(),
            stdin=subprocess.DEVNULL,
            stdout=words,
            stderr=subprocess.STDOUT,
            pass_fds=(writing,),
            # Of its own, so that Ctrl-C reaches it once, from us: a second one would cut its restoring short.
            start_new_session=True,
        )
        os.close(writing)
        _running.add(child)
        try:
            yield _Process(child, events)
        finally:
            if child.poll() is None:
                child.send_signal(signal.SIGINT)
                child.wait()
            _running.discard(child)


_running: set[subprocess.Popen[bytes]] = set()


def interrupt_all() -> None:
    """Asks every grading of this process to restore and end; for gradings in threads, which hear no signals."""
    for child in tuple(_running):
        child.send_signal(signal.SIGINT)


def _command(order: Order, run: str, events: int) -> list[str]:
    root = order.course.folder
    command = [sys.executable, "-P", "-m", "pytest", f"--rootdir={root}", "-c", str(root / "pyproject.toml")]
    command += ["-p", "labgrade.plugin", "-p", "no:cacheprovider", "-q", "-rA", "--color=no", "--log-cli-level=INFO"]
    command += [f"--labgrade-events={events}", f"--labgrade-run={run}"]
    options = {
        "kubeconfig": order.kubeconfig,
        "context": order.context,
        "namespace": order.namespace,
        "settle-timeout": order.timeout,
    }
    command += [f"--{name}={value}" for name, value in options.items() if value is not None]
    command += [f"--only={name}" for name in order.only]
    command += [] if order.disturb else ["--no-disturb"]
    command += ["--labgrade-lease-held"] if order.lease_held else []
    return [*command, str(order.lab.folder / "test_lab.py")]


def _environment() -> dict[str, str]:
    environment = {name: value for name, value in engine.tools().items() if not name.startswith(CLEARED)}
    if named := environment.get("KUBECONFIG"):
        # Relative to where the command was typed; pytest works in the course.
        environment["KUBECONFIG"] = os.pathsep.join(str(Path(each).absolute()) for each in named.split(os.pathsep))
    return environment | {"PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1", "PYTHONUTF8": "1"}


@contextmanager
def _interruptible(process: _Process) -> Generator[Sequence[int]]:
    """Hands Ctrl-C and SIGTERM on to pytest, which restores and ends; the list tells whether any came."""
    came: list[int] = []

    def hand_on(number: int, _: object) -> None:
        if not came:
            process.child.send_signal(signal.SIGINT)
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


def _now() -> str:
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
