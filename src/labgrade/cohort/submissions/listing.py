"""A listing of files that a student made: judged before any of them is read, and then read within bounds."""

from __future__ import annotations

import posixpath
import re
import unicodedata
from collections.abc import Sequence

from labgrade.cohort.submissions import unpacking
from labgrade.cohort.submissions.refusal import Refused, shown
from labgrade.cohort.submissions.unpacking import Entry
from labgrade.course.answers import CLUSTER, SETUP, STEPS
from labgrade.text import Text

LARGEST_FILE = 1 << 20
LARGEST_ANSWER = 8 << 20
MOST_FILES = 200
LARGEST_BESIDE = 16 << 20
MOST_BESIDE = 1000
"""What is no part of the answer is never read; a submission that is full of it is no answer all the same."""

LONGEST_PATH = 500
MANIFESTS = (".yaml", ".yml")
KUSTOMIZATIONS = frozenset({"kustomization.yaml", "kustomization.yml"})
"""They make kubectl read other files, and are no manifests."""

JUNK = "__MACOSX"
HOOKS = frozenset({"hooks", ".githooks"})
HOOK = re.compile(
    r"(applypatch-msg|commit-msg|fsmonitor-watchman|p4-.+|post-.+|pre-.+|prepare-commit-msg|proc-receive|push-to-checkout"
    r"|reference-transaction|sendemail-validate|update)(?<!\.sample)"
)
DRIVE = re.compile(r"[A-Za-z]:")
NUMBER = re.compile(r"\d{1,9}")


def order(name: str) -> tuple[int, int, str, str]:
    """The key by which files are applied: the cluster's, by leading number, those without one, the steps."""
    place = {CLUSTER: -2, SETUP: -1, STEPS: 1}.get(name, 0)
    base = posixpath.basename(name)
    number = NUMBER.match(base)
    return place, int(number[0]) if number else 10**9, base, name


def taken(entries: Sequence[Entry]) -> tuple[dict[str, bytes], tuple[str, ...]]:
    """The answer's files in order, and the names of the others. Refused with all that the listing shows."""
    reasons = [reason for entry in entries for reason in _wrong_with(entry)]
    answer = [entry for entry in entries if _is_answer(entry.path)]
    beside = [entry for entry in entries if not _is_answer(entry.path) and not _is_hidden(entry.path)]
    reasons += _twice(entries, answer)
    reasons += _too_large(answer, entries)
    if reasons:
        raise Refused(*reasons)
    files: dict[str, bytes] = {}
    for entry in sorted(answer, key=lambda entry: order(entry.path)):
        content = entry.read(LARGEST_FILE + 1)
        if len(content) > LARGEST_FILE:
            raise Refused(_large(entry.path))
        files[entry.path] = content
        if sum(map(len, files.values())) > LARGEST_ANSWER:
            raise Refused(_large_answer())
    return files, tuple(entry.path for entry in beside)


def _is_answer(path: str) -> bool:
    base = posixpath.basename(path)
    if _is_hidden(path) or base.lower() in KUSTOMIZATIONS:
        return False
    return path in {STEPS, SETUP} or base.lower().endswith(MANIFESTS)


def _is_hidden(path: str) -> bool:
    """Whether it is a tool's and not the answer's: `.git`, `.github`, `.gitkeep`, `__MACOSX`."""
    return any(part.startswith(".") or part == JUNK for part in path.split("/"))


def _wrong_with(entry: Entry) -> list[Text]:
    leaves = _leaves(entry.path)
    if leaves:
        return [leaves]
    folder, base = posixpath.split(entry.path)
    if posixpath.basename(folder).lower() in HOOKS and HOOK.fullmatch(base):
        return [_hook(entry.path)]
    if _is_in_git(entry.path):
        return []
    return [] if entry.what == "file" else [_no_file(entry)]


def _is_in_git(path: str) -> bool:
    return any(part.lower() == unpacking.GIT for part in path.split("/")[:-1])


def _leaves(path: str) -> Text | None:
    """Why a path is none within the submission; None where it is one."""
    parts = path.split("/")
    en, fr = "", ""
    if path.startswith("/") or DRIVE.match(path) or "\\" in path or ".." in parts:
        en, fr = "leads out of the submission", "mène hors de la remise"
    elif not path.isprintable() or not _is_utf8(path):
        en, fr = "has characters that no name has, or is no UTF-8", "a des caractères interdits, ou n'est pas en UTF-8"
    elif "" in parts or "." in parts or len(path) > LONGEST_PATH:
        en, fr = "is no usual path", "n'est pas un chemin ordinaire"
    if not en:
        return None
    return Text(f"{shown(path)}: the path {en}: rename it", f"{shown(path)}\u00a0: le chemin {fr}\u00a0: renommez-le")


