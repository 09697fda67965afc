"""Values that can never change again."""

from __future__ import annotations

from typing import Protocol

from checks.wording import listed, require
from labgrade.errors import Unmet
from labgrade.facts import Configuration, Fact
from labgrade.model import Json
from labgrade.text import Text

OTHER = "labgrade was here"
"""What the key would say if the change were made."""


class Rehearses(Protocol):
    """What knows what the API server would say."""

    def refusal(self, fact: Fact, change: Json, /) -> str:
        """Why a change is invalid; empty where it would be made."""
        ...


def assert_immutable(config: Configuration, rehearsal: Rehearses, *, key: str) -> None:
    """It has the key, says that it is immutable, and the API server would refuse to change it; nothing is changed."""
    __tracebackhide__ = True
    require(config)
    if not config.values.get(key):
        has = listed(sorted(config.values))
        saw = Text(
            en=f"{config} says nothing under {key}; it has: {has.en}",
            fr=f"{config} ne dit rien sous {key} ; il a : {has.fr}",
        )
    elif not rehearsal.refusal(config, {"data": {key: OTHER}}):
        saw = Text(
            en=f"the API server would take another {key} for {config}",
            fr=f"l'API server accepterait un autre {key} pour {config}",
        )
    elif not config.immutable:
        # Refused for another reason than the one asked for.
        saw = Text(en=f"{config} is not immutable", fr=f"{config} n'est pas immuable")
    else:
        return
    raise Unmet(
        saw,
        wanted=Text(en=f"{config}, immutable, with the key {key}", fr=f"{config}, immuable, avec la clé {key}"),
        try_=f"kubectl get {config.kind.lower()} {config.name} -n {config.namespace} -o yaml",
    )
