"""Getting pinned public images onto the nodes of a kind cluster, through the Docker engine that it runs on."""

from __future__ import annotations

import hashlib
from pathlib import Path

from labgrade.engine import Engine
from labgrade.run import output

PULL_SECONDS = 600.0
SHORT_SECONDS = 60.0

PLATFORM_SINCE = 28
"""From this Docker on, `docker save` can leave out the platforms that were not pulled; kind refuses such gaps."""


def fetch(image: str, folder: Path, found: Engine) -> Path:
    """Pulls `name:tag@sha256:…` by its digest; an archive in `folder` that holds it as `name:tag`."""
    tag, _, digest = image.partition("@")
    exact = f"{tag.rpartition(':')[0]}@{digest}"
    output(["docker", "pull", "--quiet", exact], found.environment, seconds=PULL_SECONDS)
    output(["docker", "tag", exact, tag], found.environment, seconds=SHORT_SECONDS)
    return archive(tag, folder, found)


def archive(tag: str, folder: Path, found: Engine) -> Path:
    """An archive in `folder` with an image that the engine has, for its own platform alone."""
    path = folder / f"{hashlib.sha256(tag.encode()).hexdigest()[:12]}.tar"
    command = ["docker", "save", *_platform(found), "--output", str(path), tag]
    output(command, found.environment, seconds=PULL_SECONDS)
    return path


def load(path: Path, cluster: str, found: Engine) -> None:
    """Puts an archive's images onto every node of a cluster."""
    command = ["kind", "load", "image-archive", "--name", cluster, str(path)]
    output(command, found.environment, seconds=PULL_SECONDS)


def _platform(found: Engine) -> list[str]:
    words = ["docker", "version", "--format", "{{.Server.Version}} {{.Server.Os}}/{{.Server.Arch}}"]
    version, platform = output(words, found.environment, seconds=SHORT_SECONDS).split()
    major = version.partition(".")[0]
    return ["--platform", platform] if major.isdigit() and int(major) >= PLATFORM_SINCE else []
