"""The cluster's nodes."""

from __future__ import annotations

from labgrade.facts.base import Fact


class Node(Fact):
    """A node."""

    kind = "Node"

    @property
    def ready(self) -> bool:
        """Whether its kubelet says so."""
        return self.condition("Ready").get("status") == "True"

    @property
    def made_by_kind(self) -> bool:
        """Whether it is a container of a kind cluster."""
        return str(self.spec.get("providerID", "")).startswith("kind://")

    @property
    def ip(self) -> str:
        """Its InternalIP; empty when it has none."""
        addresses = self.status.get("addresses") or []
        return next((a["address"] for a in addresses if a["type"] == "InternalIP"), "")

    @property
    def image_names(self) -> set[str]:
        """Names of images that are on the node; the kubelet lists the fifty largest."""
        return {name for image in self.status.get("images") or [] for name in image.get("names") or []}
