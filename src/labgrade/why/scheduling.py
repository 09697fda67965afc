"""Pods that no node takes: which of the scheduler's reasons is the one to mend."""

from __future__ import annotations

import re
from contextlib import suppress

from kubernetes.utils.quantity import parse_quantity

from labgrade.errors import HarnessError
from labgrade.facts import Node, PersistentVolume, PersistentVolumeClaim, Pod, matches, pairs
from labgrade.facts.reach import why_unreachable
from labgrade.text import Text
from labgrade.why.claims import why_unbound
from labgrade.why.said import brief, if_readable

COUNTED = re.compile(r"\d+ (?P<words>[^,.]+)")
MISSING_CLAIM = re.compile(r'persistentvolumeclaim "(?P<name>[^"]*)" not found')
LEAVING_CLAIM = re.compile(r'persistentvolumeclaim "(?P<name>[^"]*)" is being deleted')
FAR_VOLUME = ("volume node affinity conflict", "PersistentVolume's node affinity")
"""What older and newer schedulers say of nodes where a volume may not be used."""

FAR = Text(
    en="its volume lies on a node that cannot take it",
    fr="son volume se trouve sur un nœud qui ne peut pas l'accueillir",
)

TAINT = "untolerated taint"
SELECTOR = "node affinity/selector"

OTHERS: tuple[tuple[str, Text], ...] = (
    (
        "pod anti-affinity",
        Text(
            en="its podAntiAffinity keeps it away from the Pods that every node already runs",
            fr="son podAntiAffinity l'éloigne des Pods que chaque nœud exécute déjà",
        ),
    ),
    (
        "pod affinity",
        Text(
            en="no node runs a Pod that its podAffinity wants beside it",
            fr="aucun nœud n'exécute un Pod que son podAffinity veut à ses côtés",
        ),
    ),
    (
        "topology spread",
        Text(
            en="its topologySpreadConstraints leave it no node",
            fr="ses topologySpreadConstraints ne lui laissent aucun nœud",
        ),
    ),
    (
        "free ports",
        Text(
            en="the hostPort that it wants is taken on every node",
            fr="le hostPort qu'il demande est pris sur chaque nœud",
        ),
    ),
    *((sign, FAR) for sign in FAR_VOLUME),
    ("Too many pods", Text(en="the nodes are full of Pods", fr="les nœuds sont pleins de Pods")),
    (
        "were unschedulable",
        Text(en="the nodes are cordoned (kubectl uncordon)", fr="les nœuds sont bloqués (kubectl uncordon)"),
    ),
)
"""What the scheduler says of nodes, and what it means."""


def why_unscheduled(pod: Pod, message: str) -> Text:
    """Why no node takes a Pod. `message`: the scheduler's words."""
    cause = _by_claim(pod, message) or _by_node(pod, message)
    return Text(en=f"{pod} has no node: {cause.en}", fr=f"{pod} n'a pas de nœud : {cause.fr}")


def _by_claim(pod: Pod, message: str) -> Text | None:
    if found := MISSING_CLAIM.search(message):
        name = PersistentVolumeClaim(pod.reading, pod.namespace, found["name"])
        return Text(en=f"it uses {name}, which does not exist", fr=f"il utilise {name}, qui n'existe pas")
    if found := LEAVING_CLAIM.search(message):
        name = PersistentVolumeClaim(pod.reading, pod.namespace, found["name"])
        return Text(
            en=f"it uses {name}, which is being deleted", fr=f"il utilise {name}, qui est en cours de suppression"
        )
    if any(sign in message for sign in FAR_VOLUME):
        return _by_volume(pod)
    if "unbound" not in message and "volumes to bind" not in message:
        return None
    return next((cause for claim in _claims(pod) if not claim.bound and (cause := why_unbound(claim))), None)


def _by_volume(pod: Pod) -> Text | None:
    """Which of its volumes lies where it cannot go, and why it cannot."""
    nodes = if_readable(lambda: Node.all(pod.reading, None))
    volumes = [PersistentVolume(pod.reading, None, claim.volume) for claim in _claims(pod) if claim.bound]
    with suppress(HarnessError):
        found = (why_unreachable(volume, pod, nodes) for volume in volumes if nodes and volume.exists)
        return next(filter(None, found), None)
    return None


