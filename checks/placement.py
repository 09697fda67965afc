"""Pods on the nodes: who takes them in, and whom they reach from there."""

from __future__ import annotations

from collections.abc import Sequence

from checks.nodes import KEPT_OUT, states
from checks.wording import NOTHING, listed
from labgrade.errors import Unmet
from labgrade.facts import Node
from labgrade.probe import PORT, Answer, Prober
from labgrade.text import Text

API_SERVER = "kubernetes.default.svc"


def assert_welcoming(nodes: Sequence[Node], probe: Prober) -> None:
    """None of these nodes keeps ordinary Pods away; one that runs there reaches the API server by its name."""
    __tracebackhide__ = True
    for node in nodes:
        if saw := _shut(node):
            raise Unmet(
                saw,
                wanted=Text(
                    en="workers that take in ordinary Pods", fr="des workers qui accueillent les Pods ordinaires"
                ),
                try_=f"kubectl describe node {node.name}",
                evidence=states(nodes),
            )
    if probe.node not in {node.name for node in nodes}:
        raise Unmet(
            Text(en=f"an ordinary Pod landed on {probe.node}", fr=f"un Pod ordinaire a atterri sur {probe.node}"),
            wanted=Text(en="on a worker", fr="sur un worker"),
            try_="kubectl get pods -A -o wide",
            evidence=states(nodes),
        )
    answer = probe.tcp(API_SERVER, 443)
    if not answer.connected:
        raise Unmet(
            Text(
                en=f"a Pod on {probe.node} does not reach {API_SERVER}: {answer.verdict}",
                fr=f"un Pod sur {probe.node} ne joint pas {API_SERVER} : {answer.verdict}",
            ),
            wanted=Text(en="a connection to port 443", fr="une connexion au port 443"),
            try_="kubectl get pods -n kube-system -o wide",
        )


def assert_pods_meet(nodes: Sequence[Node], probe: Prober) -> None:
    """A Pod on the first of these nodes and one on the second reach each other by address, both ways."""
    __tracebackhide__ = True
    one, other = nodes[:2]
    here, there = probe.on(one), probe.on(other)
    if here.ip == there.ip:
        raise Unmet(
            Text(
                en=f"a Pod on {one} and one on {other} have the same address, {here.ip}",
                fr=f"un Pod sur {one} et un autre sur {other} ont la même adresse, {here.ip}",
            ),
            wanted=Text(en="an address for each Pod", fr="une adresse pour chaque Pod"),
            try_="kubectl get nodes -o custom-columns=NODE:.metadata.name,PODS:.spec.podCIDR",
        )
    answers = ((one, other, here.tcp(there.ip, PORT)), (other, one, there.tcp(here.ip, PORT)))
    for source, target, answer in answers:
        if not answer.connected:
            raise Unmet(
                _not_reached(source, target, answer),
                wanted=Text(en="Pods reach each other on every node", fr="les Pods se joignent d'un nœud à l'autre"),
                try_="kubectl get pods -n kube-system -o wide",
            )


def _shut(node: Node) -> Text:
    """What keeps ordinary Pods away from a node; empty when nothing does."""
    if node.spec.get("unschedulable"):
        return Text(
            en=f"{node} is cordoned: it takes in no new Pods",
            fr=f"{node} est mis à l'écart (cordon) : il n'accueille plus de nouveaux Pods",
        )
    taints = [taint for taint in node.taints if taint.effect in KEPT_OUT]
    if not taints:
        return NOTHING
    return Text(
        en=f"{node} keeps ordinary Pods away: {listed(taints).en}",
        fr=f"{node} tient les Pods ordinaires à distance : {listed(taints).fr}",
    )


def _not_reached(source: Node, target: Node, answer: Answer) -> Text:
    return Text(
        en=f"from {source}, a Pod on {target} is not reached: {answer.verdict}",
        fr=f"depuis {source}, un Pod sur {target} n'est pas joint : {answer.verdict}",
    )
