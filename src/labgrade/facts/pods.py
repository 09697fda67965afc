"""Pods, and in one sentence what keeps one from being ready."""

from __future__ import annotations

from labgrade.facts.base import Fact
from labgrade.model import Json
from labgrade.text import Text


class Pod(Fact):
    """A Pod."""

    kind = "Pod"

    @property
    def ip(self) -> str:
        """Its address; empty while it has none."""
        return str(self.status.get("podIP", ""))

    @property
    def node(self) -> str:
        """The node it was scheduled to; empty while there is none."""
        return str(self.spec.get("nodeName", ""))

    @property
    def phase(self) -> str:
        """Pending, Running, Succeeded, Failed, Unknown; empty when there is no such Pod."""
        return str(self.status.get("phase", ""))

    @property
    def ready(self) -> bool:
        """Whether all its containers are."""
        return self.condition("Ready").get("status") == "True" and not self.terminating

    @property
    def ordinal(self) -> int:
        """Its number in a StatefulSet; -1 for a name without one."""
        tail = self.name.rpartition("-")[2]
        return int(tail) if tail.isdigit() else -1

    @property
    def containers(self) -> dict[str, Json]:
        """Container name to its spec."""
        return {c["name"]: c for c in self.spec.get("containers") or []}

    @property
    def images(self) -> dict[str, str]:
        """Container name to its image, in full."""
        from labgrade.facts.workloads import image_name

        return {name: image_name(c.get("image", "")) for name, c in self.containers.items()}

    @property
    def container_statuses(self) -> list[Json]:
        """Statuses of its init containers, then of its containers."""
        return [
            *(self.status.get("initContainerStatuses") or []),
            *(self.status.get("containerStatuses") or []),
        ]

    @property
    def claims(self) -> dict[str, str]:
        """Volume name to the claim that it uses."""
        volumes = self.spec.get("volumes") or []
        return {v["name"]: v["persistentVolumeClaim"]["claimName"] for v in volumes if "persistentVolumeClaim" in v}

    def mounts(self, volume: str) -> dict[str, str]:
        """Container name to the path where it mounts a volume."""
        return {
            name: mount["mountPath"]
            for name, container in self.containers.items()
            for mount in container.get("volumeMounts") or []
            if mount["name"] == volume
        }

    @property
    def trouble(self) -> Text | None:
        """Why it is not ready, in a sentence; None when it is ready or just needs a moment."""
        scheduled = self.condition("PodScheduled")
        if scheduled.get("status") == "False":
            message = scheduled.get("message", "")
            return Text(en=f"{self} has no node: {message}", fr=f"{self} n'a pas de nœud : {message}")
        for status in self.container_statuses:
            if found := _container_trouble(f"{self}", status):
                return found
        if self.phase == "Running" and not self.ready and not self.terminating:
            return Text(
                en=f"{self} runs but does not pass its readiness probe",
                fr=f"{self} tourne mais ne passe pas sa sonde readiness",
            )
        return None


def _container_trouble(pod: str, status: Json) -> Text | None:
    name, image = status["name"], status.get("image", "")
    state = status.get("state") or {}
    waiting, ended = state.get("waiting") or {}, state.get("terminated")
    reason, message = waiting.get("reason", ""), waiting.get("message", "")
    if reason in PULL_REASONS:
        return Text(
            en=f"{pod}: the image {image} of container {name} cannot be pulled ({reason})",
            fr=f"{pod} : l'image {image} du conteneur {name} ne peut pas être téléchargée ({reason})",
        )
    # An init container that ended well is ready, any other container that ended is not.
    if reason == "CrashLoopBackOff" or (ended and not status.get("ready")):
        last = ended or (status.get("lastState") or {}).get("terminated") or {}
        code = last.get("exitCode", "?")
        return Text(
            en=f"{pod}: container {name} does not keep running (exit code {code}); see kubectl logs",
            fr=f"{pod} : le conteneur {name} ne reste pas en marche (code {code}) ; voyez kubectl logs",
        )
    if reason and reason not in {"ContainerCreating", "PodInitializing"}:
        return Text(
            en=f"{pod}: container {name}: {reason} {message}", fr=f"{pod} : conteneur {name} : {reason} {message}"
        )
    return None


PULL_REASONS = frozenset({"ErrImagePull", "ImagePullBackOff", "InvalidImageName", "ErrImageNeverPull"})
