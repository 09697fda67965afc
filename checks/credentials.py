"""Passwords of applications: handed over by a Secret, and in clear nowhere else. Their values are never shown."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from checks.mounts import place
from checks.wording import NOTHING, listed
from labgrade.errors import Unmet
from labgrade.facts import Cluster, Workload
from labgrade.model import Json
from labgrade.text import Text

NO_PASSWORD = re.compile(r"(EMPTY|RANDOM)_ROOT_PASSWORD|_HASH$")
"""Variables with that word in their name that hold none."""

PLAIN = re.compile(r"(DATABASE|DB|USER|USERNAME|HOST|NAME|PREFIX)$", re.IGNORECASE)
"""How names of what is no secret end: what stands there may be the same word as a weak password."""

FILE = "_FILE"
"""How a variable's name ends that says in which file the value is."""

SHORTEST = 4
"""Characters from which on a password is looked for within other words: a shorter one is everywhere by chance."""


def assert_only_from_secret(cluster: Cluster, workloads: Sequence[Workload]) -> None:
    """Every password of these workloads comes from a Secret, and stands in clear in no environment, argument or map.

    Each workload earns its part. No value of a Secret is ever part of what is said.
    """
    __tracebackhide__ = True
    values = {value for each in workloads for value in _passwords(cluster, each) if len(value) >= SHORTEST}
    wrong = [saw for each in workloads if (saw := _in_clear(each) or _repeated(each, values))]
    spread = [] if wrong else [f"{config}, key {key}" for config, key in _mapped(cluster, values)]
    if not wrong and not spread:
        return
    names = listed(spread)
    saw = Text(
        en="; ".join(each.en for each in wrong) or f"what a Secret keeps stands in clear in {names.en}",
        fr=" ; ".join(each.fr for each in wrong) or f"ce que garde un Secret se lit en clair dans {names.fr}",
    )
    raise Unmet(
        saw,
        wanted=Text(
            en="passwords from a Secret (secretKeyRef, envFrom or a mounted file), and nowhere else",
            fr="des mots de passe venus d'un Secret (secretKeyRef, envFrom ou fichier monté), et nulle part ailleurs",
        ),
        try_="kubectl explain pod.spec.containers.env.valueFrom.secretKeyRef",
        credit=1 - len(wrong) / len(workloads) if wrong else 0,
    )


def _in_clear(workload: Workload) -> Text:
    """Which password of a workload comes from elsewhere than a Secret, or that it has none; empty when all is well."""
    found: list[str] = []
    for container in _containers(workload):
        for entry in container.get("env") or []:
            name = str(entry.get("name", ""))
            if "PASSWORD" not in name or NO_PASSWORD.search(name):
                continue
            found.append(name)
            if not _sources(workload, container, entry):
                return Text(
                    en=f"{workload}: {name} of container {container['name']} does not come from a Secret",
                    fr=f"{workload} : {name} du conteneur {container['name']} ne vient pas d'un Secret",
                )
        found += [each["secretRef"]["name"] for each in container.get("envFrom") or [] if "secretRef" in each]
    if found:
        return NOTHING
    return Text(en=f"{workload} is given no password", fr=f"{workload} ne reçoit aucun mot de passe")


def _passwords(cluster: Cluster, workload: Workload) -> Iterator[bytes]:
    """The passwords that Secrets hand over to a workload; they are for comparing, never for showing."""
    for container in _containers(workload):
        for entry in container.get("env") or []:
            if "PASSWORD" in str(entry.get("name", "")):
                for name, key in _sources(workload, container, entry):
                    yield cluster.secret(name).values.get(key, b"").strip()
        for each in container.get("envFrom") or []:
            held = cluster.secret(str((each.get("secretRef") or {}).get("name", ""))).values
            yield from (value.strip() for key, value in held.items() if "PASSWORD" in key.upper())


def _sources(workload: Workload, container: Json, entry: Json) -> list[tuple[str, str]]:
    """Name and key of the Secret that a variable, or the file that it names, is filled from; empty for none."""
    if reference := (entry.get("valueFrom") or {}).get("secretKeyRef"):
        return [(str(reference.get("name", "")), str(reference.get("key", "")))]
    if not str(entry.get("name", "")).endswith(FILE):
        return []
    found = place(workload, container, str(entry.get("value") or ""))
    return [(key.name, key.key) for key in found.keys if key.kind == "Secret"] if found else []


def _repeated(workload: Workload, values: set[bytes]) -> Text:
    """Where a workload repeats in clear what a Secret keeps; empty where nowhere."""
    for container in _containers(workload):
        for where, words in _said(container):
            if _holds(words, values):
                return Text(
                    en=f"{workload}: what a Secret keeps stands in clear in {where} of container {container['name']}",
                    fr=f"{workload} : ce que garde un Secret se lit en clair dans {where} du conteneur "
                    f"{container['name']}",
                )
    return NOTHING


def _said(container: Json) -> Iterator[tuple[str, str]]:
    """What stands in a container's spec, and where."""
    for entry in container.get("env") or []:
        name = str(entry.get("name", ""))
        if "value" in entry and not PLAIN.search(name) and not name.endswith(FILE):
            yield name, str(entry["value"])
    for field in ("command", "args"):
        for words in container.get(field) or []:
            yield field, str(words)


def _mapped(cluster: Cluster, values: set[bytes]) -> Iterator[tuple[str, str]]:
    for config in cluster.config_maps():
        for key, words in config.data.items():
            if not PLAIN.search(key) and _holds(words, values):
                yield f"{config}", key


def _holds(words: str, values: set[bytes]) -> bool:
    return any(value in words.encode() for value in values)


def _containers(workload: Workload) -> list[Json]:
    spec: Json = workload.template.get("spec") or {}
    return [*(spec.get("initContainers") or []), *(spec.get("containers") or [])]
