"""Claims on volumes made by hand: which one comes nearest and what keeps it, on recorded states."""

from __future__ import annotations

from typing import Any

import pytest

from labgrade.facts import Cluster, Recorded
from labgrade.facts.binding import NEVER, OPEN, Unbound, unbound
from labgrade.model import Json

OURS = {"namespace": "lab", "name": "recipes"}
THEIRS = {"namespace": "other", "name": "books"}


def made(kind: str, name: str, **parts: Any) -> Json:
    """An object, of the cluster unless `metadata` says where."""
    return {"kind": kind, **parts, "metadata": {"name": name, "uid": name} | parts.get("metadata", {})}


def claim(*, metadata: Json | None = None, status: str = "Pending", **spec: Any) -> Json:
    """A Pending claim of 1Gi on the class by-hand, unless told."""
    asked = {"storageClassName": "by-hand", "accessModes": ["ReadWriteOnce"]} | spec
    asked["resources"] = {"requests": {"storage": asked.pop("storage", "1Gi")}}
    at = {"namespace": "lab"} | (metadata or {})
    return made("PersistentVolumeClaim", "recipes", metadata=at, spec=asked, status={"phase": status})


def volume(name: str = "shelf", *, phase: str = "Available", metadata: Json | None = None, **spec: Any) -> Json:
    """A volume that suits it, unless told."""
    has = {"storageClassName": "by-hand", "accessModes": ["ReadWriteOnce"], "capacity": {"storage": "1Gi"}}
    return made("PersistentVolume", name, metadata=metadata or {}, spec=has | spec, status={"phase": phase})


def storage_class(mode: str = "WaitForFirstConsumer", by: str = "kubernetes.io/no-provisioner") -> Json:
    """The class by-hand."""
    return made("StorageClass", "by-hand", provisioner=by, volumeBindingMode=mode)


def node(name: str = "one", *, cordoned: bool = False, **labels: str) -> Json:
    """A node that is labelled with its name."""
    spec = {"unschedulable": True} if cordoned else {}
    return made("Node", name, metadata={"labels": {"host": name} | labels}, spec=spec)


def at(*names: str) -> Json:
    """A volume's nodeAffinity: only on these nodes."""
    rule = {"key": "host", "operator": "In", "values": list(names)}
    return {"required": {"nodeSelectorTerms": [{"matchExpressions": [rule]}]}}


def using(message: str = "", **spec: Any) -> Json:
    """A Pod that uses the claim and has no node yet; `message` is the scheduler's."""
    volumes = [{"name": "data", "persistentVolumeClaim": {"claimName": "recipes"}}]
    scheduled = {"type": "PodScheduled", "status": "False"} | (
        {"reason": "Unschedulable", "message": message} if message else {}
    )
    metadata = {"namespace": "lab"}
    status = {"phase": "Pending", "conditions": [scheduled]}
    return made("Pod", "kitchen", metadata=metadata, spec={"volumes": volumes} | spec, status=status)


def found(*objects: Json) -> Unbound:
    """Why the claim has no volume."""
    cluster = Cluster(Recorded(*objects), "lab")
    why = unbound(cluster, cluster.claim("recipes"))
    assert why
    return why


