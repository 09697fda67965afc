"""Answers: kind.yaml and cluster.sh, numbered manifests, then steps.sh.

The solution is laid over the starter, a mistake over that.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from labgrade.course.yamlfile import YamlFile
from labgrade.errors import UsageError
from labgrade.model import Lab
from labgrade.run import output

MANIFEST = re.compile(r"\d+-[a-z0-9.-]+\.ya?ml")
STEPS = "steps.sh"
CLUSTER, SETUP = "kind.yaml", "cluster.sh"
STEP_SECONDS = 600
"""Images may have to be pulled, some hundred megabytes for a Pod network."""

BESIDE = frozenset({"mistake.yaml", ".gitkeep"})
"""What may stand in an answer's folder without being a part of it."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What to apply, in order."""

    name: str
    files: tuple[Path, ...]
    cluster: Path | None = None
    """The kind configuration of the cluster that it needs; None: any cluster will do."""
    setup: Path | None = None
    """What is run on that cluster once, before anything is applied; None: nothing."""

    @property
    def manifests(self) -> tuple[Path, ...]:
        """Its files less the steps."""
        return tuple(path for path in self.files if path.name != STEPS)


def starter(lab: Lab) -> Answer:
    """What students begin with; it may be nothing."""
    return _answer("starter", _begun(lab))


def solution(lab: Lab) -> Answer:
    """The reference answer: what students begin with, with the solution's own files laid over."""
    return _answer("solution", _solved(lab))


def mistake(lab: Lab, name: str) -> Answer:
    """A recorded wrong answer: the solution with its own files laid over, less those it goes `without`."""
    folder = lab.folder / "mistakes" / name
    without = YamlFile(folder / "mistake.yaml").names(("without",))
    files = {name: path for name, path in _solved(lab).items() if name not in without}
    return _answer(name, files | _files(folder))


def set_up(answer: Answer, environment: Mapping[str, str]) -> None:
    """Runs what the answer has for a new cluster of its own; nothing where it has nothing.

    `environment` as for `apply`, less NAMESPACE: several answers may share what comes of it. HarnessError likewise.
    """
    if answer.setup:
        words = {name: value for name, value in environment.items() if name != "NAMESPACE"}
        output(["bash", "-eu", str(answer.setup)], words, seconds=STEP_SECONDS)


def apply(answer: Answer, namespace: str, environment: Mapping[str, str]) -> None:
    """Puts an answer into a namespace that exists already, on a cluster that is there.

    `environment` holds KUBECONFIG and a PATH with kubectl. HarnessError with kubectl's own words where it fails.
    """
    for path in answer.files:
        if path.name == STEPS:
            command = ["bash", "-eu", str(path)]
        else:
            command = ["kubectl", "apply", "-n", namespace, "-f", str(path)]
        output(command, {**environment, "NAMESPACE": namespace}, seconds=STEP_SECONDS)


def _begun(lab: Lab) -> dict[str, Path]:
    return _files(lab.folder / "starter")


def _solved(lab: Lab) -> dict[str, Path]:
    return _begun(lab) | _files(lab.folder / "solution")


def _files(folder: Path) -> dict[str, Path]:
    if not folder.is_dir():
        raise UsageError(f"{folder} is missing")
    found = [path for path in folder.iterdir() if path.name not in BESIDE]
    for path in found:
        refuse_stray(path)
    return {path.name: path for path in found}


def refuse_stray(path: Path) -> None:
    """UsageError where a file in an answer's folder is of no kind that answers have, and would be left out."""
    if not MANIFEST.fullmatch(path.name) and path.name not in {STEPS, CLUSTER, SETUP}:
        wanted = f"neither a numbered manifest, such as 10-{path.stem}.yaml, nor {STEPS}, nor {CLUSTER}, nor {SETUP}"
        raise UsageError(f"{path} is {wanted}")


def _answer(name: str, files: Mapping[str, Path]) -> Answer:
    if SETUP in files and CLUSTER not in files:
        raise UsageError(f"{files[SETUP]} is for a cluster of the answer's own, and no {CLUSTER} describes one")
    applied = [file for file in files if file not in {CLUSTER, SETUP}]
    order = sorted(applied, key=lambda file: (file == STEPS, int(file.partition("-")[0]) if file != STEPS else 0, file))
    found = tuple(files[file] for file in order)
    return Answer(name, found, cluster=files.get(CLUSTER), setup=files.get(SETUP))
