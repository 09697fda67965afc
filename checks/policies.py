"""NetworkPolicies as objects: whether they close a namespace, and whether they open no more than is asked."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from checks.openings import Opening, too_much
from checks.wording import listed, pairs
from labgrade.errors import Unmet
from labgrade.facts import Cluster, NetworkPolicy, selects
from labgrade.text import Text, following
from labgrade.why.policies import explained, selector_words

DIRECTIONS = ("Ingress", "Egress")
OURS = "app.kubernetes.io/managed-by"


def assert_denies_all(cluster: Cluster) -> None:
    """Every Pod of the namespace is closed in both directions, by policies that select all Pods and allow nothing.

    One policy may do it, or one for each direction; names do not matter.
    """
    __tracebackhide__ = True
    policies = _require_policies(cluster)
    still_open = [way for way in DIRECTIONS if not any(_closes(policy, way) for policy in policies)]
    if still_open:
        raise Unmet(
            _why_open(policies, still_open),
            wanted=Text(
                en="a policy that selects every Pod, restricts Ingress and Egress, and allows nothing",
                fr="une politique qui choisit tous les Pods, restreint Ingress et Egress, et n'autorise rien",
            ),
            try_=f"kubectl describe networkpolicies -n {cluster.namespace}",
            evidence=_lines(policies),
        )


def assert_lets_in_only(
    cluster: Cluster, *, to: Mapping[str, str], source: Mapping[str, str], port: int, protocol: str = "TCP"
) -> None:
    """What policies let in to the Pods labelled `to` comes from Pods labelled `source` of the same namespace.

    And it comes to this port of the Pods alone; ports may be given by name.
    """
    __tracebackhide__ = True
    policies = _require_policies(cluster)
    labels = next((pod.labels for pod in cluster.pods(to)), to)
    opening = [policy for policy in policies if policy.ingress and selects(policy.pod_selector, labels)]
    wish = Opening(cluster, to=to, source=source, port=port, protocol=protocol)
    saw = next((saw for policy in opening if (saw := too_much(policy, wish))), None)
    if opening and saw is None:
        return
    raise Unmet(
        saw or _why_closed(cluster, policies, to),
        wanted=Text(
            en=f"a policy that lets in to {pairs(to)} from {pairs(source)} of the same namespace, on {protocol} {port}"
            " of the Pods, and nothing else",
            fr=f"une politique qui laisse entrer vers {pairs(to)} depuis {pairs(source)} du même namespace, sur"
            f" {protocol} {port} des Pods, et rien d'autre",
        ),
        try_=f"kubectl describe networkpolicies -n {cluster.namespace}",
        evidence=_lines(policies),
    )


def _require_policies(cluster: Cluster) -> Sequence[NetworkPolicy]:
    """The namespace's NetworkPolicies; Unmet says where there are some when there are none here."""
    __tracebackhide__ = True
    if policies := cluster.network_policies():
        return policies
    raise Unmet(
        Text(
            en=f"there is no NetworkPolicy in namespace {cluster.namespace}{_elsewhere(cluster).en}",
            fr=f"il n'y a pas de NetworkPolicy dans le namespace {cluster.namespace}{_elsewhere(cluster).fr}",
        ),
        wanted="networkpolicies",
        try_="kubectl get networkpolicies -A",
    )


def _elsewhere(cluster: Cluster) -> Text:
    """Policies that were made in another namespace, or of another kind, to follow a sentence."""
    astray = [
        policy
        for policy in NetworkPolicy.all(cluster.reading, None)
        if policy.namespace != cluster.namespace and OURS not in policy.labels
    ]
    if astray:
        return following(
            Text(
                en=f"{astray[0]} is in namespace {astray[0].namespace}",
                fr=f"{astray[0]} est dans le namespace {astray[0].namespace}",
            )
        )
    others = listed(cluster.cilium_policies())
    return (
        following(Text(en=f"there is {others.en}", fr=f"il y a {others.fr}")) if others.en != "none" else Text("", "")
    )


def _closes(policy: NetworkPolicy, way: str) -> bool:
    """Whether it closes every Pod in this direction and allows nothing there."""
    return _of_every_pod(policy) and way in policy.types and not _rules(policy, way)


def _of_every_pod(policy: NetworkPolicy) -> bool:
    return not selector_words(policy.pod_selector)


def _rules(policy: NetworkPolicy, way: str) -> Sequence[object]:
    return policy.ingress if way == "Ingress" else policy.egress


def _why_open(policies: Sequence[NetworkPolicy], ways: Sequence[str]) -> Text:
    """Why a direction is not closed, said of the policy that comes nearest to closing it."""
    way = ways[0]
    nearest = max(policies, key=lambda policy: (_of_every_pod(policy), way in policy.types, not _rules(policy, way)))
    if not _of_every_pod(nearest):
        only = selector_words(nearest.pod_selector)
        return Text(
            en=f"no policy closes all Pods ({way}): {nearest} selects only {only}",
            fr=f"aucune politique ne ferme tous les Pods ({way}) : {nearest} ne choisit que {only}",
        )
    if way not in nearest.types:
        return Text(
            en=f"{nearest} selects every Pod, but restricts only {', '.join(nearest.types)}: {way} stays open",
            fr=f"{nearest} choisit tous les Pods, mais ne restreint que {', '.join(nearest.types)} : reste {way}",
        )
    return Text(
        en=f"{nearest} selects every Pod, and has a rule that allows something ({way})",
        fr=f"{nearest} choisit tous les Pods, et contient une règle qui autorise quelque chose ({way})",
    )


def _why_closed(cluster: Cluster, policies: Sequence[NetworkPolicy], to: Mapping[str, str]) -> Text:
    """Why no policy lets anything in to these Pods."""
    asked = pairs(to)
    astray = next((policy for policy in policies if policy.ingress), None)
    if astray is None:
        more = _elsewhere(cluster)
        return Text(
            en=f"no policy lets anything in to {asked}{more.en}",
            fr=f"aucune politique ne laisse entrer quoi que ce soit vers {asked}{more.fr}",
        )
    return Text(
        en=f"no policy lets anything in to {asked}: {astray} selects {selector_words(astray.pod_selector)}",
        fr=f"aucune politique ne laisse entrer quoi que ce soit vers {asked} :"
        f" {astray} choisit {selector_words(astray.pod_selector)}",
    )


def _lines(policies: Sequence[NetworkPolicy]) -> tuple[str, ...]:
    return tuple(explained(policy).en for policy in policies)
