"""`labgrade report`."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from labgrade import stored
from labgrade.cli import FINE
from labgrade.cohort.model import CohortResult
from labgrade.commands.options import language, output_options
from labgrade.errors import UsageError
from labgrade.exports import EXPORTS
from labgrade.exports.cohort import COHORT_EXPORTS
from labgrade.model import LabResult
from labgrade.terminal import Look, evidence, line, look, shown, summary
from labgrade.text import Language, Text, harmless
from labgrade.wholefile import make_folder, write_whole

TEXT = "text"
TEXT_FILE = "report.txt"
PAGE = Look(colour=False, width=80, encoding="utf-8")
"""How text looks in a file."""

WHEN = Text(en="graded {} on the cluster {}, Kubernetes {}", fr="évalué le {} sur le cluster {}, Kubernetes {}")
NOWHERE = Text(en="{}, on no cluster", fr="{}, sur aucun cluster")
"""Of a result that was never begun."""


@dataclass(frozen=True, slots=True)
class Source:
    """A stored file, and what is to be made of it."""

    path: Path
    formats: tuple[str, ...]
    cohort: bool


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Arguments of `labgrade report`."""
    parser.add_argument(
        "results",
        nargs="+",
        type=Path,
        metavar="RESULT",
        help="a result.json, a folder that holds one or several, or the folder or cohort.json that `grade` wrote",
    )
    parser.add_argument(
        "--format",
        action="append",
        default=[],
        choices=sorted({TEXT, *EXPORTS, *COHORT_EXPORTS}),
        help=f"default: {TEXT}, as `check` prints it; repeatable with --out; of a graded cohort its own formats",
    )
    parser.add_argument("--out", type=Path, metavar="DIR", help="write files here, for several results in folders")
    output_options(parser, quiet="do not say which files were written")
    parser.add_argument("--verbose", action="store_true", help="in the text also the evidence of each check")


def run(args: argparse.Namespace) -> int:
    """Renders stored results; those that cannot be read are told at the end, and the others are there all the same."""
    sources, complaints = _sources(args.results, list(dict.fromkeys(args.format)) or [TEXT])
    files = [name for source in sources for name in source.formats]
    if not args.out and len(files) > 1 and set(files) != {TEXT}:
        raise UsageError(f"that makes {len(files)} files: say with --out DIR where they shall go")
    shown = 0
    for source, place in zip(sources, stored.places([source.path for source in sources]), strict=True):
        try:
            found = stored.read_cohort(source.path) if source.cohort else stored.read(source.path)
        except UsageError as error:
            complaints.append(str(error))
            continue
        if args.out:
            _write(found, source, args, into=args.out / place)
        else:
            _show(found, source.formats[0], args, first=not shown)
        _tell_left_out(found, source.formats)
        shown += 1
    sys.stdout.flush()
    if complaints:
        raise UsageError("\n".join(complaints))
    return FINE


def _sources(given: list[Path], formats: list[str]) -> tuple[list[Source], list[str]]:
    """Each file once, in the order given; and what is wrong with the rest."""
    found: dict[str, Source] = {}
    complaints: list[str] = []
    for path in given:
        try:
            for source in _named_by(path, formats, complaints):
                found.setdefault(os.path.realpath(source.path), source)
        except (UsageError, OSError, ValueError) as error:
            complaints.append(str(error))
    return list(found.values()), complaints


def _named_by(path: Path, formats: list[str], complaints: list[str]) -> list[Source]:
    """What a path stands for: a cohort in the formats that a cohort has, in the others each result below it.

    UsageError where it stands for nothing; formats that do not fit are added to the complaints.
    """
    cohort = stored.cohort_at(path)
    whole = tuple(name for name in formats if name in COHORT_EXPORTS) if cohort else ()
    single = tuple(name for name in formats if name not in whole and (name == TEXT or name in EXPORTS))
    sources = [Source(cohort, whole, cohort=True)] if cohort and whole else []
    if single and cohort and not path.is_dir():
        complaints.append(f"{path} is a cohort, and {_listed(single)} is made of a result: name the folder it lies in")
    elif single:
        sources += [Source(file, single, cohort=False) for file in stored.files(path)]
    wrong = [name for name in formats if name not in whole + single]
    if wrong:
        if not path.exists():
            raise UsageError(f"{path} cannot be read: No such file or directory")
        complaints.append(
            f"{path} is no graded cohort, which {_listed(wrong)} is made of:"
            " name the folder that `labgrade grade` wrote"
        )
    return sources


def _listed(names: Sequence[str]) -> str:
    return " or ".join(names)


def _write(found: LabResult | CohortResult, source: Source, args: argparse.Namespace, *, into: Path) -> None:
    make_folder(into)
    for name in source.formats:
        path = into / _file(name, source)
        # A stored result is never replaced by what this version knows of it.
        if os.path.realpath(path) != os.path.realpath(source.path):
            write_whole(path, _rendered(found, name, args, PAGE).encode())
        if not args.quiet:
            print(harmless(str(path)))


def _file(name: str, source: Source) -> str:
    if name == TEXT:
        return TEXT_FILE
    return COHORT_EXPORTS[name].file if source.cohort else EXPORTS[name].file


def _show(found: LabResult | CohortResult, name: str, args: argparse.Namespace, *, first: bool) -> None:
    """On the screen; as bytes, since a file's encoding is not the screen's affair."""
    words = _rendered(found, name, args, look(sys.stdout, no_color=args.no_color))
    sys.stdout.flush()
    encoding = sys.stdout.encoding if name == TEXT else "utf-8"
    between = "\n" if name == TEXT and not first else ""
    sys.stdout.buffer.write(f"{between}{words}".encode(encoding, "replace"))


def _rendered(found: LabResult | CohortResult, name: str, args: argparse.Namespace, looks: Look) -> str:
    if isinstance(found, CohortResult):
        return COHORT_EXPORTS[name].render(found, language=language(args))
    if name == TEXT:
        return text(found, language(args), looks, verbose=args.verbose)
    return EXPORTS[name].render(found, language=language(args))


def _tell_left_out(found: LabResult | CohortResult, formats: tuple[str, ...]) -> None:
    """Says who is in none of the rows: on standard error, since the file goes elsewhere as it is."""
    if isinstance(found, CohortResult):
        for name in formats:
            missing = COHORT_EXPORTS[name].missing(found)
            if missing:
                print(f"labgrade: {harmless(missing)}", file=sys.stderr)


def text(result: LabResult, lang: Language, looks: Look, *, verbose: bool = False) -> str:
    """What `check` printed, with whose work it is, when and where it was graded."""
    when = result.started.partition(".")[0].replace("T", " ").removesuffix("Z").removesuffix("+00:00")
    lines = [f"{result.lab_id} · {result.lab_title[lang]}"]
    if result.student:
        lines.append(f"{result.student.name} ({result.student.id})")
    where = WHEN if result.cluster.name else NOWHERE
    lines += [where[lang].format(f"{when} UTC", result.cluster.name, result.cluster.version), ""]
    lines = [shown(harmless(words), looks["encoding"]) for words in lines]
    titles = {outcome.id: outcome.title for outcome in result.outcomes}
    for outcome in result.outcomes:
        lines.append(line(outcome, language=lang, titles=titles, **looks))
        lines += [shown(words, looks["encoding"]) for words in evidence(outcome, verbose=verbose)]
    return "\n".join([*lines, "", summary(result, language=lang, **looks), ""])
