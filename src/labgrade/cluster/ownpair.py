"""A volume and claims of ours, copied from a student's, to see what becomes of a volume whose claim is deleted.

No Pod ever uses them, so that nothing is written anywhere, and they never lead to where the student's data are.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass

from labgrade.cluster.api import Api
from labgrade.cluster.ours import OwnNamespace, labels
from labgrade.errors import HarnessError
from labgrade.facts import PersistentVolume, PersistentVolumeClaim
from labgrade.facts.reading import RESOURCES
from labgrade.model import Json
from labgrade.patience import until

log = logging.getLogger(__name__)

BIND_SECONDS = 30.0
"""A volume and a claim that name each other are brought together within a second."""

REFUSE_SECONDS = 10.0
"""What the next claim is not given within that time it is not going to be given."""

LOOK_SECONDS = 0.1

COPIED = ("capacity", "accessModes", "persistentVolumeReclaimPolicy", "storageClassName", "volumeMode", "nodeAffinity")
ASKED = ("accessModes", "resources", "storageClassName", "volumeMode")


@dataclass(frozen=True, slots=True)
class Parted:
    """What became of a volume of ours when its claim was deleted."""

    phase: str
    """The volume's, afterwards; empty: it was gone."""
    given: bool = False
    """Whether the next claim, which asked for it by name, got it."""
    told: str = ""
    """What the cluster told that claim."""


class OwnPair:
    """One volume with its claims, in a namespace of the run's own."""

    def __init__(self, api: Api, run: str) -> None:
        self._api, self._run = api, run
        self._namespace = OwnNamespace(api, run, part="pair")
        self._name = self._namespace.name
        self._volume = RESOURCES["PersistentVolume"].path(name=self._name)

    def parted(self, volume: PersistentVolume, claim: PersistentVolumeClaim) -> Parted:
        """Copies both, lets the copies be bound to each other, deletes the claim, and asks for the volume once more.

        Only for a volume whose policy is Retain: any other would delete or scrub, if only what is ours.
        HarnessError where the copies are not bound in time.
        """
        if volume.reclaim_policy != "Retain":
            raise ValueError(f"a volume with the policy {volume.reclaim_policy} is not tried")
        self._namespace.create()
        # By name, as the volume names its claim: so they are bound without a Pod, whatever the class waits for.
        asked = {key: claim.spec[key] for key in ASKED if key in claim.spec} | {"volumeName": self._name}
        try:
            self._create("PersistentVolume", self._name, self._volume_spec(volume))
            self._create("PersistentVolumeClaim", "first", asked)
            if not until(lambda: self._phase("first") == "Bound", seconds=BIND_SECONDS, every=LOOK_SECONDS):
                raise HarnessError(f"copies of {volume} and {claim} were not bound to each other in time")
            self._api.delete(self._path("first"))
            return self._after(asked)
        finally:
            for name in ("first", "next"):
                self._api.delete(self._path(name))
            self._api.delete(self._volume)

    def remove(self) -> None:
        """Removes what is left with its namespace, without waiting."""
        self._namespace.remove()

    def _after(self, asked: Json) -> Parted:
        left = until(self._left, seconds=BIND_SECONDS, every=LOOK_SECONDS)
        if not left:
            raise HarnessError(f"the volume {self._name} of ours stayed bound to a claim that was deleted")
        if left == "gone":
            return Parted("")
        self._create("PersistentVolumeClaim", "next", asked)
        told = until(self._told, seconds=REFUSE_SECONDS, every=LOOK_SECONDS) or ""
        return Parted(left, given=self._phase("next") == "Bound", told=told)

    def _left(self) -> str:
        """The phase of the volume without its claim; empty while it still is bound."""
        found = self._api.find(self._volume)
        phase = str((found.get("status") or {}).get("phase", "")) if found else "gone"
        return "" if phase == "Bound" else phase

    def _told(self) -> str:
        """What the cluster says of the next claim, or that it is bound; empty while it says nothing."""
        if self._phase("next") == "Bound":
            return "Bound"
        found = self._api.get(RESOURCES["Event"].path(self._name)).get("items") or []
        return next((str(e.get("message", "")) for e in found if e["involvedObject"].get("name") == "next"), "")

    def _phase(self, claim: str) -> str:
        return str(((self._api.find(self._path(claim)) or {}).get("status") or {}).get("phase", ""))

    def _volume_spec(self, volume: PersistentVolume) -> Json:
        """The student's, but at a path that nobody has, and for a claim of ours alone."""
        source = "local" if "local" in volume.spec else "hostPath"
        # Without a UID: the claim is yet to come.
        reserved = {"kind": "PersistentVolumeClaim", "namespace": self._name, "name": "first"}
        same = {key: volume.spec[key] for key in COPIED if key in volume.spec}
        return {**same, source: {"path": f"/var/tmp/{self._name}"}, "claimRef": reserved}

    def _create(self, kind: str, name: str, spec: Json) -> None:
        resource = RESOURCES[kind]
        self._api.create(
            resource.path(self._name),
            {
                "apiVersion": resource.group_version,
                "kind": kind,
                "metadata": {"name": name, "labels": labels(self._run)},
                "spec": spec,
            },
        )

    def _path(self, claim: str) -> str:
        return RESOURCES["PersistentVolumeClaim"].path(self._name, claim)
