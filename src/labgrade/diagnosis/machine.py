"""The machine that labgrade runs on, as far as remedies differ."""

from __future__ import annotations

import platform
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from labgrade.text import Text

System = Literal["linux", "wsl", "macos", "other"]


@dataclass(frozen=True, slots=True)
class Machine:
    """An operating system, and whether systemd starts its services."""

    system: System
    systemd: bool = False
    root: Path = Path("/")
    """Where /proc and /sys are read."""

    def number(self, path: str) -> int | None:
        """The number that a file below /proc or /sys holds; None where there is none."""
        try:
            return int((self.root / path).read_text(encoding="ascii").split()[0])
        except (OSError, ValueError, IndexError):
            return None

    def memory(self) -> Mapping[str, int]:
        """/proc/meminfo in bytes; empty where there is none."""
        try:
            lines = (self.root / "proc/meminfo").read_text(encoding="ascii").splitlines()
        except OSError:
            return {}
        words = [line.split() for line in lines]
        return {each[0].rstrip(":"): int(each[1]) * 1024 for each in words if len(each) >= 2 and each[1].isdigit()}

    def restart(self, service: str, verb: str = "start") -> str:
        """The command that starts a system's service."""
        return f"sudo systemctl {verb} {service}" if self.systemd else f"sudo service {service} {verb}"


def here(root: Path = Path("/")) -> Machine:
    """The machine at hand; a Linux inside Windows is one of its own."""
    systemd = (root / "run/systemd/system").is_dir()
    match platform.system():
        case "Linux":
            return Machine("wsl" if _in_windows(root) else "linux", systemd, root)
        case "Darwin":
            return Machine("macos", root=root)
        case _:
            return Machine("other", root=root)


def _in_windows(root: Path) -> bool:
    try:
        return "microsoft" in (root / "proc/sys/kernel/osrelease").read_text(encoding="utf-8").lower()
    except OSError:
        return False


WSLCONFIG = Text(
    en="in Windows, in %UserProfile%\\.wslconfig, under [wsl2]: {}; then in PowerShell: wsl --shutdown",
    fr="sous Windows, dans %UserProfile%\\.wslconfig, sous [wsl2] : {} ; puis dans PowerShell : wsl --shutdown",
)


def wslconfig(setting: str) -> Text:
    """How a setting of WSL's is changed."""
    return Text(WSLCONFIG.en.format(setting), WSLCONFIG.fr.format(setting))
