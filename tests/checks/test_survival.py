"""The judge of surviving data: real files and a real shell on this machine play the containers of Pods."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from checks.survival import assert_data_survives, assert_lost, assert_survives
from labgrade.cluster.drills import Drill, containers_restarted, moved, pods_deleted, scaled_to_zero
from labgrade.cluster.sentinels import file_in, row_in
from labgrade.errors import Unmet
from labgrade.facts import Node, Pod
from labgrade.model import Json
from tests.checks.states import Hands, World, claim, deployment, made, pod, revision

DATA = "/data"
CLAIM: Json = {"persistentVolumeClaim": {"claimName": "files"}}
EMPTY: Json = {"emptyDir": {}}
HOST: Json = {"hostPath": {"path": "/srv"}}


class Stage:
    """A Deployment of one Pod whose files lie in a folder here; what happens to them is the test's to say."""

    def __init__(self, root: Path, volume: Json = CLAIM, *, mount: str = DATA) -> None:
        self.root, self.volume, self.mount, self.count = root, volume, mount, 1
        self.lossy = self.stuck = self.other_claim = False
        self.world = World(
            deployment("app", replicas=1, image="nginx:1.26", revision=1),
            revision("app", 1, image="nginx:1.26", ready=1),
            self.claim("files"),
            made(
                "PersistentVolume",
                "files-volume",
                spec={"hostPath": {"path": "/srv"}, "claimRef": {"namespace": "lab", "name": "files"}},
            ),
            *(made("Node", name, spec={}) for name in ("one", "two")),
            self.pod(),
        )
        self.hands = Hands(self.world, self.react, lambda _: (DATA, f"{self.folder}"))
        self.deployment = self.world.cluster.deployment("app")

    @property
    def folder(self) -> Path:
        """Where the files are; another one for each Pod where they are lost with it."""
        found = self.root / (f"{self.count}" if self.lossy else "kept")
        found.mkdir(exist_ok=True)
        return found

    def claim(self, name: str, uid: str = "first") -> Json:
        """A bound claim."""
        found = claim(name, uid=uid)
        found["spec"]["volumeName"] = "files-volume"
        return found

    def pod(self) -> Json:
        """The Deployment's Pod of the moment; it is on the first node that takes any."""
        container = {"name": "app", "volumeMounts": [{"name": "data", "mountPath": self.mount}]}
        nodes = (
            [node.name for node in Node.all(self.world, None) if not node.spec.get("unschedulable")]
            if (self.count > 1)
            else ["one"]
        )
        spec = {"nodeName": nodes[0], "volumes": [{"name": "data"} | self.volume], "containers": [container]}
        return pod(f"app-1-{self.count}", owner=("ReplicaSet", "app-1"), spec=spec, uid=f"uid-{self.count}")

    def react(self, world: World) -> None:
        """What the ReplicaSet controller does."""
        if self.stuck or world.cluster.deployment("app").pods:
            return
        self.count += 1
        if self.other_claim:
            world.objects = [each for each in world.objects if each["kind"] != "PersistentVolumeClaim"]
            world.objects.append(self.claim("files", "second"))
        world.objects.append(self.pod())

    def survives(self, drill: Drill = pods_deleted) -> None:
        """Judges a file in the Pod's directory."""
        assert_survives(file_in(self.deployment, DATA), drill, self.hands.hands)


@pytest.fixture
def stage(tmp_path: Path) -> Stage:
    """A Deployment with a claim."""
    return Stage(tmp_path)


def test_data_on_a_claim_survives_and_nothing_is_left(stage: Stage) -> None:
    """The successor has another UID, the same claim, and the file; afterwards there is no file."""
    stage.survives()
    assert "delete pod/app-1-1" in stage.hands.done
    assert len(list(stage.folder.iterdir())) == 1
    stage.hands.restore()
    assert not list(stage.folder.iterdir())


def test_a_directory_of_ours_goes_with_the_file_and_one_of_theirs_stays(stage: Stage) -> None:
    """What the drill made is removed, what was there before is not, though it is empty."""
    (stage.folder / "theirs").mkdir()
    for name in ("ours", "theirs"):
        assert_survives(file_in(stage.deployment, f"{DATA}/{name}"), pods_deleted, stage.hands.hands)
    stage.hands.restore()
    assert [each.name for each in stage.folder.iterdir()] == ["theirs"]


