"""Traffic as a student's own Pod has it: from an ephemeral container in its network namespace."""

from __future__ import annotations

import logging

from labgrade.cluster.api import Api, ApiError
from labgrade.errors import HarnessError, Unmet
from labgrade.facts import Pod
from labgrade.model import Json
from labgrade.patience import until
from labgrade.probe.pod import RESTRICTED, read_pod
from labgrade.probe.program import Program
from labgrade.probe.refusal import kept_out
from labgrade.probe.starting import START_SECONDS, Starting
from labgrade.text import Text

NAME = "labgrade-probe"
"""The ephemeral container's name; a later one gets a number."""

TRIES = 5
"""How often the Pod is patched again when it changed in between."""

log = logging.getLogger(__name__)


class BorrowedPod(Starting):
    """One ephemeral container in a Pod, made in the background, used again by later runs.

    Kubernetes removes none: it stays in the Pod's spec, and idle in the Pod, until the Pod goes. It listens nowhere.
    """

    def __init__(self, api: Api, pod: Pod, program: Program) -> None:
        super().__init__(api, program, str(pod.namespace), pod.name)
        self._path, self._uid = pod.path, pod.uid
        self._joined = ""
        self.made = False
        """Whether this run put the container there."""
        self._begin()

    def remove(self) -> None:
        """Says what stays: the container goes with its Pod."""
        self._thread.join()
        if self.made:
            log.warning("pod/%s keeps an idle ephemeral container, %s, until it is deleted", self.name, self._joined)

    @property
    def _container(self) -> str:
        return self._joined

    def _refused(self, error: ApiError) -> Unmet | None:
        return kept_out(error, self.namespace)

    def _prepare(self) -> Pod:
        for _ in range(TRIES):
            pod = self._read()
            if left := _ours(pod, self._program.image):
                # Runs take turns: what bears the name that was just tried is ours, and the answer to that was lost.
                self.made = left == self._joined
                self._joined = left
                break
            try:
                self._add(pod)
                break
            except ApiError as error:
                if error.status != 409:
                    raise
        else:
            raise HarnessError(f"pod/{self.name} kept changing")
        until(self._tried, seconds=START_SECONDS, every=0.05)
        pod = self._read()
        if "running" not in _state(pod, self._joined):
            raise HarnessError(_why_not(pod, self._joined))
        return pod

    def _add(self, pod: Pod) -> None:
        old = list(pod.spec.get("ephemeralContainers") or [])
        taken = {container["name"] for container in old}
        self._joined = next(
            name for name in (NAME, *(f"{NAME}-{n}" for n in range(2, len(taken) + 3))) if name not in taken
        )
        new = {
            "name": self._joined,
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
        state = _state(pod, self._joined)
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
