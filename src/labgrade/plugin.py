"""The pytest plugin: one test function is one check. `labgrade check` and plain `pytest labs/<slug>` both use it.

No run loop of its own: it orders the checks, retries the call phase, and turns reports into outcomes.
"""

from __future__ import annotations

import argparse
import signal
from collections.abc import Generator, Mapping
from pathlib import Path
from typing import Any

import pytest

from labgrade.course.rubric import read_lab
from labgrade.errors import HarnessError, UsageError
from labgrade.grading import events
from labgrade.grading.outcomes import Scoresheet, selected
from labgrade.grading.session import Grading, Options
from labgrade.model import Lab, Outcome
from labgrade.patience import within
from labgrade.terminal import line
from labgrade.text import default_language

GRADINGS: pytest.StashKey[dict[Path, Grading]] = pytest.StashKey()


def pytest_addoption(parser: pytest.Parser) -> None:
    """What `labgrade check` hands on; all of it has a default for plain pytest."""
    group = parser.getgroup("labgrade", "grading of Kubernetes labs")
    group.addoption("--kubeconfig", help="the cluster to grade; default: the practice cluster")
    group.addoption("--context", help="context in the kubeconfig")
    group.addoption("--namespace", help="where the lab's work is looked for; default: lab.yaml's")
    group.addoption("--only", action="append", default=[], metavar="CHECK", help="this check and its prerequisites")
    group.addoption("--no-disturb", action="store_true", help="only the checks that look")
    group.addoption(
        "--settle-timeout", type=float, metavar="SECONDS", help="patience with the cluster; default: lab.yaml's"
    )
    group.addoption("--check-timeout", type=float, metavar="SECONDS", help="a check that takes longer ends in error")
    group.addoption("--labgrade-run", help=argparse.SUPPRESS)
    group.addoption("--labgrade-events", type=int, help=argparse.SUPPRESS)
    group.addoption("--labgrade-lease-held", action="store_true", help=argparse.SUPPRESS)


def pytest_configure(config: pytest.Config) -> None:
    """Registers the part with a state."""
    if config.option.labgrade_events is not None:
        # Started from a script's background job we would inherit a deaf ear, and never restore on being interrupted.
        signal.signal(signal.SIGINT, signal.default_int_handler)
    config.pluginmanager.register(Marking(config), "labgrade-marking")


def grading_of(node: pytest.Item) -> Grading:
    """The grading that a check belongs to, for fixtures."""
    return node.config.stash[GRADINGS][node.path.parent]


