"""What a NetworkPolicy lets in, beside what it should: the typical ways to open too much, or the wrong thing."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeAlias

from checks.wording import pairs
from labgrade.facts import Cluster, NetworkPolicy, matches, selects
from labgrade.model import Json
from labgrade.text import Text
from labgrade.why.policies import selector_words

Labels: TypeAlias = Mapping[str, str]

NAMESPACE_NAME = "kubernetes.io/metadata.name"
"""The label that every namespace carries, with its name."""


@dataclass(frozen=True, slots=True)
class Opening:
    """The one thing that may be let in: to whom, from whom of the same namespace, on which port of the Pods."""

    cluster: Cluster
    to: Labels
    source: Labels
    port: int
    protocol: str

    def strangers(self, labels: Labels) -> Iterator[Labels]:
        """Labels of Pods that do not carry `labels`: of nobody in particular, and of those that are there."""
        yield {}
        yield dict.fromkeys(labels, "somebody-else")
        yield from (pod.labels for pod in self.cluster.pods() if not matches(labels, pod.labels))

    @property
    def home(self) -> Labels:
        """Labels of the lab's namespace."""
        return self._space(self.cluster.namespace) | {NAMESPACE_NAME: self.cluster.namespace}

    def abroad(self) -> Iterator[Labels]:
        """Labels of other namespaces: of one that might be, and of those that are there."""
        yield {NAMESPACE_NAME: "elsewhere"}
        for each in self.cluster.reading.items("Namespace", None):
            if (name := each["metadata"]["name"]) != self.cluster.namespace:
                yield self._space(name) | {NAMESPACE_NAME: name}

    def named(self, name: str) -> int:
        """The number of a port of the Pods that is called so; 0 where none is."""
        pods = self.cluster.pods(self.to)
        declared = (port for pod in pods for each in pod.containers.values() for port in each.get("ports") or [])
        return next((int(port["containerPort"]) for port in declared if port.get("name") == name), 0)

    def service_of(self, port: int) -> str:
        """The Service that leads from this port to the right one of the Pods, as kubectl names it; empty for none."""
        for service in self.cluster.services():
            target = service.entry(port).get("targetPort", port)
            number = self.named(target) if isinstance(target, str) else int(target)
            if matches(service.selector, self.to) and service.entry(port) and number == self.port:
                return repr(service)
        return ""

    def _space(self, name: str) -> dict[str, str]:
        return self.cluster.reading.find("Namespace", None, name).get("metadata", {}).get("labels") or {}


def too_much(policy: NetworkPolicy, wish: Opening) -> Text | None:
    """What the policy lets in that it should not, or fails to let in; None where it is the very thing."""
    if any(selects(policy.pod_selector, labels) for labels in wish.strangers(wish.to)):
        who = selector_words(policy.pod_selector)
        return Text(
            en=f"{policy} opens not only {pairs(wish.to)}: it selects {who or 'every Pod'}",
            fr=f"{policy} n'ouvre pas seulement {pairs(wish.to)} : elle choisit {who or 'tous les Pods'}",
        )
    rules = policy.ingress
    return next((saw for rule in rules if (saw := _peers(policy, rule, wish) or _ports(policy, rule, wish))), None)


def _peers(policy: NetworkPolicy, rule: Json, wish: Opening) -> Text | None:
    peers: Sequence[Json] = rule.get("from") or []
    if not peers:
        return Text(
            en=f"{policy} has a rule without anybody in `from`, which lets in everybody",
            fr=f"{policy} contient une règle sans personne dans `from`, ce qui laisse entrer tout le monde",
        )
    saw = next((saw for peer in peers if (saw := _peer(policy, peer, wish))), None)
    if saw and _two_for_one(peers):
        return Text(
            en=f"{policy} has podSelector and namespaceSelector as two items of `from`: either is enough",
            fr=f"{policy} a podSelector et namespaceSelector en deux éléments de `from` : l'un ou l'autre suffit",
        )
    return saw


def _two_for_one(peers: Sequence[Json]) -> bool:
    """Whether what was meant as one item (and) was written as two (or)."""
    keys = [set(peer) for peer in peers]
    return {"podSelector"} in keys and {"namespaceSelector"} in keys


def _peer(policy: NetworkPolicy, peer: Json, wish: Opening) -> Text | None:
    if "ipBlock" in peer:
        cidr = peer["ipBlock"].get("cidr")
        return Text(
            en=f"{policy} lets in whoever has an address of {cidr}",
            fr=f"{policy} laisse entrer quiconque a une adresse de {cidr}",
        )
    return _from_spaces(policy, peer, wish) or _from_pods(policy, peer.get("podSelector") or {}, wish)


def _from_spaces(policy: NetworkPolicy, peer: Json, wish: Opening) -> Text | None:
    selector = peer.get("namespaceSelector")
    if selector is None:
        return None
    if not selects(selector, wish.home):
        asked = selector_words(selector)
        return Text(
            en=f"{policy} lets in from namespaces with {asked}, which {wish.cluster.namespace} does not carry",
            fr=f"{policy} laisse entrer depuis les namespaces {asked}, ce que {wish.cluster.namespace} ne porte pas",
        )
    if any(selects(selector, labels) for labels in wish.abroad()):
        words = selector_words(selector)
        return Text(
            en=f"{policy} lets in from {f'all namespaces with {words}' if words else 'every namespace'}",
            fr=f"{policy} laisse entrer depuis {f'tous les namespaces {words}' if words else 'tous les namespaces'}",
        )
    return None


def _from_pods(policy: NetworkPolicy, selector: Json, wish: Opening) -> Text | None:
    words, asked = selector_words(selector), pairs(wish.source)
    if not selects(selector, wish.source):
        return Text(
            en=f"{policy} lets in {words}, which Pods labelled {asked} do not meet",
            fr=f"{policy} laisse entrer {words}, ce que les Pods {asked} ne remplissent pas",
        )
    if any(selects(selector, labels) for labels in wish.strangers(wish.source)):
        return Text(
            en=f"{policy} lets in {words or 'every Pod'}, and not {asked} alone",
            fr=f"{policy} laisse entrer {words or 'tous les Pods'}, et pas seulement {asked}",
        )
    return None


def _ports(policy: NetworkPolicy, rule: Json, wish: Opening) -> Text | None:
    ports: Sequence[Json] = rule.get("ports") or []
    if not ports:
        return Text(en=f"{policy} opens every port", fr=f"{policy} ouvre tous les ports")
    return next((saw for port in ports if (saw := _port(policy, port, wish))), None)


def _port(policy: NetworkPolicy, entry: Json, wish: Opening) -> Text | None:
    protocol, given = entry.get("protocol", "TCP"), entry.get("port")
    number = wish.named(given) if isinstance(given, str) else given
    single = entry.get("endPort", given) == given
    if protocol == wish.protocol and number == wish.port and single:
        return None
    if number and number != wish.port and single and (service := wish.service_of(number)):
        return Text(
            en=f"{policy} opens port {number}, the port of {service}: a policy sees the port of the Pod",
            fr=f"{policy} ouvre le port {number}, celui de {service} : une politique voit le port du Pod",
        )
    words = f"{given}" if single else f"{given}-{entry['endPort']}"
    return Text(
        en=f"{policy} opens {protocol} {'every port' if given is None else words}",
        fr=f"{policy} ouvre {protocol} {'tous les ports' if given is None else words}",
    )
