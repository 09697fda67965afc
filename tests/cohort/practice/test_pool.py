"""The pool of clusters: never too many, each lent to one at a time and clean, and all removed whatever happens."""

from __future__ import annotations

import threading
from collections.abc import Callable, Collection, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from labgrade.cluster.api import Api
from labgrade.cohort.practice import pool as rooms
from labgrade.cohort.practice.inventory import Difference, Inventory, Seen, Thing
from labgrade.cohort.practice.pool import BROKEN_OFF, FILES, Lent, Pool
from labgrade.course.rubric import read_lab
from labgrade.errors import HarnessError, UsageError
from labgrade.model import Lab
from labgrade.patience import until
from labgrade.providers import ClusterSpec, Say
from tests.support.apiserver import ApiServer, write_kubeconfig
from tests.support.course import check, write_lab

SECONDS = 20
LEFT = Difference(Thing("ClusterRole", "mine"), "is new", Seen("1", "", "/"))


def lab_of(course: Path, name: str, *, head: str = "", manifest: str = "") -> Lab:
    """A lab with these keys, whose solution is this manifest."""
    folder = write_lab(course, name, check("there", 20), "")
    for answer in ("starter", "solution"):
        (folder / answer).mkdir()
    (folder / "solution" / "10-all.yaml").write_text(manifest)
    (folder / "lab.yaml").write_text(head + (folder / "lab.yaml").read_text())
    return read_lab(folder)


@pytest.fixture
def b01(tmp_path: Path) -> Lab:
    """A lab for any cluster."""
    return lab_of(tmp_path, "b01")


@pytest.fixture
def d02(tmp_path: Path) -> Lab:
    """A lab for a cluster with Cilium."""
    return lab_of(tmp_path, "d02", head="cni: cilium\n")


def nothing(*_: object) -> None:
    """Happens."""


@dataclass
class Stage:
    """A provider whose clusters are only written down; `at` tells what happens where."""

    there: set[str] = field(default_factory=set[str])
    most: int = 0
    made: list[ClusterSpec] = field(default_factory=list[ClusterSpec])
    said: list[str] = field(default_factory=list[str])
    at_start: Callable[[ClusterSpec], None] = nothing
    at_stop: Callable[[str], None] = nothing
    left: Callable[[], list[Difference]] = list
    """What wiping finds."""
    wiped: list[Collection[str]] = field(default_factory=list[Collection[str]])
    """The kinds that it may take away."""
    port: int = 9

    def exists(self, name: str) -> bool:
        """Whether it is there."""
        return name in self.there

    def start(self, spec: ClusterSpec, say: Say) -> None:
        """Makes it."""
        self.made.append(spec)
        self.there.add(spec.name)
        self.most = max(self.most, len(self.there))
        say("making")
        write_kubeconfig(spec.kubeconfig.parent, self.port)
        self.at_start(spec)

    def stop(self, name: str) -> None:
        """Removes it."""
        self.at_stop(name)
        self.there.discard(name)

    def empty(self, spec: ClusterSpec) -> None:
        """Leaves nothing beside it."""

    def collect_logs(self, name: str, into: Path) -> None:
        """Has none."""

    def wipe(self, api: Api, before: Inventory, *, asked: Collection[str]) -> list[Difference]:
        """Empties it."""
        assert api
        assert before == {}
        self.wiped.append(asked)
        return self.left()

    def pool(self, size: int, *images: str) -> Pool:
        """A pool of these."""
        return Pool(size, say=self.said.append, images=images)


def empty_inventory(_: Api) -> Inventory:
    """Of a cluster that holds nothing."""
    return {}


@pytest.fixture
def stage(monkeypatch: pytest.MonkeyPatch) -> Iterator[Stage]:
    """The stage, in the place of kind and of the clusters' API; nothing is left on it in the end."""
    found = Stage()
    monkeypatch.setattr(rooms, "PROVIDERS", {"kind": found})
    monkeypatch.setattr(rooms, "wipe", found.wipe)
    monkeypatch.setattr(rooms.inventory, "settled", empty_inventory)
    yield found
    assert found.there == set()


def name_of(pool: Pool, lab: Lab) -> str:
    """The name of the cluster that is lent."""
    with pool.lent(lab) as lent:
        return lent.name


