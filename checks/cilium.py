"""Cilium as a cluster's Pod network: whether it is Cilium, on every node, for every Pod, and alone."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from checks.installed import assert_available, assert_program, assert_setting, where
from checks.nodes import assert_ready, states
from checks.wording import NOTHING, because, listed
from labgrade.errors import Unmet
from labgrade.facts import Cluster, DaemonSet, Node, Pod
from labgrade.facts.cilium import SYSTEM, agent_not_ready
from labgrade.runid import OURS
from labgrade.text import Text

if TYPE_CHECKING:
    from collections.abc import Callable

    from testinfra.host import Host

    Inside = Callable[..., Host]

CONTAINER = "cilium-agent"

STATUS = "cilium-dbg status --brief"
"""Ends with 0 when the agent says of itself that all is well."""

GET_PODS = f"kubectl get pods -n {SYSTEM} -o wide"


def assert_agents(cluster: Cluster, inside: Inside) -> None:
    """The agent runs on every node, ready and up to date, and says of itself that all is well."""
    __tracebackhide__ = True
    cilium, nodes = cluster.cilium, cluster.nodes()
    assert_program(cilium.agents, "cilium-agent")
    if saw := _not_everywhere(cilium.agents, len(nodes)):
        raise Unmet(
            saw,
            wanted=Text(
                en=f"a ready agent on each of {len(nodes)} nodes", fr=f"un agent prêt sur chacun des {len(nodes)} nœuds"
            ),
            try_=f"{GET_PODS} -l k8s-app=cilium",
            evidence=(_counts(cilium.agents), *where(cilium.agents.pods), *states(nodes)),
        )
    agent = cilium.agents.pods[0]
    said = inside(agent, CONTAINER).run(STATUS)
    if said.rc != 0:
        words = (said.stdout + said.stderr).strip()[:300]
        raise Unmet(
            Text(
                en=f"the agent in {agent} is not well: {words or f'exit code {said.rc}'}",
                fr=f"l'agent de {agent} ne va pas bien : {words or f'code de sortie {said.rc}'}",
            ),
            wanted=Text(en=f"{STATUS}: OK", fr=f"{STATUS} : OK"),
            try_=f"kubectl exec -n {SYSTEM} {agent.name} -c {CONTAINER} -- cilium-dbg status",
        )


def assert_operator(cluster: Cluster) -> None:
    """Cilium's operator is available."""
    __tracebackhide__ = True
    assert_program(cluster.cilium.operator, "cilium-operator")
    assert_available(cluster.cilium.operator)


def assert_alone(cluster: Cluster) -> None:
    """Cilium is the cluster's Pod network, and no other one is there beside it."""
    __tracebackhide__ = True
    cilium = cluster.cilium
    others = cilium.other_networks
    if cilium.agents.exists or not others:
        assert_program(cilium.agents, "cilium-agent")
    if others:
        names = listed(others)
        raise Unmet(
            Text(
                en=f"another Pod network is there: {names.en}",
                fr=f"un autre réseau de Pods est là : {names.fr}",
            ),
            wanted=Text(en="Cilium alone", fr="Cilium seul"),
            try_="kubectl get daemonsets -A",
            evidence=tuple(f"{each} in namespace {each.namespace}: {each.ready}/{each.replicas}" for each in others),
        )


def assert_joined(cluster: Cluster) -> None:
    """Every node is Ready, and has an agent that made it known to Cilium and took the taint off."""
    __tracebackhide__ = True
    nodes = cluster.nodes()
    assert_ready(nodes)
    known = {node.name for node in cluster.cilium.nodes}
    for node in nodes:
        if saw := _not_joined(node, known):
            raise Unmet(
                saw,
                wanted=Text(en="a CiliumNode for every node", fr="un CiliumNode pour chaque nœud"),
                try_="kubectl get ciliumnodes",
                evidence=(*(f"ciliumnode/{name}" for name in sorted(known)), *states(nodes)),
            )


def assert_managed(cluster: Cluster) -> None:
    """Every running Pod with a network of its own got it from Cilium: it has a CiliumEndpoint of its name.

    The grader's own Pods do not count: they come and go.
    """
    __tracebackhide__ = True
    pods = [pod for pod in Pod.all(cluster.reading, None) if _has_own_network(pod)]
    known = {(endpoint.namespace, endpoint.name) for endpoint in cluster.cilium.endpoints}
    missing = [pod for pod in pods if (pod.namespace, pod.name) not in known]
    if pods and not missing:
        return
    raise Unmet(
        _unmanaged(missing)
        if pods
        else Text(en="no Pod with a network of its own runs", fr="aucun Pod avec son propre réseau ne tourne"),
        wanted=Text(
            en="a CiliumEndpoint for each Pod that is not on its node's network",
            fr="un CiliumEndpoint pour chaque Pod qui n'est pas sur le réseau de son nœud",
        ),
        try_="kubectl get ciliumendpoints -A",
        evidence=tuple(f"{pod} in namespace {pod.namespace}: {pod.ip}, started {pod.created}" for pod in missing),
    )


def assert_replacement(cluster: Cluster) -> None:
    """Cilium is told to take the place of kube-proxy, in the one way that it understands."""
    __tracebackhide__ = True
    key = "kube-proxy-replacement"
    assert_setting(cluster.cilium, key, "true")


def _not_everywhere(agents: DaemonSet, nodes: int) -> Text:
    """What is missing from a rollout to all nodes; empty when nothing is."""
    if agents.observed < agents.generation:
        return Text(
            en=f"the last change to {agents} has not been taken up by its controller",
            fr=f"la dernière modification de {agents} n'a pas été prise en compte par son contrôleur",
        )
    if agents.replicas != nodes:
        return Text(
            en=f"{agents} is meant for {agents.replicas} of {nodes} nodes",
            fr=f"{agents} est prévu pour {agents.replicas} des {nodes} nœuds",
        )
    if agents.ready >= nodes and agents.updated >= nodes:
        return NOTHING
    more = because(agents)
    return Text(
        en=f"{agents}: {agents.ready} of {nodes} agents are ready, {agents.updated} up to date{more.en}",
        fr=f"{agents} : {agents.ready} agents prêts sur {nodes}, {agents.updated} à jour{more.fr}",
    )


def _counts(agents: DaemonSet) -> str:
    return (
        f"{agents}: generation {agents.generation}, observed {agents.observed}, desired {agents.replicas}, "
        f"ready {agents.ready}, updated {agents.updated}"
    )


def _not_joined(node: Node, known: set[str]) -> Text:
    """What Cilium lacks of a node; empty when nothing."""
    if taints := agent_not_ready(node.taints):
        return Text(en=f"{node} still bears {taints[0]}", fr=f"{node} porte encore {taints[0]}")
    if node.name not in known:
        return Text(en=f"{node} has no CiliumNode", fr=f"{node} n'a pas de CiliumNode")
    return NOTHING


def _has_own_network(pod: Pod) -> bool:
    running = pod.phase == "Running" and not pod.terminating
    return running and not pod.spec.get("hostNetwork") and not OURS.fullmatch(pod.namespace or "")


def _unmanaged(pods: Sequence[Pod]) -> Text:
    names = listed(f"{pod} (namespace {pod.namespace})" for pod in pods[:3])
    more = f", … ({len(pods)})" if len(pods) > 3 else ""
    return Text(
        en=f"not managed by Cilium: {names.en}{more}",
        fr=f"non gérés par Cilium : {names.fr}{more}",
    )
