"""Judges of visits from inside the cluster, on recorded states."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from checks.visits import VISITS, assert_reached_by_name, assert_spread
from labgrade.errors import Unmet
from labgrade.model import Json
from labgrade.probe import Answer, Question, Verdict
from tests.checks.states import World, answer, made, pod, prober, service, traffic

LABELS = {"app": "my-app"}
FULL, ABROAD = "http://web.lab.svc.cluster.local.:80/", "dns A web.default.svc.cluster.local."
PORTS = {"containers": [{"name": "nginx", "ports": [{"name": "http", "containerPort": 80}]}]}
PODS = [pod(f"my-app-{n}", ip=f"10.0.0.{n}", labels=LABELS, spec=PORTS) for n in (1, 2, 3)]


def reach(full: Verdict, *short: str, **entry: Any) -> None:
    """Judges service/web by its names, which are answered like this."""
    world = World(service("web", selector=LABELS, **entry), *PODS)
    answers = {
        FULL: answer(FULL, full),
        ABROAD: answer(ABROAD, "connected" if short else "unresolved", *short),
    }
    assert_reached_by_name(world.cluster.service("web"), prober(answers), port=80)


def test_a_full_name_that_answers_is_met() -> None:
    """The short name may be unknown elsewhere, or stand there for a Service of somebody else."""
    reach("http")
    reach("http", "10.96.0.99")


def test_a_short_name_that_leads_there_from_elsewhere_is_unmet() -> None:
    """Then it is not the namespace that makes the difference."""
    with pytest.raises(Unmet, match="in namespace default the short name leads to service/web too"):
        reach("http", "10.96.0.1")


@pytest.mark.parametrize(
    ("verdict", "entry", "words"),
    [
        (
            "refused",
            {"targetPort": 8080},
            r"not answer \(refused\); .* port 8080 of pod/my-app-1, which declares: http 80",
        ),
        ("refused", {"targetPort": "web"}, "the port called web of pod/my-app-1, which declares: http 80"),
        ("refused", {"targetPort": "http"}, "port http of its Pods, where nobody listens"),
        ("dropped", {}, r"nothing answers \(dropped\)"),
        ("unresolved", {}, "DNS does not know the full name"),
        ("http", {"port": 8080}, "has port 8080"),
    ],
)
def test_a_full_name_that_does_not_answer_tells_why(verdict: Verdict, entry: Json, words: str) -> None:
    """A closed port, a port that has no such name, silence, no name, no port: each in its own words."""
    with pytest.raises(Unmet, match=words):
        reach(verdict, **entry)


def visit(*said: str, verdict: Verdict = "http", slices: int = 3, **spec: Any) -> int:
    """Judges the spread of visits that are answered with these words in turn; how many were asked."""
    asked: list[Question] = []

    def told(_: str, question: Question) -> Answer:
        asked.append(question)
        return replace(answer(question.words, verdict), body=said[len(asked) % len(said)])

    found = service("web", selector=LABELS)
    found["spec"] |= spec
    entries = [{"addresses": [f"10.0.0.{n}"], "targetRef": {"name": f"my-app-{n}"}} for n in range(1, slices + 1)]
    behind = made("EndpointSlice", "web-abcde", labels={"kubernetes.io/service-name": "web"}, endpoints=entries)
    world = World(found, behind, *PODS)
    assert_spread(world.cluster.service("web"), traffic(told), port=80)
    return len(asked)


def test_two_of_three_pods_are_a_spread() -> None:
    """Chance decides who serves: two names in many visits are enough."""
    assert visit("my-app-1\n", "my-app-2\n") == VISITS


@pytest.mark.parametrize(
    ("said", "parts", "words"),
    [
        (["my-app-2"], {}, r"all that were answered were by pod/my-app-2"),
        (["my-app-2", "stranger"], {}, r"by pod/my-app-2"),
        (["<html>"], {}, "do not say which Pod they come from: '<html>'"),
        ([""], {"verdict": "refused"}, r"none of 16 visits is answered \(refused\)"),
    ],
)
def test_visits_that_end_at_one_pod_are_unmet(said: list[str], parts: Json, words: str) -> None:
    """One name, names of nobody, and no answer at all are told apart."""
    with pytest.raises(Unmet, match=words):
        visit(*said, **parts)


@pytest.mark.parametrize(
    ("parts", "words"),
    [({"sessionAffinity": "ClientIP"}, "sessionAffinity is ClientIP"), ({"slices": 1}, "behind it: my-app-1$")],
)
def test_what_keeps_visits_together_is_seen_without_a_visit(parts: Json, words: str) -> None:
    """The Service's own spec, or a single Pod behind it, settles the matter, whoever would answer."""
    with pytest.raises(Unmet, match=words):
        visit("my-app-1", "my-app-2", **parts)
