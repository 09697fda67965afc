"""`labgrade check`."""

from __future__ import annotations

import argparse
import sys
from contextlib import suppress
from pathlib import Path

from labgrade import course, exports, result
from labgrade.cli import FINDINGS, FINE, HARNESS, INTERRUPTED
from labgrade.cluster import target
from labgrade.commands.options import (
    absolute,
    cluster_options,
    confirm,
    course_options,
    language,
    seconds,
)
from labgrade.errors import HarnessError, UsageError
from labgrade.grading.outcomes import selected
from labgrade.grading.process import Interrupted, Order, grade
from labgrade.kubeconfig import Access
from labgrade.model import Check, Lab, LabResult, Outcome
from labgrade.terminal import evidence, line, look, shown, summary
from labgrade.text import Language, Text, harmless
from labgrade.wholefile import write_whole

DISTURBS = Text(en="This run disturbs the cluster:", fr="Cette exécution perturbe le cluster :")

GO_ON = Text(en="Go on?", fr="Continuer ?")

WATCHING = Text(
    en="Watching: the next check begins when something changes. Ctrl-C ends.",
    fr="J'observe : la prochaine vérification commence dès que quelque chose change. Ctrl-C pour arrêter.",
)
SEEN = Text(
    en="All that can be seen is earned. The checks that disturb are tried by: labgrade check {}",
    fr="Tout ce qui se voit est acquis. Les vérifications qui perturbent se lancent par : labgrade check {}",
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Arguments of `labgrade check`."""
    parser.add_argument("lab", metavar="LAB")
    cluster_options(parser)
    course_options(parser)
    group = parser.add_argument_group("what is checked, and where results go")
    group.add_argument("--only", action="append", default=[], metavar="CHECK", help="this check and its prerequisites")
    group.add_argument("--no-disturb", action="store_true", help="leave out what deletes or scales")
    group.add_argument(
        "--watch", action="store_true", help="look again at every change, until all is right; no disturbing"
    )
    group.add_argument("--timeout", type=seconds, metavar="SECONDS", help="patience with a cluster that still changes")
    group.add_argument("--out", type=absolute, metavar="DIR", help="default: reports/LAB")
    group.add_argument("--format", action="append", default=[], choices=sorted(exports.EXPORTS), help="repeatable")


def run(args: argparse.Namespace) -> int:
    """Grades, printing each check as it finishes; 0 only when everything was looked at and earned."""
    found = course.find(args.course)
    lab = found.lab(args.lab)
    order = Order(
        course=found,
        lab=lab,
        kubeconfig=args.kubeconfig,
        context=args.context,
        namespace=args.namespace,
        only=tuple(args.only),
        disturb=not (args.no_disturb or args.watch),
        timeout=args.timeout,
    )
    chosen = selected(lab, only=order.only, disturb=order.disturb)
    folder = _folder(args, lab, chosen)
    screen = _Screen(args, lab)
    try:
        if args.watch:
            return _watch(order, chosen, folder, screen, args)
        screen.announce(chosen)
        _agree(args, chosen)
        return exit_code(_grade(order, folder, screen, args))
    except Interrupted:
        return INTERRUPTED


def _grade(order: Order, folder: Path, screen: _Screen, args: argparse.Namespace) -> LabResult:
    def began(check: Check) -> None:
        screen.began(check)
        for chosen in exports.EXPORTS.values():
            chosen.load()  # while the check runs, so that nobody waits for it in the end

    try:
        graded = grade(order, folder, began=began, told=screen.told)
    except Interrupted as interruption:
        screen.summarise(interruption.result, export(interruption.result, folder, args))
        raise
    except (HarnessError, UsageError):
        # Where there is nothing to read, the first error says why.
        with suppress(UsageError, HarnessError):
            export(result.read(folder / result.FILE_NAME), folder, args)
        raise
    screen.summarise(graded, export(graded, folder, args))
    return graded


def _watch(order: Order, chosen: list[Check], folder: Path, screen: _Screen, args: argparse.Namespace) -> int:
    """Grades, and grades again on every change, until everything that can be seen is earned."""
    from labgrade.cluster import changes  # the client library costs time that a single check has better uses for

    def reach() -> Access:
        return target.resolve(order.kubeconfig, order.context, order.lab.cluster)

    with changes.followed(reach, order.namespace or order.lab.namespace) as follow:
        while True:
            screen.afresh()
            screen.announce(chosen)
            try:
                graded = _grade(order, folder, screen, args)
            except (HarnessError, UsageError) as error:
                print(f"labgrade: {harmless(str(error))}", file=sys.stderr)
            else:
                if all(outcome.state in {"passed", "skipped"} for outcome in graded.outcomes):
                    screen.say(SEEN if len(chosen) < len(order.lab.checks) else Text("", ""))
                    return exit_code(graded)
            screen.say(WATCHING)
            follow.wait()


def _agree(args: argparse.Namespace, chosen: list[Check]) -> None:
    """Asks before it disturbs what a student has made, where somebody is there to ask."""
    if sys.stdin.isatty() and any(check.disturbs for check in chosen):
        confirm(GO_ON, args, otherwise="Nothing was graded. `--no-disturb` leaves those checks out.")


def exit_code(graded: LabResult) -> int:
    """0 complete with everything earned, 3 where something could not be looked at, else 1."""
    if any(outcome.state == "error" for outcome in graded.outcomes):
        return HARNESS
    return FINE if graded.perfect else FINDINGS


def export(graded: LabResult, folder: Path, args: argparse.Namespace) -> list[Path]:
    """Writes the reports beside result.json; their paths, result.json's first."""
    names = args.format or ["junit", "html"]
    written = [folder / result.FILE_NAME]
    for name in names:
        chosen = exports.EXPORTS[name]
        path = folder / chosen.file
        if path not in written:
            write_whole(path, chosen.render(graded, language=language(args)).encode())
            written.append(path)
    return written


def _folder(args: argparse.Namespace, lab: Lab, chosen: list[Check]) -> Path:
    """Where results go: a partial run never takes the place of a full result."""
    folder = Path(args.out) if args.out else Path.cwd() / "reports" / lab.id
    if len(chosen) == len(lab.checks):
        return folder
    return folder / "partial" if result.complete_in(folder) else folder


class _Screen:
    """What the student sees."""

    def __init__(self, args: argparse.Namespace, lab: Lab) -> None:
        self._language: Language = language(args)
        self._quiet, self._verbose, self._lab = args.quiet, args.verbose, lab
        self._look = look(sys.stdout, no_color=args.no_color)
        self._titles = {check.id: check.title for check in lab.checks}
        self._transient = sys.stdout.isatty() and not args.quiet

    def afresh(self) -> None:
        """An empty screen for another round; a line between rounds where it is none."""
        if sys.stdout.isatty():
            print("\x1b[2J\x1b[3J\x1b[H", end="")
        else:
            print("-" * self._look["width"])

    def say(self, words: Text) -> None:
        """A sentence below the summary."""
        if words:
            print(f"\n{words[self._language].format(self._lab.id)}", flush=True)

    def announce(self, checks: list[Check]) -> None:
        """The lab, and beforehand what will be disturbed."""
        if self._quiet:
            return
        print(f"{self._lab.id} · {self._lab.title[self._language]}")
        acts = [check.disturbs[self._language] for check in checks if check.disturbs]
        if acts:
            print(DISTURBS[self._language], *(f"  - {act}" for act in acts), sep="\n")
        print(flush=True)

    def began(self, check: Check) -> None:
        """A line that the outcome will replace."""
        if self._transient:
            print(f"… {check.title[self._language]}"[: self._look["width"] - 1], end="\r", flush=True)

    def told(self, outcome: Outcome) -> None:
        """A check's line, as it finishes."""
        if self._transient:
            print(" " * (self._look["width"] - 1), end="\r")
        if not self._quiet:
            print(line(outcome, language=self._language, titles=self._titles, **self._look), flush=True)
        for words in evidence(outcome, verbose=self._verbose):
            print(shown(words, self._look["encoding"]), flush=True)

    def summarise(self, graded: LabResult, files: list[Path]) -> None:
        """The score, and where the files are."""
        if not self._quiet:
            print()
        print(summary(graded, language=self._language, files=files, **self._look), flush=True)
