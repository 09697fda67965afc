"""Volumes made by hand, and what keeps each from a claim: the rules by which Kubernetes brings the two together."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

from labgrade.facts.base import pairs
from labgrade.facts.selecting import selects
from labgrade.text import Text

if TYPE_CHECKING:
    from labgrade.facts.storage import PersistentVolume, PersistentVolumeClaim

FREE = frozenset({"", "Pending", "Available"})
"""Phases of a volume that nobody has; the first two are those of its first instant."""


def hindrances(volume: PersistentVolume, claim: PersistentVolumeClaim) -> list[Text]:
    """What keeps a volume from a claim, one clause each, about "it" and "the claim"; none where it may have it."""
    if claim.uid and volume.claim_uid == claim.uid:
        return []
    return [*_taken(volume, claim), *_other(volume, claim)]


def nearest(volumes: Iterable[PersistentVolume], claim: PersistentVolumeClaim) -> PersistentVolume | None:
    """Of the volumes made by hand, the one that least keeps from the claim; None where no such is near.

    One that is somebody else's and would not suit besides is nobody's mistake here.
    """
    rated = [
        (len(_other(volume, claim)), len(_taken(volume, claim)), volume)
        for volume in volumes
        if not volume.provisioned_by
    ]
    near = [(other + taken, volume.name, volume) for other, taken, volume in rated if not (other and taken)]
    return min(near, key=lambda each: each[:2])[2] if near else None


def _taken(volume: PersistentVolume, claim: PersistentVolumeClaim) -> list[Text]:
    """That it is not free for this claim."""
    if volume.terminating:
        return [Text(en="it is being deleted", fr="il est en cours de suppression")]
    if volume.phase == "Failed":
        said = str(volume.status.get("message", ""))
        return [Text(en=f"it has failed: {said}", fr=f"il est en échec : {said}")]
    if volume.claim is None:
        phase = volume.phase
        return [] if phase in FREE else [Text(en=f"it is {phase}", fr=f"il est {phase}")]
    own = volume.claim == (claim.namespace, claim.name)
    if own and not volume.claim_uid:
        return []
    space, name = volume.claim
    whose = f"persistentvolumeclaim/{name}"
    if volume.phase == "Released" or own:
        en, fr = ("an earlier ", "un ancien ") if own else ("", "")
        return [
            Text(
                en=f"it is Released, and still belongs to {en}{whose} (namespace {space}), which was deleted",
                fr=f"il est Released, et appartient encore à {fr}{whose} (namespace {space}), qui a été supprimé",
            )
        ]
    if volume.phase in FREE:
        return [
            Text(
                en=f"it is reserved (claimRef) for {whose} in namespace {space}",
                fr=f"il est réservé (claimRef) à {whose} dans le namespace {space}",
            )
        ]
    return [
        Text(
            en=f"it is bound to {whose} in namespace {space}",
            fr=f"il est lié à {whose} dans le namespace {space}",
        )
    ]


def _other(volume: PersistentVolume, claim: PersistentVolumeClaim) -> list[Text]:
    """In what it is another than the claim asks for."""
    reserved = volume.claim == (claim.namespace, claim.name)
    # A volume that names its claim itself is asked for neither class nor labels.
    return [
        *_named(volume, claim),
        *([] if reserved else _of_class(volume, claim)),
        *_small(volume, claim),
        *_modes(volume, claim),
        *([] if reserved or claim.volume else _labels(volume, claim)),
    ]


def misfits(volume: PersistentVolume, claim: PersistentVolumeClaim) -> list[Text]:
    """In what two of them do not go together by what both say, whoever is bound to whom: class, size, and modes."""
    return [*_of_class(volume, claim), *_small(volume, claim), *_modes(volume, claim)]


def _named(volume: PersistentVolume, claim: PersistentVolumeClaim) -> Iterator[Text]:
    if claim.volume not in {"", volume.name}:
        asked = f"persistentvolume/{claim.volume}"
        yield Text(
            en=f"the claim asks for {asked} by name (volumeName)", fr=f"le PVC demande {asked} par son nom (volumeName)"
        )


def _of_class(volume: PersistentVolume, claim: PersistentVolumeClaim) -> Iterator[Text]:
    has, asked = volume.storage_class, claim.storage_class or ""
    if has != asked:
        yield Text(
            en=f"its class is {has or 'none'}, and the claim asks for {asked or 'none'}",
            fr=f"sa classe est {has or 'aucune'}, et le PVC demande {asked or 'aucune'}",
        )


def _small(volume: PersistentVolume, claim: PersistentVolumeClaim) -> Iterator[Text]:
    if volume.bytes < claim.bytes:
        has = volume.size or "0"
        yield Text(
            en=f"it has {has}, and the claim asks for {claim.size}", fr=f"il fait {has}, et le PVC demande {claim.size}"
        )


def _modes(volume: PersistentVolume, claim: PersistentVolumeClaim) -> Iterator[Text]:
    if not set(claim.access_modes) <= set(volume.access_modes):
        has, asked = ", ".join(volume.access_modes) or "-", ", ".join(claim.access_modes)
        yield Text(
            en=f"its accessModes are {has}, and the claim asks for {asked}",
            fr=f"ses accessModes sont {has}, et le PVC demande {asked}",
        )
    if volume.volume_mode != claim.volume_mode:
        has, asked = volume.volume_mode, claim.volume_mode
        yield Text(
            en=f"its volumeMode is {has}, and the claim asks for {asked}",
            fr=f"son volumeMode est {has}, et le PVC demande {asked}",
        )


def _labels(volume: PersistentVolume, claim: PersistentVolumeClaim) -> Iterator[Text]:
    if not selects(claim.selector, volume.labels):
        has = pairs(volume.labels)
        yield Text(
            en=f"its labels ({has or 'none'}) are not what the claim's selector asks for",
            fr=f"ses labels ({has or 'aucun'}) ne sont pas ceux que demande le selector du PVC",
        )
