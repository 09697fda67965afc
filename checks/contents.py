"""What a container sees of a value, compared without being read: what is secret stays where it is.

Asked for is a digest of the value behind a salt of the moment, so neither the question, nor the answer, nor a log of
either tells what the value is.
"""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Mapping
from typing import TYPE_CHECKING

from checks.environment import Source, named
from checks.mounts import Key
from checks.pods import ENDED
from checks.wording import NOTHING, states, troubles
from labgrade.cluster.ended import in_container
from labgrade.errors import Unmet
from labgrade.facts import Configuration, Pod
from labgrade.model import Json
from labgrade.text import Text

if TYPE_CHECKING:
    from checks.pods import Inside

FILES = """cd %s 2> /dev/null || exit 0
for each in {names}; do
  if [ -f "./$each" ]; then echo "./$each $( (printf {salt}; cat "./$each") | sha256sum)"; fi
done"""
VARIABLE = 'test -z "${{{name}+set}}" || (printf {salt}; printf %s "${name}") | sha256sum'


def require_ready(pod: Pod) -> None:
    """The Pod's containers all run, or nothing can be looked at from inside."""
    __tracebackhide__ = True
    if not pod.ready:
        more = troubles([pod])
        raise Unmet(
            Text(en=f"{pod} is not ready{more.en}", fr=f"{pod} n'est pas prêt{more.fr}"),
            wanted=Text(en="a Pod that is ready", fr="un Pod prêt"),
            try_=f"kubectl describe pod {pod.name} -n {pod.namespace}",
            evidence=states([pod]),
        )


def same_files(
    inside: Inside, pod: Pod, container: str, directory: str, wanted: Mapping[str, bytes]
) -> dict[str, bool]:
    """Of the files that are there: whether each one's content is to the byte what is wanted of its name."""
    salt = secrets.token_hex(8)
    said = _said(inside, pod, container, FILES.format(names=" ".join(map(_quoted, wanted)), salt=salt), directory)
    found = {words[0].removeprefix("./"): words[1] for line in said.splitlines() if len(words := line.split()) > 1}
    return {name: found[name] == _digest(salt, value) for name, value in wanted.items() if name in found}


def same_variable(inside: Inside, pod: Pod, container: str, name: str, wanted: bytes) -> bool | None:
    """Whether a variable of the container's environment is what is wanted; None where it has no such variable."""
    salt = secrets.token_hex(8)
    said = _said(inside, pod, container, VARIABLE.format(name=name, salt=salt))
    return said.split()[0] == _digest(salt, wanted) if said.strip() else None


def not_taken_from(
    inside: Inside, pod: Pod, container: Json, name: str, source: Source | None, config: Configuration, key: str
) -> Text:
    """Why a variable of a running container is not what the key says; empty where it is. Values are never said.

    `container` and `source` as `variable` finds them.
    """
    if source != Key.of(config, key):
        origin = named(source)
        return Text(en=f"{name} in {pod} is {origin.en}", fr=f"{name} dans {pod} : {origin.fr}")
    if same_variable(inside, pod, container["name"], name, config.values.get(key, b"")):
        return NOTHING
    return Text(
        en=f"{name} in {pod} is not what {config} says under {key} by now: it is as old as its container",
        fr=f"{name} dans {pod} n'est plus ce que dit {config} sous {key} : elle a l'âge de son conteneur",
    )


def _said(inside: Inside, pod: Pod, container: str, command: str, *args: str) -> str:
    """Standard output of a command."""
    return in_container(pod, container, lambda: str(inside(pod, container).run(command, *args).stdout), ended=ENDED)


def _quoted(name: str) -> str:
    """A key of a ConfigMap or a Secret has nothing in it that a shell reads; a percent sign neither."""
    return f"'{name}'"


def _digest(salt: str, value: bytes) -> str:
    return hashlib.sha256(salt.encode() + value).hexdigest()
