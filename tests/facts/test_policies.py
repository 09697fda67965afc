"""What is known of network policies: whom they select and which directions they restrict, on recorded states."""

from __future__ import annotations

from typing import Any

import pytest

from labgrade.cluster.api import Api
from labgrade.facts import Cluster, Pod, Recorded, Snapshot, policies_on, selects
from labgrade.model import Json
from labgrade.why.policies import explained
from tests.support.apiserver import ApiServer

FRONTEND = {"matchLabels": {"app": "frontend"}}
BACKEND = {"matchLabels": {"app": "backend"}}


def made(kind: str, name: str, namespace: str = "production", **parts: Any) -> Json:
    """An object with the least that it needs."""
    return {"kind": kind, "metadata": {"name": name, "namespace": namespace, "labels": parts.pop("labels", {})}} | parts


def policy(name: str = "rules", namespace: str = "production", **spec: Any) -> Json:
    """A NetworkPolicy."""
    return made("NetworkPolicy", name, namespace, spec=spec)


def cilium(name: str = "rules", **parts: Any) -> Json:
    """A CiliumNetworkPolicy."""
    return made("CiliumNetworkPolicy", name, **parts)


def cluster(*objects: Json) -> Cluster:
    """A cluster with these objects, and a backend Pod."""
    return Cluster(Recorded(*objects, made("Pod", "backend", labels={"app": "backend", "tier": "shop"})), "production")


def expression(key: str, operator: str, *values: str) -> Json:
    """A selector of one expression."""
    return {"matchExpressions": [{"key": key, "operator": operator, "values": list(values)}]}


@pytest.mark.parametrize(
    ("selector", "picked"),
    [
        ({}, True),
        ({"matchLabels": {}}, True),
        ({"matchLabels": {"app": "backend"}}, True),
        ({"matchLabels": {"app": "backend", "tier": "db"}}, False),
        (expression("app", "In", "backend", "other"), True),
        (expression("app", "In", "other"), False),
        (expression("zone", "In", "a"), False),
        (expression("app", "NotIn", "backend"), False),
        (expression("zone", "NotIn", "a"), True),
        (expression("app", "Exists"), True),
        (expression("zone", "Exists"), False),
        (expression("app", "DoesNotExist"), False),
        (expression("zone", "DoesNotExist"), True),
        (expression("app", "Resembles", "backend"), False),
        (BACKEND | expression("tier", "In", "db"), False),
    ],
)
def test_a_selector_picks_labels_as_the_api_does(selector: Json, picked: bool) -> None:  # noqa: FBT001 - a parameter
    """Labels and expressions must all hold; an empty selector picks everything."""
    assert selects(selector, {"app": "backend", "tier": "shop"}) is picked
    [found] = cluster(policy(podSelector=selector)).network_policies()
    assert found.selects(cluster().pod("backend")) is picked


@pytest.mark.parametrize(
    ("spec", "types"),
    [
        ({"podSelector": {}}, {"Ingress"}),
        ({"podSelector": {}, "egress": [{}]}, {"Ingress", "Egress"}),
        ({"podSelector": {}, "policyTypes": ["Egress"]}, {"Egress"}),
        ({"podSelector": {}, "policyTypes": ["Ingress", "Egress"]}, {"Ingress", "Egress"}),
    ],
)
def test_directions_that_are_not_named_are_implied(spec: Json, types: set[str]) -> None:
    """As the API server fills them in."""
    assert cluster(policy(**spec)).network_policies()[0].types == types


@pytest.mark.parametrize(
    ("selector", "picked"),
    [
        ({}, True),
        ({"matchLabels": {"app": "backend"}}, True),
        ({"matchLabels": {"k8s:app": "backend"}}, True),
        ({"matchLabels": {"any:app": "backend"}}, True),
        ({"matchLabels": {"k8s:app": "frontend"}}, False),
        ({"matchLabels": {"reserved:host": ""}}, False),
        ({"matchLabels": {"k8s:io.cilium.k8s.policy.serviceaccount": "default"}}, True),
        ({"matchLabels": {"k8s:io.cilium.k8s.policy.serviceaccount": "builder"}}, False),
        (expression("k8s:app", "In", "backend"), True),
        (expression("k8s:app", "NotIn", "backend"), False),
        # What Cilium does with another namespace in endpointSelector: it takes it out.
        ({"matchLabels": {"k8s:io.kubernetes.pod.namespace": "default", "app": "backend"}}, True),
        (expression("io.kubernetes.pod.namespace", "In", "default"), True),
    ],
)
def test_an_endpoint_selector_picks_pods_as_cilium_does(selector: Json, picked: bool) -> None:  # noqa: FBT001 - a parameter
    """Sources before keys, Cilium's own labels, and no other namespace than its own."""
    [found] = cluster(cilium(spec={"endpointSelector": selector})).cilium_policies()
    assert found.selects(cluster().pod("backend")) is picked


