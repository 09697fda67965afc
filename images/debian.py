"""Debian packages: which ones a recipe needs, fetching them, unpacking them."""

import hashlib
import json
import os
import re
import subprocess
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, cast
from urllib.parse import unquote

from images.aptsources import Source
from images.trouble import Trouble, call


@dataclass(frozen=True, order=True)
class Deb:
    """One package file of the archive."""

    file: str
    digest: str

    @property
    def name(self) -> str:
        """The package's name."""
        return self.file.split("_", 1)[0]

    @property
    def version(self) -> str:
        """The package's version, with its epoch."""
        return unquote(self.file.split("_")[1])


@dataclass(frozen=True)
class Wanted:
    """A set of packages of one suite, with all that they depend on unless `alone`."""

    suite: str
    packages: tuple[str, ...]
    alone: bool = False
    essential: bool = False

    @property
    def key(self) -> str:
        """The name under which the answer is remembered."""
        return hashlib.sha256(repr(self).encode()).hexdigest()[:16]


class Archive:
    """A Debian mirror seen through an apt of our own: no state of the machine's apt is read or changed."""

    def __init__(self, cache: Path, mirror: Source) -> None:
        self.cache, self.mirror = cache, mirror
        self.debs = cache / "debs"

    def known(self, wanted: Wanted) -> list[Deb] | None:
        """The packages that an earlier run settled on and still has, else None."""
        answer = self.cache / "resolved" / f"{wanted.key}.json"
        if not answer.is_file():
            return None
        rows = cast(list[dict[str, Any]], json.loads(answer.read_text(encoding="utf-8")))
        debs = [Deb(**row) for row in rows]
        return debs if all((self.debs / deb.file).is_file() for deb in debs) else None

    def fetch(self, wanted: Wanted) -> list[Deb]:
        """The packages, resolved and downloaded; apt has checked signatures and hashes.

        Raises Trouble when the mirror does not answer or a package is not in the suite.
        """
        if (debs := self.known(wanted)) is not None:
            return debs
        apt = self._apt(wanted.suite)
        names = [*wanted.packages, *(self._essential(apt) if wanted.essential else ())]
        verb = ["download"] if wanted.alone else ["-y", "--download-only", "install"]
        # apt prints only what it would still have to fetch: let it believe that it has nothing
        empty = self.cache / "apt" / "empty"
        (empty / "partial").mkdir(parents=True, exist_ok=True)
        plan = [*apt, f"-oDir::Cache::archives={empty}", "--print-uris"]
        listed = call([*plan, *[word for word in verb if word != "--download-only"], *names], cwd=empty)
        debs = _debs(listed)
        call([*apt, *verb, *names], cwd=self.debs)
        answer = self.cache / "resolved" / f"{wanted.key}.json"
        answer.parent.mkdir(parents=True, exist_ok=True)
        answer.write_text(json.dumps([asdict(deb) for deb in debs], indent=1), encoding="utf-8")
        return debs

    def path(self, deb: Deb) -> Path:
        """Where a fetched package lies."""
        return self.debs / deb.file

    def _apt(self, suite: str) -> list[str]:
        """The apt-get command for one suite, with its package lists at hand."""
        root = self.cache / "apt" / suite
        for folder in (root / "lists" / "partial", self.debs / "partial"):
            folder.mkdir(parents=True, exist_ok=True)
        (root / "status").touch()
        (root / "sources.list").write_text(self.mirror.line(suite), encoding="utf-8")
        options = {
            "Dir::Etc::sourcelist": root / "sources.list",
            "Dir::Etc::sourceparts": "/dev/null",
            "Dir::Etc::preferences": "/dev/null",
            "Dir::Etc::preferencesparts": "/dev/null",
            "Dir::State": root,
            "Dir::State::lists": root / "lists",
            "Dir::State::status": root / "status",
            "Dir::Cache": root,
            "Dir::Cache::archives": self.debs,
            "Acquire::Languages": "none",
            "Acquire::IndexTargets::deb::DEP-11::DefaultEnabled": "false",
            "Acquire::Retries": "3",
            "APT::Sandbox::User": "root",
            "APT::Install-Recommends": "false",
            "APT::Keep-Downloaded-Packages": "true",
        }
        apt = ["apt-get", "-qq", *[f"-o{name}={value}" for name, value in options.items()]]
        if not any((root / "lists").glob("*Packages*")):
            call([*apt, "update"])
        return apt

    def _essential(self, apt: Sequence[str]) -> list[str]:
        """Every package that Debian calls essential or required."""
        listed = call(["apt-cache", *apt[2:], "dumpavail"])
        found = re.compile(r"^(Essential: yes|Priority: required)$", re.MULTILINE)
        stanzas = [stanza for stanza in listed.split("\n\n") if found.search(stanza)]
        return sorted(stanza.split("\n", 1)[0].removeprefix("Package: ") for stanza in stanzas)


def _debs(listed: str) -> list[Deb]:
    rows = re.findall(r"^'[^']+' (\S+\.deb) \d+ ?(\S*)$", listed, re.MULTILINE)
    return sorted(Deb(file, digest) for file, digest in rows)


def unpack(deb: Path, into: Path) -> None:
    """Lay a package's files down in a folder, following links that stand for folders there."""
    into.mkdir(parents=True, exist_ok=True)
    with subprocess.Popen(["dpkg-deb", "--fsys-tarfile", deb], stdout=subprocess.PIPE) as source:
        tar = ["tar", "-x", "--keep-directory-symlink", "--warning=no-timestamp", "-C", into]
        done = subprocess.run(tar, stdin=source.stdout, check=False)
    if done.returncode or source.returncode:
        raise Trouble(f"{deb.name} cannot be unpacked; delete it and try again.")


def merged_usr(root: Path) -> None:
    """Give an empty root the links that every Debian root has had since bookworm."""
    for name in ("bin", "sbin", "lib", "lib64"):
        (root / "usr" / name).mkdir(parents=True, exist_ok=True)
        if not os.path.lexists(root / name):
            (root / name).symlink_to(f"usr/{name}")
