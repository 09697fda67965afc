"""Values that a Pod takes from a ConfigMap or a Secret, by its environment and by a volume."""

from __future__ import annotations

import posixpath
from collections.abc import Sequence
from typing import TYPE_CHECKING, Protocol

from checks.contents import not_taken_from, same_files
from checks.environment import named, variable
from checks.mounts import Key, Place, described, place
from checks.volumes import running
from checks.wording import NOTHING, listed, require
from labgrade.cluster.owncopy import NAME, Followed, Taken
from labgrade.errors import HarnessError, Unmet
from labgrade.facts import ConfigMap, Configuration, Deployment, Pod
from labgrade.model import Json
from labgrade.text import Text

if TYPE_CHECKING:
    from checks.pods import Inside


class Copy(Protocol):
    """What edits a copy of ours."""

    def edited(self, taken: Taken, /) -> Followed:
        """What followed."""
        ...


def assert_has_keys(wanted: Sequence[tuple[Configuration, Sequence[str]]]) -> None:
    """Each of these is there and has these keys, none of them empty; each of them earns its part."""
    __tracebackhide__ = True
    missing = [words for config, keys in wanted if (words := _lacking(config, keys))]
    if not missing:
        return
    raise Unmet(
        Text(en="; ".join(words.en for words in missing), fr=" ; ".join(words.fr for words in missing)),
        wanted=Text(
            en="; ".join(f"{config} with {', '.join(keys)}" for config, keys in wanted),
            fr=" ; ".join(f"{config} avec {', '.join(keys)}" for config, keys in wanted),
        ),
        try_=f"kubectl describe configmaps,secrets -n {wanted[0][0].namespace}",
        credit=1 - len(missing) / len(wanted),
    )


def assert_variable(deployment: Deployment, inside: Inside, *, name: str, config: Configuration, key: str) -> None:
    """A variable of the running container is taken from the key, and is what the key says now."""
    __tracebackhide__ = True
    pod = running(deployment)
    require(config)
    container, found = variable(pod, name)
    if saw := not_taken_from(inside, pod, container, name, found, config, key):
        raise Unmet(
            saw,
            wanted=Text(en=f"{name} from {config}, key {key}", fr=f"{name} tirée de {config}, clé {key}"),
            try_=f"kubectl exec {pod.name} -n {pod.namespace} -c {container['name']} -- sh -c 'echo \"${name}\"'",
        )


def assert_file(deployment: Deployment, inside: Inside, *, path: str, config: Configuration, key: str) -> None:
    """A file of the running container is the key of a mounted volume, and is what the key says now."""
    __tracebackhide__ = True
    pod = running(deployment)
    require(config)
    container, found = _place_of(pod, path)
    directory, base = posixpath.split(path)
    if found is None or Key.of(config, key) not in found.keys:
        saw = _instead(pod, container, path, found)
    elif same_files(inside, pod, container["name"], directory, {base: config.values.get(key, b"")}).get(base):
        return
    else:
        saw = Text(
            en=f"{path} in {pod} is not what {config} says under {key} by now; an edit takes up to 90 s to arrive",
            fr=f"{path} dans {pod} n'est pas ce que dit {config} sous {key} ; une modification met jusqu'à 90 s",
        )
    raise Unmet(
        saw,
        wanted=Text(en=f"{path} from {config}, key {key}", fr=f"{path} tiré de {config}, clé {key}"),
        try_=f"kubectl exec {pod.name} -n {pod.namespace} -c {container['name']} -- cat {path}",
    )


