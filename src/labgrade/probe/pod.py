"""Pods of the grader's own, from which traffic is tried."""

from __future__ import annotations

from collections.abc import Mapping

from labgrade.cluster.api import Api, ApiError
from labgrade.cluster.ours import OwnNamespace, create_pod, labels
from labgrade.errors import HarnessError, Unmet
from labgrade.facts import Pod, Recorded, Snapshot
from labgrade.facts.reading import RESOURCES
from labgrade.model import Json
from labgrade.patience import until
from labgrade.probe.program import Program
from labgrade.probe.refusal import kept_out
from labgrade.probe.starting import START_SECONDS, Starting
from labgrade.why import why

CONTAINER = "probe"

PORT, OTHER_PORT = 8080, 8081
"""Where a probe Pod listens, over TCP and UDP, so that another one can ask it."""

SQL_PORT = 3306
"""Where it listens besides, as a database that is not the one meant: a policy may name this port and nobody."""

RESTRICTED: Json = {
    "allowPrivilegeEscalation": False,
    "capabilities": {"drop": ["ALL"]},
    "runAsNonRoot": True,
    "runAsUser": 65532,
    "seccompProfile": {"type": "RuntimeDefault"},
}


class ProbePod(Starting):
    """A Pod of ours; in the background from its making on."""

    def __init__(
        self,
        api: Api,
        run: str,
        program: Program,
        namespace: OwnNamespace | str,
        *,
        name: str = "probe",
        bearing: Mapping[str, str] | None = None,
        pinned_to: str = "",
        host_network: bool = False,
    ) -> None:
        """`namespace`: one of the run's own, or the name of somebody else's.

        `bearing`: labels beside those that mark it as ours. `pinned_to`: the node on which it runs, past the
        scheduler. `host_network`: whether it asks as its node does.
        """
        super().__init__(api, program, namespace if isinstance(namespace, str) else namespace.name, name)
        self._run, self._home = run, namespace
        self._labels = {**labels(run), **(bearing or {})}
        self._pinned_to, self._host_network, self._wanted = pinned_to, host_network, True
        self._begin()

    def remove(self) -> None:
        """Removes the Pod, without waiting for it to be gone."""
        self._wanted = False
        self._thread.join()
        self._api.delete(RESOURCES["Pod"].path(self.namespace, self.name), grace_seconds=0)

    @property
    def _container(self) -> str:
        return CONTAINER

    def _prepare(self) -> Pod:
        self._create()
        pod = until(self._settled_pod, seconds=START_SECONDS, every=0.1) or self._pod()
        if not pod.ready:
            raise HarnessError(self._why_not(pod))
        return pod

    def _refused(self, error: ApiError) -> Unmet | None:
        return kept_out(error, self._home) if isinstance(self._home, str) else None

    def _create(self) -> None:
        if not isinstance(self._home, str):
            self._home.create()
        container: Json = {
            "name": CONTAINER,
            "image": self._program.image,
            "imagePullPolicy": "IfNotPresent",
            "command": [*self._program.command, "listen", *(f"{port}{kind}" for port in PORTS for kind in KINDS)],
            "securityContext": RESTRICTED,
        }
        spec: Json = {
            "automountServiceAccountToken": False,
            "enableServiceLinks": False,
            "terminationGracePeriodSeconds": 0,
            "containers": [container],
        }
        if self._pinned_to:
            spec |= {"nodeName": self._pinned_to, "tolerations": [{"operator": "Exists"}]}
        if self._host_network:
            # It listens nowhere: the node's ports are not ours to take.
            spec |= {"hostNetwork": True}
            container["command"] = [*self._program.command, "listen"]
        metadata = {"name": self.name, "labels": self._labels}
        create_pod(
            self._api,
            self.namespace,
            {"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": spec},
        )

    def _pod(self) -> Pod:
        return read_pod(self._api, self.namespace, self.name)

    def _settled_pod(self) -> Pod | None:
        """The Pod, once it is ready or will not be, or nobody wants it any more."""
        pod = self._pod()
        reasons = [(s.get("state") or {}).get("waiting", {}).get("reason") for s in pod.container_statuses]
        return pod if pod.ready or "ImagePullBackOff" in reasons or not self._wanted else None

    def _why_not(self, pod: Pod) -> str:
        if cause := why(Pod(Snapshot(self._api), self.namespace, self.name)):
            return cause.en
        states = [(status.get("state") or {}).get("waiting", {}).get("reason", "") for status in pod.container_statuses]
        what = ", ".join(states) or "no node took it"
        return f"its image {self._program.image} did not run within {START_SECONDS:.0f} s ({what})"


PORTS, KINDS = (PORT, OTHER_PORT, SQL_PORT), ("", "/udp")


def read_pod(api: Api, namespace: str, name: str) -> Pod:
    """A Pod as it is now, there or not; asked for alone, since among thousands a list of all is a slow way to one."""
    found = api.find(RESOURCES["Pod"].path(namespace, name))
    return Pod(Recorded(*([{"kind": "Pod", **found}] if found else [])), namespace, name)
