"""Judges of who reaches whom, on laid-down answers: what must connect does, all else is silent, and stays so."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import pytest

from checks.traffic import (
    CONTROL,
    Server,
    Wish,
    assert_blocked,
    assert_flows,
    assert_reaches,
    assert_table,
    flows_of,
    server,
)
from labgrade.errors import HarnessError, Unmet
from labgrade.facts import Cluster
from labgrade.probe import Answer, Prober, Question, Verdict, gathering
from tests.checks.states import World, answer, made, pod, traffic

Flow = tuple[str, str]
"""Who asks, and what."""

POLICIES = [
    made(
        "NetworkPolicy",
        "backend",
        spec={
            "podSelector": {"matchLabels": {"app": "backend"}},
            "ingress": [{"from": [{"podSelector": {"matchLabels": {"app": "frontend"}}}], "ports": [{"port": 8080}]}],
        },
    ),
    made(
        "NetworkPolicy",
        "frontend",
        spec={
            "podSelector": {"matchLabels": {"app": "frontend"}},
            "policyTypes": ["Egress"],
            "egress": [{"to": [{"podSelector": {"matchLabels": {"app": "backend"}}}]}],
        },
    ),
]
PODS = [
    pod("backend-1", ip="10.0.0.2", labels={"app": "backend"}),
    pod("frontend-1", ip="10.0.0.3", labels={"app": "frontend"}),
]
OPEN, OURS = "tcp 10.0.0.2:8080", "tcp ip-of-own:8080"
COLUMN = "pod/backend-1:8080"
ITSELF = ("pod/backend-1", OPEN)
FINE: Mapping[Flow, Verdict] = {ITSELF: "connected", ("pod/frontend-1", OPEN): "connected"}
"""The frontend reaches the backend, as does the backend itself, and nobody else."""


@pytest.fixture(autouse=True)
def _brief(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is blocked stays so after one more look."""
    monkeypatch.setattr(gathering, "STAYS_SECONDS", 0.0)


class Net:
    """What comes of flows, all others being dropped; `later` from the second time on. Notes what was asked."""

    def __init__(
        self,
        found: Mapping[Flow, Verdict] | None = None,
        *,
        later: Mapping[Flow, Verdict] | None = None,
        **network: Any,
    ) -> None:
        self.found: dict[Flow, Verdict] = {**FINE, **(found or {})}
        self.later: Mapping[Flow, Verdict] = later or {}
        self.asked: list[Flow] = []
        self.cluster = World(*PODS, *POLICIES).cluster
        self.probe = traffic(self._told, **network)

    def _told(self, source: str, question: Question) -> Answer:
        flow = source, question.words
        verdict = self.found.get(flow, "dropped")
        if flow in self.asked:
            verdict = self.later.get(flow, verdict)
        self.asked.append(flow)
        return answer(question.words, verdict)

    @property
    def backend(self) -> Server:
        """The student's server."""
        return server(self.probe, self.cluster.pod("backend-1"), 8080)

    @property
    def frontend(self) -> Prober:
        """The student's client."""
        return self.probe.as_pod(self.cluster.pod("frontend-1"))

    def judge(self) -> None:
        """The whole table: the frontend reaches the backend, somebody elsewhere does not."""
        rows = {"pod/frontend-1": self.frontend, "elsewhere": self.probe}
        assert_table(self.cluster, self.probe, rows, [self.backend], allowed={("pod/frontend-1", COLUMN)})

    def unmet(self, judge: Callable[[], None] | None = None) -> Unmet:
        """What the student reads."""
        with pytest.raises(Unmet) as raised:
            (judge or self.judge)()
        return raised.value


def test_a_server_is_known_by_pod_and_port() -> None:
    """It is asked for by its Pod's address, and from inside that very Pod."""
    net = Net()
    found = net.backend
    assert (found.name, found.host, found.port, found.question.words) == (COLUMN, "10.0.0.2", 8080, OPEN)
    assert found.pod == net.cluster.pod("backend-1")
    assert found.itself.name == "pod/backend-1"
    assert Server("labgrade:8080", "10.0.0.9", 8080, net.probe).pod is None


