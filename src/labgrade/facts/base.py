"""What all facts have in common: a name, lazily looked up in the shared reading."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import ClassVar, Self, TypeVar

from labgrade.facts.reading import RESOURCES, Reading, instant
from labgrade.model import Json

F = TypeVar("F", bound="Fact")


class Fact:
    """A handle on an object of the cluster, there or not; reads what the newest reading shows, never fails."""

    kind: ClassVar[str]

    def __init__(self, reading: Reading, namespace: str | None, name: str) -> None:
        self._reading, self.namespace, self.name = reading, namespace, name

    def __repr__(self) -> str:
        """As kubectl names it."""
        return f"{self.kind.lower()}/{self.name}"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Fact) and repr(self) == repr(other) and self.namespace == other.namespace

    def __hash__(self) -> int:
        return hash((repr(self), self.namespace))

    @property
    def reading(self) -> Reading:
        """What it is read from, for facts that go with it."""
        return self._reading

    @property
    def raw(self) -> Json:
        """The object as the API has it; empty when there is none."""
        return self._reading.find(self.kind, self.namespace, self.name)

    @property
    def exists(self) -> bool:
        """Whether the cluster has it."""
        return bool(self.raw)

    @property
    def path(self) -> str:
        """Where the API serves it."""
        return RESOURCES[self.kind].path(self.namespace, self.name)

    @property
    def uid(self) -> str:
        """Its UID, new with every re-creation; empty when there is none."""
        return str(self.metadata.get("uid", ""))

    @property
    def labels(self) -> dict[str, str]:
        """Its labels."""
        return self.metadata.get("labels") or {}

    @property
    def annotations(self) -> dict[str, str]:
        """Its annotations."""
        return self.metadata.get("annotations") or {}

    @property
    def metadata(self) -> Json:
        """`metadata` as the API has it."""
        return self.raw.get("metadata") or {}

    @property
    def spec(self) -> Json:
        """`spec` as the API has it."""
        return self.raw.get("spec") or {}

    @property
    def status(self) -> Json:
        """`status` as the API has it."""
        return self.raw.get("status") or {}

    @property
    def created(self) -> datetime | None:
        """When it was created, by the server's clock."""
        return moment(self.metadata.get("creationTimestamp"))

    @property
    def terminating(self) -> bool:
        """Whether it is being deleted."""
        return "deletionTimestamp" in self.metadata

    @property
    def generation(self) -> int:
        """How often its spec was changed."""
        return int(self.metadata.get("generation", 0))

    @property
    def observed(self) -> int:
        """The generation that its controller has acted on."""
        return int(self.status.get("observedGeneration", 0))

    def condition(self, kind: str) -> Json:
        """The status condition of that type; empty when it has none."""
        return next((c for c in self.status.get("conditions") or [] if c.get("type") == kind), {})

    @property
    def controller(self) -> tuple[str, str] | None:
        """Kind and name of the controller that owns it; None when nothing does."""
        for owner in self.metadata.get("ownerReferences") or []:
            if owner.get("controller"):
                return owner["kind"], owner["name"]
        return None

    @property
    def controller_uid(self) -> str:
        """UID of the controller that owns it; empty when nothing does."""
        owners = self.metadata.get("ownerReferences") or []
        return next((str(owner["uid"]) for owner in owners if owner.get("controller")), "")

    def owned(self, kind: type[F]) -> list[F]:
        """What it controls, of that kind, by name."""
        uid = self.uid
        return [fact for fact in kind.all(self._reading, self.namespace) if uid and fact.controller_uid == uid]

    @classmethod
    def all(cls, reading: Reading, namespace: str | None) -> list[Self]:
        """All of the kind in a namespace, by name."""
        found = reading.items(cls.kind, namespace)
        names = sorted(
            ((o["metadata"].get("namespace"), o["metadata"]["name"]) for o in found), key=lambda n: (n[0] or "", n[1])
        )
        return [cls(reading, space, name) for space, name in names]


def moment(stamp: str | None) -> datetime | None:
    """An API timestamp as a time; None for none."""
    return instant(stamp) if stamp else None


def pairs(labels: Mapping[str, str]) -> str:
    """Labels the way `kubectl -l` takes them."""
    return ",".join(f"{key}={value}" for key, value in sorted(labels.items()))


def matches(selector: Mapping[str, str], labels: Mapping[str, str]) -> bool:
    """Whether a plain `key: value` selector picks these labels; an empty selector picks nothing."""
    return bool(selector) and all(labels.get(key) == value for key, value in selector.items())
