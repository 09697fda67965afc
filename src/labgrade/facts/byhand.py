"""Claims on volumes that were made by hand: what is said where none of these can be had."""

from __future__ import annotations

from collections.abc import Sequence

from labgrade.facts.cluster import Cluster
from labgrade.facts.fitting import hindrances, nearest
from labgrade.facts.pods import Pod
from labgrade.facts.reach import reachable, why_unreachable
from labgrade.facts.storage import PersistentVolume, PersistentVolumeClaim, StorageClass
from labgrade.text import Text, following


def unserved(cluster: Cluster, claim: PersistentVolumeClaim) -> Text:
    """Of a claim whose class is not there, so that nobody makes a volume for it."""
    name, volume = claim.storage_class, nearest(cluster.volumes(), claim)
    near = following(_near(volume, claim))
    if not name:
        return Text(
            en=f"{claim} is Pending: it has no class, and no volume without a class suits it{near.en}",
            fr=f"{claim} est Pending : il n'a pas de classe, et aucun volume sans classe ne lui convient{near.fr}",
        )
    # A class is but a word where volumes are made by hand: one that both have in common need not be there.
    if volume and volume.storage_class == name:
        return Text(
            en=f"{claim} is Pending: no volume suits it{near.en}",
            fr=f"{claim} est Pending : aucun volume ne lui convient{near.fr}",
        )
    if volume:
        return Text(
            en=f"{claim} is Pending: no volume suits it, and there is no storageclass/{name} to make one{near.en}",
            fr=f"{claim} est Pending : aucun volume ne lui convient, et il n'y a pas de storageclass/{name} pour en "
            f"créer un{near.fr}",
        )
    return Text(
        en=f"{claim} is Pending: there is no storageclass/{name}, and no volume of that class for it",
        fr=f"{claim} est Pending : il n'y a ni storageclass/{name}, ni volume de cette classe pour lui",
    )


def made_by_nobody(cluster: Cluster, claim: PersistentVolumeClaim, storage_class: StorageClass) -> Text:
    """Of a claim whose class leaves volumes to be made by hand."""
    near = following(_near(nearest(cluster.volumes(), claim), claim))
    return Text(
        en=f"{claim}: no volume suits it, and {storage_class} has nobody make one{near.en}",
        fr=f"{claim} : aucun volume ne lui convient, et {storage_class} n'en fait faire par personne{near.fr}",
    )


def misnamed(cluster: Cluster, claim: PersistentVolumeClaim) -> Text | None:
    """Why a claim cannot have the volume that it asks for by name; None where it can."""
    volume = cluster.volume(claim.volume)
    if not volume.exists:
        return Text(
            en=f"{claim} is Pending: it asks for {volume} by name (volumeName), which does not exist",
            fr=f"{claim} est Pending : il demande {volume} par son nom (volumeName), qui n'existe pas",
        )
    if not hindrances(volume, claim):
        return None
    words = _hindrances(volume, claim)
    return Text(
        en=f"{claim} is Pending: it asks for {volume} by name (volumeName), which it cannot have: {words.en}",
        fr=f"{claim} est Pending : il demande {volume} par son nom (volumeName), et ne peut pas l'avoir : {words.fr}",
    )


def out_of_reach(
    cluster: Cluster, claim: PersistentVolumeClaim, volumes: Sequence[PersistentVolume], users: Sequence[Pod]
) -> Text | None:
    """Why the Pods that use the claim cannot come to any of these volumes, which suit it; None where they can."""
    nodes = cluster.nodes()
    if any(reachable(volume, users, nodes) for volume in volumes):
        return None
    found = (why_unreachable(volume, pod, nodes) for volume in volumes for pod in users)
    cause = following(next(filter(None, found), None))
    return Text(
        en=f"{claim} waits for {users[0]}, which cannot come to where a volume is{cause.en}",
        fr=f"{claim} attend {users[0]}, qui ne peut pas aller là où est un volume{cause.fr}",
    )


def _near(volume: PersistentVolume | None, claim: PersistentVolumeClaim) -> Text | None:
    """What keeps the volume that comes nearest; None where there is none to speak of."""
    if volume is None:
        return None
    words = _hindrances(volume, claim)
    return Text(en=f"{volume} comes nearest, but {words.en}", fr=f"{volume} s'en approche le plus, mais {words.fr}")


def _hindrances(volume: PersistentVolume, claim: PersistentVolumeClaim) -> Text:
    found = hindrances(volume, claim)
    return Text(en=", ".join(each.en for each in found), fr=", ".join(each.fr for each in found))
