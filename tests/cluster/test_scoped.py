"""After a case the cluster-scoped kinds that it writes are what they were: nothing more, nothing less, nothing else."""

from __future__ import annotations

import copy
import json
from typing import Any, cast

import pytest

from labgrade.cluster.scoped import PROVISIONED, kept
from labgrade.cluster.workspace import Workspace
from labgrade.model import Json

CLASS, VOLUME = "StorageClass", "PersistentVolume"


def thing(kind: str, name: str, *, annotations: dict[str, str] | None = None, **parts: Any) -> Json:
    """An object with all that the server adds to it."""
    metadata = {"name": name, "annotations": annotations or {}, "uid": "1", "resourceVersion": "1"}
    return {"kind": kind, "metadata": metadata, **parts}


class Shelf:
    """Cluster-scoped objects behind a kubectl; `written` is what was deleted and put back."""

    def __init__(self, *objects: Json) -> None:
        self.objects = {self.key(each): each for each in objects}
        self.written: list[str] = []

    @staticmethod
    def key(found: Json) -> str:
        """As kubectl takes it."""
        return f"{found['kind']}/{found['metadata']['name']}"

    def kubectl(self, *words: str, stdin: str | None = None, **_: object) -> str:
        """Only what is needed here."""
        if words[0] == "get":
            kinds = words[1].split(",")
            return json.dumps({"items": [found for found in self.objects.values() if found["kind"] in kinds]})
        if words[0] == "delete":
            self.written.append(f"delete {words[1]}")
            del self.objects[words[1]]
        else:
            assert words == ("replace", "--force", "-f", "-")
            found = json.loads(stdin or "")
            self.written.append(f"replace {self.key(found)}")
            self.objects[self.key(found)] = found
        return ""

    @property
    def place(self) -> Workspace:
        """Itself, as the engine knows it."""
        return cast(Workspace, self)


def shelf() -> Shelf:
    """A default class and a volume."""
    standard = thing(CLASS, "standard", annotations={"default": "true"}, provisioner="rancher.io/local-path")
    return Shelf(standard, thing(VOLUME, "disk", spec={"size": 1}))


def test_what_was_added_is_removed_and_what_was_changed_or_deleted_is_back() -> None:
    """Of the kinds that are kept; an object is put back without what the server adds."""
    found = shelf()
    before = copy.deepcopy(found.objects)
    with kept(found.place, {CLASS, VOLUME}):
        found.objects[f"{CLASS}/fast"] = thing(CLASS, "fast")
        found.objects[f"{CLASS}/standard"]["metadata"]["annotations"]["default"] = "false"
        del found.objects[f"{VOLUME}/disk"]
    assert found.objects.keys() == before.keys()
    assert sorted(found.written) == [
        "delete StorageClass/fast",
        "replace PersistentVolume/disk",
        "replace StorageClass/standard",
    ]
    back = found.objects[f"{CLASS}/standard"]
    assert back["metadata"]["annotations"] == {"default": "true"}
    assert "uid" not in back["metadata"]


def test_other_kinds_are_left_alone() -> None:
    """Other labs write them meanwhile."""
    found = shelf()
    with kept(found.place, {CLASS}):
        del found.objects[f"{VOLUME}/disk"]
    with kept(found.place, ()):
        del found.objects[f"{CLASS}/standard"]
    assert found.objects == {}
    assert found.written == []


def test_what_changes_by_itself_is_no_change() -> None:
    """Versions and status; volumes that a provisioner makes and removes."""
    found = shelf()
    made = thing(VOLUME, "pvc-1", annotations={PROVISIONED: "rancher.io/local-path"})
    found.objects[f"{VOLUME}/pvc-0"] = {**made, "metadata": {**made["metadata"], "name": "pvc-0"}}
    with kept(found.place, {CLASS, VOLUME}):
        found.objects[f"{VOLUME}/disk"] |= {"status": {"phase": "Bound"}}
        found.objects[f"{VOLUME}/disk"]["metadata"]["resourceVersion"] = "2"
        found.objects[f"{VOLUME}/pvc-1"] = made
        del found.objects[f"{VOLUME}/pvc-0"]
    assert found.written == []


def test_a_case_that_fails_is_cleared_away_after_as_well() -> None:
    """However it ended."""
    found = shelf()

    def interrupted() -> None:
        with kept(found.place, {CLASS}):
            found.objects[f"{CLASS}/fast"] = thing(CLASS, "fast")
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert found.written == ["delete StorageClass/fast"]
