"""`labgrade lint`."""

from __future__ import annotations

import argparse

from labgrade import course
from labgrade.cli import FINDINGS, FINE
from labgrade.commands.options import shown_path
from labgrade.course.lint import Report, lint
from labgrade.text import harmless


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Arguments of `labgrade lint`."""
    parser.add_argument("labs", metavar="LAB", nargs="*", help="default: every lab of the course")
    parser.add_argument("--course", metavar="DIR", help="another course than the one that came with labgrade")
    parser.add_argument("--quiet", action="store_true", help="only what is wrong")


def run(args: argparse.Namespace) -> int:
    """Says all that is wrong, a line for each finding: file, line, and what to mend."""
    report = lint(course.find(args.course), args.labs)
    for finding in report.findings:
        print(harmless(f"{shown_path(finding.path)}{str(finding).removeprefix(str(finding.path))}"))
    if not args.quiet:
        print(_summary(report), flush=True)
    return FINDINGS if report.findings else FINE


def _summary(report: Report) -> str:
    counts = ((len(report.drafts), "lab"), (report.checks, "check"), (report.mistakes, "mistake"))
    looked = ", ".join(f"{count} {word}{'' if count == 1 else 's'}" for count, word in counts)
    if not report.findings:
        return f"{looked}: nothing to complain about"
    found = len(report.findings)
    return f"{looked}: {found} finding{'' if found == 1 else 's'}"
