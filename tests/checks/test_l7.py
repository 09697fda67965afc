"""Judges of policies on requests, on recorded states and answers: most of it no machine without Envoy can show."""

from __future__ import annotations

import runpy
from collections.abc import Callable, Mapping
from copy import deepcopy
from dataclasses import replace
from typing import Any

import pytest
import yaml

from checks.httprules import Way
from checks.l7 import assert_http_rule, assert_nothing_beside, assert_policy, pods_of
from checks.requests import Request, assert_answered, assert_strangers_kept_out
from labgrade.course.rubric import mistakes, read_lab
from labgrade.errors import HarnessError, Unmet
from labgrade.grading.proof import Case
from labgrade.home import home
from labgrade.model import Json
from labgrade.probe import Answer, Network, Prober, Question, Verdict, gathering
from tests.checks.states import NAMESPACE, World, answer, made, pod, service, traffic

LAB = read_lab(home() / "labs" / "d03-cilium-l7")
WAY = Way(source={"app": "frontend"}, to={"app": "backend"}, port=8080)
READ, WRITE = Request("GET", "/api/items", 200), Request("POST", "/api/items", 403)

SERVER_SPEC = {"containers": [{"name": "nginx", "ports": [{"name": "http", "containerPort": 8080}]}]}
BACKEND = pod("backend-1", ip="10.0.0.2", labels={"app": "backend"}, spec=SERVER_SPEC)
FRONTEND = pod("frontend-1", ip="10.0.0.1", labels={"app": "frontend"})
REPORTS = pod("reports", ip="10.0.0.3", labels={"app": "reports"})
SERVICE = service("backend", selector={"app": "backend"}, targetPort=8080)
AGENTS = made("DaemonSet", "cilium", metadata={"namespace": "kube-system"})
APPLICATION = (BACKEND, FRONTEND, REPORTS, SERVICE, AGENTS)

SPEC: Json = {
    "endpointSelector": {"matchLabels": {"app": "backend"}},
    "ingress": [
        {
            "fromEndpoints": [{"matchLabels": {"app": "frontend"}}],
            "toPorts": [
                {
                    "ports": [{"port": "8080", "protocol": "TCP"}],
                    "rules": {"http": [{"method": "GET", "path": "/api/.*"}]},
                }
            ],
        }
    ],
}
SOURCE, PORTS, HTTP = SPEC["ingress"][0]["fromEndpoints"], SPEC["ingress"][0]["toPorts"], {"http": [{"method": "GET"}]}


def policy(spec: Json = SPEC, *, valid: str | None = "True", message: str = "", **parts: Any) -> Json:
    """The CiliumNetworkPolicy http-policy, unless named otherwise."""
    status = {"conditions": [{"type": "Valid", "status": valid, "message": message}]} if valid else {}
    return made("CiliumNetworkPolicy", parts.pop("name", "http-policy"), spec=spec, status=status, **parts)


def plain(name: str = "older", **spec: Any) -> Json:
    """A NetworkPolicy about the backend."""
    return made("NetworkPolicy", name, spec={"podSelector": {"matchLabels": {"app": "backend"}}, **spec})


def with_rule(*rules: Json, **spec: Any) -> Json:
    """The right policy's spec with these rules in the place of its own, and these parts."""
    return deepcopy(SPEC) | {"ingress": list(rules)} | spec


def opening(*ports: Json, **more: Any) -> Json:
    """A rule that lets the frontend in on these ports, by HTTP rules unless told."""
    return {"fromEndpoints": SOURCE, "toPorts": [{"ports": list(ports), "rules": more.pop("rules", HTTP)}], **more}


@pytest.fixture(autouse=True)
def _no_window(monkeypatch: pytest.MonkeyPatch) -> None:  # pyright: ignore[reportUnusedFunction]
    """What is recorded stays as it is: one look is as good as a second of them."""
    monkeypatch.setattr(gathering, "STAYS_SECONDS", 0.0)


# The policy itself.


def test_a_valid_policy_is_met() -> None:
    """Whatever it says."""
    assert_policy(World(policy({"endpointSelector": {}}), *APPLICATION).cluster, "http-policy")


