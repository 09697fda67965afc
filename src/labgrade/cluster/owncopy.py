"""A ConfigMap of ours and a Pod of ours that takes it in the way a student's Pod takes theirs: to be edited."""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from dataclasses import dataclass

from labgrade.cluster.api import Api
from labgrade.cluster.ours import OwnNamespace, create_pod, labels
from labgrade.errors import HarnessError
from labgrade.facts import ConfigMap, Pod, Snapshot
from labgrade.facts.reading import RESOURCES
from labgrade.model import Json
from labgrade.patience import retrying_transport, until
from labgrade.probe.pod import RESTRICTED

NAME = "copy"
"""The ConfigMap's name, the Pod's, its container's and its volume's."""

START_SECONDS = 60.0
FOLLOW_SECONDS = 120.0
"""The kubelet looks at every mounted ConfigMap once in a minute or so, and at once where its Pod is changed."""

LOOK_SECONDS = 0.5
COMMAND_SECONDS = 20.0


@dataclass(frozen=True, slots=True)
class Taken:
    """How a Pod takes a ConfigMap in; in volume and environment it goes by our NAME."""

    image: str
    """With a shell and `cat`, and on the node already."""
    node: str
    keys: Sequence[str]
    volume: Json
    mount: Json
    env: Sequence[Json]
    path: str
    variable: str


@dataclass(frozen=True, slots=True)
class Followed:
    """Which of them showed the new value once the ConfigMap was edited."""

    file: bool
    variable: bool
    seconds: float


class OwnCopy:
    """One copy, in a namespace of the run's own, which it goes with."""

    def __init__(self, api: Api, run: str) -> None:
        self._api, self._run = api, run
        self._namespace = OwnNamespace(api, run, part="copy")
        self._map = ConfigMap(Snapshot(api), self._namespace.name, NAME)
        self._pod = Pod(Snapshot(api), self._namespace.name, NAME)

    def edited(self, taken: Taken) -> Followed:
        """Makes the copy, edits the ConfigMap, and looks what follows, at most FOLLOW_SECONDS long.

        HarnessError where the copy does not start, or does not show what the ConfigMap says to begin with.
        """
        self._namespace.create()
        old, new = secrets.token_hex(8), secrets.token_hex(8)
        self._create_map(dict.fromkeys(taken.keys, old))
        create_pod(self._api, self._namespace.name, self._body(taken))
        if not until(lambda: self._fresh.ready, seconds=START_SECONDS, every=LOOK_SECONDS):
            raise HarnessError(f"a Pod of ours with {taken.image} did not start within {START_SECONDS:.0f} s")
        if (self._file(taken), self._variable(taken)) != (old, old):
            raise HarnessError(f"a Pod of ours does not show its ConfigMap at {taken.path} and in {taken.variable}")
        self._api.patch(self._map.path, {"data": dict.fromkeys(taken.keys, new)})
        edited = self._api.now()
        file = until(lambda: self._shows(taken, new), seconds=FOLLOW_SECONDS, every=LOOK_SECONDS)
        return Followed(bool(file), self._variable(taken) == new, (self._api.now() - edited).total_seconds())

    def remove(self) -> None:
        """Removes it with its namespace, if it was made, without waiting."""
        self._namespace.remove()

    @property
    def _fresh(self) -> Pod:
        return Pod(Snapshot(self._api), self._namespace.name, NAME)

    def _shows(self, taken: Taken, value: str) -> bool:
        if self._file(taken) == value:
            return True
        # A change to its Pod makes the kubelet look at its volumes now; each one must be another.
        self._api.patch(self._pod.path, {"metadata": {"annotations": {"labgrade/look": secrets.token_hex(4)}}})
        return False

    def _file(self, taken: Taken) -> str:
        return self._said(["cat", taken.path])

    def _variable(self, taken: Taken) -> str:
        return self._said(["sh", "-c", f'printf %s "${taken.variable}"'])

    def _said(self, command: Sequence[str]) -> str:
        done = retrying_transport(
            lambda: self._api.exec(self._namespace.name, NAME, NAME, command, seconds=COMMAND_SECONDS)
        )
        return done.stdout.strip()

    def _create_map(self, data: dict[str, str]) -> None:
        metadata = {"name": NAME, "labels": labels(self._run)}
        body = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata, "data": data}
        self._api.create(RESOURCES["ConfigMap"].path(self._namespace.name), body)

    def _body(self, taken: Taken) -> Json:
        container = {
            "name": NAME,
            "image": taken.image,
            "imagePullPolicy": "IfNotPresent",
            "command": ["sh", "-c", "sleep 3600"],
            "env": list(taken.env),
            "volumeMounts": [{**taken.mount, "name": NAME}],
            "securityContext": RESTRICTED,
        }
        spec = {
            # Where the image is.
            "nodeName": taken.node,
            "automountServiceAccountToken": False,
            "terminationGracePeriodSeconds": 0,
            "tolerations": [{"operator": "Exists"}],
            "containers": [container],
            "volumes": [{**taken.volume, "name": NAME}],
        }
        metadata = {"name": NAME, "labels": labels(self._run)}
        return {"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": spec}
