"""What Hubble saw: flows between two addresses, asked in the cluster with the `hubble` of a Cilium agent."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime

from labgrade.cluster.api import Api
from labgrade.errors import HarnessError
from labgrade.facts.reading import RESOURCES
from labgrade.model import Json

NAMESPACE, AGENTS, CONTAINER = "kube-system", "k8s-app=cilium", "cilium-agent"
"""Where the agents run, by which label they are found, and in which container `hubble` is."""

SOCKET = "unix:///var/run/cilium/hubble.sock"
"""Where each agent answers for its own node."""

ANSWER_SECONDS = 5.0
"""An agent or a relay that has not answered by then does not answer."""

MOST = 50
"""So many of the newest flows are enough, of each node."""

AT_ONCE = 8
"""Agents asked at the same time."""


class NoHubble(HarnessError):
    """Hubble was asked and does not answer: nobody can be asked, or `hubble` said why it cannot."""


@dataclass(frozen=True, slots=True)
class Flow:
    """A packet as Hubble tells of it."""

    verdict: str
    """FORWARDED, DROPPED, REDIRECTED, ..."""
    drop_reason: str
    """Such as POLICY_DENIED; empty where nothing was dropped."""
    source: str
    """`namespace/pod (address)`; the address alone where it is no Pod's."""
    destination: str
    """Likewise, with the port: `namespace/pod (address:port)`."""
    time: datetime
    """By the clock of the node that saw it."""
    node: str
    """Name of that node, without the cluster's."""
    direction: str
    """`ingress` or `egress`, as seen from the Pod on that node; empty where that is not known."""

    def __str__(self) -> str:
        """One line of evidence."""
        reason = f" ({self.drop_reason})" if self.drop_reason else ""
        way = f", {self.direction}" if self.direction else ""
        return (
            f"Hubble on {self.node or 'a node'}{way}: "
            f"{self.source} → {self.destination} {self.verdict}{reason} at {self.time:%H:%M:%S.%f}"
        )[:500]


def flows(api: Api, *, source_ip: str, target_ip: str, port: int, seconds: float) -> list[Flow]:
    """What was seen in the last so many seconds from an address to a port of another, oldest first.

    For evidence: empty also where there is no Hubble, or where it could not be asked. Ask for a Pod's address: that
    of a Service is gone from a packet before Hubble sees it.
    """
    try:
        return flows_seen(api, source_ip=source_ip, target_ip=target_ip, port=port, seconds=seconds)
    except (HarnessError, LookupError, TypeError, ValueError):
        # The last three: what came is no list of flows.
        return []


def flows_seen(api: Api, *, source_ip: str, target_ip: str, port: int, seconds: float) -> list[Flow]:
    """The same, asked in the agents of the nodes where the two addresses are, or in all where that is not known.

    NoHubble where an agent's Hubble does not answer, HarnessError where an agent cannot be asked at all.
    """
    agents = _agents(api)
    # The agents' list comes first: most clusters have none, and then nobody need look for the addresses.
    nodes = _nodes_of(api, (source_ip, target_ip))
    there = [pod for pod, node in agents.items() if not nodes or node in nodes]
    if not there:
        raise NoHubble(f"no Cilium agent is ready on {', '.join(sorted(nodes))}")
    command = _observe(SOCKET, source_ip, target_ip, port, seconds)
    return _sorted(_each(there, lambda pod: _run(api, pod, command)))


def flows_relayed(api: Api, *, relay: str, source_ip: str, target_ip: str, port: int, seconds: float) -> list[Flow]:
    """The same, asked of Hubble Relay at `relay` (`address:port`), which asks the nodes; from the first agent's Pod.

    Port 443 is asked with TLS, as Cilium's chart has it.
    NoHubble where it does not answer, HarnessError where that agent cannot be asked.
    """
    command = _observe(relay, source_ip, target_ip, port, seconds)
    if relay.endswith(":443"):
        command += ["--tls", "--tls-allow-insecure"]
    return _sorted([_run(api, min(_agents(api)), command)])


@dataclass(frozen=True, slots=True)
class Sighting:
    """What Hubble was asked, and what it told."""

    by: str
    """Who told: `hubble-relay`, or `the agents`."""
    flows: tuple[Flow, ...]


