"""The cluster's nodes."""

from __future__ import annotations

from dataclasses import dataclass

from labgrade.facts.base import Fact

CONTROL_PLANE = ("node-role.kubernetes.io/control-plane", "node-role.kubernetes.io/master")
"""Label and taint of a control plane; the second one is that of clusters before 1.24."""

NOT_READY = ("node.kubernetes.io/not-ready", "node.kubernetes.io/unreachable")
"""Taints that a node bears until it is Ready, and again when it no longer is."""

PRESSURES = ("MemoryPressure", "DiskPressure", "PIDPressure", "NetworkUnavailable")


@dataclass(frozen=True, slots=True)
class Taint:
    """What keeps Pods away from a node unless they tolerate it."""

    key: str
    value: str
    effect: str

    def __str__(self) -> str:
        """As `kubectl taint` takes it."""
        return f"{self.key}{f'={self.value}' if self.value else ''}:{self.effect}"


class Node(Fact):
    """A node."""

    kind = "Node"

    @property
    def ready(self) -> bool:
        """Whether its kubelet says so."""
        return self.condition("Ready").get("status") == "True"

    @property
    def pressures(self) -> list[str]:
        """Types of the conditions that say that something is short, or missing."""
        return [name for name in PRESSURES if self.condition(name).get("status") == "True"]

    @property
    def control_plane(self) -> bool:
        """Whether it is labelled as one."""
        return any(label in self.labels for label in CONTROL_PLANE)

    @property
    def taints(self) -> list[Taint]:
        """What keeps Pods away from it."""
        return [Taint(t["key"], t.get("value") or "", t["effect"]) for t in self.spec.get("taints") or []]

    @property
    def not_ready_taints(self) -> list[Taint]:
        """Those of its taints that say that it is not Ready; they go a moment after it has become so."""
        return [taint for taint in self.taints if taint.key in NOT_READY]

    @property
    def pod_ranges(self) -> list[str]:
        """The ranges, as CIDRs, that its Pods get their addresses from."""
        return self.spec.get("podCIDRs") or []

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
