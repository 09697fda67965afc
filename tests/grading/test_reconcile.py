"""Patience with a cluster: shared by all checks, spent on changes only, over as soon as nothing is on its way."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

import pytest

from labgrade.cluster import watching
from labgrade.cluster.api import Api
from labgrade.cluster.watching import Watching
from labgrade.errors import HarnessError, Unmet
from labgrade.facts import Cluster, Snapshot
from labgrade.facts.binding import unbound
from labgrade.grading import reconcile
from labgrade.grading.reconcile import Reconciler
from labgrade.patience import Alarm, monotonic
from tests.support.apiserver import ApiServer

QUIET = 0.2
KINDS = ("deployments", "replicasets", "statefulsets", "daemonsets", "pods", "persistentvolumeclaims")


class Bench:
    """A reconciler on a server, and a stopwatch."""

    def __init__(self, api: Api, server: ApiServer, timeout: float) -> None:
        snapshot, alarm = Snapshot(api), Alarm()
        self.server, self.cluster = server, Cluster(snapshot, "lab")
        watches = Watching(api, alarm)
        self.reconciler = Reconciler(self.cluster, snapshot, watches, alarm, now=api.now, timeout=timeout)
        self.judged = 0
        self._began = monotonic()

    @property
    def seconds(self) -> float:
        """Since the bench was made."""
        return monotonic() - self._began

    @property
    def watched(self) -> int:
        """How many watches were asked for: none as long as nobody waited."""
        return self.server.count("", watches=True)

    def rolled_out(self, name: str = "web") -> None:
        """A check: three Pods of the Deployment are ready."""
        self.judged += 1
        found = self.cluster.deployment(name)
        if found.ready != 3:
            raise Unmet(f"{found} has {found.ready}")

    def served(self) -> None:
        """A check that tries traffic: it reaches a Pod that is there."""
        self.reconciler.probing()
        self.judged += 1
        assert any(pod.ready for pod in self.cluster.pods())

    def meets(self, judge: Callable[[], Any]) -> bool:
        """Whether the check is met, with all the patience there is."""
        try:
            self.reconciler.until_met(judge)
        except AssertionError:
            return False
        return True

    def later(self, action: Callable[[], Any], seconds: float = 0.1) -> None:
        """Lets something happen meanwhile."""
        threading.Timer(seconds, action).start()

    def deploy(self, ready: int, observed: int = 1) -> None:
        """The Deployment, with so many ready Pods."""
        status = {"observedGeneration": observed, "readyReplicas": ready}
        self.server.put("Deployment", "web", "lab", metadata={"generation": 1}, spec={"replicas": 3}, status=status)

    def age(self, stamp: str) -> None:
        """The Deployment, last changed then."""
        metadata = {"creationTimestamp": "2020-01-01T00:00:00Z", "managedFields": [{"time": stamp}]}
        self.server.put("Deployment", "web", "lab", metadata=metadata, spec={"replicas": 3})

    def start(self, *, waiting: str = "ContainerCreating", ready: bool = False) -> None:
        """A Pod that is being started, or ready."""
        conditions = [{"type": "PodScheduled", "status": "True"}, {"type": "Ready", "status": f"{ready}"}]
        state = {"running": {"startedAt": "2026-01-01T00:00:00Z"}} if ready else {"waiting": {"reason": waiting}}
        statuses = [{"name": "nginx", "state": state, "ready": ready}]
        status = {"phase": "Running" if ready else "Pending", "conditions": conditions, "containerStatuses": statuses}
        self.server.put("Pod", "web", "lab", spec={"containers": [{"name": "nginx"}]}, status=status)


Make = Callable[..., Bench]


@pytest.fixture
def make(api: Api, server: ApiServer, monkeypatch: pytest.MonkeyPatch) -> Make:
    """Makes a bench whose quiet moments are short."""
    monkeypatch.setattr(reconcile, "QUIET_SECONDS", QUIET)
    monkeypatch.setattr(reconcile, "CONVERGENCE_SECONDS", 0.4)
    monkeypatch.setattr(reconcile, "PROBE_PAUSE_SECONDS", 0.1)
    monkeypatch.setattr(watching, "BROKEN_SECONDS", 0.02)

    def made(timeout: float = 5.0) -> Bench:
        return Bench(api, server, timeout)

    return made


def test_a_right_answer_waits_not_at_all(make: Make) -> None:
    """Who has done the lab gets the grade at once, and one list answers for it."""
    bench = make()
    bench.deploy(3)
    assert bench.meets(bench.rolled_out)
    assert bench.judged == 1
    assert bench.server.count("/lab/", "GET") == 1
    assert not bench.watched


@pytest.mark.parametrize(("changed", "brief"), [("2020-01-01T00:00:00Z", True), ("2999-01-01T00:00:00Z", False)])
def test_what_was_untouched_has_settled_before(
    make: Make, monkeypatch: pytest.MonkeyPatch, changed: str, *, brief: bool
) -> None:
    """An old wrong answer needs no quiet moment of ours: its objects say how long it has been quiet."""
    monkeypatch.setattr(reconcile, "QUIET_SECONDS", 1.0)
    monkeypatch.setattr(reconcile, "BRIEF_QUIET_SECONDS", 0.05)
    bench = make()
    bench.age(changed)
    assert not bench.meets(bench.rolled_out)
    assert (bench.seconds < 0.8) is brief


def test_ten_wrong_answers_share_one_wait(make: Make) -> None:
    """A cluster settles once: the first wrong answer pays for all, and every list is read once."""
    bench = make()
    bench.deploy(1)
    assert [bench.meets(bench.rolled_out) for _ in range(10)] == [False] * 10
    assert QUIET <= bench.seconds < 6 * QUIET
    assert [bench.server.count(f"/{kind}") for kind in KINDS] == [1] * len(KINDS)


def test_a_change_is_judged_at_once(make: Make) -> None:
    """What arrives while a check waits ends the waiting, without a poll in between."""
    bench = make()
    bench.deploy(1, observed=0)
    bench.later(lambda: bench.deploy(3), 0.5)
    assert bench.meets(bench.rolled_out)
    assert bench.judged == 2


def test_a_change_during_a_long_judgement_is_not_lost(make: Make) -> None:
    """A check that takes longer than the quiet moment must not settle on what it read before."""
    bench = make()
    bench.deploy(1)
    bench.later(lambda: bench.deploy(2), 0.1)

    def quick() -> None:
        assert bench.cluster.deployment("web").ready == 2

    def slow() -> None:
        ready = bench.cluster.deployment("web").ready
        if ready == 2:
            bench.deploy(3)
            threading.Event().wait(2 * QUIET)
        assert ready == 3

    assert bench.meets(quick)
    assert bench.meets(slow)


def test_only_the_lists_that_changed_are_read_again(make: Make) -> None:
    """A change of one kind costs one list."""
    bench = make()
    bench.deploy(1)
    bench.later(lambda: bench.deploy(2), 0.1)
    assert not bench.meets(bench.rolled_out)
    assert {kind: bench.server.count(f"/{kind}") for kind in KINDS} == dict.fromkeys(KINDS, 1) | {"deployments": 2}


def test_other_namespaces_do_not_matter(make: Make) -> None:
    """Another student's churn on the same cluster neither wakes nor delays."""
    bench = make()
    bench.deploy(1)
    bench.later(lambda: bench.server.put("Pod", "web", "elsewhere"), 0.1)
    assert not bench.meets(bench.rolled_out)
    assert bench.judged == 1