NEAREST = {
    "its class": (
        claim(),
        [volume(storageClassName="by-hnad")],
        "its class is by-hnad, and the claim asks for by-hand",
    ),
    "no class of its own": (
        claim(),
        [volume(storageClassName="")],
        "its class is none, and the claim asks for by-hand",
    ),
    "too small": (claim(storage="2Gi"), [volume()], "it has 1Gi, and the claim asks for 2Gi"),
    "access mode": (
        claim(accessModes=["ReadWriteMany"]),
        [volume()],
        "its accessModes are ReadWriteOnce, and the claim asks for ReadWriteMany",
    ),
    "volume mode": (
        claim(),
        [volume(volumeMode="Block")],
        "its volumeMode is Block, and the claim asks for Filesystem",
    ),
    "selector": (
        claim(selector={"matchLabels": {"wood": "oak"}}),
        [volume(metadata={"labels": {"wood": "pine"}})],
        "its labels (wood=pine) are not what the claim's selector asks for",
    ),
    "somebody's": (
        claim(),
        [volume(phase="Bound", claimRef=THEIRS | {"uid": "7"})],
        "it is bound to persistentvolumeclaim/books in namespace other",
    ),
    "reserved": (claim(), [volume(claimRef=THEIRS)], "it is reserved (claimRef) for persistentvolumeclaim/books"),
    "released by somebody": (
        claim(),
        [volume(phase="Released", claimRef=THEIRS | {"uid": "7"})],
        "it is Released, and still belongs to persistentvolumeclaim/books (namespace other), which was deleted",
    ),
    "released by an earlier one of the name": (
        claim(),
        [volume(phase="Released", claimRef=OURS | {"uid": "earlier"})],
        "still belongs to an earlier persistentvolumeclaim/recipes (namespace lab), which was deleted",
    ),
    "failed": (
        claim(),
        [volume(phase="Failed", claimRef=THEIRS) | {"status": {"phase": "Failed", "message": "no deleter"}}],
        "it has failed: no deleter",
    ),
    "on its way out": (
        claim(),
        [volume(metadata={"deletionTimestamp": "2026-01-31T12:00:00Z"})],
        "it is being deleted",
    ),
    "two things": (
        claim(storage="2Gi"),
        [volume(storageClassName="x"), volume("worse", storageClassName="x", volumeMode="Block")],
        "persistentvolume/shelf comes nearest, but its class is x, and the claim asks for by-hand, it has 1Gi",
    ),
    "the least": (
        claim(storage="2Gi"),
        [volume("a", storageClassName="x"), volume()],
        "persistentvolume/shelf comes nearest, but it has 1Gi",
    ),
}


@pytest.mark.parametrize("classes", [[], [storage_class("Immediate")]], ids=["no class", "no provisioner"])
@pytest.mark.parametrize(("asked", "volumes", "words"), NEAREST.values(), ids=NEAREST)
def test_the_nearest_volume_and_what_keeps_it_are_told_at_once(
    asked: Json, volumes: list[Json], words: str, classes: list[Json]
) -> None:
    """Nothing will change by itself, whether the class is there or only a word that both must have in common."""
    why = found(asked, *volumes, *classes)
    assert words in why.why.en
    assert "s'en approche le plus, mais " in why.why.fr
    assert why.until == NEVER


def test_a_class_is_but_a_word_where_volumes_are_made_by_hand() -> None:
    """That it is not there is said only where it is what keeps the two apart."""
    assert "storageclass" not in found(claim(storage="2Gi"), volume()).why.en
    assert "there is no storageclass/by-hand to make one" in found(claim(), volume(storageClassName="x")).why.en


def test_other_peoples_volumes_come_near_nobody() -> None:
    """What a driver made, or is somebody's and would not suit besides, is left out."""
    driven = volume("pvc-1", phase="Bound", metadata={"annotations": {"pv.kubernetes.io/provisioned-by": "x"}})
    elsewhere = volume("far", phase="Bound", storageClassName="x", claimRef=THEIRS | {"uid": "7"})
    assert "nearest" not in found(claim(), driven, elsewhere).why.en


@pytest.mark.parametrize(
    ("volumes", "words"),
    [
        ([], "it asks for persistentvolume/shelf by name (volumeName), which does not exist"),
        (
            [volume(claimRef=THEIRS | {"uid": "7"}, phase="Bound")],
            "cannot have: it is bound to persistentvolumeclaim/b",
        ),
        ([volume(storageClassName="x")], "which it cannot have: its class is x"),
        ([volume("other")], "which does not exist"),
    ],
    ids=["not there", "another's", "of another class", "another one would do"],
)
def test_a_claim_may_ask_for_a_volume_that_it_cannot_have(volumes: list[Json], words: str) -> None:
    """By name it gets that one or none, and nothing waits for a Pod."""
    why = found(claim(volumeName="shelf"), *volumes, storage_class())
    assert words in why.why.en
    assert "volumeName" in why.why.fr
    assert why.until == NEVER


