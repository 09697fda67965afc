"""Pods of the grader's own, from which traffic is tried."""

from __future__ import annotations

import logging
import threading
from collections.abc import Mapping, Sequence

from labgrade.cluster.api import Api, ApiError
from labgrade.cluster.ours import OwnNamespace, create_pod, labels
from labgrade.cluster.remote import Completed
from labgrade.errors import HarnessError
from labgrade.facts import Pod, Recorded, Snapshot
from labgrade.facts.reading import RESOURCES
from labgrade.model import Json
from labgrade.patience import monotonic, until
from labgrade.probe import asking
from labgrade.probe.answer import Answer, Question
from labgrade.probe.program import Program
from labgrade.probe.refusal import kept_out
from labgrade.why import why

START_SECONDS = 60.0

CONTAINER = "probe"

PORT, OTHER_PORT = 8080, 8081
"""Where a probe Pod listens, over TCP and UDP, so that another one can ask it."""

RESTRICTED: Json = {
    "allowPrivilegeEscalation": False,
    "capabilities": {"drop": ["ALL"]},
    "runAsNonRoot": True,
    "runAsUser": 65532,
    "seccompProfile": {"type": "RuntimeDefault"},
}

log = logging.getLogger(__name__)


class ProbePod:
    """Starts in the background at once; the first question waits for it, at most START_SECONDS."""

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
        self._api, self._run, self._program, self._home = api, run, program, namespace
        self.name, self._labels = name, {**labels(run), **(bearing or {})}
        self._pinned_to, self._host_network = pinned_to, host_network
        self.namespace = namespace if isinstance(namespace, str) else namespace.name
        self._failure: HarnessError | AssertionError | None = None
        self._ip, self._node, self._wanted = "", "", True
        self._starting = threading.Thread(target=self._start, daemon=True)
        self._starting.start()

    @property
    def ip(self) -> str:
        """Its address; HarnessError where it cannot run."""
        self.started()
        return self._ip

    @property
    def node(self) -> str:
        """Name of the node that it runs on; HarnessError where it cannot run."""
        self.started()
        return self._node

    def ask(self, questions: Sequence[Question]) -> list[Answer]:
        """The answers, in order, all asked at once in one exec.

        HarnessError where the Pod cannot run, or where a question stays without a sound answer; Unmet where the
        student's namespace keeps the Pod out.
        """
        self.started()
        return asking.ask(self._exec, questions, f"pod/{self.name} {self._ip}")

    def started(self) -> None:
        """Returns once it runs; raises as `ask` does."""
        if self._starting.is_alive():
            began = monotonic()
            self._starting.join()
            log.info("waited %.2f s for pod/%s to start", monotonic() - began, self.name)
        if self._failure:
            raise self._failure

    def remove(self) -> None:
        """Removes the Pod, without waiting for it to be gone."""
        self._wanted = False
        self._starting.join()
        self._api.delete(RESOURCES["Pod"].path(self.namespace, self.name), grace_seconds=0)

    def _exec(self, words: list[str], seconds: float) -> Completed:
        command = [*self._program.command, *words]
        return self._api.exec(self.namespace, self.name, CONTAINER, command, seconds=seconds)

    def _start(self) -> None:
        try:
            self._create()
            pod = until(self._settled_pod, seconds=START_SECONDS, every=0.1) or self._pod()
            if not pod.ready:
                raise HarnessError(self._why_not(pod))
            self._ip, self._node = pod.ip, pod.node
        except ApiError as error:
            theirs = isinstance(self._home, str) and kept_out(error, self._home)
            self._failure = theirs or HarnessError(f"the probe could not start: {error}")
        except Exception as error:  # whatever it is, it must not look as if the Pod had started
            self._failure = HarnessError(f"the probe could not start: {error}")

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


PORTS, KINDS = (PORT, OTHER_PORT), ("", "/udp")


def read_pod(api: Api, namespace: str, name: str) -> Pod:
    """A Pod as it is now, there or not; asked for alone, since among thousands a list of all is a slow way to one."""
    found = api.find(RESOURCES["Pod"].path(namespace, name))
    return Pod(Recorded(*([{"kind": "Pod", **found}] if found else [])), namespace, name)
