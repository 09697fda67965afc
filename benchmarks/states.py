"""Twelve checks that only read, beside a script with the client library and beside a loop of kubectl."""

from __future__ import annotations

import sys
from pathlib import Path

from benchmarks.ground import Ground
from benchmarks.timing import Figure, in_turn, ran, ratio, shown

LAB = "states"
SCRIPT = Path(__file__).with_name("twelve_reads.py")
READS = (
    "deployment web",
    "replicasets",
    "pods",
    "service web",
    "endpointslices",
    "pod duo",
    "nodes",
    "configmaps",
    "services",
    "deployments",
    "persistentvolumeclaims",
    "storageclasses",
)


def measure(ground: Ground) -> list[Figure]:
    """Whole processes from the shell: start, connect, twelve answers, and of ours three reports written."""
    course = str(ground.course().folder)
    loop = "\n".join(f'kubectl get -n "$NAMESPACE" {words} -o json' for words in READS)
    with ground.answered("b01-deployment-labels") as place:
        ours, script, kubectl = in_turn(
            lambda: ground.check(LAB, place.namespace, "--course", course),
            lambda: ran([sys.executable, str(SCRIPT), str(ground.kubeconfig), place.namespace], ground.environment),
            lambda: ran(["bash", "-euc", loop], place.environment),
        )
    rows = [shown("labgrade", ours), shown("script", script), shown("kubectl ×12", kubectl)]
    return [
        Figure("twelve state checks, of a plain script's time", ratio(ours, script), "×", 1.2, "; ".join(rows)),
        Figure("twelve state checks, of a kubectl loop's time", ratio(ours, kubectl), "×", 1.0),
    ]
