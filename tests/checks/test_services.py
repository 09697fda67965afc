"""Judges of Services and of the names they give, on recorded states."""

from __future__ import annotations

from typing import Any

import pytest

from checks.names import assert_governed, assert_names_resolve
from checks.services import assert_served
from labgrade.errors import Unmet
from labgrade.probe import Answer, Verdict
from tests.checks.states import World, answer, endpoints, made, pod, prober, service, web

LABELS = {"app": "web"}
PODS = [pod("web-0", ip="10.0.0.1", labels=LABELS), pod("web-1", ip="10.0.0.2", labels=LABELS)]


def serve(world: World, verdict: Verdict = "http") -> None:
    """Judges service/web for all Pods there are."""
    assert_served(world.cluster.service("web"), world.cluster.pods(), prober(web("10.96.0.1", verdict)), port=80)


def test_a_service_with_all_pods_behind_it_that_answers_is_met() -> None:
    """Endpoints and an HTTP answer are both asked for."""
    serve(World(service("web", selector=LABELS), endpoints("web", "10.0.0.1", "10.0.0.2"), *PODS))


def test_a_selector_that_matches_nothing_is_named() -> None:
    """What it selects and what the Pods carry stand side by side."""
    with pytest.raises(Unmet, match="selects app=website, but pod/web-0 carries app=web"):
        serve(World(service("web", selector={"app": "website"}), endpoints("web"), *PODS))


def test_a_port_where_nobody_listens_is_named() -> None:
    """A refusal behind good endpoints is a matter of targetPort."""
    wrong = service("web", selector=LABELS, targetPort=8080)
    with pytest.raises(Unmet, match="port 8080 of its Pods, where nobody listens"):
        serve(World(wrong, endpoints("web", "10.0.0.1", "10.0.0.2"), *PODS), "refused")


def test_another_port_is_unmet() -> None:
    """The lab fixes the Service's port."""
    with pytest.raises(Unmet, match="has port 8080"):
        serve(World(service("web", selector=LABELS, port=8080), endpoints("web", "10.0.0.1", "10.0.0.2"), *PODS))


def test_a_service_for_nobody_is_unmet() -> None:
    """Having all of no Pods behind it earns nothing."""
    with pytest.raises(Unmet, match="no ready Pod"):
        serve(World(service("web", selector=LABELS)))


def govern(service_name: str, *services: Any) -> None:
    """Judges the Service of statefulset/web."""
    cluster = World(made("StatefulSet", "web", spec={"serviceName": service_name}), *services).cluster
    assert_governed(cluster, cluster.statefulset("web"))


def test_a_headless_service_by_the_name_given_is_met() -> None:
    """The name is the student's, as long as both agree."""
    govern("names", service("names", selector=LABELS, ip="None"))


@pytest.mark.parametrize(
    ("name", "services", "words"),
    [
        ("", [], "names no Service"),
        ("other", [service("web", selector=LABELS, ip="None")], "service/other, which does not exist.*service/web"),
        ("web", [service("web", selector=LABELS)], r"not headless.* 10\.96\.0\.1"),
    ],
)
def test_a_service_that_is_not_there_or_not_headless_is_unmet(name: str, services: list[Any], words: str) -> None:
    """Each way to get it wrong is named as what it is."""
    with pytest.raises(Unmet, match=words):
        govern(name, *services)


def names(world: World, zero: list[str], one: list[str], whole: list[str]) -> None:
    """Judges the names of service/web, which DNS answers with these addresses."""
    zone = "web.lab.svc.cluster.local."
    answers: dict[str, Answer] = {}
    for name, addresses in ((f"web-0.{zone}", zero), (f"web-1.{zone}", one), (zone, whole)):
        words = f"dns A {name}"
        answers[words] = answer(words, "connected" if addresses else "unresolved", *addresses)
    assert_names_resolve(world.cluster.service("web"), world.cluster.pods(), prober(answers))


HEADLESS = service("web", selector=LABELS, ip="None")


def test_names_that_stand_for_their_pods_are_met() -> None:
    """Each Pod's name its own address, the Service's name all of them."""
    names(World(HEADLESS, *PODS), ["10.0.0.1"], ["10.0.0.2"], ["10.0.0.1", "10.0.0.2"])


def test_swapped_names_are_unmet() -> None:
    """Some address is not enough: it must be that Pod's."""
    with pytest.raises(Unmet, match=r"web-0\.web\.lab.* stands for: 10\.0\.0\.2"):
        names(World(HEADLESS, *PODS), ["10.0.0.2"], ["10.0.0.1"], ["10.0.0.1", "10.0.0.2"])


def test_a_service_name_that_leaves_a_pod_out_is_unmet() -> None:
    """The Service's name stands for every Pod."""
    with pytest.raises(Unmet, match=r"^web\.lab.* stands for: 10\.0\.0\.1;"):
        names(World(HEADLESS, *PODS), ["10.0.0.1"], ["10.0.0.2"], ["10.0.0.1"])


def test_names_of_a_service_that_selects_nobody_name_the_cause() -> None:
    """An unknown name is explained by the selector."""
    nobody = service("web", selector={"app": "website"}, ip="None")
    with pytest.raises(Unmet, match="stands for: none; service/web selects app=website, but pod/web-0 carries app=web"):
        names(World(nobody, *PODS), [], [], [])


def test_no_pods_have_no_names() -> None:
    """For all of none is unmet."""
    with pytest.raises(Unmet):
        names(World(HEADLESS), [], [], [])
