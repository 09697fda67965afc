"""`labgrade prove`."""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

from labgrade import course, engine
from labgrade.cli import FINDINGS, FINE, HARNESS
from labgrade.commands.options import absolute
from labgrade.course.library import Course
from labgrade.errors import UsageError
from labgrade.grading import proof
from labgrade.grading.proof import Case, Finding
from labgrade.grading.proving import Proving
from labgrade.patience import monotonic

JOBS = 4
"""Gradings at once; more than twice the cores gains nothing."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Arguments of `labgrade prove`."""
    parser.add_argument("labs", metavar="LAB", nargs="*")
    parser.add_argument("--all", action="store_true", help="every lab of the course")
    parser.add_argument("--course", metavar="DIR", help="another course than the one that came with labgrade")
    parser.add_argument("--jobs", type=int, default=JOBS, metavar="N", help="gradings at once; default: %(default)s")
    parser.add_argument(
        "--only", metavar="CASE", action="append", default=[], help="starter, solution or a mistake's name"
    )
    parser.add_argument("--part", type=int, default=1, metavar="N", help="of the mistakes only about one in N")
    parser.add_argument("--seed", default="", help="what picks that part, such as a commit")
    parser.add_argument("--out", type=absolute, metavar="DIR", help="keep every result and log here")


def run(args: argparse.Namespace) -> int:
    """Proves labs on clusters of its own, which are removed afterwards; 0 only when all is proven that can be here."""
    found = course.find(args.course)
    cases = _cases(found, args)
    began = monotonic()

    def say(words: str) -> None:
        print(f"{monotonic() - began:6.1f} s  {words}", flush=True)

    def told(finding: Finding) -> None:
        say(shown(finding))

    lacks = engine.find().lacks if any(case.lab.unproven for case in cases) else ()
    with _folder(args) as folder:
        findings = Proving(found, folder, jobs=args.jobs, say=say, told=told, lacks=lacks).prove(cases)
    proven = sum(finding.verdict == "proven" for finding in findings)
    excused = sum(finding.excused for finding in findings)
    more = f", {excused} unproven here" if excused else ""
    print(f"{proven} of {len(findings)} proven{more} in {monotonic() - began:.0f} s")
    if any(finding.verdict == "error" for finding in findings):
        return HARNESS
    return FINE if proven + excused == len(findings) else FINDINGS


def _cases(found: Course, args: argparse.Namespace) -> list[Case]:
    if bool(args.labs) == args.all:
        raise UsageError("name the labs to prove, or --all of them")
    if args.part < 1 or args.jobs < 1:
        raise UsageError("--part and --jobs are whole numbers from 1")
    labs = found.labs() if args.all else [found.lab(name) for name in args.labs]
    cases = proof.share([case for lab in labs for case in proof.cases(lab)], part=args.part, seed=args.seed)
    if args.only:
        cases = [case for case in cases if case.name in args.only]
        if not cases:
            raise UsageError(f"no case is called {' or '.join(args.only)}")
    return cases


@contextmanager
def _folder(args: argparse.Namespace) -> Generator[Path]:
    if args.out:
        yield Path(args.out)
        return
    with tempfile.TemporaryDirectory(prefix="labgrade-") as folder:
        yield Path(folder)


def shown(finding: Finding) -> str:
    """A finding as it is printed: what this machine cannot prove on one line, differences below."""
    head = f"{finding.verdict:8}  {finding.case.lab.id}  {finding.case.name}"
    if finding.excused:
        return f"{head}: {'; '.join(finding.differences)}"
    return head + "".join(f"\n{'':20}{line}" for line in finding.differences)
