"""What is mounted where, read from the specs of Pods and Pod templates."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from checks.wording import NOTHING, listed, require
from labgrade.cluster.sentinels import covers
from labgrade.errors import Unmet
from labgrade.facts import Configuration, Pod, Workload
from labgrade.model import Json
from labgrade.text import Text

Owner = Pod | Workload
"""What says which volumes there are."""

WRITABLE_CREDIT = 0.5
"""Earned where every volume is mounted, but a Secret not read-only."""

GIVEN = "kube-api-access-"
"""How the volume begins that every Pod is given for its token."""


@dataclass(frozen=True, slots=True)
class Key:
    """One value of a ConfigMap or of a Secret."""

    kind: str
    name: str
    key: str

    @classmethod
    def of(cls, config: Configuration, key: str) -> Key:
        """The key of this ConfigMap or Secret."""
        return cls(config.kind, config.name, key)

    @property
    def owner(self) -> str:
        """Whose key it is, as kubectl names it."""
        return f"{self.kind.lower()}/{self.name}"


@dataclass(frozen=True, slots=True)
class Place:
    """Where a path of a container lies."""

    volume: Json
    mount: Json
    inner: str
    """The path inside the volume; empty for its root."""

    @property
    def kind(self) -> str:
        """The type of the volume."""
        return kind(self.volume)

    @property
    def by_sub_path(self) -> bool:
        """Whether only a part of the volume is mounted, which stays as it was at the container's start."""
        return bool(self.mount.get("subPath") or self.mount.get("subPathExpr"))

    @property
    def keys(self) -> list[Key]:
        """The value that is a file at this path, or all those that are files below it."""
        below = f"{self.inner}/" if self.inner else ""
        return [key for path, key in _files(self.volume, self.inner) if path == self.inner or path.startswith(below)]


def spec_of(owner: Owner) -> Json:
    """The spec of a Pod, or of the Pods that a workload makes."""
    return owner.spec if isinstance(owner, Pod) else (owner.template.get("spec") or {})


def volumes(owner: Owner) -> dict[str, Json]:
    """Volumes by name, less the token that every Pod is given."""
    found: dict[str, Json] = {each["name"]: each for each in spec_of(owner).get("volumes") or []}
    return {name: volume for name, volume in found.items() if not name.startswith(GIVEN)}


def mounts_of(owner: Owner, volume: str) -> list[Json]:
    """The mounts of a volume in all containers, init containers included."""
    spec = spec_of(owner)
    containers = [*(spec.get("initContainers") or []), *(spec.get("containers") or [])]
    every = [mount for container in containers for mount in container.get("volumeMounts") or []]
    return [mount for mount in every if mount["name"] == volume]


def place(owner: Owner, container: Json, path: str) -> Place | None:
    """Where a path of a container lies; None for the container's own file system."""
    nearest: Json | None = None
    for mount in container.get("volumeMounts") or []:
        nearer = nearest is None or len(_at(mount)) > len(_at(nearest))
        if covers(_at(mount), path) and nearer:
            nearest = mount
    if nearest is None or nearest["name"] not in volumes(owner):
        return None
    rest = path[len(_at(nearest)) :].strip("/")
    inner = "/".join(filter(None, (str(nearest.get("subPath", "")).strip("/"), rest)))
    return Place(volumes(owner)[nearest["name"]], nearest, inner)


def described(owner: Owner, container: Json, path: str) -> Text:
    """What is at a path of a container, in words."""
    name, found = container["name"], place(owner, container, path)
    if found is None:
        there = listed(_at(mount) for mount in container.get("volumeMounts") or [] if mount["name"] in volumes(owner))
        return Text(
            en=f"nothing is mounted at {path} in container {name}, mounts are at: {there.en}",
            fr=f"rien n'est monté sur {path} dans le conteneur {name}, des montages le sont sur : {there.fr}",
        )
    what = f"{found.volume['name']} ({found.kind})"
    return Text(
        en=f"{path} in container {name} is the volume {what}" + (f", in it {found.inner}" if found.inner else ""),
        fr=f"{path} dans le conteneur {name} est le volume {what}" + (f", dedans {found.inner}" if found.inner else ""),
    )


def kind(volume: Json) -> str:
    """The type of a volume."""
    return next((key for key in volume if key != "name"), "?")


def assert_mounts(owners: Sequence[Owner]) -> None:
    """Each of these declares volumes, and mounts them all; those of Secrets read-only."""
    __tracebackhide__ = True
    for owner in owners:
        require(owner)
    if not (saw := _not_mounted(owners) or _writable(owners)):
        return
    raise Unmet(
        saw,
        wanted=Text(
            en="every volume mounted somewhere, those of Secrets with readOnly: true",
            fr="chaque volume monté quelque part, ceux des Secrets avec readOnly: true",
        ),
        try_="kubectl explain pod.spec.containers.volumeMounts",
        credit=0 if _not_mounted(owners) else WRITABLE_CREDIT,
    )


def _at(mount: Json) -> str:
    return str(mount["mountPath"]).rstrip("/") or "/"


def _files(volume: Json, wanted: str) -> Iterator[tuple[str, Key]]:
    """Paths inside a volume made of ConfigMaps and Secrets; one without items is taken to have any key asked for."""
    projected = (volume.get("projected") or {}).get("sources") or []
    for source in [volume, *projected]:
        for field, kind_of in (("configMap", "ConfigMap"), ("secret", "Secret")):
            if field in source:
                name = str(source[field].get("name") or source[field].get("secretName") or "")
                items = source[field].get("items")
                if items is None and wanted:
                    yield wanted, Key(kind_of, name, wanted)
                yield from ((each["path"], Key(kind_of, name, each["key"])) for each in items or [])


def _not_mounted(owners: Sequence[Owner]) -> Text:
    """Volumes that nobody mounts, or what has no volume at all; empty where there is neither."""
    unused = [f"{name} ({owner})" for owner in owners for name in volumes(owner) if not mounts_of(owner, name)]
    without = [owner for owner in owners if not volumes(owner)]
    if unused:
        row = listed(unused)
        return Text(en=f"volumes that nobody mounts: {row.en}", fr=f"volumes que personne ne monte : {row.fr}")
    row = listed(without)
    return Text(en=f"without a volume: {row.en}", fr=f"sans volume : {row.fr}") if without else NOTHING


def _writable(owners: Sequence[Owner]) -> Text:
    """Secrets that are mounted as if one could write there; empty where there are none."""
    found = [
        f"{name} ({owner})"
        for owner in owners
        for name, volume in volumes(owner).items()
        if "secret" in volume and not all(mount.get("readOnly") for mount in mounts_of(owner, name))
    ]
    row = listed(found)
    if not found:
        return NOTHING
    return Text(
        en=f"volumes of Secrets that are not mounted read-only: {row.en}",
        fr=f"volumes de Secrets qui ne sont pas montés en lecture seule : {row.fr}",
    )