@pytest.mark.parametrize(
    ("objects", "words"),
    [
        ([*APPLICATION], r"no ciliumnetworkpolicy/http-policy in namespace lab$"),
        ([*APPLICATION, policy(name="htp-policy")], "namespace lab; there is ciliumnetworkpolicy/htp-policy"),
        ([*APPLICATION, policy(metadata={"namespace": "default"})], "namespace lab; it is in namespace default"),
        ([*APPLICATION, plain("http-policy")], "networkpolicy/http-policy is of another kind, which knows ports but"),
        ([BACKEND, FRONTEND], "none can be made: this cluster has no Cilium"),
        ([*APPLICATION, policy(valid=None)], "nobody has said yet whether ciliumnetworkpolicy/http-policy is valid"),
        ([*APPLICATION, policy(valid="False", message="bad path")], "invalid, and ignores it: bad path"),
    ],
)
def test_a_policy_that_is_missing_or_invalid_tells_where_to_look(objects: list[Json], words: str) -> None:
    """Elsewhere, of another kind or name, not taken by Cilium: each in its own words."""
    with pytest.raises(Unmet, match=words) as caught:
        assert_policy(World(*objects).cluster, "http-policy")
    assert caught.value.try_.en.startswith("kubectl get" if AGENTS in objects else "labgrade up --cni cilium")


# What it says.


@pytest.mark.parametrize(
    "spec",
    [
        SPEC,
        with_rule(
            opening({"port": "8080", "protocol": "TCP"}), endpointSelector={"matchLabels": {"k8s:app": "backend"}}
        ),
        with_rule(opening({"port": "http", "protocol": "TCP"})),
        with_rule({}, opening({"port": "8080"})),
        with_rule(
            opening(
                {"port": "8080"},
                fromEndpoints=[{"matchExpressions": [{"key": "app", "operator": "In", "values": ["frontend"]}]}],
            )
        ),
    ],
)
def test_a_rule_that_means_it_is_met(spec: Json) -> None:
    """However it is written: a source before a label, a port's name, an empty rule beside, an expression."""
    assert_http_rule(World(policy(spec), *APPLICATION).cluster, "http-policy", WAY)


def test_a_policy_in_several_specs_is_met() -> None:
    """Cilium takes `specs` as it takes `spec`."""
    found = made("CiliumNetworkPolicy", "http-policy", specs=[SPEC, SPEC])
    assert_http_rule(World(found, *APPLICATION).cluster, "http-policy", WAY)


@pytest.mark.parametrize(
    ("spec", "words"),
    [
        (with_rule(*SPEC["ingress"], endpointSelector={}), "selects every Pod, and so pod/frontend-1"),
        (
            with_rule(*SPEC["ingress"], endpointSelector={"matchLabels": {"app": "frontend"}}),
            r"selects app=frontend, and not pod/backend-1 \(app=backend\)",
        ),
        (with_rule(), "http-policy lets nobody in"),
        (with_rule({}), "http-policy lets nobody in"),
        (with_rule({"toPorts": PORTS}), "a rule without fromEndpoints, which lets in everybody"),
        (with_rule(*SPEC["ingress"], {"toPorts": PORTS}), "a rule without fromEndpoints, which lets in everybody"),
        (with_rule({"fromEntities": ["cluster"], "toPorts": PORTS}), "lets in whoever fromEntities names"),
        (with_rule({"fromEndpoints": [{}], "toPorts": PORTS}), r"lets in pod/backend-1 \(app=backend\)"),
        (with_rule({"fromEndpoints": [], "toPorts": PORTS}), "does not let in pod/frontend-1"),
        (
            with_rule({"fromEndpoints": [{"matchLabels": {"app": "frontend", "io.kubernetes.pod.namespace": "x"}}]}),
            "does not let in pod/frontend-1",
        ),
        (with_rule({"fromEndpoints": SOURCE}), "opens every port: no toPorts"),
        (
            with_rule(opening({"port": "80", "protocol": "TCP"})),
            r'opens port "80" TCP, and not 8080 TCP, .*; that is the port of service/backend',
        ),
        (
            with_rule(opening({"port": "9090", "protocol": "TCP"})),
            r'opens port "9090" TCP, and not 8080 TCP, .* listen$',
        ),
        (with_rule(opening({"port": "8080", "protocol": "UDP"})), 'opens port "8080" UDP, and not 8080 TCP'),
        (with_rule(opening({"port": "web", "protocol": "TCP"})), 'opens port "web" TCP, and not 8080 TCP'),
        (with_rule(opening({"port": "8080"}, rules={})), "opens port 8080 without rules.http"),
        (with_rule(opening({"port": "8080"}, rules={"http": []})), "opens port 8080 without rules.http"),
        (
            with_rule(opening({"port": "8080"}), opening({"port": "0"}, rules=None)),
            "opens port 8080 without rules.http",
        ),
    ],
)
def test_a_rule_that_means_something_else_tells_what(spec: Json, words: str) -> None:
    """Other Pods, other peers, other ports, no requests."""
    with pytest.raises(Unmet, match=words):
        assert_http_rule(World(policy(spec), *APPLICATION).cluster, "http-policy", WAY)