class Marking:
    """Grades the labs among the collected items; leaves every other test alone."""

    def __init__(self, config: pytest.Config) -> None:
        self._config = config
        self._sheets: dict[Path, Scoresheet] = {}
        self._events = events.Sender(config.option.labgrade_events)
        config.stash[GRADINGS] = {}

    @pytest.hookimpl(trylast=True)
    def pytest_collection_modifyitems(self, config: pytest.Config, items: list[pytest.Item]) -> None:
        """Observing checks first, in the rubric's order; then the disturbing ones."""
        folders = dict.fromkeys(item.path.parent for item in items if (item.path.parent / "lab.yaml").is_file())
        try:
            for folder in folders:
                self._take(config, folder, items)
        except UsageError as error:
            self._end(2, str(error))

    def _take(self, config: pytest.Config, folder: Path, items: list[pytest.Item]) -> None:
        lab = read_lab(folder)
        mine = {item.name.removeprefix("test_"): item for item in items if item.path.parent == folder}
        _compare(lab, mine)
        chosen = selected(lab, only=config.option.only, disturb=not config.option.no_disturb)
        others = [item for item in items if item.path.parent != folder]
        config.hook.pytest_deselected(items=[mine[c.id] for c in lab.checks if c not in chosen])
        items[:] = others + [mine[check.id] for check in chosen]
        self._sheets[folder] = Scoresheet(lab, chosen)
        config.stash[GRADINGS][folder] = Grading(lab, self._options(first=not config.stash[GRADINGS]))

    def _options(self, *, first: bool) -> Options:
        option = self._config.option
        return Options(
            kubeconfig=option.kubeconfig,
            context=option.context,
            namespace=option.namespace,
            timeout=option.settle_timeout,
            run=option.labgrade_run,
            # The labs of one session are on one cluster, and share the first one's Lease.
            lease_held=option.labgrade_lease_held or not first,
        )

    @pytest.hookimpl(wrapper=True)
    def pytest_runtestloop(self, session: pytest.Session) -> Generator[None, Any, Any]:
        """Connects before the first check."""
        gradings = self._config.stash[GRADINGS]
        if session.config.option.collectonly:
            return (yield)
        try:
            for folder, grading in gradings.items():
                self._open(grading, [item for item in session.items if item.path.parent == folder])
            return (yield)
        except (UsageError, HarnessError) as error:
            return self._end(2 if isinstance(error, UsageError) else 3, str(error))

    @pytest.hookimpl(trylast=True)
    def pytest_sessionfinish(self) -> None:
        """Clears away, after every check's own restoring, whatever happened before."""
        for grading in self._config.stash[GRADINGS].values():
            grading.close()

    def _open(self, grading: Grading, items: list[pytest.Item]) -> None:
        info = grading.open()
        self._events.send("start", cluster={"name": info.name, "uid": info.uid, "version": info.version})
        if any("probe" in getattr(item, "fixturenames", ()) for item in items):
            grading.warm()

    def _end(self, code: int, sentence: str) -> None:
        self._events.send("fatal", code=code, message=sentence)
        pytest.exit(sentence, returncode=code)

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_setup(self, item: pytest.Item) -> None:
        """Blocks a check whose prerequisites are not met, before its fixtures are made."""
        sheet = self._sheets.get(item.path.parent)
        if sheet is None:
            return
        check_id = item.name.removeprefix("test_")
        grading_of(item).prober.asked.clear()
        if reason := sheet.hindrance(check_id):
            pytest.skip(reason.en)
        self._events.send("begin", check=check_id)
        grading_of(item).require_cluster()

    @pytest.hookimpl(tryfirst=True)
    def pytest_pyfunc_call(self, pyfuncitem: pytest.Function) -> bool | None:
        """Judges again on every change, until the check is met or the cluster is settled."""
        __tracebackhide__ = True
        sheet = self._sheets.get(pyfuncitem.path.parent)
        if sheet is None:
            return None
        names = pyfuncitem._fixtureinfo.argnames  # pyright: ignore[reportPrivateUsage] - pytest has no public name for it
        arguments = {name: pyfuncitem.funcargs[name] for name in names}
        grading = grading_of(pyfuncitem)

        def judge() -> None:
            __tracebackhide__ = True
            grading.prober.asked.clear()  # what an earlier attempt saw is no evidence for this one
            pyfuncitem.obj(**arguments)

        with within(self._config.option.check_timeout):
            if sheet.check(pyfuncitem.name.removeprefix("test_")).disturbs:
                grading.reconciler.calm_down()
                judge()
            else:
                grading.reconciler.until_met(judge)
        return True

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_makereport(
        self, item: pytest.Item, call: pytest.CallInfo[None]
    ) -> Generator[None, pytest.TestReport, pytest.TestReport]:
        """Notes each phase, and after the last one what became of the check."""
        report = yield
        sheet = self._sheets.get(item.path.parent)
        if sheet is not None:
            error = call.excinfo.value if call.excinfo else None
            check_id = item.name.removeprefix("test_")
            if isinstance(error, HarnessError):
                grading_of(item).lose(error)
            sheet.note(check_id, report.when, error, seconds=report.duration, words=report.longreprtext)
            if report.when == "teardown":
                grading = grading_of(item)
                self._tell(sheet.close(check_id, asked=grading.prober.asked, witness=grading.witness))
        return report

    def _tell(self, outcome: Outcome) -> None:
        self._events.send("outcome", outcome=outcome)

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        """Points, for who runs plain pytest."""
        for sheet in self._sheets.values():
            if not sheet.outcomes:
                continue
            terminalreporter.section(f"{sheet.lab.id}: points")
            for outcome in sheet.outcomes:
                terminalreporter.write_line(line(outcome, language=default_language(), colour=False))
            earned = sum(outcome.earned for outcome in sheet.outcomes)
            terminalreporter.write_line(f"{earned:g} / {sheet.possible:g}")


def _compare(lab: Lab, found: Mapping[str, pytest.Item]) -> None:
    ids = [check.id for check in lab.checks]
    for name in found:
        if name not in ids:
            raise UsageError(f"{lab.folder}/test_lab.py: test_{name} is not in the rubric of lab.yaml")
    for name in ids:
        if name not in found:
            if any(hasattr(getattr(item, "module", None), f"test_{name}") for item in found.values()):
                raise UsageError(f"{lab.id} is graded as a whole: choose checks with --only=CHECK, not with -k or `::`")
            raise UsageError(f"{lab.folder}/lab.yaml: checks.{name} has no function test_{name} in test_lab.py")
