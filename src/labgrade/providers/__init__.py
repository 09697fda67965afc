"""Where clusters come from: one module each, and the registry."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from labgrade.model import Cni
from labgrade.providers import kind

Say = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class ClusterSpec:
    """A cluster to make: one control plane and two workers, or what a configuration says."""

    name: str
    kubeconfig: Path
    """Where the kubeconfig for the grader goes."""
    images: tuple[str, ...] = ()
    """Put onto every node beside the probe's, each `name:tag@sha256:…`."""
    users: bool = False
    """Also into the user's own kubeconfig, as its current context, for kubectl."""
    config: Path | None = None
    """A configuration of the provider's own to make it from; UsageError where the provider does not take it."""
    cni: Cni | None = None
    """The Pod network, not together with `config`; None: the provider's own, or what a cluster that is there has."""
    cni_images: bool = False
    """The nodes get Cilium's images where they could not pull them, and nothing is installed: for a `config` without
    a Pod network, on which somebody installs Cilium."""
    beside: Path | None = None
    """For one cluster of several on a machine: whatever `config` shares with its host lies in this folder instead of
    where it says, and its ports are any free ones of the host; None: all is as `config` says."""


class Provider(Protocol):
    """What a provider module offers."""

    def exists(self, name: str) -> bool:
        """Whether there is a cluster of that name."""
        ...

    def start(self, spec: ClusterSpec, say: Say) -> None:
        """Makes the cluster, or starts it again, and waits until its nodes are Ready; HarnessError otherwise.

        Without a Pod network, which a configuration may leave to its author, nodes cannot be Ready: then until all
        have joined.
        """
        ...

    def stop(self, name: str) -> None:
        """Removes the cluster; fine where there is none."""
        ...

    def empty(self, spec: ClusterSpec) -> None:
        """Empties what the nodes share with `beside`, once nothing uses it; HarnessError where that fails."""
        ...

    def collect_logs(self, name: str, into: Path) -> None:
        """Saves what may explain a cluster that does not work."""
        ...


PROVIDERS: Mapping[str, Provider] = {"kind": kind}
