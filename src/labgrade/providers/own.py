"""Clusters that a run makes for itself and removes: never anybody's current context."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

from labgrade.errors import HarnessError
from labgrade.model import Cni
from labgrade.providers import ClusterSpec, Provider


def described(name: str, folder: Path, images: Iterable[str], *, cni: Cni, config: Path | None = None) -> ClusterSpec:
    """A cluster with that Pod network, or with `config` what that says; all it keeps here lies in `folder`.

    With a `config`, `cni` is the network that somebody will install: Cilium's images are put there.
    """
    return ClusterSpec(
        name,
        folder / "kubeconfig",
        tuple(dict.fromkeys(images)),
        config=config,
        cni=None if config else cni,
        cni_images=cni == "cilium" and config is not None,
        beside=folder / "shared",
    )


def remove(provider: Provider, spec: ClusterSpec) -> None:
    """Removes the cluster and what its Pods left on this machine; HarnessError where that fails."""
    with suppress(HarnessError):  # there may be no cluster yet, or no more
        provider.empty(spec)
    provider.stop(spec.name)
