"""Truth tables of traffic: how fast, how true, and how they grow."""

from __future__ import annotations

import itertools
import json
import random
import secrets
import subprocess
import tempfile
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from statistics import median

from benchmarks.ground import Ground
from benchmarks.timing import Figure, in_turn, shown
from labgrade import kubeconfig
from labgrade.cluster.api import Api
from labgrade.cluster.lease import Lease
from labgrade.errors import HarnessError
from labgrade.facts import Cluster, Snapshot
from labgrade.facts.reading import RESOURCES
from labgrade.patience import monotonic
from labgrade.probe import OTHER_PORT, PORT, Cell, Prober, Question, Sources, Table, program, tcp
from labgrade.probe.enforcement import Enforcement
from labgrade.runid import new_run

PODS, ROUNDS, TRUTHS, SIZES = 9, 5, 200, (4, 9, 16, 25)
GROUPS = 3
NAME = "bench"


@dataclass(frozen=True)
class Field:
    """So many Pods that listen on two ports each and are asked all at once; one in three can be closed."""

    sources: Sources
    prober: Prober
    rows: dict[str, Prober]

    @property
    def cells(self) -> list[tuple[str, str, int]]:
        """Who asks whom on which port."""
        return [(a, b, port) for a, b in itertools.product(self.rows, repeat=2) for port in (PORT, OTHER_PORT)]

    def ask(self, attempts: int = 2) -> Table:
        """The whole table."""
        ips = {name: row.ip for name, row in self.rows.items()}
        asked: dict[Cell, tuple[Prober, Question]] = {
            (a, f"{b}:{port}"): (self.rows[a], tcp(ips[b], port, attempts=attempts)) for a, b, port in self.cells
        }
        return Table(self.prober.cells(asked))

    def close(self, group: int) -> None:
        """Lets nobody into the Pods of one group; the Pods of the others are open again."""
        api, space = self.sources.api, self.sources.namespace
        selector = {"matchLabels": {"group": str(group)}}
        body = {
            "apiVersion": "networking.k8s.io/v1",
            "kind": "NetworkPolicy",
            "metadata": {"name": NAME},
            "spec": {"podSelector": selector, "policyTypes": ["Ingress"]},
        }
        path = RESOURCES["NetworkPolicy"].path(space.name)
        if api.find(f"{path}/{NAME}"):
            api.patch(f"{path}/{NAME}", {"spec": body["spec"]})
        else:
            api.create(path, body)
        self.prober.in_force()

    def allowed(self, closed: int) -> set[Cell]:
        """What connects while a group is closed: all else, and every Pod to itself."""
        return {
            (a, f"{b}:{port}") for a, b, port in self.cells if a == b or list(self.rows).index(b) % GROUPS != closed
        }


def measure(ground: Ground) -> Generator[Figure]:
    """Nine Pods, all asked for all: one attempt, two, and one `kubectl exec` after the other."""
    with field(ground, PODS) as here:
        here.close(0)
        once, twice = in_turn(lambda: _timed(here, 1), lambda: _timed(here, 2), rounds=ROUNDS)
        each = _one_by_one(ground, here)
    detail = shown("one `kubectl exec` after the other", [each])
    yield Figure("a table of 162 connections, a third dropped, one attempt", median(once), " s", 1.6, shown("", once))
    yield Figure("the same, two staggered attempts", median(twice), " s", 2.8, f"{shown('', twice)}; {detail}")


def truth(ground: Ground) -> Generator[Figure]:
    """Tables right after a change of policies, each held against what it must be."""
    dice, wrong, lost = random.Random(secrets.randbits(32)), 0, 0
    began = monotonic()
    with field(ground, PODS) as here:
        for _ in range(TRUTHS):
            group = dice.randrange(GROUPS)
            here.close(group)
            try:
                wrong += len(here.ask().differences(here.allowed(group)))
            except HarnessError as error:
                print(error, flush=True)
                lost += 1
    detail = f"{TRUTHS} tables of {2 * PODS**2} in {monotonic() - began:.0f} s; {lost} tables without an answer"
    yield Figure("wrong verdicts right after a change of policies", wrong + lost, "", 0, detail)


def growth(ground: Ground) -> Generator[Figure]:
    """The same table among more and more Pods."""
    taken: dict[int, list[float]] = {}
    with field(ground, max(SIZES)) as whole:
        whole.close(0)
        for size in SIZES:
            here = Field(whole.sources, whole.prober, dict(list(whole.rows.items())[:size]))
            (taken[size],) = in_turn(lambda here=here: _timed(here, 2), rounds=ROUNDS)
    detail = "; ".join(shown(f"{size} Pods, {2 * size * size} connections:", taken[size]) for size in SIZES)
    yield Figure("25 Pods, all asked for all", median(taken[SIZES[-1]]), " s", 6.0, detail)


@contextmanager
def field(ground: Ground, size: int) -> Generator[Field]:
    """Warm Pods of ours on a cluster whose network enforces policies."""
    with tempfile.TemporaryDirectory() as folder:
        api, run = Api(kubeconfig.read(ground.kubeconfig), Path(folder)), new_run()
        lease = Lease(api, run)
        lease.acquire()  # else another run would take our Pods for those of one that was killed
        nodes = Cluster(Snapshot(api), "default").nodes()
        sources = Sources(api, run, lambda: program.on_nodes(nodes))
        prober = Prober(sources, Enforcement(run, sources, theirs=False), before=itertools.count().__next__)
        rows = {f"p{n}": prober.bearing({"pod": f"p{n}", "group": str(n % GROUPS)}) for n in range(size)}
        try:
            found = Field(sources, prober, rows)
            found.ask()
            yield found
        finally:
            sources.remove()
            lease.release()


def _timed(here: Field, attempts: int) -> float:
    began = monotonic()
    table = here.ask(attempts)
    seconds = monotonic() - began
    if wrong := table.differences(here.allowed(0)):
        raise RuntimeError(f"{len(wrong)} wrong: {[f'{table[cell]}' for cell in wrong[:3]]}")
    return seconds


def _one_by_one(ground: Ground, here: Field) -> float:
    """Seconds of the same connections, one attempt each, as a loop in a shell does it."""
    began = monotonic()
    space = here.sources.namespace.name
    ips = {name: row.ip for name, row in here.rows.items()}
    command = here.sources.program.command
    for a, b, port in here.cells:
        question = json.dumps([tcp(ips[b], port, attempts=1).data])
        kubectl = ["kubectl", "--kubeconfig", str(ground.kubeconfig), "exec", "-n", space, here.rows[a].name, "--"]
        subprocess.run(
            [*kubectl, *command, "ask", "x", question], env=ground.environment, capture_output=True, check=True
        )
    return monotonic() - began
