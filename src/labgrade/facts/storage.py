"""Claims, volumes, classes and the drivers behind them."""

from __future__ import annotations

from decimal import Decimal

from kubernetes.utils.quantity import parse_quantity  # pyright: ignore[reportUnknownVariableType] - it has no types

from labgrade.facts import fitting
from labgrade.facts.base import Fact
from labgrade.facts.reading import Reading
from labgrade.facts.workloads import Deployment
from labgrade.model import Json

DEFAULT_CLASS = ("storageclass.kubernetes.io/is-default-class", "storageclass.beta.kubernetes.io/is-default-class")
"""Either of them makes a class the default one."""

PROVISIONED_BY = "pv.kubernetes.io/provisioned-by"

NO_PROVISIONER = "kubernetes.io/no-provisioner"
"""What classes name whose volumes are made by hand."""


class PersistentVolumeClaim(Fact):
    """A PersistentVolumeClaim."""

    kind = "PersistentVolumeClaim"

    @property
    def phase(self) -> str:
        """Pending, Bound or Lost; empty when there is no such claim."""
        return str(self.status.get("phase", ""))

    @property
    def bound(self) -> bool:
        """Whether it has its volume."""
        return self.phase == "Bound"

    @property
    def volume(self) -> str:
        """Name of its PersistentVolume; empty while it has none."""
        return str(self.spec.get("volumeName", ""))

    @property
    def storage_class(self) -> str | None:
        """The class that it asks for: empty for "none", None for "the default one"."""
        return self.spec.get("storageClassName")

    @property
    def access_modes(self) -> list[str]:
        """`spec.accessModes`."""
        return self.spec.get("accessModes") or []

    @property
    def size(self) -> str:
        """The size that it asks for, as it is written; empty where it asks for none."""
        return str(((self.spec.get("resources") or {}).get("requests") or {}).get("storage") or "")

    @property
    def bytes(self) -> Decimal:
        """The size, in bytes, that it asks for."""
        return _bytes(self.size)

    @property
    def capacity(self) -> Decimal:
        """The size, in bytes, that its volume has; 0 while it has none."""
        return _bytes((self.status.get("capacity") or {}).get("storage"))

    @property
    def selector(self) -> Json:
        """A LabelSelector for volumes made by hand; empty where any labels will do."""
        return self.spec.get("selector") or {}

    @property
    def volume_mode(self) -> str:
        """Filesystem or Block."""
        return str(self.spec.get("volumeMode") or "Filesystem")


class PersistentVolume(Fact):
    """A PersistentVolume."""

    kind = "PersistentVolume"

    @property
    def phase(self) -> str:
        """Available, Bound, Released or Failed; empty when there is no such volume."""
        return str(self.status.get("phase", ""))

    @property
    def folder(self) -> str:
        """The folder of its node in which it lies; empty where it is in none."""
        return str((self.spec.get("local") or self.spec.get("hostPath") or {}).get("path") or "")

    @property
    def provisioned_by(self) -> str:
        """The provisioner that made it; empty for one that was made by hand."""
        return self.annotations.get(PROVISIONED_BY, "")

    @property
    def storage_class(self) -> str:
        """The class that it belongs to; empty for none."""
        return str(self.spec.get("storageClassName") or "")

    @property
    def access_modes(self) -> list[str]:
        """`spec.accessModes`."""
        return self.spec.get("accessModes") or []

    @property
    def reclaim_policy(self) -> str:
        """What becomes of it without its claim: Retain, Delete or Recycle."""
        return str(self.spec.get("persistentVolumeReclaimPolicy", "Retain"))

    @property
    def claim(self) -> tuple[str, str] | None:
        """Namespace and name of the claim that it is, or was, or shall be bound to; None for any."""
        reference = self.spec.get("claimRef")
        return (reference.get("namespace", ""), reference.get("name", "")) if reference else None

    @property
    def claim_uid(self) -> str:
        """UID of that claim; empty where it is only reserved for a name."""
        return str((self.spec.get("claimRef") or {}).get("uid", ""))

    @property
    def size(self) -> str:
        """Its size, as it is written; empty where none is."""
        return str((self.spec.get("capacity") or {}).get("storage") or "")

    @property
    def bytes(self) -> Decimal:
        """Its size."""
        return _bytes(self.size)

    @property
    def volume_mode(self) -> str:
        """Filesystem or Block."""
        return str(self.spec.get("volumeMode") or "Filesystem")

    @property
    def node_terms(self) -> list[Json] | None:
        """The node selector terms of which one must hold where it is used; None where it may be used on any node."""
        required = (self.spec.get("nodeAffinity") or {}).get("required")
        return (required.get("nodeSelectorTerms") or []) if required else None

    def suits(self, claim: PersistentVolumeClaim) -> bool:
        """Whether it is free and the claim may have it; on which nodes it may be used is another question."""
        return not fitting.hindrances(self, claim)


class StorageClass(Fact):
    """A StorageClass."""

    kind = "StorageClass"

    @property
    def default(self) -> bool:
        """Whether claims that name no class get this one, or one of several such."""
        return any(self.annotations.get(key) == "true" for key in DEFAULT_CLASS)

    @property
    def provisioner(self) -> str:
        """Who makes its volumes, by the name that drivers go by."""
        return str(self.raw.get("provisioner", ""))

    @property
    def binding_mode(self) -> str:
        """Immediate or WaitForFirstConsumer."""
        return str(self.raw.get("volumeBindingMode") or "Immediate")

    @property
    def waits_for_consumer(self) -> bool:
        """Whether a claim rightly stays Pending until a Pod uses it."""
        return self.binding_mode == "WaitForFirstConsumer"

    @property
    def reclaim_policy(self) -> str:
        """What becomes of its volumes without their claims: Retain or Delete."""
        return str(self.raw.get("reclaimPolicy") or "Delete")

    @property
    def expandable(self) -> bool:
        """Whether its claims may ask for more later on."""
        return self.raw.get("allowVolumeExpansion") is True


class CSIDriver(Fact):
    """A CSI driver that is registered with the cluster."""

    kind = "CSIDriver"


class LocalPath(Deployment):
    """The provisioner that kind clusters bring along. It is no CSI driver, so it is registered nowhere."""

    provisioner = "rancher.io/local-path"

    def __init__(self, reading: Reading) -> None:
        super().__init__(reading, "local-path-storage", "local-path-provisioner")


def _bytes(quantity: object) -> Decimal:
    """A quantity such as `64Mi` in bytes; 0 for none."""
    return Decimal(parse_quantity(quantity)) if quantity else Decimal(0)  # pyright: ignore[reportUnknownArgumentType]
