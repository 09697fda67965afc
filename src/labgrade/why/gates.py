"""Which gate of a connection is closed, out of the one Pod or in to the other, as the NetworkPolicies are written."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from ipaddress import ip_address, ip_network
from typing import Literal

from labgrade.facts import Cluster, NetworkPolicy, Pod, policies_on, selects
from labgrade.model import Json
from labgrade.text import Text

Way = Literal["Ingress", "Egress"]

NAMESPACE_NAME = "kubernetes.io/metadata.name"
"""The label that every namespace carries, with its name."""


def closed_gate(cluster: Cluster, source: Pod, target: Pod, port: int, protocol: str = "TCP") -> Text | None:
    """The gate that NetworkPolicies keep closed between two Pods, and which policy closes it.

    None where both are open, or where policies of another kind have a say too.
    """
    if closers := _closers(cluster, source, "Egress", target, target, port, protocol):
        more = _listed(closers)
        return Text(
            en=f"{more.en} out of {source}, and no policy opens the way out to {target} on {protocol} {port}",
            fr=f"{more.fr} la sortie de {source}, et aucune politique n'ouvre la sortie vers {target} sur"
            f" {protocol} {port}",
        )
    if closers := _closers(cluster, target, "Ingress", source, target, port, protocol):
        more = _listed(closers)
        return Text(
            en=f"{more.en} in to {target}, and no policy opens the way in for {source} on {protocol} {port}",
            fr=f"{more.fr} l'entrée de {target}, et aucune politique n'ouvre l'entrée à {source} sur {protocol} {port}",
        )
    return None


def _listed(closers: Sequence[NetworkPolicy]) -> Text:
    row = ", ".join(map(str, closers))
    one = len(closers) == 1
    return Text(en=f"{row} {'closes' if one else 'close'} the way", fr=f"{row} {'ferme' if one else 'ferment'}")


def _closers(
    cluster: Cluster, pod: Pod, way: Way, peer: Pod, server: Pod, port: int, protocol: str
) -> Sequence[NetworkPolicy]:
    """The policies that close this gate of the Pod, where none opens it; empty where it is open or not known."""
    policies = policies_on(cluster, pod)
    plain = [policy for policy in policies if isinstance(policy, NetworkPolicy)]
    closing = [policy for policy in plain if way in policy.types]
    if len(plain) < len(policies) or any(_opens(cluster, each, way, peer, server, port, protocol) for each in closing):
        return []
    return closing


def _opens(cluster: Cluster, policy: NetworkPolicy, way: Way, peer: Pod, server: Pod, port: int, protocol: str) -> bool:
    rules, key = (policy.ingress, "from") if way == "Ingress" else (policy.egress, "to")
    return any(
        _any_or_none(rule.get(key), lambda each: _is(cluster, policy, each, peer))
        and _any_or_none(rule.get("ports"), lambda each: _has(each, server, port, protocol))
        for rule in rules
    )


def _any_or_none(entries: Sequence[Json] | None, holds: Callable[[Json], bool]) -> bool:
    """Whether one of them holds; none at all restrict nothing."""
    return not entries or any(map(holds, entries))


def _is(cluster: Cluster, policy: NetworkPolicy, entry: Json, peer: Pod) -> bool:
    """Whether an entry of `from` or `to` means this Pod."""
    if block := entry.get("ipBlock"):
        return _within(peer.ip, block)
    spaces = entry.get("namespaceSelector")
    if spaces is None and peer.namespace != policy.namespace:
        return False
    if spaces is not None and not selects(spaces, _labels_of(cluster, peer.namespace or "")):
        return False
    return selects(entry.get("podSelector") or {}, peer.labels)


def _labels_of(cluster: Cluster, namespace: str) -> Mapping[str, str]:
    found = cluster.reading.find("Namespace", None, namespace).get("metadata", {})
    return {**(found.get("labels") or {}), NAMESPACE_NAME: namespace}


def _within(ip: str, block: Json) -> bool:
    try:
        address = ip_address(ip)
        return address in ip_network(block.get("cidr", ""), strict=False) and not any(
            address in ip_network(each, strict=False) for each in block.get("except") or []
        )
    except ValueError:
        return False


def _has(entry: Json, server: Pod, port: int, protocol: str) -> bool:
    """Whether an entry of `ports` means this port of the Pod that serves."""
    given = entry.get("port")
    if entry.get("protocol", "TCP") != protocol:
        return False
    if isinstance(given, str):
        declared = [each for container in server.containers.values() for each in container.get("ports") or []]
        return any(each.get("name") == given and each.get("containerPort") == port for each in declared)
    return given is None or given <= port <= entry.get("endPort", given)