@pytest.mark.parametrize(
    "objects",
    [
        [claim(), volume()],
        [claim(), volume(), storage_class("Immediate")],
        [claim(volumeName="shelf"), volume(), storage_class()],
        [claim(), volume(claimRef=OURS), storage_class()],
        [claim(), volume(phase="Pending")],
        [claim(volumeName="shelf"), volume(phase="Bound", claimRef=OURS | {"uid": "recipes"})],
        [claim(volumeName="x", metadata={"annotations": {"pv.kubernetes.io/bind-completed": "yes"}})],
        [claim(), volume(), storage_class(), node(), using()],
        [
            claim(),
            volume(),
            storage_class(),
            node(),
            using("1 node(s) didn't find available persistent volumes to bind"),
        ],
        [claim(), volume(nodeAffinity=at("two")), storage_class(), node(cordoned=True), node("two"), using()],
    ],
    ids=[
        "free",
        "of a class that binds at once",
        "asked for by name",
        "reserved for it",
        "an instant old",
        "half bound",
        "just bound",
        "for a Pod",
        "later than its Pod",
        "on another node than the cordoned one",
    ],
)
def test_a_claim_that_is_being_bound_is_waited_for(objects: list[Json]) -> None:
    """The rest is the cluster's work."""
    why = found(*objects)
    assert why.why.en == "persistentvolumeclaim/recipes is being bound"
    assert why.until == OPEN


def test_waiting_for_a_first_pod_is_right() -> None:
    """And final: no volume need come near for that, since nobody has looked for one."""
    for volumes in ([], [volume(storageClassName="x")], [volume()]):
        why = found(claim(), storage_class(), *volumes)
        assert why.rightly
        assert why.until == NEVER
        assert "is rightly Pending since no Pod uses it yet: storageclass/by-hand chooses a volume" in why.why.en
        assert "Pending, à raison, car aucun Pod" in why.why.fr
    assert not found(claim(), volume(storageClassName="x")).rightly


FAR = {
    "cordoned": (at("one"), [node(cordoned=True), node("two")], {}, "node/one, which is cordoned (kubectl uncordon)"),
    "nowhere": (
        at("three"),
        [node(), node("two")],
        {},
        "used where host In three, and no node is so; the nodes are: one",
    ),
    "elsewhere": (
        at("one"),
        [node(), node("two")],
        {"nodeSelector": {"host": "two"}},
        "node/one, which is not what the Pod's nodeSelector asks for",
    ),
}


@pytest.mark.parametrize(("affinity", "nodes", "spec", "words"), FAR.values(), ids=FAR)
def test_a_volume_that_suits_may_be_out_of_reach(affinity: Json, nodes: list[Json], spec: Json, words: str) -> None:
    """Told at once, before the scheduler has spoken."""
    why = found(claim(), volume(nodeAffinity=affinity), storage_class(), *nodes, using(**spec))
    assert words in why.why.en
    assert "qui ne peut pas aller là où est un volume" in why.why.fr
    assert why.until == NEVER


def test_a_pod_that_is_too_big_for_any_node_binds_nothing() -> None:
    """The scheduler has refused it for a reason that is none of the claim's."""
    why = found(claim(), volume(), storage_class(), node(), using("0/1 nodes are available: 1 Insufficient memory."))
    assert "which has no node: 0/1 nodes are available: 1 Insufficient memory" in why.why.en
    assert why.until == NEVER


def test_a_claim_that_is_being_deleted_is_bound_no_more() -> None:
    """Who still uses it is said: it goes only with them."""
    leaving = {"deletionTimestamp": "2026-01-31T12:00:00Z"}
    why = found(claim(metadata=leaving), volume(), using())
    assert why.why.en == "persistentvolumeclaim/recipes is being deleted, and goes once nothing uses it: pod/kitchen"
    assert "dès que rien ne l'utilise : pod/kitchen" in why.why.fr
    assert why.until == NEVER