def test_without_a_backend_nothing_is_judged() -> None:
    """A rule about nobody is no right rule."""
    for found in ([FRONTEND], [FRONTEND, pod("backend-1", ready=False, labels={"app": "backend"})]):
        with pytest.raises(Unmet, match="no ready Pod labelled app=backend"):
            assert_http_rule(World(policy(), *found).cluster, "http-policy", WAY)
        with pytest.raises(Unmet, match="no ready Pod labelled app=backend"):
            assert_nothing_beside(World(policy(), *found).cluster, "http-policy", WAY)


# What stands beside it.

RULE = {"from": [{"podSelector": {}}]}


@pytest.mark.parametrize(
    "beside",
    [
        plain(ingress=[{}]),
        plain(ingress=[RULE | {"ports": [{"port": 8080, "protocol": "TCP"}]}]),
        plain(ingress=[RULE | {"ports": [{"port": 9090}, {"port": "http"}]}]),
        plain(ingress=[RULE | {"ports": [{"port": 8000, "endPort": 8100}]}]),
        plain(ingress=[RULE | {"ports": [{"protocol": "TCP"}]}]),
        made("NetworkPolicy", "older", spec={"podSelector": {}, "ingress": [RULE]}),
        policy(with_rule({"fromEndpoints": [{}]}), name="older"),
        policy(with_rule({"fromEntities": ["all"]}), name="older"),
        policy(with_rule({"toPorts": [{"ports": [{"port": "8080"}]}]}), name="older"),
        policy(with_rule({"toPorts": [{"ports": [{"port": "0", "protocol": "ANY"}]}]}), name="older"),
        policy(with_rule(opening({"port": "8080"}, rules={"http": []})), name="older"),
    ],
)
def test_another_policy_that_opens_the_port_is_unmet(beside: Json) -> None:
    """Of either kind, by number, name, range, or all of them."""
    with pytest.raises(Unmet, match="policy/older opens port 8080 of pod/backend-1 too"):
        assert_nothing_beside(World(policy(), beside, *APPLICATION).cluster, "http-policy", WAY)


@pytest.mark.parametrize(
    "beside",
    [
        plain(),
        plain(ingress=[]),
        plain(policyTypes=["Egress"], egress=[{}]),
        plain(policyTypes=["Egress"], ingress=[{}]),
        plain(ingress=[RULE | {"ports": [{"port": 8081}]}]),
        plain(ingress=[RULE | {"ports": [{"port": 8080, "protocol": "UDP"}]}]),
        plain(ingress=[RULE | {"ports": [{"port": "metrics"}]}]),
        made("NetworkPolicy", "older", spec={"podSelector": {"matchLabels": {"app": "reports"}}, "ingress": [{}]}),
        made("NetworkPolicy", "older", spec={"podSelector": {}, "ingress": [{}]}, metadata={"namespace": "default"}),
        policy(with_rule({}), name="older"),
        policy(with_rule(opening({"port": "8080"})), name="older"),
        policy(with_rule({"fromEndpoints": [{}], "icmps": [{"fields": [{"type": 8}]}]}), name="older"),
        policy(with_rule({"fromEndpoints": [{}]}, endpointSelector={"matchLabels": {"app": "reports"}}), name="older"),
    ],
)
def test_another_policy_that_leaves_the_port_alone_is_met(beside: Json) -> None:
    """It denies, it is about others, about another port or direction, or it reads requests too."""
    assert_nothing_beside(World(policy(), beside, *APPLICATION).cluster, "http-policy", WAY)


def test_the_policy_itself_is_not_beside_itself() -> None:
    """What it fails to say about requests is another check's."""
    assert_nothing_beside(
        World(policy(with_rule(opening({"port": "8080"}, rules={}))), *APPLICATION).cluster, "http-policy", WAY
    )


# What becomes of requests.

Seen = int | Verdict


