"""What a disturbing check will have to restore, written down in the cluster before it disturbs anything.

So a run that is killed loses nothing: the next one finishes the restoring before it grades.
"""

from __future__ import annotations

import json
import logging
from dataclasses import dataclass
from typing import Any

from labgrade.cluster.api import Api, ApiError
from labgrade.cluster.ours import RECORDS_NAMESPACE, labels
from labgrade.errors import HarnessError
from labgrade.facts import Deployment, Pod, ReplicaSet, Snapshot, StatefulSet
from labgrade.facts.reading import RESOURCES
from labgrade.model import Json
from labgrade.patience import retrying_transport, until

log = logging.getLogger(__name__)

COMMAND_SECONDS = 20.0
PREFIX = "labgrade-journal-"


class Journal:
    """The open restores of one namespace, newest last; a ConfigMap that exists only while there are any."""

    def __init__(self, api: Api, run: str, namespace: str) -> None:
        self._api, self._run = api, run
        self._name = f"{PREFIX}{namespace}"
        self._path = RESOURCES["ConfigMap"].path(RECORDS_NAMESPACE, self._name)

    def add(self, restore: Json) -> None:
        """Writes down a restore, to be called before what it undoes.

        A restore is `{"patch": path, "body": …}` or `{"exec": {namespace, pod, container, command, controller,
        workload}}`; where the Pod is gone, the command is run in the Pod that one of these two has put in its place.
        """
        held = self._api.find(self._path)
        numbers = [int(key[:4]) for key in (held or {}).get("data") or {} if key[:4].isdecimal()]
        key = f"{max(numbers, default=0) + 1:04d}-{self._run}"
        if held is None:
            self._create({key: json.dumps(restore)})
        else:
            self._api.patch(self._path, {"data": {key: json.dumps(restore)}})

    def restore(self, *, patience: float = 0.0) -> list[str]:
        """Undoes all that is open, newest first; says in words what could not be undone and stays open.

        `patience`: seconds for which the successor of a Pod is waited for.
        """
        held = self._api.find(self._path)
        open_ones: dict[str, str] = (held or {}).get("data") or {}
        left: list[str] = []
        for key in sorted(open_ones, reverse=True):
            try:
                self._undo(json.loads(open_ones[key]), patience)
                self._api.patch(self._path, {"data": {key: None}})
            except (HarnessError, LookupError, TypeError, ValueError) as error:
                # The last three: the entry is not one of ours, or not of this version.
                log.warning("not restored: %s: %s", open_ones[key], error)
                left.append(str(error) or f"{key} cannot be read")
        if held and not left:
            self._api.delete(self._path, uid=held["metadata"]["uid"])
        return left

    def _create(self, data: dict[str, str]) -> None:
        metadata = {"name": self._name, "labels": labels(self._run)}
        body = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata, "data": data}
        self._api.create(RESOURCES["ConfigMap"].path(RECORDS_NAMESPACE), body)

    def _undo(self, restore: dict[str, Any], patience: float) -> None:
        try:
            if "patch" in restore:
                self._api.patch(restore["patch"], restore["body"])
            else:
                self._exec(patience, **restore["exec"])
        except ApiError as error:
            # What is gone needs no restoring, nor what bears its name since; a patch that holds a uid tells them apart.
            if error.status not in {404, 409, 422}:
                raise

    def _exec(
        self,
        patience: float,
        *,
        namespace: str,
        pod: str,
        container: str,
        command: list[str],
        controller: str = "",
        workload: str = "",
    ) -> None:
        owners = {controller, workload} - {""}

        def there() -> Heirs | None:
            found = self._heirs(namespace, pod, owners)
            return found if not found.coming or any(each.ready for each in found.pods) else None

        # In one that is not ready yet it fails, and so is left to the next run.
        found = until(there, seconds=patience, every=0.5) or self._heirs(namespace, pod, owners)
        if not found.pods:
            if found.coming:
                raise HarnessError(f"pod/{pod} has no successor yet, in which something of ours is to be removed")
            return
        heir = found.pods[0].name
        done = retrying_transport(lambda: self._api.exec(namespace, heir, container, command, seconds=COMMAND_SECONDS))
        if done.code:
            raise HarnessError(f"{' '.join(command[:2])} in pod/{heir} ended with {done.code}: {done.stderr.strip()}")

    def _heirs(self, namespace: str, name: str, owners: set[str]) -> Heirs:
        """The Pod of that name, or those that took its place."""
        reading = Snapshot(self._api)
        pods = Pod.all(reading, namespace)
        same = [pod for pod in pods if pod.name == name]
        mine = [pod for pod in pods if pod.name == name or owners & {pod.controller_uid, workload_uid(pod)}]
        staying = sorted(
            (pod for pod in mine if not pod.terminating), key=lambda pod: (pod.name != name, not pod.ready)
        )
        kinds = (Deployment, ReplicaSet, StatefulSet)
        coming = any(each.uid in owners and each.replicas for kind in kinds for each in kind.all(reading, namespace))
        return Heirs(tuple(staying or same), coming)


@dataclass(frozen=True, slots=True)
class Heirs:
    """The Pods in which something can be undone, the best first, and whether others are to come."""

    pods: tuple[Pod, ...]
    coming: bool


def workload_uid(pod: Pod) -> str:
    """UID of the Deployment whose ReplicaSet controls a Pod, empty for others: a new template brings another one."""
    kind, name = pod.controller or ("", "")
    return ReplicaSet(pod.reading, pod.namespace, name).controller_uid if kind == "ReplicaSet" else ""


def of_all(api: Api, run: str) -> list[Journal]:
    """The journals of all namespaces: what an earlier run left cordoned, say, concerns every lab."""
    found = api.get(
        RESOURCES["ConfigMap"].path(RECORDS_NAMESPACE), labelSelector="app.kubernetes.io/managed-by=labgrade"
    )
    names = (each["metadata"]["name"] for each in found.get("items") or [])
    return [Journal(api, run, name.removeprefix(PREFIX)) for name in names if name.startswith(PREFIX)]