def test_exactly_the_allowed_flows_are_met() -> None:
    """All are asked once; what is silent a second time. The table that was seen is evidence."""
    net = Net()
    net.judge()
    assert sorted(net.asked) == sorted([ITSELF, ("pod/frontend-1", OPEN), ("own", OPEN), ("own", OPEN)])
    assert net.probe.asked == [
        "\n".join([f"1: {COLUMN}", "seen            1", "pod/frontend-1  connected", "elsewhere       dropped"])
    ]


def test_what_is_allowed_and_dropped_is_unmet() -> None:
    """The table, the policies on both sides and the closed gate tell why."""
    net = Net({("pod/frontend-1", OPEN): "dropped"})
    found = net.unmet()
    assert found.saw.en.startswith(f"pod/frontend-1 does not reach {COLUMN}: dropped")
    assert found.saw.fr.startswith(f"pod/frontend-1 n'atteint pas {COLUMN} : dropped")
    assert found.wanted.en.startswith("the connection opens")
    assert found.wanted.fr.startswith("la connexion s'ouvre")
    assert found.try_.en == "kubectl describe networkpolicies -n lab"
    table, line, source, target = found.evidence
    assert table.splitlines() == [
        f"1: {COLUMN}",
        "expected        1",
        "pod/frontend-1  connected",
        "elsewhere       dropped",
        "seen            1",
        "pod/frontend-1  dropped",
        "elsewhere       dropped",
        "difference      1",
        "pod/frontend-1  dropped",
        "elsewhere       ·",
    ]
    assert OPEN in line
    assert source.startswith("from pod/frontend-1: networkpolicy/frontend selects app=frontend; ")
    assert target.startswith("to pod/backend-1: networkpolicy/backend selects app=backend; ")


def test_the_closed_gate_is_named_where_the_policies_tell() -> None:
    """Out of the one Pod, or in to the other; nothing is said where they do not close the way."""
    net = Net({("pod/frontend-1", OPEN): "dropped"})
    assert net.unmet().saw.en == f"pod/frontend-1 does not reach {COLUMN}: dropped"
    closed = made("NetworkPolicy", "closed", spec={"podSelector": {}, "policyTypes": ["Ingress"]})
    net.cluster = World(*PODS, closed).cluster
    found = net.unmet().saw
    assert "networkpolicy/closed closes the way in to pod/backend-1" in found.en
    assert "networkpolicy/closed ferme l'entrée de pod/backend-1" in found.fr


def test_a_way_that_is_refused_is_not_blamed_on_a_policy() -> None:
    """A policy would be silent."""
    closed = made("NetworkPolicy", "closed", spec={"podSelector": {}, "policyTypes": ["Ingress"]})
    net = Net({("pod/frontend-1", OPEN): "refused"})
    net.cluster = World(*PODS, closed).cluster
    assert net.unmet().saw.en == f"pod/frontend-1 does not reach {COLUMN}: refused"


def test_what_is_to_be_dropped_and_connects_is_unmet() -> None:
    """In both languages; a Pod that no policy selects is said to be so."""
    net = Net({("own", OPEN): "connected"})
    net.cluster = World(*PODS).cluster
    found = net.unmet()
    assert (found.saw.en, found.saw.fr) == (f"elsewhere reaches {COLUMN}", f"elsewhere atteint {COLUMN}")
    assert "dropped" in found.wanted.en
    assert "jetés" in found.wanted.fr
    assert found.evidence[-1] == "to pod/backend-1: no policy selects it"
    assert not any(line.startswith("from ") for line in found.evidence)


@pytest.mark.parametrize("verdict", ["refused", "reset", "unreachable"])
def test_no_refusal_passes_for_a_drop(verdict: Verdict) -> None:
    """A policy never refuses."""
    net = Net({("own", OPEN): verdict})
    found = net.unmet()
    assert found.saw.en == f"elsewhere is not dropped on its way to {COLUMN}, but {verdict}"
    assert found.saw.fr == f"elsewhere vers {COLUMN} : pas de silence (dropped), mais {verdict}"
    assert found.evidence[0].endswith(f"\nelsewhere       {verdict}")


