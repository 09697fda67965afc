"""`labgrade new`."""

from __future__ import annotations

import argparse
import shlex

from labgrade import course
from labgrade.cli import FINE
from labgrade.commands.options import shown_path
from labgrade.course.lint.texts import BLANK
from labgrade.course.new import make
from labgrade.text import harmless

NEXT = """\
{folder} is there, and grades already: one check, one mistake. What comes next:
  1. Put your own checks, answers and mistakes in the place of the example.
  2. Fill in the blanks, marked {blank}, until nothing is left to find:
       labgrade lint {lab}
  3. Show on a cluster that it grades right:
       labgrade prove {lab}"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Arguments of `labgrade new`."""
    parser.add_argument("lab", metavar="LAB", help="a letter, two digits, and words, such as b01-deployment-labels")
    parser.add_argument("--course", metavar="DIR", help="another course than the checkout's")
    parser.add_argument("--quiet", action="store_true", help="say nothing")


def run(args: argparse.Namespace) -> int:
    """Makes the lab's folder and says what to do next."""
    folder = make(course.find(args.course), args.lab)
    if not args.quiet:
        more = f" --course {shlex.quote(args.course)}" if args.course else ""
        print(harmless(NEXT.format(folder=shown_path(folder), blank=BLANK, lab=args.lab + more)), flush=True)
    return FINE
