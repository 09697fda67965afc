"""What Hubble saw: asked in the right agents, read as it tells it, and never in the way of evidence."""

from __future__ import annotations

import json
from typing import Any

import pytest

from labgrade.cluster.api import Api
from labgrade.errors import HarnessError
from labgrade.probe.flows import Hubble, NoHubble, flows, flows_seen
from tests.support.apiserver import ApiServer

HERE: dict[str, Any] = {"source_ip": "10.0.1.7", "target_ip": "10.0.2.9", "port": 8080, "seconds": 3.2}


def told(verdict: str = "FORWARDED", second: int = 1, **more: Any) -> str:
    """A line as `hubble observe` prints it."""
    flow: dict[str, Any] = {
        "time": f"2026-11-21T13:50:{second:02}.418715123Z",
        "verdict": verdict,
        "IP": {"source": "10.0.1.7", "destination": "10.0.2.9", "ipVersion": "IPv4"},
        "l4": {"TCP": {"source_port": 40000, "destination_port": 8080, "flags": {"SYN": True}}},
        "source": {"namespace": "shop", "pod_name": "asker", "identity": 4},
        "destination": {"identity": 2},
        "node_name": "default/worker",
        "traffic_direction": "INGRESS",
    }
    return json.dumps({"flow": flow | more, "node_name": "worker"}) + "\n"


DROPPED = told("DROPPED", 2, drop_reason=133, drop_reason_desc="POLICY_DENIED")


class Agents:
    """Agents on three nodes, and what the Hubble of each says."""

    def __init__(self, server: ApiServer) -> None:
        self.said: dict[str, tuple[int | None, str, str]] = {}
        self.asked: list[tuple[str, list[str]]] = []
        server.exec = self._exec
        for node in ("one", "two", "three"):
            self.place(server, node)

    def place(self, server: ApiServer, node: str, ready: str = "True") -> None:
        """An agent on a node."""
        server.put(
            "Pod",
            f"cilium-{node}",
            "kube-system",
            metadata={"labels": {"k8s-app": "cilium"}},
            spec={"nodeName": node},
            status={"phase": "Running", "conditions": [{"type": "Ready", "status": ready}]},
        )

    @property
    def names(self) -> list[str]:
        """Who was asked."""
        return sorted(pod for pod, _ in self.asked)

    def _exec(self, pod: str, command: list[str]) -> tuple[int | None, str, str]:
        self.asked.append((pod, command))
        return self.said.get(pod, (0, "", ""))


@pytest.fixture
def agents(server: ApiServer) -> Agents:
    """On a cluster of three nodes, with a Pod on each of two."""
    server.put("Pod", "asker", "shop", spec={"nodeName": "one"}, status={"podIP": HERE["source_ip"]})
    server.put("Pod", "asked", "shop", spec={"nodeName": "two"}, status={"podIP": HERE["target_ip"]})
    return Agents(server)


def test_only_the_nodes_concerned_are_asked(agents: Agents, api: Api) -> None:
    """For these addresses, this port, and no longer ago than need be."""
    flows_seen(api, **HERE)
    assert agents.names == ["cilium-one", "cilium-two"]
    words = " ".join(agents.asked[0][1])
    assert words.startswith("hubble observe --server unix:///var/run/cilium/hubble.sock ")
    assert "--from-ip 10.0.1.7 --to-ip 10.0.2.9 --to-port 8080 --since 4s" in words


def test_all_are_asked_where_an_address_is_nobodys(agents: Agents, api: Api) -> None:
    """Such as that of a Service, or of somebody outside."""
    flows_seen(api, source_ip="10.0.1.7", target_ip="10.96.0.1", port=80, seconds=1.0)
    assert agents.names == ["cilium-one", "cilium-three", "cilium-two"]


def test_what_was_seen_is_in_order(agents: Agents, api: Api) -> None:
    """Whoever saw it; a line that tells of something else is passed over."""
    agents.said["cilium-one"] = (0, DROPPED + '{"lost_events": {"source": "PERF_EVENT_RING_BUFFER"}}\n', "")
    agents.said["cilium-two"] = (0, told(), "")
    first, second = flows(api, **HERE)
    assert (first.verdict, first.drop_reason, first.node, first.direction) == ("FORWARDED", "", "worker", "ingress")
    assert (second.verdict, second.drop_reason) == ("DROPPED", "POLICY_DENIED")
    assert f"{second}" == (
        "Hubble on worker, ingress: shop/asker (10.0.1.7) → 10.0.2.9:8080 DROPPED (POLICY_DENIED) at 13:50:02.418715"
    )