@pytest.mark.parametrize(
    ("volume", "mount", "words"),
    [
        (EMPTY, DATA, "/data of pod/app-1-1 is a volume of type emptyDir, which ends with its Pod; it was not tried"),
        ({"ephemeral": {}}, DATA, "volume of type ephemeral"),
        (CLAIM, "/elsewhere", "nothing is mounted over /data of pod/app-1-1, claims are at: /elsewhere"),
        (CLAIM, "/dat", "nothing is mounted over /data"),
    ],
)
def test_what_is_known_to_be_lost_is_not_tried(tmp_path: Path, volume: Json, mount: str, words: str) -> None:
    """The student's own data would be lost with ours."""
    stage = Stage(tmp_path, volume, mount=mount)
    with pytest.raises(Unmet, match=words):
        stage.survives()
    assert not [act for act in stage.hands.done if act.startswith("delete")]


def test_a_claim_that_is_being_deleted_is_not_pushed_over_the_edge(stage: Stage) -> None:
    """It only lives as long as the Pod that uses it."""
    claim = next(each for each in stage.world.objects if each["kind"] == "PersistentVolumeClaim")
    claim["metadata"]["deletionTimestamp"] = "2026-01-01T00:00:00Z"
    with pytest.raises(Unmet, match="persistentvolumeclaim/files is being deleted, and goes when no Pod uses it"):
        stage.survives()
    assert not stage.hands.done


def test_a_pod_that_nobody_replaces_is_unmet(stage: Stage) -> None:
    """Without a successor there is nothing to read the data in."""
    stage.stuck = True
    with pytest.raises(Unmet, match="deployment/app did not come back ready after its Pod was deleted"):
        stage.survives()


def test_the_same_pod_proves_nothing(stage: Stage) -> None:
    """The same UID is the same Pod, whose files any container keeps."""
    stage.hands.delete = lambda fact: stage.hands.done.append(f"delete {fact}")
    with pytest.raises(Unmet, match="did not come back"):
        stage.survives()


def test_data_of_another_claim_is_not_the_same(stage: Stage) -> None:
    """A claim made anew under the same name has another UID, and is said to be another one."""
    stage.lossy = stage.other_claim = True
    with pytest.raises(Unmet, match="the claim is another one"):
        stage.survives()


def test_data_that_was_never_flushed_is_told_from_the_rest(stage: Stage) -> None:
    """Claim, volume and mount are the same, and yet the file is gone."""
    stage.lossy = True
    with pytest.raises(Unmet, match="claim, volume and mount are the same, so it was never flushed"):
        stage.survives()


def test_a_forgotten_cordon_is_said_and_not_taken_for_a_volume_that_stays(stage: Stage) -> None:
    """The Pod would come back to its node for want of another, and seem to prove something."""
    next(node for node in Node.all(stage.world, None) if node.name == "two").raw["spec"]["unschedulable"] = True
    with pytest.raises(Unmet, match="pod/app-1-1 could move to node/two, which is cordoned; it was not tried"):
        stage.survives(moved)
    assert not stage.hands.done


def test_an_evicted_pod_is_nobodys(stage: Stage) -> None:
    """It stays in the list long after another one has taken its place."""
    evicted = stage.pod() | {"status": {"phase": "Failed", "reason": "Evicted"}}
    evicted["metadata"] = evicted["metadata"] | {"name": "app-1-evicted", "uid": "evicted"}
    stage.world.objects.insert(0, evicted)
    stage.survives(scaled_to_zero)


def test_data_on_another_mount_is_told(stage: Stage) -> None:
    """The Pod template changed under the drill."""
    stage.lossy = True

    def remount(world: World) -> None:
        stage.mount = "/other"
        stage.react(world)

    stage.hands.then = remount
    with pytest.raises(Unmet, match="the mount is another one"):
        stage.survives()


def test_a_volume_of_one_node_is_lost_on_another(stage: Stage) -> None:
    """Driven off its node, the Pod finds an empty directory; the node is cordoned for that."""
    stage.lossy = True
    with pytest.raises(Unmet, match="it lies on one, while the Pod is on two now"):
        stage.survives(moved)
    assert "cordon node/one" in stage.hands.done
    assert stage.hands.done[-1] == "remove /srv from node/one"


def test_a_volume_that_says_where_it_is_keeps_its_pod_there(stage: Stage) -> None:
    """Where no other node may have it, none is cordoned."""
    volume = next(each for each in stage.world.objects if each["kind"] == "PersistentVolume")
    here = {"matchFields": [{"key": "metadata.name", "operator": "In", "values": ["one"]}]}
    volume["spec"]["nodeAffinity"] = {"required": {"nodeSelectorTerms": [here]}}
    stage.survives(moved)
    assert [act for act in stage.hands.done if act != "restore"] == ["delete pod/app-1-1"]


def test_scaling_to_zero_and_back(stage: Stage) -> None:
    """Nothing is left in between, and the size is what it was."""
    stage.survives(scaled_to_zero)
    assert stage.hands.done == ["scale deployment/app 0", "scale deployment/app 1"]


