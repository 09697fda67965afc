"""Passwords of applications: handed over by a Secret, and in clear nowhere else. Their values are never shown."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from checks.mounts import Key, place
from checks.secrets import commands
from checks.wording import NOTHING, listed
from labgrade.errors import Unmet
from labgrade.facts import Cluster, Workload
from labgrade.model import Json
from labgrade.text import Text

NO_PASSWORD = re.compile(r"(EMPTY|RANDOM)(_ROOT)?_PASSWORD|_HASH$")
"""Variables with that word in their name that hold none."""

PLAIN = re.compile(r"(DATABASE|DB|USER|USERNAME|HOST|NAME|PREFIX|TITLE)$", re.IGNORECASE)
"""How names of what is no secret end: what stands there may be the same word as a weak password."""

FILE = "_FILE"
"""How a variable's name ends that says in which file the value is."""

REFERENCE = re.compile(r"\$\(([^()]+)\)")
"""How a variable takes over the value of one before it."""

SHORTEST = 4
"""Characters from which on a password is looked for at all: a shorter one is everywhere by chance."""

LONG = 8
"""Characters from which on no text has a password by chance; of a mere word, twice as many."""

HANDED = re.compile(
    r"""(?:(?<![\w.-])(?P<name>[\w.-]*)["']?\s{0,20}[=:]\s{0,20}["']?"""
    r"""|(?<![^\s"'])-p["']?|\bIDENTIFIED\s+BY\s+["']|PASS\w{0,20}["']\s?,\s?["'])\Z""",
    re.IGNORECASE,
)
"""What stands before a password that is handed over: a setting, an option -p, the clause of SQL, a constant of PHP."""

ENDS = ("=", ":", "-p", "by", ",")
"""How each of these ends."""

BEFORE = 80
"""Characters in front of a word that are looked at for that: the texts of a cluster may be made to keep us busy."""

MAPPED_CREDIT = 0.5
"""Earned where every password comes from a Secret, but a ConfigMap repeats one."""


def assert_only_from_secret(cluster: Cluster, workloads: Sequence[Workload]) -> None:
    """Every password of these workloads comes from a Secret, and stands in clear in no environment, argument or map.

    Each workload earns its part; where only a ConfigMap repeats one, half is earned. No value of a Secret is ever part
    of what is said.
    """
    __tracebackhide__ = True
    values = {value for each in workloads for value in _passwords(cluster, each) if len(value) >= SHORTEST}
    wrong = [saw for each in workloads if (saw := _in_clear(cluster, each) or _repeated(each, values))]
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
        credit=1 - len(wrong) / len(workloads) if wrong else MAPPED_CREDIT,
    )


def _in_clear(cluster: Cluster, workload: Workload) -> Text:
    """Which password of a workload comes from elsewhere than a Secret, or that it has none; empty when all is well."""
    found = False
    for container in _containers(workload):
        for name, sources in _handed(cluster, workload, container):
            found = True
            if not sources:
                return Text(
                    en=f"{workload}: {name} of container {container['name']} does not come from a Secret",
                    fr=f"{workload} : {name} du conteneur {container['name']} ne vient pas d'un Secret",
                )
    if found:
        return NOTHING
    return Text(en=f"{workload} is given no password", fr=f"{workload} ne reçoit aucun mot de passe")


def _passwords(cluster: Cluster, workload: Workload) -> Iterator[bytes]:
    """The passwords that Secrets hand over to a workload; they are for comparing, never for showing."""
    for container in _containers(workload):
        for _, sources in _handed(cluster, workload, container):
            for each in sources:
                yield cluster.secret(each.name).values.get(each.key, b"").strip()


def _handed(cluster: Cluster, workload: Workload, container: Json) -> Iterator[tuple[str, list[Key]]]:
    """The container's variables that hold a password, or say in which file it is, with what Secrets have of them."""
    entries = _entries(cluster, container)
    for index, entry in enumerate(entries):
        name = str(entry.get("name", ""))
        if "PASSWORD" in name.upper() and not NO_PASSWORD.search(name):
            origin = _origin(entries[: index + 1])
            yield name, _secrets(cluster, workload, container, origin, by_file=name.endswith(FILE))


