"""What lies in a folder or a zip file that a student made: listed and judged before anything of it is read."""

from __future__ import annotations

import io
import lzma
import os
import stat
import struct
import zipfile
import zlib
from collections.abc import Callable, Generator, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from labgrade.cohort.submissions.refusal import Refused, shown
from labgrade.errors import UsageError
from labgrade.text import Text

What = Literal["file", "link", "hard link", "special", "submodule", "encrypted", "packed"]

GIT = ".git"
DEEPEST = 16
MOST_LISTED = 20_000
"""Files in one listing, the other labs' included."""

LARGEST_ZIP = 32 << 20
CENTRAL = b"PK\x01\x02"
"""What each entry of a zip file's directory begins with."""

METHODS = frozenset({zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED})
"""How files may be packed: of the others, zipfile unpacks everything at once, however little is asked for."""

DAMAGED = (
    *(zipfile.BadZipFile, NotImplementedError, RuntimeError, EOFError, OSError, OverflowError),
    *(ValueError, LookupError, struct.error, zlib.error, lzma.LZMAError),
)
"""What zipfile raises of files that are none."""

_ENCRYPTED = 0x1
_UTF8 = 0x800
_ELSEWHERE = 0xF000
"""The part of a Unix mode that says what a file is."""


@dataclass(frozen=True, slots=True)
class Entry:
    """One file of a submission."""

    path: str
    """As it was handed in, with `/`; not judged yet."""
    size: int
    """In bytes, as it is declared."""
    what: What
    read: Callable[[int], bytes]
    """At most so many bytes of it, whatever was declared. Refused where it cannot be read."""


@contextmanager
def folder(path: Path, within: str, *, several: bool) -> Generator[tuple[Entry, ...]]:
    """The files in `path`, or in its folder named `within` where there is one, or with `several` must be.

    No link is followed, not even one that appears while we look.
    """
    with ExitStack() as stack:
        root = _opened(path)
        stack.callback(os.close, root)
        inner = _kind_below(root, within)
        if inner == "link":
            raise Refused(_link(within))
        if inner == "folder":
            root = stack.enter_context(_at(root, (within,), within, _FOLDER))
        elif several:
            raise missing(within)
        entries: list[Entry] = []
        for entry in _walked(root, root, ""):
            if len(entries) >= MOST_LISTED:
                raise _too_many()
            entries.append(entry)
        yield tuple(entries)


@contextmanager
def archive(path: Path) -> Generator[tuple[Entry, ...]]:
    """The files in a zip file. Refused where it is none, or too large; UsageError where it cannot be read."""
    content = _content(path)
    if content.count(CENTRAL) > MOST_LISTED:
        raise _too_many()
    with ExitStack() as stack:
        try:
            opened = stack.enter_context(zipfile.ZipFile(io.BytesIO(content)))
            entries = tuple(_member(opened, info) for info in opened.infolist() if not _is_folder(info))
        except DAMAGED as error:
            raise Refused(_no_zip(str(error))) from error
        yield entries


def missing(within: str) -> Refused:
    """What is said of a submission for several labs that has no folder for one of them."""
    return Refused(
        Text(
            f"it has no folder {within}: with several labs, the answer to each is in a folder of the lab's name",
            f"il n'y a pas de dossier {within}\u00a0: avec plusieurs TP, chaque réponse a un dossier du nom du TP",
        )
    )


_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_FILE = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
"""Without O_NONBLOCK, opening a named pipe waits for somebody to write to it."""


def _opened(path: Path) -> int:
    try:
        return os.open(path, _FOLDER)
    except OSError as error:
        if path.is_symlink():
            raise Refused(_link(path.name)) from error
        raise UsageError(f"{path}: the submission cannot be read: {error.strerror}") from error


def _kind_below(root: int, name: str) -> Literal["folder", "link", "other"] | None:
    try:
        mode = os.stat(name, dir_fd=root, follow_symlinks=False).st_mode
    except OSError:
        return None
    return "folder" if stat.S_ISDIR(mode) else "link" if stat.S_ISLNK(mode) else "other"


def _walked(root: int, here: int, prefix: str) -> Iterator[Entry]:
    """The files below `here`, an open folder in `root`; of what `.git` holds, only the hooks."""
    in_git = f"/{prefix}".endswith(f"/{GIT}/")
    for name in _names(here, prefix):
        if in_git and (name != "hooks" or _kind_below(here, name) != "folder"):
            continue
        path = f"{prefix}{name}"
        try:
            found = os.stat(name, dir_fd=here, follow_symlinks=False)
        except OSError as error:
            raise Refused(_unreadable(path, str(error.strerror))) from error
        if stat.S_ISDIR(found.st_mode):
            if path.count("/") >= DEEPEST:
                raise Refused(_deep(path))
            with _at(here, (name,), path, _FOLDER) as inner:
                yield from _walked(root, inner, f"{path}/")
        elif name != GIT or stat.S_ISLNK(found.st_mode):
            yield _lying(root, path, found)


