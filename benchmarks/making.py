"""What `labgrade up` adds to `kind create cluster --wait` and loading the same images."""

from __future__ import annotations

import tempfile
from pathlib import Path

import yaml

from benchmarks.ground import LABGRADE, Ground
from benchmarks.timing import Figure, in_turn, ran, ratio, shown
from labgrade import course, engine
from labgrade.engine import Engine
from labgrade.providers import clusterfile, loading
from labgrade.runid import new_run

ROUNDS = 3


def measure(ground: Ground) -> list[Figure]:
    """Whole processes, on the same engine, the same nodes, the same images."""
    found = engine.find()
    ours, bare = in_turn(lambda: _ours(ground), lambda: _bare(ground, found), rounds=ROUNDS)
    detail = "; ".join([shown("labgrade up", ours), shown("kind create cluster --wait, and loading", bare)])
    return [Figure("labgrade up, of kind's own time", ratio(ours, bare), "×", 1.1, detail)]


def _ours(ground: Ground) -> float:
    name = f"labgrade-bench-{new_run()}"
    try:
        return ran([*LABGRADE, "up", "--name", name], ground.environment)
    finally:
        ran([*LABGRADE, "down", "--name", name], ground.environment)


def _bare(ground: Ground, found: Engine) -> float:
    name, folder = f"labgrade-bench-{new_run()}", Path(tempfile.mkdtemp(dir=ground.folder))
    config = folder / "kind.yaml"
    config.write_text(yaml.safe_dump(clusterfile.merged(clusterfile.PRACTICE, found)), encoding="utf-8")
    command = ["kind", "create", "cluster", "--name", name, "--config", str(config), "--wait", "240s"]
    command += ["--kubeconfig", str(folder / "kubeconfig")]
    try:
        seconds = ran(command, found.environment)
        return seconds + sum(_loaded(image, name, folder, found) for image in _images(found))
    finally:
        ran(["kind", "delete", "cluster", "--name", name], found.environment)


def _images(found: Engine) -> list[str]:
    """What the node image lacks of all labs' images, as for `labgrade up`; a pinned name each."""
    wanted = [image for lab in course.find(None).labs() for image in lab.images]
    return [image for image in dict.fromkeys(wanted) if image.partition("@")[0] not in found.images]


def _loaded(image: str, name: str, folder: Path, found: Engine) -> float:
    tag = image.partition("@")[0]
    archive = loading.archive(tag, folder, found)
    return ran(["kind", "load", "image-archive", "--name", name, str(archive)], found.environment)
