"""A cluster with 5,000 Pods: what they cost a check in their namespace, and a check beside it."""

from __future__ import annotations

import os
import subprocess
import tempfile
from collections.abc import Generator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from statistics import median

from benchmarks.ground import LABGRADE, Ground
from benchmarks.timing import Figure
from labgrade import kubeconfig
from labgrade.cluster.api import Api
from labgrade.facts.reading import RESOURCES
from labgrade.model import Json
from labgrade.patience import monotonic

LAB = "b01-deployment-labels"
PODS = 5000
ROUNDS = 3
AT_ONCE = 16


@dataclass(frozen=True)
class Cost:
    """Of some checks: seconds each, and the most memory that any of their processes held, in MB."""

    seconds: float
    megabytes: float

    def __str__(self) -> str:
        return f"{self.seconds:.2f} s, {self.megabytes:.0f} MB"


def measure(ground: Ground) -> list[Figure]:
    """Whole processes, observing checks of a right answer: before the crowd comes, among it, and beside it."""
    with ground.answered(LAB) as among, ground.answered(LAB) as beside, tempfile.TemporaryDirectory() as folder:
        empty = _cost(ground, among.namespace)
        api = Api(kubeconfig.read(ground.kubeconfig), Path(folder))
        with _crowd(api, among.namespace) as said:
            crowded, aside = _cost(ground, among.namespace), _cost(ground, beside.namespace)
    detail = f"empty: {empty}; beside: {aside}; among: {crowded}; {said}"
    return [
        Figure(
            f"a check beside {PODS} Pods, of its time without them", aside.seconds / empty.seconds, "×", 1.5, detail
        ),
        Figure(f"a check among {PODS} Pods, of its time without them", crowded.seconds / empty.seconds, "×", 4),
        Figure(f"a check among {PODS} Pods, of its memory without them", crowded.megabytes / empty.megabytes, "×", 2),
    ]


@contextmanager
def _crowd(api: Api, namespace: str) -> Generator[str]:
    """Real Pods that no scheduler takes, and that count as ended: nobody waits for them. They go with the namespace."""
    began = monotonic()
    with ThreadPoolExecutor(AT_ONCE) as pool:
        list(pool.map(partial(_put, api, namespace), range(PODS)))
    yield f"made in {monotonic() - began:.0f} s"


def _put(api: Api, namespace: str, number: int) -> None:
    name = f"crowd-{number}"
    container = {"name": "none", "image": "none.invalid/none:1"}
    body: Json = {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": name, "labels": {"app": "crowd"}},
        "spec": {"schedulerName": "nobody", "containers": [container]},
    }
    api.create(RESOURCES["Pod"].path(namespace), body)
    api.patch(RESOURCES["Pod"].path(namespace, name) + "/status", {"status": {"phase": "Succeeded"}})


def _cost(ground: Ground, namespace: str) -> Cost:
    words = ["--kubeconfig", str(ground.kubeconfig), "--namespace", namespace, "--no-disturb", "--yes"]
    costs = [_one([*LABGRADE, "check", LAB, *words], ground.environment, ground.folder) for _ in range(ROUNDS)]
    return Cost(median(cost.seconds for cost in costs), max(cost.megabytes for cost in costs))


def _one(command: Sequence[str], environment: Mapping[str, str], folder: Path) -> Cost:
    """One check; the kernel tells the largest of its processes."""
    began, out = monotonic(), tempfile.mkdtemp(dir=folder)
    child = subprocess.Popen([*command, "--out", out], env=dict(environment), stdout=subprocess.DEVNULL)
    _, status, usage = os.wait4(child.pid, 0)
    child.returncode = os.waitstatus_to_exitcode(status)
    if child.returncode != 1:  # without its disturbing check it is incomplete
        raise RuntimeError(f"the check ended with {child.returncode}; its words are in {out}")
    return Cost(monotonic() - began, usage.ru_maxrss / 1000)
