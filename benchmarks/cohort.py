"""`labgrade grade` over several real API servers: how many students a second, what waiting costs, and who was wrong."""

from __future__ import annotations

import re
import subprocess
import sys
import tempfile
from collections.abc import Callable, Generator, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from itertools import cycle
from pathlib import Path

import yaml

from benchmarks.ground import LABGRADE, Ground
from benchmarks.timing import Figure, ran
from labgrade import kubeconfig
from labgrade.cluster.api import Api
from labgrade.cohort.records import cohortform
from labgrade.facts.reading import RESOURCES
from labgrade.model import Json
from labgrade.patience import every, monotonic
from labgrade.providers import PROVIDERS, ClusterSpec
from labgrade.runid import new_run

SERVERS = 4
STUDENTS, SIZES = 200, (50, 100, 200, 400)
WRONG = 5
"""Every so manieth student has one thing wrong."""
WAITING = 40
ONE_AFTER_THE_OTHER = 10
"""Plain pytest is timed over so many students."""
AT_ONCE = 16


@dataclass(frozen=True)
class Server:
    """One of the real API servers."""

    kubeconfig: Path
    api: Api


Work = Callable[[Server, str, bool], None]
"""Puts a student's work into their namespace, right or wrong."""


@dataclass(frozen=True)
class Run:
    """One `labgrade grade`."""

    seconds: float
    wrong: int
    """Students whose outcomes are not what their work makes them."""
    megabytes: tuple[float, ...] = ()
    """PSS of the grading processes, each at the moment when all together had most."""


def measure(ground: Ground) -> Iterable[Figure]:
    """Whole commands, on clusters of one node each that are made for it and removed."""
    with _servers(ground) as servers:
        with _class(servers, "reading", max(SIZES), _reading) as students:
            plain = _plain(ground, students[:ONE_AFTER_THE_OTHER])
            _grade(ground, "reading", students[: 2 * SERVERS])  # what is cold is warmed up
            runs = {size: _grade(ground, "reading", students[:size]) for size in SIZES}
            yield from _rates(plain, runs)
        with _class(servers, "waiting", WAITING, _waiting) as students:
            one = _grade(ground, "waiting", students[:1])
            yield from _waits(one, _grade(ground, "waiting", students))


def _rates(plain: float, runs: dict[int, Run]) -> Iterable[Figure]:
    run = runs[STUDENTS]
    grown = ", ".join(f"{size}: {each.seconds:.1f} s" for size, each in runs.items())
    detail = f"{STUDENTS} students in {run.seconds:.1f} s over {SERVERS} API servers; {grown}"
    yield Figure("seconds for each student of a read-only lab", run.seconds / STUDENTS, " s", 0.25, detail)
    detail = f"plain pytest, one after the other: {plain:.2f} s each"
    share = run.seconds / STUDENTS / plain
    yield Figure("of the time that plain pytest takes, one after the other", share, "×", 0.25, detail)
    small, large = (runs[size].seconds / size for size in (SIZES[0], SIZES[-1]))
    yield Figure(f"each of {SIZES[-1]} students, of each of {SIZES[0]}", large / small, "×", 1.3)
    yield Figure("students whose outcomes were wrong", sum(each.wrong for each in runs.values()), "", 0)


def _waits(one: Run, run: Run) -> Iterable[Figure]:
    detail = f"one: {one.seconds:.1f} s; {WAITING}: {run.seconds:.1f} s"
    ratio = run.seconds / one.seconds
    yield Figure(f"{WAITING} students whose checks wait 20 s, of one of them", ratio, "×", 1.3, detail)
    each = max(run.megabytes, default=0.0)
    yield Figure("memory (PSS) of each waiting student", each, " MB", 40, f"{len(run.megabytes)} at once, the largest")
    yield Figure("waiting students whose outcomes were wrong", one.wrong + run.wrong, "", 0)


@contextmanager
def _servers(ground: Ground) -> Generator[list[Server]]:
    with ExitStack() as stack:
        yield [stack.enter_context(_server(ground, number)) for number in range(SERVERS)]


@contextmanager
def _server(ground: Ground, number: int) -> Generator[Server]:
    name = f"labgrade-bench-{new_run()}"
    config = ground.folder / "one-node.yaml"
    config.write_text("kind: Cluster\napiVersion: kind.x-k8s.io/v1alpha4\nnodes: [{role: control-plane}]\n")
    spec = ClusterSpec(name, ground.folder / f"server-{number}.kubeconfig", config=config)
    try:
        print(f"the cluster {name} is being made", flush=True)
        PROVIDERS["kind"].start(spec, lambda _: None)
        folder = Path(tempfile.mkdtemp(dir=ground.folder))
        yield Server(spec.kubeconfig, Api(kubeconfig.read(spec.kubeconfig), folder))
    finally:
        PROVIDERS["kind"].stop(name)


