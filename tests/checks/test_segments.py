"""Judges of the one way through a closed namespace, on recorded answers: who gets through, and who is kept out."""

from __future__ import annotations

from collections.abc import Callable
from collections.abc import Set as AbstractSet
from typing import Any

import pytest

from checks.segments import (
    Segment,
    assert_egress_closed,
    assert_ingress_closed,
    assert_others_closed,
    assert_port_closed,
    assert_resolves,
    assert_way_open,
)
from labgrade.errors import HarnessError, Unmet
from labgrade.facts import Cluster
from labgrade.model import Json
from labgrade.probe import Answer, Prober, Question, Verdict
from tests.checks.states import World, answer, endpoints, pod, service, traffic

SEGMENT = Segment({"app": "frontend"}, {"app": "backend"}, port=8080, other_port=9090, service="backend")
SHOP = [
    pod("backend-1", ip="10.0.0.2", labels={"app": "backend"}),
    pod("frontend-1", ip="10.0.0.3", labels={"app": "frontend"}),
    service("backend", selector={"app": "backend"}, ip="10.96.0.7"),
]
OPEN, OTHER, ABROAD = "tcp 10.0.0.2:8080", "tcp 10.0.0.2:9090", "tcp ip-of-app=frontend:8080"
NAME = "dns A backend.lab.svc.cluster.local."
Flow = tuple[str, str]
"""Who asks, and what."""

CONNECTED = {
    ("pod/backend-1", OPEN),
    ("pod/backend-1", OTHER),
    ("pod/frontend-1", OPEN),
    ("own", ABROAD),
    ("app=frontend", ABROAD),
}
"""Who is answered in a namespace as the lab asks for it, the servers' own Pods included."""


def asked_of(*, more: AbstractSet[Flow] = frozenset(), less: AbstractSet[Flow] = frozenset(), **network: Any) -> Prober:
    """A prober that tells of a namespace as it should be, but for what is more open and what is less."""
    return traffic(lambda source, question: told(source, question, more, less), **network)


def told(source: str, question: Question, more: AbstractSet[Flow], less: AbstractSet[Flow]) -> Answer:
    """One answer."""
    if question.words == NAME:
        known = (source, NAME) not in less
        return answer(NAME, "connected" if known else "unresolved", *(["10.96.0.7"] if known else []))
    open_ = (source, question.words) in (CONNECTED | more) - less
    verdict: Verdict = "connected" if open_ else "refused" if (source, "refused") in more else "dropped"
    return answer(question.words, verdict)


Judge = Callable[[Cluster, Prober, Segment], None]
INGRESS, EGRESS, WAY = assert_ingress_closed, assert_egress_closed, assert_way_open
PORT, LABELS = assert_port_closed, assert_others_closed