def idle(stage: Stage, wiped: int) -> None:
    """Waits until so many clusters were emptied."""
    assert until(lambda: len(stage.wiped) >= wiped, seconds=SECONDS, every=0.01)


def test_a_cluster_is_lent_to_one_after_another(stage: Stage, b01: Lab) -> None:
    """Made once, when somebody needs it, with everybody's images, reached by a kubeconfig of its own."""
    with stage.pool(2, "one", "two") as pool:
        assert stage.made == []
        with pool.lent(b01) as first:
            assert first.name in stage.there
            assert first.kubeconfig.is_file()
            assert first.access.server == "https://127.0.0.1:9"
        names = {first.name, name_of(pool, b01), name_of(pool, b01)}
    assert len(names) == len(stage.made) == 1
    (spec,) = stage.made
    assert spec.name.startswith("labgrade-grade-")
    assert spec.name.endswith("-1")
    assert (spec.images, spec.cni, spec.config, spec.users) == (("one", "two"), "default", None, False)
    assert not spec.kubeconfig.exists()


def test_there_are_never_more_than_asked_for_and_nobody_shares(stage: Stage, b01: Lab, d02: Lab) -> None:
    """Whatever is waited for, by however many."""
    used: set[str] = set()
    turn = threading.Lock()

    def work(lab: Lab) -> None:
        with pool.lent(lab) as lent:
            with turn:
                assert lent.name not in used
                used.add(lent.name)
            assert lent.name in stage.there
            with turn:
                used.remove(lent.name)

    with stage.pool(3) as pool, ThreadPoolExecutor(12) as threads:
        for done in [threads.submit(work, (b01, d02)[number % 3 == 0]) for number in range(60)]:
            done.result(SECONDS)
    assert stage.most <= 3


def test_another_pod_network_takes_the_place_of_an_idle_cluster(stage: Stage, b01: Lab, d02: Lab) -> None:
    """Which is removed before the other one is made."""
    with stage.pool(1) as pool:
        first = name_of(pool, b01)
        second = name_of(pool, d02)
    assert first != second
    assert [spec.cni for spec in stage.made] == ["default", "cilium"]
    assert stage.most == 1


def test_who_is_fit_for_an_idle_cluster_gets_it_before_it_is_given_up(stage: Stage, b01: Lab, d02: Lab) -> None:
    """Making one takes a minute: those who can use what is there come first, whoever asked earlier."""
    with stage.pool(1) as pool, ThreadPoolExecutor(2) as threads:
        with pool.lent(b01):
            other = threads.submit(name_of, pool, d02)
            assert until(lambda: waiting(pool) == 1, seconds=SECONDS, every=0.01)
            same = threads.submit(name_of, pool, b01)
            assert until(lambda: waiting(pool) == 2, seconds=SECONDS, every=0.01)
        assert same.result(SECONDS) == stage.made[0].name
        assert other.result(SECONDS) == stage.made[1].name
    assert len(stage.made) == 2


def test_no_cluster_is_given_up_for_a_place_that_is_just_becoming_free(stage: Stage, b01: Lab, d02: Lab) -> None:
    """Who waits for another kind gets the place of one that is being removed."""
    go_on = threading.Event()
    stage.at_stop = lambda _: nothing(go_on.wait(SECONDS))
    with stage.pool(2) as pool, ThreadPoolExecutor(1) as threads:
        with pool.lent(b01), pool.lent(b01, spoils=True):
            other = threads.submit(name_of, pool, d02)
            assert until(lambda: waiting(pool) == 1, seconds=SECONDS, every=0.01)
        idle(stage, 1)
        assert name_of(pool, b01) == stage.made[0].name
        go_on.set()
        assert other.result(SECONDS) == stage.made[2].name
        assert not any("makes room" in words for words in stage.said)


def waiting(pool: Pool) -> int:
    """How many wait for a cluster."""
    return len(pool._asked)  # pyright: ignore[reportPrivateUsage] - nothing outside shows it


