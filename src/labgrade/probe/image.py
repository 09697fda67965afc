"""The image that the probe runs in: any with `python3` on its PATH."""

from __future__ import annotations

import os

TAG = "docker.io/library/python:3.13-alpine"
"""What Pods name; `labgrade up` puts it onto the nodes, other clusters pull it."""

IMAGE = f"{TAG}@sha256:399babc8b49529dabfd9c922f2b5eea81d611e4512e3ed250d75bd2e7683f4b0"
"""The same, pinned: what `labgrade up` fetches."""

VARIABLE = "LABGRADE_PROBE_IMAGE"


def tag() -> str:
    """The image that Pods of ours run: TAG, or what LABGRADE_PROBE_IMAGE names where that cannot be pulled."""
    return os.environ.get(VARIABLE) or TAG
