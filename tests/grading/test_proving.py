"""Proving many cases: who shares a cluster with whom, and that every cluster is removed whatever happens."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace

import pytest

from labgrade.course.library import Course
from labgrade.course.rubric import read_lab
from labgrade.errors import HarnessError, UsageError
from labgrade.grading import proof, proving
from labgrade.grading.proof import Case, Finding
from labgrade.grading.proving import Proving, plan
from labgrade.model import Lab
from labgrade.patience import until
from labgrade.providers import ClusterSpec
from tests.support.course import check, write_course, write_lab

CONFIG = "kind: Cluster\n"


def lab_of(course: Path, name: str, manifests: str = "", *, own: bool = False) -> Lab:
    """A lab whose solution holds these manifests, and that is about a cluster if it is its `own`."""
    folder = write_lab(course, name, check("there", 20), "")
    for answer in ("starter", "solution"):
        (folder / answer).mkdir()
    (folder / "solution" / "10-all.yaml").write_text(manifests)
    if own:
        (folder / "starter" / "kind.yaml").write_text(CONFIG)
        (folder / "lab.yaml").write_text(f"cluster: {name}\n{(folder / 'lab.yaml').read_text()}")
    return read_lab(folder)


def both(*labs: Lab) -> list[Case]:
    """Starter and solution of each."""
    return [case for lab in labs for case in (Case(lab, "starter"), Case(lab, "solution"))]


def holding(*kinds: str) -> str:
    """A manifest of these kinds."""
    return "---\n".join(f"kind: {kind}\nmetadata: {{name: {kind.lower()}}}\n" for kind in kinds)


@pytest.fixture
def course(tmp_path: Path) -> Path:
    """A course without labs."""
    return write_course(tmp_path / "course")


def test_cases_are_sorted_by_what_they_share(course: Path) -> None:
    """A cluster each for labs about the cluster; a chain for all that write a kind in common; the others together."""
    plain = both(lab_of(course, "b01", holding("Deployment")))
    alone = both(lab_of(course, "a01", own=True))
    classes, web = (
        both(lab_of(course, "e03", holding("StorageClass"))),
        both(lab_of(course, "c01", holding("IngressClass"))),
    )
    volumes = both(lab_of(course, "e01", holding("PersistentVolume")))
    bridge = both(lab_of(course, "e02", holding("PersistentVolume", "StorageClass")))
    found = plan([*classes, *plain, *volumes, *alone, *web, *bridge])
    assert found.alone == tuple(alone)
    assert found.together == tuple(plain)
    chains = {chain.kinds: chain.cases for chain in found.chains}
    assert chains == {
        frozenset({"IngressClass"}): tuple(web),
        frozenset({"PersistentVolume", "StorageClass"}): (*classes, *volumes, *bridge),
    }
    assert set(found.shared) == {*plain, *classes, *web, *volumes, *bridge}


@dataclass
class Stage:
    """Clusters and proofs that are only written down; what happens at each is told by `on`."""

    there: set[str] = field(default_factory=set[str])
    most_at_once: int = 0
    made: list[ClusterSpec] = field(default_factory=list[ClusterSpec])
    proved: list[tuple[str, str, frozenset[str]]] = field(default_factory=list[tuple[str, str, frozenset[str]]])
    """Case, folder of the kubeconfig, kinds that are kept."""
    on: dict[str, Callable[[], object]] = field(default_factory=dict[str, Callable[[], object]])

    def start(self, spec: ClusterSpec, _: Callable[[str], None]) -> None:
        """Makes a cluster."""
        self.made.append(spec)
        self.there.add(spec.name)
        self.most_at_once = max(self.most_at_once, len(self.there))
        self.on.get("start", lambda: None)()

    def stop(self, name: str) -> None:
        """Removes it."""
        self.there.discard(name)

    def prove(self, case: Case, _: Course, kubeconfig: Path, __: Path, *, keeping: frozenset[str]) -> Finding:
        """Proves a case."""
        self.proved.append((f"{case.lab.id} {case.name}", str(kubeconfig.parent), keeping))
        self.on.get(f"{case.lab.id} {case.name}", lambda: None)()
        return Finding(case, "proven", (), 0.0)

    def all_of(self, course: Path, cases: Sequence[Case], told: list[Finding]) -> list[Finding]:
        """The findings, and what was told of them as they came."""
        whole = Proving(Course(course), course, jobs=2, say=lambda _: None, told=told.append)
        return whole.prove(cases)


@pytest.fixture
def stage(monkeypatch: pytest.MonkeyPatch) -> Stage:
    """The stage, in the place of clusters and grading."""
    found = Stage()
    monkeypatch.setattr(proving, "PROVIDERS", {"kind": SimpleNamespace(start=found.start, stop=found.stop)})
    monkeypatch.setattr(proof, "prove", found.prove)
    return found


def test_each_case_about_a_cluster_gets_one_while_the_others_share_one(stage: Stage, course: Path) -> None:
    """One at a time beside the shared one; all of them removed; each finding told once."""
    cases = both(lab_of(course, "a01", own=True), lab_of(course, "b01"), lab_of(course, "e03", holding("StorageClass")))
    told: list[Finding] = []
    findings = stage.all_of(course, cases, told)
    assert {finding.case for finding in findings} == set(cases)
    assert told == findings
    assert stage.most_at_once <= 2
    assert stage.there == set()
    config = course / "labs/a01/starter/kind.yaml"
    assert sorted((spec.config for spec in stage.made), key=bool) == [None, config, config]
    folders = {case: folder for case, folder, _ in stage.proved}
    assert folders["b01 starter"] == folders["b01 solution"] == folders["e03 solution"]
    assert len(set(folders.values())) == 3
    assert {case: kinds for case, _, kinds in stage.proved if kinds} == {
        "e03 starter": {"StorageClass"},
        "e03 solution": {"StorageClass"},
    }


def test_a_cluster_that_nobody_shares_is_not_made(stage: Stage, course: Path) -> None:
    """Nor is one of one's own that nobody needs."""
    stage.all_of(course, both(lab_of(course, "a01", own=True))[:1], [])
    assert [bool(spec.config) for spec in stage.made] == [True]
    stage.made.clear()
    stage.all_of(course, both(lab_of(course, "b01")), [])
    assert [bool(spec.config) for spec in stage.made] == [False]


