"""Why a claim has no volume, and until when one is to be hoped for."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from labgrade.facts import byhand
from labgrade.facts.cluster import Cluster
from labgrade.facts.events import Event
from labgrade.facts.pods import Pod
from labgrade.facts.storage import (
    NO_PROVISIONER,
    CSIDriver,
    LocalPath,
    PersistentVolume,
    PersistentVolumeClaim,
    StorageClass,
)
from labgrade.text import Text

UNANSWERED = timedelta(seconds=5)
"""A driver takes a claim up within a second: after so long, one that the cluster does not know does not exist."""

PASSING = (
    "timeout",
    "timed out",
    "deadline",
    "unavailable",
    "connection refused",
    "try again",
    "conflict",
    "in progress",
)
"""What drivers say of trouble that they will try to get past, as opposed to what they will not do."""

REFUSED = re.compile(r'^failed to provision volume with StorageClass "[^"]*": ')
"""How such an event begins, which says nothing that the claim does not."""

BOUND_SOON = ("unbound immediate", "storageclass")
"""What the scheduler says of claims that may be bound without it, or that it may find a class for later on."""

CHOSEN_SOON = (*BOUND_SOON, "volumes to bind")
"""Likewise where it chooses among volumes made by hand, and looks again when there is one more."""

BIND_COMPLETED = "pv.kubernetes.io/bind-completed"
"""The note on a claim that it and its volume know each other; its status follows."""

NEVER, OPEN = datetime.min.replace(tzinfo=UTC), datetime.max.replace(tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Unbound:
    """Why a claim has no volume."""

    why: Text
    until: datetime = NEVER
    """When hoping ends, by the cluster's clock: NEVER began, or stays OPEN."""
    rightly: bool = False
    """Whether it is as it should be: its class waits for a first Pod that uses it, and there is none yet."""


def unbound(cluster: Cluster, claim: PersistentVolumeClaim) -> Unbound | None:
    """Why a claim of the cluster's namespace has no volume, in a sentence that begins with it; None for a bound one."""
    if claim.bound:
        return None
    if not claim.exists:
        return Unbound(Text(en=f"there is no {claim}", fr=f"il n'y a pas de {claim}"))
    if claim.phase == "Lost":
        return Unbound(Text(en=f"{claim} has lost its volume", fr=f"{claim} a perdu son volume"))
    users = _users(cluster, claim)
    if claim.terminating:
        return Unbound(_leaving(claim, users))
    if claim.volume:
        misnamed = byhand.misnamed(cluster, claim)
        return Unbound(misnamed) if misnamed and not _taken_up(claim) else _being_bound(claim)
    return _unclaimed(cluster, claim, users)


def class_of(cluster: Cluster, claim: PersistentVolumeClaim) -> StorageClass | None:
    """The class that a claim asks for, or gets by default; None where there is no such class."""
    if claim.storage_class is not None:
        named = cluster.storage_class(claim.storage_class)
        return named if named.exists else None
    # The API server takes the newest one of several.
    defaults = [found for found in cluster.storage_classes() if found.default]
    return max(defaults, key=lambda found: found.created or NEVER, default=None)


def answers(cluster: Cluster, provisioner: str) -> bool | None:
    """Whether a driver of that name works in the cluster; None where nobody there is known by it."""
    ours = LocalPath(cluster.reading)
    if provisioner == ours.provisioner and ours.exists:
        return ours.ready > 0
    registered = any(driver.name == provisioner for driver in CSIDriver.all(cluster.reading, None))
    at_work = any(volume.provisioned_by == provisioner for volume in cluster.volumes())
    spoke = any(_said_by(provisioner, event) for event in cluster.events())
    return True if registered or at_work or spoke else None


def drivers(cluster: Cluster) -> list[str]:
    """Names of the drivers that the cluster is known to have."""
    ours = LocalPath(cluster.reading)
    known = {driver.name for driver in CSIDriver.all(cluster.reading, None)}
    known |= {volume.provisioned_by for volume in cluster.volumes() if volume.provisioned_by}
    return sorted(known | ({ours.provisioner} if ours.exists else set()))


def _unclaimed(cluster: Cluster, claim: PersistentVolumeClaim, users: list[Pod]) -> Unbound:
    """Of a claim that will do with any volume that suits it."""
    storage_class = class_of(cluster, claim)
    suiting = [volume for volume in cluster.volumes() if volume.suits(claim)]
    # What names the claim itself is given to it without the scheduler.
    waits = bool(storage_class and storage_class.waits_for_consumer) and not any(volume.claim for volume in suiting)
    if storage_class is None:
        return _being_bound(claim) if suiting else Unbound(byhand.unserved(cluster, claim))
    if waits and not users:
        return Unbound(_unused(claim, storage_class), rightly=True)
    if suiting and not waits:
        return _being_bound(claim)
    if refusal := _refusal(cluster, claim, storage_class):
        return refusal
    if storage_class.provisioner == NO_PROVISIONER:
        return _by_hand(cluster, claim, storage_class, suiting, users)
    return _unschedulable(claim, storage_class, users) or _being_made(cluster, claim, storage_class, users)


