"""The shared reading of a cluster: one list per kind and namespace, however many checks look at it."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Protocol

from labgrade.cluster.api import Api
from labgrade.cluster.transport import MANAGER
from labgrade.errors import HarnessError
from labgrade.model import Json
from labgrade.runid import ours


@dataclass(frozen=True, slots=True)
class Resource:
    """Where the API serves a kind."""

    group_version: str
    plural: str
    namespaced: bool = True
    built_in: bool = True
    """Whether every cluster serves it; what an add-on brings may be unknown, and then there is nothing of it."""

    def path(self, namespace: str | None = None, name: str | None = None) -> str:
        """The collection's path, or with `name` the object's."""
        root = "/api/v1" if self.group_version == "v1" else f"/apis/{self.group_version}"
        scope = f"/namespaces/{namespace}" if self.namespaced and namespace else ""
        return f"{root}{scope}/{self.plural}" + (f"/{name}" if name else "")


RESOURCES: Mapping[str, Resource] = {
    "CSIDriver": Resource("storage.k8s.io/v1", "csidrivers", namespaced=False),
    "CSINode": Resource("storage.k8s.io/v1", "csinodes", namespaced=False),
    "CiliumEndpoint": Resource("cilium.io/v2", "ciliumendpoints", built_in=False),
    "CiliumNetworkPolicy": Resource("cilium.io/v2", "ciliumnetworkpolicies", built_in=False),
    "CiliumNode": Resource("cilium.io/v2", "ciliumnodes", namespaced=False, built_in=False),
    "ConfigMap": Resource("v1", "configmaps"),
    "DaemonSet": Resource("apps/v1", "daemonsets"),
    "Deployment": Resource("apps/v1", "deployments"),
    "EndpointSlice": Resource("discovery.k8s.io/v1", "endpointslices"),
    "Event": Resource("v1", "events"),
    "Job": Resource("batch/v1", "jobs"),
    "Lease": Resource("coordination.k8s.io/v1", "leases"),
    "Namespace": Resource("v1", "namespaces", namespaced=False),
    "NetworkPolicy": Resource("networking.k8s.io/v1", "networkpolicies"),
    "Node": Resource("v1", "nodes", namespaced=False),
    "PersistentVolume": Resource("v1", "persistentvolumes", namespaced=False),
    "PersistentVolumeClaim": Resource("v1", "persistentvolumeclaims"),
    "Pod": Resource("v1", "pods"),
    "ReplicaSet": Resource("apps/v1", "replicasets"),
    "Secret": Resource("v1", "secrets"),
    "Service": Resource("v1", "services"),
    "StatefulSet": Resource("apps/v1", "statefulsets"),
    "StorageClass": Resource("storage.k8s.io/v1", "storageclasses", namespaced=False),
    "VolumeSnapshot": Resource("snapshot.storage.k8s.io/v1", "volumesnapshots", built_in=False),
    "VolumeSnapshotClass": Resource(
        "snapshot.storage.k8s.io/v1", "volumesnapshotclasses", namespaced=False, built_in=False
    ),
    "VolumeSnapshotContent": Resource(
        "snapshot.storage.k8s.io/v1", "volumesnapshotcontents", namespaced=False, built_in=False
    ),
}

UNFOLLOWED = frozenset({"Event"})
"""Kinds that are read, but whose changes wake nobody: their lists change all the time, also in a settled cluster."""

JOINING = timedelta(seconds=5)
"""What the kubelet says of a Pod so soon after we joined it is said of us."""

LOG_SECONDS = 2.0
LOG_TAIL: Mapping[str, str] = {"tailLines": "20", "limitBytes": "8000"}


class Reading(Protocol):
    """Where facts are read from: a cluster's snapshot, or a recorded state in a test."""

    def items(self, kind: str, namespace: str | None) -> Sequence[Json]:
        """The objects of a kind as the API lists them; of all namespaces where it is None."""
        ...

    def find(self, kind: str, namespace: str | None, name: str) -> Json:
        """The object of that name as the API has it; empty where there is none."""
        return next((found for found in self.items(kind, namespace) if found["metadata"]["name"] == name), {})

    def log(self, pod: str, container: str, run: str, /, *, previous: bool) -> str:
        """The last lines of one run of a container; empty where they cannot be had. `pod`: its path in the API."""
        ...


