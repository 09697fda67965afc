"""What lies in a revision of a git repository that may not be trusted: nothing of it is run, fetched or checked out."""

from __future__ import annotations

import os
import re
import stat
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from labgrade.cohort.submissions import bounded
from labgrade.cohort.submissions.refusal import Refused, shown
from labgrade.cohort.submissions.unpacking import GIT, MOST_LISTED, Entry, What
from labgrade.errors import HarnessError, UsageError
from labgrade.text import Text

SECONDS = 60.0
MOST_LIST = 8 << 20
"""Bytes of a tree's listing."""

LONGEST_REVISION = 250
COMMITTER = re.compile(rb"^committer .* (\d{1,11}) [-+]\d{4}$", re.MULTILINE)
OBJECT = re.compile(r"[0-9a-f]{40}(?:[0-9a-f]{24})?")

OPTIONS = (
    "-c",
    "core.fsmonitor=false",
    "-c",
    "core.hooksPath=/dev/null",
    "-c",
    "core.pager=cat",
    "-c",
    "safe.directory=*",  # it is only read, and as the student's
    "-c",
    "protocol.allow=never",
)
QUIET = {
    "GIT_CONFIG_NOSYSTEM": "1",
    "GIT_CONFIG_GLOBAL": os.devnull,
    "GIT_TERMINAL_PROMPT": "0",
    "GIT_NO_LAZY_FETCH": "1",
    "GIT_ALLOW_PROTOCOL": "none",  # git before 2.45 knows no GIT_NO_LAZY_FETCH: what is missing is not fetched either
    "GIT_NO_REPLACE_OBJECTS": "1",
    "GIT_OPTIONAL_LOCKS": "0",
    "GIT_ALLOC_LIMIT": "256m",
    "LC_ALL": "C",
}
MODES: dict[str, What] = {"100644": "file", "100755": "file", "100664": "file", "120000": "link", "160000": "submodule"}


@dataclass(frozen=True, slots=True)
class Tree:
    """A revision's files."""

    entries: tuple[Entry, ...]
    committed: str
    """When, as the commit says, RFC 3339 in UTC."""


def tree(path: Path, revision: str) -> Tree:
    """The files of a revision. UsageError where there is no such repository or revision; Refused as for folders."""
    usual = 0 < len(revision) <= LONGEST_REVISION and revision.isprintable()
    if not usual or revision.startswith("-"):
        raise UsageError(f"{path}: {shown(revision)!r} is no revision of a git repository, such as main or v1.0")
    repository = _Repository(_folder(path))
    found = repository.run("rev-parse", "--verify", "--quiet", f"{revision}^{{commit}}", most=1024)
    commit = found.said.decode("ascii", "replace").strip()
    if found.code or not OBJECT.fullmatch(commit):
        hint = f"`git -C {path} branch --all` and `git -C {path} tag` list what there is"
        raise UsageError(f"{path}: there is no revision {shown(revision)!r}; {hint}{_words(found.errors)}")
    return Tree(repository.entries(commit), repository.committed(commit))


@dataclass(frozen=True, slots=True)
class _Repository:
    folder: Path

    def run(self, *words: str, most: int) -> bounded.Ended:
        """Git's answer; HarnessError where it does not come in time or git is missing."""
        command = ["git", *OPTIONS, *words]
        environment = _environment() | {"GIT_DIR": str(self.folder.absolute())}
        ended = bounded.run(command, environment, seconds=SECONDS, most=most)
        if ended.code is None:
            raise HarnessError(f"{self.folder}: `git {words[0]}` did not end within {SECONDS:.0f} s")
        return ended

    def entries(self, commit: str) -> tuple[Entry, ...]:
        """Every file of the commit."""
        listed = self.run("ls-tree", "-r", "-z", "-l", "--full-tree", commit, most=MOST_LIST)
        if listed.code:
            raise UsageError(f"{self.folder}: the files of {commit[:12]} cannot be listed{_words(listed.errors)}")
        lines = listed.said.split(b"\0")[:-1]
        if listed.lost or len(lines) > MOST_LISTED:
            raise Refused(
                Text(
                    f"it holds more than {MOST_LISTED} files: hand in the answer alone",
                    f"il y a plus de {MOST_LISTED} fichiers\u00a0: ne remettez que la réponse",
                )
            )
        return tuple(self._entry(line) for line in lines)

    def committed(self, commit: str) -> str:
        """The time of the commit; empty where it has none that can be read."""
        words = self.run("cat-file", "commit", commit, most=1 << 20).said
        found = COMMITTER.search(words.partition(b"\n\n")[0])
        try:
            when = datetime.fromtimestamp(int(found[1]), UTC) if found else None
        except (OverflowError, ValueError, OSError):
            return ""
        return when.isoformat(timespec="seconds").replace("+00:00", "Z") if when else ""

    def _entry(self, line: bytes) -> Entry:
        about, _, name = line.partition(b"\t")
        mode, _, blob, size = about.decode("ascii").split()
        path = name.decode("utf-8", "surrogateescape")

        def read(most: int) -> bytes:
            ended = self.run("cat-file", "blob", blob, most=most)
            if ended.code:
                raise Refused(
                    Text(
                        f"{shown(path)}: cannot be read from the repository{_words(ended.errors)}",
                        f"{shown(path)}\u00a0: illisible dans le dépôt{_words(ended.errors)}",
                    )
                )
            return ended.said

        return Entry(path, int(size) if size.isdigit() else 0, MODES.get(mode, "special"), read)


def _folder(path: Path) -> Path:
    """Where the repository's own files are: never found by looking in the folders around, nor led to elsewhere."""
    inside = path / GIT
    try:
        mode = inside.lstat().st_mode
    except OSError:
        found = path
    else:
        if not stat.S_ISDIR(mode):
            raise UsageError(f"{inside} leads to another folder: name the repository itself as the submission")
        found = inside
    if not (found / "HEAD").is_file() or not (found / "objects").is_dir():
        raise UsageError(f"{path} is no git repository, and a revision was asked for")
    if (found / "commondir").exists():
        raise UsageError(f"{found} leads to another folder: name the repository itself as the submission")
    return found


def _environment() -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}
    return kept | QUIET


def _words(errors: bytes) -> str:
    words = shown(errors.decode("utf-8", "replace").strip())
    return f" (git: {words})" if words else ""