def restarts(number: int) -> Callable[[World], None]:
    """The kubelet, after so many restarts."""

    def then(world: World) -> None:
        found = next(each for each in world.objects if each["kind"] == "Pod")
        found["status"]["containerStatuses"] = [{"name": "app", "restartCount": number}]

    return then


def test_an_empty_dir_survives_its_container_and_the_layer_does_not(tmp_path: Path) -> None:
    """A restart is not a new Pod, and what no volume is mounted over goes all the same."""
    stage = Stage(tmp_path, EMPTY)
    stage.hands.then = restarts(1)
    stage.survives(containers_restarted)
    assert stage.hands.done == ["restart app of pod/app-1-1"]
    bare = Stage(tmp_path, EMPTY, mount="/elsewhere")
    with pytest.raises(Unmet, match="nothing is mounted over /data"):
        bare.survives(containers_restarted)


def test_a_container_that_was_not_restarted_proves_nothing(tmp_path: Path) -> None:
    """The count must rise."""
    stage = Stage(tmp_path, EMPTY)
    stage.hands.then = restarts(0)
    with pytest.raises(Unmet, match="did not come back ready after its container was restarted"):
        stage.survives(containers_restarted)


def test_what_must_be_lost_is_lost(tmp_path: Path) -> None:
    """An emptyDir that keeps its file would be none."""
    stage = Stage(tmp_path, EMPTY)
    with pytest.raises(Unmet, match="is still under /data after its Pod was deleted"):
        assert_lost(file_in(stage.deployment, DATA), pods_deleted, stage.hands.hands)
    stage.lossy = True
    assert_lost(file_in(stage.deployment, DATA), pods_deleted, stage.hands.hands)


def test_a_place_that_cannot_be_written_to(stage: Stage) -> None:
    """In the container's own words."""
    (stage.folder / "file").write_text("")
    with pytest.raises(Unmet, match=r"cannot write a file in /data/file/deeper: .*Not a directory"):
        assert_survives(file_in(stage.deployment, f"{DATA}/file/deeper"), pods_deleted, stage.hands.hands)


def test_no_ready_pod_is_said_before_anything_is_written(stage: Stage) -> None:
    """A Pod that crash-loops has nothing to be tried with."""
    found = next(each for each in stage.world.objects if each["kind"] == "Pod")
    found["status"]["conditions"] = []
    with pytest.raises(Unmet, match="deployment/app has no ready Pod to try this with"):
        stage.survives()
    assert not list(stage.folder.iterdir())


CLIENT = """#!/bin/sh
# A database in a folder: a table is a file.
for word do case $word in --execute=*) sql=${word#--execute=} ;; --user=*) user=${word#--user=} ;; esac; done
echo "$user" >> "$FOLDER/users"
[ -e "$FOLDER/asleep" ] && { rm "$FOLDER/asleep"; echo "ERROR 2002 (HY000): Can't connect" >&2; exit 1; }
[ "$MYSQL_PWD" = right ] || { echo "ERROR 1045 (28000): Access denied for user '$user'" >&2; exit 1; }
table=$(echo "$sql" | grep -o 'labgrade_[0-9a-f]*' | head -1)
case $sql in
*REPLACE*)
  echo "$sql" | grep -o "[0-9a-f]\\{32\\}" >> "$FOLDER/$table"
  case $sql in *"PRIMARY KEY"*) sort -u "$FOLDER/$table" -o "$FOLDER/$table" ;; esac
  echo /data/ ;;
SELECT*|*\\;\\ SELECT*) cat "$FOLDER/$table" ;;
*DROP*) rm -f "$FOLDER/$table" ;;
esac
"""


