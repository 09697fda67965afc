"""Judges of storage classes and of volumes made on demand, on recorded states."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from checks.classes import assert_class_settings, assert_one_default, assert_provisioner_works
from checks.provisioning import assert_one_pod_uses, assert_provisioned, assert_serves_anybody
from labgrade.cluster.ownclaims import Trial
from labgrade.errors import HarnessError, Unmet
from labgrade.facts import StorageClass
from labgrade.model import Json
from labgrade.text import Text
from tests.checks.states import World, claim, deployment, made, pod, revision

LOCAL = "rancher.io/local-path"
DEFAULT = {"storageclass.kubernetes.io/is-default-class": "true"}
BETA_DEFAULT = {"storageclass.beta.kubernetes.io/is-default-class": "true"}
ASKED: dict[str, Any] = {"binding_mode": "WaitForFirstConsumer", "reclaim_policy": "Delete", "expandable": True}


def storage_class(
    name: str = "drawers", *, by: str = LOCAL, annotations: Mapping[str, str] | None = None, **settings: Any
) -> Json:
    """A class, as the lab asks for it unless told."""
    fields = {
        "volumeBindingMode": "WaitForFirstConsumer",
        "reclaimPolicy": "Delete",
        "allowVolumeExpansion": True,
    } | settings
    metadata = {"name": name, "annotations": dict(annotations or {})}
    return {"kind": "StorageClass", "metadata": metadata, "provisioner": by, **fields}


def local_path(ready: int = 1) -> Json:
    """The provisioner that kind clusters bring along."""
    metadata = {"namespace": "local-path-storage"}
    return made("Deployment", "local-path-provisioner", metadata=metadata, status={"readyReplicas": ready})


def volume(by: str = LOCAL, *, of: str = "PersistentVolumeClaim-recipes", **spec: Any) -> Json:
    """The volume that the claim is bound to."""
    reference = {"namespace": "lab", "name": "recipes", "uid": of}
    notes = {"pv.kubernetes.io/provisioned-by": by} if by else {}
    return {
        "kind": "PersistentVolume",
        "metadata": {"name": "pv-recipes", "annotations": notes},
        "spec": {"claimRef": reference, "storageClassName": "drawers"} | spec,
        "status": {"phase": "Bound"},
    }


def csi(name: str) -> Json:
    """A driver that is registered."""
    return {"kind": "CSIDriver", "metadata": {"name": name}}


STANDARD = storage_class("standard", annotations=DEFAULT)


def drawers(*objects: Json) -> tuple[World, StorageClass]:
    """A cluster with these objects, and its class drawers, there or not."""
    world = World(*objects)
    return world, world.cluster.storage_class("drawers")


def works(*objects: Json) -> None:
    """Judges the provisioner of the class."""
    world, asked = drawers(*objects)
    assert_provisioner_works(world.cluster, asked)


@pytest.mark.parametrize(
    "objects",
    [
        [storage_class(), local_path()],
        [storage_class(by="csi.example.org"), csi("csi.example.org")],
        [storage_class(by="example.org/nfs"), volume(by="example.org/nfs")],
    ],
    ids=["kind's own", "registered", "seen at work"],
)
def test_a_provisioner_that_works_is_met(objects: list[Json]) -> None:
    """Any driver will do that the cluster has, registered or not."""
    works(*objects)


@pytest.mark.parametrize(
    ("objects", "saw"),
    [
        ([STANDARD, local_path()], "no storageclass/drawers in this cluster; there is: storageclass/standard"),
        ([storage_class(by="rancher.io/localpath"), local_path()], "rancher.io/localpath, and nobody"),
        ([storage_class(by="kubernetes.io/no-provisioner"), local_path()], "would have to be made by hand"),
        ([storage_class(), csi("csi.example.org")], "nobody in this cluster goes by that name"),
    ],
    ids=["no class", "typo", "by hand", "not on this cluster"],
)
def test_a_provisioner_that_nobody_knows_is_unmet(objects: list[Json], saw: str) -> None:
    """What is there instead is said."""
    with pytest.raises(Unmet, match=saw):
        works(*objects)


def test_a_provisioner_that_is_down_is_not_the_students() -> None:
    """The cluster brought it along, and the class names it rightly."""
    with pytest.raises(HarnessError, match="does not run"):
        works(storage_class(), local_path(ready=0), volume())


def test_one_default_class_is_met() -> None:
    """The cluster's own one."""
    world, asked = drawers(STANDARD, storage_class())
    assert_one_default(world.cluster, asked)


