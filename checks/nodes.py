"""Nodes: how many there are, whether they work, and how they were made."""

from __future__ import annotations

import ipaddress
from collections.abc import Collection, Sequence

from checks.wording import NOTHING, listed, pairs
from labgrade.errors import Unmet
from labgrade.facts import Cluster, Node, Service
from labgrade.facts.nodes import CONTROL_PLANE
from labgrade.text import Text

KEPT_OUT = ("NoSchedule", "NoExecute")
"""Effects of a taint that keep new Pods away; PreferNoSchedule only asks."""

BY_ITSELF = ("kubernetes.io/", "beta.kubernetes.io/", "node-role.kubernetes.io/", "node.kubernetes.io/")
"""What the labels that every node has begin with."""


def workers(cluster: Cluster) -> list[Node]:
    """The nodes that are no control plane."""
    return [node for node in cluster.nodes() if not node.control_plane]


def control_planes(cluster: Cluster) -> list[Node]:
    """The nodes that are a control plane."""
    return [node for node in cluster.nodes() if node.control_plane]


def assert_nodes(cluster: Cluster, *, least_workers: int) -> None:
    """There is a control plane, and at least so many workers."""
    __tracebackhide__ = True
    planes, others = control_planes(cluster), workers(cluster)
    if planes and len(others) >= least_workers:
        return
    raise Unmet(
        Text(
            en=f"control planes: {listed(planes).en}; workers: {listed(others).en}",
            fr=f"plans de contrôle : {listed(planes).fr} ; workers : {listed(others).fr}",
        ),
        wanted=Text(
            en=f"a control plane and at least {least_workers} workers",
            fr=f"un plan de contrôle et au moins {least_workers} workers",
        ),
        try_="kubectl get nodes",
        evidence=states(cluster.nodes()),
    )


def assert_ready(nodes: Sequence[Node]) -> None:
    """Every node is Ready, short of nothing, and has lost the taints of its first moments."""
    __tracebackhide__ = True
    for node in nodes:
        if saw := _not_ready(node):
            raise Unmet(
                saw,
                wanted=Text(en="every node Ready", fr="tous les nœuds Ready"),
                try_=f"kubectl describe node {node.name}",
                evidence=states(nodes),
            )


def assert_reserved(planes: Sequence[Node]) -> None:
    """Each control plane still bears the taint that keeps ordinary Pods away."""
    __tracebackhide__ = True
    for node in planes:
        if not any(taint.key in CONTROL_PLANE and taint.effect in KEPT_OUT for taint in node.taints):
            borne = listed(node.taints)
            raise Unmet(
                Text(
                    en=f"{node} takes in every Pod; its taints: {borne.en}",
                    fr=f"{node} accueille tous les Pods ; ses taints : {borne.fr}",
                ),
                wanted=f"{CONTROL_PLANE[0]}:NoSchedule",
                try_=f"kubectl describe node {node.name}",
                evidence=states(planes),
            )


def assert_ranges(cluster: Cluster, *, pods: str, services: str) -> None:
    """Pods and Services get their addresses from the ranges asked for, given as IPv4 CIDRs.

    Half of the points for one of the two.
    """
    __tracebackhide__ = True
    nodes, api = cluster.nodes(), Service(cluster.reading, "default", "kubernetes")
    given = [found for node in nodes for found in node.pod_ranges]
    right = {
        pods: bool(nodes) and all(_some_in(node.pod_ranges, pods) for node in nodes),
        services: _some_in([api.cluster_ip], services),
    }
    if all(right.values()):
        return
    raise Unmet(
        Text(
            en=f"the nodes give their Pods addresses of {listed(given).en}; "
            f"the Service {api.name} has {api.cluster_ip or 'none'}",
            fr=f"les nœuds donnent à leurs Pods des adresses de {listed(given).fr} ; "
            f"le Service {api.name} a {api.cluster_ip or 'aucune adresse'}",
        ),
        wanted=Text(
            en=f"Pods in {pods}, Services in {services}", fr=f"les Pods dans {pods}, les Services dans {services}"
        ),
        try_="kubectl get nodes -o custom-columns=NODE:.metadata.name,PODS:.spec.podCIDR",
        credit=0.5 if any(right.values()) else 0.0,
        evidence=states(nodes),
    )


def assert_zones(nodes: Sequence[Node], *, label: str, zones: Collection[str]) -> None:
    """Each node carries the label with one of these values, and each of the values is on a node."""
    __tracebackhide__ = True
    missing = [zone for zone in zones if zone not in {node.labels.get(label) for node in nodes}]
    wrong = next((node for node in nodes if node.labels.get(label) not in zones), None)
    if wrong is None and not missing:
        return
    raise Unmet(
        _carries(wrong, label)
        if wrong
        else Text(en=f"no node has {label}={missing[0]}", fr=f"aucun nœud n'a {label}={missing[0]}"),
        wanted=Text(
            en=f"{label} on every worker: {listed(zones).en}", fr=f"{label} sur chaque worker : {listed(zones).fr}"
        ),
        try_=f"kubectl get nodes -L {label}",
        evidence=tuple(f"{node}: {pairs(_own_labels(node)) or 'no labels of its own'}" for node in nodes),
    )


def states(nodes: Sequence[Node]) -> tuple[str, ...]:
    """One line of evidence a node."""
    return tuple(
        f"{node}: {'control plane' if node.control_plane else 'worker'}, {'Ready' if node.ready else 'not Ready'}, "
        f"Pods in {listed(node.pod_ranges).en}, taints: {listed(node.taints).en}"
        for node in nodes
    )


def _not_ready(node: Node) -> Text:
    """What is wrong with a node; empty when nothing is."""
    if not node.ready:
        message = node.condition("Ready").get("message", "")
        return Text(en=f"{node} is not Ready: {message}", fr=f"{node} n'est pas Ready : {message}")
    if node.pressures:
        short = listed(node.pressures)
        return Text(en=f"{node} reports {short.en}", fr=f"{node} signale {short.fr}")
    left = node.not_ready_taints
    return Text(en=f"{node} still bears {left[0]}", fr=f"{node} porte encore {left[0]}") if left else NOTHING


def _carries(node: Node, label: str) -> Text:
    if label in node.labels:
        return Text(en=f"{node} has {label}={node.labels[label]}", fr=f"{node} a {label}={node.labels[label]}")
    own = pairs(_own_labels(node))
    return Text(
        en=f"{node} has no label {label}{f', but {own}' if own else ''}",
        fr=f"{node} n'a pas de label {label}{f', mais {own}' if own else ''}",
    )


def _own_labels(node: Node) -> dict[str, str]:
    """The labels that somebody gave it."""
    return {key: value for key, value in node.labels.items() if not key.startswith(BY_ITSELF)}


def _some_in(given: Collection[str], asked: str) -> bool:
    """Whether one of these ranges or addresses lies within the range that is asked for; only IPv4 counts."""
    return any(_within(each, ipaddress.IPv4Network(asked)) for each in given)


def _within(given: str, whole: ipaddress.IPv4Network) -> bool:
    try:
        return ipaddress.IPv4Network(given).subnet_of(whole)
    except ValueError:
        return False
