"""What a Pod network carries: Pods to Pods on other nodes, names, Services, and the ports of nodes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from checks.names import DOMAIN
from checks.wording import listed
from labgrade.cluster.ownservice import Opened, OwnService
from labgrade.errors import Unmet
from labgrade.facts import Cluster, Node, Service
from labgrade.probe import PORT, Prober, Question, dns, http, tcp
from labgrade.text import Text

API_SERVER = f"kubernetes.default.{DOMAIN}"


def assert_carries(cluster: Cluster, probe: Prober) -> None:
    """Pods on two nodes reach each other by address, learn a name from DNS, and reach a Service by its name."""
    __tracebackhide__ = True
    nodes = sorted(cluster.nodes(), key=lambda node: node.control_plane)[:2]
    if len(nodes) < 2:
        raise Unmet(
            Text(en=f"there is only {nodes[0]}", fr=f"il n'y a que {nodes[0]}")
            if nodes
            else Text(en="there is no node", fr="il n'y a aucun nœud"),
            wanted=Text(en="at least two nodes", fr="au moins deux nœuds"),
            try_="kubectl get nodes",
        )
    here, there = (probe.on(node) for node in nodes)
    api = Service(cluster.reading, "default", "kubernetes").cluster_ip
    asked = _questions(nodes, here, there)
    answers = probe.cells(asked)
    for (source, target), answer in answers.items():
        if not answer.connected or (target == "DNS" and api not in answer.addresses):
            found = listed(answer.addresses)
            seen = f"{answer.seen}, {found.en}" if target == "DNS" and answer.connected else answer.seen
            raise Unmet(
                Text(en=f"{source} → {target}: {seen}", fr=f"{source} → {target} : {seen}"),
                wanted=Text(
                    en="Pods reach Pods on other nodes, DNS and Services",
                    fr="les Pods joignent les Pods d'autres nœuds, le DNS et les Services",
                ),
                try_="kubectl get pods -n kube-system -o wide",
                evidence=tuple(map(str, answers.values())),
            )


def assert_services_carried(cluster: Cluster, probe: Prober, own_service: OwnService) -> None:
    """No kube-proxy runs, and a Service of ours is reached all the same: at its address, and at each node's port."""
    __tracebackhide__ = True
    if left := cluster.cilium.kube_proxies:
        names = listed(left)
        raise Unmet(
            Text(en=f"kube-proxy still runs: {names.en}", fr=f"kube-proxy tourne encore : {names.fr}"),
            wanted=Text(en="no kube-proxy", fr="pas de kube-proxy"),
            try_="kubectl get pods -n kube-system -l k8s-app=kube-proxy",
        )
    nodes = cluster.nodes()
    source = probe.on(nodes[0])
    opened = own_service.opened(probe.ip, PORT)
    doors = _doors(opened, nodes)
    answers = dict(zip(doors, source.ask([http(host, port) for host, port in doors.values()]), strict=True))
    shut = [name for name, answer in answers.items() if not answer.connected]
    if shut:
        answer = answers[shut[0]]
        raise Unmet(
            Text(
                en=f"a Service of ours does not answer on {shut[0]}: {answer.seen}",
                fr=f"un Service à nous ne répond pas sur {shut[0]} : {answer.seen}",
            ),
            wanted=Text(
                en="Services that answer without kube-proxy, by ClusterIP and by NodePort",
                fr="des Services qui répondent sans kube-proxy, par ClusterIP et par NodePort",
            ),
            try_="kubectl exec -n kube-system ds/cilium -c cilium-agent -- cilium-dbg status --verbose",
            evidence=tuple(map(str, answers.values())),
        )


def _questions(nodes: Sequence[Node], here: Prober, there: Prober) -> dict[tuple[str, str], tuple[Prober, Question]]:
    asked: dict[tuple[str, str], tuple[Prober, Question]] = {}
    for (node, source), (other, target) in (
        ((nodes[0], here), (nodes[1], there)),
        ((nodes[1], there), (nodes[0], here)),
    ):
        row = f"Pod on {node}"
        asked[row, f"Pod on {other}"] = source, tcp(target.ip, PORT)
        asked[row, "DNS"] = source, dns(API_SERVER)
        asked[row, "Service kubernetes"] = source, tcp(API_SERVER, 443)
    return asked


def _doors(opened: Opened, nodes: Sequence[Node]) -> Mapping[str, tuple[str, int]]:
    """Where a Service must answer, by what students call it."""
    at_nodes = {f"port {opened.node_port} of {node}": (node.ip, opened.node_port) for node in nodes}
    return {f"ClusterIP {opened.cluster_ip}": (opened.cluster_ip, opened.port), **at_nodes}
