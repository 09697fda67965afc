"""A look into a container that may have ended: which is no fault of ours."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import TypeVar

from labgrade.errors import HarnessError, Unmet
from labgrade.facts import Pod
from labgrade.text import Text

T = TypeVar("T")


def in_container(pod: Pod, container: str, look: Callable[[], T], *, ended: re.Pattern[str]) -> T:
    """What a look into a running container gives; Unmet where its error has these words for one that has ended."""
    __tracebackhide__ = True
    try:
        return look()
    except HarnessError as error:
        if not ended.search(f"{error}"):
            raise
        raise Unmet(
            Text(
                en=f"container {container} of {pod} does not keep running",
                fr=f"le conteneur {container} de {pod} ne reste pas en marche",
            ),
            wanted=Text(en="a container that runs", fr="un conteneur qui tourne"),
            try_=f"kubectl logs {pod.name} -n {pod.namespace} -c {container} --previous",
        ) from error
