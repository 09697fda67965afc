"""The judge of surviving data: real files on this machine play the volumes of two Pods."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import testinfra

from checks.survival import assert_data_survives
from labgrade.errors import Unmet
from labgrade.facts import Pod
from labgrade.model import Json
from tests.checks.states import Hands, World, made, pod

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
