"""A Chromium for the tests: the machine's own, else one that is set up in the user's cache; nothing is installed.

LABGRADE_CHROMIUM names the program to use, or is `own` to leave out what the machine has.
"""

from __future__ import annotations

import fcntl
import os
import shutil
import sys
from collections.abc import Callable, Generator, Mapping
from contextlib import contextmanager
from pathlib import Path

from playwright.sync_api import Browser, BrowserType, Error

from images.aptsources import mirror
from images.debian import Archive, Deb, Wanted, merged_usr, unpack
from images.host import release
from images.places import of_this_user
from images.progress import Progress
from images.tools import HOST_HAS
from images.trouble import Trouble, call

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome")
APPLICATIONS = (
    "Google Chrome.app/Contents/MacOS/Google Chrome",
    "Chromium.app/Contents/MacOS/Chromium",
)
PACKAGES = ("chromium-headless-shell", "fonts-dejavu-core")
NOT_NEEDED = ("libllvm", "libz3", "libgl1-mesa-dri", "mesa-libgallium")
"""Beginnings of packages that only a graphics card needs: a third of the bytes."""
PROGRAM = "usr/lib/chromium/chromium-headless-shell"
FONTS = """\
<fontconfig>
  <dir>{root}/usr/share/fonts</dir>
  <cachedir>{root}/fonts</cachedir>
  <alias><family>monospace</family><prefer><family>DejaVu Sans Mono</family></prefer></alias>
</fontconfig>
"""
ALONE = [
    "--proxy-server=127.0.0.1:9",
    "--proxy-bypass-list=<-loopback>",
    "--host-resolver-rules=MAP * ~NOTFOUND",
]
"""No name is looked up and nobody is asked: port 9 refuses, and what would pass a proxy by goes there, too."""

Way = Callable[[], Path]


def start(kind: BrowserType) -> Browser:
    """A running Chromium, without a network. Trouble that says what was tried where there is none to be had."""
    tried: list[str] = []
    for way in _ways(kind, os.environ):
        try:
            return kind.launch(executable_path=way(), args=ALONE)
        except Trouble as trouble:
            tried.append(str(trouble))
        except Error as error:
            tried.append(error.message.splitlines()[0])
    raise Trouble(
        "No Chromium can be had here. Install Chromium or Chrome, or name one in LABGRADE_CHROMIUM.\n  "
        + "\n  ".join(tried)
    )


def _ways(kind: BrowserType, environment: Mapping[str, str]) -> list[Way]:
    """Where a Chromium may come from, what costs least in front."""
    named = environment.get("LABGRADE_CHROMIUM", "")
    if named not in ("", "own"):
        return [lambda: Path(named)]
    progress = Progress()
    making: list[Way] = [lambda: _of_debian(progress), lambda: _of_playwright(kind, progress)]
    return making if named else [of_this_machine, *making]


def of_this_machine() -> Path:
    """The Chromium or Chrome that is installed here; Trouble where there is none, or only a snap."""
    folders = (Path("/Applications"), Path.home() / "Applications")
    found = [Path(path) for name in NAMES if (path := shutil.which(name))]
    found += [folder / name for folder in folders for name in APPLICATIONS if (folder / name).exists()]
    # A snap sees neither the folders of tests nor the pipe that it is driven by.
    usable = [path for path in found if not _is_snap(path)]
    if not usable:
        raise Trouble(f"None of {', '.join(NAMES)} is on the PATH.")
    return usable[0]


def _is_snap(path: Path) -> bool:
    if path.is_relative_to("/snap") or path.resolve().name == "snap":
        return True
    with path.open("rb") as file:
        return b"/snap/bin" in file.read(4096)


def _of_playwright(kind: BrowserType, progress: Progress) -> Path:
    """The one that Playwright downloads for itself, once."""
    program = Path(kind.executable_path)
    if not program.exists():
        with progress.step("Chromium from Playwright, for the tests", about=30):
            call([sys.executable, "-m", "playwright", "install", "chromium"])
    return program


def _of_debian(progress: Progress) -> Path:
    """Debian's, unpacked with its libraries and a font below the user's cache."""
    if shutil.which("apt-get") is None or shutil.which("dpkg-deb") is None:
        raise Trouble("This is not Debian: there is no apt-get to unpack one with.")
    suite = release(Path("/etc/os-release").read_text(encoding="utf-8"))
    cache = of_this_user().cache.with_name("chromium")
    archive, wanted = Archive(cache, mirror(Path("/etc/apt"), suite)), Wanted(suite, PACKAGES)
    program = cache / suite / "chromium"
    with _alone(cache):
        if not program.exists():
            with progress.step("Chromium from Debian, for the tests", about=20):
                _unpack(archive, archive.fetch(wanted), cache / suite)
    return program


@contextmanager
def _alone(folder: Path) -> Generator[None]:
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "lock").open("a") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def _unpack(archive: Archive, debs: list[Deb], into: Path) -> None:
    """Lays the packages down, whole or not at all; the program in front finds libraries and font."""
    half = into.with_suffix(".half")
    shutil.rmtree(half, ignore_errors=True)
    merged_usr(half)
    for deb in debs:
        if deb.name not in HOST_HAS and not deb.name.startswith(NOT_NEEDED):
            unpack(archive.path(deb), half)
    (half / "fonts.conf").write_text(FONTS.format(root=into), encoding="utf-8")
    folders = sorted({path.parent for path in half.glob("usr/lib/**/*.so*")})
    libraries = ":".join(str(into / folder.relative_to(half)) for folder in folders)
    start = half / "chromium"
    start.write_text(
        f"#!/bin/sh\nexport LD_LIBRARY_PATH='{libraries}'\nexport FONTCONFIG_FILE='{into}/fonts.conf'\n"
        f"exec '{into}/{PROGRAM}' \"$@\"\n",
        encoding="utf-8",
    )
    start.chmod(0o755)
    shutil.rmtree(into, ignore_errors=True)
    half.replace(into)
    shutil.rmtree(archive.debs)
