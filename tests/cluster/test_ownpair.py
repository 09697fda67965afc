"""Copies of a student's volume and claim: what is copied, what becomes of it, and that nothing of it stays."""

from __future__ import annotations

from typing import Any

import pytest

from labgrade.cluster import ownpair
from labgrade.cluster.api import Api
from labgrade.cluster.ours import remove_orphans
from labgrade.cluster.ownpair import OwnPair, Parted
from labgrade.errors import HarnessError
from labgrade.facts import PersistentVolume, PersistentVolumeClaim, Snapshot
from labgrade.model import Json
from tests.support.apiserver import ApiServer

RUN = "0123abcd"
NAME = f"labgrade-pair-{RUN}"
REFUSAL = f'volume "{NAME}" already bound to a different claim.'


class Binder:
    """What brings volumes and claims together, and parts them."""

    def __init__(self, server: ApiServer, *, after: str = "Released", gives: bool = False, binds: bool = True) -> None:
        """`after`: the phase of a volume whose claim is gone; `gone` for none."""
        self.after, self.gives, self.binds, self.volumes, self.claims = after, gives, binds, list[Json](), list[Json]()
        self._server = server
        server.reactions.append(self._act)

    def _act(self, method: str, plural: str, body: Json) -> None:
        name = body["metadata"]["name"]
        if plural == "persistentvolumes" and method == "POST":
            self.volumes.append(body)
        if plural == "persistentvolumeclaims" and method == "POST":
            self.claims.append(body)
            self._claimed(name)
        if plural == "persistentvolumeclaims" and method == "DELETE" and name == "first":
            self._part()

    def _claimed(self, name: str) -> None:
        if self.binds and (name == "first" or self.gives):
            self._server.put("PersistentVolumeClaim", name, NAME, status={"phase": "Bound"})
            self._server.put("PersistentVolume", NAME, status={"phase": "Bound"})
        else:
            about = {"kind": "PersistentVolumeClaim", "name": name}
            self._server.put("Event", f"{name}.1", NAME, involvedObject=about, message=REFUSAL)

    def _part(self) -> None:
        if self.after == "gone":
            self._server.remove("PersistentVolume", NAME)
        elif self._server.find("PersistentVolume", NAME):
            self._server.put("PersistentVolume", NAME, status={"phase": self.after})


SPEC: Json = {
    "capacity": {"storage": "128Mi"},
    "accessModes": ["ReadWriteOnce"],
    "persistentVolumeReclaimPolicy": "Retain",
    "storageClassName": "by-hand",
    "hostPath": {"path": "/srv/shelf", "type": "DirectoryOrCreate"},
    "nodeAffinity": {"required": {"nodeSelectorTerms": [{"matchFields": []}]}},
    "claimRef": {"namespace": "lab", "name": "recipes", "uid": "theirs"},
}
ASKS: Json = {
    "accessModes": ["ReadWriteOnce"],
    "resources": {"requests": {"storage": "64Mi"}},
    "storageClassName": "by-hand",
    "volumeName": "shelf",
    "selector": {"matchLabels": {"wood": "oak"}},
}


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody here takes his time."""
    monkeypatch.setattr(ownpair, "BIND_SECONDS", 0.5)
    monkeypatch.setattr(ownpair, "REFUSE_SECONDS", 0.5)
    monkeypatch.setattr(ownpair, "LOOK_SECONDS", 0.02)


def parted(server: ApiServer, api: Api, **spec: Any) -> Parted:
    """What comes of copies of the student's two."""
    server.put("PersistentVolume", "shelf", spec=SPEC | spec, status={"phase": "Bound"})
    server.put("PersistentVolumeClaim", "recipes", "lab", spec=ASKS, status={"phase": "Bound"})
    reading = Snapshot(api)
    volume, claim = PersistentVolume(reading, None, "shelf"), PersistentVolumeClaim(reading, "lab", "recipes")
    return OwnPair(api, RUN).parted(volume, claim)


def left(server: ApiServer) -> list[str]:
    """What is left of us, the namespace aside, which goes when the check ends."""
    claims = [name for name in ("first", "next") if server.find("PersistentVolumeClaim", name, NAME)]
    return [*claims, *(["volume"] if server.find("PersistentVolume", NAME) else [])]


def test_a_retained_volume_is_released_and_kept_from_the_next(server: ApiServer, api: Api) -> None:
    """The cluster's own words to the next claim are the evidence."""
    Binder(server)
    assert parted(server, api) == Parted("Released", given=False, told=REFUSAL)
    assert left(server) == []


