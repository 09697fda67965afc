"""Judges of NetworkPolicies as objects, on recorded states: closed in both directions, and opened no further."""

from __future__ import annotations

from typing import Any

import pytest

from checks.policies import assert_denies_all, assert_lets_in_only
from labgrade.errors import Unmet
from labgrade.model import Json
from tests.checks.states import World, made, pod, service

FRONTEND = {"matchLabels": {"app": "frontend"}}
BACKEND = {"matchLabels": {"app": "backend"}}
HERE = {"matchLabels": {"kubernetes.io/metadata.name": "lab"}}
TCP = [{"protocol": "TCP", "port": 8080}]
EMPTY: Json = {}

PORTS = [{"name": "http", "containerPort": 8080}, {"name": "figures", "containerPort": 9090}]
SHOP = [
    pod("backend-1", labels={"app": "backend"}, spec={"containers": [{"name": "nginx", "ports": PORTS}]}),
    pod("frontend-1", labels={"app": "frontend"}),
    service("backend", selector={"app": "backend"}, targetPort="http"),
    made("Namespace", "lab", metadata={"namespace": None}, labels={"team": "shop"}),
    made("Namespace", "other", metadata={"namespace": None}, labels={"team": "other"}),
]


def policy(name: str = "rules", namespace: str = "lab", **spec: Any) -> Json:
    """A NetworkPolicy; it selects every Pod unless told."""
    return made("NetworkPolicy", name, metadata={"namespace": namespace}, spec={"podSelector": {}} | spec)


DENY = policy("deny-all", policyTypes=["Ingress", "Egress"])


def denies(*policies: Json) -> None:
    """Judges whether these policies close the namespace."""
    assert_denies_all(World(*SHOP, *policies).cluster)


@pytest.mark.parametrize(
    "policies",
    [
        [DENY],
        [policy("in", policyTypes=["Ingress"]), policy("out", policyTypes=["Egress"])],
        [policy("implied"), policy("out", policyTypes=["Egress"], ingress=[])],
        [policy(podSelector={"matchLabels": {}}, policyTypes=["Ingress", "Egress"], ingress=[], egress=[])],
        [DENY, policy("dns", policyTypes=["Egress"], egress=[{"ports": [{"port": 53, "protocol": "UDP"}]}])],
    ],
)
def test_a_namespace_that_is_closed_in_both_directions_is_met(policies: list[Json]) -> None:
    """By one policy or by two, under whatever names, and whatever others open beside them."""
    denies(*policies)


@pytest.mark.parametrize(
    ("policies", "words"),
    [
        ([], "no NetworkPolicy in namespace lab$"),
        ([policy("deny-all", "default")], "no NetworkPolicy in namespace lab; networkpolicy/deny-all is in .* default"),
        ([made("CiliumNetworkPolicy", "deny-all", spec={})], "in namespace lab; there is ciliumnetworkpolicy/deny-all"),
        ([policy("deny-all")], "deny-all selects every Pod, but restricts only Ingress: Egress stays open"),
        ([policy("out", policyTypes=["Egress"])], "out selects every Pod, but restricts only Egress: Ingress stays"),
        ([policy("some", podSelector=BACKEND)], r"closes all Pods \(Ingress\): .*/some selects only app=backend"),
        ([policy("open", ingress=[{}])], r"open selects every Pod, and has a rule .* \(Ingress\)"),
        ([policy("in"), policy("open", policyTypes=["Egress"], egress=[{}])], r"/open .* has a rule .* \(Egress\)"),
    ],
)
def test_a_direction_that_stays_open_is_named(policies: list[Json], words: str) -> None:
    """With the policy that comes nearest to closing it, or the namespace in which it is."""
    with pytest.raises(Unmet, match=words):
        denies(*policies)


def test_policies_of_the_probes_own_are_nobodys_mistake() -> None:
    """What labgrade writes elsewhere is not shown as the student's."""
    ours = policy("canary", "labgrade-1")
    ours["metadata"]["labels"] = {"app.kubernetes.io/managed-by": "labgrade"}
    with pytest.raises(Unmet, match=r"in namespace lab$"):
        denies(ours)


def lets_in(*policies: Json) -> None:
    """Judges what these policies let in to the backend."""
    cluster = World(*SHOP, *policies).cluster
    assert_lets_in_only(cluster, to={"app": "backend"}, source={"app": "frontend"}, port=8080)


def opening(*, peers: list[Json] | None = None, ports: list[Json] | None = TCP, name: str = "open") -> Json:
    """A policy with one rule for the backend, right unless told; None for a key that is not there."""
    rule = {"from": [{"podSelector": FRONTEND}] if peers is None else peers, "ports": ports}
    return policy(name, podSelector=BACKEND, ingress=[{key: value for key, value in rule.items() if value}])


IN_A_LIST: Json = {"matchExpressions": [{"key": "app", "operator": "In", "values": ["frontend"]}]}
TWO_APPS: Json = {"matchExpressions": [{"key": "app", "operator": "In", "values": ["frontend", "backend"]}]}


