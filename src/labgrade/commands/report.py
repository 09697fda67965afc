"""`labgrade report`."""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path

from labgrade import stored
from labgrade.cli import FINE
from labgrade.commands.options import language, output_options
from labgrade.errors import UsageError
from labgrade.exports import EXPORTS
from labgrade.model import LabResult
from labgrade.terminal import Look, evidence, line, look, shown, summary
from labgrade.text import Language, Text, harmless
from labgrade.wholefile import make_folder, write_whole

TEXT = "text"
TEXT_FILE = "report.txt"
PAGE = Look(colour=False, width=80, encoding="utf-8")
"""How text looks in a file."""

WHEN = Text(en="graded {} on the cluster {}, Kubernetes {}", fr="évalué le {} sur le cluster {}, Kubernetes {}")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Arguments of `labgrade report`."""
    parser.add_argument(
        "results", nargs="+", type=Path, metavar="RESULT", help="a result.json, or a folder that holds one or several"
    )
    parser.add_argument(
        "--format",
        action="append",
        default=[],
        choices=[TEXT, *sorted(EXPORTS)],
        help=f"default: {TEXT}, as `check` prints it; repeatable with --out",
    )
    parser.add_argument("--out", type=Path, metavar="DIR", help="write files here, for several results in folders")
    output_options(parser, quiet="do not say which files were written")
    parser.add_argument("--verbose", action="store_true", help="in the text also the evidence of each check")


def run(args: argparse.Namespace) -> int:
    """Renders stored results; those that cannot be read are told at the end, and the others are there all the same."""
    paths, complaints = _paths(args.results)
    formats = list(dict.fromkeys(args.format)) or [TEXT]
    if not args.out and (len(formats) > 1 or (len(paths) > 1 and formats != [TEXT])):
        raise UsageError(f"that makes {len(formats) * len(paths)} files: say with --out DIR where they shall go")
    shown = 0
    for path, place in zip(paths, stored.places(paths), strict=True):
        try:
            result = stored.read(path)
        except UsageError as error:
            complaints.append(str(error))
            continue
        if args.out:
            _write(result, formats, args, into=args.out / place, source=path)
        else:
            _show(result, formats[0], args, first=not shown)
        shown += 1
    sys.stdout.flush()
    if complaints:
        raise UsageError("\n".join(complaints))
    return FINE


def _paths(given: list[Path]) -> tuple[list[Path], list[str]]:
    """Each file once, in the order given; and what is wrong with the rest."""
    found: dict[str, Path] = {}
    complaints: list[str] = []
    for path in given:
        try:
            for each in stored.files(path):
                found.setdefault(os.path.realpath(each), each)
        except (UsageError, OSError, ValueError) as error:
            complaints.append(str(error))
    return list(found.values()), complaints


def _write(result: LabResult, formats: list[str], args: argparse.Namespace, *, into: Path, source: Path) -> None:
    make_folder(into)
    for name in formats:
        path = into / (TEXT_FILE if name == TEXT else EXPORTS[name].file)
        # A stored result is never replaced by what this version knows of it.
        if os.path.realpath(path) != os.path.realpath(source):
            write_whole(path, _rendered(result, name, args, PAGE).encode())
        if not args.quiet:
            print(harmless(str(path)))


def _show(result: LabResult, name: str, args: argparse.Namespace, *, first: bool) -> None:
    """On the screen; as bytes, since a file's encoding is not the screen's affair."""
    words = _rendered(result, name, args, look(sys.stdout, no_color=args.no_color))
    sys.stdout.flush()
    encoding = sys.stdout.encoding if name == TEXT else "utf-8"
    between = "\n" if name == TEXT and not first else ""
    sys.stdout.buffer.write(f"{between}{words}".encode(encoding, "replace"))


def _rendered(result: LabResult, name: str, args: argparse.Namespace, looks: Look) -> str:
    if name == TEXT:
        return text(result, language(args), looks, verbose=args.verbose)
    return EXPORTS[name].render(result, language=language(args))


def text(result: LabResult, lang: Language, looks: Look, *, verbose: bool = False) -> str:
    """What `check` printed, with whose work it is, when and where it was graded."""
    when = result.started.partition(".")[0].replace("T", " ").removesuffix("Z").removesuffix("+00:00")
    lines = [f"{result.lab_id} · {result.lab_title[lang]}"]
    if result.student:
        lines.append(f"{result.student.name} ({result.student.id})")
    lines += [WHEN[lang].format(f"{when} UTC", result.cluster.name, result.cluster.version), ""]
    lines = [shown(harmless(words), looks["encoding"]) for words in lines]
    titles = {outcome.id: outcome.title for outcome in result.outcomes}
    for outcome in result.outcomes:
        lines.append(line(outcome, language=lang, titles=titles, **looks))
        lines += [shown(words, looks["encoding"]) for words in evidence(outcome, verbose=verbose)]
    return "\n".join([*lines, "", summary(result, language=lang, **looks), ""])
