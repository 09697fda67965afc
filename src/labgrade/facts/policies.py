"""Network policies, of Kubernetes and of Cilium: whom they select, and the rules that they carry."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeAlias

from labgrade.facts.base import Fact
from labgrade.facts.pods import Pod
from labgrade.facts.selecting import selects
from labgrade.model import Json

if TYPE_CHECKING:
    from labgrade.facts.cluster import Cluster

NAMESPACE_LABEL = "io.kubernetes.pod.namespace"
ACCOUNT_LABEL = "io.cilium.k8s.policy.serviceaccount"
POD_SOURCES = frozenset({"", "any", "k8s"})
"""Where a Pod's labels may be said to come from in a selector of Cilium's; others, such as `reserved`, mean no Pod."""


class NetworkPolicy(Fact):
    """A NetworkPolicy of networking.k8s.io/v1."""

    kind = "NetworkPolicy"

    @property
    def pod_selector(self) -> Json:
        """`spec.podSelector`; empty for every Pod of its namespace."""
        return self.spec.get("podSelector") or {}

    @property
    def types(self) -> set[str]:
        """The directions that it restricts, `Ingress` and `Egress`; where it names none, those that the API implies."""
        if not self.exists:
            return set()
        return set(self.spec.get("policyTypes") or ["Ingress", *(["Egress"] if self.egress else [])])

    @property
    def ingress(self) -> list[Json]:
        """Its rules for what comes in."""
        return self.spec.get("ingress") or []

    @property
    def egress(self) -> list[Json]:
        """Its rules for what goes out."""
        return self.spec.get("egress") or []

    def selects(self, pod: Pod) -> bool:
        """Whether it is about this Pod."""
        return self.exists and self.namespace == pod.namespace and selects(self.pod_selector, pod.labels)


class CiliumNetworkPolicy(Fact):
    """A CiliumNetworkPolicy of cilium.io/v2."""

    kind = "CiliumNetworkPolicy"

    @property
    def specs(self) -> list[Json]:
        """Its parts, from `spec` and from `specs`."""
        return [part for part in [self.spec, *(self.raw.get("specs") or [])] if part]

    @property
    def valid(self) -> bool | None:
        """Whether Cilium could make sense of it; None when Cilium has not said so."""
        status = self.condition("Valid").get("status")
        return None if status is None else status == "True"

    def selects(self, pod: Pod) -> bool:
        """Whether any part of it is about this Pod."""
        return self.namespace == pod.namespace and any(_is_about(part, pod) for part in self.specs)


Policy: TypeAlias = NetworkPolicy | CiliumNetworkPolicy


def policies_on(cluster: Cluster, pod: Pod) -> list[Policy]:
    """All policies that select a Pod, from the Pod's own namespace."""
    every: list[Policy] = [
        *NetworkPolicy.all(cluster.reading, pod.namespace),
        *CiliumNetworkPolicy.all(cluster.reading, pod.namespace),
    ]
    return [policy for policy in every if policy.selects(pod)]


def picks_endpoint(selector: Json, pod: Pod) -> bool:
    """Whether a selector of Cilium's picks this Pod. Its keys may name a source, as in `k8s:app`."""
    account = pod.spec.get("serviceAccountName") or "default"
    labels = {**pod.labels, NAMESPACE_LABEL: pod.namespace or "", ACCOUNT_LABEL: str(account)}
    return selects(_without_sources(selector), labels)


def _is_about(part: Json, pod: Pod) -> bool:
    """Cilium drops a namespace from `endpointSelector`: a policy is about its own namespace, whatever it says."""
    selector = part.get("endpointSelector")
    return selector is not None and picks_endpoint(_without_namespace(selector), pod)


def _without_sources(selector: Json) -> Json:
    return {
        "matchLabels": {_bare(key): value for key, value in (selector.get("matchLabels") or {}).items()},
        "matchExpressions": [
            {**each, "key": _bare(str(each.get("key")))} for each in selector.get("matchExpressions") or []
        ],
    }


def _without_namespace(selector: Json) -> Json:
    return {
        "matchLabels": {k: v for k, v in (selector.get("matchLabels") or {}).items() if _bare(k) != NAMESPACE_LABEL},
        "matchExpressions": [
            each for each in selector.get("matchExpressions") or [] if _bare(str(each.get("key"))) != NAMESPACE_LABEL
        ],
    }


def _bare(key: str) -> str:
    """A label's key without its source, where a Pod's label may come from there."""
    source, colon, bare = key.rpartition(":")
    return bare if colon and source in POD_SOURCES else key
