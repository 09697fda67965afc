"""Credentials: held by a Secret and nowhere else. No value of one is ever said, only where it lies and what is off."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Iterable, Iterator, Mapping
from typing import TYPE_CHECKING

from checks.contents import not_taken_from
from checks.environment import variable
from checks.mounts import spec_of
from checks.volumes import running
from checks.wording import listed, require
from labgrade.errors import Unmet
from labgrade.facts import Cluster, Deployment, Pod, Secret, Workload
from labgrade.model import Json
from labgrade.text import Text

if TYPE_CHECKING:
    from checks.pods import Inside

SHORT = 6
"""A shorter value is part of many a word: it must be found whole."""


def assert_decodes(secret: Secret, *, kind: str, values: Mapping[str, bytes]) -> None:
    """The Secret is of that type, and each value, decoded once, is to the byte what it should be; each earns a part."""
    __tracebackhide__ = True
    require(secret)
    wrong = [_off(key, secret.values.get(key), value) for key, value in values.items()]
    if secret.type != kind:
        wrong.insert(0, Text(en=f"its type is {secret.type}", fr=f"il est de type {secret.type}"))
    found = [words for words in wrong if words]
    if not found:
        return
    raise Unmet(
        Text(
            en=f"{secret}: {'; '.join(words.en for words in found)}",
            fr=f"{secret} : {' ; '.join(words.fr for words in found)}",
        ),
        wanted=Text(
            en=f"the type {kind}, and values that are right when decoded once",
            fr=f"le type {kind}, et des valeurs justes une fois décodées",
        ),
        try_=f"kubectl get secret {secret.name} -n {secret.namespace} -o jsonpath='{{.data.KEY}}' | base64 -d | od -c",
        credit=1 - len(found) / (1 + len(values)),
    )


def assert_only_from_secret(
    cluster: Cluster, deployment: Deployment, inside: Inside, *, name: str, secret: Secret, key: str
) -> None:
    """The running container has the Secret's value in a variable, taken from there; nobody says it in clear."""
    __tracebackhide__ = True
    require(secret)
    if places := in_clear(cluster, [secret.values.get(key, b"")]):
        row = listed(places)
        raise Unmet(
            Text(
                en=f"what {secret} has under {key} also stands in: {row.en}",
                fr=f"ce que {secret} a sous {key} se lit aussi dans : {row.fr}",
            ),
            wanted=Text(en=f"a value that only {secret} has", fr=f"une valeur que seul {secret} détient"),
            try_=f"kubectl get deployments,configmaps -n {cluster.namespace} -o yaml",
        )
    pod = running(deployment)
    container, found = variable(pod, name)
    if saw := not_taken_from(inside, pod, container, name, found, secret, key):
        raise Unmet(
            saw,
            wanted=Text(en=f"{name} from {secret}, key {key}", fr=f"{name} tirée de {secret}, clé {key}"),
            try_=f"kubectl describe pod {pod.name} -n {pod.namespace}",
        )


def in_clear(cluster: Cluster, values: Iterable[bytes]) -> list[str]:
    """Where any of these values, or what base64 makes of it, stands outside of Secrets: in words, without the value.

    Looked at are ConfigMaps, and what Pods are made from: variables, commands (of probes and hooks too), arguments,
    labels and annotations.
    """
    # Empty values stand everywhere.
    needles = [word for value in values if value for word in _spellings(value)]
    owners: list[Pod | Workload] = [
        *cluster.deployments(),
        *cluster.statefulsets(),
        *cluster.daemonsets(),
        *(pod for pod in cluster.pods() if pod.controller is None),
    ]
    found = [place for owner in owners for place, words in _words_of(owner) if _says(words, needles)]
    return found + [
        f"{config}, {key}"
        for config in cluster.config_maps()
        for key, value in config.values.items()
        if _says(value.decode("utf-8", "replace"), needles)
    ]


def commands(container: Json) -> Iterator[tuple[str, str]]:
    """The words of all that a container is told to run, each behind the field that has it; probes and hooks as well."""
    hooks = container.get("lifecycle") or {}
    told = {field: container.get(field) for field in ("command", "args")}
    for name, action in (
        *((probe, container.get(probe)) for probe in ("startupProbe", "readinessProbe", "livenessProbe")),
        *((f"lifecycle.{hook}", hooks.get(hook)) for hook in ("postStart", "preStop")),
    ):
        told[name] = ((action or {}).get("exec") or {}).get("command")
    return ((field, str(word)) for field, words in told.items() for word in words or [])


def _words_of(owner: Pod | Workload) -> Iterator[tuple[str, str]]:
    """Places and the text that stands there."""
    spec = spec_of(owner)
    for container in [*(spec.get("initContainers") or []), *(spec.get("containers") or [])]:
        where = f"{owner}, container {container['name']}"
        yield from ((f"{where}, env {each['name']}", str(each.get("value", ""))) for each in container.get("env") or [])
        yield from ((f"{where}, {field}", word) for field, word in commands(container))
    template: Json = owner.metadata if isinstance(owner, Pod) else owner.template.get("metadata") or {}
    for field in ("labels", "annotations"):
        for name, value in (template.get(field) or {}).items():
            # What `kubectl apply` notes down repeats the spec.
            if name != "kubectl.kubernetes.io/last-applied-configuration":
                yield f"{owner}, {field[:-1]} {name}", str(value)


def _spellings(value: bytes) -> Iterator[str]:
    yield value.decode("utf-8", "replace")
    yield value.strip().decode("utf-8", "replace")
    yield base64.b64encode(value).decode()


def _says(words: str, needles: Iterable[str]) -> bool:
    return any(needle in words if len(needle) >= SHORT else needle == words.strip() for needle in needles if needle)


def _off(key: str, found: bytes | None, wanted: bytes) -> Text:
    """What is wrong with a value, without saying it; empty when nothing is."""
    if found == wanted:
        return Text("", "")
    if found is None:
        return Text(en=f"it has no key {key}", fr=f"il n'a pas de clé {key}")
    if found.strip() == wanted:
        return Text(
            en=f"{key} has white space around it, such as the end of a line",
            fr=f"{key} est entouré de blancs, par exemple une fin de ligne",
        )
    if _decoded(found).strip() == wanted:
        return Text(
            en=f"{key} was encoded twice: what it decodes to is base64 once more",
            fr=f"{key} a été encodé deux fois : ce qu'on y décode est encore du base64",
        )
    return Text(en=f"{key} is another value than the one asked for", fr=f"{key} n'est pas la valeur demandée")


def _decoded(value: bytes) -> bytes:
    try:
        return base64.b64decode(value.strip(), validate=True)
    except (binascii.Error, ValueError):
        return b""
