"""Volumes made by hand: bound to their claim, kept for it, and used by way of it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from checks.mounts import volumes as volumes_in
from checks.wording import listed, require, states, troubles
from labgrade.cluster.ownpair import Parted
from labgrade.errors import Unmet
from labgrade.facts import Cluster, Deployment, PersistentVolume, PersistentVolumeClaim, Pod
from labgrade.facts.binding import unbound
from labgrade.facts.fitting import misfits
from labgrade.text import Text, following

OTHER_CLASS_CREDIT = 0.5
"""Earned where the two go together, by another class than the lab's."""


class Pair(Protocol):
    """What tries a volume and its claim with copies of ours."""

    def parted(self, volume: PersistentVolume, claim: PersistentVolumeClaim, /) -> Parted:
        """What became of the volume when its claim was deleted."""
        ...


def assert_bound_to_each_other(cluster: Cluster, claim: PersistentVolumeClaim, volume: PersistentVolume) -> None:
    """The claim has this volume, and the volume is this very claim's, not that of an earlier one of its name."""
    __tracebackhide__ = True
    require(claim, instead=cluster.claims())
    _require_volume(cluster, volume)
    if claim.bound and claim.volume == volume.name and claim.uid == volume.claim_uid:
        return
    raise Unmet(
        _apart(cluster, claim, volume),
        wanted=Text(en=f"{claim} and {volume}, bound to each other", fr=f"{claim} et {volume}, liés l'un à l'autre"),
        try_=f"kubectl describe persistentvolumeclaim {claim.name} -n {claim.namespace}",
        evidence=_record(volume, claim),
    )


def assert_fits(
    cluster: Cluster, claim: PersistentVolumeClaim, volume: PersistentVolume, *, storage_class: str
) -> None:
    """The volume is what the claim asks for: of the lab's class, as big, with the access modes; bound or not."""
    __tracebackhide__ = True
    require(claim, instead=cluster.claims())
    _require_volume(cluster, volume)
    wrong = misfits(volume, claim)
    if wrong:
        raise Unmet(
            Text(
                en=f"{volume} is not what {claim} asks for: {', '.join(each.en for each in wrong)}",
                fr=f"{volume} n'est pas ce que demande {claim} : {', '.join(each.fr for each in wrong)}",
            ),
            wanted=Text(
                en="the same class, at least the size, and the access modes",
                fr="la même classe, au moins la taille, et les modes d'accès",
            ),
            try_=f"kubectl get persistentvolume {volume.name} -o yaml",
            evidence=_record(volume, claim),
        )
    if volume.storage_class != storage_class:
        has = volume.storage_class or "-"
        raise Unmet(
            Text(en=f"{volume} and {claim} have the class {has}", fr=f"{volume} et {claim} ont la classe {has}"),
            wanted=Text(en=f"the class {storage_class}", fr=f"la classe {storage_class}"),
            try_=f"kubectl get persistentvolume {volume.name} -o yaml",
            credit=OTHER_CLASS_CREDIT,
            evidence=_record(volume, claim),
        )


def assert_retained(cluster: Cluster, volume: PersistentVolume) -> None:
    """Without its claim the volume, and the data in it, would stay."""
    __tracebackhide__ = True
    _require_volume(cluster, volume)
    if volume.reclaim_policy != "Retain":
        raise _not_retained(volume)


def assert_mounts_claim(cluster: Cluster, deployment: Deployment, claim: PersistentVolumeClaim) -> None:
    """The Deployment runs one Pod, which is ready and mounts the claim, and no directory of its node besides."""
    __tracebackhide__ = True
    require(deployment, instead=[*cluster.statefulsets(), *cluster.pods()])
    pods = deployment.pods
    saw = _not_one(cluster, deployment, pods) or _not_mounted(pods[0], claim)
    if saw:
        raise Unmet(
            saw,
            wanted=Text(
                en=f"one ready Pod that mounts {claim}, and knows nothing of the node's directories",
                fr=f"un Pod prêt qui monte {claim}, et ne sait rien des répertoires du nœud",
            ),
            try_=f"kubectl describe pods -n {deployment.namespace}",
            evidence=states(pods),
        )


def assert_stays_its_owners(volume: PersistentVolume, claim: PersistentVolumeClaim, pair: Pair) -> None:
    """A copy of the volume whose claim is deleted is Released: neither deleted nor given to the next claim.

    Tried only where the policy is Retain: any other deletes or scrubs.
    """
    __tracebackhide__ = True
    if volume.reclaim_policy != "Retain":
        raise _not_retained(volume)
    came = pair.parted(volume, claim)
    if came.phase == "Released" and not came.given:
        return
    phase = came.phase or "gone"
    given = Text(en=", and the next claim got it", fr=", et le PVC suivant l'a eu") if came.given else Text("", "")
    raise Unmet(
        Text(
            en=f"a copy of {volume} was {phase} once its claim was deleted{given.en}",
            fr=f"une copie de {volume} était {phase} une fois son PVC supprimé{given.fr}",
        ),
        wanted=Text(en="Released, and kept from the next claim", fr="Released, et tenue à l'écart du PVC suivant"),
        try_="kubectl get persistentvolumes",
        evidence=(f"the next claim was told: {came.told or 'nothing'}",),
    )