@pytest.mark.parametrize(
    "found",
    [
        opening(),
        opening(ports=[{"port": 8080}]),
        opening(ports=[{"port": "http"}]),
        opening(ports=[{"port": 8080, "endPort": 8080}]),
        opening(peers=[{"podSelector": IN_A_LIST}]),
        opening(peers=[{"podSelector": FRONTEND, "namespaceSelector": HERE}]),
        opening(peers=[{"podSelector": FRONTEND, "namespaceSelector": {"matchLabels": {"team": "shop"}}}]),
    ],
)
def test_the_one_way_that_is_asked_for_is_met(found: Json) -> None:
    """However it is written: by name or number of the port, by labels or expressions, with its own namespace or not."""
    lets_in(DENY, found)


@pytest.mark.parametrize(
    ("found", "words"),
    [
        (opening(peers=[]), "without anybody in `from`, which lets in everybody"),
        (opening(peers=[{"podSelector": FRONTEND}, {"namespaceSelector": EMPTY}]), "as two items of `from`"),
        (opening(peers=[{"namespaceSelector": HERE}, {"podSelector": FRONTEND}]), "as two items of `from`"),
        (opening(peers=[{"podSelector": FRONTEND, "namespaceSelector": EMPTY}]), "lets in from every namespace"),
        (
            opening(
                peers=[
                    {
                        "podSelector": FRONTEND,
                        "namespaceSelector": {"matchExpressions": [{"key": "team", "operator": "Exists"}]},
                    }
                ]
            ),
            "lets in from all namespaces with team",
        ),
        (
            opening(peers=[{"podSelector": FRONTEND, "namespaceSelector": {"matchLabels": {"name": "lab"}}}]),
            "from namespaces with name=lab, which lab does not carry",
        ),
        (opening(peers=[{"ipBlock": {"cidr": "10.0.0.0/8"}}]), r"has an address of 10\.0\.0\.0/8"),
        (opening(peers=[{"podSelector": EMPTY}]), "lets in every Pod, and not app=frontend alone"),
        (opening(peers=[{"podSelector": TWO_APPS}]), r"app in \(frontend,backend\), and not app=frontend alone"),
        (opening(peers=[{"podSelector": BACKEND}]), "lets in app=backend, which Pods labelled app=frontend do not"),
        (opening(ports=None), "opens every port"),
        (
            opening(ports=[{"port": 80}]),
            "opens port 80, the port of service/backend: a policy sees the port of the Pod",
        ),
        (opening(ports=[{"port": 9090}]), "opens TCP 9090"),
        (opening(ports=[{"port": "figures"}]), "opens TCP figures"),
        (opening(ports=[{"port": 8080, "protocol": "UDP"}]), "opens UDP 8080"),
        (opening(ports=[{"port": 8000, "endPort": 9000}]), "opens TCP 8000-9000"),
        (opening(ports=[{"port": 80, "endPort": 90}]), "opens TCP 80-90"),
        (opening(ports=[{"protocol": "TCP"}]), "opens TCP every port"),
        (opening(ports=[*TCP, {"port": 9090}]), "opens TCP 9090"),
        (
            policy("wide", ingress=[{"from": [{"podSelector": FRONTEND}], "ports": TCP}]),
            "not only app=backend: .* every",
        ),
    ],
)
def test_every_typical_mistake_is_named(found: Json, words: str) -> None:
    """What it lets in that it should not, or the way in which it misses the frontend."""
    with pytest.raises(Unmet, match=words):
        lets_in(DENY, found)


def test_policies_add_up() -> None:
    """One that opens too much is not made good by one that is right."""
    with pytest.raises(Unmet, match="networkpolicy/more opens every port"):
        lets_in(DENY, opening(), opening(name="more", ports=None))


@pytest.mark.parametrize(
    ("policies", "words"),
    [
        ([], "no NetworkPolicy in namespace lab$"),
        ([DENY], "no policy lets anything in to app=backend$"),
        ([DENY, policy("open", "default", ingress=[{}])], "to app=backend; networkpolicy/open is in namespace default"),
        (
            [DENY, policy("open", podSelector=FRONTEND, ingress=[{}])],
            "to app=backend: networkpolicy/open selects app=frontend",
        ),
        ([DENY, policy("out", podSelector=BACKEND, egress=[{}])], "no policy lets anything in to app=backend$"),
    ],
)
def test_a_way_that_nobody_opened_is_unmet(policies: list[Json], words: str) -> None:
    """Where the policy went is said: into another namespace, or to other Pods."""
    with pytest.raises(Unmet, match=words):
        lets_in(*policies)


def test_what_the_policies_say_stands_in_the_evidence() -> None:
    """One line each."""
    with pytest.raises(Unmet) as raised:
        lets_in(DENY)
    assert raised.value.evidence == ("networkpolicy/deny-all selects every Pod; in: nothing; out: nothing",)