def test_the_first_of_several_is_told_and_the_others_counted() -> None:
    """The table shows them all."""
    net = Net({("own", OPEN): "connected", ("pod/frontend-1", OPEN): "dropped"})
    found = net.unmet()
    assert found.saw.en == f"pod/frontend-1 does not reach {COLUMN}: dropped (1 more in the table)"
    assert found.saw.fr == f"pod/frontend-1 n'atteint pas {COLUMN} : dropped (1 de plus dans le tableau)"
    assert found.evidence[0].endswith("\npod/frontend-1  dropped\nelsewhere       connected")


@pytest.mark.parametrize("verdict", ["refused", "dropped", "reset"])
def test_a_server_that_does_not_answer_itself_shows_no_policy(verdict: Verdict) -> None:
    """Silence would be taken for the answer that the lab asks for."""
    net = Net({ITSELF: verdict, ("pod/frontend-1", OPEN): "dropped"})
    found = net.unmet()
    assert found.saw.en == f"nobody listens on {COLUMN}, not even for its own Pod: {verdict}"
    assert found.saw.fr == f"personne n'écoute sur {COLUMN}, même pour son propre Pod : {verdict}"
    assert found.try_.en == "kubectl describe pod backend-1 -n lab"
    assert OPEN in found.evidence[0]


def ours(net: Net) -> Server:
    """A server of ours."""
    return Server("labgrade:8080", net.probe.ip, 8080, net.probe)


def test_a_server_of_ours_that_does_not_answer_is_our_error() -> None:
    """It is no student's work."""
    net = Net({("pod/frontend-1", OURS): "dropped"})
    with pytest.raises(
        HarnessError, match="a server of labgrade's own, labgrade:8080, does not answer itself: dropped"
    ):
        assert_blocked(net.cluster, net.probe, "pod/frontend-1", net.frontend, ours(net))


def test_a_way_out_is_tried_with_a_server_of_ours() -> None:
    """The policies of one side are all there are."""
    net = Net({("own", OURS): "connected"})
    assert_blocked(net.cluster, net.probe, "pod/frontend-1", net.frontend, ours(net))
    net = Net({("own", OURS): "connected", ("pod/frontend-1", OURS): "connected"})
    found = net.unmet(lambda: assert_blocked(net.cluster, net.probe, "pod/frontend-1", net.frontend, ours(net)))
    assert found.saw.en == "pod/frontend-1 reaches labgrade:8080"
    assert found.try_.en == "kubectl describe networkpolicies -n lab"
    assert found.evidence[-1].startswith("from pod/frontend-1: networkpolicy/frontend")


@pytest.mark.parametrize("network", ["ignores", "broken"])
def test_a_network_without_policies_costs_nobody_points(network: str) -> None:
    """What gets through then is not the policies' doing."""
    with pytest.raises(HarnessError, match=f"{network} policies"):
        Net({("own", OPEN): "connected"}, network=network).judge()


def test_a_network_without_policies_excuses_no_way_that_is_closed() -> None:
    """Nor one that is met: only what gets through raises the question."""
    net = Net({("pod/frontend-1", OPEN): "dropped"}, network="ignores")
    assert net.unmet().saw.en.startswith("pod/frontend-1 does not reach")
    Net(network="ignores").judge()


@pytest.mark.parametrize(
    ("verdict", "words"), [("connected", "elsewhere reaches"), ("refused", "elsewhere is not dropped")]
)
def test_what_is_blocked_at_first_and_does_not_stay_so_is_unmet(verdict: Verdict, words: str) -> None:
    """An old policy is gone, and the network had not noticed; the table shows the later answer."""
    net = Net(later={("own", OPEN): verdict})
    found = net.unmet()
    assert found.saw.en.startswith(words)
    assert found.evidence[0].endswith(f"\nelsewhere       {verdict}")


def test_a_wrong_table_is_not_looked_at_twice() -> None:
    """The verdict is there."""
    net = Net({("pod/frontend-1", OPEN): "dropped"})
    net.unmet()
    assert len(net.asked) == 3


