"""`labgrade prove`."""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Callable, Generator
from contextlib import contextmanager
from pathlib import Path

from labgrade import course
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
    """Proves labs on clusters of its own, which are removed afterwards; 0 only when all is proven."""
    found = course.find(args.course)
    cases = _cases(found, args)
    began = monotonic()

    def say(words: str) -> None:
        print(f"{monotonic() - began:6.1f} s  {words}", flush=True)

    with _folder(args) as folder:
        findings = Proving(found, folder, jobs=args.jobs, say=say, told=lambda found: _show(found, say)).prove(cases)
    proven = sum(finding.verdict == "proven" for finding in findings)
    print(f"{proven} of {len(findings)} proven in {monotonic() - began:.0f} s")
    if any(finding.verdict == "error" for finding in findings):
        return HARNESS
    return FINE if proven == len(findings) else FINDINGS


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


def _show(finding: Finding, say: Callable[[str], None]) -> None:
    differences = "".join(f"\n{'':20}{line}" for line in finding.differences)
    say(f"{finding.verdict:8}  {finding.case.lab.id}  {finding.case.name}{differences}")