@pytest.mark.parametrize(
    ("objects", "saw"),
    [
        ([STANDARD, storage_class(annotations=DEFAULT)], "storageclass/drawers, storageclass/standard"),
        ([STANDARD, storage_class(annotations=BETA_DEFAULT)], "storageclass/drawers, storageclass/standard"),
        ([storage_class("standard"), storage_class()], "default classes of this cluster: none"),
        ([storage_class("standard"), storage_class(annotations=DEFAULT)], "of this cluster: storageclass/drawers$"),
        ([STANDARD], "there is no storageclass/drawers"),
    ],
    ids=["two", "two, one the old way", "none", "moved", "nothing done"],
)
def test_any_other_number_of_default_classes_is_unmet(objects: list[Json], saw: str) -> None:
    """Two are as bad as none; and before anything was done nothing is earned."""
    world, asked = drawers(*objects)
    with pytest.raises(Unmet, match=saw):
        assert_one_default(world.cluster, asked)


@pytest.mark.parametrize(
    ("settings", "credit"),
    [
        ({"volumeBindingMode": "Immediate"}, 2 / 3),
        ({"volumeBindingMode": None}, 2 / 3),
        ({"reclaimPolicy": "Retain"}, 2 / 3),
        ({"allowVolumeExpansion": False}, 2 / 3),
        ({"allowVolumeExpansion": None, "reclaimPolicy": "Retain"}, 1 / 3),
        ({"volumeBindingMode": "Immediate", "reclaimPolicy": "Retain", "allowVolumeExpansion": False}, 0),
    ],
)
def test_each_setting_earns_its_part(settings: Json, credit: float) -> None:
    """A near miss costs a third, and the failure names what is off and nothing else."""
    world, asked = drawers(storage_class(**settings))
    with pytest.raises(Unmet) as unmet:
        assert_class_settings(world.cluster, asked, **ASKED)
    assert unmet.value.credit == pytest.approx(credit)
    assert {words.partition(":")[0] for words in unmet.value.wanted.en.split(", ")} == set(settings)


def test_settings_as_asked_are_met_and_no_class_has_none() -> None:
    """A policy that is not written is Delete."""
    world, asked = drawers(storage_class(reclaimPolicy=None))
    assert_class_settings(world.cluster, asked, **ASKED)
    world, asked = drawers(STANDARD)
    with pytest.raises(Unmet, match="no storageclass/drawers"):
        assert_class_settings(world.cluster, asked, **ASKED)


def provisioned(*objects: Json) -> None:
    """Judges the claim recipes."""
    world, asked = drawers(storage_class(), STANDARD, local_path(), *objects)
    assert_provisioned(world.cluster, world.cluster.claim("recipes"), asked)


def recipes(phase: str = "Bound", storage_class: str = "drawers", **parts: Any) -> Json:
    """The claim."""
    return claim("recipes", phase=phase, storage_class=storage_class, **parts)


def cook(volume: Json, *, ready: bool = True) -> Json:
    """A Pod of the kitchen."""
    spec = {"volumes": [{"name": "pages"} | volume]}
    return pod("kitchen-1-a", ready=ready, owner=("ReplicaSet", "kitchen-1"), spec=spec)


USES: Json = {"persistentVolumeClaim": {"claimName": "recipes"}}
REFUSAL: Json = {
    "kind": "Event",
    "metadata": {"name": "recipes.1", "namespace": "lab"},
    "involvedObject": {"kind": "PersistentVolumeClaim", "name": "recipes", "uid": "PersistentVolumeClaim-recipes"},
    "type": "Warning",
    "reason": "ProvisioningFailed",
    "message": 'failed to provision volume with StorageClass "drawers": only supports ReadWriteOnce',
    "reportingComponent": f"{LOCAL}_local-path-provisioner-1_2f",
    "lastTimestamp": "2026-01-31T12:00:00Z",
}


def test_a_claim_with_a_volume_made_for_it_is_met() -> None:
    """By the provisioner of its own class."""
    provisioned(recipes(), volume())


@pytest.mark.parametrize(
    ("objects", "saw"),
    [
        ([], "no persistentvolumeclaim/recipes"),
        ([recipes(storage_class="standard"), volume()], "bound, by the class standard"),
        ([recipes(), volume(by="")], "persistentvolume/pv-recipes, which was made by hand"),
        ([recipes(), volume(by="csi.example.org")], "which csi.example.org made"),
        ([recipes("Pending")], "Pending since no Pod uses it yet: storageclass/drawers makes a volume for the first"),
        ([recipes("Pending", "drawer")], "there is no storageclass/drawer,"),
        ([recipes("Pending"), cook(USES), REFUSAL], f"is refused by {LOCAL}: only supports ReadWriteOnce"),
        ([recipes("Pending"), cook(USES)], f"waits for {LOCAL} to make a volume"),
        ([recipes("Lost")], "has lost its volume"),
    ],
    ids=["none", "another class", "by hand", "another driver", "unused", "no class", "refused", "on its way", "lost"],
)
def test_any_other_claim_is_unmet_and_the_cause_named(objects: list[Json], saw: str) -> None:
    """A claim that waits for its first Pod is told so: that is no mistake of the class."""
    with pytest.raises(Unmet, match=saw):
        provisioned(*objects)


