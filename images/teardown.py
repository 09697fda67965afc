"""The end of the engine, and of all that it leaves in the system; the build cache and the images stay."""

import ctypes
import fcntl
import os
import re
import shutil
import socket
import struct
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from images import before, firewall, processes
from images.engine import Engine
from images.places import Places
from images.processes import Process
from images.progress import Progress
from images.trouble import Trouble

DAEMONS = ("dockerd", "containerd", "containerd-shim-runc-v2", "docker-proxy")
DETACH = 2  # MNT_DETACH
SIOCGIFFLAGS, SIOCSIFFLAGS, SIOCBRDELBR = 0x8913, 0x8914, 0x89A1
IFF_UP = 1


def down(places: Places, progress: Progress) -> None:
    """End the engine and put the host back; does nothing where nothing is left.

    Copes with an engine that was killed: it is started once more, so that it can remove its own containers.
    """
    note = before.remembered(places)
    if note is None and not ours(places):
        progress.say("no engine of ours is here")
        return
    tools = Path(note["tools"]) if note else None
    if tools is not None and (tools / "dockerd").exists():
        engine = Engine(places, tools)
        if not engine.answers():
            progress.say("the engine ended by itself; starting it once more to clear up after it")
            _sweep(places)
            _try_start(engine, progress)
        if engine.answers():
            _empty(engine, progress)
    _sweep(places)
    if note is not None:
        restore(note)
    for name in ("engine.json", "process.json", "before.json", "ends-with-its-users"):
        (places.engine / name).unlink(missing_ok=True)
    progress.say("the engine is down; the build cache and the node image are kept")


def ours(places: Places) -> list[Process]:
    """Processes that run one of our tools: no other program lies in that folder."""
    return processes.running(places.cache / "tools", DAEMONS)


def restore(note: Mapping[str, Any]) -> None:
    """Bring firewall, interfaces, kernel settings and cgroups back to what they were."""
    tools = Path(note["tools"])
    for name, lines in note["tables"].items():
        family, table = name.split()
        now = before.run_tool(tools, firewall.listing(family, table), check=False).splitlines()
        for command in firewall.leftovers(family, table, lines, now):
            before.run_tool(tools, command, check=False)
    for _, name in socket.if_nameindex():
        made_here = name == firewall.BRIDGE or re.fullmatch(r"br-[0-9a-f]{12}", name)
        if made_here and name not in note.get("interfaces", ()):
            delete_bridge(name)
    for name, value in note["sysctls"].items():
        if before.read_sysctl(name) not in (None, value):
            (before.PROC_SYS / name).write_text(value, encoding="ascii")
    for path in before.docker_cgroups():
        if str(path) not in note.get("cgroups", ()):
            remove_cgroup(path)


def delete_bridge(name: str) -> None:
    """Take a bridge down and away."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as line:
        request = struct.pack("16sH14x", name.encode(), 0)
        flags = struct.unpack("16sH14x", fcntl.ioctl(line, SIOCGIFFLAGS, request))[1]
        fcntl.ioctl(line, SIOCSIFFLAGS, struct.pack("16sH14x", name.encode(), flags & ~IFF_UP))
        fcntl.ioctl(line, SIOCBRDELBR, name.encode() + b"\0")


def remove_cgroup(path: Path) -> None:
    """Remove an empty cgroup with those below it; one that still holds a process stays."""
    for folder, _, _ in os.walk(path, topdown=False):
        try:
            Path(folder).rmdir()
        except OSError:
            continue


def mounts_below(folder: Path, mountinfo: str) -> list[str]:
    """Mount points inside a folder, the innermost first, from the text of /proc/self/mountinfo."""
    points = [line.split()[4].encode().decode("unicode_escape") for line in mountinfo.splitlines()]
    return sorted((p for p in points if p.startswith(f"{folder}/")), key=lambda p: p.count("/"), reverse=True)


def _try_start(engine: Engine, progress: Progress) -> None:
    try:
        engine.start()
    except Trouble as trouble:
        progress.say(f"it does not start any more, so its containers' files stay until the next one: {trouble}")


def _empty(engine: Engine, progress: Progress) -> None:
    """Remove containers, their volumes and networks through the engine itself."""
    if containers := engine.docker("ps", "-aq").split():
        progress.say(f"removing {len(containers)} containers")
        engine.docker("rm", "-f", "-v", *containers)
    engine.docker("network", "prune", "-f")
    engine.docker("volume", "prune", "-a", "-f")


def _sweep(places: Places) -> None:
    """End every process of ours, the containers' first processes among them, and undo their mounts."""
    daemon = processes.recorded(places.engine / "process.json")
    processes.end([daemon] if daemon else [], patience=20)
    left = ours(places)
    shims = [process for process in left if process.name == "containerd-shim-runc-v2"]
    processes.kill([child for shim in shims for child in processes.children(shim)])
    processes.end(left, patience=5)
    library = ctypes.CDLL(None, use_errno=True)
    for folder in (places.run, places.engine):
        for point in mounts_below(folder, Path("/proc/self/mountinfo").read_text(encoding="utf-8")):
            library.umount2(point.encode(), DETACH)
    shutil.rmtree(places.run, ignore_errors=True)