@pytest.fixture(autouse=True)
def brief(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is laid down does not change: one more look is enough."""
    monkeypatch.setattr("labgrade.probe.gathering.STAYS_SECONDS", 0.0)


@pytest.mark.parametrize("check", [INGRESS, EGRESS, WAY, PORT, LABELS])
def test_the_one_way_and_no_other_is_met(check: Judge) -> None:
    """Each check passes in the namespace that the lab asks for."""
    check(World(*SHOP).cluster, asked_of(), SEGMENT)


@pytest.mark.parametrize(
    ("check", "more", "words"),
    [
        (INGRESS, ("own", OPEN), "unlabelled@elsewhere reaches pod/backend-1:8080$"),
        (EGRESS, ("in lab", OPEN), "unlabelled@lab reaches pod/backend-1:8080$"),
        (EGRESS, ("in lab", ABROAD), "unlabelled@lab reaches labgrade:8080$"),
        (PORT, ("pod/frontend-1", OTHER), "pod/frontend-1 reaches pod/backend-1:9090$"),
        (LABELS, ("in lab", OPEN), "unlabelled@lab reaches pod/backend-1:8080$"),
        (LABELS, ("app=frontend", OPEN), "app=frontend@elsewhere reaches pod/backend-1:8080$"),
        (INGRESS, ("own", "refused"), "unlabelled@elsewhere is not dropped on its way .* but refused$"),
    ],
)
def test_everybody_else_who_gets_through_is_named(check: Judge, more: Flow, words: str) -> None:
    """And a refusal is no silence."""
    with pytest.raises(Unmet, match=words):
        check(World(*SHOP).cluster, asked_of(more={more}), SEGMENT)


def test_a_way_that_is_closed_is_unmet() -> None:
    """The frontend is to reach the backend."""
    with pytest.raises(Unmet, match=r"pod/frontend-1 does not reach pod/backend-1:8080: dropped$"):
        WAY(World(*SHOP).cluster, asked_of(less={("pod/frontend-1", OPEN)}), SEGMENT)


@pytest.mark.parametrize("check", [INGRESS, EGRESS, WAY, LABELS])
def test_silence_where_nobody_listens_proves_nothing(check: Judge) -> None:
    """The server is asked by its own Pod as well."""
    silent = {("pod/backend-1", OPEN), ("pod/frontend-1", OPEN)}
    with pytest.raises(Unmet, match="nobody listens on pod/backend-1:8080, not even for its own Pod"):
        check(World(*SHOP).cluster, asked_of(less=silent), SEGMENT)


@pytest.mark.parametrize("check", [INGRESS, EGRESS, WAY, PORT, LABELS])
@pytest.mark.parametrize("absent", ["backend", "frontend"])
def test_nothing_is_tried_with_pods_that_are_not_there(check: Judge, absent: str) -> None:
    """The label is named that no ready Pod carries."""
    there: list[Json] = [each for each in SHOP if absent not in each["metadata"]["name"]]
    with pytest.raises(Unmet, match=f"no Pod labelled app={absent} is ready"):
        check(World(*there, pod(f"{absent}-2", ready=False, labels={"app": absent})).cluster, asked_of(), SEGMENT)


def test_pods_of_ours_that_do_not_meet_are_our_error() -> None:
    """A network in which nobody reaches anybody shows no policy."""
    with pytest.raises(HarnessError, match="does not reach another one of ours"):
        EGRESS(World(*SHOP).cluster, asked_of(less={("own", ABROAD)}), SEGMENT)


def test_a_pod_of_ours_that_has_just_started_is_asked_once_more() -> None:
    """It may not have listened yet."""
    asked: list[Flow] = []

    def late(source: str, question: Question) -> Answer:
        asked.append((source, question.words))
        closed = question.words == ABROAD and source != "in lab" and asked.count(asked[-1]) == 1
        return answer(question.words, "refused") if closed else told(source, question, frozenset(), frozenset())

    EGRESS(World(*SHOP).cluster, traffic(late), SEGMENT)
    assert asked.count(("own", ABROAD)) == asked.count(("app=frontend", ABROAD)) == 2


def test_a_network_that_ignores_policies_is_our_error() -> None:
    """What gets through then is not the policies' doing."""
    with pytest.raises(HarnessError, match="ignores policies"):
        INGRESS(World(*SHOP).cluster, asked_of(more={("own", OPEN)}, network="ignores"), SEGMENT)


def resolves(probe: Prober) -> None:
    """Judges the Service's name."""
    world = World(*SHOP)
    assert_resolves(world.cluster, probe, SEGMENT)


def test_a_name_that_the_source_finds_is_met() -> None:
    """With the Service's own address."""
    resolves(asked_of())


def test_a_name_that_the_source_does_not_find_is_unmet() -> None:
    """Although others do."""
    with pytest.raises(Unmet, match="pod/frontend-1 does not find service/backend by its name: unresolved"):
        resolves(asked_of(less={("pod/frontend-1", NAME)}))


HEADLESS = [*SHOP[:2], service("backend", selector={"app": "backend"}, ip="None"), endpoints("backend", "10.0.0.2")]


def headless(
    source: tuple[str, ...], control: tuple[str, ...] = ("10.0.0.2",), *, world: list[Json] = HEADLESS
) -> None:
    """Judges the name of a headless Service, by the addresses that it stands for to the source and to a Pod of ours."""

    def told(name: str, _: Question) -> Answer:
        found = control if name == "own" else source
        return answer(NAME, "connected" if found else "unresolved", *found)

    assert_resolves(World(*world).cluster, traffic(told), SEGMENT)


def test_a_headless_service_stands_for_its_pods() -> None:
    """Some of those that are ready: there is no other address."""
    headless(("10.0.0.2",))
    headless(("10.0.0.9", "10.0.0.2"))
    with pytest.raises(Unmet, match="does not find service/backend by its name: unresolved") as caught:
        headless(())
    assert "in another namespace: 10.0.0.2" in str(caught.value.wanted)
    with pytest.raises(HarnessError, match="does not tell the address of service/backend"):
        headless((), ("10.0.0.9",))


def test_a_headless_service_in_front_of_nobody_is_the_students() -> None:
    """The DNS has nothing to tell, to anybody."""
    with pytest.raises(Unmet, match="does not find service/backend by its name"):
        headless((), (), world=HEADLESS[:3])


def test_a_name_that_nobody_finds_is_our_error() -> None:
    """DNS itself does not work."""
    with pytest.raises(HarnessError, match="does not tell the address of service/backend"):
        resolves(asked_of(less={("pod/frontend-1", NAME), ("own", NAME)}))
