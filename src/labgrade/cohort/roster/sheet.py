"""A roster as a CSV file: whatever a spreadsheet or a learning platform saves, read as students by column."""

from __future__ import annotations

import codecs
import csv
import io
import os
import re
import stat
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from labgrade.cohort.roster.columns import SOURCES, columns_of, meaning
from labgrade.course.yamlfile import FileError

MOST_BYTES = 16 * 1024 * 1024

_SEPARATORS = (",", ";", "\t")
_SEPARATOR_LINE = re.compile(r'"?sep=([,;\t])"?[ ,;\t]*(?=\n|$)', re.IGNORECASE)
_SAVE = "save it as CSV (UTF-8)"


@dataclass(frozen=True, slots=True)
class Record:
    """One student as a file has them."""

    cells: Mapping[str, str]
    """By column; one that is blank or not there says nothing."""
    path: Path
    line: int
    complaints: list[FileError]
    """Of the whole roster."""
    called: Mapping[str, str] = field(default_factory=dict[str, str])
    """What the file itself calls a column."""
    lines: Mapping[str, int] = field(default_factory=dict[str, int])
    """Where a column stands, if not in the record's own line."""
    lacking: tuple[str, ...] = ()
    """Columns that the whole file lacks, which was complained of once and for all."""

    def get(self, column: str) -> str:
        """What stands there; empty where nothing does."""
        return self.cells.get(column, "")

    def fail(self, column: str, problem: str) -> None:
        """Complains of a cell, with `problem` in words."""
        if column not in self.lacking:
            name = self.called.get(column, column)
            self.complaints.append(FileError(self.path, self.lines.get(column, self.line), f"{name} {problem}"))


def records(path: Path, complaints: list[FileError]) -> list[Record]:
    """The students of a CSV file, as far as it can be read; what is wrong with it joins `complaints`."""
    found: list[Record] = []
    try:
        words = decoded(path, content(path))
        rows = _rows(path, *_separated(words))
        header = next(rows, None)
        if header is None:
            raise FileError(path, 0, "is empty: its first line names the columns, as in `id,name,email,kubeconfig`")
        for record in _records(path, header, rows, complaints):
            found.append(record)  # noqa: PERF402 (those before a broken line are judged all the same)
    except FileError as error:
        complaints.append(error)
    return found


def content(path: Path) -> bytes:
    """What a file holds; FileError where it is missing, no regular file, or larger than any roster."""
    try:
        # Without O_NONBLOCK opening a named pipe waits for somebody to write to it.
        with open(path, "rb", opener=lambda name, flags: os.open(name, flags | getattr(os, "O_NONBLOCK", 0))) as stream:
            if not stat.S_ISREG(os.fstat(stream.fileno()).st_mode):
                raise FileError(path, 0, "is no regular file: a pipe or a device is never waited for")
            found = stream.read(MOST_BYTES + 1)
    except IsADirectoryError as error:
        raise FileError(path, 0, "is a directory, but a file is expected") from error
    except FileNotFoundError as error:
        raise FileError(path, 0, "does not exist") from error
    except (OSError, ValueError) as error:  # ValueError: a NUL in the name
        raise FileError(path, 0, f"cannot be read: {getattr(error, 'strerror', None) or error}") from error
    if len(found) > MOST_BYTES:
        raise FileError(path, 0, f"is larger than {MOST_BYTES >> 20} MiB, as no roster is")
    return found


def decoded(path: Path, found: bytes) -> str:
    """The text of a CSV file in any of the usual encodings, its lines ended one way; FileError for binaries."""
    if found.startswith((b"PK\x03\x04", b"\xd0\xcf\x11\xe0")):
        raise FileError(path, 0, f"is a spreadsheet: {_SAVE} and name that file")
    try:
        words = found.decode(_encoding(found))
    except UnicodeDecodeError:
        raise FileError(path, 0, f"is text in no encoding that we know: {_SAVE}") from None
    if "\0" in words:
        raise FileError(path, words.count("\n", 0, words.index("\0")) + 1, f"holds NUL bytes: {_SAVE}")
    return re.sub("\r\n?", "\n", words)


def _encoding(found: bytes) -> str:
    if found.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return "utf-16"
    try:
        found.decode("utf-8")
    except UnicodeDecodeError:
        return "cp1252"  # a Western spreadsheet's "CSV" without further words
    return "utf-8-sig"


def _separated(words: str) -> tuple[str, str]:
    """The text and its separator: the one that makes most known columns of the first line, then most columns."""
    said = _SEPARATOR_LINE.match(words)
    if said:  # a spreadsheet's own remark
        return words[said.end() :], said[1]
    return words, max(_SEPARATORS, key=lambda separator: _promise(words, separator))


def _promise(words: str, separator: str) -> tuple[int, int]:
    try:
        lines = csv.reader(io.StringIO(words, newline=""), delimiter=separator)
        header = next((cells for cells in lines if any(map(str.strip, cells))), [])
    except csv.Error:
        return 0, 0
    return sum(meaning(cell) is not None for cell in header), len(header)


def _rows(path: Path, words: str, separator: str) -> Iterator[tuple[int, list[str]]]:
    """The rows that say something, each with the line that it begins in; FileError where quotation goes wrong."""
    reader = csv.reader(io.StringIO(words, newline=""), delimiter=separator, strict=True)
    while True:
        line = reader.line_num + 1
        try:
            cells = next(reader, None)
        except csv.Error as error:
            why = "a quotation mark is opened and never closed" if "end of data" in str(error) else str(error)
            raise FileError(path, line, f"not CSV: {why}") from None
        if cells is None:
            return
        cells = [cell.strip() for cell in cells]
        if any(cells):
            yield line, cells


def _records(
    path: Path, header: tuple[int, list[str]], rows: Iterator[tuple[int, list[str]]], complaints: list[FileError]
) -> Iterator[Record]:
    line, names = header
    columns, problems = columns_of(names)
    complaints += [FileError(path, line, problem) for problem in problems]
    lacking = tuple(_lacking(path, line, names, columns, complaints))
    called = {column: " ".join(names[index].split()) for column, index in columns.items()}
    for line, cells in rows:
        if any(cells[len(names) :]):
            problem = f"has {len(cells)} cells, but there are {len(names)} columns: quote a cell that holds a separator"
            complaints.append(FileError(path, line, problem))
        found = {column: cells[index] for column, index in columns.items() if index < len(cells)}
        yield Record(_named(found), path, line, complaints, called=called, lacking=lacking)


def _lacking(
    path: Path, line: int, names: Sequence[str], columns: Mapping[str, int], complaints: list[FileError]
) -> Iterator[str]:
    shown = ", ".join(repr(name) for name in names[:12])
    if "id" not in columns:
        complaints.append(FileError(path, line, f"no column is named `id`; the first line has {shown}"))
        yield "id"
    if not set(SOURCES) & set(columns):
        wanted = "`kubeconfig`, `context` or `submission`"
        complaints.append(FileError(path, line, f"no column is named {wanted}; the first line has {shown}"))
        yield from SOURCES


def _named(cells: dict[str, str]) -> dict[str, str]:
    """The cells with a whole name: `Nom` is a surname beside `Prénom`, else all of it."""
    first, last = cells.pop("firstname", ""), cells.pop("lastname", "")
    if first and not last:
        last = cells.pop("name", "")
    cells["name"] = cells.get("name") or f"{first} {last}".strip()
    return cells