@pytest.fixture
def database(stage: Stage, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Stage:
    """A Deployment whose Pod has a database's client, and the password that is right."""
    programs = tmp_path / "programs"
    programs.mkdir()
    (programs / "mariadb").write_text(CLIENT)
    (programs / "mariadb").chmod(0o755)
    monkeypatch.setenv("PATH", f"{programs}:/usr/bin:/bin")
    monkeypatch.setattr("labgrade.cluster.sentinels.DENIED_SECONDS", 0.1)
    stage.hands.environment = {"MARIADB_ROOT_PASSWORD": "right"}
    return stage


def row_survives(stage: Stage) -> None:
    """Judges a row."""
    assert_survives(row_in(stage.deployment), pods_deleted, stage.hands.hands)


def users(stage: Stage) -> set[str]:
    """Who came to the database."""
    return set((stage.folder / "users").read_text().split())


def test_a_row_survives_and_is_removed(database: Stage) -> None:
    """Written and read as root where the Pod names nobody else."""
    row_survives(database)
    database.hands.restore()
    assert users(database) == {"root"}
    assert [each.name for each in database.folder.iterdir()] == ["users"]


@pytest.mark.parametrize("prefix", ["MARIADB", "MYSQL"])
def test_the_applications_own_user_writes_where_there_is_one(database: Stage, prefix: str, tmp_path: Path) -> None:
    """Its password may come from a file."""
    (tmp_path / "password").write_text("right")
    names = {"USER": "blog", "DATABASE": "blog", "PASSWORD_FILE": f"{tmp_path}/password"}
    database.hands.environment = {f"{prefix}_{key}": value for key, value in names.items()}
    row_survives(database)
    assert users(database) == {"blog"}


def test_a_row_in_a_short_lived_data_directory_is_known_to_be_lost(database: Stage) -> None:
    """It is the database that says where its data is."""
    database.world.objects[-1]["spec"]["volumes"] = [{"name": "data", "emptyDir": {}}]
    with pytest.raises(Unmet, match="/data of pod/app-1-1 is a volume of type emptyDir"):
        row_survives(database)


def test_a_hash_is_no_password(database: Stage) -> None:
    """The image takes one, but its client cannot: then root is asked."""
    more = {"MARIADB_USER": "blog", "MARIADB_DATABASE": "blog", "MARIADB_PASSWORD_HASH": "*0"}
    database.hands.environment |= more
    row_survives(database)
    assert users(database) == {"root"}


def test_a_row_that_was_written_twice_is_one(database: Stage) -> None:
    """Where the first answer was lost, the command is run again."""
    once = database.hands.exec

    def twice(*words: object, **more: object) -> object:
        once(*words, **more)  # pyright: ignore[reportArgumentType] - handed on
        return once(*words, **more)  # pyright: ignore[reportArgumentType] - handed on

    database.hands.exec = twice  # pyright: ignore[reportAttributeAccessIssue] - in its place
    row_survives(database)


def test_credentials_that_do_not_work(database: Stage) -> None:
    """The password of the environment is not the one that the volume knows; no password is shown."""
    database.hands.environment = {"MARIADB_ROOT_PASSWORD": "changed since"}
    with pytest.raises(Unmet, match="refuses the credentials of its own environment: ERROR 1045") as unmet:
        row_survives(database)
    assert "changed since" not in f"{unmet.value.saw} {unmet.value.wanted} {unmet.value.try_} {unmet.value.evidence}"


def test_a_database_that_still_wakes_up_is_waited_for(database: Stage) -> None:
    """Without a readiness probe its Pod is ready before it is."""
    (database.folder / "asleep").touch()
    row_survives(database)


def test_a_row_that_is_gone(database: Stage) -> None:
    """The database came back empty, over the same claim."""

    def react(world: World) -> None:
        for each in database.folder.glob("labgrade_*"):
            each.unlink()
        database.react(world)

    database.hands.then = react
    with pytest.raises(Unmet, match="a row of the database is not under /data"):
        row_survives(database)


def test_an_image_without_a_client(stage: Stage, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Then it is no database, whatever its name."""
    shell = tmp_path / "programs"
    shell.mkdir()
    (shell / "sh").symlink_to(shutil.which("sh") or "/bin/sh")
    monkeypatch.setenv("PATH", f"{shell}")
    with pytest.raises(Unmet, match="takes no row: neither mariadb nor mysql is in the image"):
        row_survives(stage)


def member(number: int, volume: str, uid: str = "") -> Json:
    """A Pod of a StatefulSet."""
    container = {"name": "app", "volumeMounts": [{"name": "data", "mountPath": DATA}]}
    spec = {"volumes": [{"name": "data", "persistentVolumeClaim": {"claimName": volume}}], "containers": [container]}
    return pod(f"web-{number}", owner=("StatefulSet", "web"), spec=spec, uid=uid or f"uid-{number}")


@pytest.mark.parametrize("shared", [False, True])
def test_each_ordinal_has_a_volume_of_its_own(tmp_path: Path, *, shared: bool) -> None:
    """One for both survives, too, but earns a part."""
    names = {number: "files" if shared else f"files-{number}" for number in (0, 1)}
    world = World(made("StatefulSet", "web", spec={}), *(member(number, name) for number, name in names.items()))

    def place(pod: Pod) -> tuple[str, str]:
        folder = tmp_path / pod.claims["data"]
        folder.mkdir(exist_ok=True)
        return DATA, f"{folder}"

    hands = Hands(world, lambda world: world.objects.append(member(1, names[1], "later")), place)
    if not shared:
        assert_data_survives(world.cluster.statefulset("web"), hands.hands, directory=DATA)
        return
    with pytest.raises(Unmet, match="web-0 has it too; claims in common: files") as unmet:
        assert_data_survives(world.cluster.statefulset("web"), hands.hands, directory=DATA)
    assert unmet.value.credit == pytest.approx(0.4)
