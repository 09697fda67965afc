"""A cluster as it was before somebody's work was put into it, or else the sentence that says why it is not."""

from __future__ import annotations

from collections.abc import Collection

from labgrade.cluster import lease
from labgrade.cluster.api import Api
from labgrade.cluster.journal import PREFIX
from labgrade.cluster.ours import RECORDS_NAMESPACE
from labgrade.cohort.practice.inventory import Difference, Inventory, Seen, Thing, differences, namespaces, taken
from labgrade.facts.reading import RESOURCES
from labgrade.patience import until

GONE_SECONDS = 90.0
"""What namespaces get to go away; a finalizer that nobody removes keeps one for ever."""

SETTLE_SECONDS = 30.0
"""What the cluster gets afterwards, to remove volumes whose claims are gone, say."""

GRACE_SECONDS = 1
"""What Pods get to end: nobody wants anything of them any more."""

IN_THE_WAY = frozenset(
    {
        "APIService",
        "MutatingAdmissionPolicy",
        "MutatingAdmissionPolicyBinding",
        "MutatingWebhookConfiguration",
        "ValidatingAdmissionPolicy",
        "ValidatingAdmissionPolicyBinding",
        "ValidatingWebhookConfiguration",
    }
)
"""Kinds that can keep others from being deleted, and so go first."""


def wipe(api: Api, before: Inventory, *, asked: Collection[str] = ()) -> list[Difference]:
    """Empties the cluster of what came after `before`, which is `settled`; what is left or changed, empty: all is well.

    Removed are all new namespaces, and of the rest only new objects of the cluster-scoped kinds that were `asked` for;
    a volume that somebody made by hand stays: what is in it cannot be removed with it. Where something is there to
    stay, nothing is removed at all: who has to make a new cluster does not wait for this one.
    HarnessError where the cluster does not answer.
    """
    home = namespaces(before)
    found = differences(before, taken(api, within=home))
    removable = [each for each in found if _removable(each, asked)]
    if lasting := [each for each in found if each.lasting and each not in removable]:
        return lasting
    _remove(api, [each for each in removable if each.thing.kind in IN_THE_WAY])
    if stuck := _empty(api, home):
        return stuck
    _remove(api, [each for each in removable if each.thing.kind not in IN_THE_WAY])
    api.delete(RESOURCES["Lease"].path(RECORDS_NAMESPACE, lease.NAME))
    return _settled(api, before)


def _removable(found: Difference, asked: Collection[str]) -> bool:
    """Whether it goes away by being deleted, and all that came with it."""
    if found.what != "is new" or found.thing.kind == "PersistentVolume":
        return False
    return _journal(found.thing) or (found.thing.kind in asked and not found.thing.namespace)


def _journal(thing: Thing) -> bool:
    """Whether it is what a killed run of ours meant to restore: in namespaces that go, or told as a change itself."""
    return (thing.kind, thing.namespace) == ("ConfigMap", RECORDS_NAMESPACE) and thing.name.startswith(PREFIX)


def _remove(api: Api, found: Collection[Difference]) -> None:
    for each in found:
        api.delete(each.seen.path, uid=each.seen.uid)


def _empty(api: Api, home: Collection[str]) -> list[Difference]:
    """Deletes all namespaces but these; those that are still there in the end."""
    for name, uid in _guests(api, home).items():
        api.delete(RESOURCES["Namespace"].path(name=name), uid=uid)
        # Nothing can put others in their place any more, and it is seconds before the cluster itself begins to delete
        # what is in there: with all the time that Pods ask for, and once more where it was not gone at once.
        api.delete(RESOURCES["Pod"].path(name), grace_seconds=GRACE_SECONDS)
        api.delete(RESOURCES["PersistentVolumeClaim"].path(name))
    if until(lambda: not _guests(api, home), seconds=GONE_SECONDS):
        return []
    return [
        Difference(Thing("Namespace", name), "does not go away", Seen(uid, "", RESOURCES["Namespace"].path(name=name)))
        for name, uid in _guests(api, home).items()
    ]


def _guests(api: Api, home: Collection[str]) -> dict[str, str]:
    """UIDs of the other namespaces by name."""
    listed = (each["metadata"] for each in api.get(RESOURCES["Namespace"].path()).get("items") or [])
    return {each["name"]: each["uid"] for each in listed if each["name"] not in home}


def _settled(api: Api, before: Inventory) -> list[Difference]:
    """What is different in the end, as soon as it is nothing, or nothing that will be put right."""
    left: list[Difference] = []

    def over() -> bool:
        left[:] = differences(before, taken(api, within=namespaces(before)))
        return not left or any(each.lasting for each in left)

    until(over, seconds=SETTLE_SECONDS, every=0.5)
    return left
