"""Hubble: its parts, and what it tells of traffic, on recorded states and flows."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any, cast

import pytest

from checks.hubble import (
    assert_dropped,
    assert_enabled,
    assert_forwarded,
    assert_reachable,
    assert_relay,
    assert_ui,
    assert_ui_answers,
)
from labgrade.errors import HarnessError, Unmet
from labgrade.facts import Cluster
from labgrade.model import Json
from labgrade.probe import OTHER_PORT, PORT, Answer, Question
from labgrade.probe.flows import Flow, Hubble, NoHubble, Sighting
from tests.checks.states import World, answer, made, pod, traffic

SYSTEM = {"namespace": "kube-system"}
UI = {"name": "frontend", "image": "cilium/hubble-ui:v0.13.2"}
RELAY = {"name": "hubble-relay", "image": "cilium/hubble-relay:v1.17.2", "command": ["hubble-relay"]}
SLEEP = {"name": "busybox", "image": "busybox:1.36", "command": ["sleep", "86400"]}


def deployment(name: str, container: Json, available: int = 1) -> Json:
    """A Deployment of one Pod."""
    spec = {"replicas": 1, "template": {"spec": {"containers": [container]}}}
    return made("Deployment", name, spec=spec, status={"availableReplicas": available}, metadata=SYSTEM)


def pods_of(deployment: str) -> list[Json]:
    """The Deployment's ReplicaSet and Pod."""
    owned = made("ReplicaSet", f"{deployment}-1", owner=("Deployment", deployment), metadata=SYSTEM)
    return [owned, pod(f"{deployment}-1-a", owner=("ReplicaSet", f"{deployment}-1"), metadata=SYSTEM)]


def service(name: str, ip: str, *pods: str, ready: bool = True) -> list[Json]:
    """A Service, and these Pods behind it."""
    endpoints = [
        {"addresses": [f"10.0.0.{n}"], "conditions": {"ready": ready}, "targetRef": {"name": each}}
        for n, each in enumerate(pods)
    ]
    labels = {"kubernetes.io/service-name": name}
    return [
        made("Service", name, spec={"clusterIP": ip, "ports": [{"port": 80}]}, metadata=SYSTEM),
        made("EndpointSlice", f"{name}-x", labels=labels, endpoints=endpoints, metadata=SYSTEM),
    ]


def whole(*others: Json, without: tuple[str, ...] = ()) -> Cluster:
    """The cluster asked for, `others` in place of what has the same kind and name; `without` are names left out."""
    parts = [
        deployment("hubble-relay", RELAY),
        *pods_of("hubble-relay"),
        deployment("hubble-ui", UI),
        *pods_of("hubble-ui"),
        made("DaemonSet", "cilium", metadata=SYSTEM),
        pod("cilium-a", owner=("DaemonSet", "cilium"), metadata=SYSTEM),
        made("ConfigMap", "cilium-config", data={"enable-hubble": "true"}, metadata=SYSTEM),
        *service("hubble-relay", "10.96.0.8", "hubble-relay-1-a"),
        *service("hubble-peer", "10.96.0.9", "cilium-a"),
        *service("hubble-ui", "10.96.0.10", "hubble-ui-1-a"),
    ]
    taken = {(other["kind"], other["metadata"]["name"]) for other in others}
    kept = [part for part in parts if (part["kind"], part["metadata"]["name"]) not in taken]
    return World(*(part for part in (*kept, *others) if part["metadata"]["name"] not in without)).cluster


def flow(verdict: str, reason: str = "") -> Flow:
    """A flow of ours."""
    return Flow(verdict, reason, "ours/probe (10.0.0.1)", "ours/probe-1", datetime.now(UTC), "worker", "ingress")


class Told:
    """A Hubble that tells these flows."""

    def __init__(self, *flows: Flow, failing: HarnessError | None = None) -> None:
        self._flows, self._failing = flows, failing
        self.asked: list[tuple[str, str, str, int]] = []
        self.seconds = 0.0

    def sighting(self, relay: str, *, source_ip: str, target_ip: str, port: int, seconds: float) -> Sighting:
        """What was laid down."""
        self.asked.append((relay, source_ip, target_ip, port))
        self.seconds = seconds
        if self._failing:
            raise self._failing
        return Sighting("hubble-relay", self._flows)

    @property
    def hubble(self) -> Hubble:
        """Itself, as checks know it."""
        return cast(Hubble, self)