def test_what_writes_for_everybody_begins_when_the_others_are_done(stage: Stage, course: Path) -> None:
    """And goes one after another: a default class, say, is every lab's."""
    cases = both(lab_of(course, "e03", holding("StorageClass")), lab_of(course, "b01"), lab_of(course, "e04"))
    stage.all_of(course, cases, [])
    assert [case for case, _, _ in stage.proved][-2:] == ["e03 starter", "e03 solution"]


@pytest.mark.parametrize("error", [HarnessError("no disk"), UsageError("kind.yaml is wrong")])
def test_a_cluster_that_cannot_be_made_is_no_proof(stage: Stage, course: Path, error: Exception) -> None:
    """Of its own case only: the next one is tried, and nothing is left."""

    def fails_once() -> None:
        del stage.on["start"]
        raise error

    stage.on["start"] = fails_once
    findings = stage.all_of(course, both(lab_of(course, "a01", own=True)), [])
    assert [(each.case.name, each.verdict, each.differences) for each in findings] == [
        ("starter", "error", (str(error),)),
        ("solution", "proven", ()),
    ]
    assert stage.there == set()


def test_an_interruption_removes_every_cluster(stage: Stage, course: Path) -> None:
    """The one that is just being made in a thread, too, and soon; no case is begun or told after."""
    gone = threading.Event()

    def made_for_long() -> None:
        (own,) = (spec.name for spec in stage.made if spec.config)
        # As kind itself does: it fails once its containers are taken from under it.
        assert until(lambda: own not in stage.there, seconds=10)
        gone.set()
        raise HarnessError("containers vanished")

    def interrupt() -> None:
        assert until(lambda: any(spec.config for spec in stage.made), seconds=10)
        raise KeyboardInterrupt

    stage.on["start"] = lambda: made_for_long() if stage.made[-1].config else None
    stage.on["b01 starter"] = interrupt
    told: list[Finding] = []
    with pytest.raises(KeyboardInterrupt):
        stage.all_of(course, both(lab_of(course, "a01", own=True), lab_of(course, "b01"))[:3], told)
    assert gone.is_set()
    assert stage.there == set()
    assert told == []
    assert [case for case, _, _ in stage.proved] == ["b01 starter"]
