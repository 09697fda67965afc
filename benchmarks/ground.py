"""Where figures are taken: a kind cluster of the run's own, and labgrade as it is called from a shell."""

from __future__ import annotations

import os
import sys
import tempfile
from collections.abc import Generator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from benchmarks.timing import ran
from labgrade import course, engine
from labgrade.cluster import target, workspace
from labgrade.cluster.workspace import Workspace
from labgrade.course import Course, answers
from labgrade.errors import HarnessError
from labgrade.model import Cni
from labgrade.providers import PROVIDERS, ClusterSpec, cilium
from labgrade.runid import new_run

ROOT = Path(__file__).resolve().parents[1]
LABGRADE = [sys.executable, "-m", "labgrade"]
PARTS = ("checks", "fixtures", "conftest.py", "pyproject.toml")


@dataclass(frozen=True)
class Ground:
    """The cluster, and a folder of the run's own."""

    cluster: str
    kubeconfig: Path
    environment: dict[str, str]
    folder: Path

    def check(self, lab: str, namespace: str, *words: str, codes: Sequence[int] = (0,)) -> float:
        """Seconds of one `labgrade check`, whole process, reports written into a new folder."""
        out = tempfile.mkdtemp(dir=self.folder)
        command = [*LABGRADE, "check", lab, "--kubeconfig", str(self.kubeconfig), "--namespace", namespace]
        return ran([*command, "--out", out, "--yes", *words], self.environment, codes=codes)

    @contextmanager
    def answered(self, lab: str, mistake: str | None = None) -> Generator[Workspace]:
        """A namespace with a lab's solution, or one of its mistakes, in it."""
        found = course.find(None).lab(lab)
        answer = answers.mistake(found, mistake) if mistake else answers.solution(found)
        with workspace.opened(target.resolve(str(self.kubeconfig), None), f"bench-{new_run()}") as place:
            place.create()
            try:
                answers.apply(answer, place.namespace, place.environment)
                yield place
            finally:
                place.remove()

    def course(self) -> Course:
        """The course with the labs that only benchmarks use."""
        folder = self.folder / "course"
        if not folder.exists():
            folder.mkdir()
            for part in PARTS:
                (folder / part).symlink_to(ROOT / part)
            (folder / "labs").symlink_to(ROOT / "benchmarks" / "labs")
        return Course(folder)


@contextmanager
def ground(cni: Cni) -> Generator[Ground]:
    """Makes the cluster by `labgrade up`, and removes it."""
    with bare() as here:
        try:
            print(f"the cluster {here.cluster} is being made", flush=True)
            ran([*LABGRADE, "up", "--name", here.cluster, "--cni", cni], here.environment)
            yield here
        finally:
            ran([*LABGRADE, "down", "--name", here.cluster], here.environment)


@contextmanager
def ground_of(lab_id: str) -> Generator[Ground]:
    """Makes the cluster that a lab's solution describes and sets up, and removes it."""
    lab = course.find(None).lab(lab_id)
    answer, kind = answers.solution(lab), PROVIDERS["kind"]
    with bare() as here:
        spec = ClusterSpec(
            here.cluster,
            here.kubeconfig,
            lab.images,
            config=answer.cluster,
            cni_images=lab.cni == "cilium",
            beside=here.folder / "shared",
        )
        try:
            print(f"the cluster {here.cluster} is being made", flush=True)
            kind.start(spec, lambda _: None)
            with workspace.opened(target.resolve(str(here.kubeconfig), None), "default") as place:
                answers.set_up(answer, place.environment | cilium.environment(engine.find()))
            yield here
        finally:
            with suppress(HarnessError):  # there may be no cluster
                kind.empty(spec)
            kind.stop(here.cluster)


@contextmanager
def bare() -> Generator[Ground]:
    """A name, a folder and an environment for a cluster that is not there yet."""
    name = f"labgrade-bench-{new_run()}"
    with tempfile.TemporaryDirectory(prefix="labgrade-") as folder:
        environment = engine.find().environment | {
            "XDG_STATE_HOME": f"{folder}/state",
            "KUBECONFIG": f"{folder}/kubeconfig",
            "LC_ALL": "C.UTF-8",
        }
        kubeconfig = Path(folder) / "state" / "labgrade" / "clusters" / f"{name}.kubeconfig"
        kubeconfig.parent.mkdir(parents=True)
        os.environ.update(environment)
        yield Ground(name, kubeconfig, environment, Path(folder))
