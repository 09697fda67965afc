"""Options that several commands share."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from labgrade.course.rubric import NAMESPACE
from labgrade.errors import UsageError
from labgrade.text import Language, Text, default_language


def absolute(name: str) -> str:
    """A path made absolute: the grader works in a folder of its own."""
    return str(Path(name).expanduser().absolute())


def shown_path(path: Path) -> Path:
    """A path as one would type it here: relative, where it lies below the working directory."""
    return path.relative_to(Path.cwd()) if path.is_relative_to(Path.cwd()) else path


def seconds(words: str) -> float:
    """A number of seconds above 0."""
    value = float(words)
    if not 0 < value < 86400:
        raise argparse.ArgumentTypeError(f"{words} is not a number of seconds between 0 and 86400")
    return value


def namespace(name: str) -> str:
    """A name that Kubernetes allows for a namespace."""
    if not NAMESPACE.fullmatch(name):
        raise argparse.ArgumentTypeError(f"{name!r} is not a name that Kubernetes allows for a namespace")
    return name


def cluster_options(parser: argparse.ArgumentParser) -> None:
    """Which cluster."""
    group = parser.add_argument_group("which cluster")
    group.add_argument("--kubeconfig", type=absolute, metavar="FILE", help="default: the practice cluster's")
    group.add_argument("--context", metavar="NAME", help="a context in the kubeconfig; it must lead to a kind cluster")
    group.add_argument(
        "--namespace", type=namespace, metavar="NAME", help="where the lab's work is looked for; default: the lab's own"
    )


def course_options(parser: argparse.ArgumentParser) -> None:
    """Which course, and how to talk."""
    group = parser.add_argument_group("course and output")
    group.add_argument("--course", metavar="DIR", help="another course than the one that came with labgrade")
    group.add_argument("--lang", choices=("fr", "en"), help="default: the locale's")
    group.add_argument("--yes", action="store_true", help="ask nothing")
    group.add_argument("--quiet", action="store_true", help="only the score, or what went wrong")
    group.add_argument("--verbose", action="store_true", help="also the evidence of each check")
    group.add_argument("--no-color", action="store_true", help="plain text; so does NO_COLOR")


def output_options(parser: argparse.ArgumentParser, *, quiet: str) -> None:
    """How to talk, for commands that grade nothing; `quiet` says what is left out."""
    parser.add_argument("--lang", choices=("fr", "en"), help="default: the locale's")
    parser.add_argument("--quiet", action="store_true", help=quiet)
    parser.add_argument("--no-color", action="store_true", help="plain text; so does NO_COLOR")


def language(args: argparse.Namespace) -> Language:
    """The language to talk in."""
    return args.lang or default_language()


def confirm(question: Text, args: argparse.Namespace, *, otherwise: str) -> None:
    """Goes on only with a yes, from --yes or from the person at the terminal; else UsageError with `otherwise`."""
    if args.yes:
        return
    if not sys.stdin.isatty():
        raise UsageError(f"{otherwise} Nobody is there to ask: add --yes to agree.")
    prompt = f"{question[language(args)]} [{'o' if language(args) == 'fr' else 'y'}/N] "
    if input(prompt).strip().lower() not in {"y", "yes", "o", "oui"}:
        raise UsageError(otherwise)
