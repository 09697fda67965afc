"""The Docker engine: a dockerd in the host's own network namespace, with state and socket in folders of ours."""

import json
import os
import shutil
import subprocess
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

from images import firewall, processes
from images.places import Places
from images.trouble import Trouble, call

PATIENCE = 30.0  # seconds for dockerd to answer or to end
FORWARDING = ("net/ipv4/ip_forward", "net/ipv6/conf/all/forwarding", "net/ipv6/conf/default/forwarding")
KUBELET = ("vm/overcommit_memory", "vm/panic_on_oom", "kernel/panic", "kernel/panic_on_oops")
KEYS = ("kernel/keys/root_maxkeys", "kernel/keys/root_maxbytes", "net/netfilter/nf_conntrack_max")
SYSCTLS = (*FORWARDING, *KUBELET, *KEYS)


@dataclass(frozen=True)
class Engine:
    """One engine of this user; `tools` is the folder with dockerd and what it calls."""

    places: Places
    tools: Path

    @property
    def environment(self) -> dict[str, str]:
        """The environment in which docker, kind and kubectl reach this engine."""
        path = f"{self.tools}:{os.environ.get('PATH', '/usr/sbin:/usr/bin:/sbin:/bin')}"
        return {**os.environ, "PATH": path, "DOCKER_HOST": self.places.docker_host}

    def docker(self, *words: str, stdin: bytes | None = None) -> str:
        """What a docker command prints; raises Trouble when it fails."""
        return call([self.tools / "docker", *words], env=self.environment, stdin=stdin)

    def answers(self) -> bool:
        """Whether the engine runs and talks."""
        return self.places.socket.exists() and answers(self.places.docker_host)

    def start(self) -> None:
        """Guard the host, then start dockerd and make the network that kind will use.

        Raises Trouble with the log's last lines when dockerd does not answer within half a minute.
        """
        self.places.engine.mkdir(parents=True, exist_ok=True)
        self.places.run.mkdir(parents=True, exist_ok=True)
        self.places.run.chmod(0o700)
        remember(self.places, self.tools)
        for command in firewall.put():
            run_tool(self.tools, command, check="-I" in command)
        self._dockerd()
        if not self.docker("network", "ls", "-q", "--filter", "name=^kind$").strip():
            self._network()

    def _dockerd(self) -> None:
        places, log = self.places, self.places.engine / "dockerd.log"
        (places.run / "docker.pid").unlink(missing_ok=True)
        (places.engine / "daemon.json").write_text("{}\n", encoding="ascii")
        command = [
            *(str(self.tools / "dockerd"), "--config-file", str(places.engine / "daemon.json")),
            *("--data-root", str(places.engine / "data"), "--exec-root", str(places.run / "exec")),
            *("--host", places.docker_host, "--pidfile", str(places.run / "docker.pid")),
            *("--storage-driver", "overlay2", "--bridge", "none", "--dns", firewall.NOWHERE),
        ]
        with log.open("wb") as out:
            daemon = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=out, stderr=out, env=self.environment, start_new_session=True
            )
        processes.record(places.engine / "process.json", daemon.pid)
        end = time.monotonic() + PATIENCE
        while not self.answers():
            if daemon.poll() is not None or time.monotonic() > end:
                said = "\n  ".join(log.read_text(errors="replace").splitlines()[-8:])
                raise Trouble(f"The Docker engine did not start; {log} ends with\n  {said}")
            time.sleep(0.1)

    def _network(self) -> None:
        """The network named kind, on a bridge whose name the firewall rules know."""
        options = ["-o", "com.docker.network.bridge.enable_ip_masquerade=true"]
        options += ["-o", f"com.docker.network.bridge.name={firewall.BRIDGE}"]
        if Path("/proc/net/if_inet6").exists():
            options += ["--ipv6", "--subnet", "fc00:f853:ccd:e793::/64"]
        self.docker("network", "create", "-d", "bridge", *options, "kind")


def answers(docker_host: str) -> bool:
    """Whether an engine answers at an address; only sockets on this machine are tried."""
    import http.client
    import socket

    if not docker_host.startswith("unix://"):
        return False
    with socket.socket(socket.AF_UNIX) as line:
        line.settimeout(3)
        try:
            line.connect(docker_host.removeprefix("unix://"))
            line.sendall(b"GET /_ping HTTP/1.0\r\n\r\n")
            reply = http.client.HTTPResponse(line)
            reply.begin()
        except (OSError, http.client.HTTPException):
            return False
        return reply.status == 200


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
    sysctls = {name: value for name in SYSCTLS if (value := read_sysctl(name)) is not None}
    half = note.with_suffix(".half")
    half.write_text(json.dumps({"tools": str(tools), "tables": tables, "sysctls": sysctls}, indent=1), encoding="utf-8")
    half.replace(note)


def remembered(places: Places) -> Mapping[str, Any] | None:
    """What `remember` noted, else None."""
    note = places.engine / "before.json"
    return cast(dict[str, Any], json.loads(note.read_text(encoding="utf-8"))) if note.exists() else None


def read_sysctl(name: str) -> str | None:
    """A kernel setting by its path below /proc/sys; None where the kernel has no such setting."""
    path = Path("/proc/sys") / name
    return path.read_text(encoding="ascii").strip() if path.exists() else None


def clear(folder: Path) -> None:
    """Remove a folder that may not be there."""
    shutil.rmtree(folder, ignore_errors=True)