def test_what_is_on_its_way_is_waited_for(make: Make) -> None:
    """Quiet alone settles nothing: an image pull brings no event for a long time."""
    bench = make()
    bench.start()
    bench.later(lambda: bench.start(ready=True), 2.5 * QUIET)
    assert bench.meets(bench.served)


def test_the_deadline_ends_all_waiting(make: Make) -> None:
    """Something that stays on its way for ever costs the deadline once, not once a check."""
    bench = make(timeout=0.5)
    bench.start()
    assert [bench.meets(bench.rolled_out) for _ in range(6)] == [False] * 6
    assert 0.5 <= bench.seconds < 2.5


def test_traffic_waits_for_objects_and_no_longer(make: Make) -> None:
    """A probe is sent once nothing is on its way; sending it before would only show a rollout."""
    bench = make()
    bench.start()
    bench.later(lambda: bench.start(ready=True), 0.3)
    assert bench.meets(bench.served)
    assert bench.judged == 1
    assert not bench.reconciler.settled


def test_traffic_is_asked_again_for_a_while_after_the_cluster_settled(make: Make) -> None:
    """kube-proxy and DNS follow without an event: a few more tries, shared by all checks, then no more."""
    bench = make()
    assert not bench.meets(bench.served)
    assert bench.seconds >= QUIET + 0.4
    tried = bench.judged
    assert 2 <= tried <= 7
    assert not bench.meets(bench.served)
    assert bench.judged == tried + 1


def test_within_a_reading_traffic_is_as_it_was(make: Make) -> None:
    """Checks that pass at once share what the first of them asked."""
    bench = make()
    bench.start(ready=True)
    readings = [bench.reconciler.probing() for _ in range(3)]
    assert bench.meets(bench.served)
    assert {*readings, bench.reconciler.probing()} == {readings[0]}