def _entries(cluster: Cluster, container: Json) -> list[Json]:
    """The container's variables in the order in which they are filled; those of `envFrom` as if written one by one."""
    env: list[Json] = container.get("env") or []
    own = {entry.get("name") for entry in env}
    taken: dict[str, Json] = {}
    for each in container.get("envFrom") or []:
        for field, reference, config_of in (
            ("configMapRef", "configMapKeyRef", cluster.config_map),
            ("secretRef", "secretKeyRef", cluster.secret),
        ):
            config = config_of(str((each.get(field) or {}).get("name", "")))
            for key in config.values:
                name = f"{each.get('prefix') or ''}{key}"
                taken[name] = {"name": name, "valueFrom": {reference: {"name": config.name, "key": key}}}
    return [*(entry for name, entry in taken.items() if name not in own), *env]


def _origin(entries: Sequence[Json]) -> Json:
    """Where the last of these variables has its value from: itself, or the one before it that it takes over whole."""
    before, entry = entries[:-1], entries[-1]
    while found := REFERENCE.fullmatch(str(entry.get("value") or "")):
        # One that comes later is not known yet: what is written then stays as it is.
        index = next((i for i in reversed(range(len(before))) if before[i].get("name") == found[1]), None)
        if index is None:
            break
        before, entry = before[:index], before[index]
    return entry


def _secrets(cluster: Cluster, workload: Workload, container: Json, origin: Json, *, by_file: bool) -> list[Key]:
    """The keys of Secrets that a variable, or the file that it names, is filled from; empty for none."""
    source = origin.get("valueFrom") or {}
    if reference := source.get("secretKeyRef"):
        return [Key("Secret", str(reference.get("name", "")), str(reference.get("key", "")))]
    if not by_file:
        return []
    path = str(origin.get("value") or "")
    if reference := source.get("configMapKeyRef"):
        path = cluster.config_map(str(reference.get("name", ""))).data.get(str(reference.get("key", "")), "").strip()
    found = place(workload, container, path) if path else None
    return [key for key in found.keys if key.kind == "Secret"] if found else []


def _repeated(workload: Workload, values: set[bytes]) -> Text:
    """Where a workload repeats in clear what a Secret keeps; empty where nowhere."""
    for container in _containers(workload):
        for where, words in _said(container):
            if any(_holds(words, value, anywhere=not _common(value)) for value in values):
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
            yield name, f"{name}={entry['value']}"
    yield from commands(container)


def _mapped(cluster: Cluster, values: set[bytes]) -> Iterator[tuple[str, str]]:
    for config in cluster.config_maps():
        for key, words in config.data.items():
            # Elsewhere than under such a name, a text may well say the same word and mean no password.
            named = "PASSWORD" in key.upper()
            if not PLAIN.search(key) and any(
                _holds(f"{key}={words}", value, anywhere=named and not _common(value)) for value in values
            ):
                yield f"{config}", key


def _common(value: bytes) -> bool:
    """Whether a password is so short, or so much of a word, that texts have it by chance: who chose `wordpress`?"""
    return len(value) < (2 * LONG if value.isalpha() else LONG)


def _holds(words: str, value: bytes, *, anywhere: bool) -> bool:
    """Whether these words have a password in them; unless `anywhere`, only whole and where one is handed over."""
    if anywhere:
        return value in words.encode()
    wanted = re.escape(value.decode("utf-8", "replace"))
    for whole in re.finditer(rf"{wanted}(?![\w-]|[.:/]\w)", words):
        before = words[max(0, whole.start() - BEFORE) : whole.start()]
        # Most words follow another one, which is seen much sooner than searched for.
        handed = before.rstrip(" \t\r\n\"'").lower().endswith(ENDS) and HANDED.search(before)
        # Before a colon, the name is a user's in an address such as mysql://user:password@host.
        if handed and (words.startswith("@", whole.end()) or not PLAIN.search(handed["name"] or "")):
            return True
    return False


def _containers(workload: Workload) -> list[Json]:
    spec: Json = workload.template.get("spec") or {}
    return [*(spec.get("initContainers") or []), *(spec.get("containers") or [])]