def test_images_that_a_cluster_lacks_make_it_unfit(stage: Stage, b01: Lab, tmp_path: Path) -> None:
    """A lab that was not announced gets one that has them."""
    image = f"docker.io/library/web:1@sha256:{'0' * 64}"
    more = lab_of(tmp_path, "b02", head=f"images: ['{image}']\n")
    with stage.pool(1, "one") as pool:
        name_of(pool, b01)
        name_of(pool, more)
        name_of(pool, b01)
    assert [spec.images for spec in stage.made] == [("one",), ("one", image)]


def spoilt_by_files(stage: Stage, pool: Pool, lab: Lab) -> str:
    """What was handed in can write to nodes."""
    assert stage
    with pool.lent(lab, spoils=True):
        return FILES


def spoilt_by_error(stage: Stage, pool: Pool, lab: Lab) -> str:
    """The grading breaks off."""
    assert stage
    with pytest.raises(ZeroDivisionError), pool.lent(lab):
        raise ZeroDivisionError
    return BROKEN_OFF


def spoilt_by_rest(stage: Stage, pool: Pool, lab: Lab) -> str:
    """Something is left in it."""
    stage.left = lambda: [LEFT]
    name_of(pool, lab)
    idle(stage, 1)
    return "clusterrole/mine is new"


def spoilt_by_silence(stage: Stage, pool: Pool, lab: Lab) -> str:
    """It does not answer any more."""

    def left() -> list[Difference]:
        raise HarnessError("nothing answers")

    stage.left = left
    name_of(pool, lab)
    idle(stage, 1)
    return "it cannot be emptied: nothing answers"


@pytest.mark.parametrize("spoilt", [spoilt_by_files, spoilt_by_error, spoilt_by_rest, spoilt_by_silence])
def test_a_cluster_that_is_spoilt_is_replaced(
    stage: Stage, b01: Lab, spoilt: Callable[[Stage, Pool, Lab], str]
) -> None:
    """It is said why; nobody gets it any more, and no other one is made before somebody needs it."""
    with stage.pool(1) as pool:
        why = spoilt(stage, pool, b01)
        first = stage.made[0].name
        assert until(lambda: not stage.there, seconds=SECONDS, every=0.01)
        assert stage.said == [f"{first}: making", f"{first} is replaced: {why}"]
        assert len(stage.made) == 1
        stage.left = list
        assert name_of(pool, b01) == stage.made[1].name != first
    assert stage.most == 1


def test_what_a_lab_asks_for_beside_its_namespace_may_be_taken_away(stage: Stage, tmp_path: Path) -> None:
    """As its own solution shows."""
    lab = lab_of(tmp_path, "e03", manifest="kind: StorageClass\nmetadata: {name: drawers}\n")
    with stage.pool(1) as pool:
        name_of(pool, lab)
        idle(stage, 1)
    assert stage.wiped == [frozenset({"StorageClass"})]


def test_a_configuration_gets_a_cluster_of_its_own(stage: Stage, b01: Lab, d02: Lab, tmp_path: Path) -> None:
    """Made from it and beside others, used once, never emptied, and never another one than that."""
    config = tmp_path / "kind.yaml"
    with stage.pool(1, "one") as pool:
        name_of(pool, b01)
        names: list[str] = []
        for _ in range(2):
            with pool.lent(d02, config=config) as lent:
                assert stage.there == {lent.name}
                names.append(lent.name)
        with pytest.raises(ZeroDivisionError), pool.lent(d02, config=config):
            raise ZeroDivisionError
        assert until(lambda: not stage.there, seconds=SECONDS, every=0.01)
        assert len(stage.wiped) == 1
        name_of(pool, b01)
    assert [spec.config for spec in stage.made] == [None, config, config, config, None]
    assert names == [spec.name for spec in stage.made[1:3]]
    spec = stage.made[1]
    assert (spec.images, spec.cni, spec.cni_images) == ((), None, True)
    assert spec.beside == spec.kubeconfig.parent / "shared"
    assert stage.most == 1
    assert not any("replaced" in words for words in stage.said)


def test_a_broken_solution_is_told_before_a_cluster_is_made(stage: Stage, b01: Lab) -> None:
    """Nobody waits a minute for that."""
    (b01.folder / "solution" / "10-all.yaml").write_text("{")
    with stage.pool(1) as pool, pytest.raises(UsageError, match="cannot be read as YAML"), pool.lent(b01):
        pass
    assert stage.made == []


