"""What child processes are given: a kubeconfig of ours, and an environment that adds nothing to it."""

from __future__ import annotations

import base64
import json
import os
import tempfile
from collections.abc import Mapping
from pathlib import Path

from labgrade.errors import HarnessError
from labgrade.kubeconfig.access import Access

_NAME = "grader"
_PROXIES = frozenset({"HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"})
_OTHERS = frozenset({"KUBECONFIG", "KUBERC", "KUBE_EDITOR", "KUBERNETES_MASTER"})


def write(access: Access, folder: Path) -> Path:
    """A kubeconfig in `folder`, for its owner alone; its one context is always called "grader"."""
    user: dict[str, str] = {}
    if access.cert is not None and access.key is not None:
        user = {"client-certificate-data": _base64(access.cert), "client-key-data": _base64(access.key)}
    if access.token is not None:
        user["token"] = access.token
    cluster = {"server": access.server, "certificate-authority-data": _base64(access.ca)}
    config = {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{"name": _NAME, "cluster": cluster}],
        "users": [{"name": _NAME, "user": user}],
        "contexts": [{"name": _NAME, "context": {"cluster": _NAME, "user": _NAME}}],
        "current-context": _NAME,
    }
    return _private(folder / "kubeconfig.yaml", json.dumps(config, indent=2))


def child_environment(kubeconfig: Path, base: Mapping[str, str]) -> dict[str, str]:
    """`base` for kubectl and what starts it: this kubeconfig, no preferences, proxies, editors or diffs."""
    if os.pathsep in str(kubeconfig):
        raise HarnessError(f"{kubeconfig}: kubectl would take this path for a list, because of {os.pathsep!r}")
    kept = {name: value for name, value in base.items() if not _unwanted(name.upper())}
    # Two switches, for kubectl before and since 1.34; without one, ~/.kube/kuberc can rewrite every command.
    return kept | {"KUBECONFIG": str(kubeconfig.absolute()), "KUBERC": "off", "KUBECTL_KUBERC": "false"}


def _unwanted(name: str) -> bool:
    return name in _PROXIES or name in _OTHERS or name.startswith("KUBECTL_")


def _private(file: Path, content: str) -> Path:
    file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    # mkstemp makes it 0600 from the start, and renaming replaces a symlink instead of following it.
    handle, temporary = tempfile.mkstemp(dir=file.parent, prefix=".kubeconfig-")
    with os.fdopen(handle, "w", encoding="ascii") as stream:
        stream.write(content)
    return Path(temporary).replace(file)


def _base64(data: bytes) -> str:
    return base64.b64encode(data).decode("ascii")
