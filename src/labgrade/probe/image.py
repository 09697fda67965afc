"""The image that the probe runs in: our own, or where it cannot be had, a public one with Python."""

from __future__ import annotations

from pathlib import Path

KEY = "fb73933772a5"
"""Of the program's sources, so that a node's image of an earlier one is never taken for this one."""

TAG = f"docker.io/labgrade/probe:{KEY}"
"""Our image: a static program, /probe. No registry has it; `labgrade up` puts it onto the nodes."""

FALLBACK = "docker.io/library/python:3.13-alpine"
"""What Pods name where our image is not on every node; `labgrade up` loads it where ours is not to be had."""

PINNED_FALLBACK = f"{FALLBACK}@sha256:399babc8b49529dabfd9c922f2b5eea81d611e4512e3ed250d75bd2e7683f4b0"

VARIABLE = "LABGRADE_PROBE_IMAGE"
"""Names an image to run instead of either; it must have our /probe."""

ARCHIVES = Path(__file__).with_name("archives")


def archive(architecture: str) -> Path | None:
    """Our image as `docker load` takes it, for `amd64` or `arm64`; None where this installation does not have it."""
    path = ARCHIVES / f"{KEY}-{architecture}.tar"
    return path if path.is_file() else None