def failing(times: int, error: Exception) -> Callable[[ClusterSpec], None]:
    """Fails so many times."""
    left = [error] * times

    def start(_: ClusterSpec) -> None:
        if left:
            raise left.pop()

    return start


def test_a_cluster_that_cannot_be_made_is_tried_once_more(stage: Stage, b01: Lab) -> None:
    """Half of it is removed first."""
    stage.at_start = failing(1, HarnessError("no room"))
    with stage.pool(1) as pool:
        name = name_of(pool, b01)
    assert [spec.name for spec in stage.made] == [name, name]
    assert f"{name}: could not be made and is tried once more: no room" in stage.said


def test_who_asked_hears_why_no_cluster_could_be_made(stage: Stage, b01: Lab) -> None:
    """After the second time; nothing of it is left, and the next one who asks gets another try."""
    stage.at_start = failing(2, HarnessError("no room"))
    with stage.pool(1) as pool:
        with pytest.raises(HarnessError, match="no room"):
            name_of(pool, b01)
        assert stage.there == set()
        assert name_of(pool, b01) == stage.made[2].name


def test_an_error_goes_to_who_asked_and_not_to_the_next(stage: Stage, b01: Lab) -> None:
    """Each has a try of their own."""
    go_on = threading.Event()
    fail = failing(2, HarnessError("no room"))

    def start(spec: ClusterSpec) -> None:
        assert go_on.wait(SECONDS)
        fail(spec)

    stage.at_start = start
    with stage.pool(1) as pool, ThreadPoolExecutor(2) as threads:
        first = asking(pool, b01, threads, stage)
        second = threads.submit(name_of, pool, b01)
        assert until(lambda: waiting(pool) == 2, seconds=SECONDS, every=0.01)
        go_on.set()
        with pytest.raises(HarnessError, match="no room"):
            first.result(SECONDS)
        assert second.result(SECONDS) == stage.made[2].name


def test_a_configuration_that_is_not_taken_is_not_tried_again(stage: Stage, b01: Lab, tmp_path: Path) -> None:
    """It is the student's, and so is the error."""
    stage.at_start = failing(9, UsageError("kind.yaml: no such role"))
    with (
        stage.pool(1) as pool,
        pytest.raises(UsageError, match="no such role"),
        pool.lent(b01, config=tmp_path / "kind.yaml"),
    ):
        pass
    assert len(stage.made) == 1


def test_a_cluster_that_comes_back_serves_who_waits_for_one_that_is_being_made(stage: Stage, b01: Lab) -> None:
    """Nobody waits for a particular one."""
    go_on = threading.Event()
    stage.at_start = lambda spec: nothing() if spec.name.endswith("-1") else nothing(go_on.wait(SECONDS))
    with stage.pool(2) as pool, ThreadPoolExecutor(1) as threads:
        with pool.lent(b01) as first:
            second = threads.submit(name_of, pool, b01)
            assert until(lambda: len(stage.made) == 2, seconds=SECONDS, every=0.01)
        assert second.result(SECONDS) == first.name
        go_on.set()


def asking(pool: Pool, lab: Lab, threads: ThreadPoolExecutor, stage: Stage) -> Future[str]:
    """Somebody who waits for a cluster that is being made."""
    asked = threads.submit(name_of, pool, lab)
    assert until(lambda: stage.there, seconds=SECONDS, every=0.01)
    return asked


def test_closing_removes_a_cluster_that_is_being_made(stage: Stage, b01: Lab) -> None:
    """Its maker notices, as kind does when its containers vanish, and does not try again."""
    gone = threading.Event()
    stage.at_stop = lambda _: gone.set()

    def start(_: ClusterSpec) -> None:
        assert gone.wait(SECONDS)
        raise HarnessError("the containers are gone")

    stage.at_start = start
    pool = stage.pool(1)
    with ThreadPoolExecutor(1) as threads:
        asked = asking(pool, b01, threads, stage)
        pool.close()
        with pytest.raises(HarnessError, match="the grading is being ended"):
            asked.result(SECONDS)
    assert len(stage.made) == 1


