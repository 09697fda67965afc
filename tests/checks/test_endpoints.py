"""Judges of whom a Service leads to, on recorded states."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from checks.endpoints import assert_cluster_ip, assert_exactly_behind, assert_follows
from labgrade.errors import Unmet
from labgrade.model import Json
from tests.checks.states import Hands, World, endpoints, made, pod, service

LABELS = {"app": "my-app"}
OWNER = ("ReplicaSet", "my-app-1")
FIRST = pod("my-app-1-a", ip="10.0.0.1", labels=LABELS | {"part-of": "shop"}, owner=OWNER)
SECOND = pod("my-app-1-b", ip="10.0.0.2", labels=LABELS | {"part-of": "shop"}, owner=OWNER)
TRIAL = pod("my-app-trial", ip="10.0.0.3", labels=LABELS | {"part-of": "shop"}, ready=False)
NEIGHBOUR = pod("reports", ip="10.0.0.4", labels={"app": "reports", "part-of": "shop"})
PODS = [FIRST, SECOND, TRIAL, NEIGHBOUR]


def typed(**spec: Any) -> Json:
    """service/web for the Pods of my-app, but for parts of its spec."""
    found = service("web", selector=LABELS)
    found["spec"] |= spec
    return found


def behind(world: World) -> None:
    """Judges whom service/web leads to."""
    assert_exactly_behind(world.cluster, world.cluster.service("web"), labels=LABELS)


def test_all_ready_pods_and_nobody_else_are_met() -> None:
    """A Pod that is not ready, and a neighbour with other labels, are rightly left out."""
    behind(World(typed(), endpoints("web", "10.0.0.1", "10.0.0.2"), *PODS))


def test_more_labels_that_mean_the_same_pods_are_met() -> None:
    """What counts is who is chosen, not how it is said."""
    narrow = typed(selector=LABELS | {"part-of": "shop"})
    behind(World(narrow, endpoints("web", "10.0.0.1", "10.0.0.2"), *PODS))


@pytest.mark.parametrize(
    ("spec", "ips", "words"),
    [
        ({"selector": {"app": "myapp"}}, [], "selects app=myapp, but pod/my-app-1-a carries app=my-app$"),
        ({"selector": {}}, ["10.0.0.1", "10.0.0.2"], "has no selector"),
        ({"selector": {"part-of": "shop"}}, ["10.0.0.1", "10.0.0.2", "10.0.0.4"], "so pod/reports too.* app=reports"),
        ({}, ["10.0.0.1"], "does not list pod/my-app-1-b"),
        ({}, ["10.0.0.1", "10.0.0.2", "10.0.0.9"], r"still leads to 10\.0\.0\.9"),
        ({}, ["10.0.0.1", "10.0.0.2", "10.0.0.3"], "leads to pod/my-app-trial, which is not ready$"),
        (
            {"publishNotReadyAddresses": True},
            ["10.0.0.1", "10.0.0.2", "10.0.0.3"],
            "my-app-trial, which is not ready: publishNotReadyAddresses is true",
        ),
    ],
)
def test_too_few_too_many_and_the_wrong_ones_are_told_apart(spec: Json, ips: list[str], words: str) -> None:
    """Each way to lead elsewhere is named as what it is."""
    with pytest.raises(Unmet, match=words):
        behind(World(typed(**spec), endpoints("web", *ips), *PODS))


def test_a_selector_of_one_revision_is_unmet_before_the_next_rollout_shows_it() -> None:
    """Endpoints are right today; a Pod of the application that is not ready tells that the selector is not."""
    hashed = [pod(f"my-app-1-{n}", ip=f"10.0.0.{n}", labels=LABELS | {"pod-template-hash": "f00"}) for n in (1, 2)]
    copied = typed(selector=LABELS | {"pod-template-hash": "f00"})
    with pytest.raises(Unmet, match=r"pod-template-hash=f00, but pod/my-app-trial carries app=my-app$"):
        behind(World(copied, endpoints("web", "10.0.0.1", "10.0.0.2"), *hashed, TRIAL))


def test_a_service_for_nobody_is_unmet() -> None:
    """All of no ready Pods is nobody."""
    with pytest.raises(Unmet, match="no ready Pod"):
        behind(World(typed(), endpoints("web"), TRIAL))


def test_a_service_in_the_namespace_default_is_found_there() -> None:
    """Whoever forgot to say where reads where it went."""
    astray = typed()
    astray["metadata"] |= {"namespace": "default"}
    with pytest.raises(Unmet, match="is in namespace default, and not in namespace lab"):
        behind(World(astray, *PODS))


def test_what_there_is_in_place_of_a_service_is_named() -> None:
    """A Service is named what it exposes, where nobody says otherwise."""
    with pytest.raises(Unmet, match="no service/web in namespace lab, but service/my-app"):
        behind(World(service("my-app", selector=LABELS), *PODS))


def test_an_address_inside_the_cluster_is_met() -> None:
    """Type ClusterIP, with an address."""
    world = World(typed(), endpoints("web", "10.0.0.1", "10.0.0.2"), *PODS)
    assert_cluster_ip(world.cluster, world.cluster.service("web"), labels=LABELS)


@pytest.mark.parametrize(
    ("spec", "words"),
    [({"type": "NodePort"}, "NodePort"), ({"clusterIP": "None"}, "headless"), ({"selector": {"app": "x"}}, "selects")],
)
def test_another_type_or_other_pods_are_unmet(spec: Json, words: str) -> None:
    """The type is asked for, and whom it leads to as well."""
    world = World(typed(**spec), endpoints("web", "10.0.0.1", "10.0.0.2"), *PODS)
    with pytest.raises(Unmet, match=words):
        assert_cluster_ip(world.cluster, world.cluster.service("web"), labels=LABELS)


def followed(world: World) -> None:
    """A new Pod comes, and the Service takes it in the old one's place."""
    world.objects.append(pod("my-app-1-c", ip="10.0.0.5", labels=LABELS, owner=OWNER))
    world.remove(world.cluster.service("web"))
    world.objects[:] = [found for found in world.objects if found["kind"] != "EndpointSlice"]
    world.objects += [typed(), endpoints("web", "10.0.0.2", "10.0.0.5")]


