"""Judges of volumes made by hand: real folders on this machine play the nodes, recorded states the claims."""

from __future__ import annotations

import shlex
import subprocess
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from checks.handmade import MARK, Wanted, assert_bound_by_hand, assert_shared_path
from labgrade.errors import Unmet
from labgrade.facts import Node
from labgrade.model import Json
from tests.checks.states import World, claim, made

CLASS, BELOW, NOBODY = "local-storage", "/mnt/data", "kubernetes.io/no-provisioner"
WANTED = (Wanted("mysql", 5 * 2**30, "5Gi"), Wanted("wp", 10 * 2**30, "10Gi"))


class Machines:
    """Nodes whose /mnt/data is a folder here; `folders`: which one for each node, none where it has none."""

    def __init__(self, root: Path, *folders: str) -> None:
        self.root, self.folders = root, folders
        for name in filter(None, folders):
            (root / name).mkdir(exist_ok=True)
        names = [f"node-{number}" for number in range(len(folders))]
        self.nodes = Node.all(World(*(made("Node", name) for name in names)), None)

    def on(self, node: Node) -> Any:
        """A host that runs commands for real, where the node's folder is."""
        name = self.folders[int(node.name[-1])]

        def run(command: str, *args: str) -> Any:
            words = command % tuple(map(shlex.quote, args))
            words = words.replace("/mnt/data", str(self.root / name) if name else str(self.root / "no" / "folder"))
            done = subprocess.run(["sh", "-c", words], capture_output=True, text=True, check=False)
            return SimpleNamespace(rc=done.returncode, stdout=done.stdout, stderr=done.stderr)

        return SimpleNamespace(run=run)

    @property
    def left(self) -> list[str]:
        """What lies in the folders."""
        return sorted(path.name for name in set(filter(None, self.folders)) for path in (self.root / name).iterdir())


def test_a_folder_that_all_nodes_share_is_met(tmp_path: Path) -> None:
    """Nothing of ours stays, also of a run that was killed; what is the student's does."""
    machines = Machines(tmp_path, "one", "one", "one")
    (tmp_path / "one" / "mine").touch()
    (tmp_path / "one" / f"{MARK}0123").touch()
    assert_shared_path(machines.nodes, machines.on, path=BELOW)
    assert machines.left == ["mine"]


@pytest.mark.parametrize(
    ("folders", "words"),
    [
        (("one", "one", "two"), "what node/node-0 has in /mnt/data is not there on: node/node-2$"),
        (("one", "", ""), "is not there on: node/node-1, node/node-2$"),
        (("", "one", "one"), "node/node-0 has no folder /mnt/data$"),
        (("one",), "node/node-0 is the only node$"),
    ],
)
def test_folders_that_merely_have_the_same_name_are_unmet(tmp_path: Path, folders: tuple[str, ...], words: str) -> None:
    """And nothing is left in them."""
    machines = Machines(tmp_path, *folders)
    with pytest.raises(Unmet, match=words):
        assert_shared_path(machines.nodes, machines.on, path=BELOW)
    assert machines.left == []


def test_a_folder_that_cannot_be_written_to_is_told(tmp_path: Path) -> None:
    """In the words of the node."""
    machines = Machines(tmp_path, "one", "one")

    def run(*_: str) -> Any:
        return SimpleNamespace(rc=2, stdout="", stderr="Read-only file system\n")

    def on(_: Node) -> Any:
        return SimpleNamespace(run=run)

    with pytest.raises(Unmet, match=r"node/node-0 cannot write in /mnt/data: Read-only file system$"):
        assert_shared_path(machines.nodes, on, path=BELOW)


def volume(name: str, size: str, **spec: Any) -> Json:
    """A volume made by hand, in a folder of its name."""
    made_of: Json = {
        "storageClassName": CLASS,
        "capacity": {"storage": size},
        "persistentVolumeReclaimPolicy": "Retain",
        "hostPath": {"path": f"{BELOW}/{name}"},
    }
    return made("PersistentVolume", f"pv-{name}", spec=made_of | spec, status={"phase": "Bound"})


