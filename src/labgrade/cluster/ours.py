"""What we put into a cluster, and how it is known to be ours."""

from __future__ import annotations

import re
import threading

from labgrade.cluster.api import Api, ApiError
from labgrade.errors import HarnessError
from labgrade.facts.reading import RESOURCES
from labgrade.model import Json
from labgrade.patience import until
from labgrade.runid import MARK, ours

RECORDS_NAMESPACE = "kube-system"
"""Where the Lease and the journal live while we grade; a namespace of our own would outlast the run."""

ACCOUNT_SECONDS = 10.0

CLAIMS = re.compile(r"labgrade-claims-[0-9a-f]{8}")
"""Namespaces where runs have drivers make volumes and snapshots."""


def labels(run: str) -> dict[str, str]:
    """The labels on everything that a run creates."""
    return {**MARK, "labgrade/run": run}


def create_namespace(api: Api, name: str, run: str, *, level: str) -> None:
    """Makes a namespace of ours at that Pod Security level; ApiError where it cannot be."""
    marks = labels(run) | {"pod-security.kubernetes.io/enforce": level}
    api.create(
        RESOURCES["Namespace"].path(),
        {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name, "labels": marks}},
    )


class OwnNamespace:
    """A namespace of the run's own, made when first needed, removed with all that is in it."""

    def __init__(self, api: Api, run: str, *, part: str = "", level: str = "restricted") -> None:
        """`part` tells several of a run apart; `level` is a Pod Security level."""
        self.name = "-".join(filter(None, ("labgrade", part, run)))
        self._api, self._run, self._level = api, run, level
        self._made, self._turn = False, threading.Lock()

    def create(self) -> None:
        """Makes it, unless that was done; ApiError where it cannot be."""
        with self._turn:
            if not self._made:
                create_namespace(self._api, self.name, self._run, level=self._level)
                self._made = True

    def remove(self) -> None:
        """Removes it, if it was made, without waiting for it to be gone."""
        with self._turn:
            if self._made:
                self._api.delete(RESOURCES["Namespace"].path(name=self.name))


def remove_orphans(api: Api) -> None:
    """Removes what killed runs left: their namespaces, their volumes, and their Pods in others' namespaces.

    Only for who holds the cluster's Lease, so that no run is alive.
    """
    for kind in ("Namespace", "Pod", "PersistentVolume"):
        found = api.get(RESOURCES[kind].path(), labelSelector="app.kubernetes.io/managed-by=labgrade")
        for each in found.get("items") or []:
            name, space = each["metadata"]["name"], each["metadata"].get("namespace")
            if ours(each["metadata"]):
                api.delete(RESOURCES[kind].path(space, name), uid=each["metadata"]["uid"])
    _remove_retained(api)


def _remove_retained(api: Api) -> None:
    """Removes what drivers made for killed runs' claims and snapshots, and would keep; it bears no label of ours."""
    ways = (
        ("PersistentVolume", "claimRef", "persistentVolumeReclaimPolicy"),
        ("VolumeSnapshotContent", "volumeSnapshotRef", "deletionPolicy"),
    )
    for kind, reference, policy in ways:
        found = api.find(RESOURCES[kind].path()) or {}
        for each in found.get("items") or []:
            spec = each["spec"]
            if spec.get(policy) == "Retain" and CLAIMS.fullmatch((spec.get(reference) or {}).get("namespace", "")):
                path = RESOURCES[kind].path(name=each["metadata"]["name"])
                api.patch(path, {"metadata": {"uid": each["metadata"]["uid"]}, "spec": {policy: "Delete"}})
                api.delete(path, uid=each["metadata"]["uid"])


def create_pod(api: Api, namespace: str, body: Json) -> None:
    """Makes a Pod in a namespace that is new, too; HarnessError where it is refused."""

    def created() -> bool:
        try:
            api.create(RESOURCES["Pod"].path(namespace), body)
        except ApiError as error:
            # A namespace has no default service account for its first instant.
            if error.status == 403 and "serviceaccount" in str(error):
                return False
            raise
        return True

    if not until(created, seconds=ACCOUNT_SECONDS, every=0.05):
        raise HarnessError(f"the namespace {namespace} got no service account in time")
