"""Claims of ours, to try a storage class with: made, used by a Pod of ours, and deleted again."""

from __future__ import annotations

import logging
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass

from labgrade.cluster.api import Api
from labgrade.cluster.ours import create_namespace, create_pod, labels
from labgrade.errors import HarnessError
from labgrade.facts import Cluster, PersistentVolume, PersistentVolumeClaim, Pod, Snapshot, StorageClass
from labgrade.facts.binding import Unbound, unbound
from labgrade.facts.reading import RESOURCES
from labgrade.model import Json
from labgrade.patience import until
from labgrade.probe.pod import RESTRICTED
from labgrade.probe.program import Program
from labgrade.text import Text

log = logging.getLogger(__name__)

BIND_SECONDS = 60.0
"""A driver that is at work and has no volume by then is too slow for us, which is nobody's mistake."""

GO_SECONDS = 60.0
LOOK_SECONDS = 0.5
SIZE = "64Mi"


@dataclass(frozen=True, slots=True)
class Trial:
    """What came of a claim of ours on a class."""

    unbound: Text | None
    """Why the claim got no volume; None: it got one, and what follows tells of that."""
    volume: str = ""
    provisioned_by: str = ""
    reclaim_policy: str = ""
    left: str = ""
    """Why the volume did not go with the claim; empty when it went. Not tried unless its policy is Delete."""


class OwnClaims:
    """One claim after the other, in a namespace of the run's own; what is left of them is removed together."""

    def __init__(self, api: Api, run: str, program: Program) -> None:
        """`program`: what runs, and idles, in the Pods that use a claim."""
        self._api, self._run, self._program, self._namespace = api, run, program, f"labgrade-claims-{run}"
        self._made = 0

    def tried(self, storage_class: StorageClass) -> Trial:
        """Makes a claim on the class with a Pod that uses it, waits for its volume, deletes both, waits for that to go.

        HarnessError where the driver works and is not done in time.
        """
        with self.claimed(storage_class) as claim:
            volume = self.volume_of(claim)
            if isinstance(volume, Text):
                return Trial(volume)
            made_by, policy = volume.provisioned_by, volume.reclaim_policy
            self.release(volume)
        left = self._left(volume.name)
        if left:
            self._api.delete(volume.path)
        return Trial(None, volume.name, made_by, policy, left if policy == "Delete" else "")

    def remove(self) -> None:
        """Removes what is left with its namespace, without waiting."""
        if self._made:
            self._api.delete(RESOURCES["Namespace"].path(name=self._namespace))

    @property
    def api(self) -> Api:
        """The cluster that they are made in."""
        return self._api

    @property
    def namespace(self) -> str:
        """Where they are, once the first one was made."""
        return self._namespace

    @property
    def marks(self) -> dict[str, str]:
        """The labels on whatever the run makes."""
        return labels(self._run)

    @contextmanager
    def claimed(
        self, storage_class: StorageClass, *, mounted: bool = False, more: Json | None = None, node: str = ""
    ) -> Generator[PersistentVolumeClaim]:
        """A claim with a Pod of its name that uses it, there as long as the block runs.

        `mounted`: the Pod starts with the volume, where else it only waits for it. `more`: for the claim's spec.
        `node`: where the Pod has to be.
        """
        name = f"labgrade-trial-{self._made}"
        self._made += 1
        if self._made == 1:
            create_namespace(self._api, self._namespace, self._run, level="restricted")
        claim = PersistentVolumeClaim(Snapshot(self._api), self._namespace, name)
        try:
            body = self._claim_body(name, storage_class.name, more or {})
            self._api.create(RESOURCES[claim.kind].path(self._namespace), body)
            create_pod(self._api, self._namespace, self._pod_body(name, node, mounted=mounted))
            yield claim
        finally:
            self._api.delete(Pod(Snapshot(self._api), self._namespace, name).path, grace_seconds=0)
            self._api.delete(claim.path)

    def volume_of(self, claim: PersistentVolumeClaim) -> PersistentVolume | Text:
        """The volume of a claim of ours, as soon as it has one; or why there will be none.

        HarnessError where the driver works and is not done in time.
        """
        found = until(lambda: self._decided(claim), seconds=BIND_SECONDS, every=LOOK_SECONDS)
        if found is None:
            raise HarnessError(f"{claim}, a claim of ours, had no volume within {BIND_SECONDS:.0f} s")
        return found.why if isinstance(found, Unbound) else found

    def release(self, volume: PersistentVolume) -> None:
        """Has a volume go with its claim, whatever its class says: it is ours, and would stay for good."""
        if volume.reclaim_policy != "Delete":
            self._api.patch(volume.path, {"spec": {"persistentVolumeReclaimPolicy": "Delete"}})

    def _decided(self, claim: PersistentVolumeClaim) -> PersistentVolume | Unbound | None:
        """Its volume, or why there will be none; None while one is to be hoped for."""
        cluster = Cluster(Snapshot(self._api), self._namespace)
        fresh = cluster.claim(claim.name)
        found = unbound(cluster, fresh)
        if found is None:
            return cluster.volume(fresh.volume)
        log.info("%s", found.why.en)
        return found if self._api.now() >= found.until else None

    def _left(self, name: str) -> str:
        """Why a volume that should go stays; empty once it is gone."""

        def ended() -> str:
            volume = PersistentVolume(Snapshot(self._api), None, name)
            if not volume.exists:
                return "gone"
            return f"{volume.status.get('message', '')}" or volume.phase if volume.phase == "Failed" else ""

        how = until(ended, seconds=GO_SECONDS, every=LOOK_SECONDS)
        if not how:
            raise HarnessError(f"the volume {name} of a claim of ours was not gone within {GO_SECONDS:.0f} s")
        return "" if how == "gone" else how

    def _claim_body(self, name: str, storage_class: str, more: Json) -> Json:
        spec: Json = {
            "storageClassName": storage_class,
            "accessModes": ["ReadWriteOnce"],
            "resources": {"requests": {"storage": SIZE}},
        }
        return {
            "apiVersion": "v1",
            "kind": "PersistentVolumeClaim",
            "metadata": {"name": name, "labels": self.marks},
            "spec": spec | more,
        }

    def _pod_body(self, name: str, node: str, *, mounted: bool) -> Json:
        container: Json = {
            "name": "use",
            "image": self._program.image,
            "imagePullPolicy": "IfNotPresent",
            "command": [*self._program.command, "listen"],
            "securityContext": RESTRICTED,
            "volumeMounts": [{"name": "tried", "mountPath": "/tried"}] if mounted else [],
        }
        spec: Json = {
            "automountServiceAccountToken": False,
            "terminationGracePeriodSeconds": 0,
            "containers": [container],
            "volumes": [{"name": "tried", "persistentVolumeClaim": {"claimName": name}}],
        }
        return {
            "apiVersion": "v1",
            "kind": "Pod",
            "metadata": {"name": name, "labels": self.marks},
            "spec": spec | ({"nodeSelector": {"kubernetes.io/hostname": node}} if node else {}),
        }
