"""A CiliumNetworkPolicy that reads requests: there, valid, about the right Pods, and alone in opening their port."""

from __future__ import annotations

from collections.abc import Mapping

from checks.httprules import Way, opens, wrong_pods, wrong_rules
from checks.wording import listed, pairs, troubles
from labgrade.errors import Unmet
from labgrade.facts import CiliumNetworkPolicy, Cluster, DaemonSet, NetworkPolicy, Pod, policies_on
from labgrade.text import Text, following
from labgrade.why.policies import explained


def assert_policy(cluster: Cluster, name: str) -> None:
    """The CiliumNetworkPolicy exists in the lab's namespace, and Cilium says that it is valid."""
    __tracebackhide__ = True
    policy = _policy(cluster, name)
    if policy.valid:
        return
    raise Unmet(
        _why_not_valid(policy) if policy.exists else _why_not_there(cluster, policy),
        wanted=Text(en=f"{policy}, which Cilium calls valid", fr=f"{policy}, que Cilium déclare valide"),
        try_="kubectl get ciliumnetworkpolicies -A" if _has_cilium(cluster) else "labgrade up --cni cilium",
        evidence=tuple(explained(each).en for each in cluster.cilium_policies()),
    )


def assert_http_rule(cluster: Cluster, name: str, way: Way) -> None:
    """The policy is about the right Pods alone, and lets in the source alone, on the port, by HTTP rules."""
    __tracebackhide__ = True
    policy, pods = _policy(cluster, name), pods_of(cluster, way.to)
    saw = wrong_pods(cluster, policy, way) or wrong_rules(cluster, policy, way, pods[0])
    if saw is None:
        return
    to, source = pairs(way.to), pairs(way.source)
    raise Unmet(
        saw,
        wanted=Text(
            en=f'it selects {to}, and lets in {source} on port "{way.port}" TCP, with rules.http',
            fr=f'elle choisit {to}, et laisse entrer {source} sur le port "{way.port}" TCP, avec rules.http',
        ),
        try_=f"kubectl get ciliumnetworkpolicy {name} -n {cluster.namespace} -o yaml",
        evidence=(explained(policy).en,),
    )


def assert_nothing_beside(cluster: Cluster, name: str, way: Way) -> None:
    """No other policy opens the port without reading requests: what policies allow adds up, and would go past it."""
    __tracebackhide__ = True
    own = _policy(cluster, name)
    for pod in pods_of(cluster, way.to):
        beside = [policy for policy in policies_on(cluster, pod) if policy != own and opens(policy, way, pod)]
        if beside:
            raise Unmet(
                Text(
                    en=f"{beside[0]} opens port {way.port} of {pod} too, whatever is asked there",
                    fr=f"{beside[0]} ouvre aussi le port {way.port} de {pod}, quoi que l'on y demande",
                ),
                wanted=Text(
                    en=f"only {own} opens it: policies add up, and none takes back what another allows",
                    fr=f"seule {own} l'ouvre : les politiques s'ajoutent, aucune ne reprend ce qu'une autre permet",
                ),
                try_=f"kubectl get networkpolicies,ciliumnetworkpolicies -n {cluster.namespace}",
                evidence=tuple(explained(policy).en for policy in beside),
            )


def pods_of(cluster: Cluster, labels: Mapping[str, str]) -> list[Pod]:
    """The lab's ready Pods with these labels, at least one; Unmet where there is none."""
    __tracebackhide__ = True
    pods = cluster.pods(labels)
    if ready := [pod for pod in pods if pod.ready]:
        return ready
    more = troubles(pods)
    raise Unmet(
        Text(
            en=f"namespace {cluster.namespace} has no ready Pod labelled {pairs(labels)}{more.en}",
            fr=f"le namespace {cluster.namespace} n'a aucun Pod prêt avec {pairs(labels)}{more.fr}",
        ),
        wanted=Text(en="the application as it was at the beginning", fr="l'application telle qu'elle était au début"),
        try_=f"kubectl get pods -n {cluster.namespace} --show-labels",
    )


def _policy(cluster: Cluster, name: str) -> CiliumNetworkPolicy:
    return CiliumNetworkPolicy(cluster.reading, cluster.namespace, name)


def _has_cilium(cluster: Cluster) -> bool:
    return DaemonSet(cluster.reading, "kube-system", "cilium").exists


def _why_not_valid(policy: CiliumNetworkPolicy) -> Text:
    if policy.valid is None:
        return Text(
            en=f"nobody has said yet whether {policy} is valid: Cilium's operator says so",
            fr=f"personne n'a encore dit si {policy} est valide : c'est l'operator de Cilium qui le dit",
        )
    reason = str(policy.condition("Valid").get("message", "")) or "…"
    return Text(
        en=f"Cilium calls {policy} invalid, and ignores it: {reason}",
        fr=f"Cilium déclare {policy} invalide, et l'ignore : {reason}",
    )


def _why_not_there(cluster: Cluster, policy: CiliumNetworkPolicy) -> Text:
    if not _has_cilium(cluster):
        return Text(
            en=f"there is no {policy}, and none can be made: this cluster has no Cilium",
            fr=f"il n'y a pas de {policy}, et on ne peut pas en créer : ce cluster n'a pas Cilium",
        )
    more = following(_instead(cluster, policy))
    return Text(
        en=f"there is no {policy} in namespace {policy.namespace}{more.en}",
        fr=f"il n'y a pas de {policy} dans le namespace {policy.namespace}{more.fr}",
    )


def _instead(cluster: Cluster, policy: CiliumNetworkPolicy) -> Text | None:
    """What there is of its name: of another kind, or elsewhere; else, of its kind."""
    plain = NetworkPolicy(cluster.reading, cluster.namespace, policy.name)
    if plain.exists:
        return Text(
            en=f"{plain} is of another kind, which knows ports but no requests",
            fr=f"{plain} est d'un autre genre, qui connaît les ports, mais pas les requêtes",
        )
    for each in CiliumNetworkPolicy.all(cluster.reading, None):
        if each.name == policy.name:
            return Text(en=f"it is in namespace {each.namespace}", fr=f"elle est dans le namespace {each.namespace}")
    others = listed(cluster.cilium_policies())
    return None if others.en == "none" else Text(en=f"there is {others.en}", fr=f"il y a {others.fr}")
