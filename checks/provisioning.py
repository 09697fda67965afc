"""Volumes that are made because a claim asks for them."""

from __future__ import annotations

from typing import Protocol

from checks.wording import listed, require, states, troubles
from labgrade.cluster.ownclaims import Trial
from labgrade.errors import Unmet
from labgrade.facts import Cluster, Deployment, PersistentVolume, PersistentVolumeClaim, Pod, StorageClass
from labgrade.facts.binding import unbound
from labgrade.text import Text, following

STAYED_CREDIT = 0.5
"""Earned where a class makes volumes that do not go with their claims."""


class Claims(Protocol):
    """What tries a class with a claim of ours."""

    def tried(self, storage_class: StorageClass, /) -> Trial:
        """What came of it."""
        ...


def assert_provisioned(cluster: Cluster, claim: PersistentVolumeClaim, storage_class: StorageClass) -> None:
    """The claim names the class and is bound to a volume that the class's provisioner made for it."""
    __tracebackhide__ = True
    require(claim, instead=cluster.claims())
    found = unbound(cluster, claim)
    if found is None and claim.storage_class == storage_class.name and _made_for(cluster, claim, storage_class):
        return
    volume = cluster.volume(claim.volume)
    raise Unmet(
        found.why if found else _wrong_volume(claim, storage_class, volume),
        wanted=Text(
            en=f"{claim} asks for the class {storage_class.name} and is bound to a volume that was made for it",
            fr=f"{claim} demande la classe {storage_class.name} et est lié à un volume créé pour lui",
        ),
        try_=f"kubectl describe persistentvolumeclaim {claim.name} -n {claim.namespace}",
        evidence=(
            f"{claim}: {claim.phase}, class {claim.storage_class}, volume {claim.volume or 'none'}",
            *_record(volume),
        ),
    )


def assert_one_pod_uses(cluster: Cluster, deployment: Deployment, claim: PersistentVolumeClaim) -> None:
    """The Deployment runs one Pod, which is ready and has the claim among its volumes."""
    __tracebackhide__ = True
    require(deployment, instead=[*cluster.statefulsets(), *cluster.pods()])
    pods = deployment.pods
    if deployment.replicas == 1 == len(pods) and pods[0].ready and claim.name in pods[0].claims.values():
        return
    used = listed(sorted({f"persistentvolumeclaim/{name}" for pod in pods for name in pod.claims.values()}))
    ready, more = sum(pod.ready for pod in pods), _hold_up(cluster, pods)
    raise Unmet(
        Text(
            en=f"{deployment} has replicas: {deployment.replicas}; ready: {ready}; claims in use: {used.en}{more.en}",
            fr=f"{deployment} a replicas: {deployment.replicas} ; prêts : {ready} ; PVC utilisés : {used.fr}{more.fr}",
        ),
        wanted=Text(en=f"one ready Pod that uses {claim}", fr=f"un Pod prêt qui utilise {claim}"),
        try_=f"kubectl describe pods -n {deployment.namespace}",
        evidence=states(pods),
    )


def assert_serves_anybody(storage_class: StorageClass, claims: Claims) -> None:
    """A claim of ours gets a volume from the class's provisioner, and the volume goes with the claim."""
    __tracebackhide__ = True
    trial = claims.tried(storage_class)
    if trial.unbound:
        raise Unmet(
            trial.unbound,
            wanted=Text(en="a volume for a claim of ours", fr="un volume pour un PVC à nous"),
            try_=f"kubectl describe storageclass {storage_class.name}",
        )
    evidence = (f"{trial.volume}: made by {trial.provisioned_by or 'hand'}, {trial.reclaim_policy}",)
    if trial.provisioned_by != storage_class.provisioner:
        raise Unmet(
            Text(
                en=f"a claim of ours was given {trial.volume}, which somebody had made by hand",
                fr=f"un PVC à nous a reçu {trial.volume}, que quelqu'un avait créé à la main",
            ),
            wanted=Text(
                en=f"a volume made by {storage_class.provisioner}", fr=f"un volume de {storage_class.provisioner}"
            ),
            try_="kubectl get persistentvolumes",
            evidence=evidence,
        )
    if trial.left or trial.reclaim_policy != "Delete":
        raise Unmet(
            Text(
                en=f"a claim of ours got a volume, which would stay without its claim: {_stays(trial)}",
                fr=f"un PVC à nous a reçu un volume, qui resterait sans son PVC : {_stays(trial)}",
            ),
            wanted=Text(en="claim gone, volume gone", fr="plus de PVC, plus de volume"),
            try_=f"kubectl describe storageclass {storage_class.name}",
            credit=STAYED_CREDIT,
            evidence=evidence,
        )


def _hold_up(cluster: Cluster, pods: list[Pod]) -> Text:
    """What the Pods wait for, to follow a sentence; of claims the scheduler says nothing for its first ten minutes."""
    names = dict.fromkeys(name for pod in pods for name in pod.claims.values())
    found = next((found for name in names if (found := unbound(cluster, cluster.claim(name)))), None)
    return following(found.why) if found else troubles(pods)


def _made_for(cluster: Cluster, claim: PersistentVolumeClaim, storage_class: StorageClass) -> bool:
    return cluster.volume(claim.volume).provisioned_by == storage_class.provisioner != ""


def _wrong_volume(claim: PersistentVolumeClaim, storage_class: StorageClass, volume: PersistentVolume) -> Text:
    """Of a bound claim: what is not as asked."""
    if claim.storage_class != storage_class.name:
        asked = claim.storage_class or "-"
        return Text(en=f"{claim} is bound, by the class {asked}", fr=f"{claim} est lié, mais par la classe {asked}")
    if not volume.provisioned_by:
        return Text(
            en=f"{claim} is bound to {volume}, which was made by hand",
            fr=f"{claim} est lié à {volume}, qui a été créé à la main",
        )
    return Text(
        en=f"{claim} is bound to {volume}, which {volume.provisioned_by} made",
        fr=f"{claim} est lié à {volume}, créé par {volume.provisioned_by}",
    )


def _record(volume: PersistentVolume) -> tuple[str, ...]:
    made_by = volume.provisioned_by or "hand"
    return (f"{volume}: made by {made_by}, {volume.reclaim_policy}",) if volume.exists else ()


def _stays(trial: Trial) -> str:
    return trial.left or f"reclaimPolicy {trial.reclaim_policy}"
