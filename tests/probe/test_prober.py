"""What a suite asks traffic with: after objects have settled, from whomever, together, and once for many checks."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import pytest

from labgrade.cluster.api import Api
from labgrade.errors import HarnessError, Unmet
from labgrade.facts import Node, Pod, Recorded
from labgrade.probe import Answer, Prober, Question, Sources, Verdict, gathering, http, prober, tcp
from labgrade.probe.enforcement import Enforcement
from labgrade.probe.program import Program
from tests.checks.states import CannedEnforcement, CannedSources, answer, traffic
from tests.support.apiserver import ApiServer
from tests.support.probes import Played, every

WEB, DB = http("10.0.0.1", 80), tcp("10.0.0.2", 5432)
TWO = Node(Recorded(), None, "two")
THEIRS = Pod(Recorded({"kind": "Pod", "metadata": {"name": "web-1", "namespace": "lab", "uid": "1"}}), "lab", "web-1")
PROGRAM = Program("example.org/probe:1", ("/probe",))


class Clock:
    """Tells which reading this is, and notes how often it was asked."""

    def __init__(self) -> None:
        self.reading, self.waited = 0, 0

    def __call__(self) -> int:
        """Before each question."""
        self.waited += 1
        return self.reading


class Network:
    """What connects: flows, as (who, question's words), to verdicts; all others are dropped. Notes what was asked."""

    def __init__(self, found: Mapping[tuple[str, str], Verdict] | None = None) -> None:
        self.found: dict[tuple[str, str], Verdict] = dict(found or {})
        self.asked: list[tuple[str, str]] = []

    def __call__(self, source: str, question: Question) -> Answer:
        """The answer of a source to a question."""
        self.asked.append((source, question.words))
        return answer(question.words, self.found.get((source, question.words), "dropped"))


@pytest.fixture(autouse=True)
def _brief(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is blocked stays so after one more look."""
    monkeypatch.setattr(gathering, "STAYS_SECONDS", 0.0)


def test_objects_are_waited_for_first() -> None:
    """Before every question, also one that is none; what was asked is noted."""
    clock, network = Clock(), Network({("own", WEB.words): "http"})
    probe = traffic(network, before=clock)
    assert probe.http("10.0.0.1").status == 200
    assert probe.ask([]) == []
    assert clock.waited == 2
    assert network.asked == [("own", WEB.words)]
    assert len(probe.asked) == 1
    assert "http 200" in probe.asked[0]


@pytest.mark.parametrize("what", ["ip", "node"])
def test_objects_are_waited_for_before_an_address_is_told(what: str) -> None:
    """A node that joins may be the one that the Pod runs on."""
    clock = Clock()
    assert getattr(traffic(Network(), before=clock), what)
    assert clock.waited == 1


def test_no_pod_starts_before_it_is_asked_for(api: Api, server: ApiServer) -> None:
    """A suite whose checks try no traffic makes none; one that is derived begins to start at once."""
    server.exec = Played(every("connected")).exec
    sources = Sources(api, "0123abcd", lambda: PROGRAM)
    probe = Prober(sources, Enforcement("0123abcd", sources, theirs=False), lambda: 0)
    assert server.requests == []
    there = probe.on(TWO)
    assert there.node == "two"
    assert server.count("/pods", "POST") == 1
    assert probe.tcp(there.ip, 8080).source == f"pod/{probe.name} 127.0.0.1"
    assert probe.name != there.name
    assert server.count("/pods", "POST") == 2
    sources.remove()


DERIVED: dict[str, Callable[[Prober], Prober]] = {
    "own": lambda probe: probe,
    "node/two": lambda probe: probe.on(TWO),
    "host/two": lambda probe: probe.at(TWO),
    "outside": lambda probe: probe.outside(),
    "app=web": lambda probe: probe.bearing({"app": "web"}),
    "in lab": lambda probe: probe.within("lab"),
    "pod/web-1": lambda probe: probe.as_pod(THEIRS),
}


@pytest.mark.parametrize("source", DERIVED)
def test_each_way_to_ask(source: str) -> None:
    """The question goes to that very source, and its evidence joins that of all others."""
    network = Network()
    probe = traffic(network)
    derived = DERIVED[source](probe)
    assert derived.tcp("10.0.0.2", 5432).verdict == "dropped"
    assert network.asked == [(source, DB.words)]
    assert derived.name == source
    assert probe.asked is derived.asked
    assert derived.pod == (THEIRS if source == "pod/web-1" else None)


def test_one_derived_from_another_asks_from_its_own_source() -> None:
    """Not from both; and it is a student's Pod no more."""
    network = Network()
    again = traffic(network).as_pod(THEIRS).on(TWO)
    again.udp("10.0.0.2", 53)
    assert network.asked == [("node/two", "udp 10.0.0.2:53")]
    assert again.pod is None


def test_a_table_asks_each_source_for_each_column() -> None:
    """By the names that the caller gave; evidence holds it as it was seen."""
    network = Network({("own", DB.words): "connected", ("outside", WEB.words): "refused"})
    probe = traffic(network)
    table = probe.table({"us": probe, "abroad": probe.outside()}, {"web": WEB, "db": DB})
    assert (table.rows, table.columns) == (["us", "abroad"], ["web", "db"])
    assert {cell: found.verdict for cell, found in table.answers.items()} == {
        ("us", "web"): "dropped",
        ("us", "db"): "connected",
        ("abroad", "web"): "refused",
        ("abroad", "db"): "dropped",
    }
    assert probe.asked == [table.seen()]


def test_many_checks_cost_one_pass() -> None:
    """The first asks what the others are going to ask; within the reading, they ask nothing."""
    network, clock = Network(), Clock()
    probe = traffic(network, before=clock)
    mine = {("us", "web"): (probe, WEB)}
    later = {("abroad", "db"): (probe.outside(), DB)}
    assert list(probe.cells(mine, beside=later)) == [("us", "web")]
    assert sorted(network.asked) == [("outside", DB.words), ("own", WEB.words)]
    assert probe.cells(later, beside=mine)["abroad", "db"].verdict == "dropped"
    assert len(network.asked) == 2
    assert probe.asked == []
    clock.reading += 1
    probe.cells(later)
    assert len(network.asked) == 3


def test_what_goes_wrong_beside_is_nobodys_concern_yet() -> None:
    """It fails the check that asks for it."""

    def told(source: str, question: Question) -> Answer:
        if source == "in lab":
            raise Unmet("namespace lab lets no probe in")
        return answer(question.words, "connected")

    probe = traffic(told)
    bad = {("unlabelled", "db"): (probe.within("lab"), DB)}
    good = {("us", "db"): (probe, DB)}
    assert probe.cells(good, beside=bad)["us", "db"].connected
    with pytest.raises(Unmet, match="lets no probe in"):
        probe.cells(bad, beside=good)


class Force(CannedEnforcement):
    """Counts how often policies were waited for; `then` happens meanwhile."""

    def __init__(self, then: Callable[[], None] = lambda: None) -> None:
        super().__init__("enforces")
        self.waited, self._then = 0, then

    def in_force(self) -> bool:
        """At once, and for sure."""
        self.waited += 1
        self._then()
        return True


def forced(network: Network, force: Force, before: Callable[[], int] = lambda: 0) -> Prober:
    """A prober that waits for policies."""
    return Prober(CannedSources(network), force, before)  # pyright: ignore[reportArgumentType] - as they are known


def test_silence_that_lasts_is_good() -> None:
    """It is asked for again, once policies are in force; what connects is neither."""
    network, force = Network({("own", WEB.words): "connected"}), Force()
    probe = forced(network, force)
    both = {("us", "web"): (probe, WEB), ("us", "db"): (probe, DB)}
    probe.cells(both)
    assert list(probe.stays_blocked(both)) == [("us", "web")]
    assert network.asked == [("own", WEB.words), ("own", DB.words), ("own", DB.words)]
    assert force.waited == 1


def test_silence_that_ends_when_policies_are_in_force_is_told() -> None:
    """An old policy is gone, the network had not noticed: the answer that came is kept."""
    network = Network()
    probe = forced(network, Force(lambda: network.found.update({("own", DB.words): "connected"})))
    flows = {("us", "db"): (probe, DB)}
    assert probe.cells(flows)["us", "db"].verdict == "dropped"
    assert {cell: found.verdict for cell, found in probe.stays_blocked(flows).items()} == {("us", "db"): "connected"}
    assert probe.cells(flows)["us", "db"].connected


def test_all_of_a_labs_silence_is_held_together() -> None:
    """One window and one wait for policies, however many checks; a new reading begins anew."""
    network, force, clock = Network(), Force(), Clock()
    probe = forced(network, force, clock)
    mine, later = {("us", "web"): (probe, WEB)}, {("us", "db"): (probe, DB)}
    probe.cells(mine, beside=later)
    assert probe.stays_blocked(mine, beside=later) == {}
    asked = len(network.asked)
    assert probe.stays_blocked(later, beside=mine) == {}
    assert (len(network.asked), force.waited) == (asked, 1)
    clock.reading += 1
    probe.cells(mine)
    assert probe.stays_blocked(mine) == {}
    assert force.waited == 2


def test_nothing_silent_waits_for_nothing() -> None:
    """Policies that let all through need not be waited for."""
    force = Force()
    probe = forced(Network({("own", WEB.words): "http"}), force)
    flows = {("us", "web"): (probe, WEB)}
    probe.cells(flows)
    assert list(probe.stays_blocked(flows)) == [("us", "web")]
    assert force.waited == 0


def test_what_changed_in_between_is_asked_anew() -> None:
    """Objects may move between the first look and the second: then the first one says nothing any more."""
    clock, network = Clock(), Network()
    probe = forced(network, Force(), clock)
    mine, later = {("us", "web"): (probe, WEB)}, {("us", "db"): (probe, DB)}
    probe.cells(mine, beside=later)
    clock.reading += 1
    network.found["own", WEB.words] = "http"
    assert list(probe.stays_blocked(mine, beside=later)) == [("us", "web")]


def test_silence_can_be_asked_for_without_a_first_look() -> None:
    """Nothing need have been asked before."""
    probe = forced(Network(), Force())
    assert probe.stays_blocked({("us", "web"): (probe, WEB)}) == {}


def test_policies_are_waited_for_once_a_reading() -> None:
    """Also where only that is asked for."""
    force, clock = Force(), Clock()
    probe = forced(Network(), force, clock)
    for _ in range(2):
        probe.outside().in_force()
    assert force.waited == 1
    clock.reading += 1
    probe.in_force()
    assert force.waited == 2


def test_a_network_that_ignores_policies_is_told() -> None:
    """By whoever asks whether it does."""
    traffic(Network()).require_enforcement()
    with pytest.raises(HarnessError, match="ignores policies"):
        traffic(Network(), network="ignores").require_enforcement()


def test_what_hubble_noted_is_of_this_sources_way(monkeypatch: pytest.MonkeyPatch) -> None:
    """The last few lines of it."""
    asked: list[dict[str, object]] = []

    def flows(_api: object, **about: object) -> list[str]:
        asked.append(about)
        return [f"flow {n}" for n in range(prober.NOTED_LINES + 2)]

    monkeypatch.setattr(prober, "flows", flows)
    noted = traffic(Network()).on(TWO).noted("10.0.0.2", 5432)
    assert noted == tuple(f"flow {n}" for n in range(2, prober.NOTED_LINES + 2))
    way = {"source_ip": "ip-of-node/two", "target_ip": "10.0.0.2", "port": 5432, "seconds": prober.NOTED_SECONDS}
    assert asked == [way]


def test_who_has_no_address_has_nothing_noted(api: Api) -> None:
    """It is evidence beside a verdict, and spoils none."""
    sources = Sources(api, "0123abcd", lambda: PROGRAM)
    probe = Prober(sources, Enforcement("0123abcd", sources, theirs=False), lambda: 0)
    assert probe.outside().noted("10.0.0.2", 5432) == ()
