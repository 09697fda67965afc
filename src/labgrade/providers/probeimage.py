"""Getting the probe's image onto the nodes of a kind cluster: our own from an archive, else a public one."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from pathlib import Path

from labgrade import engine
from labgrade.engine import Engine
from labgrade.errors import HarnessError
from labgrade.facts import Node
from labgrade.probe import image
from labgrade.providers import loading
from labgrade.run import output

SHORT_SECONDS = 20.0


def load(cluster: str, found: Engine) -> None:
    """Loads onto every node what its image lacks: ours, or where there is no archive of that, the public one."""
    if image.TAG in found.images:
        return
    if archive := image.archive(_architecture(found)):
        loading.load(archive, cluster, found)
        return
    with tempfile.TemporaryDirectory(prefix="labgrade-") as folder:
        loading.load(loading.fetch(image.PINNED_FALLBACK, Path(folder), found), cluster, found)


def load_late(nodes: Sequence[Node]) -> bool:
    """Whether our image could be put onto nodes that came without it: those of a kind cluster on this machine."""
    if not any(map(image.archive, ("amd64", "arm64"))):
        return False
    try:
        found = engine.find()
        names = {_cluster(node, found) for node in nodes}
        archive = image.archive(_architecture(found))
        if archive is None or len(names) != 1 or not all(names):
            return False
        loading.load(archive, names.pop(), found)
    except HarnessError:
        return False
    return True


def _architecture(found: Engine) -> str:
    words = ["docker", "version", "--format", "{{.Server.Arch}}"]
    return output(words, found.environment, seconds=SHORT_SECONDS).strip()


def _cluster(node: Node, found: Engine) -> str:
    """Name of the kind cluster whose container the node is; empty where it is none of this engine's."""
    words = '{{index .Config.Labels "io.x-k8s.kind.cluster"}}{{range .NetworkSettings.Networks}} {{.IPAddress}}{{end}}'
    command = ["docker", "inspect", "--format", words, node.name]
    name, *addresses = output(command, found.environment, seconds=SHORT_SECONDS).split()
    return name if node.ip in addresses else ""
