"""Volumes of ours, to try what a driver can do with them: have one grow, take a snapshot and restore it."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass

from labgrade.cluster.api import ApiError
from labgrade.cluster.ownclaims import LOOK_SECONDS
from labgrade.cluster.ownmounts import Mount, OwnMounts
from labgrade.errors import HarnessError
from labgrade.facts import PersistentVolumeClaim, Pod, Snapshot, StorageClass
from labgrade.facts.binding import PASSING
from labgrade.facts.csi import (
    VolumeSnapshot,
    VolumeSnapshotClass,
    VolumeSnapshotContent,
    registered,
    resizer_of,
    resizers,
    snapshot_class_of,
)
from labgrade.facts.reading import RESOURCES
from labgrade.model import Json
from labgrade.patience import until
from labgrade.text import Text

TAKE_UP_SECONDS = 10.0
"""Whoever has volumes grow, or takes snapshots, takes that up within a second: after so long there is nobody."""

DONE_SECONDS = 90.0
"""What was taken up and is not done by then is too slow for us."""

GROUP = "snapshot.storage.k8s.io"


@dataclass(frozen=True, slots=True)
class Growth:
    """What came of a volume of ours that was to grow."""

    absent: bool = False
    """Nobody in the cluster has volumes of that driver grow; the rest says nothing then."""
    problem: Text | None = None
    """Why it did not grow."""
    size: str = ""
    """How large it has become, in the claim's words."""
    kept: bool = True
    """Whether what was in it still is."""


@dataclass(frozen=True, slots=True)
class Copy:
    """What came of a snapshot of a volume of ours and of a volume restored from it."""

    absent: bool = False
    """Nobody in the cluster takes snapshots of that driver's volumes; the rest says nothing then."""
    unready: Text | None = None
    """Why the snapshot did not become ready to use."""
    unrestored: Text | None = None
    """Why no volume could be made from it."""
    same: bool = True
    """Whether what was in the volume is in the restored one."""


