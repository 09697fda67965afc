"""Privileged Pods of ours with a node's file system: for looking into nodes where Docker is not the grader's."""

from __future__ import annotations

from labgrade.cluster.api import Api
from labgrade.cluster.ours import create_namespace, create_pod, labels
from labgrade.errors import HarnessError
from labgrade.facts import Node, Pod, Snapshot
from labgrade.facts.reading import RESOURCES
from labgrade.model import Json
from labgrade.patience import until
from labgrade.probe.image import FALLBACK

START_SECONDS = 60.0


class NodePods:
    """At most one Pod a node, in a namespace of the run's own; all removed together."""

    def __init__(self, api: Api, run: str) -> None:
        self._api, self._run, self._namespace = api, run, f"labgrade-nodes-{run}"
        self._pods: dict[str, Pod] = {}

    def on(self, node: Node) -> Pod:
        """The running Pod on that node; HarnessError where it does not start."""
        if not self._pods:
            create_namespace(self._api, self._namespace, self._run, level="privileged")
        if node.name not in self._pods:
            name = f"node-{len(self._pods)}"
            create_pod(self._api, self._namespace, self._body(name, node.name))
            self._pods[node.name] = Pod(Snapshot(self._api), self._namespace, name)
            if not until(lambda: Pod(Snapshot(self._api), self._namespace, name).ready, seconds=START_SECONDS):
                raise HarnessError(f"no Pod of ours would start on {node}, so nobody could look inside")
        return self._pods[node.name]

    def remove(self) -> None:
        """Removes the Pods with their namespace, without waiting."""
        self._api.delete(RESOURCES["Namespace"].path(name=self._namespace))

    def _body(self, name: str, node: str) -> Json:
        container = {
            "name": "look",
            "image": FALLBACK,
            "imagePullPolicy": "IfNotPresent",
            "command": ["python3", "-c", "import signal; signal.pause()"],
            "securityContext": {"privileged": True},
            "volumeMounts": [{"name": "host", "mountPath": "/host"}],
        }
        spec = {
            "nodeName": node,
            "hostPID": True,
            "automountServiceAccountToken": False,
            "terminationGracePeriodSeconds": 0,
            "tolerations": [{"operator": "Exists"}],
            "containers": [container],
            "volumes": [{"name": "host", "hostPath": {"path": "/"}}],
        }
        metadata = {"name": name, "labels": labels(self._run)}
        return {"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": spec}