@contextmanager
def _class(servers: Sequence[Server], lab: str, count: int, work: Work) -> Generator[list[Json]]:
    """A roster of students with a namespace each, spread over the servers, and their work in it."""
    students: list[Json] = []
    todo: list[tuple[Server, str, bool]] = []
    for number, server in zip(range(count), cycle(servers), strict=False):
        name = f"{lab}-{number:03d}"
        students.append({"id": name, "kubeconfig": str(server.kubeconfig), "namespace": name})
        todo.append((server, name, number % WRONG == WRONG - 1))
    with ThreadPoolExecutor(AT_ONCE) as pool:
        list(pool.map(work, *zip(*todo, strict=True)))
        try:
            yield students
        finally:
            list(pool.map(_remove, *zip(*todo, strict=True)))


def _remove(server: Server, name: str, _: bool) -> None:  # noqa: FBT001 (one of a row)
    server.api.delete(RESOURCES["Namespace"].path(name=name))


def _namespace(server: Server, name: str) -> None:
    body: Json = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}}
    server.api.create(RESOURCES["Namespace"].path(), body)


def _reading(server: Server, name: str, wrong: bool) -> None:  # noqa: FBT001 (one of a row)
    _namespace(server, name)
    menu = {"soup": "tomato" if wrong else "onion"}
    body: Json = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "menu"}, "data": menu}
    server.api.create(RESOURCES["ConfigMap"].path(name), body)
    spec = {"selector": {"app": "web"}, "ports": [{"port": 80}]}
    body = {"apiVersion": "v1", "kind": "Service", "metadata": {"name": "web"}, "spec": spec}
    server.api.create(RESOURCES["Service"].path(name), body)


def _waiting(server: Server, name: str, wrong: bool) -> None:  # noqa: ARG001, FBT001 (one of a row)
    """A Deployment whose Pod waits for leave to be scheduled, which may come at any time: no reason to give up."""
    _namespace(server, name)
    labels = {"app": "web"}
    container = {"name": "web", "image": "labgrade.invalid/never:1", "imagePullPolicy": "Never"}
    gated = {"schedulingGates": [{"name": "labgrade/waits"}], "containers": [container]}
    spec = {"selector": {"matchLabels": labels}, "template": {"metadata": {"labels": labels}, "spec": gated}}
    body: Json = {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "web"}, "spec": spec}
    server.api.create(RESOURCES["Deployment"].path(name), body)


def _grade(ground: Ground, lab: str, students: Sequence[Json]) -> Run:
    folder = Path(tempfile.mkdtemp(dir=ground.folder))
    cohort = folder / "cohort.yaml"
    cohort.write_text(yaml.safe_dump({"lab": lab, "students": list(students)}))
    command = [*LABGRADE, "grade", str(cohort), "--course", str(ground.course().folder), "--out", str(folder / "out")]
    with _watched() as most:
        seconds = ran([*command, "--quiet"], ground.environment)
    return Run(seconds, _wrong(lab, folder / "out" / "cohort.json"), tuple(most))


def _wrong(lab: str, path: Path) -> int:
    rows = cohortform.read(path).rows
    return sum(mark.grade != _right(lab, row.student.id) for row in rows for mark in row.marks)


def _right(lab: str, student: str) -> float:
    if lab == "waiting":
        return 0
    return 16 if int(student.rpartition("-")[2]) % WRONG == WRONG - 1 else 20


def _plain(ground: Ground, students: Sequence[Json]) -> float:
    """Seconds for each of them: pytest as one calls it by hand, with the plugin that grades."""
    folder = ground.course().folder
    began = monotonic()
    for student in students:
        command = [sys.executable, "-m", "pytest", "-q", "-c", str(folder / "pyproject.toml"), f"--rootdir={folder}"]
        command += ["-p", "no:cacheprovider", f"--kubeconfig={student['kubeconfig']}"]
        command += [f"--namespace={student['namespace']}", str(folder / "labs/reading/test_lab.py")]
        ran(command, ground.environment, codes=(0, 1))
    return (monotonic() - began) / len(students)


@contextmanager
def _watched() -> Generator[list[float]]:
    """MB of each grading process, at the moment when there were most of them."""
    most: list[float] = []

    def look() -> None:
        found = [pss for pid in _grading() if (pss := _pss(pid))]
        if (len(found), sum(found)) > (len(most), sum(most)):
            most[:] = found

    stop = every(2.0, look)
    try:
        yield most
    finally:
        stop()


def _grading() -> list[int]:
    """The processes that the warm one has forked off: its children."""
    found = subprocess.run(["ps", "-eo", "pid=,ppid=,args="], capture_output=True, text=True, check=True).stdout
    rows = [line.split(None, 2) for line in found.splitlines()]
    warm = {pid for pid, _, words in rows if "multiprocessing.forkserver" in words}
    return [int(pid) for pid, parent, _ in rows if parent in warm]


def _pss(pid: int) -> float:
    try:
        words = Path(f"/proc/{pid}/smaps_rollup").read_text()
    except OSError:
        return 0.0
    found = re.search(r"^Pss: +(\d+) kB", words, re.MULTILINE)
    return int(found[1]) / 1000 if found else 0.0