def _names(here: int, prefix: str) -> list[str]:
    try:
        return sorted(os.listdir(here))
    except OSError as error:
        raise Refused(_unreadable(prefix or ".", str(error.strerror))) from error


@contextmanager
def _at(start: int, parts: tuple[str, ...], path: str, flags: int) -> Generator[int]:
    """Opens what lies below an open folder, each step without following a link. Refused, naming `path`, if it fails."""
    with ExitStack() as stack:
        here = start
        for number, part in enumerate(parts, 1):
            try:
                here = os.open(part, flags if number == len(parts) else _FOLDER, dir_fd=here)
            except OSError as error:
                raise Refused(_unreadable(path, str(error.strerror))) from error
            stack.callback(os.close, here)
        yield here


def _lying(root: int, path: str, found: os.stat_result) -> Entry:
    what: What = "file"
    if stat.S_ISLNK(found.st_mode):
        what = "link"
    elif not stat.S_ISREG(found.st_mode):
        what = "special"
    elif found.st_nlink > 1:
        what = "hard link"

    def read(most: int) -> bytes:
        with _at(root, tuple(path.split("/")), path, _FILE) as file:
            if not stat.S_ISREG(os.fstat(file).st_mode):
                raise Refused(_unreadable(path, "it is no regular file any more"))
            with os.fdopen(os.dup(file), "rb") as stream:
                return stream.read(most)

    return Entry(path, found.st_size, what, read)


def _content(path: Path) -> bytes:
    try:
        with os.fdopen(os.open(path, _FILE), "rb") as stream:
            if not stat.S_ISREG(os.fstat(stream.fileno()).st_mode):
                raise UsageError(f"{path}: a submission is a folder or a zip file, and this is neither")
            content = stream.read(LARGEST_ZIP + 1)
    except OSError as error:
        if path.is_symlink():
            raise Refused(_link(path.name)) from error
        raise UsageError(f"{path}: the submission cannot be read: {error.strerror}") from error
    if len(content) > LARGEST_ZIP:
        raise Refused(_large_zip(path.name))
    return content


def _is_folder(info: zipfile.ZipInfo) -> bool:
    return info.is_dir() and not stat.S_ISLNK(info.external_attr >> 16)


def _member(opened: zipfile.ZipFile, info: zipfile.ZipInfo) -> Entry:
    kind = (info.external_attr >> 16) & _ELSEWHERE
    what: What = "file"
    if kind == stat.S_IFLNK:
        what = "link"
    elif kind not in (0, stat.S_IFREG):
        what = "special"
    elif info.flag_bits & _ENCRYPTED:
        what = "encrypted"
    elif info.compress_type not in METHODS:
        what = "packed"
    path = _named(info).rstrip("/")

    def read(most: int) -> bytes:
        try:
            with opened.open(info) as stream:
                return stream.read(most)
        except DAMAGED as error:
            raise Refused(_unreadable(path, str(error))) from error

    return Entry(path, info.file_size, what, read)


def _named(info: zipfile.ZipInfo) -> str:
    """The name with what zipfile cuts off behind a NUL; many programs write UTF-8 without saying so."""
    name = info.orig_filename
    if info.flag_bits & _UTF8:
        return name
    try:
        return name.encode("cp437").decode("utf-8")
    except UnicodeError:
        return name


def _too_many() -> Refused:
    return Refused(
        Text(
            f"it holds more than {MOST_LISTED} files: hand in the answer alone",
            f"il y a plus de {MOST_LISTED} fichiers\u00a0: ne remettez que la réponse",
        )
    )


def _link(name: str) -> Text:
    return Text(
        f"{shown(name)}: is a link, and links are never followed: hand in the file itself",
        f"{shown(name)}\u00a0: est un lien, et les liens ne sont jamais suivis\u00a0: remettez le fichier lui-même",
    )


def _deep(path: str) -> Text:
    return Text(
        f"{shown(path)}: lies more than {DEEPEST} folders deep: hand in the answer alone",
        f"{shown(path)}\u00a0: est à plus de {DEEPEST} dossiers de profondeur\u00a0: ne remettez que la réponse",
    )


def _unreadable(path: str, why: str) -> Text:
    return Text(
        f"{shown(path)}: cannot be read ({shown(why)}): hand it in again",
        f"{shown(path)}\u00a0: illisible ({shown(why)})\u00a0: remettez-le",
    )


def _no_zip(why: str) -> Text:
    return Text(
        f"it is no zip file that can be read ({shown(why)}): make it again",
        f"ce n'est pas un fichier zip lisible ({shown(why)})\u00a0: refaites-le",
    )


def _large_zip(name: str) -> Text:
    return Text(
        f"{shown(name)}: is larger than {LARGEST_ZIP >> 20} MiB: hand in the answer alone",
        f"{shown(name)}\u00a0: dépasse {LARGEST_ZIP >> 20} Mio\u00a0: ne remettez que la réponse",
    )