@pytest.mark.parametrize(
    ("name", "saw"),
    [("recipes", f"waits for {LOCAL} to make a volume"), ("spices", "waits for pod/kitchen-1-a, which has no node")],
)
def test_a_scheduler_that_has_not_heard_of_the_claim_yet_is_not_believed(name: str, saw: str) -> None:
    """It is there; another one that the same Pod asks for may not be."""
    waits = cook(USES, ready=False)
    words = f'0/3 nodes are available: persistentvolumeclaim "{name}" not found. not found'
    scheduled = {"type": "PodScheduled", "status": "False", "reason": "Unschedulable", "message": words}
    waits["status"]["conditions"].append(scheduled)
    with pytest.raises(Unmet, match=saw):
        provisioned(recipes("Pending"), waits)


def used(*objects: Json, replicas: int = 1) -> None:
    """Judges the Deployment kitchen."""
    world = World(
        storage_class(),
        deployment("kitchen", replicas=replicas, image="nginx:1.26", revision=1),
        revision("kitchen", 1, image="nginx:1.26", ready=1),
        *objects,
    )
    assert_one_pod_uses(world.cluster, world.cluster.deployment("kitchen"), world.cluster.claim("recipes"))


def test_one_ready_pod_with_the_claim_is_met() -> None:
    """However the volume is called."""
    used(recipes(), cook(USES))


@pytest.mark.parametrize(
    ("objects", "replicas", "saw"),
    [
        ([recipes()], 1, "ready: 0; claims in use: none"),
        ([recipes(), cook(USES)], 2, "replicas: 2"),
        ([recipes(), cook({"emptyDir": {}})], 1, "ready: 1; claims in use: none"),
        ([recipes("Pending", "drawer"), cook(USES, ready=False)], 1, "ready: 0; .*there is no storageclass/drawer,"),
    ],
    ids=["no Pod", "two", "emptyDir", "waits for its claim"],
)
def test_any_other_pod_is_unmet(objects: list[Json], replicas: int, saw: str) -> None:
    """A Pod that waits for its claim is told what the claim waits for."""
    with pytest.raises(Unmet, match=saw):
        used(*objects, replicas=replicas)


def test_no_deployment_is_unmet() -> None:
    """What was made in its place is named."""
    world = World(recipes(), cook(USES))
    with pytest.raises(Unmet, match=r"no deployment/kitchen .*, but pod/kitchen-1-a"):
        assert_one_pod_uses(world.cluster, world.cluster.deployment("kitchen"), world.cluster.claim("recipes"))


class Tried:
    """A claim of ours of which it is laid down what came of it."""

    def __init__(self, trial: Trial) -> None:
        self._trial = trial

    def tried(self, _class: StorageClass) -> Trial:
        """The same for every class."""
        return self._trial


def served(trial: Trial) -> None:
    """Judges the class by what came of our claim."""
    _, asked = drawers(storage_class())
    assert_serves_anybody(asked, Tried(trial))


def test_a_volume_that_came_and_went_is_met() -> None:
    """Made by the class's provisioner, gone with the claim."""
    served(Trial(None, "pvc-1", LOCAL, "Delete"))


@pytest.mark.parametrize(
    ("trial", "saw", "credit"),
    [
        (Trial(Text("refused", "refusé")), "refused", 0),
        (Trial(None, "pv-1", "", "Delete"), "pv-1, which somebody had made by hand", 0),
        (Trial(None, "pvc-1", LOCAL, "Retain"), "would stay without its claim: reclaimPolicy Retain", 0.5),
        (Trial(None, "pvc-1", LOCAL, "Delete", "no deleter"), "would stay without its claim: no deleter", 0.5),
    ],
    ids=["no volume", "by hand", "retained", "not deleted"],
)
def test_anything_else_is_unmet(trial: Trial, saw: str, credit: float) -> None:
    """Half of it is earned where volumes come and do not go."""
    with pytest.raises(Unmet, match=saw) as unmet:
        served(trial)
    assert unmet.value.credit == pytest.approx(credit)
