"""Services that the nodes open to the outside."""

from __future__ import annotations

from collections.abc import Mapping

from checks.endpoints import assert_exactly_behind
from checks.services import not_answered, require_service
from checks.wording import NOTHING, listed
from labgrade.errors import Unmet
from labgrade.facts import Cluster, Node, Pod, Service
from labgrade.probe import Prober, http
from labgrade.text import Text

NODE_PORTS = range(30000, 32768)
"""What the API server hands out and takes, unless its --service-node-port-range says otherwise."""


def assert_node_port(cluster: Cluster, service: Service, *, port: int) -> None:
    """The Service is of type NodePort, and has a port in the usual range on the nodes."""
    __tracebackhide__ = True
    require_service(cluster, service)
    given = service.node_port(port)
    if service.type == "NodePort" and given in NODE_PORTS:
        return
    raise Unmet(
        _closed(service),
        wanted=Text(
            en=f"type NodePort, with a port from {NODE_PORTS.start} to {NODE_PORTS.stop - 1} for port {port}",
            fr=f"le type NodePort, avec un port de {NODE_PORTS.start} à {NODE_PORTS.stop - 1} pour le port {port}",
        ),
        try_=f"kubectl get service {service.name} -n {service.namespace}",
    )


def assert_on_every_node(
    cluster: Cluster, service: Service, probe: Prober, *, labels: Mapping[str, str], port: int
) -> None:
    """Every ready node, with or without a Pod of its own, answers HTTP on the Service's node port."""
    __tracebackhide__ = True
    assert_exactly_behind(cluster, service, labels=labels)
    nodes = [node for node in cluster.nodes() if node.ready]
    pods = [pod for pod in cluster.pods(labels) if pod.ready]
    given = service.node_port(port)
    saw = _keeps_out(service, nodes, pods) if given else _closed(service)
    answers = [] if saw else probe.ask([http(node.ip, given) for node in nodes])
    silent = [(node, answer) for node, answer in zip(nodes, answers, strict=False) if answer.verdict != "http"]
    if silent:
        node, answer = silent[0]
        why = not_answered(service, port, answer)
        saw = Text(
            en=f"{node} does not answer on port {given}: {why.en}",
            fr=f"{node} ne répond pas sur le port {given} : {why.fr}",
        )
    if saw or not nodes:
        raise Unmet(
            saw or Text(en="no node is ready", fr="aucun nœud n'est prêt"),
            wanted=Text(
                en="an HTTP answer from every node, also from those without a Pod",
                fr="une réponse HTTP de chaque nœud, même de ceux qui n'ont pas de Pod",
            ),
            try_=f"kubectl describe service {service.name} -n {service.namespace}",
            evidence=(*(f"{node}: {node.ip}" for node in nodes), *(f"{pod}: on node/{pod.node}" for pod in pods)),
        )


def _closed(service: Service) -> Text:
    """Why the nodes have no such port for a Service: its type, or else its ports."""
    if service.type == "NodePort":
        entries = listed(f"{entry['port']} → {entry.get('nodePort', '?')}" for entry in service.ports)
        return Text(
            en=f"{service} has these ports, each with the node's: {entries.en}",
            fr=f"{service} a ces ports, chacun avec celui du nœud : {entries.fr}",
        )
    if service.type == "LoadBalancer":
        return Text(
            en=f"{service} is of type LoadBalancer, which wants an address from outside the cluster as well",
            fr=f"{service} est de type LoadBalancer, qui veut en plus une adresse venue de l'extérieur du cluster",
        )
    return Text(
        en=f"{service} is of type {service.type}, which opens no port on the nodes",
        fr=f"{service} est de type {service.type}, qui n'ouvre aucun port sur les nœuds",
    )


def _keeps_out(service: Service, nodes: list[Node], pods: list[Pod]) -> Text:
    """A node on which nobody is let in for want of a Pod; empty where there is none."""
    busy = {pod.node for pod in pods}
    empty = next((node for node in nodes if node.name not in busy), None)
    if empty is None or service.spec.get("externalTrafficPolicy") != "Local":
        return NOTHING
    return Text(
        en=f"{service} has externalTrafficPolicy Local, so that {empty}, which has none of the Pods, lets nobody in",
        fr=f"{service} a externalTrafficPolicy Local : {empty}, qui n'a aucun des Pods, ne laisse entrer personne",
    )
