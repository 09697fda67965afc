"""What a container sees of a value, compared without being read: what is secret stays where it is.

Asked for is a digest of the value behind a salt of the moment, so neither the question, nor the answer, nor a log of
either tells what the value is.
"""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, TypeVar

from checks.pods import ENDED
from checks.wording import states, troubles
from labgrade.errors import HarnessError, Unmet
from labgrade.facts import Pod
from labgrade.text import Text

if TYPE_CHECKING:
    from checks.pods import Inside

T = TypeVar("T")

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


def in_container(pod: Pod, container: str, look: Callable[[], T]) -> T:
    """What a look into a running container gives; Unmet where the container has ended meanwhile."""
    __tracebackhide__ = True
    try:
        return look()
    except HarnessError as error:
        if not ENDED.search(f"{error}"):
            raise
        raise Unmet(
            Text(
                en=f"container {container} of {pod} does not keep running",
                fr=f"le conteneur {container} de {pod} ne reste pas en marche",
            ),
            wanted=Text(en="a container that runs", fr="un conteneur qui tourne"),
            try_=f"kubectl logs {pod.name} -n {pod.namespace} -c {container} --previous",
        ) from error


def _said(inside: Inside, pod: Pod, container: str, command: str, *args: str) -> str:
    """Standard output of a command."""
    return in_container(pod, container, lambda: str(inside(pod, container).run(command, *args).stdout))


def _quoted(name: str) -> str:
    """A key of a ConfigMap or a Secret has nothing in it that a shell reads; a percent sign neither."""
    return f"'{name}'"


def _digest(salt: str, value: bytes) -> str:
    return hashlib.sha256(salt.encode() + value).hexdigest()
