"""The judges of ConfigMaps as Pods take them in; this machine plays the containers, a copy is laid down."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from checks.configuration import assert_file, assert_follows, assert_has_keys, assert_variable
from checks.environment import source_of
from checks.immutability import OTHER, assert_immutable
from checks.mounts import Key
from labgrade.cluster.owncopy import NAME, Followed, Taken
from labgrade.errors import HarnessError, Unmet
from labgrade.facts import Cluster, Fact
from labgrade.model import Json
from tests.checks.insides import inside
from tests.checks.states import World, deployment, made, pod, revision

MENU = made("ConfigMap", "menu", data={"greeting": "Good evening", "menu.txt": "Soup\n"})
TILL = made("Secret", "till", data={"username": "d2FpdGVy", "password": "dGh5bWU="})
PAGES = "/pages"
FILE = f"{PAGES}/menu.txt"
FROM_MENU: Json = {"name": "GREETING", "valueFrom": {"configMapKeyRef": {"name": "menu", "key": "greeting"}}}
WHOLE: Json = {"mountPath": PAGES}
ONE_FILE: Json = {"mountPath": FILE, "subPath": "menu.txt"}
OF_MENU: Json = {"configMap": {"name": "menu"}}


def bistro(env: list[Json], volume: Json = OF_MENU, mount: Json = WHOLE, *, ready: bool = True, **more: Any) -> Json:
    """The Pod of the Deployment."""
    container = {"name": "web", "image": "nginx:1.26", "env": env, "volumeMounts": [{"name": "menu"} | mount], **more}
    spec = {"nodeName": "one", "containers": [container], "volumes": [{"name": "menu"} | volume]}
    return pod("bistro-1-a", owner=("ReplicaSet", "bistro-1"), spec=spec, ready=ready)


def cluster(*objects: Json) -> Cluster:
    """A Deployment bistro and these."""
    return World(
        deployment("bistro", replicas=1, image="nginx:1.26", revision=1),
        revision("bistro", 1, image="nginx:1.26", ready=1),
        *objects,
    ).cluster


def keys(*objects: Json) -> None:
    """Judges the keys of both."""
    there = World(*objects).cluster
    wanted = [(there.config_map("menu"), ["greeting", "menu.txt"]), (there.secret("till"), ["username", "password"])]
    assert_has_keys(wanted)


def test_all_keys_are_met() -> None:
    """Whatever else there is, and whatever they say."""
    keys(MENU, TILL)


@pytest.mark.parametrize(
    ("objects", "saw", "credit"),
    [
        ([], "there is no configmap/menu; there is no secret/till", 0),
        ([MENU], "^there is no secret/till$", 0.5),
        ([made("ConfigMap", "menu", data={"greetings": "x", "menu.txt": "x"}), TILL], "lacks greeting; it has: g", 0.5),
        ([MENU, made("Secret", "till", data={"username": "", "password": "eA=="})], "secret/till lacks username", 0.5),
    ],
    ids=["nothing", "one", "misspelt", "empty"],
)
def test_missing_keys_cost_their_object(objects: list[Json], saw: str, credit: float) -> None:
    """What is there in their place is named."""
    with pytest.raises(Unmet, match=saw) as unmet:
        keys(*objects)
    assert unmet.value.credit == credit


def greeting(found: Json, *objects: Json) -> None:
    """Judges the variable."""
    there = cluster(found, *(objects or (MENU,)))
    menu = there.config_map("menu")
    assert_variable(there.deployment("bistro"), inside({}), name="GREETING", config=menu, key="greeting")


@pytest.fixture
def said(monkeypatch: pytest.MonkeyPatch) -> None:
    """What the container's environment says."""
    monkeypatch.setenv("GREETING", "Good evening")


@pytest.mark.usefixtures("said")
@pytest.mark.parametrize(
    "pod_of",
    [
        bistro([FROM_MENU]),
        bistro([{"name": "GREETING", "value": "overridden"}, FROM_MENU]),
    ],
    ids=["by key", "the last one counts"],
)
def test_a_variable_from_the_key_is_met(pod_of: Json) -> None:
    """And is what it says now."""
    greeting(pod_of)


