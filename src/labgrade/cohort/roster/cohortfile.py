"""COHORT.yaml: which labs, whose work, until when, and what may be reached; all that is wrong is said at once."""

from __future__ import annotations

import ipaddress
import math
import re
from collections.abc import Collection, Iterator, Mapping
from datetime import datetime
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from labgrade.cohort.model import COUNTINGS, Cohort, Counting, Late, Limits, Member
from labgrade.cohort.roster import sheet, students
from labgrade.cohort.roster.columns import SOURCES
from labgrade.cohort.roster.sheet import Record
from labgrade.course.yamlfile import AsWritten, FileError, Key, YamlFile, nearest
from labgrade.errors import UsageError

COHORT_KEYS = ("title", "lab", "labs", "students", "servers", "counts", "deadline", "late", "limits")
LATE_KEYS = ("percent", "hours", "most")
LIMIT_KEYS = ("check", "student", "whole", "memory")
LEAST_MEMORY = 128
"""MiB; with less of it nothing can be graded at all."""

_LABEL = r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?"
_HOST = re.compile(rf"(?=.{{1,253}}$){_LABEL}(?:\.{_LABEL})*", re.IGNORECASE)


def read(path: Path, *, labs: Collection[str]) -> Cohort:
    """The cohort that COHORT.yaml describes, of a course that has these `labs`.

    UsageError has one line for each thing that is wrong: file, line, key, what was found and what to write. Paths are
    relative to the folder of COHORT.yaml.
    """
    complaints: list[FileError] = []
    file = _opened(path, complaints)
    file.known((), file.data, COHORT_KEYS)
    chosen = _labs(file, labs)
    cohort = Cohort(
        path=path,
        labs=chosen,
        members=_members(file, complaints),
        title=file.get(("title",), str, default="").strip(),
        servers=tuple(_servers(file)),
        counts=_counts(file),
        deadlines=_deadlines(file, chosen or tuple(labs)),
        late=_late(file),
        limits=_limits(file),
    )
    if complaints:
        # The roster's are told in its own order, behind those of COHORT.yaml.
        ordered = sorted(complaints, key=lambda each: (each.path != path, each.line))
        raise UsageError("\n".join(str(each) for each in ordered))
    return cohort


def _opened(path: Path, complaints: list[FileError]) -> YamlFile:
    """The file; one that cannot be read, or is none at all, ends it here."""
    if path.suffix.lower() in {".csv", ".tsv"}:
        words = f"`students: {path.name}` in a COHORT.yaml names it, beside `lab:`"
        raise FileError(path, 0, f"is a roster: {words}")
    sheet.content(path)
    return YamlFile(path, complaints, loader=AsWritten)


def _labs(file: YamlFile, known: Collection[str]) -> tuple[str, ...]:
    if "lab" in file.data and "labs" in file.data:
        file.fail(("labs",), "stands beside `lab`: one of them says what is graded")
    if "labs" not in file.data:
        name = file.get(("lab",), str)
        if name and name not in known:
            file.fail(("lab",), f"is {name!r}, which is not known{nearest(name, known)}")
        return (name,) if name in known else ()
    names = file.names(("labs",), known)
    if not file.data["labs"]:
        file.fail(("labs",), "is empty: which labs are graded?")
    for name in sorted({name for name in names if names.count(name) > 1}):
        file.fail(("labs",), f"names {name!r} twice")
    return names


def _members(file: YamlFile, complaints: list[FileError]) -> tuple[Member, ...]:
    folder = file.path.absolute().parent
    before = len(complaints)
    records = _records(file, folder, complaints)
    if not records and len(complaints) == before:
        file.fail(("students",), "has nobody in it: there is nothing to grade")
    return students.judged(records, folder)


def _records(file: YamlFile, folder: Path, complaints: list[FileError]) -> list[Record]:
    found = file.data.get("students")
    if isinstance(found, str):
        try:
            return sheet.records(folder / Path(found).expanduser(), complaints)
        except RuntimeError:
            file.fail(("students",), f"is {found!r}, but nobody of that name has a home on this machine")
            return []
    if isinstance(found, list):
        return [_record(file, index, entry, complaints) for index, entry in enumerate(found)]
    what = "is missing" if found is None else "is neither list nor word"
    file.fail(("students",), f"{what}: a list of `{{id, name, kubeconfig}}` or the path of a CSV file is expected")
    return []