def left_behind(world: World) -> None:
    """A new Pod comes, and the Service goes on leading to the old one."""
    world.objects.append(pod("my-app-1-c", ip="10.0.0.5", labels=LABELS, owner=OWNER))


def nobody(world: World) -> None:
    """Nobody reacts."""


def follow(then: Callable[[World], None]) -> list[str]:
    """What was done to a world while judging whether service/web follows."""
    slices = made(
        "EndpointSlice",
        "web-abcde",
        labels={"kubernetes.io/service-name": "web"},
        endpoints=[{"addresses": ["10.0.0.1"], "targetRef": {"name": "my-app-1-a"}}, {"addresses": ["10.0.0.2"]}],
    )
    world = World(typed(), slices, *PODS)
    hands = Hands(world, then)
    assert_follows(world.cluster, world.cluster.service("web"), hands.hands, labels=LABELS)
    return hands.done


def test_a_service_that_follows_is_met() -> None:
    """One Pod is deleted, a ready one that somebody replaces."""
    assert follow(followed) == ["delete pod/my-app-1-a"]


@pytest.mark.parametrize(
    ("then", "words"),
    [(left_behind, "does not list pod/my-app-1-c"), (nobody, "my-app-1-a was deleted")],
)
def test_a_service_or_a_controller_that_stays_behind_is_unmet(then: Callable[[World], None], words: str) -> None:
    """Both must move: the controller makes a Pod, the Service leads to it."""
    with pytest.raises(Unmet, match=words):
        follow(then)
