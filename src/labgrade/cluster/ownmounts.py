"""Volumes of ours in use by a Pod of ours, and what is in them.

It is written and read on the node, where the kubelet has mounted them: the image of that Pod has no shell.
"""

from __future__ import annotations

import logging
import secrets
from collections.abc import Callable, Generator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeVar

from labgrade.cluster.ownclaims import GO_SECONDS, LOOK_SECONDS, OwnClaims
from labgrade.errors import HarnessError
from labgrade.facts import Cluster, Fact, Node, PersistentVolume, PersistentVolumeClaim, Pod, Snapshot, StorageClass
from labgrade.model import Json
from labgrade.patience import until
from labgrade.text import Text
from labgrade.why import why

if TYPE_CHECKING:
    from testinfra.host import Host

F = TypeVar("F", bound=Fact)

log = logging.getLogger(__name__)

START_SECONDS = 60.0
SENTINEL = ".labgrade"


@dataclass(frozen=True, slots=True)
class Mount:
    """A volume of ours where it is mounted."""

    claim: PersistentVolumeClaim
    volume: PersistentVolume
    pod: Pod
    host: Host
    folder: str

    def write(self) -> str:
        """Leaves a word in the volume, and returns it once it is on the disk."""
        word = secrets.token_hex(16)
        path = f"{self.folder}/{SENTINEL}"
        done = self.host.run("printf %%s %s > %s && sync %s", word, path, path)
        if done.rc:
            raise HarnessError(f"could not write into {self.volume} of ours: {done.stderr.strip()}")
        return word

    def read(self) -> str:
        """The word that is in the volume; empty where there is none."""
        return self.host.run("cat %s", f"{self.folder}/{SENTINEL}").stdout


class OwnMounts:
    """Volumes of ours with Pods that use them; each is gone with its claim."""

    def __init__(self, claims: OwnClaims, node_host: Callable[[Node], Host]) -> None:
        """`node_host` gives a testinfra host on a node."""
        self._claims, self._node_host = claims, node_host
        self.api, self.marks = claims.api, claims.marks

    @contextmanager
    def mounted(
        self, storage_class: StorageClass, *, more: Json | None = None, node: str = ""
    ) -> Generator[Mount | Text]:
        """A volume in use by a Pod of ours, or why there is none; gone when the block ends.

        `more` and `node` as for `OwnClaims.claimed`. HarnessError where that is nobody's mistake.
        """
        volume: PersistentVolume | Text | None = None
        try:
            with self._claims.claimed(storage_class, mounted=True, more=more, node=node) as claim:
                volume = self._claims.volume_of(claim)
                if isinstance(volume, Text):
                    yield volume
                    return
                self._claims.release(volume)
                yield self._in_use(claim, volume)
        finally:
            if isinstance(volume, PersistentVolume):
                self.wait_until_gone(volume)

    def wait_until_gone(self, fact: Fact) -> None:
        """Gives the driver time to remove what it made; what it cannot remove is none of a check's business."""
        if not until(lambda: not self.fresh(fact).exists, seconds=GO_SECONDS, every=LOOK_SECONDS):
            log.warning("%s of ours has not gone within %.0f s", fact, GO_SECONDS)

    def fresh(self, fact: F) -> F:
        """The same as it is now."""
        return type(fact)(Snapshot(self.api), fact.namespace, fact.name)

    @property
    def cluster(self) -> Cluster:
        """The namespace of our claims, as it is now."""
        return Cluster(Snapshot(self.api), self._claims.namespace)

    def _in_use(self, claim: PersistentVolumeClaim, volume: PersistentVolume) -> Mount | Text:
        pod = Pod(Snapshot(self.api), claim.namespace, claim.name)
        started = until(lambda: self.fresh(pod).ready, seconds=START_SECONDS, every=LOOK_SECONDS)
        pod = self.fresh(pod)
        if not started:
            if "FailedMount" in {event.reason for event in self.cluster.events(pod)} and (cause := why(pod)):
                return cause
            raise HarnessError(f"{pod} of ours did not start with its volume in {START_SECONDS:.0f} s: {pod.phase}")
        host = self._node_host(Node(Snapshot(self.api), None, pod.node))
        where = f"/var/lib/kubelet/pods/{pod.uid}/volumes"
        found = host.run("find %s -mindepth 2 -maxdepth 3 -name mount -path %s", where, f"*/{volume.name}/mount")
        if not found.stdout.strip():
            raise HarnessError(f"{volume} of ours is not mounted below {where}, where its driver should have put it")
        return Mount(claim, volume, pod, host, found.stdout.split()[0])
