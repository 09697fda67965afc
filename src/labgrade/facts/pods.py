"""Pods and their containers."""

from __future__ import annotations

from labgrade.facts.base import Fact
from labgrade.model import Json


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

    def spec_of(self, container: str) -> Json:
        """The spec of one of its containers or init containers; empty when it has none of that name."""
        every = [*(self.spec.get("initContainers") or []), *(self.spec.get("containers") or [])]
        return next((found for found in every if found["name"] == container), {})

    def log(self, container: str) -> list[str]:
        """The last lines that a container wrote, in the run that it is in or else was in; empty where none is had."""
        status = next((found for found in self.container_statuses if found["name"] == container), {})
        state, last = status.get("state") or {}, status.get("lastState") or {}
        # Between two runs there is only the one before, which the API calls the previous one.
        previous = "waiting" in state
        run = (last if previous else state).get("terminated") or {}
        identity = str(run.get("containerID") or ("" if previous else status.get("containerID", "")))
        lines = self._reading.log(self.path, container, identity, previous=previous) if identity else ""
        return [] if lines.startswith(NO_LOG) else [line.strip() for line in lines.splitlines()]


NO_LOG = "unable to retrieve container logs"
"""What the kubelet says in the place of a log that is gone already."""

PULL_REASONS = frozenset({"ErrImagePull", "ImagePullBackOff", "InvalidImageName", "ErrImageNeverPull"})