class Hubble:
    """Asks a cluster's Hubble for flows; for checks that are about Hubble itself."""

    def __init__(self, api: Api) -> None:
        self._api = api

    def sighting(self, relay: str, *, source_ip: str, target_ip: str, port: int, seconds: float) -> Sighting:
        """Of Hubble Relay at `relay` (`address:port`, or empty), else of the agents on the nodes concerned.

        NoHubble where none of them answers; HarnessError where they cannot be asked.
        """
        if relay:
            # One that sees nothing may not be connected to all nodes: the nodes themselves have the last word.
            with suppress(HarnessError):
                found = flows_relayed(
                    self._api, relay=relay, source_ip=source_ip, target_ip=target_ip, port=port, seconds=seconds
                )
                if found:
                    return Sighting("hubble-relay", tuple(found))
        found = flows_seen(self._api, source_ip=source_ip, target_ip=target_ip, port=port, seconds=seconds)
        return Sighting("the agents", tuple(found))


def _observe(server: str, source_ip: str, target_ip: str, port: int, seconds: float) -> list[str]:
    return [
        *("hubble", "observe", "--server", server, "--timeout", f"{math.ceil(ANSWER_SECONDS / 2)}s"),
        *("--from-ip", source_ip, "--to-ip", target_ip, "--to-port", str(port)),
        *("--since", f"{math.ceil(seconds)}s", "--last", str(MOST), "--output", "jsonpb"),
    ]


def _nodes_of(api: Api, addresses: Iterable[str]) -> set[str]:
    """Names of the nodes whose Pods have these addresses; empty unless all are known."""
    found = [_node_of(api, address) for address in addresses]
    return set(found) if all(found) else set()


def _node_of(api: Api, address: str) -> str:
    pods = api.get(RESOURCES["Pod"].path(), fieldSelector=f"status.podIP={address}").get("items") or []
    theirs = (pod for pod in pods if (pod.get("status") or {}).get("podIP") == address)
    return next((str(pod["spec"]["nodeName"]) for pod in theirs), "")


def _agents(api: Api) -> dict[str, str]:
    """The agents' Pods that are ready, each with its node."""
    pods = api.get(RESOURCES["Pod"].path(NAMESPACE), labelSelector=AGENTS).get("items") or []
    ready = {pod["metadata"]["name"]: str(pod["spec"]["nodeName"]) for pod in pods if _ready(pod)}
    if not ready:
        raise NoHubble("no Cilium agent is ready")
    return ready


def _ready(pod: Json) -> bool:
    conditions = (pod.get("status") or {}).get("conditions") or []
    return any(each["type"] == "Ready" and each["status"] == "True" for each in conditions)


def _each(agents: Sequence[str], ask: Callable[[str], list[Flow]]) -> list[list[Flow]]:
    """What each of them answers, all asked at once."""
    with ThreadPoolExecutor(min(AT_ONCE, len(agents))) as pool:
        return list(pool.map(ask, agents))


def _run(api: Api, pod: str, command: list[str]) -> list[Flow]:
    done = api.exec(NAMESPACE, pod, CONTAINER, command, seconds=ANSWER_SECONDS)
    if done.code:
        words = (done.stderr or done.stdout).strip().splitlines()
        raise NoHubble(words[-1][:300] if words else f"hubble ended with exit code {done.code}")
    told = [json.loads(line) for line in done.stdout.splitlines() if line.startswith("{")]
    # The others tell of events that were lost, or of nodes that joined.
    return [_flow(each["flow"]) for each in told if "flow" in each]


def _flow(told: Json) -> Flow:
    addresses, layer = told.get("IP") or {}, next(iter((told.get("l4") or {}).values()), {})
    reason = str(told.get("drop_reason_desc") or "")
    return Flow(
        verdict=str(told.get("verdict", "")),
        drop_reason="" if reason == "DROP_REASON_UNKNOWN" else reason,
        source=_end(told.get("source") or {}, str(addresses.get("source", "?"))),
        destination=_end(
            told.get("destination") or {}, f"{addresses.get('destination', '?')}:{layer.get('destination_port', '?')}"
        ),
        time=datetime.fromisoformat(told["time"]),
        node=str(told.get("node_name", "")).rpartition("/")[2],
        direction=str(told.get("traffic_direction", "")).lower().replace("traffic_direction_unknown", ""),
    )


def _end(told: Json, address: str) -> str:
    return f"{told.get('namespace', '')}/{told['pod_name']} ({address})" if told.get("pod_name") else address


def _sorted(found: Iterable[Iterable[Flow]]) -> list[Flow]:
    return sorted((flow for each in found for flow in each), key=lambda flow: flow.time)