class Snapshot(Reading):
    """What the cluster shows, read at most once until it is told that something changed."""

    def __init__(self, api: Api) -> None:
        self._api = api
        self._lists: dict[tuple[str, str | None], Json] = {}
        self._named: dict[tuple[str, str | None], Mapping[str, Json]] = {}
        self._logs: dict[str, str] = {}
        self._lock = threading.RLock()

    def items(self, kind: str, namespace: str | None) -> Sequence[Json]:
        """The objects of a kind; ApiError or Unreachable where they cannot be listed."""
        with self._lock:
            key = (kind, namespace)
            if key not in self._lists:
                self._lists[key] = self._list(RESOURCES[kind], namespace)
                self._named.pop(key, None)
            return self._lists[key].get("items") or []

    def _list(self, resource: Resource, namespace: str | None) -> Json:
        """What the API lists, without the guests of our own runs: these are nobody's work."""
        path = resource.path(namespace)
        found = self._api.get(path) if resource.built_in else self._api.find(path)
        if not found:
            return {}
        return found | {"items": [each for each in found.get("items") or [] if not ours(each["metadata"])]}

    def find(self, kind: str, namespace: str | None, name: str) -> Json:
        """The object of that name; as quick among thousands as among a few."""
        with self._lock:
            key, found = (kind, namespace), self.items(kind, namespace)
            if key not in self._named:
                self._named[key] = _by_name(found)
            return self._named[key].get(name, {})

    def log(self, pod: str, container: str, run: str, /, *, previous: bool) -> str:
        """The last lines of one run (a containerID), read once; a log that cannot be had is nobody's error."""
        with self._lock:
            if run not in self._logs:
                query = {**LOG_TAIL, "container": container, "previous": str(previous).lower()}
                try:
                    self._logs[run] = self._api.text(f"{pod}/log", seconds=LOG_SECONDS, **query)
                except HarnessError:
                    self._logs[run] = ""
            return self._logs[run]

    def versions(self) -> dict[tuple[str, str | None], str]:
        """The resource version of each list that was read, to watch on from.

        None for what is not followed, nor for a kind that the cluster does not know.
        """
        with self._lock:
            return {
                key: str(found["metadata"]["resourceVersion"])
                for key, found in self._lists.items()
                if key[0] not in UNFOLLOWED and found
            }

    def changed_at(self) -> datetime | None:
        """When anything that was read last changed, by the server's clock; None where that cannot be told.

        An object shows its own changes (`managedFields`, to the second); a deletion leaves no trace of its time.
        """
        with self._lock:
            lists = [found for key, found in self._lists.items() if key[0] not in UNFOLLOWED]
        objects = [found["metadata"] for each in lists for found in each.get("items") or []]
        stamps = [stamp for metadata in objects for stamp in _stamps(metadata)]
        return instant(max(stamps)) if stamps else None

    def forget(self, key: tuple[str, str | None] | None = None) -> None:
        """The next question reads anew: about one list, or without `key` about everything."""
        with self._lock:
            if key is None:
                self._lists.clear()
            else:
                self._lists.pop(key, None)

    def forget_unfollowed(self) -> bool:
        """The next question about what nobody follows reads anew; whether any such list had been read.

        Likewise about kinds that the cluster did not know: somebody may be installing them.
        """
        with self._lock:
            read = [key for key in self._lists if key[0] in UNFOLLOWED]
            unknown = [key for key, found in self._lists.items() if not found]
            for key in (*read, *unknown):
                del self._lists[key]
            return bool(read)


def _by_name(found: Sequence[Json]) -> Mapping[str, Json]:
    """The first of each name, where namespaces share one."""
    return {each["metadata"]["name"]: each for each in reversed(found)}


def _stamps(metadata: Json) -> Iterator[str]:
    """RFC 3339 in UTC, which sorts as text."""
    yield from (metadata[key] for key in ("creationTimestamp", "deletionTimestamp") if key in metadata)
    entries = [entry for entry in metadata.get("managedFields") or [] if "time" in entry]
    visits = [entry for entry in entries if entry.get("manager") == MANAGER and "subresource" in entry]
    yield from (entry["time"] for entry in entries if not any(_follows(entry, visit) for visit in visits))


def _follows(entry: Json, visit: Json) -> bool:
    """Whether a change is our joining a Pod with an ephemeral container, or the kubelet's word that it runs."""
    if entry is visit:
        return True
    after = instant(entry["time"]) - instant(visit["time"])
    return entry.get("manager") == "kubelet" and timedelta() <= after <= JOINING


def instant(stamp: str) -> datetime:
    """An API timestamp as a time."""
    return datetime.fromisoformat(stamp.replace("Z", "+00:00"))


class Recorded(Reading):
    """A recorded state, for judging without a cluster."""

    def __init__(self, *objects: Json, logs: Mapping[str, str] | None = None) -> None:
        """`logs`: what a container wrote, by its name."""
        self._objects, self._logs = objects, logs or {}

    def items(self, kind: str, namespace: str | None) -> Sequence[Json]:
        """The recorded objects of a kind."""
        return [
            found
            for found in self._objects
            if found["kind"] == kind and namespace in (None, found["metadata"].get("namespace"))
        ]

    def log(self, _pod: str, container: str, _run: str, /, **_: bool) -> str:
        """The recorded log of the container."""
        return self._logs.get(container, "")
