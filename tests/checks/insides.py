"""A container's inside, played by this machine: directories are folders here, variables those of this process."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import testinfra

from labgrade.errors import HarnessError
from labgrade.facts import Pod


def inside(folders: Mapping[str, Path], *, container: str = "") -> Callable[..., Any]:
    """`inside` of a Pod whose directories lie here; `container`: the only one that runs, if not any."""
    local = testinfra.get_host("local://")

    class Host:
        def run(self, command: str, *args: str) -> Any:
            return local.run(command, *(_here(folders, arg) for arg in args))

    def host(_: Pod, name: str | None = None) -> Host:
        if container and name != container:
            raise HarnessError("container not found")
        return Host()

    return host


def _here(folders: Mapping[str, Path], path: str) -> str:
    for there, here in folders.items():
        if path == there or path.startswith(f"{there}/"):
            return f"{here}{path[len(there) :]}"
    return path