def test_every_part_of_a_cilium_policy_counts() -> None:
    """`spec` and `specs` stand side by side; a part about nodes is about no Pod."""
    [found] = cluster(
        cilium(spec={"endpointSelector": FRONTEND}, specs=[{"nodeSelector": {}}, {"endpointSelector": BACKEND}])
    ).cilium_policies()
    assert len(found.specs) == 3
    assert found.selects(cluster().pod("backend"))
    [other] = cluster(cilium(specs=[{"nodeSelector": {}}])).cilium_policies()
    assert not other.selects(cluster().pod("backend"))


@pytest.mark.parametrize(("said", "valid"), [("True", True), ("False", False), (None, None)])
def test_a_cilium_policy_is_valid_once_an_agent_says_so(said: str | None, valid: bool | None) -> None:  # noqa: FBT001 - a parameter
    """Before that nobody knows."""
    conditions = [{"type": "Valid", "status": said}] if said else []
    assert cluster(cilium(status={"conditions": conditions})).cilium_policies()[0].valid is valid


def test_all_policies_on_a_pod_are_of_its_own_namespace() -> None:
    """A policy next door, whatever it selects, is about the Pods there; a Pod elsewhere has its own policies."""
    found = cluster(
        policy("everybody", podSelector={}),
        policy("others", podSelector=FRONTEND),
        policy("next-door", "default", podSelector={}),
        cilium("by-cilium", spec={"endpointSelector": BACKEND}),
        made("Pod", "visitor", "default"),
    )
    assert [repr(each) for each in policies_on(found, found.pod("backend"))] == [
        "networkpolicy/everybody",
        "ciliumnetworkpolicy/by-cilium",
    ]
    visitor = Pod(found.reading, "default", "visitor")
    assert not any(each.selects(visitor) for each in [*found.network_policies(), *found.cilium_policies()])
    assert [repr(each) for each in policies_on(found, visitor)] == ["networkpolicy/next-door"]


def test_a_cluster_that_knows_no_cilium_has_no_policies_of_its(server: ApiServer, api: Api) -> None:
    """Neither an error nor anything to be followed."""
    server.fault(404, "ciliumnetworkpolicies", message="the server could not find the requested resource")
    snapshot = Snapshot(api)
    assert Cluster(snapshot, "lab").cilium_policies() == []
    assert Cluster(snapshot, "lab").network_policies() == []
    assert [kind for kind, _ in snapshot.versions()] == ["NetworkPolicy"]


@pytest.mark.parametrize(
    ("found", "en"),
    [
        (
            policy(podSelector={}, policyTypes=["Ingress", "Egress"]),
            "networkpolicy/rules selects every Pod; in: nothing; out: nothing",
        ),
        (
            policy(
                podSelector=BACKEND,
                policyTypes=["Ingress"],
                ingress=[{"from": [{"podSelector": FRONTEND}], "ports": [{"protocol": "TCP", "port": 8080}]}],
            ),
            "networkpolicy/rules selects app=backend; in: app=frontend of its namespace on TCP 8080;"
            " out: not restricted by it",
        ),
        (
            policy(podSelector=expression("app", "In", "a", "b"), ingress=[{}], egress=[{"ports": [{"port": "web"}]}]),
            "networkpolicy/rules selects app in (a,b); in: anybody on every port; out: anybody on TCP web",
        ),
        (
            policy(
                podSelector=expression("app", "DoesNotExist"),
                ingress=[
                    {
                        "from": [
                            {"podSelector": FRONTEND, "namespaceSelector": {}},
                            {"namespaceSelector": {"matchLabels": {"team": "x"}}},
                            {"ipBlock": {"cidr": "10.0.0.0/8", "except": ["10.1.0.0/16"]}},
                        ],
                        "ports": [{"protocol": "UDP", "port": 8000, "endPort": 8100}],
                    }
                ],
            ),
            "networkpolicy/rules selects !app; in: app=frontend of every namespace / every Pod of namespaces with"
            " team=x / 10.0.0.0/8 except 10.1.0.0/16 on UDP 8000-8100; out: not restricted by it",
        ),
        (
            cilium(
                spec={
                    "endpointSelector": {"matchLabels": {"k8s:app": "backend"}},
                    "ingress": [
                        {
                            "fromEndpoints": [FRONTEND],
                            "toPorts": [
                                {
                                    "ports": [{"port": "8080", "protocol": "TCP"}],
                                    "rules": {"http": [{"method": "GET", "path": "/api/.*"}]},
                                }
                            ],
                        },
                        {"fromEntities": ["host"]},
                    ],
                    "egress": [{}],
                }
            ),
            "ciliumnetworkpolicy/rules selects k8s:app=backend; in: app=frontend on TCP 8080 (GET /api/.*)"
            " + Entities host on every port; out: nothing",
        ),
    ],
)
def test_a_policy_is_explained_in_a_line(found: Json, en: str) -> None:
    """Whom it selects, from where and on which ports something may come in, and what may go out."""
    seen = cluster(found)
    [each] = [*seen.network_policies(), *seen.cilium_policies()]
    assert explained(each).en == en
    assert explained(each).fr.count(" ; ") == en.count("; ")