def _by_hand(
    cluster: Cluster,
    claim: PersistentVolumeClaim,
    storage_class: StorageClass,
    suiting: list[PersistentVolume],
    users: list[Pod],
) -> Unbound:
    """Of a claim whose class leaves volumes to be made by hand, and the choice among them to the scheduler."""
    if not suiting:
        return Unbound(byhand.made_by_nobody(cluster, claim, storage_class))
    if far := byhand.out_of_reach(cluster, claim, suiting, users):
        return Unbound(far)
    return _unschedulable(claim, storage_class, users, CHOSEN_SOON) or _being_bound(claim)


def _taken_up(claim: PersistentVolumeClaim) -> bool:
    """Whether it was given its volume just now: the rest is a matter of instants."""
    return BIND_COMPLETED in claim.annotations


def _being_bound(claim: PersistentVolumeClaim) -> Unbound:
    return Unbound(Text(en=f"{claim} is being bound", fr=f"{claim} est en train d'être lié"), OPEN)


def _leaving(claim: PersistentVolumeClaim, users: list[Pod]) -> Text:
    names = ", ".join(f"{pod}" for pod in users)
    en, fr = (f" once nothing uses it: {names}", f" dès que rien ne l'utilise : {names}") if users else ("", "")
    return Text(
        en=f"{claim} is being deleted, and goes{en}", fr=f"{claim} est en cours de suppression, et disparaît{fr}"
    )


def _users(cluster: Cluster, claim: PersistentVolumeClaim) -> list[Pod]:
    alive = (pod for pod in cluster.pods() if pod.phase not in {"Succeeded", "Failed"})
    return [pod for pod in alive if claim.name in pod.claims.values()]


def _refusal(cluster: Cluster, claim: PersistentVolumeClaim, storage_class: StorageClass) -> Unbound | None:
    """What the driver said that would not do; what it said before the class was made anew counts no more."""
    said = [
        event
        for event in cluster.events(claim)
        if event.reason == "ProvisioningFailed"
        and _said_by(storage_class.provisioner, event)
        and event.last_seen >= (storage_class.created or NEVER)
    ]
    if not said:
        return None
    message = REFUSED.sub("", said[-1].message)
    passing = any(words in message.lower() for words in PASSING)
    why = Text(
        en=f"{claim} is refused by {storage_class.provisioner}: {message}",
        fr=f"{claim} est refusé par {storage_class.provisioner} : {message}",
    )
    return Unbound(why, OPEN if passing else NEVER)


def _unschedulable(
    claim: PersistentVolumeClaim, storage_class: StorageClass, users: list[Pod], passing: tuple[str, ...] = BOUND_SOON
) -> Unbound | None:
    """What keeps the scheduler from choosing the node that such a class waits for."""
    conditions = [pod.condition("PodScheduled") for pod in users]
    words = [str(each.get("message", "")) for each in conditions if each.get("reason") == "Unschedulable"]
    # The claim is there: the scheduler just has not heard of it yet.
    late = f'persistentvolumeclaim "{claim.name}" not found'
    hopeless = len(words) == len(users) and not any(soon in each for each in words for soon in (*passing, late))
    if not (storage_class.waits_for_consumer and words and hopeless):
        return None
    return Unbound(
        Text(
            en=f"{claim} waits for {users[0]}, which has no node: {words[0]}",
            fr=f"{claim} attend {users[0]}, qui n'a pas de nœud : {words[0]}",
        )
    )


def _being_made(
    cluster: Cluster, claim: PersistentVolumeClaim, storage_class: StorageClass, users: list[Pod]
) -> Unbound:
    provisioner = storage_class.provisioner
    if answers(cluster, provisioner) is not None:
        words = Text(
            en=f"{claim} waits for {provisioner} to make a volume", fr=f"{claim} attend un volume de {provisioner}"
        )
        return Unbound(words, OPEN)
    born = [fact.created for fact in (claim, storage_class, *users) if fact.created]
    return Unbound(_unanswered(claim, storage_class), max(born, default=NEVER) + UNANSWERED if born else NEVER)


def _said_by(provisioner: str, event: Event) -> bool:
    """Drivers sign with their name, their Pod's and a number, joined by underscores."""
    source = event.raw.get("source") or {}
    signed = str(event.raw.get("reportingComponent") or source.get("component") or "")
    return signed == provisioner or signed.startswith(f"{provisioner}_")


def _unused(claim: PersistentVolumeClaim, storage_class: StorageClass) -> Text:
    by_hand = storage_class.provisioner == NO_PROVISIONER
    en, fr = ("chooses", "choisit") if by_hand else ("makes", "crée")
    return Text(
        en=f"{claim} is rightly Pending since no Pod uses it yet: {storage_class} {en} a volume for the first one "
        "that does",
        fr=f"{claim} est Pending, à raison, car aucun Pod ne l'utilise encore : {storage_class} {fr} un volume pour le "
        "premier qui le fait",
    )


def _unanswered(claim: PersistentVolumeClaim, storage_class: StorageClass) -> Text:
    name = storage_class.provisioner
    return Text(
        en=f"{claim} is Pending: {storage_class} leaves it to {name}, and nobody in this cluster goes by that name",
        fr=f"{claim} est Pending : {storage_class} s'en remet à {name}, et personne dans ce cluster ne porte ce nom",
    )
