"""What a disturbing check adds to the time that deletion and restart of the Pod take by themselves."""

from __future__ import annotations

import json
import tempfile
from pathlib import Path
from statistics import median

from benchmarks.ground import Ground
from benchmarks.timing import Figure, in_turn, shown
from labgrade import kubeconfig
from labgrade.cluster.api import Api
from labgrade.facts import Cluster, Pod, Recorded, Snapshot, matches
from labgrade.facts.reading import RESOURCES
from labgrade.patience import monotonic

LAB, CHECK, LABELS, REPLICAS = "b01-deployment-labels", "self_healing", {"app": "web"}, 3
ROUNDS = 5


def measure(ground: Ground) -> list[Figure]:
    """The check's own seconds beside one deletion, followed by a watch until as many Pods are ready again."""
    with ground.answered(LAB) as place, tempfile.TemporaryDirectory() as folder:
        api = Api(kubeconfig.read(ground.kubeconfig), Path(folder))
        ours, bare = in_turn(
            lambda: _check(ground, place.namespace), lambda: _bare(api, place.namespace), rounds=ROUNDS
        )
    added = median(a - b for a, b in zip(ours, bare, strict=True))
    detail = "; ".join([shown(CHECK, ours), shown("deletion and restart alone", bare)])
    return [Figure("a disturbing check adds", added, " s", 1.0, detail)]


def _check(ground: Ground, namespace: str) -> float:
    out = Path(tempfile.mkdtemp(dir=ground.folder))
    ground.check(LAB, namespace, "--only", CHECK, "--out", str(out), codes=(1,))
    outcomes = json.loads((out / "result.json").read_text())["outcomes"]
    found = next(outcome for outcome in outcomes if outcome["id"] == CHECK)
    if found["state"] != "passed":
        raise RuntimeError(f"{CHECK} is {found['state']}: {found['saw']}")
    return found["seconds"]


def _bare(api: Api, namespace: str) -> float:
    victim = next(pod for pod in Cluster(Snapshot(api), namespace).pods(LABELS) if pod.ready)
    began = monotonic()
    api.delete(victim.path)
    ready: dict[str, bool] = {}
    for event in api.watch(RESOURCES["Pod"].path(namespace), "0", seconds=60):
        pod = Pod(Recorded(event["object"]), namespace, event["object"]["metadata"]["name"])
        if matches(LABELS, pod.labels):
            ready[pod.uid] = pod.ready and event["type"] != "DELETED"
        if sum(uid != victim.uid and there for uid, there in ready.items()) >= REPLICAS:
            return monotonic() - began
    raise RuntimeError("the Pod was not replaced")
