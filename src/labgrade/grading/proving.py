"""Proving many cases, each where it was planned to be."""

from __future__ import annotations

import tempfile
import threading
from collections.abc import Callable, Collection, Generator, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from contextlib import contextmanager, suppress
from pathlib import Path

from labgrade import engine
from labgrade.cluster import workspace
from labgrade.course import answers
from labgrade.course.library import Course
from labgrade.errors import HarnessError, UsageError
from labgrade.grading import process as gradelab
from labgrade.grading import proof
from labgrade.grading.planning import NONE, Chain, Shared, plan
from labgrade.grading.proof import Case, Finding
from labgrade.kubeconfig import read
from labgrade.model import Cni, Lab
from labgrade.providers import PROVIDERS, ClusterSpec, cilium, own
from labgrade.runid import new_run


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
        self._own: ClusterSpec | None = None

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
                rounds = (tuple(Chain(NONE, (case,)) for case in shared.together), shared.chains)
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

    def _alone(self, chains: Sequence[Chain]) -> None:
        for chain in chains:
            if self._stopping.is_set():
                return
            left = list(chain.cases)
            try:
                self._on_own_cluster(chain, left)
            except (HarnessError, UsageError) as error:
                for case in left:
                    self._note(Finding(case, "error", (str(error),), 0.0))

    def _on_own_cluster(self, chain: Chain, left: list[Case]) -> None:
        """Takes each case off `left` as it is proven."""
        first = left[0]
        lab, answer = first.lab, first.answer
        with self._cluster(_name(), lab.images, config=answer.cluster, cni=lab.cni) as kubeconfig:
            if answer.setup:
                self._say(f"setting up the cluster of {lab.id} ({first.name})")
                with workspace.opened(read(kubeconfig), "default") as place:
                    answers.set_up(answer, place.environment | _for_steps(lab))
            while left and not self._stopping.is_set():
                self._prove(left[0], kubeconfig, chain.kinds, until_gone=len(left) > 1)
                left.pop(0)
                if left and self._own:
                    PROVIDERS["kind"].empty(self._own)

    def _prove(self, case: Case, kubeconfig: Path, kinds: frozenset[str] = NONE, *, until_gone: bool = False) -> None:
        folder = self._folder / case.lab.id / case.name
        finding = proof.prove(
            case,
            self._course,
            kubeconfig,
            folder,
            keeping=kinds,
            lacks=self._lacks,
            environment=_for_steps(case.lab),
            until_gone=until_gone,
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
            spec = own.described(name, Path(folder), images, cni=cni, config=config)
            if config:
                self._own = spec
            try:
                PROVIDERS["kind"].start(spec, self._say)
                yield spec.kubeconfig
            finally:
                own.remove(PROVIDERS["kind"], spec)

    def _stop(self) -> None:
        self._stopping.set()
        gradelab.interrupt_all()
        if self._own:
            # Its thread removes it, too, but only once whatever it waits for has come or failed.
            with suppress(HarnessError):
                own.remove(PROVIDERS["kind"], self._own)


def _for_steps(lab: Lab) -> dict[str, str]:
    """What a lab's steps need beside kubectl, where they install Cilium on a cluster of their own."""
    return cilium.environment(engine.find()) if lab.cluster and lab.cni == "cilium" else {}


def _name() -> str:
    return f"labgrade-prove-{new_run()}"
