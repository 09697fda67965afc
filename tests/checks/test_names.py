"""Judges of names in DNS: aliases, and the name of a headless Service, on recorded states."""

from __future__ import annotations

from typing import Any

import pytest

from checks.names import assert_alias, assert_stands_for_pods
from labgrade.errors import Unmet
from labgrade.model import Json
from tests.checks.states import World, answer, endpoints, made, pod, prober, service

LABELS = {"app": "my-app"}
PODS = [pod(f"my-app-{n}", ip=f"10.0.0.{n}", labels=LABELS) for n in (1, 2)]
TRIAL = pod("my-app-trial", ip="10.0.0.3", labels=LABELS, ready=False)
HOST = "db.example.com"


def alias(spec: Json, *found: str) -> None:
    """Judges service/database, whose CNAME is this."""
    words = "dns CNAME database.lab.svc.cluster.local."
    answers = {words: answer(words, "connected" if found else "unresolved", *found)}
    world = World(made("Service", "database", spec=spec)) if spec else World()
    assert_alias(world.cluster, world.cluster.service("database"), prober(answers), host=HOST)


def external(host: str = HOST, **spec: Any) -> Json:
    """The spec of an ExternalName Service."""
    return {"type": "ExternalName", "externalName": host} | spec


def test_another_name_for_the_host_is_met() -> None:
    """Case and a dot at the end make no other host."""
    alias(external(), HOST)
    alias(external("DB.Example.com."), "DB.Example.com")


@pytest.mark.parametrize(
    ("spec", "found", "words"),
    [
        ({}, [], "no service/database"),
        ({"type": "ClusterIP", "clusterIP": "10.96.0.1"}, [], "is of type ClusterIP"),
        (external("10.0.0.42"), [], r"an address, 10\.0\.0\.42, where DNS can only hand out a name"),
        (external("2001:db8::1"), [], "an address, 2001:db8::1"),
        (external("example.com"), ["example.com"], "another name for example.com"),
        (external(selector=LABELS), [HOST], "has a selector, app=my-app"),
        (external(), [], "stands for: none"),
        (external(), ["other.example.com"], "stands for: other.example.com"),
    ],
)
def test_what_is_no_alias_of_the_host_is_unmet(spec: Json, found: list[str], words: str) -> None:
    """Neither the Service nor DNS alone is believed."""
    with pytest.raises(Unmet, match=words):
        alias(spec, *found)


def stand(found: Json, *addresses: str, listed: tuple[str, ...] = ("10.0.0.1", "10.0.0.2")) -> None:
    """Judges service/all, whose name stands for these addresses."""
    words = "dns A all.lab.svc.cluster.local."
    answers = {words: answer(words, "connected" if addresses else "unresolved", *addresses)}
    world = World(found, endpoints("all", *listed), *PODS, TRIAL)
    assert_stands_for_pods(world.cluster, world.cluster.service("all"), prober(answers), labels=LABELS)


HEADLESS = service("all", selector=LABELS, ip="None")


def test_a_name_for_exactly_the_ready_pods_is_met() -> None:
    """The one that is not ready is left out."""
    stand(HEADLESS, "10.0.0.1", "10.0.0.2")


def test_an_address_of_its_own_is_unmet() -> None:
    """The virtual address says what was forgotten."""
    with pytest.raises(Unmet, match=r"not headless.* 10\.96\.0\.1"):
        stand(service("all", selector=LABELS), "10.96.0.1")


def test_a_service_that_publishes_early_is_unmet() -> None:
    """Its cause is seen in its spec, before DNS is asked."""
    early = service("all", selector=LABELS, ip="None")
    early["spec"]["publishNotReadyAddresses"] = True
    with pytest.raises(Unmet, match="my-app-trial, which is not ready: publishNotReadyAddresses"):
        stand(early, listed=("10.0.0.1", "10.0.0.2", "10.0.0.3"))


@pytest.mark.parametrize("addresses", [[], ["10.0.0.1"], ["10.0.0.1", "10.0.0.2", "10.0.0.9"]])
def test_a_name_for_others_is_unmet(addresses: list[str]) -> None:
    """None, too few, too many."""
    with pytest.raises(Unmet, match=r"^all\.lab.* stands for: "):
        stand(HEADLESS, *addresses)


def test_pods_that_got_ready_while_the_question_waited_count() -> None:
    """A question waits until the objects have settled; what it is held against must be as new as its answer."""
    words = "dns A all.lab.svc.cluster.local."
    world = World(HEADLESS, endpoints("all", "10.0.0.1"), PODS[0])

    def another() -> int:
        world.objects.append(PODS[1])
        return 0

    late = prober({words: answer(words, "connected", "10.0.0.1", "10.0.0.2")}, before=another)
    assert_stands_for_pods(world.cluster, world.cluster.service("all"), late, labels=LABELS)
