"""The judges of basic volumes, on recorded states; folders and a shell of this machine play containers and nodes."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
import testinfra

from checks.mounts import assert_mounts
from checks.volumes import assert_host_path, assert_shared, assert_shares_with_node, assert_shows
from labgrade.cluster.remote import Completed
from labgrade.errors import HarnessError, Unmet
from labgrade.facts import Node, Pod
from labgrade.model import Json
from tests.checks.insides import inside
from tests.checks.states import Hands, World, deployment, made, pod, revision

HOST: Json = {"hostPath": {"path": "/data", "type": "Directory"}}
EMPTY: Json = {"emptyDir": {}}
SECRET: Json = {"secret": {"secretName": "alarm"}}
HOURS: Json = {"configMap": {"name": "hours"}}
TOKEN: Json = {"name": "kube-api-access-x", "projected": {"sources": []}}


def mounting(volumes: dict[str, Json], *containers: tuple[str, dict[str, str]], read_only: Sequence[str] = ()) -> Json:
    """A spec with these volumes by name, and containers with their mounts: path to volume."""
    return {
        "nodeName": "one",
        "volumes": [*({"name": name} | volume for name, volume in volumes.items()), TOKEN],
        "containers": [
            {
                "name": name,
                "volumeMounts": [
                    *(
                        {"name": volume, "mountPath": path} | ({"readOnly": True} if volume in read_only else {})
                        for path, volume in mounts.items()
                    ),
                    {"name": TOKEN["name"], "mountPath": "/var/run/secrets/kubernetes.io/serviceaccount"},
                ],
            }
            for name, mounts in containers
        ],
    }


def node_pod(volume: Json, at: str = "/test-pd", *, ready: bool = True, **more: Any) -> Json:
    """The Pod that sees its node."""
    spec = mounting({"node": volume}, ("web", {at: "node"}))
    spec["containers"][0]["volumeMounts"][0] |= more
    return pod("test-pd", spec=spec, ready=ready)


def host_path(*objects: Json) -> None:
    """Judges the hostPath volume."""
    assert_host_path(World(*objects).cluster.pod("test-pd"), path="/data", kind="Directory", at="/test-pd")


@pytest.mark.parametrize("path", ["/data", "/data/"])
def test_the_nodes_folder_at_its_place_is_met(path: str) -> None:
    """However it is written."""
    host_path(node_pod({"hostPath": {"path": path, "type": "Directory"}}, "/test-pd/"))


@pytest.mark.parametrize(
    ("objects", "saw", "credit"),
    [
        ([], "there is no pod/test-pd", 0),
        (
            [node_pod({"hostPath": {"path": "/data", "type": "DirectoryOrCreate"}})],
            "has the type DirectoryOrCreate",
            0.5,
        ),
        ([node_pod({"hostPath": {"path": "/data"}})], "has the type none", 0.5),
        ([node_pod({"hostPath": {"path": "/srv", "type": "Directory"}})], r"volume node \(hostPath\), /srv", 0),
        ([node_pod(EMPTY)], r"/test-pd in container web is the volume node \(emptyDir\)", 0),
        ([node_pod(HOST, "/test")], "nothing is mounted at /test-pd in container web, mounts are at: /test$", 0),
        ([node_pod(HOST, subPath="part")], r"volume node \(hostPath\), in it part$", 0),
    ],
    ids=["no Pod", "made on the fly", "no type", "another folder", "emptyDir", "elsewhere", "a part of it"],
)
def test_any_other_volume_is_unmet(objects: list[Json], saw: str, credit: float) -> None:
    """The right folder earns half, whatever its type."""
    with pytest.raises(Unmet, match=saw) as unmet:
        host_path(*objects)
    assert unmet.value.credit == credit


class Node1:
    """A node whose /data is a folder of this machine."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def __call__(self, node: Node) -> Any:
        """A host there."""
        assert node.name == "one"
        local, folder = testinfra.get_host("local://"), self.folder

        class Host:
            def run(self, command: str, *args: str) -> Any:
                return local.run(command, *(arg.replace("/data", f"{folder}") for arg in args))

        return Host()


def on_node(node: Path, seen: Path, *, ready: bool = True) -> Hands:
    """Judges test-pd, which sees one folder, on a node that has the other."""
    world = World(node_pod(HOST, ready=ready))
    hands = Hands(world, lambda _: None, lambda _: ("/test-pd", f"{seen}"))
    on = Node1(node)
    assert_shares_with_node(world.cluster.pod("test-pd"), on, hands.hands, path="/data", at="/test-pd")
    return hands


def test_what_the_node_writes_the_pod_reads(tmp_path: Path) -> None:
    """And nothing of it stays."""
    hands = on_node(tmp_path, tmp_path)
    assert len(list(tmp_path.iterdir())) == 1
    hands.restore()
    assert not list(tmp_path.iterdir())


