"""Proving many cases: who shares a cluster with whom, and that every cluster is removed whatever happens."""

from __future__ import annotations

import threading
from collections.abc import Callable, Collection, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace

import pytest

from labgrade.course import answers
from labgrade.course.library import Course
from labgrade.course.rubric import read_lab
from labgrade.engine import Engine
from labgrade.errors import HarnessError, UsageError
from labgrade.grading import proof, proving
from labgrade.grading.planning import Plan, plan
from labgrade.grading.proof import Case, Finding
from labgrade.grading.proving import Proving
from labgrade.model import Lab, Mistake
from labgrade.patience import until
from labgrade.providers import ClusterSpec
from tests.support.course import check, write_course, write_lab

CONFIG = "kind: Cluster\n"
CILIUM = "cni: cilium\n"


def lab_of(course: Path, name: str, manifests: str = "", *, own: bool = False, setup: str = "", head: str = "") -> Lab:
    """A lab whose solution holds these manifests, and that is about a cluster if it is its `own`.

    `setup`: what its solution does to that cluster. `head`: more keys.
    """
    folder = write_lab(course, name, check("there", 20), "")
    for answer in ("starter", "solution"):
        (folder / answer).mkdir()
    (folder / "solution" / "10-all.yaml").write_text(manifests)
    if own:
        (folder / "starter" / "kind.yaml").write_text(CONFIG)
        head += f"cluster: {name}\n"
    if setup:
        (folder / "solution" / "cluster.sh").write_text(setup)
    (folder / "lab.yaml").write_text(head + (folder / "lab.yaml").read_text())
    return read_lab(folder)


def both(*labs: Lab) -> list[Case]:
    """Starter and solution of each."""
    return [case for lab in labs for case in (Case(lab, "starter"), Case(lab, "solution"))]


def cases_alone(found: Plan) -> list[tuple[Case, ...]]:
    """The cases of each cluster that is somebody's own."""
    return [chain.cases for chain in found.alone]


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
    assert cases_alone(found) == [(case,) for case in alone]
    (shared,) = found.shared
    assert shared.together == tuple(plain)
    chains = {chain.kinds: chain.cases for chain in shared.chains}
    assert chains == {
        frozenset({"IngressClass"}): tuple(web),
        frozenset({"PersistentVolume", "StorageClass"}): (*classes, *volumes, *bridge),
    }
    assert set(shared.cases) == {*plain, *classes, *web, *volumes, *bridge}


def test_each_pod_network_has_a_cluster(course: Path) -> None:
    """With chains of its own: what one cluster holds is nothing to the other."""
    plain, classes = both(lab_of(course, "b01")), both(lab_of(course, "e03", holding("StorageClass")))
    network = both(lab_of(course, "d02", head=CILIUM))
    chained = both(lab_of(course, "d05", holding("StorageClass"), head=CILIUM))
    alone = both(lab_of(course, "d01", own=True, head=CILIUM))
    found = plan([*network, *plain, *alone, *classes, *chained])
    assert cases_alone(found) == [(case,) for case in alone]
    assert [(each.cni, each.together, [chain.cases for chain in each.chains]) for each in found.shared] == [
        ("default", tuple(plain), [tuple(classes)]),
        ("cilium", tuple(network), [tuple(chained)]),
    ]
    assert [each.cni for each in plan([*network, *alone]).shared] == ["cilium"], "and only where some case needs it"


def mistakes_of(lab: Lab, **files: dict[str, str]) -> list[Case]:
    """A mistake of each name, with these files."""
    found: list[Case] = []
    for name, words in files.items():
        folder = lab.folder / "mistakes" / name
        folder.mkdir(parents=True)
        (folder / "mistake.yaml").write_text("about: W\nfailed: [there]\n")
        for file, content in words.items():
            (folder / file).write_text(content)
        found.append(Case(lab, "mistake", Mistake(name, ("there",), ())))
    return found


def set_up_alike(course: Path) -> tuple[list[Case], list[Case], list[Case]]:
    """Cases of a lab: those that no set-up makes alike, those that share one, and those that have another one."""
    lab = lab_of(course, "z01", holding("PersistentVolume"), own=True, setup="install\n", head=CILIUM)
    starter, solution = both(lab)
    alike, classes, setup, config = mistakes_of(
        lab,
        alike={"cluster.sh": "install\n", "kind.yaml": CONFIG},
        classes={"20-more.yaml": holding("StorageClass")},
        setup={"cluster.sh": "install --less\n"},
        config={"kind.yaml": CONFIG + "name: other\n"},
    )
    return [starter], [solution, alike, classes], [setup, config]