def connecting(_: str, question: Question) -> Answer:
    """Every connection opens."""
    return answer(question.words, "connected")


def refusing(_: str, question: Question) -> Answer:
    """Nobody listens."""
    return answer(question.words, "refused")


def unmet(judge: Callable[[], None]) -> str:
    """What was seen, in both languages."""
    with pytest.raises(Unmet) as caught:
        judge()
    return f"{caught.value.saw.en} | {caught.value.saw.fr}"


def page(body: str, status: int = 200) -> Callable[[str, Question], Answer]:
    """A web server that answers with this page."""
    return lambda _, question: replace(answer(question.words, "http"), status=status, body=body)


def test_the_hubble_asked_for_meets_everything() -> None:
    """No check is stricter than the handout."""
    cluster, probe = whole(), traffic(connecting)
    assert_relay(cluster)
    assert_ui(cluster)
    assert_enabled(cluster)
    assert_reachable(cluster)
    assert_forwarded(cluster, probe, Told(flow("FORWARDED")).hubble)
    assert_dropped(cluster, probe, Told(flow("FORWARDED"), flow("DROPPED", "POLICY_DENIED")).hubble)
    assert_ui_answers(cluster, traffic(page("<title>Hubble UI</title>")))


@pytest.mark.parametrize(("judge", "name"), [(assert_relay, "hubble-relay"), (assert_ui, "hubble-ui")])
def test_parts_that_are_not_there(judge: Callable[[Cluster], None], name: str) -> None:
    """Missing, of another make, or not available."""
    assert f"there is no deployment/{name}" in unmet(lambda: judge(whole(without=(name,))))
    assert f"does not run {name}" in unmet(lambda: judge(whole(deployment(name, SLEEP))))
    gone = deployment(name, RELAY if name == "hubble-relay" else UI, available=0)
    assert f"deployment/{name}: 0 of 1 Pods are available" in unmet(lambda: judge(whole(gone)))


def test_hubble_that_is_off() -> None:
    """The value is shown."""
    off = made("ConfigMap", "cilium-config", data={"enable-hubble": "false"}, metadata=SYSTEM)
    assert 'cilium-config has for enable-hubble: "false"' in unmet(lambda: assert_enabled(whole(off)))


@pytest.mark.parametrize(
    ("cluster", "words"),
    [
        (whole(without=("hubble-relay",)), "there is no service/hubble-relay"),
        (whole(without=("hubble-peer",)), "there is no service/hubble-peer"),
        (whole(*service("hubble-relay", "10.96.0.8")), "service/hubble-relay has no ready endpoint"),
        (
            whole(*service("hubble-relay", "10.96.0.8", "hubble-relay-1-a", ready=False)),
            "service/hubble-relay has no ready endpoint",
        ),
        (
            whole(*service("hubble-relay", "10.96.0.8", "hubble-ui-1-a")),
            "service/hubble-relay leads to pod/hubble-ui-1-a",
        ),
        (
            whole(*service("hubble-peer", "10.96.0.9", "hubble-ui-1-a")),
            "service/hubble-peer leads to pod/hubble-ui-1-a",
        ),
    ],
)
def test_services_that_lead_elsewhere(cluster: Cluster, words: str) -> None:
    """Missing, leading nowhere, or to Pods of another part."""
    assert words in unmet(lambda: assert_reachable(cluster))


def test_the_relay_is_asked_by_its_service() -> None:
    """Of our connection, and of nothing older than it, give or take."""
    told = Told(flow("FORWARDED"))
    assert_forwarded(whole(), traffic(connecting), told.hubble)
    assert told.asked == [("10.96.0.8:80", "ip-of-own", "ip-of-labgrade/canary=yes", PORT)]
    assert 0 < told.seconds < 10


