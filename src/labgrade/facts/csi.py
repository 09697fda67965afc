"""What stands beside a CSI driver in a cluster: who has its volumes grow, and how snapshots of them are taken."""

from __future__ import annotations

import re
from datetime import datetime, timedelta

from labgrade.facts.base import Fact, moment
from labgrade.facts.pods import Pod
from labgrade.facts.reading import Reading
from labgrade.model import Json

RESIZER = re.compile(r"(^|[/_-])(csi|external)-resizer\b")
"""How the program is called that has volumes of CSI drivers grow, in images and in commands."""

STALE = timedelta(minutes=1)
"""A Lease that nobody has renewed for so long is nobody's."""

DEFAULT_SNAPSHOTS = "snapshot.storage.kubernetes.io/is-default-class"


class Lease(Fact):
    """Who of several leads, and until when."""

    kind = "Lease"

    def held(self, now: datetime) -> bool:
        """Whether somebody holds it, by the cluster's clock."""
        renewed = moment(self.spec.get("renewTime"))
        return bool(self.spec.get("holderIdentity")) and renewed is not None and now - renewed < STALE


class CSINode(Fact):
    """A node as CSI drivers know it."""

    kind = "CSINode"

    @property
    def drivers(self) -> list[str]:
        """Names of the drivers that have made themselves known to its kubelet."""
        return [str(driver["name"]) for driver in self.spec.get("drivers") or []]


class VolumeSnapshotClass(Fact):
    """A class of snapshots: by which driver they are made."""

    kind = "VolumeSnapshotClass"

    @property
    def driver(self) -> str:
        """The driver's name."""
        return str(self.raw.get("driver", ""))

    @property
    def default(self) -> bool:
        """Whether snapshots of the driver's volumes that name no class get this one."""
        return self.annotations.get(DEFAULT_SNAPSHOTS) == "true"


class VolumeSnapshot(Fact):
    """A snapshot of a claim's volume."""

    kind = "VolumeSnapshot"

    @property
    def content(self) -> str:
        """Name of its VolumeSnapshotContent; empty while the snapshot controller has not taken it up."""
        return str(self.status.get("boundVolumeSnapshotContentName") or "")

    @property
    def ready(self) -> bool:
        """Whether claims may be restored from it."""
        return self.status.get("readyToUse") is True

    @property
    def problem(self) -> str:
        """What went wrong, in the driver's words; empty where nothing has."""
        return str((self.status.get("error") or {}).get("message") or "")


class VolumeSnapshotContent(Fact):
    """What a driver keeps for a snapshot."""

    kind = "VolumeSnapshotContent"

    @property
    def deletion_policy(self) -> str:
        """What becomes of it without its snapshot: Retain or Delete."""
        return str(self.spec.get("deletionPolicy", ""))

    @property
    def snapshot_namespace(self) -> str:
        """The namespace of its snapshot."""
        return str((self.spec.get("volumeSnapshotRef") or {}).get("namespace", ""))


def registered(reading: Reading, driver: str) -> bool:
    """Whether some node has a CSI driver of that name."""
    return any(driver in node.drivers for node in CSINode.all(reading, None))


def resizer_of(reading: Reading, driver: str, now: datetime) -> Lease | None:
    """The Lease by which somebody has volumes of this driver grow; None where nobody holds it."""
    name = f"external-resizer-{re.sub('[^a-zA-Z0-9-]', '-', driver)}"
    return next((lease for lease in Lease.all(reading, None) if lease.name == name and lease.held(now)), None)


def resizers(reading: Reading) -> list[Pod]:
    """Pods that have volumes grow, of whichever drivers: one that is alone at it needs no Lease."""
    running = (pod for pod in Pod.all(reading, None) if pod.phase == "Running")
    return [pod for pod in running if any(_resizes(container) for container in pod.containers.values())]


def snapshot_class_of(reading: Reading, driver: str) -> VolumeSnapshotClass | None:
    """The class of the driver's snapshots, the default one of several; None where it has none."""
    found = [each for each in VolumeSnapshotClass.all(reading, None) if each.driver == driver]
    return next((each for each in found if each.default), found[0] if found else None)


def _resizes(container: Json) -> bool:
    words = [container.get("image", ""), *(container.get("command") or [])]
    return any(RESIZER.search(word.partition("@")[0]) for word in words)
