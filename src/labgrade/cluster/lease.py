"""A Lease that keeps two graders off one cluster; it expires, so a killed grader blocks nobody for long."""

from __future__ import annotations

import getpass
import os
import socket
from collections.abc import Callable
from contextlib import suppress
from datetime import datetime
from pathlib import Path

from labgrade.cluster.api import Api, ApiError
from labgrade.cluster.ours import RECORDS_NAMESPACE, labels
from labgrade.errors import HarnessError
from labgrade.facts.base import moment
from labgrade.facts.reading import RESOURCES
from labgrade.model import Json
from labgrade.patience import every

NAME = "labgrade"
DURATION_SECONDS = 20


class Lease:
    """Held from `acquire` to `release`."""

    def __init__(self, api: Api, run: str) -> None:
        self._api, self._run = api, run
        self._holder = f"{run} {_user()}@{socket.gethostname()} pid {os.getpid()}"
        self._collection = RESOURCES["Lease"].path(RECORDS_NAMESPACE)
        self._path = RESOURCES["Lease"].path(RECORDS_NAMESPACE, NAME)
        self._stop: Callable[[], None] | None = None
        self.lost = False
        """Whether another grader took it over, as after a laptop's sleep."""

    def acquire(self) -> None:
        """Takes the lease and keeps renewing it; HarnessError where another grader holds it."""
        try:
            self._api.create(self._collection, self._body())
        except ApiError as error:
            if error.status != 409:
                raise
            self._take_over()
        self._stop = every(DURATION_SECONDS / 3, self._renew)

    def release(self) -> None:
        """Gives it back."""
        if self._stop:
            self._stop()
        held = self._api.find(self._path)
        if held and self._holds(held):
            self._api.delete(self._path, uid=held["metadata"]["uid"])

    def _take_over(self) -> None:
        held = self._api.find(self._path)
        if held is None:
            self._api.create(self._collection, self._body())
            return
        now = self._api.now()
        if _alive(held, now):
            holder = held["spec"].get("holderIdentity", "somebody")
            raise HarnessError(
                f"another labgrade is grading this cluster: {holder}, since {held['spec'].get('acquireTime', '?')}. "
                f"Wait until it is done; if it was killed, its claim is over in {DURATION_SECONDS} seconds."
            )
        body = self._body()
        body["metadata"]["resourceVersion"] = held["metadata"]["resourceVersion"]
        try:
            self._api.replace(self._path, body)
        except ApiError as error:
            if error.status != 409:
                raise
            # It may have been we: the answer to the first try was lost, and the second found it changed.
            if not self._holds(self._api.find(self._path)):
                raise HarnessError("another labgrade began to grade this cluster just now") from error

    def _renew(self) -> None:
        # A turn that fails is made good by the next one: until then the lease has time left.
        with suppress(HarnessError):
            held = self._api.find(self._path)
            self.lost = not self._holds(held)
            if not self.lost:
                self._api.patch(self._path, {"spec": {"renewTime": _stamp(self._api.now())}})

    def _holds(self, held: Json | None) -> bool:
        return held is not None and (held.get("spec") or {}).get("holderIdentity") == self._holder

    def _body(self) -> Json:
        now = _stamp(self._api.now())
        return {
            "apiVersion": "coordination.k8s.io/v1",
            "kind": "Lease",
            "metadata": {"name": NAME, "labels": labels(self._run)},
            "spec": {
                "holderIdentity": self._holder,
                "leaseDurationSeconds": DURATION_SECONDS,
                "acquireTime": now,
                "renewTime": now,
            },
        }


def _user() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # a user id without a name, as in some containers
        return str(os.getuid())


def _alive(held: Json, now: datetime) -> bool:
    """Whether its holder may still be at work: it renewed in time, and if it ran here, its process is there."""
    spec = held.get("spec") or {}
    renewed = moment(spec.get("renewTime"))
    if renewed is None or (now - renewed).total_seconds() > spec.get("leaseDurationSeconds", DURATION_SECONDS):
        return False
    _, _, owner = str(spec.get("holderIdentity", "")).partition(" ")
    place, _, pid = owner.rpartition(" pid ")
    if place != f"{_user()}@{socket.gethostname()}" or not pid.isdigit():
        return True
    return _running(int(pid))


def _running(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return not _zombie(pid)


def _zombie(pid: int) -> bool:
    """Whether the process has ended and only waits to be collected, which a killed one's foster parent may delay."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
    except (OSError, IndexError):
        return False


def _stamp(when: datetime) -> str:
    """A MicroTime, as the API wants it."""
    return when.strftime("%Y-%m-%dT%H:%M:%S.%fZ")