def told(requests: Mapping[str, Seen], *, stranger: Verdict = "dropped", itself: Seen = 200) -> Callable[..., Answer]:
    """What the frontend sees, by request, what strangers see, and what the backend says to itself."""

    def tell(who: str, question: Question) -> Answer:
        if question.words.startswith("tcp"):
            return answer(question.words, "connected" if who == "pod/backend-1" else stranger)
        asked = f"{question.data['method']} {question.data['path']}"
        seen = itself if who == "pod/backend-1" else requests[asked]
        if isinstance(seen, int):
            return replace(answer(question.words, "http"), status=seen)
        return answer(question.words, seen)

    return tell


def judged(request: Request, seen: Seen, *, itself: Seen = 200) -> Prober:
    """Judges one request of the frontend's that is answered like this."""
    probe = traffic(told({str(request): seen}, itself=itself))
    assert_answered(World(policy(), *APPLICATION).cluster, probe, request, WAY)
    return probe


def test_requests_that_are_answered_as_they_should_be() -> None:
    """Served, and refused by an answer; both noted, with what the server says to itself."""
    judged(READ, 200)
    probe = judged(WRITE, 403)
    words = "pod/probe → POST http://10.0.0.2:8080/api/items: http"
    assert [line.partition(" in ")[0] for line in probe.asked] == [f"{words} {code}" for code in (403, 200, 403)]


@pytest.mark.parametrize(
    ("request_", "seen", "words"),
    [
        (READ, 403, "GET /api/items by pod/frontend-1 is refused: http 403"),
        (READ, "dropped", r"GET /api/items by pod/frontend-1 is met with silence \(dropped\)"),
        (READ, 503, "is neither served nor refused: http 503"),
        (READ, "refused", "is neither served nor refused: refused"),
        (READ, "connected", "is neither served nor refused: connected"),
        (WRITE, 200, "POST /api/items by pod/frontend-1 is let through: http 200"),
        (WRITE, "dropped", r"POST /api/items by pod/frontend-1 is met with silence \(dropped\)"),
        (WRITE, "reset", "is neither served nor refused: reset"),
        (WRITE, 404, "is neither served nor refused: http 404"),
    ],
)
def test_a_request_that_is_answered_otherwise_tells_how(request_: Request, seen: Seen, words: str) -> None:
    """Silence is never a 403, nor a 403 silence; the policies on the way are evidence."""
    with pytest.raises(Unmet, match=words) as caught:
        judged(request_, seen)
    assert any("ciliumnetworkpolicy/http-policy selects app=backend" in line for line in caught.value.evidence)


@pytest.mark.parametrize("itself", [403, 404, "refused", "dropped"])
@pytest.mark.parametrize(("request_", "seen"), [(READ, 200), (WRITE, 403)])
def test_a_refusal_of_the_servers_own_is_none_of_a_policys(request_: Request, seen: Seen, itself: Seen) -> None:
    """A backend that forbids by itself would pass for a policy that does."""
    with pytest.raises(Unmet, match=r"pod/backend-1 itself does not answer .* with 200"):
        judged(request_, seen, itself=itself)


@pytest.mark.parametrize(("request_", "before", "after"), [(READ, 200, "dropped"), (READ, 200, 403), (WRITE, 403, 200)])
def test_a_right_answer_counts_once_policies_are_in_force(request_: Request, before: Seen, after: Seen) -> None:
    """Until then it may be an earlier policy's, or nobody's; a wrong one is not waited for."""
    asked = dict[str, Seen]({str(request_): before})
    probe = traffic(told(asked))
    probe.in_force = lambda: asked.update({str(request_): after})  # type: ignore[method-assign]
    world = World(policy(), *APPLICATION)
    with pytest.raises(Unmet, match=f"{request_} by pod/frontend-1"):
        assert_answered(world.cluster, probe, request_, WAY)
    wrong = traffic(told(asked))
    wrong.in_force = lambda: pytest.fail("it was waited for")  # type: ignore[method-assign]
    with pytest.raises(Unmet, match=f"{request_} by pod/frontend-1"):
        assert_answered(world.cluster, wrong, request_, WAY)


@pytest.mark.parametrize("missing", [FRONTEND, BACKEND])
def test_without_frontend_or_backend_no_request_is_judged(missing: Json) -> None:
    """The failure names who is missing."""
    left = [each for each in APPLICATION if each is not missing]
    with pytest.raises(Unmet, match=f"no ready Pod labelled app={missing['metadata']['labels']['app']}"):
        assert_answered(World(policy(), *left).cluster, traffic(told({str(READ): 200})), READ, WAY)