def _claims(pod: Pod) -> list[PersistentVolumeClaim]:
    return [PersistentVolumeClaim(pod.reading, pod.namespace, name) for name in pod.claims.values()]


def _by_node(pod: Pod, message: str) -> Text:
    of_nodes = message.partition("available: ")[2].partition(". ")[0]
    reasons = [found["words"].strip() for found in COUNTED.finditer(of_nodes)]
    # The control plane's taint is always among them; what speaks against the other nodes is the reason to mend.
    for words in sorted(reasons, key=lambda words: TAINT in words):
        if words.startswith("Insufficient "):
            return _too_big(pod, words.removeprefix("Insufficient ").strip())
        if SELECTOR in words:
            return _picky(pod)
        if TAINT in words:
            return _untolerated(if_readable(lambda: Node.all(pod.reading, None)))
        return next((text for sign, text in OTHERS if sign in words), Text(brief(message), brief(message)))
    return Text(brief(message), brief(message))


def _too_big(pod: Pod, resource: str) -> Text:
    """It asks for more of a resource than any node has left."""
    asked = [str(found) for each in pod.containers.values() if (found := _requests(each).get(resource))]
    nodes = if_readable(lambda: Node.all(pod.reading, None))
    has = [str(found) for node in nodes if (found := (node.status.get("allocatable") or {}).get(resource))]
    want, most = " + ".join(asked) or "?", max(has, key=parse_quantity, default="?")
    if asked and has and sum(map(parse_quantity, asked)) > parse_quantity(most):
        return Text(
            en=f"it requests {resource} {want}, and the largest node has {most} in all",
            fr=f"il demande {resource} {want}, et le plus grand nœud en a {most} en tout",
        )
    return Text(
        en=f"it requests {resource} {want}, and no node has that much left",
        fr=f"il demande {resource} {want}, et aucun nœud n'en a encore autant",
    )


def _requests(container: dict[str, dict[str, dict[str, str]]]) -> dict[str, str]:
    resources = container.get("resources") or {}
    return (resources.get("limits") or {}) | (resources.get("requests") or {})


def _picky(pod: Pod) -> Text:
    """It chooses nodes by labels."""
    wanted = pod.spec.get("nodeSelector") or {}
    if not wanted:
        return _no_affinity(pod)
    asked = pairs(wanted)
    chosen = [node for node in if_readable(lambda: Node.all(pod.reading, None)) if matches(wanted, node.labels)]
    if chosen:
        return _untolerated(chosen)
    return Text(
        en=f"its nodeSelector wants a node labelled {asked}, and none is",
        fr=f"son nodeSelector veut un nœud avec le label {asked}, et aucun ne le porte",
    )


def _no_affinity(pod: Pod) -> Text:
    affinity = (pod.spec.get("affinity") or {}).get("nodeAffinity") or {}
    terms = (affinity.get("requiredDuringSchedulingIgnoredDuringExecution") or {}).get("nodeSelectorTerms") or []
    rules = [rule for term in terms for rule in term.get("matchExpressions") or []]
    asked = ", ".join(f"{r.get('key')} {r.get('operator')} {','.join(r.get('values') or [])}".strip() for r in rules)
    return Text(
        en=f"no node is what its nodeAffinity requires: {asked or '?'}",
        fr=f"aucun nœud n'est ce qu'exige son nodeAffinity : {asked or '?'}",
    )


def _untolerated(nodes: list[Node]) -> Text:
    """The nodes that would do are tainted."""
    keeps = ("NoSchedule", "NoExecute")
    found = [(node, taint) for node in nodes for taint in node.spec.get("taints") or [] if taint.get("effect") in keeps]
    named = ", ".join(f"{node} {_taint(taint)}" for node, taint in found)
    return Text(
        en=f"the nodes that would do carry taints that it does not tolerate: {named or '?'}",
        fr=f"les nœuds possibles portent des taints qu'il ne tolère pas : {named or '?'}",
    )


def _taint(taint: dict[str, str]) -> str:
    value = f"={taint['value']}" if taint.get("value") else ""
    return f"{taint.get('key')}{value}:{taint.get('effect')}"