def _require_volume(cluster: Cluster, volume: PersistentVolume) -> None:
    __tracebackhide__ = True
    if not volume.exists:
        there = listed(found for found in cluster.volumes() if not found.provisioned_by)
        raise Unmet(
            Text(
                en=f"there is no {volume} in this cluster; made by hand there is: {there.en}",
                fr=f"il n'y a pas de {volume} dans ce cluster ; créé à la main, il y a : {there.fr}",
            ),
            wanted=f"{volume}",
            try_="kubectl get persistentvolumes",
        )


def _apart(cluster: Cluster, claim: PersistentVolumeClaim, volume: PersistentVolume) -> Text:
    """Why the two are not bound to each other."""
    if found := unbound(cluster, claim):
        return found.why
    has = cluster.volume(claim.volume)
    if has == volume:
        return Text(
            en=f"{claim} says that it is bound to {volume}, which belongs to an earlier claim",
            fr=f"{claim} se dit lié à {volume}, qui appartient à un PVC antérieur",
        )
    by, asked = has.provisioned_by, claim.storage_class or "-"
    en, fr = (f", which {by} made", f", créé par {by}") if by else ("", "")
    return Text(
        en=f"{claim} (class {asked}) is bound to {has}{en}; {volume} is {volume.phase}",
        fr=f"{claim} (classe {asked}) est lié à {has}{fr} ; {volume} est {volume.phase}",
    )


def _not_retained(volume: PersistentVolume) -> Unmet:
    return Unmet(
        Text(
            en=f"{volume} has persistentVolumeReclaimPolicy: {volume.reclaim_policy}; its data would not outlive "
            "the claim",
            fr=f"{volume} a persistentVolumeReclaimPolicy: {volume.reclaim_policy} ; ses données ne survivraient pas "
            "au PVC",
        ),
        wanted="persistentVolumeReclaimPolicy: Retain",
        try_=f"kubectl get persistentvolume {volume.name}",
    )


def _not_one(cluster: Cluster, deployment: Deployment, pods: Sequence[Pod]) -> Text | None:
    """That there is not exactly one Pod, which is ready, and what it waits for."""
    ready = sum(pod.ready for pod in pods)
    if deployment.replicas == len(pods) == ready == 1:
        return None
    names = dict.fromkeys(name for pod in pods for name in pod.claims.values())
    waits = next((found for name in names if (found := unbound(cluster, cluster.claim(name)))), None)
    more = following(waits.why) if waits else troubles(pods)
    return Text(
        en=f"{deployment} has replicas: {deployment.replicas}; ready: {ready}{more.en}",
        fr=f"{deployment} a replicas: {deployment.replicas} ; prêts : {ready}{more.fr}",
    )


def _not_mounted(pod: Pod, claim: PersistentVolumeClaim) -> Text | None:
    """How the Pod goes past the claim; None where it does not."""
    volumes = list(volumes_in(pod).values())
    paths = [f"{each['hostPath'].get('path')}" for each in volumes if "hostPath" in each]
    if paths:
        return Text(
            en=f"{pod} has a directory of its node for a volume, past any claim: hostPath {', '.join(paths)}",
            fr=f"{pod} a pour volume un répertoire de son nœud, sans passer par un PVC : hostPath {', '.join(paths)}",
        )
    mine = [name for name, used in pod.claims.items() if used == claim.name]
    if any(pod.mounts(name) for name in mine):
        return None
    if mine:
        return Text(
            en=f"{pod} has {claim} among its volumes, and no container mounts it",
            fr=f"{pod} a {claim} parmi ses volumes, mais aucun conteneur ne le monte",
        )
    kinds = listed(f"{each['name']} ({next((key for key in each if key != 'name'), '?')})" for each in volumes)
    return Text(
        en=f"{pod} does not use {claim}; its volumes are: {kinds.en}",
        fr=f"{pod} n'utilise pas {claim} ; ses volumes sont : {kinds.fr}",
    )


def _record(volume: PersistentVolume, claim: PersistentVolumeClaim) -> tuple[str, ...]:
    owner = "/".join(volume.claim) if volume.claim else "none"
    return (
        f"{volume}: {volume.phase}, class {volume.storage_class or 'none'}, {volume.size}, "
        f"{', '.join(volume.access_modes)}, {volume.reclaim_policy}, claimRef {owner}",
        f"{claim}: {claim.phase}, class {claim.storage_class}, {claim.size}, {', '.join(claim.access_modes)}, "
        f"volume {claim.volume or 'none'}",
    )
