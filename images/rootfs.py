"""A Debian root in which the packages are configured, as the node's system needs them."""

import os
import shutil
import stat
from collections.abc import Sequence
from pathlib import Path

from images.debian import Archive, Deb, merged_usr, unpack
from images.trouble import call

LEFT_OUT = ("man", "locale", "doc", "info", "lintian")
QUIET = {
    "DEBIAN_FRONTEND": "noninteractive",
    "DEBCONF_NONINTERACTIVE_SEEN": "true",
    "LC_ALL": "C",
    "PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
    "RUNLEVEL": "1",
}


def make_root(archive: Archive, debs: Sequence[Deb], first: Sequence[Deb], root: Path) -> None:
    """Install packages into an empty folder; `first` are the essential ones, without which no script runs.

    Raises Trouble with dpkg's own words when a package cannot be configured.
    """
    merged_usr(root)
    for deb in first:
        unpack(archive.path(deb), root)
    _furnish(root)
    inside = root / "var/cache/debs"
    inside.mkdir(parents=True, exist_ok=True)
    for deb in debs:
        os.link(archive.path(deb), inside / deb.file)
    options = ["--force-depends", "--force-unsafe-io", "--force-confold", "--log=/dev/null"]
    options += [f"--path-exclude=/usr/share/{name}/*" for name in LEFT_OUT]
    dpkg: list[str | Path] = ["chroot", root, "dpkg", *options]
    call([*dpkg, "--unpack", "--recursive", "/var/cache/debs"], env=QUIET)
    call([*dpkg, "--configure", "-a"], env=QUIET)
    _tidy(root)


def _furnish(root: Path) -> None:
    """What maintainer scripts expect of a system: devices, a dpkg that knows nothing, services not to start."""
    for name, minor in {"null": 3, "zero": 5, "random": 8, "urandom": 9}.items():
        device = root / "dev" / name
        if not device.exists():
            device.parent.mkdir(exist_ok=True)
            os.mknod(device, 0o666 | stat.S_IFCHR, os.makedev(1, minor))
            device.chmod(0o666)
    for name in ("info", "updates", "triggers", "parts", "alternatives"):
        (root / "var/lib/dpkg" / name).mkdir(parents=True, exist_ok=True)
    for name in ("status", "available"):
        (root / "var/lib/dpkg" / name).touch()
    policy = root / "usr/sbin/policy-rc.d"
    policy.write_text("#!/bin/sh\nexit 101\n", encoding="ascii")
    policy.chmod(0o755)
    (root / "etc").mkdir(exist_ok=True)
    (root / "etc/hostname").write_text("node\n", encoding="ascii")


def _tidy(root: Path) -> None:
    (root / "usr/sbin/policy-rc.d").unlink()
    shutil.rmtree(root / "var/cache/debs")
    for name in LEFT_OUT:
        shutil.rmtree(root / "usr/share" / name, ignore_errors=True)
    for path in (root / "var/log").rglob("*"):
        if path.is_file():
            path.unlink()
    for path in (root / "dev").iterdir():
        path.unlink()


def pack(root: Path, out: Path) -> None:
    """Write a folder as a layer; order, times and names of users do not depend on this machine."""
    command = ["tar", "-c", "--sort=name", "--mtime=@0", "--numeric-owner", "--format=gnu", "--xattrs", "-f", str(out)]
    call([*command, "-C", root, "."])