def test_another_folder_than_the_nodes_is_unmet_and_left_alone(tmp_path: Path) -> None:
    """The node gets no file that nobody would remove."""
    node, seen = tmp_path / "node", tmp_path / "seen"
    node.mkdir()
    seen.mkdir()
    with pytest.raises(Unmet, match="/test-pd in pod/test-pd is not /data of node/one"):
        on_node(node, seen)
    assert not list(node.iterdir())


def test_a_pod_that_waits_for_its_folder_is_unmet(tmp_path: Path) -> None:
    """Nothing is written anywhere."""
    with pytest.raises(Unmet, match="pod/test-pd is not ready"):
        on_node(tmp_path, tmp_path, ready=False)


class TwoContainers(Hands):
    """A Pod whose containers have folders of their own, or one."""

    def __init__(self, world: World, folders: dict[str, tuple[str, Path]]) -> None:
        super().__init__(world, lambda _: None)
        self.folders = folders

    def exec(self, pod: Pod, container: str, command: Sequence[str], *, undo: Sequence[str] = ()) -> Completed:
        """On this machine, in the container's own folder; one without a folder does not run."""
        if container not in self.folders:
            raise HarnessError(f'container not found ("{container}")')
        there, here = self.folders[container]

        def place(_: Pod) -> tuple[str, str]:
            return there, f"{here}"

        self.place = place
        return super().exec(pod, container, command, undo=undo)


def shared(spec: Json, folders: dict[str, tuple[str, Path]], *, ready: bool = True) -> None:
    """Judges the Deployment diner."""
    world = World(
        deployment("diner", replicas=1, image="busybox:1.36", revision=1),
        revision("diner", 1, image="busybox:1.36", ready=1),
        pod("diner-1-a", owner=("ReplicaSet", "diner-1"), spec=spec, ready=ready),
    )
    hands = TwoContainers(world, folders).hands
    assert_shared(world.cluster.deployment("diner"), hands, writer=("cook", "/out"), reader=("waiter", "/in"))


ONE = mounting({"pass": EMPTY}, ("cook", {"/out": "pass"}), ("waiter", {"/in": "pass"}))
TWO = mounting({"pass": EMPTY, "table": EMPTY}, ("cook", {"/out": "pass"}), ("waiter", {"/in": "table"}))
ELSEWHERE = mounting({"pass": EMPTY}, ("cook", {"/output": "pass"}), ("waiter", {"/in": "pass"}))
RENAMED = mounting({"pass": EMPTY}, ("chef", {"/out": "pass"}), ("waiter", {"/in": "pass"}))


def test_one_volume_in_two_containers_is_met(tmp_path: Path) -> None:
    """Each at its own path."""
    shared(ONE, {"cook": ("/out", tmp_path), "waiter": ("/in", tmp_path)})


@pytest.mark.parametrize(
    ("spec", "ready", "saw"),
    [
        (TWO, True, r"/out in container cook is the volume pass \(emptyDir\); .*waiter is the volume table"),
        (ELSEWHERE, True, "nothing is mounted at /out in container cook, mounts are at: /output; "),
        (RENAMED, True, "has these containers: chef, waiter"),
        (ONE, False, "is not ready"),
    ],
    ids=["two volumes", "mounted elsewhere", "another name", "not ready"],
)
def test_what_is_not_shared_is_unmet(tmp_path: Path, spec: Json, ready: bool, saw: str) -> None:  # noqa: FBT001 - pytest's parameter
    """What each of them has in its place is told."""
    (tmp_path / "one").mkdir()
    (tmp_path / "other").mkdir()
    with pytest.raises(Unmet, match=saw):
        shared(spec, {"cook": ("/out", tmp_path / "one"), "waiter": ("/in", tmp_path / "other")}, ready=ready)


def test_a_reader_that_has_ended_is_the_students(tmp_path: Path) -> None:
    """It counts as ready for the moment after each of its starts."""
    with pytest.raises(Unmet, match="container waiter of pod/diner-1-a does not keep running"):
        shared(ONE, {"cook": ("/out", tmp_path)})


def test_a_bare_pod_is_no_deployment() -> None:
    """It is named, since it is what was made in its place."""
    world = World(pod("diner", spec=ONE), pod("board", spec=ONE))
    with pytest.raises(Unmet, match=r"no deployment/diner in namespace lab, but pod/diner$"):
        assert_shared(
            world.cluster.deployment("diner"),
            Hands(world, lambda _: None).hands,
            writer=("cook", "/out"),
            reader=("waiter", "/in"),
        )


HOURS_MAP = made("ConfigMap", "hours", data={"weekdays": "12:00\n", "sunday": "closed\n"})
ALARM = made("Secret", "alarm", data={"code": "Zm91cg=="})


@pytest.fixture
def etc(tmp_path: Path) -> Path:
    """What the container sees of both."""
    for name, content in {"hours/weekdays": "12:00\n", "hours/sunday": "closed\n", "alarm/code": "four"}.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(content)
    return tmp_path


BOARD = mounting({"h": HOURS, "a": SECRET}, ("box", {"/etc/hours": "h", "/etc/alarm": "a"}), read_only=["a"])