def test_a_flow_that_says_little_is_a_flow(agents: Agents, api: Api) -> None:
    """What is not there is left out."""
    bare = json.dumps({"flow": {"time": "2026-11-21T13:50:02Z", "verdict": "TRACED"}}) + "\n"
    agents.said["cilium-one"] = (0, bare, "")
    (found,) = flows(api, **HERE)
    assert f"{found}" == "Hubble on a node: ? → ?:? TRACED at 13:50:02.000000"


@pytest.mark.parametrize(
    "said",
    [(1, "", "rpc error: connection refused"), (None, told(), ""), (0, "{ no JSON", ""), (0, '{"flow": {}}', "")],
)
def test_evidence_is_never_in_the_way(agents: Agents, api: Api, said: tuple[int | None, str, str]) -> None:
    """Where Hubble is off, a stream is lost, or what comes is not what we know, there is none."""
    agents.said["cilium-one"] = said
    assert flows(api, **HERE) == []


def test_a_cluster_without_cilium_has_no_flows(server: ApiServer, api: Api) -> None:
    """One question tells."""
    assert flows(api, **HERE) == []
    assert server.count("/pods") == 1


def test_agents_that_are_not_ready_are_not_asked(agents: Agents, server: ApiServer, api: Api) -> None:
    """They may be in a crash loop, where a command cannot be run: that is no error of ours."""
    agents.place(server, "one", "False")
    flows_seen(api, **HERE)
    assert agents.names == ["cilium-two"]
    agents.place(server, "two", "False")
    with pytest.raises(NoHubble, match="no Cilium agent is ready on one, two"):
        flows_seen(api, **HERE)


def test_hubble_itself_says_why_it_does_not_answer(agents: Agents, api: Api) -> None:
    """For those to whom it matters."""
    agents.said["cilium-two"] = (1, "", "level=info\ndial unix /var/run/cilium/hubble.sock: no such file\n")
    with pytest.raises(NoHubble, match=r"^dial unix .*: no such file$"):
        Hubble(api).sighting("", **HERE)


def test_a_lost_stream_is_no_answer_of_hubbles(agents: Agents, api: Api) -> None:
    """It is our error."""
    agents.said["cilium-two"] = (None, told(), "")
    with pytest.raises(HarnessError) as caught:
        Hubble(api).sighting("", **HERE)
    assert not isinstance(caught.value, NoHubble)


def test_the_relay_is_asked_first(agents: Agents, api: Api) -> None:
    """From one agent; the others need not be asked where it tells of something."""
    agents.said["cilium-one"] = (0, DROPPED, "")
    sighting = Hubble(api).sighting("10.96.0.8:80", **HERE)
    assert (sighting.by, len(sighting.flows)) == ("hubble-relay", 1)
    assert agents.names == ["cilium-one"]
    assert agents.asked[0][1][2:4] == ["--server", "10.96.0.8:80"]
    assert "--tls" not in agents.asked[0][1]


def test_a_relay_with_tls_is_asked_with_it(agents: Agents, api: Api) -> None:
    """Its Service has port 443 then."""
    agents.said["cilium-one"] = (0, DROPPED, "")
    Hubble(api).sighting("10.96.0.8:443", **HERE)
    assert agents.asked[0][1][-2:] == ["--tls", "--tls-allow-insecure"]


@pytest.mark.usefixtures("agents")
@pytest.mark.parametrize("said", [(1, "", "connection refused"), (0, "", "")])
def test_the_agents_have_the_last_word(server: ApiServer, api: Api, said: tuple[int, str, str]) -> None:
    """Where the relay does not answer, or knows nothing."""

    def say(pod: str, command: list[str]) -> tuple[int | None, str, str]:
        return said if "10.96.0.8:80" in command else (0, told() if pod == "cilium-two" else "", "")

    server.exec = say
    sighting = Hubble(api).sighting("10.96.0.8:80", **HERE)
    assert (sighting.by, [flow.verdict for flow in sighting.flows]) == ("the agents", ["FORWARDED"])
