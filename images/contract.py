"""engine.json: all that the rest of labgrade knows of this part."""

import json
import sys
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from images.places import Places
from images.recipes import Recipe

# kubelet 1.36 refuses hosts with cgroup v1 unless told otherwise.
KUBEADM_PATCHES = ("kind: KubeletConfiguration\napiVersion: kubelet.config.k8s.io/v1beta1\nfailCgroupV1: false\n",)
LACKS = ("cilium-envoy", "hubble-ui", "kindnet")
"""What users of a usual Docker have and clusters here have not, since no package holds it."""


def contents(
    places: Places, tools: Path, node_image: str, recipes: Iterable[Recipe], cilium: Mapping[str, Any]
) -> dict[str, Any]:
    """What engine.json holds; `cilium` is what is said of the second node image."""
    prepare = {"prepare": [sys.executable, "-m", "images", "cilium"], "cwd": str(Path(__file__).parents[1])}
    return {
        "schema": "labgrade/engine/v1",
        "docker_host": places.docker_host,
        "path": [str(tools)],
        "node_image": node_image,
        "images": sorted(tag for recipe in recipes for tag in recipe.labs),
        "kubeadm_patches": list(KUBEADM_PATCHES),
        "lacks": list(LACKS),
        "cilium": {**cilium, **prepare},
    }


def write(places: Places, whole: dict[str, Any]) -> None:
    """Replace engine.json at once: a reader finds the old file or the new one."""
    half = places.contract.with_suffix(".half")
    half.write_text(json.dumps(whole, indent=2) + "\n", encoding="utf-8")
    half.replace(places.contract)