def test_cases_whose_clusters_are_set_up_alike_share_one(course: Path) -> None:
    """One after another, and all that some of them write is looked after; whatever differs in a letter is apart."""
    alone, shared, others = set_up_alike(course)
    found = plan([*alone, *shared, *others])
    assert cases_alone(found) == [tuple(alone), tuple(shared), *((case,) for case in others)]
    assert [chain.kinds for chain in found.alone] == [
        frozenset(),
        frozenset({"PersistentVolume", "StorageClass"}),
        frozenset(),
        frozenset(),
    ]
    assert found.shared == ()


def test_labs_share_no_cluster_of_their_own(course: Path) -> None:
    """However alike they are set up: each may do with it what it likes."""
    labs = [lab_of(course, name, own=True, setup="install\n") for name in ("z01", "z02")]
    assert len(plan([case for case in both(*labs) if case.kind == "solution"]).alone) == 2


@dataclass
class Stage:
    """Clusters and proofs that are only written down; what happens at each is told by `on`."""

    lacks: tuple[str, ...] = ()
    there: set[str] = field(default_factory=set[str])
    most_at_once: int = 0
    made: list[ClusterSpec] = field(default_factory=list[ClusterSpec])
    proved: list[tuple[str, str, frozenset[str]]] = field(default_factory=list[tuple[str, str, frozenset[str]]])
    """Case, folder of the kubeconfig, kinds that are kept."""
    on: dict[str, Callable[[], object]] = field(default_factory=dict[str, Callable[[], object]])
    given: dict[str, Mapping[str, str]] = field(default_factory=dict[str, Mapping[str, str]])
    """What each case's steps got beside the usual."""
    done: list[str] = field(default_factory=list[str])
    """What became of clusters of one's own, in order: set-ups, proofs, what was emptied."""

    def start(self, spec: ClusterSpec, _: Callable[[str], None]) -> None:
        """Makes a cluster."""
        self.made.append(spec)
        self.there.add(spec.name)
        self.most_at_once = max(self.most_at_once, len(self.there))
        self.on.get("start", lambda: None)()

    def empty(self, spec: ClusterSpec) -> None:
        """Empties what its nodes share."""
        assert spec.beside
        self.done.append("emptied")
        self.on.get("empty", lambda: None)()

    def read(self, kubeconfig: Path) -> str:
        """Reads no kubeconfig."""
        return str(kubeconfig)

    def opened(self, *_: object) -> AbstractContextManager[SimpleNamespace]:
        """Opens no workspace."""
        return nullcontext(SimpleNamespace(environment={}))

    def set_up(self, answer: answers.Answer, environment: Mapping[str, str]) -> None:
        """Sets a cluster up."""
        assert environment["CILIUM_VERSION"] == "1.2.3"
        self.done.append(f"set up for {answer.name}")
        self.on.get("set up", lambda: None)()

    def stop(self, name: str) -> None:
        """Removes it."""
        self.there.discard(name)

    def prove(
        self,
        case: Case,
        _: Course,
        kubeconfig: Path,
        __: Path,
        *,
        keeping: frozenset[str],
        lacks: Collection[str],
        environment: Mapping[str, str],
        until_gone: bool,
    ) -> Finding:
        """Proves a case."""
        self.given[f"{case.lab.id} {case.name}"] = environment
        assert lacks == self.lacks
        self.proved.append((f"{case.lab.id} {case.name}", str(kubeconfig.parent), keeping))
        self.done.append(f"{case.name}{', until it is gone' if until_gone else ''}")
        self.on.get(f"{case.lab.id} {case.name}", lambda: None)()
        return Finding(case, "proven", (), 0.0)

    def all_of(self, course: Path, cases: Sequence[Case], told: list[Finding]) -> list[Finding]:
        """The findings, and what was told of them as they came."""
        whole = Proving(Course(course), course, jobs=2, say=lambda _: None, told=told.append, lacks=self.lacks)
        return whole.prove(cases)


def cilium_environment(_: Engine) -> dict[str, str]:
    """What steps are told of Cilium."""
    return {"CILIUM_VERSION": "1.2.3"}


@pytest.fixture
def stage(monkeypatch: pytest.MonkeyPatch) -> Stage:
    """The stage, in the place of clusters and grading."""
    found = Stage()
    monkeypatch.setattr(
        proving, "PROVIDERS", {"kind": SimpleNamespace(start=found.start, stop=found.stop, empty=found.empty)}
    )
    monkeypatch.setattr(proof, "prove", found.prove)
    monkeypatch.setattr(proving, "read", found.read)
    monkeypatch.setattr(proving.workspace, "opened", found.opened)
    monkeypatch.setattr(proving.answers, "set_up", found.set_up)
    monkeypatch.setattr(proving.engine, "find", lambda: Engine({}))
    monkeypatch.setattr(proving.cilium, "environment", cilium_environment)
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


