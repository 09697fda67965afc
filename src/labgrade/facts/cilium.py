"""Cilium as it is installed in a cluster: agents, operator, settings, what it knows of nodes and Pods, and Hubble."""

from __future__ import annotations

from collections.abc import Iterable

from labgrade.facts.base import Fact
from labgrade.facts.configuration import ConfigMap
from labgrade.facts.nodes import Taint
from labgrade.facts.pods import Pod
from labgrade.facts.reading import Reading
from labgrade.facts.services import Service
from labgrade.facts.workloads import DaemonSet, Deployment, Workload, image_name

SYSTEM = "kube-system"
"""The namespace that Cilium is installed into unless told otherwise."""

NOT_READY_TAINT = "node.cilium.io/agent-not-ready"
"""What nodes may be given so that no Pod starts there before Cilium; an agent that is ready takes it off."""

OTHER_NETWORKS = frozenset(
    {
        "antrea-agent",
        "aws-node",
        "calico-node",
        "canal",
        "flannel",
        "kindnet",
        "kube-flannel",
        "kube-flannel-ds",
        "kube-ovn-cni",
        "kube-router",
        "podnet",
        "weave-net",
    }
)
"""Names of the DaemonSets that other Pod networks are known by."""


class CiliumNode(Fact):
    """What Cilium knows of a node: made by the agent there."""

    kind = "CiliumNode"


class CiliumEndpoint(Fact):
    """What Cilium knows of a Pod, whose name it has: made by the agent that gave the Pod its network."""

    kind = "CiliumEndpoint"

    @property
    def state(self) -> str:
        """`ready` once its policies are in force; empty while nothing is said."""
        return str(self.status.get("state") or "")


class Cilium:
    """What a usual installation consists of, there or not."""

    def __init__(self, reading: Reading) -> None:
        self.reading = reading
        self.agents = DaemonSet(reading, SYSTEM, "cilium")
        self.operator = Deployment(reading, SYSTEM, "cilium-operator")
        self.relay = Deployment(reading, SYSTEM, "hubble-relay")
        self.ui = Deployment(reading, SYSTEM, "hubble-ui")
        self.relay_service = Service(reading, SYSTEM, "hubble-relay")
        self.peer_service = Service(reading, SYSTEM, "hubble-peer")
        self.ui_service = Service(reading, SYSTEM, "hubble-ui")

    @property
    def settings(self) -> dict[str, str]:
        """What the agents read when they start, from ConfigMap cilium-config; empty where there is none."""
        return ConfigMap(self.reading, SYSTEM, "cilium-config").data

    @property
    def nodes(self) -> list[CiliumNode]:
        """The nodes that have an agent, or had one."""
        return CiliumNode.all(self.reading, None)

    @property
    def endpoints(self) -> list[CiliumEndpoint]:
        """The Pods that it manages, of all namespaces."""
        return CiliumEndpoint.all(self.reading, None)

    @property
    def other_networks(self) -> list[DaemonSet]:
        """DaemonSets of other Pod networks, in any namespace, that have a node to run on."""
        found = DaemonSet.all(self.reading, None)
        return [each for each in found if each.name in OTHER_NETWORKS and each.replicas]

    @property
    def kube_proxies(self) -> list[Pod]:
        """Pods that run kube-proxy, in any namespace."""
        alive = (pod for pod in Pod.all(self.reading, None) if pod.phase == "Running" and not pod.terminating)
        return [pod for pod in alive if runs(pod.containers.values(), "kube-proxy")]


def runs_program(workload: Workload, program: str) -> bool:
    """Whether one of its containers runs a program, as far as its template tells; a name alone is no proof.

    Its command tells or, where the image brings its own, the last part of the image's name.
    """
    return runs((workload.template.get("spec") or {}).get("containers") or [], program)


def runs(containers: Iterable[object], program: str) -> bool:
    """Whether one of these containers, as specs have them, runs a program: `kube-proxy`, say."""
    return any(_program(container).startswith(program) for container in containers if isinstance(container, dict))


def agent_not_ready(taints: Iterable[Taint]) -> list[Taint]:
    """Those of a node's taints that say that its Cilium agent has not come up."""
    return [taint for taint in taints if taint.key == NOT_READY_TAINT]


def _program(container: dict[str, object]) -> str:
    """The last part of what a container runs: of its command's path or, where it names none, of its image's name."""
    command = container.get("command")
    first = str(command[0]) if isinstance(command, list) and command else ""
    whole = first or image_name(str(container.get("image", ""))).rpartition(":")[0]
    return whole.rpartition("/")[2]
