"""A kind configuration: read with complaints that name the file, and made to fit the engine that it will run on."""

from __future__ import annotations

import re
from pathlib import Path

from labgrade.course.yamlfile import YamlFile
from labgrade.engine import Engine
from labgrade.model import Json

API_VERSION = "kind.x-k8s.io/v1alpha4"

PRACTICE: Json = {
    "kind": "Cluster",
    "apiVersion": API_VERSION,
    "nodes": [{"role": "control-plane"}, {"role": "worker"}, {"role": "worker"}],
}
"""The practice cluster."""

ANY_PORT = -1
"""As kind calls whichever port the engine finds free."""

REFUSED = re.compile(r"failed to create cluster: \[?(unable to decode config|unknown apiVersion|invalid |must have )")
"""What kind says of a configuration that it does not take, as opposed to one with which it failed."""


def read(path: Path) -> Json:
    """What the file says; UsageError where it is no kind configuration. Most details are left to kind itself."""
    file = YamlFile(path)
    for key, wanted in (("kind", "Cluster"), ("apiVersion", API_VERSION)):
        found = file.get((key,), str)
        if found != wanted:
            file.fail((key,), f"is {found!r}, but {wanted} is expected: a kind configuration")
    file.get(("networking",), dict, default={})
    file.get(("kubeadmConfigPatches",), list, default=[])
    for index, node in enumerate(file.get(("nodes",), list, default=[])):
        if not isinstance(node, dict):
            file.fail(("nodes", index), f"is {node!r}, but a mapping is expected, as in `role: worker`")
    return file.data


def name(config: Json) -> str | None:
    """The name that it gives its cluster, if it does."""
    return config.get("name")


def merged(config: Json, found: Engine) -> Json:
    """The same with what this engine needs: its node image where a node names none, and its kubeadm patches."""
    nodes = config.get("nodes") or [{"role": "control-plane"}]
    image = {"image": found.node_image} if found.node_image else {}
    patches = [*(config.get("kubeadmConfigPatches") or []), *found.kubeadm_patches]
    return config | {"nodes": [image | node for node in nodes], "kubeadmConfigPatches": patches}


def beside(config: Json, folder: Path) -> Json:
    """The same for one cluster of several: it shares folders in this one with its host, and takes free ports there."""
    return config | {"nodes": [_beside(node, folder) for node in config.get("nodes") or []]}


def shared(config: Json) -> list[str]:
    """Where the nodes have folders that they share with their host, and may write to, each path once."""
    return list(dict.fromkeys(str(mount["containerPath"]) for mount in _mounts(config) if not mount.get("readOnly")))


def host_folders(config: Json) -> list[Path]:
    """The other ends of all of them, on the host."""
    return list(dict.fromkeys(Path(mount["hostPath"]) for mount in _mounts(config)))


def _mounts(config: Json) -> list[Json]:
    return [mount for node in config.get("nodes") or [] for mount in node.get("extraMounts") or []]


def _beside(node: Json, folder: Path) -> Json:
    changed: Json = {}
    if mounts := node.get("extraMounts"):
        changed["extraMounts"] = [mount | {"hostPath": str(_within(folder, mount["hostPath"]))} for mount in mounts]
    if ports := node.get("extraPortMappings"):
        changed["extraPortMappings"] = [port | {"hostPort": ANY_PORT} for port in ports]
    return node | changed


def _within(folder: Path, path: str) -> Path:
    """A place in the folder for each path, the same one for the same path."""
    parts = (part for part in Path(path).parts if part not in {"/", ".."})
    return folder.joinpath(*parts)


def roles(config: Json) -> list[str]:
    """The role of each node."""
    return [str(node.get("role", "control-plane")) for node in config["nodes"]]


def has_network(config: Json) -> bool:
    """Whether its Pods get a network from kind; else its nodes are not Ready before somebody installs one."""
    return not (config.get("networking") or {}).get("disableDefaultCNI")