def _record(file: YamlFile, index: int, entry: Any, complaints: list[FileError]) -> Record:
    key: Key = ("students", index)
    cells: dict[str, str] = {}
    if not isinstance(entry, dict):
        file.fail(key, f"is {entry!r}, but a mapping is expected, as in `{{id: ada, kubeconfig: ada.yaml}}`")
        return Record(cells, file.path, file.line(key), complaints, lacking=students.KEYS)
    file.known(key, entry, students.KEYS)
    wrong = [name for name, value in entry.items() if name in students.KEYS and not isinstance(value, str | None)]
    for name in wrong:
        file.fail((*key, name), f"is {entry[name]!r}, but a word is expected")
    cells = {name: value.strip() for name, value in entry.items() if isinstance(value, str)}
    lacking = SOURCES if set(wrong) & set(SOURCES) else ()
    lines = {name: file.line((*key, name)) for name in cells}
    called = {name: f"students.{index}.{name}" for name in students.KEYS}
    return Record(cells, file.path, file.line(key), complaints, called, lines, (*wrong, *lacking))


def _servers(file: YamlFile) -> Iterator[str]:
    for index, words in enumerate(file.names(("servers",))):
        if _is_host(words):
            yield words.strip().lower()
        else:
            file.fail(("servers", index), f"is {words!r}, but the name or address of a host is expected{_host(words)}")


def _is_host(words: str) -> bool:
    bare = words.strip()
    try:
        ipaddress.ip_address(bare[1:-1] if bare.startswith("[") and bare.endswith("]") else bare)
    except ValueError:
        return _HOST.fullmatch(bare) is not None
    return True


def _host(words: str) -> str:
    """What was probably meant: the host of an address with a scheme, a port or a path."""
    try:
        host = urlsplit(words if "//" in words else f"//{words}").hostname or ""
    except ValueError:
        return ""
    return f", without scheme, port and path: {host}" if _is_host(host) else ""


def _counts(file: YamlFile) -> Counting:
    name = file.get(("counts",), str, default="best")
    for each in COUNTINGS:
        if each == name:
            return each
    file.fail(("counts",), f"is {name!r}, which is not known{nearest(name, COUNTINGS)}")
    return "best"


def _deadlines(file: YamlFile, labs: tuple[str, ...]) -> Mapping[str, datetime]:
    found = file.data.get("deadline")
    if not isinstance(found, dict):
        moment = None if found is None else _moment(file, ("deadline",))
        return dict.fromkeys(labs, moment) if moment else {}
    file.known(("deadline",), found, labs)
    moments = {lab: _moment(file, ("deadline", lab)) for lab in labs if lab in found}
    return {lab: moment for lab, moment in moments.items() if moment}


def _moment(file: YamlFile, key: Key) -> datetime | None:
    words = file.get(key, str).strip()
    try:
        return students.moment(words) if words else None
    except ValueError as error:
        file.fail(key, str(error))
        return None


def _late(file: YamlFile) -> Late | None:
    if file.data.get("late") is None:
        return None
    file.known(("late",), file.get(("late",), dict), LATE_KEYS)
    percent = _number(file, ("late", "percent"), most=100)
    usual = Late(percent)
    return Late(
        percent=percent,
        hours=_number(file, ("late", "hours"), default=usual.hours),
        most=_number(file, ("late", "most"), default=usual.most, most=100),
    )


def _limits(file: YamlFile) -> Limits:
    found = file.get(("limits",), dict, default={})
    file.known(("limits",), found, LIMIT_KEYS)
    usual = Limits()
    memory = _number(file, ("limits", "memory"), default=usual.memory)
    if memory < LEAST_MEMORY or memory % 1:
        problem = f"is {found['memory']}, but a whole number of MiB is expected, {LEAST_MEMORY} at least"
        file.fail(("limits", "memory"), problem)
    return Limits(
        check=_number(file, ("limits", "check"), default=usual.check),
        student=_number(file, ("limits", "student"), default=usual.student),
        whole=None if found.get("whole") is None else _number(file, ("limits", "whole")),
        memory=usual.memory if math.isnan(memory) else int(memory),
    )


def _number(file: YamlFile, key: Key, *, default: float | None = None, most: float = math.inf) -> float:
    """The number at `key`, above 0; complained of, it is nan."""
    words = file.get(key, str, default=None if default is None else str(default))
    try:
        number = float(words)
    except ValueError:
        number = math.nan
    if words and not (0 < number <= most and number < math.inf):
        limit = "" if most == math.inf else f" and at most {most:g}"
        file.fail(key, f"is {words}, but a number above 0{limit} is expected")
        return math.nan
    return number
