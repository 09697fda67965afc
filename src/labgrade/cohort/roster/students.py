"""Who the students are: records of a roster judged together, so that all that is wrong is said at once.

Whether the file that a record names is there, and what it holds, is for later: that costs one student, not the cohort.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path

from labgrade.cohort.model import MORE, ByContext, ByKubeconfig, BySubmission, Member, Source
from labgrade.cohort.roster.columns import SOURCES
from labgrade.cohort.roster.sheet import Record
from labgrade.course.rubric import NAMESPACE
from labgrade.model import Student

KEYS = ("id", "name", "email", *SOURCES, "revision", "namespace", "submitted", *MORE)
"""What a roster can say of a student."""

LONGEST_ID = 64
_MOST_BYTES = 240  # of a folder's name, 255 on most disks
_SIGNS = "._-@+"
_RULE = f"letters, digits, `.`, `_`, `-`, `@` and `+`, {LONGEST_ID} at most, the first one a letter or a digit"
_ROUNDED = re.compile(r"\d\.\d+E\+\d+", re.IGNORECASE)
_NO_TEXT = re.compile("[\0\ud800-\udfff]")
_MOMENT = re.compile(
    r"(?P<day>2\d{3}-\d\d-\d\d)(?:[Tt ]+(?P<time>\d\d:\d\d(?::\d\d(?:\.\d{1,6})?)?) ?"
    r"(?P<zone>[Zz]|[+-]\d\d(?::?\d\d)?)?)?",
    re.ASCII,
)


def judged(records: Iterable[Record], folder: Path) -> tuple[Member, ...]:
    """The students; complaints are the records' own. Paths are relative to `folder`."""
    found = [_member(record, folder) for record in records if _is_text(record)]
    _tell_apart(found)
    return tuple(member for _, member in found)


def moment(words: str) -> datetime:
    """A point in time, in UTC; ValueError says what is wrong with the words and how to write them."""
    found = _MOMENT.fullmatch(words)
    if not found:
        raise ValueError(f"is {_cut(words)}, but a time is expected, such as 2026-11-20T23:59:00+01:00")
    day, time, zone = found["day"], found["time"], found["zone"]
    if not time:
        raise ValueError(f"is {_cut(words)}, a day without a time: write {_examples(f'{day}T23:59:00')}")
    if not zone:
        seconds = time if time.count(":") > 1 else f"{time}:00"
        raise ValueError(f"is {_cut(words)}, a time without a zone: write {_examples(f'{day}T{seconds}')}")
    try:
        return datetime.fromisoformat(f"{day}T{time}{zone.upper()}").astimezone(UTC)
    except ValueError as error:
        raise ValueError(f"is {_cut(words)}, which is no time: {error}") from None


def _examples(time: str) -> str:
    return f"{time}+01:00 for an hour ahead of UTC, or {time}Z for UTC"


def _is_text(record: Record) -> bool:
    wrong = [column for column, words in record.cells.items() if _NO_TEXT.search(words)]
    for column in wrong:
        record.fail(column, f"is {_cut(record.get(column))}, which holds what no text has")
    return not wrong


def _member(record: Record, folder: Path) -> tuple[Record, Member]:
    student_id = _id(record)
    name = " ".join(record.get("name").split()) or student_id
    return record, Member(
        student=Student(student_id, name),
        source=_source(record, folder),
        email=record.get("email"),
        submitted=_submitted(record),
        more={column: record.get(column) for column in MORE if record.get(column)},
    )


def _id(record: Record) -> str:
    """The id in its one canonical form."""
    found = unicodedata.normalize("NFC", record.get("id"))
    if not found:
        record.fail("id", "is blank, but every student needs one")
    elif found[0] in "=+-@":
        record.fail("id", f"is {_cut(found)}, which begins as a formula does: an id begins with a letter or a digit")
    elif _ROUNDED.fullmatch(found):
        record.fail("id", f"is {_cut(found)}, a number that a spreadsheet has rounded: format that column as text")
    elif not _is_folder(found):
        record.fail("id", f"is {_cut(found)}, but an id names a folder: {_RULE}{_instead(found)}")
    return found


def _is_folder(name: str) -> bool:
    kinds = [unicodedata.category(c) for c in name]
    return (
        len(name) <= LONGEST_ID
        and len(name.encode()) <= _MOST_BYTES
        and kinds[0][0] in "LN"
        # Marks: many scripts write their vowels with them.
        and all(kind[0] in "LM" or kind == "Nd" or c in _SIGNS for c, kind in zip(name, kinds, strict=True))
    )


def _instead(name: str) -> str:
    """The nearest name that is allowed, if there is one."""
    kept = "".join(c if c.isalnum() or c in _SIGNS else " " for c in name)
    guess = "-".join(kept.split()).lstrip(_SIGNS)[:LONGEST_ID]
    return f"; for instance {guess!r}" if guess and _is_folder(guess) else ""


def _source(record: Record, folder: Path) -> Source:
    given = [column for column in SOURCES if record.get(column)]
    if not given:
        record.fail(SOURCES[0], "is blank, and so are `context` and `submission`: one of them says what is graded")
    elif len(given) > 1:
        record.fail(given[1], f"stands beside `{given[0]}`: one of them says what is graded")
    namespace, revision = record.get("namespace"), record.get("revision")
    if namespace and not NAMESPACE.fullmatch(namespace):
        record.fail("namespace", f"is {_cut(namespace)}, which Kubernetes does not allow as a namespace")
    if namespace and given == ["submission"]:
        record.fail("namespace", "stands beside `submission`, which is always applied to the lab's own namespace")
    if revision and "submission" not in given:
        record.fail("revision", "is of use only beside `submission`, which names the git repository")
    if "kubeconfig" in given:
        return ByKubeconfig(_path(record, "kubeconfig", folder), namespace=namespace or None)
    if "context" in given:
        return ByContext(record.get("context"), namespace=namespace or None)
    return BySubmission(_path(record, "submission", folder), revision=revision or None)


def _path(record: Record, column: str, folder: Path) -> Path:
    words = record.get(column)
    try:
        return folder / Path(words).expanduser()
    except RuntimeError:
        record.fail(column, f"is {_cut(words)}, but nobody of that name has a home on this machine")
        return folder


def _submitted(record: Record) -> datetime | None:
    words = record.get("submitted")
    try:
        return moment(words) if words else None
    except ValueError as error:
        record.fail("submitted", str(error))
        return None


def _tell_apart(found: Iterable[tuple[Record, Member]]) -> None:
    """Complains of an id that stands twice, also in another case or another spelling of the same letters."""
    seen: dict[str, tuple[Record, str]] = {}
    for record, member in found:
        student = member.student.id
        first, before = seen.setdefault(unicodedata.normalize("NFKC", student).casefold(), (record, student))
        if student and first is not record:
            same = "" if before == student else f", but for its case or its width {_cut(before)}"
            record.fail("id", f"is {_cut(student)}{same}, which line {first.line} has already")


def _cut(words: str) -> str:
    """A text as a complaint quotes it: one line, and not too long."""
    return repr(words if len(words) <= 80 else f"{words[:80]}…")
