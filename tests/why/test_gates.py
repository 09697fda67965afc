"""Which gate NetworkPolicies keep closed between two Pods, on recorded states."""

from __future__ import annotations

from typing import Any

import pytest

from labgrade.facts import Cluster, Pod, Recorded
from labgrade.model import Json
from labgrade.why.gates import closed_gate

FRONTEND, BACKEND = {"matchLabels": {"app": "frontend"}}, {"matchLabels": {"app": "backend"}}
LAB = {"matchLabels": {"kubernetes.io/metadata.name": "lab"}}
SHOPS = {"matchLabels": {"team": "shop"}}
TCP = [{"protocol": "TCP", "port": 8080}]
EVERY: Json = {}


def made(kind: str, name: str, namespace: str | None = "lab", **parts: Any) -> Json:
    """An object with the least that it needs."""
    return {"kind": kind, "metadata": {"name": name, "namespace": namespace, "labels": parts.pop("labels", {})}} | parts


def policy(name: str, **spec: Any) -> Json:
    """A NetworkPolicy for every Pod, unless told."""
    return made("NetworkPolicy", name, spec={"podSelector": {}} | spec)


PORTS = [{"name": "http", "containerPort": 8080}]
PODS = [
    made("Pod", "frontend", labels={"app": "frontend"}, status={"podIP": "10.0.0.3"}),
    made(
        "Pod",
        "backend",
        labels={"app": "backend"},
        status={"podIP": "10.0.0.2"},
        spec={"containers": [{"name": "nginx", "ports": PORTS}]},
    ),
    made("Pod", "stranger", "other", labels={"app": "frontend"}, status={"podIP": "10.0.1.9"}),
    made("Namespace", "lab", None, labels={"team": "shop"}),
]
DENY = policy("deny-all", policyTypes=["Ingress", "Egress"])


def lets_in(*peers: Json, ports: Any = TCP) -> Json:
    """A policy that opens the way in to the backend."""
    return policy("in", podSelector=BACKEND, ingress=[{"from": list(peers), "ports": ports}])


def lets_out(*peers: Json, ports: Any = TCP) -> Json:
    """A policy that opens the way out of the frontend."""
    return policy("out", podSelector=FRONTEND, policyTypes=["Egress"], egress=[{"to": list(peers), "ports": ports}])


def gate(*policies: Json, source: str = "frontend") -> str:
    """What is said of the way from a Pod to the backend; empty where it is open."""
    cluster = Cluster(Recorded(*PODS, *policies), "lab")
    asking = Pod(cluster.reading, "other" if source == "stranger" else "lab", source)
    found = closed_gate(cluster, asking, cluster.pod("backend"), 8080)
    assert found is None or found.fr != found.en
    return found.en if found else ""


OUT, IN = lets_out({"podSelector": BACKEND}), lets_in({"podSelector": FRONTEND})


def test_an_open_namespace_has_no_closed_gate() -> None:
    """Without policies, and with policies that open both gates."""
    assert gate() == ""
    assert gate(DENY, OUT, IN) == ""


def test_the_gate_that_nobody_opened_is_named() -> None:
    """The one out first, which is the one that people forget."""
    closes = "networkpolicy/deny-all closes the way"
    assert gate(DENY, IN) == (
        f"{closes} out of pod/frontend, and no policy opens the way out to pod/backend on TCP 8080"
    )
    assert gate(DENY, OUT) == f"{closes} in to pod/backend, and no policy opens the way in for pod/frontend on TCP 8080"


def test_a_policy_that_opens_something_else_closes_too() -> None:
    """Selecting a Pod is closing it, but for what the rules allow."""
    assert gate(lets_in({"podSelector": BACKEND})).startswith("networkpolicy/in closes the way in to pod/backend")
    assert gate(DENY, OUT, lets_in({"podSelector": BACKEND})).startswith(
        "networkpolicy/deny-all, networkpolicy/in close the way in"
    )


@pytest.mark.parametrize(
    "found",
    [
        lets_in(),
        lets_in({"podSelector": EVERY}),
        lets_in({"podSelector": BACKEND}, {"podSelector": FRONTEND}),
        lets_in({"namespaceSelector": EVERY}),
        lets_in({"namespaceSelector": LAB}),
        lets_in({"namespaceSelector": SHOPS, "podSelector": FRONTEND}),
        lets_in({"ipBlock": {"cidr": "10.0.0.0/24"}}),
        lets_in({"podSelector": FRONTEND}, ports=[]),
        lets_in({"podSelector": FRONTEND}, ports=[{"port": "http"}]),
        lets_in({"podSelector": FRONTEND}, ports=[{"port": 8000, "endPort": 8080}]),
        lets_in({"podSelector": FRONTEND}, ports=[{"protocol": "TCP"}]),
        lets_in({"podSelector": FRONTEND}, ports=[{"port": 53, "protocol": "UDP"}, {"port": 8080}]),
    ],
)
def test_a_rule_opens_the_gate(found: Json) -> None:
    """To whom and on which ports it says, or to all where it says nothing."""
    assert gate(found) == ""


@pytest.mark.parametrize(
    "found",
    [
        lets_in({"namespaceSelector": LAB, "podSelector": BACKEND}),
        lets_in({"namespaceSelector": {"matchLabels": {"team": "bank"}}}),
        lets_in({"ipBlock": {"cidr": "10.0.0.0/24", "except": ["10.0.0.3/32"]}}),
        lets_in({"ipBlock": {"cidr": "fd00::/8"}}),
        lets_in({"podSelector": FRONTEND}, ports=[{"port": 80}]),
        lets_in({"podSelector": FRONTEND}, ports=[{"port": "figures"}]),
        lets_in({"podSelector": FRONTEND}, ports=[{"port": 8081, "endPort": 9000}]),
        lets_in({"podSelector": FRONTEND}, ports=[{"port": 8080, "protocol": "UDP"}]),
    ],
)
def test_a_rule_for_others_leaves_it_closed(found: Json) -> None:
    """Other labels, namespaces, addresses, ports or protocols."""
    assert gate(found).startswith("networkpolicy/in closes the way in")


def test_a_lone_pod_selector_means_no_other_namespace() -> None:
    """However the Pods there are called."""
    assert gate(IN, source="stranger").startswith("networkpolicy/in closes the way in to pod/backend")
    assert gate(lets_in({"podSelector": FRONTEND, "namespaceSelector": EVERY}), source="stranger") == ""


def test_policies_of_another_kind_may_open_what_these_close() -> None:
    """Then nothing is said."""
    assert gate(DENY, made("CiliumNetworkPolicy", "more", spec={"endpointSelector": EVERY})) == ""
