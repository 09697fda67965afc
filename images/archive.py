"""Layers and image archives, written so that the same content always gives the same bytes."""

import hashlib
import io
import json
import platform
import subprocess
import tarfile
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import IO, Any

from images.trouble import Trouble

MERGED = ("bin", "sbin", "lib", "lib64")
UNNEEDED = tuple(f"usr/share/{n}/" for n in ("doc", "man", "locale", "info", "lintian", "bug", "doc-base", "menu"))


@dataclass(frozen=True)
class Entry:
    """One member of a layer: `content` is bytes or a file on disk, a link's target, or nothing for a folder."""

    content: bytes | Path | str | None
    mode: int
    owner: tuple[int, int] = (0, 0)


class Tree:
    """The files of one layer, by path without a leading slash; the last one put at a path wins."""

    def __init__(self) -> None:
        self.entries: dict[str, Entry] = {}

    def directory(self, path: str, *, mode: int = 0o755, owner: int = 0) -> None:
        """Put a folder, owned by the user and group `owner`; those above it appear by themselves."""
        self.entries[_inside(path)] = Entry(None, mode, (owner, owner))

    def file(self, path: str, content: bytes | Path, *, mode: int = 0o644) -> None:
        """Put a file."""
        self.entries[_inside(path)] = Entry(content, mode)

    def link(self, path: str, target: str) -> None:
        """Put a symbolic link."""
        self.entries[_inside(path)] = Entry(target, 0o777)

    def merged_usr(self) -> None:
        """Put Debian's links from /bin and its like into /usr."""
        for name in MERGED:
            self.entries[name] = Entry(f"usr/{name}", 0o777)
            self.entries.setdefault(f"usr/{name}", Entry(None, 0o755))

    def deb(self, package: Path, *, drop: Sequence[str] = UNNEEDED, only: Sequence[str] = ("",)) -> None:
        """Put the files of a Debian package, without documentation and what `drop` names by prefix.

        Of folders and files that `only` does not name by prefix, none is put.
        """
        done = subprocess.run(["dpkg-deb", "--fsys-tarfile", package], capture_output=True, check=False)
        if done.returncode != 0:
            raise Trouble(f"{package.name} cannot be unpacked; delete it and try again.")
        with tarfile.open(fileobj=io.BytesIO(done.stdout)) as tar:
            for member in tar:
                path = _inside(member.name)
                if path and path.startswith(tuple(only)) and not f"{path}/".startswith(tuple(drop)):
                    self._member(tar, member, path)

    def _member(self, tar: tarfile.TarFile, member: tarfile.TarInfo, path: str) -> None:
        owner = (member.uid, member.gid)
        if member.isdir():
            if path not in MERGED:
                self.entries[path] = Entry(None, member.mode, owner)
        elif member.issym():
            self.entries[path] = Entry(member.linkname, 0o777, owner)
        elif (data := tar.extractfile(member)) is not None:
            self.entries[path] = Entry(data.read(), member.mode, owner)

    def write(self, out: IO[bytes]) -> None:
        """Write the layer: sorted, without times or names of users."""
        with tarfile.open(fileobj=out, mode="w", format=tarfile.GNU_FORMAT) as tar:
            for path, entry in sorted(_with_parents(self.entries).items()):
                info = tarfile.TarInfo(path)
                info.mode, (info.uid, info.gid) = entry.mode, entry.owner
                _add(tar, info, entry.content)


def _inside(path: str) -> str:
    """A path as a layer spells it, with /bin and its like taken to be links into /usr."""
    clean = str(PurePosixPath(path.removeprefix("./").lstrip("/")))
    clean = "" if clean == "." else clean
    first = clean.split("/", 1)[0]
    return f"usr/{clean}" if first in MERGED and clean != first else clean


def _with_parents(entries: Mapping[str, Entry]) -> dict[str, Entry]:
    whole = dict(entries)
    for path in entries:
        for parent in PurePosixPath(path).parents:
            if str(parent) != ".":
                whole.setdefault(str(parent), Entry(None, 0o755))
    return whole


def _add(tar: tarfile.TarFile, info: tarfile.TarInfo, content: bytes | Path | str | None) -> None:
    if content is None:
        info.type = tarfile.DIRTYPE
        tar.addfile(info)
    elif isinstance(content, str):
        info.type, info.linkname = tarfile.SYMTYPE, content
        tar.addfile(info)
    elif isinstance(content, bytes):
        info.size = len(content)
        tar.addfile(info, io.BytesIO(content))
    else:
        info.size = content.stat().st_size
        with content.open("rb") as data:
            tar.addfile(info, data)


@dataclass(frozen=True)
class Layer:
    """A layer on disk and the digest of its bytes."""

    path: Path
    digest: str


@dataclass(frozen=True)
class Image:
    """What an image archive needs to know of one image."""

    tags: tuple[str, ...]
    layers: tuple[Layer, ...]
    config: Mapping[str, Any] = field(default_factory=dict[str, Any])
    architecture: str = field(default_factory=lambda: machine())

    def configuration(self) -> bytes:
        """The image's configuration file; its digest is the image's id."""
        whole = {
            "architecture": self.architecture,
            "os": "linux",
            "config": self.config,
            "rootfs": {"type": "layers", "diff_ids": [f"sha256:{layer.digest}" for layer in self.layers]},
            "history": [{"created_by": "labgrade"} for _ in self.layers],
        }
        return json.dumps(whole, sort_keys=True).encode()


def machine() -> str:
    """The architecture of this machine in Debian's and Go's words."""
    return {"x86_64": "amd64", "aarch64": "arm64"}.get(platform.machine(), platform.machine())


def keep(make: Callable[[Path], None], folder: Path, key: str) -> Layer:
    """The layer that `make` writes to the path that it is given, written once for each key."""
    path, note = folder / f"{key}.tar", folder / f"{key}.sha256"
    if not (path.is_file() and note.is_file()):
        folder.mkdir(parents=True, exist_ok=True)
        half = folder / f"{key}.half"
        make(half)
        note.write_text(file_digest(half), encoding="ascii")
        half.replace(path)
    return Layer(path, note.read_text(encoding="ascii"))


def keep_tree(fill: Callable[[Tree], None], folder: Path, key: str) -> Layer:
    """The layer of the tree that `fill` fills, written once for each key."""

    def make(path: Path) -> None:
        tree = Tree()
        fill(tree)
        with path.open("wb") as out:
            tree.write(out)

    return keep(make, folder, key)


def file_digest(path: Path) -> str:
    """The SHA-256 of a file, in hexadecimal."""
    with path.open("rb") as data:
        return hashlib.file_digest(data, "sha256").hexdigest()


def save(images: Iterable[Image], out: IO[bytes]) -> None:
    """Write images the way `docker save` does: what `docker load` and `ctr images import` read."""
    manifest: list[dict[str, Any]] = []
    written: set[str] = set()
    with tarfile.open(fileobj=out, mode="w|", format=tarfile.GNU_FORMAT) as tar:

        def put(name: str, content: bytes | Path) -> None:
            if name not in written:
                written.add(name)
                info = tarfile.TarInfo(name)
                info.mode = 0o644
                _add(tar, info, content)

        for image in images:
            for layer in image.layers:
                put(f"{layer.digest}/layer.tar", layer.path)
            configuration = image.configuration()
            name = f"{hashlib.sha256(configuration).hexdigest()}.json"
            put(name, configuration)
            layers = [f"{layer.digest}/layer.tar" for layer in image.layers]
            manifest.append({"Config": name, "RepoTags": list(image.tags), "Layers": layers})
        put("manifest.json", json.dumps(manifest, sort_keys=True).encode())
