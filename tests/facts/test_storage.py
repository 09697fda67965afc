"""What is known of claims, volumes, classes and drivers, on recorded states."""

from __future__ import annotations

from typing import Any

import pytest

from labgrade.facts import Cluster, PersistentVolumeClaim, Recorded
from labgrade.facts.binding import answers, class_of, drivers, unbound
from labgrade.model import Json


def made(kind: str, name: str, **parts: Any) -> Json:
    """An object, of the cluster unless `metadata` says where."""
    return {"kind": kind, **parts, "metadata": {"name": name} | parts.get("metadata", {})}


def claim(**spec: Any) -> Json:
    """A claim of 1Gi on the class drawers, unless told."""
    asked = {"storageClassName": "drawers", "accessModes": ["ReadWriteOnce"]} | spec
    asked["resources"] = {"requests": {"storage": asked.pop("storage", "1Gi")}}
    return made("PersistentVolumeClaim", "recipes", metadata={"namespace": "lab"}, spec=asked)


def volume(phase: str = "Available", **spec: Any) -> Json:
    """A volume that suits it, unless told."""
    has = {"storageClassName": "drawers", "accessModes": ["ReadWriteOnce"], "capacity": {"storage": "1024Mi"}}
    return made("PersistentVolume", "pv", spec=has | spec, status={"phase": phase})


def labelled(**labels: str) -> Json:
    """The same, with labels."""
    return volume() | {"metadata": {"name": "pv", "labels": labels}}


def cluster(*objects: Json) -> Cluster:
    """A cluster with these objects."""
    return Cluster(Recorded(*objects), "lab")


RESERVED = {"namespace": "lab", "name": "recipes"}
ELSEWHERE = {"namespace": "other", "name": "recipes"}


@pytest.mark.parametrize(
    ("asked", "has", "suits"),
    [
        (claim(), volume(), True),
        (claim(), volume(capacity={"storage": "2G"}), True),
        (claim(), volume(capacity={"storage": "1G"}), False),
        (claim(), volume(storageClassName="shelves"), False),
        (claim(storageClassName=""), volume(storageClassName=None), True),
        (claim(), volume(accessModes=["ReadWriteMany"]), False),
        (claim(), volume(accessModes=["ReadWriteMany", "ReadWriteOnce"]), True),
        (claim(), volume("Bound"), False),
        (claim(), volume("Released"), False),
        (claim(), volume(claimRef=RESERVED), True),
        (claim(), volume(claimRef=ELSEWHERE), False),
        (claim(volumeName="pv"), volume(), True),
        (claim(volumeName="another"), volume(), False),
        (claim(selector={"matchLabels": {"wood": "oak"}}), volume(), False),
        (claim(selector={"matchLabels": {"wood": "oak"}}), labelled(wood="oak"), True),
        (claim(selector={"matchLabels": {"wood": "oak"}}, volumeName="pv"), volume(), True),
        (claim(), volume(volumeMode="Block"), False),
        (claim(volumeMode="Block"), volume(volumeMode="Block"), True),
        (claim(), volume(volumeMode="Filesystem"), True),
        (claim(), volume(claimRef=RESERVED, storageClassName="shelves"), True),
        (claim(), volume(claimRef=RESERVED, capacity={"storage": "1G"}), False),
        (claim(), volume("Pending"), True),
    ],
)
def test_a_volume_suits_a_claim_or_not(asked: Json, has: Json, suits: bool) -> None:  # noqa: FBT001 - a parameter
    """Free, of the same class and mode, big enough, with all access modes and labels, and nobody else's."""
    found = cluster(asked, has)
    assert found.volume("pv").suits(found.claim("recipes")) is suits


def test_a_volume_knows_its_claim() -> None:
    """By name and by UID; a reservation has no UID yet."""
    found = cluster(volume("Bound", claimRef=RESERVED | {"uid": "1f"})).volume("pv")
    assert (found.claim, found.claim_uid) == (("lab", "recipes"), "1f")
    found = cluster(volume()).volume("pv")
    assert (found.claim, found.claim_uid) == (None, "")


def test_what_a_class_does_not_say() -> None:
    """Left out, a field means what the API server takes for it."""
    found = cluster(made("StorageClass", "drawers", provisioner="csi.example.org")).storage_class("drawers")
    assert (found.binding_mode, found.reclaim_policy, found.expandable) == ("Immediate", "Delete", False)
    assert not found.default


def defaults(*ages: str) -> list[Json]:
    """Default classes, each called by the year that it was made in."""
    notes = {"storageclass.kubernetes.io/is-default-class": "true"}
    return [
        made("StorageClass", age, metadata={"annotations": notes, "creationTimestamp": f"{age}-01-01T00:00:00Z"})
        for age in ages
    ]


def test_a_claim_without_a_class_gets_the_newest_default() -> None:
    """As the API server has it; one that asks for none gets none."""
    found = cluster(*defaults("2024", "2026", "2025"), claim(storageClassName=None))
    assert repr(class_of(found, found.claim("recipes"))) == "storageclass/2026"
    assert class_of(cluster(claim(storageClassName=None)), found.claim("recipes")) is None
    found = cluster(*defaults("2024"), claim(storageClassName=""))
    assert class_of(found, found.claim("recipes")) is None


def test_drivers_are_known_by_registration_work_or_word() -> None:
    """Who signed an event is one as well; kind's own one is known by its Deployment, and may be down."""
    spoke = made(
        "Event",
        "recipes.1",
        metadata={"namespace": "lab"},
        source={"component": "example.org/nfs_nfs-0_2f"},
        lastTimestamp="2026-01-31T12:00:00Z",
    )
    local = made("Deployment", "local-path-provisioner", metadata={"namespace": "local-path-storage"}, status={})
    annotated = volume() | {
        "metadata": {"name": "pv", "annotations": {"pv.kubernetes.io/provisioned-by": "example.org/iscsi"}}
    }
    found = cluster(made("CSIDriver", "csi.example.org"), annotated, spoke, local)
    assert [answers(found, name) for name in ("csi.example.org", "example.org/iscsi", "example.org/nfs")] == [True] * 3
    assert answers(found, "example.org/nf") is None
    assert answers(found, "rancher.io/local-path") is False
    assert drivers(found) == ["csi.example.org", "example.org/iscsi", "rancher.io/local-path"]


def test_why_a_claim_has_no_volume_is_said_in_both_languages() -> None:
    """Beginning with what is not there at all."""
    nothing = cluster()
    missing = unbound(nothing, PersistentVolumeClaim(nothing.reading, "lab", "recipes"))
    assert missing
    assert missing.why.en == "there is no persistentvolumeclaim/recipes"
    found = cluster(claim())
    unserved = unbound(found, found.claim("recipes"))
    assert unserved
    assert "there is no storageclass/drawers" in unserved.why.en
    assert "il n'y a ni storageclass/drawers" in unserved.why.fr