def test_the_shared_clusters_are_made_one_after_another(stage: Stage, course: Path) -> None:
    """Two at once are what a machine's memory has room for: a shared one, and one that a case has to itself."""
    cases = both(
        lab_of(course, "b01"),
        lab_of(course, "d02", head=CILIUM),
        lab_of(course, "d01", own=True, head=CILIUM),
        lab_of(course, "a01", own=True),
    )
    stage.all_of(course, cases, [])
    assert [spec.cni for spec in stage.made if not spec.config] == ["default", "cilium"]
    own = [(spec.cni, spec.cni_images) for spec in stage.made if spec.config]
    assert own == [(None, True), (None, True), (None, False), (None, False)], "what it installs is the answer's to say"
    assert not any(spec.cni_images for spec in stage.made if not spec.config)
    assert stage.most_at_once <= 2
    assert stage.there == set()
    folders = {case: folder for case, folder, _ in stage.proved}
    assert folders["d02 starter"] == folders["d02 solution"] != folders["b01 starter"]


def test_steps_that_install_cilium_are_told_where_it_is(stage: Stage, course: Path) -> None:
    """Those of other labs get nothing more, and so need no helm."""
    labs = lab_of(course, "b01"), lab_of(course, "d02", head=CILIUM), lab_of(course, "d01", own=True, head=CILIUM)
    stage.all_of(course, both(*labs), [])
    given = {case for case, more in stage.given.items() if more}
    assert given == {"d01 starter", "d01 solution"}
    assert stage.given["d01 starter"] == {"CILIUM_VERSION": "1.2.3"}


def test_a_cluster_that_cases_share_is_set_up_once_and_emptied_between_them(stage: Stage, course: Path) -> None:
    """Each is gone before the next one begins, with what it left on the nodes; all that it shares is its own."""
    _, cases, _ = set_up_alike(course)
    findings = stage.all_of(course, cases, [])
    assert [finding.case for finding in findings] == cases
    assert stage.done == [
        "set up for solution",
        "solution, until it is gone",
        "emptied",
        "alike, until it is gone",
        "emptied",
        "classes",
        "emptied",
    ]
    (spec,) = stage.made
    assert spec.beside == spec.kubeconfig.parent / "shared"
    assert len({folder for _, folder, _ in stage.proved}) == 1
    assert {kinds for _, _, kinds in stage.proved} == {frozenset({"PersistentVolume", "StorageClass"})}
    assert stage.there == set()


@pytest.mark.parametrize(
    ("where", "verdicts"), [("set up", ["error", "error", "error"]), ("empty", ["proven", "error", "error"])]
)
def test_what_spoils_a_shared_cluster_spoils_the_cases_to_come(
    stage: Stage, course: Path, where: str, verdicts: list[str]
) -> None:
    """Each of them once, and none that is proven already."""

    def fails() -> None:
        raise HarnessError("no network")

    lab = lab_of(course, "z01", own=True, setup="install\n", head=CILIUM)
    cases = [*both(lab)[1:], *mistakes_of(lab, one={"10-all.yaml": ""}, two={"10-all.yaml": ""})]
    stage.on[where] = fails
    findings = stage.all_of(course, cases, [])
    assert [(each.case, each.verdict) for each in findings] == list(zip(cases, verdicts, strict=True))
    assert stage.there == set()


def test_a_case_that_needs_what_is_lacking_is_not_run(stage: Stage, course: Path) -> None:
    """It is told all the same; a cluster that only it needs is not made. Where nothing is lacking it is run."""
    head = CILIUM + "unproven: {cilium-envoy: {cases: [solution]}, hubble-ui: {checks: [there]}}\n"
    cases = both(lab_of(course, "d03", head=head))[1:]
    stage.lacks = ("cilium-envoy", "hubble-ui")
    told: list[Finding] = []
    (finding,) = stage.all_of(course, cases, told)
    assert (finding.verdict, finding.excused) == ("unproven", True)
    assert finding.differences == ("needs cilium-envoy, which this machine cannot have",)
    assert told == [finding]
    assert (stage.made, stage.proved) == ([], [])
    stage.lacks = ("hubble-ui",)
    assert [each.verdict for each in stage.all_of(course, cases, [])] == ["proven"]


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