def test_without_a_relay_the_agents_are_asked() -> None:
    """That it is missing is another check's."""
    told = Told(flow("DROPPED", "POLICY_DENIED"))
    assert_dropped(whole(*service("hubble-relay", "10.96.0.8")), traffic(connecting), told.hubble)
    assert told.asked == [("", "ip-of-own", "ip-of-labgrade/canary=yes", OTHER_PORT)]


@pytest.mark.parametrize(
    ("flows", "words"),
    [
        ((), f"Hubble says nothing of a connection that we tried (port {PORT})"),
        ((flow("DROPPED", "POLICY_DENIED"),), "DROPPED (POLICY_DENIED)"),
    ],
)
def test_a_connection_that_is_not_told_of(flows: tuple[Flow, ...], words: str) -> None:
    """Or told of wrongly."""
    assert words in unmet(lambda: assert_forwarded(whole(), traffic(connecting), Told(*flows).hubble))


@pytest.mark.parametrize(
    ("flows", "words"),
    [
        ((), f"Hubble says nothing of a connection that we tried (port {OTHER_PORT})"),
        ((flow("FORWARDED"),), "FORWARDED"),
        ((flow("DROPPED", "STALE_OR_UNROUTABLE_IP"),), "DROPPED (STALE_OR_UNROUTABLE_IP)"),
    ],
)
def test_a_denial_that_is_not_told_of(flows: tuple[Flow, ...], words: str) -> None:
    """A packet that was lost for another reason is no denial."""
    assert words in unmet(lambda: assert_dropped(whole(), traffic(connecting), Told(*flows).hubble))


def test_a_rule_that_denies_is_a_denial() -> None:
    """As Cilium's deny rules have it."""
    assert_dropped(whole(), traffic(connecting), Told(flow("DROPPED", "POLICY_DENY")).hubble)


def test_a_hubble_that_does_not_answer_is_the_students() -> None:
    """Its own words are passed on."""
    told = Told(failing=NoHubble("dial unix: no such file or directory"))
    words = unmet(lambda: assert_forwarded(whole(), traffic(connecting), told.hubble))
    assert "Hubble does not answer: dial unix: no such file or directory" in words


def test_a_command_that_could_not_be_run_is_ours() -> None:
    """A lost stream says nothing of Hubble."""
    told = Told(failing=HarnessError("the connection to a command broke off"))
    with pytest.raises(HarnessError):
        assert_forwarded(whole(), traffic(connecting), told.hubble)


def test_pods_that_do_not_meet_are_said_to() -> None:
    """Before anything is asked of Hubble."""
    told = Told()

    def dropping(_: str, question: Question) -> Answer:
        return answer(question.words, "dropped")

    words = unmet(lambda: assert_forwarded(whole(), traffic(dropping), told.hubble))
    assert "a Pod of ours does not reach another one: dropped" in words
    assert told.asked == []


@pytest.mark.parametrize("network", ["ignores", "broken"])
def test_without_enforcement_nothing_is_asked_of_hubble(network: Any) -> None:
    """The canary says so; whose fault it is, the engine knows."""
    told = Told(flow("DROPPED", "POLICY_DENIED"))
    with pytest.raises(HarnessError):
        assert_dropped(whole(), traffic(connecting, network=network), told.hubble)
    assert told.asked == []


@pytest.mark.parametrize(
    ("found", "words"),
    [
        (page("<title>nginx</title>"), "service/hubble-ui answers http 200: '<title>nginx</title>'"),
        (page("hubble", 404), "service/hubble-ui answers http 404"),
        (refusing, "service/hubble-ui answers refused"),
    ],
)
def test_a_ui_that_does_not_answer(found: Callable[[str, Question], Answer], words: str) -> None:
    """Nor does any other page do."""
    assert words in unmet(lambda: assert_ui_answers(whole(), traffic(found)))


def test_a_ui_service_that_leads_to_the_relay() -> None:
    """It is seen before anything is asked."""
    astray = whole(*service("hubble-ui", "10.96.0.10", "hubble-relay-1-a"))
    words = unmet(lambda: assert_ui_answers(astray, traffic(page("hubble"))))
    assert "service/hubble-ui leads to pod/hubble-relay-1-a" in words
