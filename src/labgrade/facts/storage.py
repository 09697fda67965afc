"""Claims, volumes and classes."""

from __future__ import annotations

from labgrade.facts.base import Fact

DEFAULT_CLASS = "storageclass.kubernetes.io/is-default-class"


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


class StorageClass(Fact):
    """A StorageClass."""

    kind = "StorageClass"

    @property
    def default(self) -> bool:
        """Whether claims that name no class get this one."""
        return self.annotations.get(DEFAULT_CLASS) == "true"

    @property
    def waits_for_consumer(self) -> bool:
        """Whether a claim rightly stays Pending until a Pod uses it."""
        return self.raw.get("volumeBindingMode") == "WaitForFirstConsumer"
