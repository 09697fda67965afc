"""The Docker engine: a dockerd in the host's own network namespace, with state and socket in folders of ours."""

import http.client
import os
import socket
import subprocess
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from images import firewall, processes
from images.archive import Image, save
from images.before import make_room, remember, run_tool, succeeds
from images.places import Places
from images.trouble import Trouble, call

PATIENCE = 30.0  # seconds for dockerd to answer or to end


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
        make_room()
        self.guard()
        self._dockerd()
        if not self.docker("network", "ls", "-q", "--filter", "name=^kind$").strip():
            self._network()

    def guard(self) -> None:
        """Put every firewall rule that is not there."""
        for family in firewall.FAMILIES:
            run_tool(self.tools, [family, "-w", "-N", "DOCKER-USER"], check=False)
        for rule in firewall.rules():
            if not succeeds(self.tools, rule.check):
                run_tool(self.tools, rule.insert)

    def has(self, image: str) -> bool:
        """Whether an image lies in the engine."""
        # a name without its registry: that is how the engine lists what came from the default one
        listed = self.docker("image", "ls", "--format", "{{.Repository}}:{{.Tag}}").split()
        return image.removeprefix("docker.io/") in listed

    def load(self, images: Sequence[Image]) -> None:
        """Put images into the engine; raises Trouble when it does not take them."""
        command = [self.tools / "docker", "load", "-q"]
        with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, env=self.environment) as load:
            assert load.stdin is not None
            save(images, load.stdin)
            load.stdin.close()
        if load.returncode != 0:
            raise Trouble(f"The engine did not take {images[0].tags[0]}.")

    def keep_only(self, *images: str) -> None:
        """Drop the node images of earlier builds; one that a cluster still uses stays."""
        name = images[0].removeprefix("docker.io/").rpartition(":")[0]
        tags = {image.rpartition(":")[2] for image in images}
        for other in self.docker("image", "ls", "--format", "{{.Tag}}", name).split():
            if other not in tags:
                succeeds(self.tools, ["docker", "--host", self.places.docker_host, "rmi", f"{name}:{other}"])

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
                command,
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=out,
                cwd="/",
                env=self.environment,
                start_new_session=True,
            )
        processes.record(places.engine / "process.json", daemon.pid)
        end = time.monotonic() + PATIENCE
        while not self.answers():
            if daemon.poll() is not None or time.monotonic() > end:
                said = "\n  ".join(log.read_text(errors="replace").splitlines()[-8:])
                hint = "`python -m images down` puts the host back."
                raise Trouble(f"The Docker engine did not start. {hint} {log} ends with\n  {said}")
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
