"""Following lists of the API by watches, each in a thread of its own."""

from __future__ import annotations

import threading
from collections.abc import Mapping

from labgrade.cluster.api import Api
from labgrade.errors import HarnessError
from labgrade.facts.reading import RESOURCES
from labgrade.model import Json
from labgrade.patience import Alarm, pause
from labgrade.runid import ours

Key = tuple[str, str | None]
"""Kind and namespace of a list."""

STREAM_SECONDS = 120

BROKEN_SECONDS = 0.25
"""Between a watch that broke and the next list: a server in trouble is not stormed."""


class Watching:
    """Rings an alarm when a followed list changes, and says which one it was."""

    def __init__(self, api: Api, alarm: Alarm) -> None:
        self._api, self._alarm = api, alarm
        self._lock = threading.Lock()
        self._followed: dict[Key, str] = {}
        self._changed: set[Key] = set()
        self._era = 0

    def follow(self, versions: Mapping[Key, str]) -> bool:
        """Follows these lists from these resource versions on; those already followed go on as they are.

        Whether any of them was not followed yet.
        """
        with self._lock:
            new = {key: version for key, version in versions.items() if key not in self._followed}
            self._followed |= new
            for key, version in new.items():
                threading.Thread(target=self._watch, args=(key, version, self._era), daemon=True).start()
            return bool(new)

    def changed(self) -> set[Key]:
        """The lists that changed since the last call. They are no longer followed: read them anew first."""
        with self._lock:
            changed, self._changed = self._changed, set()
            for key in changed:
                self._followed.pop(key, None)
            return changed

    def stop(self) -> None:
        """Follows nothing any more; what running watches still bring is ignored."""
        with self._lock:
            self._era += 1
            self._followed.clear()
            self._changed.clear()

    def _watch(self, key: Key, version: str, era: int) -> None:
        kind, namespace = key
        try:
            events = self._api.watch(RESOURCES[kind].path(namespace), version, seconds=STREAM_SECONDS)
            event = next((event for event in events if not _of_a_guest(event)), None)
        except HarnessError:
            event = None
        if event is None:
            # A watch that ends, for whatever reason, asks for a fresh list; that one tells what is wrong.
            pause(BROKEN_SECONDS)
        with self._lock:
            if era != self._era or self._followed.get(key) != version:
                return
            self._changed.add(key)
        self._alarm.ring()


def _of_a_guest(event: Json) -> bool:
    """Whether it tells of what our own runs put there, which no reading shows."""
    metadata = event["object"].get("metadata") or {}
    return "name" in metadata and ours(metadata)