def assert_follows(deployment: Deployment, copy: Copy, *, path: str, name: str, config: ConfigMap) -> None:
    """Taken in the same way by a Pod of ours, a ConfigMap's edit is seen in the file, and not in the variable."""
    __tracebackhide__ = True
    pod = running(deployment)
    require(config)
    container, found = _place_of(pod, path)
    _, source = variable(pod, name)
    if saw := _never_follows(pod, container, path, found, config):
        raise Unmet(
            saw,
            wanted=Text(
                en=f"an edit of {config} arrives in {path} by itself",
                fr=f"une modification de {config} arrive d'elle-même dans {path}",
            ),
            try_="kubectl explain pod.spec.containers.volumeMounts",
        )
    if found is None or not isinstance(source, Key):
        raise HarnessError(f"{pod} does not take {path} and {name} from anywhere that could be edited")
    volume, keys = _ours(found, config)
    followed = copy.edited(
        Taken(
            image=str(container["image"]),
            node=pod.node,
            keys=sorted({*keys, source.key, *(key.key for key in found.keys)}),
            volume=volume,
            mount={key: value for key, value in found.mount.items() if key != "name"},
            env=[{"name": name, "valueFrom": {"configMapKeyRef": {"name": NAME, "key": source.key}}}],
            path=path,
            variable=name,
        )
    )
    if not followed.file or followed.variable:
        # The shape is right: what did not follow is the cluster's doing.
        raise HarnessError(f"of an edit of ours arrived: file {followed.file}, variable {followed.variable}")


def _lacking(config: Configuration, keys: Sequence[str]) -> Text:
    """What of it is not there; empty when nothing is missing."""
    if not config.exists:
        return Text(en=f"there is no {config}", fr=f"il n'y a pas de {config}")
    missing = [key for key in keys if not config.values.get(key)]
    if not missing:
        return NOTHING
    lacks, has = listed(missing), listed(sorted(config.values))
    return Text(en=f"{config} lacks {lacks.en}; it has: {has.en}", fr=f"{config} n'a pas {lacks.fr} ; il a : {has.fr}")


def _place_of(pod: Pod, path: str) -> tuple[Json, Place | None]:
    """The container that has a volume at a path, and what that is; the first container and None where none has."""
    for container in pod.containers.values():
        if found := place(pod, container, path):
            return container, found
    return next(iter(pod.containers.values())), None


def _instead(pod: Pod, container: Json, path: str, found: Place | None) -> Text:
    """What is at a path in place of a key."""
    if found and found.keys:
        origin = named(found.keys[0])
        return Text(en=f"{path} in {pod} is {origin.en}", fr=f"{path} dans {pod} : {origin.fr}")
    words = described(pod, container, path)
    return Text(en=f"{pod}: {words.en}", fr=f"{pod} : {words.fr}")


def _never_follows(pod: Pod, container: Json, path: str, found: Place | None, config: ConfigMap) -> Text:
    """Why no edit would ever arrive; empty where one does."""
    if found is None or not any((key.kind, key.name) == (config.kind, config.name) for key in found.keys):
        return _instead(pod, container, path, found)
    if found.by_sub_path:
        return Text(
            en=f"{path} in {pod} is mounted by subPath: it stays what it was when the container started",
            fr=f"{path} dans {pod} est monté par subPath : il reste ce qu'il était au démarrage du conteneur",
        )
    if config.immutable:
        return Text(
            en=f"{config} is immutable: nobody can edit it", fr=f"{config} est immuable : nul ne peut le modifier"
        )
    return NOTHING


def _ours(found: Place, config: ConfigMap) -> tuple[Json, list[str]]:
    """The volume with our ConfigMap in the place of theirs, and the keys that it asks for.

    Modes are left out: they keep nobody from following, but a Pod that is not root from reading.
    """
    sources = (found.volume.get("projected") or {}).get("sources") or []
    theirs = [each["configMap"] for each in [found.volume, *sources] if "configMap" in each]
    items = [item for each in theirs if each.get("name") == config.name for item in each.get("items") or []]
    plain = [{"key": item["key"], "path": item["path"]} for item in items]
    body: Json = {"name": NAME} | ({"items": plain} if plain else {})
    keys = [str(item["key"]) for item in items]
    return ({"projected": {"sources": [{"configMap": body}]}} if sources else {"configMap": body}), keys
