"""What policies open of a port: by rules that read requests, or whatever is asked there."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from checks.wording import listed, pairs
from labgrade.facts import CiliumNetworkPolicy, Cluster, NetworkPolicy, Pod, matches
from labgrade.facts.policies import Policy, picks_endpoint
from labgrade.model import Json
from labgrade.text import Text, following
from labgrade.why.policies import selector_words

EVERY_PORT = "0"
"""Stands for all ports in a rule of Cilium's."""


@dataclass(frozen=True, slots=True)
class Way:
    """Who may ask whom: Pods labelled `source` those labelled `to`, on this TCP port of theirs."""

    source: Mapping[str, str]
    to: Mapping[str, str]
    port: int


def wrong_pods(cluster: Cluster, policy: CiliumNetworkPolicy, way: Way) -> Text | None:
    """A Pod that the policy selects and should not, or the other way round; None where it selects the right ones."""
    chosen = listed(words for part in policy.specs if (words := selector_words(part.get("endpointSelector") or {})))
    what = chosen if chosen.en != "none" else Text(en="every Pod", fr="tous les Pods")
    for pod in cluster.pods():
        selected = policy.selects(pod)
        if selected != matches(way.to, pod.labels):
            return Text(
                en=f"{policy} selects {what.en}, and {'so' if selected else 'not'} {pod} ({pairs(pod.labels)})",
                fr=f"{policy} choisit {what.fr}, {'donc' if selected else 'et non'} {pod} ({pairs(pod.labels)})",
            )
    return None


def wrong_rules(cluster: Cluster, policy: CiliumNetworkPolicy, way: Way, pod: Pod) -> Text | None:
    """What the policy lets in to the Pod that it should not, or fails to let in; None where its rules are right."""
    every: list[Json] = [rule for part in policy.specs for rule in part.get("ingress") or []]
    rules = [rule for rule in every if rule and "icmps" not in rule]
    if not rules:
        return Text(en=f"{policy} lets nobody in", fr=f"{policy} ne laisse entrer personne")
    peers = (saw for rule in rules if (saw := _wrong_peers(cluster, policy, rule, way)))
    return next(peers, None) or _wrong_ports(cluster, policy, rules, way, pod)


def opens(policy: Policy, way: Way, pod: Pod) -> bool:
    """Whether the policy, which selects the Pod, lets anybody in to the port whatever is asked there."""
    if isinstance(policy, NetworkPolicy):
        rules = policy.ingress if "Ingress" in policy.types else []
        return any(not rule.get("ports") or any(_is(port, way, pod) for port in rule["ports"]) for rule in rules)
    return any(_opens_blindly(rule, way, pod) for part in policy.specs for rule in part.get("ingress") or [])


def _wrong_peers(cluster: Cluster, policy: CiliumNetworkPolicy, rule: Json, way: Way) -> Text | None:
    others = listed(sorted(key for key in rule if key.startswith("from") and key != "fromEndpoints"))
    if others.en != "none":
        return Text(
            en=f"{policy} lets in whoever {others.en} names", fr=f"{policy} laisse entrer qui {others.fr} désigne"
        )
    if "fromEndpoints" not in rule:
        return Text(
            en=f"{policy} has a rule without fromEndpoints, which lets in everybody",
            fr=f"{policy} contient une règle sans fromEndpoints, ce qui laisse entrer tout le monde",
        )
    for pod in cluster.pods():
        let_in = any(picks_endpoint(selector, pod) for selector in rule["fromEndpoints"] or [])
        if let_in != matches(way.source, pod.labels):
            return Text(
                en=f"{policy} {'lets in' if let_in else 'does not let in'} {pod} ({pairs(pod.labels)})",
                fr=f"{policy} {'laisse' if let_in else 'ne laisse pas'} entrer {pod} ({pairs(pod.labels)})",
            )
    return None


def _wrong_ports(
    cluster: Cluster, policy: CiliumNetworkPolicy, rules: Sequence[Json], way: Way, pod: Pod
) -> Text | None:
    if not all(rule.get("toPorts") for rule in rules):
        return Text(en=f"{policy} opens every port: no toPorts", fr=f"{policy} ouvre tous les ports : pas de toPorts")
    entries: list[Json] = [entry for rule in rules for entry in rule["toPorts"]]
    right = [entry for entry in entries if _is_about(entry, way, pod)]
    if not right:
        ports: list[Json] = [port for entry in entries for port in entry.get("ports") or []]
        given = listed(f'"{port.get("port")}" {port.get("protocol", "")}'.strip() for port in ports)
        more = following(_service_port(cluster, ports, way))
        return Text(
            en=f"{policy} opens port {given.en}, and not {way.port} TCP, where the Pods listen{more.en}",
            fr=f"{policy} ouvre le port {given.fr}, et non {way.port} TCP, où les Pods écoutent{more.fr}",
        )
    if all(_reads_requests(entry) for entry in right):
        return None
    return Text(
        en=f"{policy} opens port {way.port} without rules.http, to every request",
        fr=f"{policy} ouvre le port {way.port} sans rules.http, à toute requête",
    )


def _service_port(cluster: Cluster, ports: Sequence[Json], way: Way) -> Text | None:
    """That a port which is given is a Service's: policies see packets when they are past it."""
    given = {str(port.get("port")) for port in ports}
    for service in cluster.services():
        if matches(service.selector, way.to) and given & {str(entry["port"]) for entry in service.ports}:
            return Text(en=f"that is the port of {service}", fr=f"c'est le port de {service}")
    return None


def _opens_blindly(rule: Json, way: Way, pod: Pod) -> bool:
    """Whether a rule of Cilium's opens the port without reading requests; one that names nothing allows nothing."""
    if "toPorts" not in rule:
        return any(key.startswith("from") for key in rule) and "icmps" not in rule
    return any(_is_about(entry, way, pod) and not _reads_requests(entry) for entry in rule["toPorts"] or [])


def _is_about(entry: Json, way: Way, pod: Pod) -> bool:
    """Whether an entry of `toPorts` is about the port; one without ports is about all of them."""
    return not entry.get("ports") or any(_is(port, way, pod) for port in entry["ports"])


def _reads_requests(entry: Json) -> bool:
    return bool((entry.get("rules") or {}).get("http"))


def _is(port: Json, way: Way, pod: Pod) -> bool:
    """Whether an entry of `ports` is about the port: by number, range or name, in either kind of policy."""
    if port.get("protocol", "TCP") not in {"TCP", "ANY"}:
        return False
    first = str(port.get("port", EVERY_PORT))
    if not first.isdecimal():
        return (first, way.port) in set(_named(pod))
    return first == EVERY_PORT or int(first) <= way.port <= int(port.get("endPort") or first)


def _named(pod: Pod) -> Iterator[tuple[str, int]]:
    for container in pod.containers.values():
        for port in container.get("ports") or []:
            yield str(port.get("name")), int(port["containerPort"])
