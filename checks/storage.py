"""Claims that a StatefulSet makes for its Pods, and keeps."""

from __future__ import annotations

from checks.wording import NOTHING, listed, require, states, troubles
from labgrade.cluster.disturb import Disturb
from labgrade.errors import HarnessError, Unmet
from labgrade.facts import Cluster, PersistentVolumeClaim, Pod, StatefulSet
from labgrade.facts.binding import unbound
from labgrade.text import Text

Identity = tuple[str, str]
"""A claim's UID and volume: what must still be the same after a Pod was replaced."""


def own_claims(cluster: Cluster, statefulset: StatefulSet, ordinal: int) -> list[PersistentVolumeClaim]:
    """The claims that the StatefulSet's templates make for one ordinal, there or not."""
    return [cluster.claim(f"{name}-{statefulset.name}-{ordinal}") for name in statefulset.claim_templates]


def assert_claim_per_ordinal(cluster: Cluster, statefulset: StatefulSet) -> None:
    """Every ordinal has a Bound claim made from volumeClaimTemplates, and its Pod uses it."""
    __tracebackhide__ = True
    require(statefulset, instead=[*cluster.deployments(), *cluster.claims()])
    if saw := _unclaimed(cluster, statefulset):
        raise Unmet(
            saw,
            wanted=Text(
                en="for each Pod a Bound claim of its own, from volumeClaimTemplates",
                fr="pour chaque Pod un PVC Bound rien qu'à lui, issu de volumeClaimTemplates",
            ),
            try_=f"kubectl get persistentvolumeclaims -n {cluster.namespace}",
            evidence=tuple(_state(claim) for claim in cluster.claims()),
        )


def assert_claims_kept(cluster: Cluster, statefulset: StatefulSet, disturb: Disturb) -> None:
    """Scaled down by one, the last Pod's claims stay; scaled up again, it gets the same ones back.

    Where the retention policy would delete them it is not tried: the data would be lost.
    """
    __tracebackhide__ = True
    last = statefulset.pod(statefulset.replicas - 1)
    claims = own_claims(cluster, statefulset, last.ordinal)
    uid, before = last.uid, {claim.name: _identity(claim) for claim in claims}
    retention = statefulset.spec.get("persistentVolumeClaimRetentionPolicy") or {}
    if retention.get("whenScaled") == "Delete":
        raise Unmet(
            Text(
                en=f"{statefulset} deletes the claims of Pods that it scales away (whenScaled); it was not tried",
                fr=f"{statefulset} supprime les PVC des Pods qu'il retire (whenScaled) ; on n'a pas essayé",
            ),
            wanted=Text(en="claims outlive their Pods", fr="les PVC survivent à leurs Pods"),
            try_="kubectl explain statefulset.spec.persistentVolumeClaimRetentionPolicy",
        )
    disturb.scale(statefulset, statefulset.replicas - 1)
    disturb.eventually(lambda: _assert_gone(last))
    _assert_same(claims, before, last)
    # Restoring is scaling up: a second scaling of our own would be undone once more, and cost the Pod again.
    if left := disturb.restore():
        raise HarnessError(f"{statefulset} could not be scaled back: {', '.join(left)}")
    disturb.eventually(lambda: assert_back(last, uid=uid))
    _assert_same(claims, before, last)


def assert_back(pod: Pod, *, uid: str) -> None:
    """A Pod of this name is there and ready, and it is not the one of that UID."""
    __tracebackhide__ = True
    if pod.uid in {"", uid} or not pod.ready:
        more = troubles([pod])
        raise Unmet(
            Text(en=f"{pod} did not come back ready{more.en}", fr=f"{pod} n'est pas revenu prêt{more.fr}"),
            wanted=Text(en=f"a new {pod}, ready", fr=f"un nouveau {pod}, prêt"),
            try_=f"kubectl describe pod {pod.name} -n {pod.namespace}",
            evidence=states([pod]),
        )


def _assert_gone(pod: Pod) -> None:
    __tracebackhide__ = True
    if pod.exists:
        raise Unmet(
            Text(en=f"{pod} is still there after scaling down", fr=f"{pod} est encore là après la réduction"),
            wanted=Text(en="the last Pod goes first", fr="le dernier Pod part en premier"),
            try_=f"kubectl get pods -n {pod.namespace}",
            evidence=states([pod]),
        )


def _assert_same(claims: list[PersistentVolumeClaim], before: dict[str, Identity], pod: Pod) -> None:
    """The claims are what they were; and where their Pod is there, it uses them."""
    __tracebackhide__ = True
    for claim in claims:
        kept = claim.bound and not claim.terminating and _identity(claim) == before[claim.name]
        if kept and (not pod.exists or claim.name in pod.claims.values()):
            continue
        raise Unmet(
            Text(
                en=f"scaling took {claim} from {pod}: {_state(claim)}",
                fr=f"le changement de taille a pris {claim} à {pod} : {_state(claim)}",
            ),
            wanted=Text(en="claim, volume and data stay", fr="le PVC, son volume et ses données restent"),
            try_=f"kubectl get persistentvolumeclaims -n {claim.namespace}",
            evidence=(f"before: UID and volume {before[claim.name]}", f"{pod} uses {pod.claims}"),
        )


def _identity(claim: PersistentVolumeClaim) -> Identity:
    return claim.uid, claim.volume


def _state(claim: PersistentVolumeClaim) -> str:
    return f"{claim}: {claim.phase or 'absent'}, volume {claim.volume or 'none'}, UID {claim.uid or 'none'}"


def _unclaimed(cluster: Cluster, statefulset: StatefulSet) -> Text:
    """What is wrong with the claims; empty when nothing is."""
    if not statefulset.claim_templates or not statefulset.replicas:
        volumes = (statefulset.template.get("spec") or {}).get("volumes") or []
        kinds = listed(f"{v['name']} ({next((key for key in v if key != 'name'), '?')})" for v in volumes)
        return Text(
            en=f"{statefulset} has no volumeClaimTemplates; volumes of its Pod template: {kinds.en}",
            fr=f"{statefulset} n'a pas de volumeClaimTemplates ; volumes de son modèle de Pod : {kinds.fr}",
        )
    for ordinal in range(statefulset.replicas):
        used = statefulset.pod(ordinal).claims.values()
        for claim in own_claims(cluster, statefulset, ordinal):
            if found := unbound(cluster, claim):
                return found.why
            if claim.name not in used:
                return Text(en=f"no Pod uses {claim}", fr=f"aucun Pod n'utilise {claim}")
    return NOTHING
