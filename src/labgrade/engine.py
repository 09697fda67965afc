"""The container engine that clusters run on: the user's Docker, or one that was set up where there is none."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import platformdirs

from labgrade.errors import HarnessError
from labgrade.model import Json

SCHEMA = "labgrade/engine/v1"
ANSWER_SECONDS = 10.0

OWN_CLOCK = re.compile(r"^ *[\d.]+ s  ")
"""The seconds before each line of what sets an engine up: here they are counted from another beginning."""


@dataclass(frozen=True, slots=True)
class Cilium:
    """How an engine that was set up for us has Cilium, whose images no node of it can pull."""

    node_image: str | None
    """The node image that holds them too; None until `prepare` has made it."""
    chart: str
    """The folder of the helm chart."""
    values: Json
    """What the chart must be told on this engine."""
    prepare: tuple[str, ...]
    """The command that makes chart and node image, to be run in `cwd`."""
    cwd: str


@dataclass(frozen=True, slots=True)
class Engine:
    """How to reach an engine, and what is special about clusters on it."""

    environment: dict[str, str]
    """For child processes: DOCKER_HOST, and a PATH with docker, kind and kubectl."""
    node_image: str | None = None
    """The node image to use; None for kind's own, which kind pins."""
    images: tuple[str, ...] = ()
    """What the node image holds already; none of it is pulled."""
    kubeadm_patches: tuple[str, ...] = field(default=())
    lacks: tuple[str, ...] = ()
    """What clusters on a usual Docker can have and here cannot, such as `cilium-envoy`; empty for a usual Docker."""
    cilium: Cilium | None = None
    """None where nodes pull Cilium's images as they do all others."""


def description() -> Path:
    """Where an engine that was set up for us describes itself."""
    return platformdirs.user_cache_path("labgrade") / "engine" / "engine.json"


def find(environment: Mapping[str, str] | None = None) -> Engine:
    """The engine to use; HarnessError, saying what to type, where none answers.

    The user's own engine comes first, unless LABGRADE_ENGINE is `own` or DOCKER_HOST leads to ours.
    """
    tried = candidates(environment)
    for each in tried:
        if _answers(each.environment):
            return each
    if any(each.node_image for each in tried):
        raise HarnessError("the container engine does not run. `make engine` in the checkout starts it.")
    raise HarnessError(
        "no container engine answers. Start Docker (Docker Desktop, or `sudo systemctl start docker`) and see "
        "that `docker ps` works; on a machine without Docker, `make engine` in a checkout sets one up."
    )


def candidates(environment: Mapping[str, str] | None = None) -> list[Engine]:
    """The engines to try, in that order, whether they answer or not."""
    env = dict(os.environ if environment is None else environment)
    ours = _described(env)
    wanted = env.get("LABGRADE_ENGINE") == "own" or (ours and env.get("DOCKER_HOST") == ours.environment["DOCKER_HOST"])
    return [*([] if wanted else [Engine(env)]), *([ours] if ours else [])]


def with_cilium(found: Engine, say: Callable[[str], None]) -> Engine:
    """The engine with a node image that holds Cilium's images, which is made first if it is not there yet.

    A usual Docker is returned as it is. HarnessError, with the command's last lines, when it cannot be made.
    """
    if found.cilium is None:
        return found
    if found.cilium.node_image is None:
        say("preparing a node image with Cilium, once (about 7 minutes when it has to be compiled)")
        _prepare(found.cilium, found.environment, say)
        found = find(found.environment)
    if found.cilium is None or found.cilium.node_image is None:
        raise HarnessError("the node image with Cilium was prepared, but engine.json does not announce it")
    return replace(found, node_image=found.cilium.node_image)


def tools(environment: Mapping[str, str] | None = None) -> dict[str, str]:
    """The environment with a PATH that has kubectl, also where only an engine of ours brought it."""
    env = dict(os.environ if environment is None else environment)
    ours = _described(env)
    if ours and not shutil.which("kubectl", path=env.get("PATH")):
        return env | {"PATH": ours.environment["PATH"]}
    return env


def _described(env: Mapping[str, str]) -> Engine | None:
    try:
        data = json.loads(description().read_text(encoding="utf-8"))
        if data["schema"] != SCHEMA:
            return None
        path = os.pathsep.join([*data["path"], env.get("PATH", os.defpath)])
        return Engine(
            environment=dict(env) | {"DOCKER_HOST": data["docker_host"], "PATH": path},
            node_image=data["node_image"],
            images=tuple(data["images"]),
            kubeadm_patches=tuple(data["kubeadm_patches"]),
            lacks=tuple(data.get("lacks", ())),
            cilium=_cilium(data["cilium"]) if "cilium" in data else None,
        )
    except (OSError, ValueError, LookupError, TypeError):
        return None  # none, or one that is not of this version: setting it up again writes a new one


def _cilium(data: Mapping[str, Any]) -> Cilium:
    return Cilium(
        node_image=data["node_image"],
        chart=data["chart"],
        values=dict(data["values"]),
        prepare=tuple(data["prepare"]),
        cwd=data["cwd"],
    )


def _prepare(cilium: Cilium, env: Mapping[str, str], say: Callable[[str], None]) -> None:
    """Runs the command and passes on what it says of its progress."""
    said: deque[str] = deque(maxlen=12)
    try:
        with subprocess.Popen(
            cilium.prepare,
            cwd=cilium.cwd,
            env=dict(env),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
        ) as running:
            assert running.stderr is not None
            for line in running.stderr:
                said.append(OWN_CLOCK.sub("", line.rstrip()))
                say(said[-1])
    except OSError as error:
        raise HarnessError(f"`{' '.join(cilium.prepare)}` cannot be run in {cilium.cwd}: {error.strerror}") from error
    if running.returncode:
        raise HarnessError(f"`{' '.join(cilium.prepare)}` failed:\n" + "\n".join(said))


def _answers(env: Mapping[str, str]) -> bool:
    docker = shutil.which("docker", path=env.get("PATH"))
    if docker is None:
        return False
    command = [docker, "version", "--format", "{{.Server.Version}}"]
    try:
        done = subprocess.run(command, env=dict(env), capture_output=True, timeout=ANSWER_SECONDS, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return False
    return done.returncode == 0
