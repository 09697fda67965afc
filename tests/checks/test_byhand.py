"""Judges of volumes made by hand, on recorded states."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from checks.byhand import (
    assert_bound_to_each_other,
    assert_fits,
    assert_mounts_claim,
    assert_retained,
    assert_stays_its_owners,
)
from labgrade.cluster.ownpair import Parted
from labgrade.errors import Unmet
from labgrade.facts import PersistentVolume, PersistentVolumeClaim
from labgrade.model import Json
from tests.checks.states import World, deployment, made, pod, revision

UID = "PersistentVolumeClaim-recipes"
OURS: Json = {"namespace": "lab", "name": "recipes", "uid": UID}


def shelf(phase: str = "Bound", *, name: str = "shelf", notes: Any = None, **spec: Any) -> Json:
    """The volume, bound to the claim unless told."""
    has: Json = {
        "storageClassName": "by-hand",
        "accessModes": ["ReadWriteOnce"],
        "capacity": {"storage": "128Mi"},
        "persistentVolumeReclaimPolicy": "Retain",
    }
    if phase == "Bound":
        has["claimRef"] = OURS
    metadata = {"name": name, "annotations": notes or {}}
    return {"kind": "PersistentVolume", "metadata": metadata, "spec": has | spec, "status": {"phase": phase}}


def recipes(phase: str = "Bound", *, storage: str = "100Mi", **spec: Any) -> Json:
    """The claim."""
    asks: Json = {"storageClassName": "by-hand", "accessModes": ["ReadWriteOnce"]}
    asks |= {"resources": {"requests": {"storage": storage}}} | ({"volumeName": "shelf"} if phase == "Bound" else {})
    return made("PersistentVolumeClaim", "recipes", spec=asks | spec, status={"phase": phase})


def waiting_class() -> Json:
    """A class that leaves volumes to be made by hand, and waits for a first Pod."""
    return {
        "kind": "StorageClass",
        "metadata": {"name": "by-hand"},
        "provisioner": "kubernetes.io/no-provisioner",
        "volumeBindingMode": "WaitForFirstConsumer",
    }


Judge = Callable[..., None]


def judged(judge: Judge, *objects: Json, **more: Any) -> None:
    """Judges claim and volume."""
    cluster = World(*objects).cluster
    judge(cluster, cluster.claim("recipes"), cluster.volume("shelf"), **more)


def test_two_that_are_bound_to_each_other_are_met() -> None:
    """By name and by UID."""
    judged(assert_bound_to_each_other, shelf(), recipes())


MADE = shelf(name="pvc-1", notes={"pv.kubernetes.io/provisioned-by": "rancher.io/local-path"})
APART: dict[str, tuple[list[Json], str]] = {
    "no claim": ([shelf("Available")], "no persistentvolumeclaim/recipes"),
    "no volume": (
        [shelf(name="board"), MADE, recipes()],
        "no persistentvolume/shelf .* by hand there is: persistentvol",
    ),
    "another volume": (
        [shelf("Available"), MADE, recipes(volumeName="pvc-1", storageClassName="standard")],
        r"recipes \(class standard\) is bound to persistentvolume/pvc-1, which rancher.io/local-path made; .*Available",
    ),
    "an earlier claim": ([shelf(claimRef=OURS | {"uid": "earlier"}), recipes()], "which belongs to an earlier claim"),
    "too small": ([shelf("Available"), recipes("Pending", storage="1Gi")], "it has 128Mi, and the claim asks for 1Gi"),
    "unused": (
        [shelf("Available"), recipes("Pending"), waiting_class()],
        "is rightly Pending since no Pod uses it yet",
    ),
}


@pytest.mark.parametrize(("objects", "saw"), APART.values(), ids=APART)
def test_any_other_two_are_unmet(objects: list[Json], saw: str) -> None:
    """What keeps them apart is said."""
    with pytest.raises(Unmet, match=saw):
        judged(assert_bound_to_each_other, *objects)


@pytest.mark.parametrize(
    "objects",
    [
        [shelf(), recipes()],
        [shelf("Available"), recipes("Pending"), waiting_class()],
        [shelf("Available", accessModes=["ReadWriteMany", "ReadWriteOnce"]), recipes("Pending")],
    ],
    ids=["bound", "rightly Pending", "offers more"],
)
def test_a_volume_that_fits_is_met_bound_or_not(objects: list[Json]) -> None:
    """A claim that rightly waits for its first Pod loses nothing."""
    judged(assert_fits, *objects, storage_class="by-hand")


@pytest.mark.parametrize(
    ("has", "asks", "saw", "credit"),
    [
        ({"storageClassName": "byhand"}, {}, "its class is byhand, and the claim asks for by-hand", 0),
        ({}, {"storage": "256Mi"}, "it has 128Mi, and the claim asks for 256Mi", 0),
        ({}, {"accessModes": ["ReadWriteMany"]}, "its accessModes are ReadWriteOnce", 0),
        ({"volumeMode": "Block"}, {}, "its volumeMode is Block", 0),
        ({"storageClassName": "manual"}, {"storageClassName": "manual"}, "have the class manual", 0.5),
    ],
    ids=["class", "size", "access mode", "volume mode", "both of another class"],
)
def test_a_volume_that_does_not_fit_is_unmet(has: Json, asks: Json, saw: str, credit: float) -> None:
    """Also where they were bound to each other by force; half is earned where only the name is another."""
    with pytest.raises(Unmet, match=saw) as unmet:
        judged(assert_fits, shelf(**has), recipes(**asks), storage_class="by-hand")
    assert unmet.value.credit == credit


def test_only_retain_keeps_the_data() -> None:
    """A volume made by hand has it also where it does not say so."""
    for spec, kept in (({}, True), ({"persistentVolumeReclaimPolicy": "Delete"}, False)):
        cluster = World(shelf(**spec)).cluster
        if kept:
            assert_retained(cluster, cluster.volume("shelf"))
        else:
            with pytest.raises(Unmet, match="persistentVolumeReclaimPolicy: Delete"):
                assert_retained(cluster, cluster.volume("shelf"))
    with pytest.raises(Unmet, match="no persistentvolume/shelf in this cluster; made by hand there is: none"):
        assert_retained(World().cluster, World().cluster.volume("shelf"))


PAGES = "/usr/share/nginx/html"
TOKEN: Json = {"name": "kube-api-access-x", "projected": {}}
CLAIM: Json = {"name": "pages", "persistentVolumeClaim": {"claimName": "recipes"}}


def cook(*volumes: Json, mounts: tuple[str, ...] = ("pages",), ready: bool = True) -> Json:
    """A Pod of the kitchen."""
    container = {"name": "nginx", "volumeMounts": [{"name": name, "mountPath": PAGES} for name in mounts]}
    spec = {"volumes": list(volumes), "containers": [container]}
    return pod("kitchen-1-a", ready=ready, owner=("ReplicaSet", "kitchen-1"), spec=spec)


def mounts(*objects: Json, replicas: int = 1) -> None:
    """Judges the Deployment kitchen."""
    cluster = World(
        deployment("kitchen", replicas=replicas, image="nginx:1.26", revision=1),
        revision("kitchen", 1, image="nginx:1.26", ready=1),
        *objects,
    ).cluster
    assert_mounts_claim(cluster, cluster.deployment("kitchen"), cluster.claim("recipes"))


def test_one_ready_pod_that_mounts_the_claim_is_met() -> None:
    """Beside whatever else it needs."""
    mounts(recipes(), cook(CLAIM, {"name": "tmp", "emptyDir": {}}))


@pytest.mark.parametrize(
    ("objects", "replicas", "saw"),
    [
        ([recipes()], 1, "replicas: 1; ready: 0"),
        ([recipes(), cook(CLAIM)], 2, "replicas: 2; ready: 1"),
        ([recipes("Pending"), cook(CLAIM, ready=False)], 1, "ready: 0; .*there is no storageclass/by-hand"),
        (
            [recipes(), cook({"name": "pages", "hostPath": {"path": "/srv/shelf"}})],
            1,
            "past any claim: hostPath /srv/s",
        ),
        ([recipes(), cook(CLAIM, {"name": "d", "hostPath": {"path": "/srv"}})], 1, "past any claim: hostPath /srv"),
        (
            [recipes(), cook({"name": "pages", "emptyDir": {}}, TOKEN)],
            1,
            r"does not use .*volumes are: pages \(emptyDir\)$",
        ),
        ([recipes(), cook(CLAIM, mounts=())], 1, "among its volumes, and no container mounts it"),
    ],
    ids=["none", "two", "waits for its claim", "hostPath", "hostPath besides", "emptyDir", "not mounted"],
)
def test_any_other_pod_is_unmet(objects: list[Json], replicas: int, saw: str) -> None:
    """How it goes past the claim is said."""
    with pytest.raises(Unmet, match=saw):
        mounts(*objects, replicas=replicas)


class Tried:
    """Copies of which it is laid down what became of them."""

    def __init__(self, came: Parted) -> None:
        self.came, self.asked = came, 0

    def parted(self, _volume: PersistentVolume, _claim: PersistentVolumeClaim) -> Parted:
        """The same for any two."""
        self.asked += 1
        return self.came


def stays(tried: Tried, **spec: Any) -> None:
    """Judges by what became of the copies."""
    cluster = World(shelf(**spec), recipes()).cluster
    assert_stays_its_owners(cluster.volume("shelf"), cluster.claim("recipes"), tried)


def test_a_copy_that_was_released_and_kept_is_met() -> None:
    """As Retain has it."""
    tried = Tried(Parted("Released", told="already bound to a different claim"))
    stays(tried)
    assert tried.asked == 1


@pytest.mark.parametrize(
    ("came", "saw"),
    [
        (Parted(""), "was gone once its claim was deleted"),
        (Parted("Failed"), "was Failed"),
        (Parted("Released", given=True), "was Released once its claim was deleted, and the next claim got it"),
        (Parted("Available"), "was Available"),
    ],
)
def test_any_other_end_is_unmet(came: Parted, saw: str) -> None:
    """What became of it is said."""
    with pytest.raises(Unmet, match=saw):
        stays(Tried(came))


@pytest.mark.parametrize("policy", ["Delete", "Recycle"])
def test_what_would_delete_or_scrub_is_never_tried(policy: str) -> None:
    """It is said at once."""
    tried = Tried(Parted("Released"))
    with pytest.raises(Unmet, match=policy):
        stays(tried, persistentVolumeReclaimPolicy=policy)
    assert tried.asked == 0
