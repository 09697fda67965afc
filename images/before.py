"""What the host was like before our engine ran, so that it can be so again."""

import json
import socket
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, cast

from images import firewall
from images.places import Places
from images.trouble import Trouble, call

FORWARDING = ("net/ipv4/ip_forward", "net/ipv6/conf/all/forwarding", "net/ipv6/conf/default/forwarding")
KUBELET = ("vm/overcommit_memory", "vm/panic_on_oom", "kernel/panic", "kernel/panic_on_oops")
KEYS = ("kernel/keys/root_maxkeys", "kernel/keys/root_maxbytes", "net/netfilter/nf_conntrack_max")
ROOM = {"fs/inotify/max_user_instances": 1024, "fs/inotify/max_user_watches": 524288}
"""What several clusters side by side need: with the kernel's defaults the third one's API server does not start."""

SYSCTLS = (*FORWARDING, *KUBELET, *KEYS, *ROOM)
PROC_SYS = Path("/proc/sys")
CGROUPS = Path("/sys/fs/cgroup")


def succeeds(tools: Path, command: Sequence[str]) -> bool:
    """Whether one of our tools ends well."""
    return subprocess.run([tools / command[0], *command[1:]], capture_output=True, check=False).returncode == 0


def run_tool(tools: Path, command: list[str], *, check: bool = True) -> str:
    """What one of our tools prints; its failure is ignored unless `check`."""
    try:
        return call([tools / command[0], *command[1:]])
    except Trouble:
        if check:
            raise
        return ""


def remember(places: Places, tools: Path) -> None:
    """Note what the host was like before the engine, unless an engine that never ended has noted it."""
    note = places.engine / "before.json"
    if note.exists():
        return
    tables = {
        f"{family} {table}": run_tool(tools, firewall.listing(family, table), check=False).splitlines()
        for family in firewall.FAMILIES
        for table in firewall.TABLES
    }
    whole = {
        "tools": str(tools),
        "tables": tables,
        "sysctls": {name: value for name in SYSCTLS if (value := read_sysctl(name)) is not None},
        "interfaces": sorted(name for _, name in socket.if_nameindex()),
        "cgroups": [str(path) for path in docker_cgroups()],
    }
    half = note.with_suffix(".half")
    half.write_text(json.dumps(whole, indent=1), encoding="utf-8")
    half.replace(note)


def remembered(places: Places) -> Mapping[str, Any] | None:
    """What `remember` noted, else None."""
    note = places.engine / "before.json"
    return cast(dict[str, Any], json.loads(note.read_text(encoding="utf-8"))) if note.exists() else None


def read_sysctl(name: str) -> str | None:
    """A kernel setting by its path below /proc/sys; None where the kernel has no such setting."""
    path = PROC_SYS / name
    return path.read_text(encoding="ascii").strip() if path.exists() else None


def make_room() -> None:
    """Raise the kernel settings that several clusters need, to be called after `remember`."""
    for name, least in ROOM.items():
        if int(read_sysctl(name) or least) < least:
            (PROC_SYS / name).write_text(f"{least}\n", encoding="ascii")


def docker_cgroups() -> list[Path]:
    """The folders in which a Docker engine keeps its containers' cgroups, of both versions."""
    return [path for path in (CGROUPS / "docker", *CGROUPS.glob("*/docker")) if path.is_dir()]
