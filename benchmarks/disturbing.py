"""What a disturbing check adds to the time that deletion and restart of the Pod take by themselves."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from statistics import median

from benchmarks.ground import Ground
from benchmarks.timing import Figure, in_turn, shown
from labgrade import kubeconfig
from labgrade.cluster.api import Api
from labgrade.facts import Cluster, Pod, Recorded, Snapshot, matches
from labgrade.facts.reading import RESOURCES
from labgrade.patience import monotonic

ROUNDS = 5


@dataclass(frozen=True)
class Disturbing:
    """A check that deletes a Pod, and the Pods among which it does."""

    lab: str
    check: str
    labels: Mapping[str, str]
    replicas: int


HEALING = Disturbing("b01-deployment-labels", "self_healing", {"app": "web"}, 3)
SURVIVING = Disturbing("e03-storageclass", "data_survives", {"app": "kitchen"}, 1)
"""A file is written beforehand, read from the next Pod, and removed."""


def measure(ground: Ground) -> list[Figure]:
    """Each check's own seconds beside one deletion, followed by a watch until as many Pods are ready again."""
    return [_added(ground, each) for each in (HEALING, SURVIVING)]


def _added(ground: Ground, what: Disturbing) -> Figure:
    with ground.answered(what.lab) as place, tempfile.TemporaryDirectory() as folder:
        api = Api(kubeconfig.read(ground.kubeconfig), Path(folder))
        ours, bare = in_turn(
            lambda: _check(ground, what, place.namespace), lambda: _bare(api, what, place.namespace), rounds=ROUNDS
        )
    added = median(a - b for a, b in zip(ours, bare, strict=True))
    detail = "; ".join([shown(what.check, ours), shown("deletion and restart alone", bare)])
    return Figure(f"{what.check}, a disturbing check, adds", added, " s", 1.0, detail)


def _check(ground: Ground, what: Disturbing, namespace: str) -> float:
    out = Path(tempfile.mkdtemp(dir=ground.folder))
    ground.check(what.lab, namespace, "--only", what.check, "--out", str(out), codes=(1,))
    outcomes = json.loads((out / "result.json").read_text())["outcomes"]
    found = next(outcome for outcome in outcomes if outcome["id"] == what.check)
    if found["state"] != "passed":
        raise RuntimeError(f"{what.check} is {found['state']}: {found['saw']}")
    return found["seconds"]


def _bare(api: Api, what: Disturbing, namespace: str) -> float:
    victim = next(pod for pod in Cluster(Snapshot(api), namespace).pods(what.labels) if pod.ready)
    began = monotonic()
    api.delete(victim.path)
    ready: dict[str, bool] = {}
    for event in api.watch(RESOURCES["Pod"].path(namespace), "0", seconds=60):
        pod = Pod(Recorded(event["object"]), namespace, event["object"]["metadata"]["name"])
        if matches(what.labels, pod.labels):
            ready[pod.uid] = pod.ready and event["type"] != "DELETED"
        if sum(uid != victim.uid and there for uid, there in ready.items()) >= what.replicas:
            return monotonic() - began
    raise RuntimeError("the Pod was not replaced")