# Everybody else.


def strangers(seen: Verdict, network: Network = "enforces") -> None:
    """Judges what strangers see."""
    probe = traffic(told({}, stranger=seen), network=network)
    assert_strangers_kept_out(World(policy(), *APPLICATION).cluster, probe, WAY)


def test_strangers_are_met_with_silence() -> None:
    """Only dropped packets will do: a connection that opens was let in, whatever is answered on it."""
    strangers("dropped")
    for seen in ("connected", "refused", "reset"):
        with pytest.raises(Unmet, match=r"a Pod without labels .*pod/backend-1:8080"):
            strangers(seen)
    with pytest.raises(HarnessError, match="ignores policies"):
        strangers("connected", network="ignores")


def test_one_ready_pod_is_enough() -> None:
    """The ready ones are looked at."""
    late = pod("backend-2", ready=False, labels={"app": "backend"})
    assert [found.name for found in pods_of(World(late, BACKEND).cluster, WAY.to)] == ["backend-1"]


# The lab's own answers, with what a cluster with Envoy answers: as good as a proof, where none can be run.

GET, POST, ADMIN = "GET /api/items", "POST /api/items", "GET /admin"
SERVED: Mapping[str, Seen] = {GET: 200, POST: 200, ADMIN: 200}
SILENT: Mapping[str, Seen] = {GET: "dropped", POST: "dropped", ADMIN: "dropped"}

RECORDED: Mapping[str, tuple[Mapping[str, Seen], Verdict]] = {
    "starter": (SERVED, "connected"),
    "solution": ({GET: 200, POST: 403, ADMIN: 403}, "dropped"),
    "any-method": ({GET: 200, POST: 200, ADMIN: 403}, "dropped"),
    "every-path": ({GET: 200, POST: 403, ADMIN: 200}, "dropped"),
    "from-everybody": (SERVED, "connected"),
    "in-another-namespace": (SERVED, "connected"),
    "l4-left-beside": (SERVED, "dropped"),
    "network-policy": (SERVED, "dropped"),
    "only-port": (SERVED, "dropped"),
    "path-as-prefix": ({GET: 403, POST: 403, ADMIN: 403}, "dropped"),
    "port-as-number": (SERVED, "connected"),
    "service-port": (SILENT, "dropped"),
    "two-that-open-the-port": (SERVED, "dropped"),
}
CASES = [Case(LAB, "starter"), Case(LAB, "solution"), *(Case(LAB, "mistake", each) for each in mistakes(LAB))]


SUITE = runpy.run_path(str(LAB.folder / "test_lab.py"))


def applied(case: Case) -> World:
    """The application with the policies of the case's manifests, all of them valid; steps make none here."""
    paths = [path for path in case.answer.manifests if path.parent != LAB.folder / "starter"]
    found = [each for path in paths for each in yaml.safe_load_all(path.read_text(encoding="utf-8"))]
    for each in found:
        each["metadata"]["namespace"] = NAMESPACE
        each["status"] = {"conditions": [{"type": "Valid", "status": "True"}]}
    return World(*found, *APPLICATION)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_every_answer_of_the_lab_comes_to_what_it_must(case: Case) -> None:
    """Each check of the suite passes, fails or is blocked exactly as the answer records it."""
    requests, stranger = RECORDED[case.name]
    world, probe, functions = applied(case), traffic(told(requests, stranger=stranger)), SUITE
    states: dict[str, str] = {}
    for check in LAB.checks:
        if any(states[need] != "passed" for need in check.needs):
            states[check.id] = "blocked"
            continue
        function = functions[f"test_{check.id}"]
        names = function.__code__.co_varnames[: function.__code__.co_argcount]
        try:
            function(*({"cluster": world.cluster, "probe": probe}[name] for name in names))
            states[check.id] = "passed"
        except Unmet:
            states[check.id] = "failed"
    assert {check: state for check, state in states.items() if state not in case.expected(check)} == {}


def test_all_that_needs_envoy_is_declared_and_nothing_else() -> None:
    """An answer whose policies read requests cannot be applied where they are refused; every other one can."""
    (declared,) = LAB.unproven
    reads = {case.name for case in CASES if any("rules:" in path.read_text() for path in case.answer.manifests)}
    assert (declared.component, set(declared.cases), declared.checks) == ("cilium-envoy", reads, ())
    assert len([case for case in CASES if case.mistake and case.name not in reads]) >= 2