@pytest.mark.usefixtures("said")
@pytest.mark.parametrize(
    ("pod_of", "saw"),
    [
        (bistro([]), "GREETING in pod/bistro-1-a is not set"),
        (bistro([{"name": "GREETING", "value": "Good evening"}]), "is a value written there"),
        (
            bistro([{"name": "GREETING", "valueFrom": {"configMapKeyRef": {"name": "menu", "key": "menu.txt"}}}]),
            "is configmap/menu, key menu.txt",
        ),
        (
            bistro([{"name": "GREETING", "valueFrom": {"secretKeyRef": {"name": "menu", "key": "greeting"}}}]),
            "is secret/menu, key greeting",
        ),
        (bistro([{"name": "GREETING", "valueFrom": {"fieldRef": {"fieldPath": "x"}}}]), "is a field of the Pod"),
        (bistro([FROM_MENU], ready=False), "is not ready"),
    ],
    ids=["not set", "literal", "another key", "a Secret", "a field", "not ready"],
)
def test_a_variable_from_elsewhere_is_unmet(pod_of: Json, saw: str) -> None:
    """Even where it happens to say the same."""
    with pytest.raises(Unmet, match=saw):
        greeting(pod_of)


@pytest.mark.usefixtures("said")
def test_a_variable_that_is_older_than_the_edit_is_unmet() -> None:
    """It is told that it is as old as its container."""
    with pytest.raises(Unmet, match="as old as its container"):
        greeting(bistro([FROM_MENU]), made("ConfigMap", "menu", data={"greeting": "Good night"}))


def test_what_a_whole_config_map_gives() -> None:
    """Under the prefix, and only what it has; `env` counts before it."""
    there = cluster(
        bistro([], envFrom=[{"configMapRef": {"name": "menu"}}, {"prefix": "T_", "secretRef": {"name": "till"}}])
    )
    found = World(MENU, TILL, there.reading.items("Pod", "lab")[0]).cluster.pod("bistro-1-a")
    container = found.containers["web"]
    assert source_of(found, container, "greeting") == Key("ConfigMap", "menu", "greeting")
    assert source_of(found, container, "T_username") == Key("Secret", "till", "username")
    assert source_of(found, container, "username") is None
    assert source_of(found, container | {"env": [{"name": "greeting", "value": "x"}]}, "greeting") == "value"


@pytest.fixture
def pages(tmp_path: Path) -> Path:
    """What the container has among its pages."""
    (tmp_path / "menu.txt").write_text("Soup\n")
    return tmp_path


def file(pages: Path, found: Json, menu: Json = MENU) -> None:
    """Judges the file."""
    there = cluster(found, menu)
    look = inside({PAGES: pages})
    assert_file(there.deployment("bistro"), look, path=FILE, config=there.config_map("menu"), key="menu.txt")


ITEMS: Json = {"configMap": {"name": "menu", "items": [{"key": "menu.txt", "path": "menu.txt", "mode": 256}]}}
PROJECTED: Json = {"projected": {"sources": [{"secret": {"name": "till"}}, OF_MENU]}}
SWAPPED: Json = {"configMap": {"name": "menu", "items": [{"key": "greeting", "path": "menu.txt"}]}}


@pytest.mark.parametrize(
    ("volume", "mount"),
    [(OF_MENU, WHOLE), (OF_MENU, ONE_FILE), (ITEMS, WHOLE), (PROJECTED, WHOLE)],
    ids=["whole", "one file", "items", "projected"],
)
def test_a_file_of_the_key_is_met(pages: Path, volume: Json, mount: Json) -> None:
    """However it is mounted."""
    file(pages, bistro([], volume, mount))


@pytest.mark.parametrize(
    ("volume", "mount", "saw"),
    [
        (
            OF_MENU,
            {"mountPath": "/menu"},
            "nothing is mounted at /pages/menu.txt in container web, mounts are at: /menu",
        ),
        ({"emptyDir": {}}, WHOLE, r"/pages/menu.txt in container web is the volume menu \(emptyDir\), in it menu.txt"),
        ({"configMap": {"name": "other"}}, WHOLE, "is configmap/other, key menu.txt"),
        (SWAPPED, WHOLE, "is configmap/menu, key greeting"),
    ],
    ids=["elsewhere", "copied", "another map", "another key"],
)
def test_a_file_from_elsewhere_is_unmet(pages: Path, volume: Json, mount: Json, saw: str) -> None:
    """Even where it says the same."""
    with pytest.raises(Unmet, match=saw):
        file(pages, bistro([], volume, mount))


def test_of_two_mounts_over_a_file_the_nearer_counts(pages: Path) -> None:
    """In whatever order they stand."""
    found = bistro([])
    spec = found["spec"]
    spec["volumes"].append({"name": "scratch", "emptyDir": {}})
    for at in (0, 2):
        spec["containers"][0]["volumeMounts"].insert(at, {"name": "scratch", "mountPath": "/"})
        file(pages, found)


def test_a_file_that_has_not_followed_yet_is_unmet(pages: Path) -> None:
    """How long that may take is told."""
    with pytest.raises(Unmet, match="takes up to 90 s to arrive"):
        file(pages, bistro([]), made("ConfigMap", "menu", data={"menu.txt": "Fish\n"}))


