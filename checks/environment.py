"""Where the variables of a container come from, read from its spec."""

from __future__ import annotations

from typing import Literal

from checks.mounts import Key
from labgrade.facts import ConfigMap, Configuration, Pod, Secret
from labgrade.model import Json
from labgrade.text import Text

Source = Key | Literal["value", "field"]
"""A key of a ConfigMap or a Secret, a value written into the spec, or a field of the Pod itself."""

KINDS: dict[str, type[Configuration]] = {"ConfigMap": ConfigMap, "Secret": Secret}


def variable(pod: Pod, name: str) -> tuple[Json, Source | None]:
    """The container that has a variable of that name, and its source; the first container and None where none has."""
    for container in pod.containers.values():
        if found := source_of(pod, container, name):
            return container, found
    return next(iter(pod.containers.values())), None


def source_of(pod: Pod, container: Json, name: str) -> Source | None:
    """A variable's source as the kubelet has it: of several the last one counts, and `env` before `envFrom`."""
    for entry in reversed(container.get("env") or []):
        if entry["name"] == name:
            return _of_entry(entry)
    for entry in reversed(container.get("envFrom") or []):
        prefix = str(entry.get("prefix") or "")
        for field, kind in (("configMapRef", "ConfigMap"), ("secretRef", "Secret")):
            if field in entry and name.startswith(prefix):
                found = Key(kind, str(entry[field].get("name", "")), name.removeprefix(prefix))
                if found.key in KINDS[kind](pod.reading, pod.namespace, found.name).values:
                    return found
    return None


def named(source: Source | None) -> Text:
    """A source in words, without its value."""
    if source is None:
        return Text(en="not set", fr="absente")
    if source == "value":
        return Text(en="a value written there", fr="une valeur écrite sur place")
    if source == "field":
        return Text(en="a field of the Pod", fr="un champ du Pod")
    return Text(en=f"{source.owner}, key {source.key}", fr=f"{source.owner}, clé {source.key}")


def _of_entry(entry: Json) -> Source:
    origin = entry.get("valueFrom") or {}
    for field, kind in (("configMapKeyRef", "ConfigMap"), ("secretKeyRef", "Secret")):
        if field in origin:
            return Key(kind, str(origin[field].get("name", "")), str(origin[field].get("key", "")))
    return "field" if origin else "value"
