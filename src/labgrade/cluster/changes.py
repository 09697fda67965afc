"""Waiting until somebody changes what a lab is about, for a check that is repeated."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Generator, Sequence
from contextlib import contextmanager
from pathlib import Path

from labgrade.cluster.api import Api
from labgrade.cluster.watching import Watching
from labgrade.errors import HarnessError, UsageError
from labgrade.facts.reading import RESOURCES, UNFOLLOWED, Snapshot
from labgrade.kubeconfig import Access
from labgrade.model import Json
from labgrade.patience import Alarm, until

KINDS = tuple(kind for kind in RESOURCES if kind not in UNFOLLOWED | {"Lease", "Namespace"})
"""Leases change every few seconds; namespaces come and go with our own probes."""

QUIET_SECONDS = 0.5
"""One `kubectl apply` is many changes: they count as one when so long nothing more has come."""

AWAY_SECONDS = 3600.0
"""A cluster that is stopped, or being made anew, is waited for."""

AGAIN_SECONDS = 2.0


@contextmanager
def followed(reach: Callable[[], Access], namespace: str) -> Generator[Changes]:
    """Changes from now on; HarnessError where the cluster does not answer.

    `reach` says how to reach it, each time that it has been away: made anew, it has another address.
    """
    with tempfile.TemporaryDirectory(prefix="labgrade-") as folder:
        changes = Changes(lambda: Api(reach(), Path(folder)), namespace)
        changes.listen()
        yield changes


class Changes:
    """Changes to a lab's namespace, and to what all namespaces share, from `listen` on."""

    def __init__(self, connect: Callable[[], Api], namespace: str) -> None:
        self._connect, self._namespace, self._alarm = connect, namespace, Alarm()
        self._seen: list[object] = []
        self._begin()

    def _begin(self) -> None:
        api = self._connect()
        self._snapshot, self._watching = Snapshot(api), Watching(api, self._alarm)

    def listen(self) -> None:
        """From here on no change is missed; HarnessError where the cluster does not answer."""
        for key in self._watching.changed():
            self._snapshot.forget(key)
        self._seen = [_mark(kind, item) for kind in KINDS for item in self._items(kind)]
        self._watching.follow(self._snapshot.versions())

    def wait(self) -> None:
        """Returns once something has changed, and the change is complete; listens on.

        HarnessError or UsageError where the cluster has been away for AWAY_SECONDS.
        """
        before = self._seen
        while self._seen == before:  # a watch that ran out has rung, too
            self._alarm.wait(AWAY_SECONDS)
            self._come_back()
        while self._alarm.wait(QUIET_SECONDS):
            self._come_back()

    def _items(self, kind: str) -> Sequence[Json]:
        return self._snapshot.items(kind, self._namespace if RESOURCES[kind].namespaced else None)

    def _come_back(self) -> None:
        failures: list[HarnessError | UsageError] = []

        def listens() -> bool:
            try:
                if failures:
                    self._begin()
                self.listen()
            except (HarnessError, UsageError) as error:
                failures.append(error)
                return False
            return True

        if not until(listens, seconds=AWAY_SECONDS, every=AGAIN_SECONDS):
            raise failures[-1]


def _mark(kind: str, item: Json) -> object:
    """What is another one after a change that matters: a node's heartbeat does not."""
    metadata = item["metadata"]
    if kind != "Node":
        return metadata["uid"], metadata["resourceVersion"]
    conditions = item.get("status", {}).get("conditions") or []
    return metadata["uid"], metadata.get("labels"), item.get("spec"), [(c["type"], c["status"]) for c in conditions]