class Copied:
    """A copy of ours of which it is laid down what followed."""

    def __init__(self, *, file: bool = True, variable: bool = False) -> None:
        self.taken: list[Taken] = []
        self._followed = Followed(file=file, variable=variable, seconds=1.0)

    def edited(self, taken: Taken) -> Followed:
        """What was laid down."""
        self.taken.append(taken)
        return self._followed


def follows(copy: Copied, found: Json, menu: Json = MENU) -> None:
    """Judges an edit."""
    there = cluster(found, menu)
    assert_follows(there.deployment("bistro"), copy, path=FILE, name="GREETING", config=there.config_map("menu"))


@pytest.mark.parametrize(
    ("volume", "theirs", "names"),
    [
        (OF_MENU, {"configMap": {"name": NAME}}, ["greeting", "menu.txt"]),
        (
            ITEMS,
            {"configMap": {"name": NAME, "items": [{"key": "menu.txt", "path": "menu.txt"}]}},
            ["greeting", "menu.txt"],
        ),
        (PROJECTED, {"projected": {"sources": [{"configMap": {"name": NAME}}]}}, ["greeting", "menu.txt"]),
    ],
    ids=["whole", "items", "projected"],
)
def test_the_copy_is_taken_in_as_theirs_is(volume: Json, theirs: Json, names: list[str]) -> None:
    """Nothing else of the Pod comes along: no Secret, no command, no mode."""
    copy = Copied()
    follows(copy, bistro([FROM_MENU], volume))
    (taken,) = copy.taken
    assert (taken.volume, taken.keys) == (theirs, names)
    assert (taken.image, taken.node, taken.mount) == ("nginx:1.26", "one", WHOLE)
    assert taken.env == [{"name": "GREETING", "valueFrom": {"configMapKeyRef": {"name": NAME, "key": "greeting"}}}]


@pytest.mark.parametrize(
    ("found", "menu", "saw"),
    [
        (bistro([FROM_MENU], OF_MENU, ONE_FILE), MENU, "mounted by subPath: it stays what it was"),
        (bistro([FROM_MENU]), MENU | {"immutable": True}, "configmap/menu is immutable: nobody can edit it"),
        (bistro([FROM_MENU], {"emptyDir": {}}), MENU, "emptyDir"),
    ],
    ids=["subPath", "immutable", "copied"],
)
def test_what_can_never_follow_is_told_at_once(found: Json, menu: Json, saw: str) -> None:
    """Without a copy, and so without a wait."""
    copy = Copied()
    with pytest.raises(Unmet, match=saw):
        follows(copy, found, menu)
    assert not copy.taken


@pytest.mark.parametrize("copy", [Copied(file=False), Copied(variable=True)], ids=["file stays", "variable follows"])
def test_a_cluster_that_does_otherwise_is_nobodys_mistake(copy: Copied) -> None:
    """The shape is right: what follows is the kubelet's doing."""
    with pytest.raises(HarnessError, match="of an edit of ours arrived"):
        follows(copy, bistro([FROM_MENU]))


class Server:
    """An API server that says the same to every change."""

    def __init__(self, words: str) -> None:
        self.words, self.asked = words, list[Json]()

    def refusal(self, _: Fact, change: Json) -> str:
        """What was laid down."""
        self.asked.append(change)
        return self.words


RULES: Json = made("ConfigMap", "house-rules", data={"rules.txt": "No dogs.\n"})


def immutable(rules: Json, words: str = "field is immutable when `immutable` is set") -> Server:
    """Judges the rules."""
    server = Server(words)
    assert_immutable(World(rules).cluster.config_map("house-rules"), server, key="rules.txt")
    return server


def test_what_is_immutable_and_refused_is_met() -> None:
    """The change that is asked about is one of the key."""
    assert immutable(RULES | {"immutable": True}).asked == [{"data": {"rules.txt": OTHER}}]


@pytest.mark.parametrize(
    ("rules", "words", "saw"),
    [
        (made("ConfigMap", "other"), "refused", "there is no configmap/house-rules"),
        (
            made("ConfigMap", "house-rules", data={"rules": "x"}, immutable=True),
            "refused",
            "says nothing under rules.txt",
        ),
        (RULES, "", "the API server would take another rules.txt"),
        (RULES, "not in this namespace", "configmap/house-rules is not immutable"),
    ],
    ids=["none", "no key", "taken", "refused for another reason"],
)
def test_what_can_be_changed_is_unmet(rules: Json, words: str, saw: str) -> None:
    """Whether by its own field or by chance."""
    with pytest.raises(Unmet, match=saw):
        immutable(rules, words)
