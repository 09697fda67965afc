"""`labgrade doctor`."""

from __future__ import annotations

import argparse
import sys

from labgrade.cli import FINDINGS, FINE, HARNESS
from labgrade.commands.options import absolute, language, output_options
from labgrade.diagnosis import CHECK_UPS
from labgrade.diagnosis.finding import Finding
from labgrade.diagnosis.patient import Patient
from labgrade.diagnosis.rounds import Seen, examine, worst
from labgrade.diagnosis.shown import entry, unseen, verdict
from labgrade.terminal import look

LOUD = frozenset({"warning", "trouble", "error"})
"""Levels that --quiet leaves."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Arguments of `labgrade doctor`."""
    parser.add_argument("--kubeconfig", type=absolute, metavar="FILE", help="default: the practice cluster's")
    parser.add_argument("--context", metavar="NAME", help="a context in the kubeconfig")
    parser.add_argument("--course", metavar="DIR", help="another course than the one that came with labgrade")
    output_options(parser, quiet="only what is to be mended, and the verdict")
    parser.add_argument("--verbose", action="store_true", help="also versions and paths, for a bug report")


def run(args: argparse.Namespace) -> int:
    """Looks at everything; 0 when labgrade runs here, 1 when something is to be mended, 3 where it could not look."""
    lang, looks = language(args), look(sys.stdout, no_color=args.no_color)
    seen: list[Seen] = []
    with Patient(args.kubeconfig, args.context, args.course, encoding=looks["encoding"]) as patient:
        for each in examine(patient, CHECK_UPS):
            seen.append(each)
            for finding in each.findings:
                if not args.quiet or finding.level in LOUD:
                    print(entry(finding, lang, looks, verbose=args.verbose), flush=True)
    findings = [finding for each in seen for finding in each.findings]
    left_out = [words for finding in findings if (words := unseen(seen, finding, lang, looks))]
    print(*left_out, "", verdict(findings, lang, looks), sep="\n", flush=True)
    return exit_code(findings)


def exit_code(findings: list[Finding]) -> int:
    """Warnings are no findings in the sense of exit codes: labgrade runs with them."""
    level = worst(findings)
    return HARNESS if level == "error" else FINDINGS if level == "trouble" else FINE