def shows(etc: Path, *objects: Json, spec: Json = BOARD, running: str = "") -> None:
    """Judges the Pod board."""
    cluster = World(pod("board", spec=spec), *objects).cluster
    look = inside({"/etc/hours": etc / "hours", "/etc/alarm": etc / "alarm"}, container=running)
    shown = [(cluster.config_map("hours"), "/etc/hours"), (cluster.secret("alarm"), "/etc/alarm")]
    assert_shows(cluster.pod("board"), look, shown)


def test_files_that_are_the_keys_are_met(etc: Path) -> None:
    """To the byte, whatever else lies there."""
    (etc / "hours" / "..data").mkdir()
    shows(etc, HOURS_MAP, ALARM)


def test_a_key_that_is_not_shown_costs_its_object(etc: Path) -> None:
    """The other one earns its half."""
    (etc / "hours" / "sunday").unlink()
    with pytest.raises(Unmet, match=r"^/etc/hours shows, of configmap/hours, not: sunday$") as unmet:
        shows(etc, HOURS_MAP, ALARM)
    assert unmet.value.credit == 0.5


def test_another_content_is_told_without_being_shown(etc: Path) -> None:
    """What is secret stays so, in words as in evidence."""
    (etc / "alarm" / "code").write_text("five")
    with pytest.raises(Unmet, match="something else than what secret/alarm has as: code") as unmet:
        shows(etc, HOURS_MAP, ALARM)
    said = f"{unmet.value.saw}{unmet.value.wanted}{unmet.value.try_}{unmet.value.evidence}"
    assert not any(word in said for word in ("four", "five", "Zm91cg"))


def test_files_of_the_image_do_not_count(etc: Path) -> None:
    """Where nothing is mounted, nothing is shown."""
    spec = mounting({"h": HOURS}, ("box", {"/etc/hours": "h"}))
    with pytest.raises(Unmet, match="nothing is mounted at /etc/alarm in container box"):
        shows(etc, HOURS_MAP, ALARM, spec=spec)


def test_a_container_that_ends_is_the_students(etc: Path) -> None:
    """It counts as ready for the moment after each of its starts."""
    with pytest.raises(Unmet, match="container box of pod/board does not keep running"):
        shows(etc, HOURS_MAP, ALARM, running="another")


@pytest.mark.parametrize("objects", [[HOURS_MAP], [ALARM], [made("ConfigMap", "hours"), ALARM]])
def test_what_is_not_there_cannot_be_shown(etc: Path, objects: list[Json]) -> None:
    """No ConfigMap, no Secret, and one without keys: all of nothing is nothing."""
    with pytest.raises(Unmet):
        shows(etc, *objects)


def mounts(*specs: Json) -> None:
    """Judges Pods with these specs."""
    world = World(*(pod(f"pod-{number}", spec=spec) for number, spec in enumerate(specs)))
    assert_mounts([world.cluster.pod(f"pod-{number}") for number in range(max(1, len(specs)))])


def test_volumes_that_are_all_mounted_are_met() -> None:
    """By one container or by several, Secrets read-only; a Pod's token is nobody's work."""
    mounts(BOARD, ONE)
    template = made("Deployment", "web", spec={"template": {"spec": BOARD}})
    assert_mounts([World(template).cluster.deployment("web")])


def test_a_mount_of_an_init_container_is_one() -> None:
    """It may be the only one that needs the volume."""
    spec = mounting({"a": EMPTY}, ("box", {}))
    mounts(spec | {"initContainers": [{"name": "set-up", "volumeMounts": [{"name": "a", "mountPath": "/a"}]}]})


@pytest.mark.parametrize(
    ("specs", "saw", "credit"),
    [
        ([], "there is no pod/pod-0", 0),
        ([BOARD, mounting({"a": EMPTY, "b": EMPTY}, ("box", {"/a": "a"}))], r"nobody mounts: b \(pod/pod-1\)", 0),
        ([mounting({}, ("box", {}))], "without a volume: pod/pod-0", 0),
        ([mounting({"a": SECRET}, ("box", {"/a": "a"}))], r"not mounted read-only: a \(pod/pod-0\)", 0.5),
    ],
    ids=["nothing", "unused", "no volumes", "writable"],
)
def test_mounts_that_are_missing_or_too_open_are_unmet(specs: list[Json], saw: str, credit: float) -> None:
    """A Secret that is mounted, but not read-only, earns half."""
    with pytest.raises(Unmet, match=saw) as unmet:
        mounts(*specs)
    assert unmet.value.credit == credit


def test_keys_that_look_like_options_are_files(tmp_path: Path) -> None:
    """A ConfigMap may have such keys."""
    (tmp_path / "-n").write_text("no")
    hours = made("ConfigMap", "hours", data={"-n": "no"})
    cluster = World(pod("board", spec=BOARD), hours).cluster
    assert_shows(cluster.pod("board"), inside({"/etc/hours": tmp_path}), [(cluster.config_map("hours"), "/etc/hours")])