def test_all_checks_of_a_lab_cost_one_pass() -> None:
    """The first one asks for all, holds all that is silent, and names its own alone; the others ask nothing."""
    net = Net({("own", OPEN): "connected"})
    allowed = Wish("pod/frontend-1", net.frontend, net.backend, reaches=True)
    closed = Wish("elsewhere", net.probe, net.backend, reaches=False)
    alike = Wish("app=frontend@elsewhere", net.probe.bearing({"app": "frontend"}), net.backend, reaches=False)
    wishes = [allowed, closed, alike]
    assert_flows(net.cluster, net.probe, [alike], beside=wishes)
    assert len(net.asked) == len(set(net.asked)) + 1 == 5
    assert_flows(net.cluster, net.probe, [allowed], beside=wishes)
    with pytest.raises(Unmet, match=r"^elsewhere reaches"):
        assert_flows(net.cluster, net.probe, [closed], beside=wishes)
    assert len(net.asked) == 5


def test_what_other_checks_are_about_is_silent_in_the_first_ones_window() -> None:
    """And is known to be, when they come."""
    net = Net()
    closed = Wish("elsewhere", net.probe, net.backend, reaches=False)
    alike = Wish("alike", net.probe.bearing({"app": "frontend"}), net.backend, reaches=False)
    assert_flows(net.cluster, net.probe, [closed], beside=[closed, alike])
    assert net.asked.count(("app=frontend", OPEN)) == 2
    assert_flows(net.cluster, net.probe, [alike], beside=[closed, alike])
    assert len(net.asked) == 5


def test_a_source_that_is_kept_out_fails_its_own_checks_alone() -> None:
    """The others find their answers."""

    def told(source: str, question: Question) -> Answer:
        if source == "in lab":
            raise Unmet("namespace lab lets no probe in")
        return answer(question.words, FINE.get((source, question.words), "dropped"))

    cluster, probe = World(*PODS, *POLICIES).cluster, traffic(told)
    backend = server(probe, cluster.pod("backend-1"), 8080)
    closed = Wish("elsewhere", probe, backend, reaches=False)
    within = Wish("unlabelled", probe.within("lab"), backend, reaches=False)
    assert_flows(cluster, probe, [closed], beside=[closed, within])
    with pytest.raises(Unmet, match="lets no probe in"):
        assert_flows(cluster, probe, [within], beside=[closed, within])


def test_each_server_is_asked_by_itself_once() -> None:
    """However many wish to reach it."""
    net = Net()
    wishes = [Wish(who, net.probe, net.backend, reaches=False) for who in ("a", "b")]
    cells = list(flows_of(wishes))
    assert cells == [("a", COLUMN), ("b", COLUMN), (CONTROL, COLUMN)]


@pytest.mark.parametrize(
    ("judge", "found"),
    [(assert_reaches, {}), (assert_blocked, {("pod/frontend-1", OPEN): "dropped"})],
)
def test_one_flow_alone(judge: Callable[..., None], found: Mapping[Flow, Verdict]) -> None:
    """Met as it should be, unmet as it should not."""
    net, other = Net(found), Net({("pod/frontend-1", OPEN): "connected" if found else "dropped"})
    judge(net.cluster, net.probe, "pod/frontend-1", net.frontend, net.backend)
    with pytest.raises(Unmet) as raised:
        judge(other.cluster, other.probe, "pod/frontend-1", other.frontend, other.backend)
    line, *policies = raised.value.evidence
    assert OPEN in line  # one flow needs no table
    assert [each.partition(":")[0] for each in policies] == ["from pod/frontend-1", "to pod/backend-1"]


def test_what_hubble_noted_is_evidence(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of the flow that the sentence is about, from its source to its server."""

    def noted(probe: Prober, host: str, port: int) -> tuple[str, ...]:
        return (f"Hubble: {probe.name} → {host}:{port} DROPPED",)

    monkeypatch.setattr(Prober, "noted", noted)
    found = Net({("pod/frontend-1", OPEN): "dropped"}).unmet()
    assert found.evidence[-1] == "Hubble: pod/frontend-1 → 10.0.0.2:8080 DROPPED"


def test_a_cluster_is_read_for_the_policies_of_each_sides_namespace() -> None:
    """A policy of another namespace is not about a Pod of this one."""
    elsewhere = made("NetworkPolicy", "closed", spec={"podSelector": {}}, metadata={"namespace": "elsewhere"})
    net = Net({("own", OPEN): "connected"})
    cluster: Cluster = World(*PODS, elsewhere).cluster
    net.cluster = cluster
    assert net.unmet().evidence[-1] == "to pod/backend-1: no policy selects it"