def test_the_copies_are_like_theirs_and_lead_elsewhere(server: ApiServer, api: Api) -> None:
    """Never to the student's directory nor claim; and by name, so that no class and no Pod is waited for."""
    binder = Binder(server)
    parted(server, api)
    spec = binder.volumes[0]["spec"]
    assert spec["hostPath"] == {"path": f"/var/tmp/{NAME}"}
    assert spec["claimRef"] == {"kind": "PersistentVolumeClaim", "namespace": NAME, "name": "first"}
    same = ("capacity", "accessModes", "persistentVolumeReclaimPolicy", "storageClassName", "nodeAffinity")
    assert {key: spec[key] for key in same} == {key: SPEC[key] for key in same}
    first, following = (claim["spec"] for claim in binder.claims)
    assert first == following
    assert first["volumeName"] == NAME
    assert "selector" not in first


def test_a_local_volume_stays_a_local_one(server: ApiServer, api: Api) -> None:
    """What is neither, such as a share, is copied as a directory that nobody has."""
    binder = Binder(server)
    parted(server, api, local={"path": "/mnt/disk"}, hostPath=None)
    assert binder.volumes[0]["spec"]["local"] == {"path": f"/var/tmp/{NAME}"}
    assert "hostPath" not in binder.volumes[0]["spec"]


@pytest.mark.parametrize(
    ("after", "gives", "came"),
    [
        ("gone", False, Parted("")),
        ("Failed", False, Parted("Failed", told=REFUSAL)),
        ("Released", True, Parted("Released", given=True, told="Bound")),
    ],
    ids=["deleted", "failed", "given"],
)
def test_anything_else_is_told_as_it_was(
    server: ApiServer,
    api: Api,
    after: str,
    *,
    gives: bool,
    came: Parted,
) -> None:
    """And nothing stays either."""
    Binder(server, after=after, gives=gives)
    assert parted(server, api) == came
    assert left(server) == []


@pytest.mark.parametrize("policy", ["Delete", "Recycle"])
def test_a_volume_that_would_not_be_retained_is_not_copied(server: ApiServer, api: Api, policy: str) -> None:
    """Recycle would scrub, and Delete remove, whatever lies there."""
    with pytest.raises(ValueError, match=policy):
        parted(server, api, persistentVolumeReclaimPolicy=policy)
    assert server.count("/persistentvolumes", method="POST") == 0


def test_copies_that_are_never_bound_are_nobodys_mistake(server: ApiServer, api: Api) -> None:
    """Nor one whose claim goes and leaves it bound; and nothing stays."""
    Binder(server, binds=False)
    with pytest.raises(HarnessError, match="were not bound to each other in time"):
        parted(server, api)
    assert left(server) == []


def test_a_volume_that_stays_bound_is_nobodys_mistake(server: ApiServer, api: Api) -> None:
    """The controller is away."""
    Binder(server, after="Bound")
    with pytest.raises(HarnessError, match="stayed bound to a claim that was deleted"):
        parted(server, api)
    assert left(server) == []


def test_nothing_stays_when_it_is_interrupted(server: ApiServer, api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    """Ctrl-C while the copies are bound."""

    def interrupted(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    Binder(server)
    monkeypatch.setattr(ownpair, "until", interrupted)
    with pytest.raises(KeyboardInterrupt):
        parted(server, api)
    assert left(server) == []


def test_what_a_killed_run_left_goes_with_the_next(server: ApiServer, api: Api) -> None:
    """The namespace with the claims, and the volume, which lies in none; a student's own stays."""
    binder = Binder(server)
    parted(server, api)
    server.put("PersistentVolume", NAME, metadata=binder.volumes[0]["metadata"])
    assert "shelf" in {found["metadata"]["name"] for found in Snapshot(api).items("PersistentVolume", None)}
    assert NAME not in {found["metadata"]["name"] for found in Snapshot(api).items("PersistentVolume", None)}
    remove_orphans(api)
    assert server.find("Namespace", NAME) is None
    assert server.find("PersistentVolume", NAME) is None
    assert server.find("PersistentVolume", "shelf")


def test_who_tried_nothing_has_nothing_to_remove(server: ApiServer, api: Api) -> None:
    """And who has, removes the namespace."""
    OwnPair(api, RUN).remove()
    assert server.count("/namespaces", method="DELETE") == 0
