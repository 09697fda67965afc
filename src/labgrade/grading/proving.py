"""Proving many cases: which of them share a cluster, which go one after another, which have a cluster of their own."""

from __future__ import annotations

import tempfile
import threading
from collections.abc import Callable, Collection, Generator, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from labgrade import engine
from labgrade.course.answers import Answer
from labgrade.course.library import Course
from labgrade.course.manifests import cluster_scoped
from labgrade.errors import HarnessError, UsageError
from labgrade.grading import process as gradelab
from labgrade.grading import proof
from labgrade.grading.proof import Case, Finding
from labgrade.model import CNIS, Cni, Lab
from labgrade.providers import PROVIDERS, ClusterSpec, cilium
from labgrade.runid import new_run


@dataclass(frozen=True, slots=True)
class Chain:
    """Cases that write the same cluster-scoped kinds, and so go one after another."""

    kinds: frozenset[str]
    cases: tuple[Case, ...]


@dataclass(frozen=True, slots=True)
class Shared:
    """What shares one cluster, and when."""

    cni: Cni
    together: tuple[Case, ...]
    """Several at once."""
    chains: tuple[Chain, ...]
    """Then several chains at once: a default class, say, is everybody's."""

    @property
    def cases(self) -> tuple[Case, ...]:
        """All cases of the cluster."""
        return (*self.together, *(case for chain in self.chains for case in chain.cases))


@dataclass(frozen=True, slots=True)
class Plan:
    """Who goes where."""

    alone: tuple[Case, ...]
    """Each on a cluster of its own, one after another, beside all the rest."""
    shared: tuple[Shared, ...]
    """One for each Pod network that some case needs; one after another, since each takes gigabytes."""


def plan(cases: Iterable[Case]) -> Plan:
    """Who goes where. UsageError where an answer cannot be read."""
    all_of_them = [(case, case.answer) for case in cases]
    sharing = [(case, answer) for case, answer in all_of_them if not answer.cluster]
    shared = (_shared(cni, [each for each in sharing if each[0].lab.cni == cni]) for cni in CNIS)
    return Plan(
        alone=tuple(case for case, answer in all_of_them if answer.cluster),
        shared=tuple(each for each in shared if each.cases),
    )


def _shared(cni: Cni, cases: Sequence[tuple[Case, Answer]]) -> Shared:
    writes: dict[str, frozenset[str]] = {}
    for case, answer in cases:
        written = {each.kind for each in cluster_scoped(answer)}
        writes[case.lab.id] = writes.get(case.lab.id, frozenset()) | written
    return Shared(
        cni,
        together=tuple(case for case, _ in cases if not writes[case.lab.id]),
        chains=_chains(
            Chain(kinds, tuple(case for case, _ in cases if case.lab.id == lab))
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
        self,
        course: Course,
        folder: Path,
        *,
        jobs: int,
        say: Callable[[str], None],
        told: Callable[[Finding], None],
        lacks: Collection[str] = (),
    ) -> None:
        """Results go under `folder`; `say` hears of clusters, `told` of each finding, both from several threads.

        `lacks`: components that clusters on this machine cannot have.
        """
        self._course, self._folder, self._jobs, self._say, self._told = course, folder, jobs, say, told
        self._lacks = lacks
        self._findings: list[Finding] = []
        self._stopping = threading.Event()
        self._own = ""

    def prove(self, cases: Sequence[Case]) -> list[Finding]:
        """What came out, in the order in which it did."""
        planned = plan(case for case in cases if not case.needed(self._lacks))
        for case in cases:
            if case.needed(self._lacks):
                self._note(proof.not_tried(case, self._lacks))
        with ThreadPoolExecutor(1) as beside:
            try:
                alone = beside.submit(self._alone, planned.alone)
                for shared in planned.shared:
                    self._on_one_cluster(shared)
                alone.result()
            except BaseException:
                self._stop()
                raise
        return self._findings

    def _on_one_cluster(self, shared: Shared) -> None:
        images = [image for case in shared.cases for image in case.lab.images]
        with (
            self._cluster(_name(), images, cni=shared.cni) as kubeconfig,
            ThreadPoolExecutor(self._jobs) as pool,
        ):
            try:
                rounds = (tuple(Chain(frozenset(), (case,)) for case in shared.together), shared.chains)
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
                with self._cluster(
                    self._own, case.lab.images, config=case.answer.cluster, cni=case.lab.cni
                ) as kubeconfig:
                    self._prove(case, kubeconfig)
            except (HarnessError, UsageError) as error:
                self._note(Finding(case, "error", (str(error),), 0.0))

    def _prove(self, case: Case, kubeconfig: Path, kinds: frozenset[str] = frozenset()) -> None:
        folder = self._folder / case.lab.id / case.name
        finding = proof.prove(
            case,
            self._course,
            kubeconfig,
            folder,
            keeping=kinds,
            lacks=self._lacks,
            environment=_for_steps(case.lab),
        )
        self._note(finding)

    def _note(self, finding: Finding) -> None:
        if not self._stopping.is_set():
            self._findings.append(finding)
            self._told(finding)

    @contextmanager
    def _cluster(self, name: str, images: Iterable[str], *, cni: Cni, config: Path | None = None) -> Generator[Path]:
        """A cluster; its kubeconfig. Never the current context, always removed."""
        with tempfile.TemporaryDirectory(prefix="labgrade-") as folder:
            wanted = tuple(dict.fromkeys(images))
            network = None if config else cni
            spec = ClusterSpec(
                name,
                Path(folder) / "kubeconfig",
                wanted,
                config=config,
                cni=network,
                cni_images=cni == "cilium" and network is None,
            )
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


def _for_steps(lab: Lab) -> dict[str, str]:
    """What a lab's steps need beside kubectl, where they install Cilium on a cluster of their own."""
    return cilium.environment(engine.find()) if lab.cluster and lab.cni == "cilium" else {}


def _name() -> str:
    return f"labgrade-prove-{new_run()}"
