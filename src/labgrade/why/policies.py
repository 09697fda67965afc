"""What a network policy lets in and out, in one line: evidence beside a connection that it decided on."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from labgrade.facts import CiliumNetworkPolicy, NetworkPolicy, Policy
from labgrade.model import Json
from labgrade.text import Text, text

EVERY_POD = Text(en="every Pod", fr="tous les Pods")
NOTHING = Text(en="nothing", fr="rien")
UNTOUCHED = Text(en="not restricted by it", fr="non restreint par elle")

IN = Text(en="in", fr="entrée")
OUT = Text(en="out", fr="sortie")

SECTIONS: Mapping[str, tuple[Text, str]] = {
    "ingress": (IN, "from"),
    "egress": (OUT, "to"),
    "ingressDeny": (Text(en="in, denied", fr="entrée, refusé"), "from"),
    "egressDeny": (Text(en="out, denied", fr="sortie, refusé"), "to"),
}
"""The parts of a CiliumNetworkPolicy that carry rules, and how the keys of their peers begin."""


def explained(policy: Policy) -> Text:
    """Whom the policy selects, and what it lets in and out: `networkpolicy/web selects app=web; in: …; out: …`."""
    if isinstance(policy, CiliumNetworkPolicy):
        return _joined([_cilium_part(policy, part) for part in policy.specs], " | ") or text(repr(policy))
    return _joined([_selects(policy, policy.pod_selector), _section(policy, "Ingress"), _section(policy, "Egress")])


def selector_words(selector: Json) -> str:
    """A label selector the way `kubectl -l` takes it; empty where it selects all."""
    plain = [f"{key}={value}" for key, value in sorted((selector.get("matchLabels") or {}).items())]
    return ",".join([*plain, *(_expression(each) for each in selector.get("matchExpressions") or [])])


def _expression(expression: Json) -> str:
    key, values = str(expression.get("key")), ",".join(expression.get("values") or [])
    match expression.get("operator"):
        case "In":
            return f"{key} in ({values})"
        case "NotIn":
            return f"{key} notin ({values})"
        case "DoesNotExist":
            return f"!{key}"
        case _:
            return key


def _selects(policy: Policy, selector: Json) -> Text:
    who = text(selector_words(selector)) or EVERY_POD
    return Text(en=f"{policy} selects {who.en}", fr=f"{policy} choisit {who.fr}")


def _section(policy: NetworkPolicy, direction: str) -> Text:
    """One direction of a NetworkPolicy."""
    inwards = direction == "Ingress"
    rules, peers = (policy.ingress, "from") if inwards else (policy.egress, "to")
    allowed = [_on(_anyone_of([_peer(each) for each in rule.get(peers) or []]), _ports(rule)) for rule in rules]
    said = UNTOUCHED if direction not in policy.types else _joined(allowed, " + ") or NOTHING
    return _labelled(IN if inwards else OUT, said)


def _peer(peer: Json) -> Text:
    if block := peer.get("ipBlock"):
        out = f" except {', '.join(block['except'])}" if block.get("except") else ""
        return Text(en=f"{block.get('cidr')}{out}", fr=f"{block.get('cidr')}{out.replace('except', 'sauf')}")
    pods = text(selector_words(peer.get("podSelector") or {})) or EVERY_POD
    if peer.get("namespaceSelector") is None:
        return Text(en=f"{pods.en} of its namespace", fr=f"{pods.fr} de son namespace")
    if spaces := selector_words(peer["namespaceSelector"]):
        return Text(en=f"{pods.en} of namespaces with {spaces}", fr=f"{pods.fr} des namespaces {spaces}")
    return Text(en=f"{pods.en} of every namespace", fr=f"{pods.fr} de tous les namespaces")


def _ports(rule: Json) -> Sequence[str]:
    return [_port(each) for each in rule.get("ports") or []]


def _port(port: Json) -> str:
    end = f"-{port['endPort']}" if port.get("endPort") else ""
    number = f" {port['port']}{end}" if "port" in port else ""
    return f"{port.get('protocol', 'TCP')}{number}"


def _on(who: Text, ports: Sequence[str]) -> Text:
    if not ports:
        return Text(en=f"{who.en} on every port", fr=f"{who.fr} sur tout port")
    row = ", ".join(ports)
    return Text(en=f"{who.en} on {row}", fr=f"{who.fr} sur {row}")


def _anyone_of(peers: Sequence[Text]) -> Text:
    return _joined(peers, " / ") or Text(en="anybody", fr="n'importe qui")


def _cilium_part(policy: CiliumNetworkPolicy, part: Json) -> Text:
    sections = [
        _labelled(label, _joined([_cilium_rule(rule, peers) for rule in part[key] or []], " + ") or NOTHING)
        for key, (label, peers) in SECTIONS.items()
        if key in part
    ]
    return _joined([_selects(policy, part.get("endpointSelector") or {}), *sections])


def _cilium_rule(rule: Json, peers: str) -> Text:
    if not rule:
        return NOTHING
    who = [text(words) if words else EVERY_POD for key in rule if key.startswith(peers) for words in _named(rule, key)]
    ports = [words for each in rule.get("toPorts") or [] for words in _cilium_ports(each)]
    return _on(_anyone_of(who), ports)


def _named(rule: Json, key: str) -> list[str]:
    """The peers under one key of a rule of Cilium's, in the words that it uses itself."""
    if key == "toPorts":
        return []
    if key.endswith("Endpoints"):
        return [selector_words(each) for each in rule[key] or []]
    names = [each if isinstance(each, str) else ",".join(map(str, each.values())) for each in rule[key] or []]
    what = key.removeprefix("from").removeprefix("to")
    return [f"{what} {name}" for name in names]


def _cilium_ports(entry: Json) -> list[str]:
    requests = [f"{each.get('method', '*')} {each.get('path', '*')}" for each in _rules(entry, "http")]
    names = [str(each.get("matchPattern") or each.get("matchName")) for each in _rules(entry, "dns")]
    more = f" ({', '.join([*requests, *names])})" if requests or names else ""
    return [f"{each.get('protocol', 'ANY')} {each.get('port')}{more}" for each in entry.get("ports") or []]


def _rules(entry: Json, kind: str) -> list[Json]:
    return (entry.get("rules") or {}).get(kind) or []


def _labelled(label: Text, said: Text) -> Text:
    return Text(en=f"{label.en}: {said.en}", fr=f"{label.fr} : {said.fr}")


def _joined(parts: Sequence[Text], by: str = "") -> Text:
    """The parts in a row, with semicolons between them unless told; empty without parts."""
    return Text(en=(by or "; ").join(part.en for part in parts), fr=(by or " ; ").join(part.fr for part in parts))
