"""The shared reading of a cluster: one list per kind and namespace, however many checks look at it."""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from labgrade.cluster.api import Api
from labgrade.model import Json


@dataclass(frozen=True, slots=True)
class Resource:
    """Where the API serves a kind."""

    group_version: str
    plural: str
    namespaced: bool = True

    def path(self, namespace: str | None = None, name: str | None = None) -> str:
        """The collection's path, or with `name` the object's."""
        root = "/api/v1" if self.group_version == "v1" else f"/apis/{self.group_version}"
        scope = f"/namespaces/{namespace}" if self.namespaced and namespace else ""
        return f"{root}{scope}/{self.plural}" + (f"/{name}" if name else "")


RESOURCES: Mapping[str, Resource] = {
    "ConfigMap": Resource("v1", "configmaps"),
    "DaemonSet": Resource("apps/v1", "daemonsets"),
    "Deployment": Resource("apps/v1", "deployments"),
    "EndpointSlice": Resource("discovery.k8s.io/v1", "endpointslices"),
    "Event": Resource("v1", "events"),
    "Job": Resource("batch/v1", "jobs"),
    "Lease": Resource("coordination.k8s.io/v1", "leases"),
    "Namespace": Resource("v1", "namespaces", namespaced=False),
    "Node": Resource("v1", "nodes", namespaced=False),
    "PersistentVolume": Resource("v1", "persistentvolumes", namespaced=False),
    "PersistentVolumeClaim": Resource("v1", "persistentvolumeclaims"),
    "Pod": Resource("v1", "pods"),
    "ReplicaSet": Resource("apps/v1", "replicasets"),
    "Service": Resource("v1", "services"),
    "StatefulSet": Resource("apps/v1", "statefulsets"),
    "StorageClass": Resource("storage.k8s.io/v1", "storageclasses", namespaced=False),
}


class Reading(Protocol):
    """Where facts are read from: a cluster's snapshot, or a recorded state in a test."""

    def items(self, kind: str, namespace: str | None) -> Sequence[Json]:
        """The objects of a kind as the API lists them; of all namespaces where it is None."""
        ...


class Snapshot:
    """What the cluster shows, read at most once until it is told that something changed."""

    def __init__(self, api: Api) -> None:
        self._api = api
        self._lists: dict[tuple[str, str | None], Json] = {}
        self._lock = threading.RLock()

    def items(self, kind: str, namespace: str | None) -> Sequence[Json]:
        """The objects of a kind; ApiError or Unreachable where they cannot be listed."""
        with self._lock:
            key = (kind, namespace)
            if key not in self._lists:
                self._lists[key] = self._api.get(RESOURCES[kind].path(namespace))
            return self._lists[key].get("items") or []

    def versions(self) -> dict[tuple[str, str | None], str]:
        """The resource version of each list that was read, to watch on from."""
        with self._lock:
            return {key: str(found["metadata"]["resourceVersion"]) for key, found in self._lists.items()}

    def forget(self, key: tuple[str, str | None] | None = None) -> None:
        """The next question reads anew: about one list, or without `key` about everything."""
        with self._lock:
            if key is None:
                self._lists.clear()
            else:
                self._lists.pop(key, None)


class Recorded:
    """A recorded state, for judging without a cluster."""

    def __init__(self, *objects: Json) -> None:
        self._objects = objects

    def items(self, kind: str, namespace: str | None) -> Sequence[Json]:
        """The recorded objects of a kind."""
        return [
            found
            for found in self._objects
            if found["kind"] == kind and namespace in (None, found["metadata"].get("namespace"))
        ]
