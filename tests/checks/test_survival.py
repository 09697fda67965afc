"""The judge of surviving data: real files on this machine play the volumes of two Pods."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import testinfra

from checks.survival import assert_data_outlives_pod, assert_data_survives
from labgrade.errors import Unmet
from labgrade.facts import Pod
from labgrade.model import Json
from tests.checks.states import Hands, World, deployment, made, pod, revision

OWNER = ("StatefulSet", "web")


class Volumes:
    """A folder a Pod, standing for the directory in its container; or one for both."""

    def __init__(self, root: Path, *, shared: bool = False) -> None:
        self.root, self.shared, self.directory = root, shared, f"{root}/pages"

    def folder(self, name: str) -> Path:
        """Where a Pod's files are."""
        found = self.root / ("both" if self.shared else name)
        found.mkdir(exist_ok=True)
        return found

    def inside(self, pod: Pod, _container: str) -> Any:
        """A testinfra host on this machine that sees the Pod's folder in place of the directory."""
        local = testinfra.get_host("local://")
        folder, directory = self.folder(pod.name), self.directory

        class Host:
            def run(self, command: str, *paths: str) -> Any:
                return local.run(command, *(path.replace(directory, f"{folder}") for path in paths))

        return Host()

    def put(self, pod: Pod, path: str, content: str) -> None:
        """Writes into a Pod's folder."""
        Path(path.replace(self.directory, f"{self.folder(pod.name)}")).write_text(content)


def member(number: int, volume: Json, mount: str, uid: str) -> Json:
    """A Pod with one volume."""
    container = {"name": "nginx", "volumeMounts": [{"name": "pages", "mountPath": mount}]}
    spec = {"volumes": [{"name": "pages"} | volume], "containers": [container]}
    return pod(f"web-{number}", owner=OWNER, spec=spec, uid=uid)


def own(number: int) -> Json:
    """A volume of a claim of one's own."""
    return {"persistentVolumeClaim": {"claimName": f"pages-web-{number}"}}


def judge(
    volumes: Volumes, volume: Callable[[int], Json], *, mount: str = "", loses: bool = False, same: bool = False
) -> None:
    """Judges a StatefulSet; `loses`: its files die with a Pod; `same`: the Pod deleted is still there."""
    at = mount or volumes.directory
    world = World(
        made("StatefulSet", "web", spec={}),
        member(0, volume(0), at, "zero"),
        member(1, volume(1), at, "one"),
    )

    def then(world: World) -> None:
        if loses:
            shutil.rmtree(volumes.folder("web-1"))
        world.objects.append(member(1, volume(1), at, "one" if same else "later"))

    hands = Hands(world, then, write=volumes.put)
    statefulset = world.cluster.statefulset("web")
    assert_data_survives(statefulset, volumes.inside, hands.hands, directory=volumes.directory)


def test_data_on_a_volume_of_ones_own_survives(tmp_path: Path) -> None:
    """Written by ordinal 1, there after its deletion, unknown to ordinal 0."""
    judge(Volumes(tmp_path), own)


def test_data_in_an_empty_dir_is_lost_and_the_cause_named(tmp_path: Path) -> None:
    """An emptyDir goes with its Pod."""
    with pytest.raises(Unmet, match="volume of type emptyDir"):
        judge(Volumes(tmp_path), lambda _: {"emptyDir": {}}, loses=True)


def test_data_beside_the_volume_is_lost_and_the_cause_named(tmp_path: Path) -> None:
    """A claim mounted elsewhere keeps what nobody writes."""
    with pytest.raises(Unmet, match=r"nothing is mounted at .*, claims are at: /data"):
        judge(Volumes(tmp_path), own, mount="/data", loses=True)


def test_data_that_both_pods_see_earns_a_part(tmp_path: Path) -> None:
    """It survived, but it is not the Pod's own."""
    with pytest.raises(Unmet, match="web-0 has it too; claims in common: pages") as unmet:
        judge(Volumes(tmp_path, shared=True), lambda _: {"persistentVolumeClaim": {"claimName": "pages"}})
    assert unmet.value.credit == pytest.approx(0.4)


def test_a_pod_that_was_never_replaced_proves_nothing(tmp_path: Path) -> None:
    """The same UID is the same Pod, whose files any container keeps."""
    with pytest.raises(Unmet, match="did not come back"):
        judge(Volumes(tmp_path), own, same=True)


CLAIM: Json = {"persistentVolumeClaim": {"claimName": "pages"}}


def lone(name: str, volume: Json, mount: str) -> Json:
    """The Pod of a Deployment, with one volume."""
    container = {"name": "nginx", "volumeMounts": [{"name": "pages", "mountPath": mount}]}
    spec = {"volumes": [{"name": "pages"} | volume], "containers": [container]}
    return pod(name, owner=("ReplicaSet", "web-1"), spec=spec, uid=name)


def replaced(volumes: Volumes, volume: Json, *, heir: str = "web-1-b", another: Json | None = None) -> None:
    """Judges a Deployment whose Pod is replaced by one of another name, with the same volume or `another`."""
    at = volumes.directory
    world = World(
        deployment("web", replicas=1, image="nginx:1.26", revision=1),
        revision("web", 1, image="nginx:1.26", ready=1),
        lone("web-1-a", volume, at),
    )

    def then(world: World) -> None:
        world.objects += [lone(heir, another or volume, at)] if heir else []

    hands = Hands(world, then, write=volumes.put)
    assert_data_outlives_pod(world.cluster.deployment("web"), volumes.inside, hands.hands, directory=at)


def test_data_outlives_a_deployments_pod(tmp_path: Path) -> None:
    """Its successor has another name and the same claim."""
    replaced(Volumes(tmp_path, shared=True), CLAIM)


def test_a_deployments_data_in_an_empty_dir_is_lost(tmp_path: Path) -> None:
    """Each Pod begins with a directory of its own."""
    with pytest.raises(Unmet, match="volume of type emptyDir"):
        replaced(Volumes(tmp_path), {"emptyDir": {}})


def test_a_pod_that_nobody_replaces_is_unmet(tmp_path: Path) -> None:
    """Without a successor there is nothing to read the data in."""
    with pytest.raises(Unmet, match="pod/web-1-a did not come back ready"):
        replaced(Volumes(tmp_path, shared=True), CLAIM, heir="")


def test_data_of_another_claim_is_not_the_same(tmp_path: Path) -> None:
    """What a new claim happens to hold did not survive."""
    other: Json = {"persistentVolumeClaim": {"claimName": "others"}}
    with pytest.raises(Unmet, match="went with the old Pod"):
        replaced(Volumes(tmp_path, shared=True), CLAIM, another=other)
