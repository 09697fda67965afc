"""From what a student handed in to a submission: found, judged, bounded, and in order."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from pathlib import Path

from labgrade.cohort.model import BySubmission
from labgrade.cohort.submissions import documents, listing, revision, unpacking
from labgrade.cohort.submissions.documents import Read, TooMuch
from labgrade.cohort.submissions.listing import order, taken
from labgrade.cohort.submissions.refusal import Refused, shown
from labgrade.cohort.submissions.unpacking import Entry
from labgrade.cohort.task import Submission
from labgrade.course.answers import CLUSTER, SETUP, STEPS
from labgrade.model import Lab
from labgrade.text import Text

__all__ = ["Refused", "manifests", "order", "read"]

MOST_OBJECTS = 500
MOST_VALUES = 3 << 20
"""Of all manifests together, as `documents.LARGEST` counts: reading more would keep others waiting."""


def read(source: BySubmission, lab: Lab, *, several: bool) -> Submission:
    """What was handed in for that lab.

    With `several` labs it is in a folder of the lab's name; with one it may be. Refused with all that is wrong with
    it; UsageError where there is nothing at that path.
    """
    submitted = ""
    if source.revision is not None:
        tree = revision.tree(source.path, source.revision)
        found, submitted = taken(_within(tree.entries, lab.id, several=several)), tree.committed
    elif _is_zip(source.path):
        with unpacking.archive(source.path) as entries:
            found = taken(_within(_looked_through(entries, lab.id), lab.id, several=several))
    else:
        with unpacking.folder(source.path, lab.id, several=several) as entries:
            found = taken(entries)
    files, ignored = found
    if not files:
        raise Refused(_nothing(ignored))
    _judge_contents(files)
    return Submission(files, _digest(files), submitted=submitted, ignored=ignored)


def manifests(submission: Submission) -> dict[str, Read]:
    """What its manifests hold, in order."""
    return {
        name: documents.read(content)
        for name, content in submission.files.items()
        if name not in {CLUSTER, SETUP, STEPS}
    }


def _is_zip(path: Path) -> bool:
    return not path.is_dir() and (path.is_file() or path.suffix.lower() == ".zip")


def _looked_through(entries: Sequence[Entry], lab: str) -> Sequence[Entry]:
    """The entries less a single folder that all of them are in; many programs pack one around the answer."""
    tops = {entry.path.partition("/")[0] for entry in entries if "/" in entry.path} - {listing.JUNK}
    alone = all("/" in entry.path or entry.path.startswith(".") for entry in entries)
    top = next(iter(tops)) if len(tops) == 1 and alone else ""
    return _below(entries, top) if top and top not in {lab, ".", "..", unpacking.GIT} else entries


def _within(entries: Sequence[Entry], lab: str, *, several: bool) -> Sequence[Entry]:
    if any(entry.path == lab or entry.path.startswith(f"{lab}/") for entry in entries):
        inner = _below(entries, lab)
        return inner or [entry for entry in entries if entry.path == lab]
    if several:
        raise unpacking.missing(lab)
    return entries


def _below(entries: Sequence[Entry], folder: str) -> list[Entry]:
    prefix = f"{folder}/"
    return [
        Entry(entry.path.removeprefix(prefix), entry.size, entry.what, entry.read)
        for entry in entries
        if entry.path.startswith(prefix)
    ]


def _judge_contents(files: Mapping[str, bytes]) -> None:
    """Refused where manifests hold more than they seem to, or more than any lab asks for."""
    reasons: list[Text] = []
    objects = size = 0
    for name, content in files.items():
        if name in {STEPS, SETUP}:
            continue
        try:
            read = documents.read(content)
        except TooMuch as error:
            raise Refused(_bomb(name, str(error))) from error
        objects, size = objects + len(read.objects), size + read.size
        if size > MOST_VALUES:
            raise Refused(_bomb(name, "its values, with those of the files before, are more than any lab asks for"))
        if not _decodes(content):
            reasons.append(_no_text(name))
    if objects > MOST_OBJECTS:
        reasons.append(_many_objects(objects))
    if reasons:
        raise Refused(*reasons)


def _decodes(content: bytes) -> bool:
    try:
        content.decode()
    except UnicodeDecodeError:
        return False
    return True


def _digest(files: Mapping[str, bytes]) -> str:
    digest = hashlib.sha256()
    for name, content in sorted(files.items()):
        digest.update(f"{name}\0{len(content)}\0".encode())
        digest.update(content)
    return f"sha256:{digest.hexdigest()}"


def _nothing(ignored: tuple[str, ...]) -> Text:
    found = ", ".join(map(shown, ignored[:5]))
    en, fr = (f" (only {found})", f" (seulement {found})") if found else ("", "")
    return Text(
        f"it holds no answer{en}: manifests are files that end in .yaml or .yml",
        f"il n'y a pas de réponse{fr}\u00a0: les manifestes sont des fichiers en .yaml ou .yml",
    )


def _many_objects(count: int) -> Text:
    return Text(
        f"its manifests hold {count} objects, and at most {MOST_OBJECTS} are applied",
        f"ses manifestes contiennent {count} objets, et {MOST_OBJECTS} au plus sont appliqués",
    )


def _bomb(name: str, why: str) -> Text:
    return Text(
        f"{shown(name)}: is larger than it looks ({shown(why)}): write it out",
        f"{shown(name)}\u00a0: est plus grand qu'il n'en a l'air ({shown(why)})\u00a0: écrivez-le en entier",
    )


def _no_text(name: str) -> Text:
    return Text(
        f"{shown(name)}: is no text in UTF-8: save it as UTF-8",
        f"{shown(name)}\u00a0: n'est pas un texte en UTF-8\u00a0: enregistrez-le en UTF-8",
    )
