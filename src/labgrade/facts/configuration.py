"""What Pods are configured with: ConfigMaps and Secrets."""

from __future__ import annotations

import base64
import binascii

from labgrade.facts.base import Fact


class Configuration(Fact):
    """A ConfigMap or a Secret: values by key."""

    @property
    def values(self) -> dict[str, bytes]:
        """What containers get to see of it, by key; a value that is no base64 where it must be is left out."""
        raise NotImplementedError

    @property
    def immutable(self) -> bool:
        """Whether its values can never change again."""
        return self.raw.get("immutable") is True


class ConfigMap(Configuration):
    """A ConfigMap."""

    kind = "ConfigMap"

    @property
    def data(self) -> dict[str, str]:
        """What it holds as text; empty when there is none."""
        return self.raw.get("data") or {}

    @property
    def values(self) -> dict[str, bytes]:
        """Its text in UTF-8, and its binary data."""
        return {key: text.encode() for key, text in self.data.items()} | _decoded(self.raw.get("binaryData"))


class Secret(Configuration):
    """A Secret: what it holds is never to be shown, neither in evidence nor in a log."""

    kind = "Secret"

    @property
    def type(self) -> str:
        """What it is for, such as `kubernetes.io/basic-auth`; `Opaque` unless told."""
        return str(self.raw.get("type") or "Opaque")

    @property
    def values(self) -> dict[str, bytes]:
        """Its data, decoded once as the API server does."""
        return _decoded(self.raw.get("data"))


def _decoded(data: dict[str, str] | None) -> dict[str, bytes]:
    found: dict[str, bytes] = {}
    for key, coded in (data or {}).items():
        try:
            found[key] = base64.b64decode(coded, validate=True)
        except (binascii.Error, TypeError, ValueError):
            continue
    return found