def asking(name: str, size: str) -> Json:
    """A bound claim of that size."""
    found = claim(name, storage_class=CLASS)
    found["spec"]["resources"] = {"requests": {"storage": size}}
    return found


def judged(*others: Json, without: str = "") -> None:
    """The two claims as asked for, `others` in place of what has the same name."""
    parts = [
        made(
            "StorageClass", CLASS, provisioner="kubernetes.io/no-provisioner", volumeBindingMode="WaitForFirstConsumer"
        ),
        volume("mysql", "5Gi"),
        volume("wp", "10Gi"),
        asking("mysql", "5Gi"),
        asking("wp", "10Gi"),
    ]
    taken = {(each["kind"], each["metadata"]["name"]) for each in others}
    kept = (each for each in parts if (each["kind"], each["metadata"]["name"]) not in taken)
    world = World(*(each for each in (*kept, *others) if each["metadata"]["name"] != without))
    assert_bound_by_hand(world.cluster, WANTED, storage_class=CLASS, reclaim="Retain", below=BELOW)


def test_claims_on_volumes_made_by_hand_are_met() -> None:
    """In a folder by hostPath or local, and larger than asked for, too."""
    judged()
    judged(volume("wp", "20Gi", hostPath=None, local={"path": "/mnt/data/wordpress"}))


PROVISIONED: Json = {"annotations": {"pv.kubernetes.io/provisioned-by": "rancher.io/local-path"}}


@pytest.mark.parametrize(
    ("other", "words"),
    [
        (
            volume("wp", "10Gi", persistentVolumeReclaimPolicy="Delete"),
            "pv-wp of .*claim/wp has the reclaim",
        ),
        (volume("wp", "10Gi", hostPath={"path": "/mnt/database"}), "pv-wp of .* lies in /mnt/database$"),
        (volume("wp", "10Gi", hostPath={"path": "/mnt/data/../wp"}), r"lies in /mnt/data/\.\./wp$"),
        (volume("wp", "10Gi", hostPath={"path": "/mnt/data"}), "lies in /mnt/data$"),
        (volume("wp", "10Gi", hostPath=None, nfs={"path": "/mnt/data/wp"}), "lies in no folder of a node$"),
        (volume("wp", "10Gi", storageClassName="standard"), "is bound to persistentvolume/pv-wp of class standard$"),
        (volume("wp", "10Gi") | {"metadata": {"name": "pv-wp", **PROVISIONED}}, "made by rancher.io/local-path$"),
        (asking("wp", "1Gi"), "persistentvolumeclaim/wp asks for 1Gi and has persistentvolume/pv-wp of 10Gi$"),
        (claim("wp", phase="Pending", storage_class="else"), "wp is Pending"),
    ],
)
def test_each_claim_that_is_otherwise_costs_its_half(other: Json, words: str) -> None:
    """With what is wrong about it."""
    with pytest.raises(Unmet, match=words) as caught:
        judged(other)
    assert caught.value.credit == 0.5


def test_a_claim_by_another_name_is_missing() -> None:
    """What is there in its place is named."""
    with pytest.raises(Unmet, match=r"there is no persistentvolumeclaim/wp in namespace lab, but .*claim/mysql$"):
        judged(without="wp")


@pytest.mark.parametrize(
    ("provisioner", "mode"),
    [("rancher.io/local-path", "WaitForFirstConsumer"), (NOBODY, "Immediate")],
)
def test_a_class_of_another_kind_costs_both(provisioner: str, mode: str) -> None:
    """Its name alone is not enough."""
    with pytest.raises(Unmet, match=f"has provisioner {provisioner} and binds {mode}") as caught:
        judged(made("StorageClass", CLASS, provisioner=provisioner, volumeBindingMode=mode))
    assert caught.value.credit == 0