@pytest.mark.parametrize("what", ["a change", "a disturbance", "another look at traffic"])
def test_after_this_traffic_is_asked_anew(make: Make, what: str) -> None:
    """What was asked before says nothing any more."""
    bench = make()
    bench.start(ready=True)
    before, readings = bench.reconciler.probing(), list[int]()

    def unmet() -> None:
        readings.append(bench.reconciler.probing())
        raise Unmet("not yet")

    def reads() -> None:
        bench.cluster.deployment("web").exists  # noqa: B018 - a list that can change
        raise Unmet("not yet")

    if what == "a disturbance":
        bench.reconciler.disturbed()
        readings.append(bench.reconciler.probing())
    elif what == "a change":
        bench.later(lambda: bench.deploy(1))
        bench.meets(reads)
        readings.append(bench.reconciler.probing())
    else:
        assert not bench.meets(unmet)
        assert readings.pop(0) == before
        assert len(readings) >= 2
    assert before not in readings
    assert readings == sorted(set(readings))


def test_a_disturbance_begins_anew(make: Make) -> None:
    """After we changed the cluster there is something to wait for again, and nothing read before counts."""
    bench = make()
    bench.deploy(1)
    assert not bench.meets(bench.rolled_out)
    assert bench.reconciler.settled
    bench.reconciler.disturbed()
    assert not bench.reconciler.settled
    bench.later(lambda: bench.deploy(3), 0.1)
    assert bench.meets(bench.rolled_out)


def test_calming_down_waits_for_movement_only(make: Make) -> None:
    """A disturbing check begins when an earlier one's restoring is over; in a calm cluster, at once."""
    bench = make()
    bench.reconciler.calm_down()
    assert not bench.reconciler.settled
    bench.reconciler.disturbed()
    bench.start()
    bench.later(lambda: bench.start(ready=True), 0.4)
    bench.reconciler.calm_down()
    assert bench.cluster.pod("web").ready
    assert not bench.reconciler.settled


def test_cut_watches_go_on(make: Make) -> None:
    """A server that restarts its streams loses no change."""
    bench = make()
    bench.deploy(1, observed=0)
    bench.later(bench.server.cut_watches, 0.1)
    bench.later(lambda: bench.deploy(3), 0.4)
    assert bench.meets(bench.rolled_out)


def test_watches_that_are_refused_do_not_storm_the_server(make: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    """A busy server is asked again at a walking pace, and the deadline holds."""
    bench = make(timeout=0.7)
    monkeypatch.setattr(watching, "BROKEN_SECONDS", 0.25)
    bench.deploy(1)
    bench.server.fault(429, "watch=1", times=1000)
    assert not bench.meets(bench.rolled_out)
    assert bench.server.count("/deployments", watches=True) <= 4


def test_a_cluster_that_vanishes_is_not_a_wrong_answer(make: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever waits when the server goes away ends in our error, not in lost points."""
    monkeypatch.setattr("labgrade.patience.TRANSPORT_PAUSE_SECONDS", 0.01)
    bench = make()
    bench.deploy(1, observed=0)
    bench.later(bench.server.stop, 0.1)
    with pytest.raises(HarnessError):
        bench.reconciler.until_met(bench.rolled_out)


def test_the_student_sees_the_lab_and_not_the_retrying(make: Make) -> None:
    """The last assertion comes out itself, with the check's own frame as the innermost."""
    bench = make(timeout=0.1)
    with pytest.raises(Unmet, match="deployment/web has 0") as raised:
        bench.reconciler.until_met(bench.rolled_out)
    assert raised.traceback[-1].name == "rolled_out"


def test_a_fault_of_ours_is_not_retried(make: Make) -> None:
    """An exception that is no assertion comes out at once."""
    bench = make()

    def broken() -> None:
        bench.judged += 1
        raise KeyError("spec")

    with pytest.raises(KeyError):
        bench.reconciler.until_met(broken)
    assert bench.judged == 1


def test_what_pends_in_vain_is_told_by_a_later_event(make: Make, server: ApiServer) -> None:
    """No object changes when a driver refuses a claim, and no event wakes anybody: they are read anew meanwhile."""
    bench = make(timeout=30)
    server.put("CSIDriver", "csi.example.org")
    server.put("StorageClass", "drawers", provisioner="csi.example.org")
    spec, status = {"storageClassName": "drawers"}, {"phase": "Pending"}
    uid = server.put("PersistentVolumeClaim", "data", "lab", spec=spec, status=status)["metadata"]["uid"]

    def refuse() -> None:
        about = {"kind": "PersistentVolumeClaim", "name": "data", "uid": uid}
        said = {"reason": "ProvisioningFailed", "message": "no", "reportingComponent": "csi.example.org_0_1"}
        server.put("Event", "data.1", "lab", involvedObject=about, lastTimestamp="2999-01-01T00:00:00Z", **said)

    def bound() -> None:
        claim = bench.cluster.claim("data")
        assert claim.bound, unbound(bench.cluster, claim)

    bench.later(refuse, seconds=0.5)
    with pytest.raises(AssertionError, match="refused by"):
        bench.reconciler.until_met(bound)
    assert bench.seconds < 10
