"""Proving many cases: which of them share a cluster, which go one after another, which have a cluster of their own."""

from __future__ import annotations

import tempfile
import threading
from collections.abc import Callable, Generator, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from labgrade.course.library import Course
from labgrade.course.manifests import cluster_scoped
from labgrade.errors import HarnessError, UsageError
from labgrade.grading import process as gradelab
from labgrade.grading import proof
from labgrade.grading.proof import Case, Finding
from labgrade.probe.image import IMAGE
from labgrade.providers import PROVIDERS, ClusterSpec
from labgrade.runid import new_run


@dataclass(frozen=True, slots=True)
class Chain:
    """Cases that write the same cluster-scoped kinds, and so go one after another."""

    kinds: frozenset[str]
    cases: tuple[Case, ...]


@dataclass(frozen=True, slots=True)
class Plan:
    """What shares a cluster, and when."""

    alone: tuple[Case, ...]
    """Each on a cluster of its own, one after another, beside all the rest."""
    together: tuple[Case, ...]
    """On one cluster, several at once."""
    chains: tuple[Chain, ...]
    """Then, on the same cluster, several chains at once: a default class, say, is everybody's."""

    @property
    def shared(self) -> tuple[Case, ...]:
        """All cases of the shared cluster."""
        return (*self.together, *(case for chain in self.chains for case in chain.cases))


def plan(cases: Iterable[Case]) -> Plan:
    """Who goes where. UsageError where an answer cannot be read."""
    all_of_them = [(case, case.answer) for case in cases]
    shared = [(case, cluster_scoped(answer)) for case, answer in all_of_them if not answer.cluster]
    writes: dict[str, frozenset[str]] = {}
    for case, found in shared:
        writes[case.lab.id] = writes.get(case.lab.id, frozenset()) | {each.kind for each in found}
    return Plan(
        alone=tuple(case for case, answer in all_of_them if answer.cluster),
        together=tuple(case for case, _ in shared if not writes[case.lab.id]),
        chains=_chains(
            Chain(kinds, tuple(case for case, _ in shared if case.lab.id == lab))
            for lab, kinds in writes.items()
            if kinds
        ),
    )


def _chains(of_labs: Iterable[Chain]) -> tuple[Chain, ...]:
    """One chain for all labs that have a kind in common."""
    chains: list[Chain] = []
    for new in of_labs:
        joined = [chain for chain in chains if chain.kinds & new.kinds]
        kinds = new.kinds.union(*(chain.kinds for chain in joined))
        cases = (*(case for chain in joined for case in chain.cases), *new.cases)
        chains = [*(chain for chain in chains if chain not in joined), Chain(kinds, cases)]
    return tuple(chains)


class Proving:
    """Proves cases on clusters that it makes and removes, also when it is interrupted."""

    def __init__(
        self, course: Course, folder: Path, *, jobs: int, say: Callable[[str], None], told: Callable[[Finding], None]
    ) -> None:
        """Results go under `folder`; `say` hears of clusters, `told` of each finding, both from several threads."""
        self._course, self._folder, self._jobs, self._say, self._told = course, folder, jobs, say, told
        self._findings: list[Finding] = []
        self._stopping = threading.Event()
        self._own = ""

    def prove(self, cases: Sequence[Case]) -> list[Finding]:
        """What came out, in the order in which it did."""
        planned = plan(cases)
        with ThreadPoolExecutor(1) as beside:
            try:
                alone = beside.submit(self._alone, planned.alone)
                if planned.shared:
                    self._on_one_cluster(planned)
                alone.result()
            except BaseException:
                self._stop()
                raise
        return self._findings

    def _on_one_cluster(self, planned: Plan) -> None:
        images = [image for case in planned.shared for image in case.lab.images]
        with self._cluster(_name(), images) as kubeconfig, ThreadPoolExecutor(self._jobs) as pool:
            try:
                rounds = (tuple(Chain(frozenset(), (case,)) for case in planned.together), planned.chains)
                for chains in rounds:
                    for task in as_completed([pool.submit(self._chain, chain, kubeconfig) for chain in chains]):
                        task.result()
            except BaseException:
                pool.shutdown(wait=False, cancel_futures=True)
                self._stop()
                raise

    def _chain(self, chain: Chain, kubeconfig: Path) -> None:
        for case in chain.cases:
            if not self._stopping.is_set():
                self._prove(case, kubeconfig, chain.kinds)

    def _alone(self, cases: Sequence[Case]) -> None:
        for case in cases:
            if self._stopping.is_set():
                return
            self._own = _name()
            try:
                with self._cluster(self._own, case.lab.images, config=case.answer.cluster) as kubeconfig:
                    self._prove(case, kubeconfig)
            except (HarnessError, UsageError) as error:
                self._note(Finding(case, "error", (str(error),), 0.0))

    def _prove(self, case: Case, kubeconfig: Path, kinds: frozenset[str] = frozenset()) -> None:
        folder = self._folder / case.lab.id / case.name
        self._note(proof.prove(case, self._course, kubeconfig, folder, keeping=kinds))

    def _note(self, finding: Finding) -> None:
        if not self._stopping.is_set():
            self._findings.append(finding)
            self._told(finding)

    @contextmanager
    def _cluster(self, name: str, images: Iterable[str], config: Path | None = None) -> Generator[Path]:
        """A cluster; its kubeconfig. Never the current context, always removed."""
        with tempfile.TemporaryDirectory(prefix="labgrade-") as folder:
            wanted = tuple(dict.fromkeys([IMAGE, *images]))
            spec = ClusterSpec(name, Path(folder) / "kubeconfig", wanted, config=config)
            try:
                PROVIDERS["kind"].start(spec, self._say)
                yield spec.kubeconfig
            finally:
                PROVIDERS["kind"].stop(name)

    def _stop(self) -> None:
        self._stopping.set()
        gradelab.interrupt_all()
        if self._own:
            # Its thread removes it, too, but only once whatever it waits for has come or failed.
            with suppress(HarnessError):
                PROVIDERS["kind"].stop(self._own)


def _name() -> str:
    return f"labgrade-prove-{new_run()}"
