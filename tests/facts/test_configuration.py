"""ConfigMaps and Secrets as containers get to see them, on recorded objects."""

from __future__ import annotations

from labgrade.facts import Cluster, Recorded
from labgrade.model import Json


def made(kind: str, name: str, **parts: object) -> Json:
    """An object."""
    return {"kind": kind, "metadata": {"name": name, "namespace": "lab"}, **parts}


def cluster(*objects: Json) -> Cluster:
    """A recorded state."""
    return Cluster(Recorded(*objects), "lab")


def test_a_config_map_holds_text_and_bytes() -> None:
    """Each under its key."""
    found = cluster(made("ConfigMap", "menu", data={"day": "é"}, binaryData={"logo": "AAE="})).config_map("menu")
    assert found.values == {"day": b"\xc3\xa9", "logo": b"\x00\x01"}
    assert not found.immutable


def test_a_secret_is_decoded_once() -> None:
    """What is no base64 is left out: the API server would not have taken it."""
    found = cluster(made("Secret", "till", data={"a": "d2FpdGVy", "b": "%%"}, immutable=True)).secret("till")
    assert found.values == {"a": b"waiter"}
    assert found.type == "Opaque"
    assert found.immutable


def test_what_is_not_there_holds_nothing() -> None:
    """As with all facts, nothing fails."""
    there = cluster()
    assert not there.secret("till").values
    assert not there.config_map("menu").values
    assert not there.config_map("menu").immutable


def test_what_every_namespace_is_given_is_nobodys_work() -> None:
    """It is left out of the list."""
    there = cluster(made("ConfigMap", "kube-root-ca.crt"), made("ConfigMap", "menu"), made("Secret", "till"))
    assert [found.name for found in there.config_maps()] == ["menu"]
    assert [found.name for found in there.secrets()] == ["till"]
