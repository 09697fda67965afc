"""Events: what controllers, the scheduler and the kubelets said of an object, and when."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Self

from labgrade.facts.base import Fact, moment
from labgrade.facts.reading import Reading
from labgrade.model import Json

LONG_AGO = datetime.fromtimestamp(0, UTC)


class Event(Fact):
    """Something said of an object, perhaps many times over. Unlike other facts it stays as it was read."""

    kind = "Event"

    def __init__(self, reading: Reading, namespace: str | None, name: str, said: Json | None = None) -> None:
        """`said`: the event as the API has it; without, it is looked up."""
        super().__init__(reading, namespace, name)
        self._said = super().raw if said is None else said

    @property
    def raw(self) -> Json:
        """The event as the API had it when it was read."""
        return self._said

    @property
    def type(self) -> str:
        """Normal or Warning."""
        return str(self.raw.get("type", ""))

    @property
    def warning(self) -> bool:
        """Whether it is a Warning."""
        return self.type == "Warning"

    @property
    def reason(self) -> str:
        """One word for machines, such as `FailedScheduling`."""
        return str(self.raw.get("reason", ""))

    @property
    def message(self) -> str:
        """What was said, for people."""
        return str(self.raw.get("message") or self.raw.get("note") or "").strip()

    @property
    def count(self) -> int:
        """How often it was said: at least once."""
        series: Json = self.raw.get("series") or {}
        return max(1, int(self.raw.get("count") or 0), int(series.get("count") or 0))

    @property
    def first_seen(self) -> datetime:
        """When it was said for the first time, by the cluster's clock."""
        return self._first("firstTimestamp", "eventTime") or self.created or LONG_AGO

    @property
    def last_seen(self) -> datetime:
        """When it was said for the last time, by the cluster's clock."""
        series: Json = self.raw.get("series") or {}
        return moment(series.get("lastObservedTime")) or self._first("lastTimestamp", "eventTime") or self.first_seen

    @property
    def about(self) -> str:
        """The object that it concerns, as kubectl names it: `pod/web-0`."""
        return f"{self.involved.get('kind', '').lower()}/{self.involved.get('name', '')}"

    @property
    def involved(self) -> Json:
        """`involvedObject` as the API has it."""
        return self.raw.get("involvedObject") or {}

    def concerns(self, fact: Fact) -> bool:
        """Whether it was said of this very object, not of an earlier one of the same name."""
        uid = self.involved.get("uid")
        if uid and fact.uid:
            return bool(uid == fact.uid)
        return (self.involved.get("kind"), self.involved.get("name")) == (fact.kind, fact.name)

    @classmethod
    def in_order(cls, reading: Reading, namespace: str | None) -> list[Self]:
        """All events of a namespace, the one said last at the end."""
        found = [
            cls(reading, said["metadata"].get("namespace"), said["metadata"]["name"], said)
            for said in reading.items(cls.kind, namespace)
        ]
        return sorted(found, key=lambda event: (event.last_seen, event.name))

    def _first(self, *keys: str) -> datetime | None:
        return next((when for key in keys if (when := moment(self.raw.get(key)))), None)