class OwnVolumes:
    """One volume after the other, each gone with what was made of it before the next one is tried."""

    def __init__(self, mounts: OwnMounts) -> None:
        """`mounts` makes them."""
        self._mounts, self._api = mounts, mounts.api

    def grown(self, storage_class: StorageClass) -> Growth:
        """Makes a volume, writes into it, has its claim ask for twice its size, and reads again.

        HarnessError where somebody has it grow and is not done in time.
        """
        driver = storage_class.provisioner
        reading = Snapshot(self._api)
        known = resizer_of(reading, driver, self._api.now()) is not None
        if not known and not (registered(reading, driver) and resizers(reading)):
            return Growth(absent=True)
        with self._mounts.mounted(storage_class) as mount:
            if isinstance(mount, Text):
                return Growth(problem=mount)
            words = mount.write()
            if refused := self._refusal(mount.claim):
                return Growth(problem=refused)
            if not until(lambda: self._taken_up(mount.claim, driver), seconds=TAKE_UP_SECONDS, every=LOOK_SECONDS):
                if known:
                    raise HarnessError(f"{driver} did nothing for {TAKE_UP_SECONDS:.0f} s, though a volume is to grow")
                return Growth(absent=True)
            if problem := self._growing(mount):
                return Growth(problem=problem)
            size = str(self._mounts.fresh(mount.claim).status["capacity"]["storage"])
            return Growth(size=size, kept=mount.read() == words)

    def restored(self, storage_class: StorageClass) -> Copy:
        """Makes a volume, writes into it, takes a snapshot, makes a volume from that, and reads there.

        HarnessError where the driver is at work and is not done in time.
        """
        kind = snapshot_class_of(Snapshot(self._api), storage_class.provisioner)
        if kind is None:
            return Copy(absent=True)
        with self._mounts.mounted(storage_class) as mount:
            if isinstance(mount, Text):
                return Copy(unready=mount)
            words = mount.write()
            with self._snapshot(mount.claim, kind) as snapshot:
                if not until(lambda: self._mounts.fresh(snapshot).status, seconds=TAKE_UP_SECONDS, every=LOOK_SECONDS):
                    return Copy(absent=True)
                if problem := self._becoming_ready(snapshot):
                    return Copy(unready=problem)
                return self._compared(storage_class, snapshot, mount.pod.node, words)

    def _compared(self, storage_class: StorageClass, snapshot: VolumeSnapshot, node: str, words: str) -> Copy:
        source = {"apiGroup": GROUP, "kind": snapshot.kind, "name": snapshot.name}
        # On the same node: a snapshot may be of use only where its volume is.
        with self._mounts.mounted(storage_class, more={"dataSource": source}, node=node) as copy:
            if isinstance(copy, Text):
                return Copy(unrestored=copy)
            return Copy(same=copy.read() == words)

    def _refusal(self, claim: PersistentVolumeClaim) -> Text | None:
        """Asks for twice of what the claim has; why the API server does not let it."""
        wanted = f"{2 * int(self._mounts.fresh(claim).capacity)}"
        try:
            self._api.patch(claim.path, {"spec": {"resources": {"requests": {"storage": wanted}}}})
        except ApiError as error:
            if error.status not in {403, 422}:
                raise
            return _refused(claim, str(error))
        return None

    def _taken_up(self, claim: PersistentVolumeClaim, driver: str) -> bool:
        """Whether somebody has begun to have it grow, or is done."""
        claim = self._mounts.fresh(claim)
        said = any(_by(event.raw) == f"external-resizer {driver}" for event in self._mounts.cluster.events(claim))
        return said or claim.capacity >= claim.bytes

    def _growing(self, mount: Mount) -> Text | None:
        """Waits until the volume has grown, or there is no more hope; why it has not."""

        def ended() -> str:
            claim = self._mounts.fresh(mount.claim)
            if claim.capacity >= claim.bytes:
                return "grown"
            if claim.condition("FileSystemResizePending").get("status") == "True":
                # Its kubelet has a look at a Pod about once a minute, or when somebody changes it.
                self._api.patch(mount.pod.path, {"metadata": {"annotations": {"labgrade/wants": f"{claim.bytes}"}}})
            failed = self._failure(claim, mount.pod)
            return "" if _passing(failed) else failed

        how = until(ended, seconds=DONE_SECONDS, every=LOOK_SECONDS) or self._failure(mount.claim, mount.pod)
        if not how:
            raise HarnessError(f"a volume of ours had not grown within {DONE_SECONDS:.0f} s")
        return None if how == "grown" else _refused(mount.claim, how)

    def _failure(self, *about: PersistentVolumeClaim | Pod) -> str:
        """What was said last of a resizing that failed; empty where none did."""
        said = [event for fact in about for event in self._mounts.cluster.events(fact)]
        failed = [event for event in said if "ResizeFailed" in event.reason]
        return max(failed, key=lambda event: event.last_seen).message if failed else ""

    @contextmanager
    def _snapshot(self, claim: PersistentVolumeClaim, kind: VolumeSnapshotClass) -> Generator[VolumeSnapshot]:
        """A snapshot of the claim's volume, gone when the block ends."""
        snapshot = VolumeSnapshot(Snapshot(self._api), claim.namespace, claim.name)
        body: Json = {
            "apiVersion": f"{GROUP}/v1",
            "kind": snapshot.kind,
            "metadata": {"name": snapshot.name, "labels": self._mounts.marks},
            "spec": {"volumeSnapshotClassName": kind.name, "source": {"persistentVolumeClaimName": claim.name}},
        }
        try:
            self._api.create(RESOURCES[snapshot.kind].path(snapshot.namespace), body)
            yield snapshot
        finally:
            content = self._content(snapshot)
            self._api.delete(snapshot.path)
            if content:
                self._mounts.wait_until_gone(content)

    def _becoming_ready(self, snapshot: VolumeSnapshot) -> Text | None:
        """Waits until the snapshot is ready to use, or there is no more hope; why it is not."""

        def ended() -> str:
            self._content(snapshot)
            found = self._mounts.fresh(snapshot)
            return "ready" if found.ready else "" if _passing(found.problem) else found.problem

        how = until(ended, seconds=DONE_SECONDS, every=LOOK_SECONDS) or self._mounts.fresh(snapshot).problem
        if not how:
            raise HarnessError(f"a snapshot of ours was not ready within {DONE_SECONDS:.0f} s")
        if how == "ready":
            return None
        return Text(en=f"{snapshot} of ours failed: {how}", fr=f"{snapshot}, à nous, a échoué : {how}")

    def _content(self, snapshot: VolumeSnapshot) -> VolumeSnapshotContent | None:
        """What the driver keeps for a snapshot of ours, and will not keep without it."""
        name = self._mounts.fresh(snapshot).content
        content = VolumeSnapshotContent(Snapshot(self._api), None, name)
        if not name or not content.exists:
            return None
        if content.deletion_policy != "Delete":
            self._api.patch(content.path, {"spec": {"deletionPolicy": "Delete"}})
        return content


def _passing(words: str) -> bool:
    return any(each in words.lower() for each in PASSING)


def _refused(claim: PersistentVolumeClaim, words: str) -> Text:
    return Text(
        en=f"{claim}, a claim of ours, asked for more and did not get it: {words}",
        fr=f"{claim}, un PVC à nous, a demandé plus et ne l'a pas obtenu : {words}",
    )


def _by(event: Json) -> str:
    return str(event.get("reportingComponent") or (event.get("source") or {}).get("component") or "")
