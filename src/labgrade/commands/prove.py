"""`labgrade prove`."""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Generator
from concurrent.futures import ThreadPoolExecutor, as_completed
from contextlib import contextmanager
from pathlib import Path

from labgrade import course, kubeconfig
from labgrade.cli import FINDINGS, FINE, HARNESS
from labgrade.commands.options import absolute
from labgrade.course.library import Course
from labgrade.errors import UsageError
from labgrade.grading import process as gradelab
from labgrade.grading import proof
from labgrade.grading.proof import Case, Finding
from labgrade.patience import monotonic
from labgrade.probe.image import IMAGE
from labgrade.providers import PROVIDERS, ClusterSpec
from labgrade.runid import new_run

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
    """Proves labs on a cluster of its own, which is removed afterwards; 0 only when all is proven."""
    found = course.find(args.course)
    cases = _cases(found, args)
    began = monotonic()
    with _cluster(cases, began) as path, _folder(args) as folder:
        findings = _prove(cases, found, path, folder, args.jobs, began)
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
def _cluster(cases: list[Case], began: float) -> Generator[Path]:
    """A cluster for these cases; its kubeconfig. Never the current context, always removed."""
    name, kind = f"labgrade-prove-{new_run()}", PROVIDERS["kind"]
    images = dict.fromkeys([IMAGE, *(image for case in cases for image in case.lab.images)])
    with tempfile.TemporaryDirectory(prefix="labgrade-") as folder:
        spec = ClusterSpec(name, Path(folder) / "kubeconfig", tuple(images))
        try:
            kind.start(spec, lambda words: print(f"{monotonic() - began:6.1f} s  {words}", flush=True))
            yield spec.kubeconfig
        finally:
            kind.stop(name)


@contextmanager
def _folder(args: argparse.Namespace) -> Generator[Path]:
    if args.out:
        yield Path(args.out)
        return
    with tempfile.TemporaryDirectory(prefix="labgrade-") as folder:
        yield Path(folder)


def _prove(cases: list[Case], found: Course, path: Path, folder: Path, jobs: int, began: float) -> list[Finding]:
    access = kubeconfig.read(path)
    findings: list[Finding] = []
    with ThreadPoolExecutor(jobs) as pool:
        try:
            tasks = [
                pool.submit(proof.prove, case, found, access, path, folder / case.lab.id / case.name) for case in cases
            ]
            for task in as_completed(tasks):
                findings.append(task.result())
                _show(findings[-1], began)
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            gradelab.interrupt_all()
            raise
    return findings


def _show(finding: Finding, began: float) -> None:
    case = finding.case
    print(f"{monotonic() - began:6.1f} s  {finding.verdict:8}  {case.lab.id}  {case.name}", flush=True)
    for line in finding.differences:
        print(f"{'':20}{line}", flush=True)
