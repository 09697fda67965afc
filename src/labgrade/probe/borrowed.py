"""Traffic as a student's own Pod has it: from an ephemeral container in its network namespace."""

from __future__ import annotations

import logging
import threading
from collections.abc import Sequence

from labgrade.cluster.api import Api, ApiError
from labgrade.cluster.remote import Completed
from labgrade.errors import HarnessError, Unmet
from labgrade.facts import Pod
from labgrade.model import Json
from labgrade.patience import until
from labgrade.probe import asking
from labgrade.probe.answer import Answer, Question
from labgrade.probe.pod import RESTRICTED, START_SECONDS, read_pod
from labgrade.probe.program import Program
from labgrade.probe.refusal import kept_out
from labgrade.text import Text

NAME = "labgrade-probe"
"""The ephemeral container's name; a later one gets a number."""

TRIES = 5
"""How often the Pod is patched again when it changed in between."""

log = logging.getLogger(__name__)


class BorrowedPod:
    """One ephemeral container in a Pod, made in the background, used again by later runs.

    Kubernetes removes none: it stays in the Pod's spec, and idle in the Pod, until the Pod goes. It listens nowhere.
    """

    def __init__(self, api: Api, pod: Pod, program: Program) -> None:
        self._api, self._program = api, program
        self.namespace, self.name = str(pod.namespace), pod.name
        self._path, self._uid = pod.path, pod.uid
        self._container = ""
        self.made = False
        """Whether this run put the container there."""
        self._ip = self._node = ""
        self._failure: Exception | None = None
        self._starting = threading.Thread(target=self._start, daemon=True)
        self._starting.start()

    @property
    def ip(self) -> str:
        """The Pod's address."""
        self.started()
        return self._ip

    @property
    def node(self) -> str:
        """Name of the node that it runs on."""
        self.started()
        return self._node

    def ask(self, questions: Sequence[Question]) -> list[Answer]:
        """The answers, in order, all asked at once in one exec.

        Unmet where the Pod does not run or its namespace lets no such container in; HarnessError where the container
        cannot run, or where a question stays without a sound answer.
        """
        self.started()
        return asking.ask(self._exec, questions, f"pod/{self.name} {self._ip}")

    def started(self) -> None:
        """Returns once the container runs; raises as `ask` does."""
        self._starting.join()
        if self._failure:
            raise self._failure

    def remove(self) -> None:
        """Says what stays: the container goes with its Pod."""
        self._starting.join()
        if self.made:
            log.warning("pod/%s keeps an idle ephemeral container, %s, until it is deleted", self.name, self._container)

    def _exec(self, words: list[str], seconds: float) -> Completed:
        command = [*self._program.command, *words]
        return self._api.exec(self.namespace, self.name, self._container, command, seconds=seconds)

    def _start(self) -> None:
        try:
            self._prepare()
        except ApiError as error:
            self._failure = kept_out(error, self.namespace) or HarnessError(f"the probe could not start: {error}")
        except (HarnessError, Unmet) as error:
            self._failure = error
        except Exception as error:  # whatever it is, it must not look as if the container had started
            self._failure = HarnessError(f"the probe could not start: {error!r}")

    def _prepare(self) -> None:
        for _ in range(TRIES):
            pod = self._read()
            if left := _ours(pod, self._program.image):
                # Runs take turns: what bears the name that was just tried is ours, and the answer to that was lost.
                self.made = left == self._container
                self._container = left
                break
            try:
                self._add(pod)
                break
            except ApiError as error:
                if error.status != 409:
                    raise
        else:
            raise HarnessError(f"the probe could not start: pod/{self.name} kept changing")
        until(self._tried, seconds=START_SECONDS, every=0.05)
        pod = self._read()
        if "running" not in _state(pod, self._container):
            raise HarnessError(f"the probe could not start: {_why_not(pod, self._container)}")
        self._ip, self._node = pod.ip, pod.node

    def _add(self, pod: Pod) -> None:
        old = list(pod.spec.get("ephemeralContainers") or [])
        taken = {container["name"] for container in old}
        self._container = next(
            name for name in (NAME, *(f"{NAME}-{n}" for n in range(2, len(taken) + 3))) if name not in taken
        )
        new = {
            "name": self._container,
            "image": self._program.image,
            "imagePullPolicy": "IfNotPresent",
            "command": [*self._program.command, "listen"],
            "securityContext": RESTRICTED,
        }
        version = {"resourceVersion": pod.metadata["resourceVersion"]}
        body: Json = {"metadata": version, "spec": {"ephemeralContainers": [*old, new]}}
        self._api.patch(f"{self._path}/ephemeralcontainers", body)
        self.made = True

    def _tried(self) -> bool:
        """Whether the container runs, or never will."""
        pod = self._read()
        state = _state(pod, self._container)
        stuck = (state.get("waiting") or {}).get("reason") in {"ErrImageNeverPull", "ImagePullBackOff"}
        return "running" in state or "terminated" in state or stuck

    def _read(self) -> Pod:
        """The Pod as it is now; Unmet where it is gone or does not run."""
        pod = read_pod(self._api, self.namespace, self.name)
        if pod.uid == self._uid and pod.phase == "Running" and not pod.terminating:
            return pod
        en, fr = (f"is {pod.phase}", f"est {pod.phase}")
        if pod.uid != self._uid:
            en, fr = "is gone", "a disparu"
        elif pod.terminating:
            en, fr = "is being deleted", "est en cours de suppression"
        raise Unmet(
            Text(en=f"pod/{self.name} {en}: nothing can be asked from it", fr=f"pod/{self.name} {fr}"),
            wanted=Text(en="a running Pod", fr="un Pod en marche"),
            try_=f"kubectl describe pod {self.name} -n {self.namespace}",
        )


def _state(pod: Pod, container: str) -> Json:
    statuses = pod.status.get("ephemeralContainerStatuses") or []
    return next((status.get("state") or {} for status in statuses if status["name"] == container), {})


def _ours(pod: Pod, image: str) -> str:
    """Name of a container with that image that was put there before and has not ended; empty where there is none."""
    for container in pod.spec.get("ephemeralContainers") or []:
        named = str(container["name"]).startswith(NAME)
        if named and container["image"] == image and "terminated" not in _state(pod, container["name"]):
            return str(container["name"])
    return ""


def _why_not(pod: Pod, container: str) -> str:
    state = _state(pod, container)
    told = state.get("waiting") or state.get("terminated") or {}
    return f"container {container} in {pod}: {told.get('reason', 'nothing was said')} {told.get('message', '')}".strip()
