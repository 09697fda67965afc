"""What a disturbing check will have to restore, written down in the cluster before it disturbs anything.

So a run that is killed loses nothing: the next one finishes the restoring before it grades.
"""

from __future__ import annotations

import json
import logging
from typing import Any

from labgrade.cluster.api import Api, ApiError
from labgrade.cluster.ours import RECORDS_NAMESPACE, labels
from labgrade.errors import HarnessError
from labgrade.facts import Pod, ReplicaSet, Snapshot, StatefulSet
from labgrade.facts.reading import RESOURCES
from labgrade.model import Json
from labgrade.patience import retrying_transport

log = logging.getLogger(__name__)

COMMAND_SECONDS = 20.0


class Journal:
    """The open restores of one namespace, newest last; a ConfigMap that exists only while there are any."""

    def __init__(self, api: Api, run: str, namespace: str) -> None:
        self._api, self._run = api, run
        self._name = f"labgrade-journal-{namespace}"
        self._path = RESOURCES["ConfigMap"].path(RECORDS_NAMESPACE, self._name)

    def add(self, restore: Json) -> None:
        """Writes down a restore, to be called before what it undoes.

        A restore is `{"patch": path, "body": …}` or `{"exec": {namespace, pod, container, command, controller}}`;
        where the Pod is gone, the command is run in the Pod that this controller has put in its place.
        """
        held = self._api.find(self._path)
        numbers = [int(key[:4]) for key in (held or {}).get("data") or {} if key[:4].isdecimal()]
        key = f"{max(numbers, default=0) + 1:04d}-{self._run}"
        if held is None:
            self._create({key: json.dumps(restore)})
        else:
            self._api.patch(self._path, {"data": {key: json.dumps(restore)}})

    def restore(self) -> list[str]:
        """Undoes all that is open, newest first; says in words what could not be undone and stays open."""
        held = self._api.find(self._path)
        open_ones: dict[str, str] = (held or {}).get("data") or {}
        left: list[str] = []
        for key in sorted(open_ones, reverse=True):
            try:
                self._undo(json.loads(open_ones[key]))
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

    def _undo(self, restore: dict[str, Any]) -> None:
        try:
            if "patch" in restore:
                self._api.patch(restore["patch"], restore["body"])
            else:
                self._exec(**restore["exec"])
        except ApiError as error:
            # What is gone needs no restoring, nor what bears its name since; a patch that holds a uid tells them apart.
            if error.status not in {404, 409, 422}:
                raise

    def _exec(self, *, namespace: str, pod: str, container: str, command: list[str], controller: str = "") -> None:
        there = Pod.all(Snapshot(self._api), namespace)
        heirs = [each for each in there if controller and each.controller_uid == controller and not each.terminating]
        # In one that is not ready yet it fails, and so is left to the next run.
        found = [each for each in there if each.name == pod] or sorted(heirs, key=lambda each: not each.ready)
        if not found:
            if self._brings_another(namespace, controller):
                raise HarnessError(f"pod/{pod} has no successor yet, in which something of ours is to be removed")
            return
        pod = found[0].name
        done = retrying_transport(lambda: self._api.exec(namespace, pod, container, command, seconds=COMMAND_SECONDS))
        if done.code:
            raise HarnessError(f"{' '.join(command)} in pod/{pod} ended with {done.code}: {done.stderr.strip()}")

    def _brings_another(self, namespace: str, controller: str) -> bool:
        """Whether a controller of that UID is there and means to run Pods."""
        reading = Snapshot(self._api)
        kinds = (ReplicaSet, StatefulSet)
        return any(each.uid == controller and each.replicas for kind in kinds for each in kind.all(reading, namespace))
