"""What only some drivers can do with volumes, on a real cluster with a CSI driver and the helpers that such have."""

from __future__ import annotations

import json
from collections.abc import Generator, Iterator, Mapping
from typing import Any

import pytest
import yaml

from images import csi, places
from images.progress import Progress
from images.trouble import Trouble
from labgrade import engine
from labgrade.cluster import scoped, target, workspace
from labgrade.cluster.workspace import Workspace
from labgrade.run import output

from .conftest import Practice, Work

E03 = "e03-storageclass"
e03 = pytest.mark.parametrize("work", [E03], indirect=True)
INSTALL_SECONDS = 240.0
BETTER = ("grows", "snapshots")
"""The checks that most drivers leave aside."""


@pytest.fixture(scope="module")
def driver(practice: Practice) -> Generator[Workspace]:
    """The cluster with the driver on it, for these tests only."""
    try:
        kit = csi.made(places.of_this_user(), Progress())
    except Trouble as trouble:
        pytest.skip(f"no driver: {trouble}")
    load = ["kind", "load", "image-archive", str(kit.archive), "--name", practice.name]
    output(load, engine.find().environment, seconds=INSTALL_SECONDS)
    with workspace.opened(target.resolve(str(practice.kubeconfig), None), "csi-folders") as place:
        try:
            kinds = sorted(path for path in kit.manifests.glob("10-*"))
            place.kubectl("apply", *(f"--filename={path}" for path in kinds))
            place.kubectl("wait", "--for=condition=Established", *(f"--filename={path}" for path in kinds))
            place.kubectl("apply", "-f", str(kit.manifests / "20-driver.yaml"))
            for name in ("daemonset/csi-folders", "deployment/snapshot-controller"):
                place.kubectl("rollout", "status", name, f"--timeout={INSTALL_SECONDS:.0f}s", seconds=INSTALL_SECONDS)
            yield place
        finally:
            words = ("--ignore-not-found", "--timeout=120s")
            place.kubectl("delete", "-f", str(kit.manifests), *words, seconds=INSTALL_SECONDS)


@pytest.fixture
def work(work: Work, driver: Workspace) -> Iterator[Work]:
    """The lab's namespace on a cluster with that driver; whatever class a test makes is gone afterwards."""
    assert driver
    with scoped.kept(work.place, ["StorageClass"]):
        yield work


def put(work: Work, parameters: Mapping[str, str]) -> None:
    """Applies the reference answer, with a class of the CSI driver's."""
    for path in sorted((work.lab.folder / "solution").glob("*.yaml")):
        found: dict[str, Any] = yaml.safe_load(path.read_text(encoding="utf-8"))
        if found["kind"] == "StorageClass":
            found |= {"provisioner": csi.DRIVER, "parameters": dict(parameters)}
        work.place.kubectl("apply", "-f", "-", stdin=json.dumps(found))


def left(work: Work, driver: Workspace) -> list[str]:
    """What is there of snapshots, and of volumes that no claim of the student's has."""
    objects = driver.kubectl("get", "volumesnapshots,volumesnapshotcontents", "--all-namespaces", "-o", "name").split()
    volumes = json.loads(driver.kubectl("get", "persistentvolumes", "-o", "json"))["items"]
    made = [each for each in volumes if each["spec"].get("csi", {}).get("driver") == csi.DRIVER]
    strange = [each for each in made if each["spec"]["claimRef"]["namespace"] != work.place.namespace]
    return [*objects, *(each["metadata"]["name"] for each in strange)]


@e03
def test_a_driver_that_can_do_more_earns_all_of_it(work: Work, driver: Workspace) -> None:
    """The reference answer with such a driver: volumes grow, snapshots are restored, and nothing of ours stays."""
    put(work, {})
    checked = work.check()
    assert set(work.states.values()) == {"passed"}, checked.stdout
    assert (work.result["earned"], work.result["possible"]) == (20, 20)
    assert left(work, driver) == []


@e03
def test_a_driver_that_fails_at_it_does_not(work: Work, driver: Workspace) -> None:
    """A volume that does not grow, a snapshot that is restored empty: in words, and nothing of ours stays."""
    put(work, {"growth": "refused", "restoring": "forgets"})
    work.check(*(word for name in BETTER for word in ("--only", name)))
    found = {outcome["id"]: outcome for outcome in work.result["outcomes"]}
    assert {name: found[name]["state"] for name in BETTER} == dict.fromkeys(BETTER, "failed")
    assert "volumes of this class do not grow" in found["grows"]["saw"]["en"]
    assert "lacks the file" in found["snapshots"]["saw"]["en"]
    assert [found[name]["earned"] for name in BETTER] == [0, 1]
    assert left(work, driver) == []


@e03
def test_a_class_that_forbids_growing_or_cannot_be_mounted(work: Work, driver: Workspace) -> None:
    """The API server's word, and the driver's."""
    put(work, {})
    drawers = json.loads(work.place.kubectl("get", "storageclass", "drawers", "-o", "json"))
    for change, said in (
        ({"allowVolumeExpansion": False}, {"grows": "must support resize"}),
        ({"mountOptions": ["nfsvers=4.1"]}, dict.fromkeys(BETTER, 'no mount option "nfsvers=4.1"')),
    ):
        words = ("replace", "--force", "-f", "-")
        work.place.kubectl(*words, stdin=json.dumps(drawers | change))
        work.check(*(word for name in said for word in ("--only", name)))
        found = {outcome["id"]: outcome["saw"]["en"] for outcome in work.result["outcomes"]}
        assert all(words in found[name] for name, words in said.items()), found
    assert left(work, driver) == []