def _is_utf8(path: str) -> bool:
    try:
        path.encode()
    except UnicodeEncodeError:
        return False
    return True


def _twice(entries: Sequence[Entry], answer: Sequence[Entry]) -> list[Text]:
    seen: dict[str, str] = {}
    reasons: list[Text] = []
    for entry in entries:
        if entry.path in seen:
            reasons.append(_same(entry.path, entry.path))
        seen[entry.path] = entry.path
    alike: dict[str, str] = {}
    for entry in answer:
        folded = unicodedata.normalize("NFC", entry.path).casefold()
        if alike.get(folded, entry.path) != entry.path:
            reasons.append(_same(alike[folded], entry.path))
        alike[folded] = entry.path
    return reasons


def _too_large(answer: Sequence[Entry], entries: Sequence[Entry]) -> list[Text]:
    beside = [entry for entry in entries if not _is_answer(entry.path) and not _is_in_git(entry.path)]
    reasons = [_large(entry.path) for entry in answer if entry.size > LARGEST_FILE]
    reasons += [_large_beside(entry.path) for entry in beside if entry.size > LARGEST_BESIDE]
    if not reasons and sum(entry.size for entry in answer) > LARGEST_ANSWER:
        reasons.append(_large_answer())
    if not reasons and sum(entry.size for entry in beside) > LARGEST_BESIDE:
        reasons.append(_much_beside())
    if len(answer) > MOST_FILES or len(beside) > MOST_BESIDE:
        reasons.append(_many(len(answer) + len(beside)))
    return reasons


def _no_file(entry: Entry) -> Text:
    name = shown(entry.path)
    words = {
        "link": Text("is a link, and links are never followed", "est un lien, et les liens ne sont jamais suivis"),
        "hard link": Text("is also linked to from elsewhere", "est aussi lié depuis un autre endroit"),
        "submodule": Text("is a submodule, and none is fetched", "est un sous-module, et aucun n'est téléchargé"),
        "encrypted": Text("is encrypted", "est chiffré"),
        "packed": Text("is packed in an unusual way", "est compressé d'une façon inhabituelle"),
    }
    why = words.get(entry.what, Text("is no regular file", "n'est pas un fichier ordinaire"))
    return Text(
        f"{name}: {why.en}: hand in the file itself", f"{name}\u00a0: {why.fr}\u00a0: remettez le fichier lui-même"
    )


def _hook(path: str) -> Text:
    return Text(
        f"{shown(path)}: is a git hook, a program that git would run: leave it out",
        f"{shown(path)}\u00a0: est un hook git, un programme que git lancerait\u00a0: retirez-le",
    )


def _same(one: str, other: str) -> Text:
    if one == other:
        return Text(
            f"{shown(one)}: is there twice: keep one", f"{shown(one)}\u00a0: y est deux fois\u00a0: n'en gardez qu'un"
        )
    return Text(
        f"{shown(one)} and {shown(other)}: differ only in case, and are one file on many machines: rename one",
        f"{shown(one)} et {shown(other)}\u00a0: ne diffèrent que par la casse, et sont un seul fichier sur bien des "
        "machines\u00a0: renommez-en un",
    )


def _large(path: str) -> Text:
    most = LARGEST_FILE >> 20
    return Text(
        f"{shown(path)}: is larger than {most} MiB: no manifest is",
        f"{shown(path)}\u00a0: dépasse {most} Mio\u00a0: aucun manifeste n'est si grand",
    )


def _large_beside(path: str) -> Text:
    most = LARGEST_BESIDE >> 20
    return Text(
        f"{shown(path)}: is larger than {most} MiB, and no part of an answer: leave it out",
        f"{shown(path)}\u00a0: dépasse {most} Mio, et ne fait pas partie d'une réponse\u00a0: retirez-le",
    )


def _large_answer() -> Text:
    most = LARGEST_ANSWER >> 20
    return Text(f"its manifests are larger than {most} MiB in all", f"ses manifestes dépassent {most} Mio au total")


def _much_beside() -> Text:
    most = LARGEST_BESIDE >> 20
    return Text(
        f"what it holds beside the answer is larger than {most} MiB: hand in the answer alone",
        f"ce qu'elle contient en plus de la réponse dépasse {most} Mio\u00a0: ne remettez que la réponse",
    )


def _many(count: int) -> Text:
    return Text(
        f"it holds {count} files, of at most {MOST_FILES} manifests and {MOST_BESIDE} others: hand in the answer alone",
        f"elle contient {count} fichiers, pour au plus {MOST_FILES} manifestes et {MOST_BESIDE} "
        "autres\u00a0: ne remettez que la réponse",
    )