def test_closing_removes_a_cluster_that_comes_all_the_same(stage: Stage, b01: Lab) -> None:
    """There was nothing to remove yet when it was tried first."""
    tried = threading.Event()
    stage.at_stop = lambda _: tried.set()

    def start(spec: ClusterSpec) -> None:
        assert tried.wait(SECONDS)
        assert until(lambda: spec.name not in stage.there, seconds=SECONDS, every=0.01)
        stage.there.add(spec.name)

    stage.at_start = start
    pool = stage.pool(1)
    with ThreadPoolExecutor(1) as threads:
        asked = asking(pool, b01, threads, stage)
        pool.close()
        with pytest.raises(HarnessError):
            asked.result(SECONDS)
    assert stage.there == set()


def test_closing_removes_what_is_lent_and_lends_no_more(stage: Stage, b01: Lab) -> None:
    """Once or several times."""
    pool = stage.pool(2)
    with pool.lent(b01):
        pool.close()
        assert stage.there == set()
    pool.close()
    with pytest.raises(HarnessError, match="the grading is being ended"), pool.lent(b01):
        pass
    assert len(stage.made) == 1


def test_a_cluster_that_could_not_be_removed_is_removed_in_the_end(stage: Stage, b01: Lab) -> None:
    """And leaves its place to another one meanwhile: it may never go."""
    refusals = [HarnessError("busy")]

    def stop(_: str) -> None:
        if refusals:
            raise refusals.pop()

    stage.at_stop = stop
    with stage.pool(1) as pool:
        first = spoilt_by_files(stage, pool, b01) and stage.made[0].name
        assert name_of(pool, b01) != first
        assert first in stage.there
    assert f"{first} cannot be removed now: busy" in stage.said


def test_a_cluster_that_nobody_can_remove_is_told(stage: Stage, b01: Lab) -> None:
    """After a few tries, with what removes it: the batch ends all the same."""

    def stop(_: str) -> None:
        raise HarnessError("busy")

    stage.at_stop = stop
    with stage.pool(1) as pool:
        name = name_of(pool, b01)
    assert stage.said[-1] == f"{name} could not be removed: kind delete cluster --name {name}"
    stage.there.remove(name)


def test_who_stops_waiting_leaves_the_cluster_to_others(
    stage: Stage, b01: Lab, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As after Ctrl-C."""
    with stage.pool(1) as pool:
        interrupted(pool, b01, monkeypatch)
        assert waiting(pool) == 0
        name_of(pool, b01)
    assert len(stage.made) == 1


def test_a_cluster_from_a_configuration_is_nobody_elses(
    stage: Stage, b01: Lab, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """When who wanted it has gone before it came, it goes, too."""
    go_on = threading.Event()
    stage.at_start = lambda _: nothing(go_on.wait(SECONDS))
    with stage.pool(1) as pool:
        interrupted(pool, b01, monkeypatch, config=tmp_path / "kind.yaml")
        go_on.set()
        assert until(lambda: stage.made and not stage.there, seconds=SECONDS, every=0.01)


def interrupted(pool: Pool, lab: Lab, monkeypatch: pytest.MonkeyPatch, config: Path | None = None) -> None:
    """Asks for a cluster, and is interrupted while waiting."""

    def interrupt(_: object) -> Lent:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(Future, "result", interrupt)
        with pytest.raises(KeyboardInterrupt), pool.lent(lab, config=config):
            pass


def test_a_real_api_is_emptied_between_loans(stage: Stage, b01: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    """With the inventory of when it was new; over TLS, as clusters have it."""
    monkeypatch.undo()
    monkeypatch.setattr(rooms, "PROVIDERS", {"kind": stage})
    monkeypatch.setattr("labgrade.cohort.practice.inventory.QUIET_SECONDS", 0.01)
    with ApiServer(tls=True) as server, stage.pool(1) as pool:
        stage.port = server.port
        with pool.lent(b01):
            server.put("Namespace", "b01")
        name_of(pool, b01)
        assert server.find("Namespace", "b01") is None
        with pool.lent(b01):
            server.put("StorageClass", "mine")
        name_of(pool, b01)
    names = [spec.name for spec in stage.made]
    assert len(names) == 2
    assert f"{names[0]} is replaced: storageclass/mine is new" in stage.said
