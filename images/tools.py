"""The programs that engine and users call, in one folder of our own: nothing is installed into the system."""

import hashlib
import os
import shutil
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

from images.debian import Archive, Wanted, unpack

ENGINE = Wanted("forky", ("docker.io", "docker-cli", "containerd"), alone=True)
RUNC = Wanted("bookworm", ("runc", "libseccomp2"), alone=True)
IPTABLES = Wanted("bookworm", ("iptables", "nftables"))
PACKAGES = (ENGINE, RUNC, IPTABLES)
PROGRAMS = ("docker", "dockerd", "docker-proxy", "containerd", "containerd-shim-runc-v2", "ctr")
# Next to another release's libc the machine's own dynamic linker would crash; its own libc is never older.
HOST_HAS = ("libc6", "libgcc-s1", "gcc-12-base")
XTABLES = tuple(f"{family}{verb}" for family in ("iptables", "ip6tables") for verb in ("", "-save", "-restore"))


def install(debian: Archive, binaries: Path, cache: Path) -> Path:
    """The folder with docker, kind, kubectl, helm and what dockerd calls; made when its packages changed."""
    debs = [deb for wanted in PACKAGES for deb in debian.fetch(wanted)]
    stamp = [*(str(asdict(deb)) for deb in debs), str(binaries), Path(__file__).read_text(encoding="utf-8")]
    root = cache / "tools" / hashlib.sha256("\n".join(stamp).encode()).hexdigest()[:16]
    folder = root / "bin"
    if not (folder / XTABLES[-1]).exists():
        half = root.with_suffix(".half")
        shutil.rmtree(half, ignore_errors=True)
        for wanted in PACKAGES:
            for deb in debian.fetch(wanted):
                if deb.name not in HOST_HAS:
                    unpack(debian.path(deb), half / "xtables" if wanted is IPTABLES else half / "root")
        shutil.rmtree(root, ignore_errors=True)
        half.replace(root)
        _link(root, binaries)
    return folder


def _link(root: Path, binaries: Path) -> None:
    folder = root / "bin"
    folder.mkdir()
    for name in PROGRAMS:
        found = next(root / "root" / part / name for part in _FOLDERS if (root / "root" / part / name).exists())
        (folder / name).symlink_to(os.path.relpath(found, folder))
    _script(folder / "runc", [root / "root/usr/sbin/runc"], libraries=_libraries(root / "root"))
    for name in ("kind", "helm"):
        (folder / name).symlink_to(binaries / name)
    (folder / "kubectl").symlink_to(binaries / "k8s-node")
    extensions = next((root / "xtables/usr/lib").glob("*-linux-gnu/xtables"))
    for name in XTABLES:
        command: list[str | Path] = [root / "xtables/usr/sbin/xtables-nft-multi", name]
        _script(folder / name, command, libraries=_libraries(root / "xtables"), settings={"XTABLES_LIBDIR": extensions})


_FOLDERS = ("usr/bin", "usr/sbin", "usr/libexec/docker", "usr/lib/docker")


def _libraries(root: Path) -> list[Path]:
    return [path for part in ("usr/lib", "lib") for path in (root / part).glob("*-linux-gnu")]


def _script(
    path: Path, command: Sequence[str | Path], *, libraries: Sequence[Path], settings: dict[str, Path] | None = None
) -> None:
    """A wrapper that lets a program of another suite find the libraries that came with it."""
    paths = ":".join(str(one) for one in libraries)
    exports = "".join(f"export {name}='{value}'\n" for name, value in (settings or {}).items())
    words = " ".join(f"'{word}'" for word in command)
    path.write_text(f"#!/bin/sh\nexport LD_LIBRARY_PATH='{paths}'\n{exports}exec {words} \"$@\"\n", encoding="utf-8")
    path.chmod(0o755)
