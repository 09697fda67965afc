"""What a Pod network carries, on recorded answers."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any, cast

import pytest

from checks.carrying import API_SERVER, assert_carries, assert_services_carried
from labgrade.cluster.ownservice import Opened, OwnService
from labgrade.errors import Unmet
from labgrade.facts import Cluster
from labgrade.model import Json
from labgrade.probe import Answer, Question, Verdict
from tests.checks.states import World, answer, made, pod, traffic

API = "10.96.0.1"


def node(name: str, ip: str, *, control_plane: bool = False) -> Json:
    """A node."""
    labels = {"node-role.kubernetes.io/control-plane": ""} if control_plane else {}
    status = {"addresses": [{"type": "InternalIP", "address": ip}]}
    return made("Node", name, labels=labels, status=status, metadata={"namespace": None})


PLANE, WORKER = node("plane", "172.17.0.2", control_plane=True), node("worker", "172.17.0.3")


def cluster(*objects: Json) -> Cluster:
    """Two nodes, the API server's Service, and these."""
    api = made("Service", "kubernetes", spec={"clusterIP": API}, metadata={"namespace": "default"})
    return World(*(objects or (PLANE, WORKER)), api).cluster


def told(**wrong: Verdict) -> Callable[[str, Question], Answer]:
    """Everything is answered, but for what is wrong: by the question's kind, or by the host that is asked."""

    def tell(_: str, question: Question) -> Answer:
        kind, host = question.data["kind"], question.data["host"]
        verdict = wrong.get(kind, wrong.get(host.replace("-", "_").replace("/", "_").replace(".", "_"), "connected"))
        addresses = (API,) if kind == "dns" and verdict == "connected" else ()
        return replace(answer(question.words, verdict), addresses=addresses)

    return tell


def unmet(judge: Callable[[], object]) -> str:
    """What was seen, in both languages."""
    with pytest.raises(Unmet) as caught:
        judge()
    return f"{caught.value.saw.en} | {caught.value.saw.fr}"


def test_a_network_that_carries_everything_is_met() -> None:
    """Between a control plane and a worker, too."""
    assert_carries(cluster(), traffic(told()))


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ({"ip_of_node_plane": "dropped"}, "Pod on node/worker → Pod on node/plane: dropped"),
        ({"ip_of_node_worker": "refused"}, "Pod on node/plane → Pod on node/worker: refused"),
        ({"dns": "unresolved"}, "Pod on node/worker → DNS: unresolved"),
        ({API_SERVER.replace(".", "_"): "dropped"}, "Pod on node/worker → DNS"),
    ],
)
def test_what_is_not_carried_is_named(wrong: dict[str, Any], words: str) -> None:
    """From which node, to what, and how it failed."""
    assert words in unmet(lambda: assert_carries(cluster(), traffic(told(**wrong))))


def test_a_name_that_leads_elsewhere_is_unmet() -> None:
    """An answer of DNS is not enough, it must be the right one."""

    def elsewhere(source: str, question: Question) -> Answer:
        found = told()(source, question)
        return replace(found, addresses=("10.0.0.9",)) if found.addresses else found

    assert "→ DNS: connected, 10.0.0.9" in unmet(lambda: assert_carries(cluster(), traffic(elsewhere)))


def test_one_node_shows_nothing() -> None:
    """There is nothing to carry between."""
    assert "there is only node/plane" in unmet(lambda: assert_carries(cluster(PLANE), traffic(told())))


class Trial:
    """A Service that leads where it is told to."""

    def __init__(self) -> None:
        self.led_to: list[str] = []

    def opened(self, address: str, port: int) -> Opened:
        """At these addresses."""
        self.led_to.append(f"{address}:{port}")
        return Opened("10.96.0.50", port, 31000)


def judge_services(wrong: dict[str, Any], *objects: Json) -> Trial:
    """Judges with a Service of ours; returns it."""
    trial = Trial()
    found = cluster(PLANE, WORKER, *objects)
    assert_services_carried(found, traffic(told(**wrong)), cast(OwnService, trial))
    return trial


def test_services_that_answer_everywhere_are_met() -> None:
    """Ours leads to a Pod of ours."""
    assert judge_services({}).led_to == ["ip-of-own:8080"]


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ({"10_96_0_50": "dropped"}, "a Service of ours does not answer on ClusterIP 10.96.0.50: dropped"),
        ({"172_17_0_3": "refused"}, "does not answer on port 31000 of node/worker: refused"),
    ],
)
def test_services_that_do_not_answer(wrong: dict[str, Any], words: str) -> None:
    """Each door is named."""
    assert words in unmet(lambda: judge_services(wrong))


def test_a_kube_proxy_that_still_runs() -> None:
    """Nothing is tried then: nobody could tell who answered."""
    spec = {"containers": [{"name": "kube-proxy", "command": ["/usr/local/bin/kube-proxy"]}]}
    left = pod("kube-proxy-x", spec=spec, metadata={"namespace": "kube-system"})
    assert "kube-proxy still runs: pod/kube-proxy-x" in unmet(lambda: judge_services({"http": "dropped"}, left))
