"""The container engine that clusters run on: the user's Docker, or one that was set up where there is none."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import platformdirs

from labgrade.errors import HarnessError

SCHEMA = "labgrade/engine/v1"
ANSWER_SECONDS = 10.0


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
        )
    except (OSError, ValueError, LookupError, TypeError):
        return None  # none, or one that is not of this version: setting it up again writes a new one


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
