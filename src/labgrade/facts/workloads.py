"""Deployments, ReplicaSets, StatefulSets and the Pods that they run."""

from __future__ import annotations

from collections.abc import Mapping

from labgrade.facts.base import Fact
from labgrade.facts.pods import Pod
from labgrade.model import Json

REVISION = "deployment.kubernetes.io/revision"
ENDED = frozenset({"Succeeded", "Failed"})
"""Phases of Pods that their controllers no longer count."""


def image_name(reference: str) -> str:
    """An image reference in full: `nginx:1.26` is `docker.io/library/nginx:1.26`; a digest is left out."""
    name = reference.partition("@")[0]
    host, slash, path = name.partition("/")
    if not slash or ("." not in host and ":" not in host and host != "localhost"):
        host, path = "docker.io", name
    if host in {"docker.io", "index.docker.io"}:
        host, path = "docker.io", path if "/" in path else f"library/{path}"
    name = f"{host}/{path}"
    return name if ":" in name.rpartition("/")[2] else f"{name}:latest"


class Workload(Fact):
    """What keeps a number of Pods of one template running."""

    @property
    def replicas(self) -> int:
        """How many Pods are asked for; 0 when there is no such workload."""
        return int(self.spec.get("replicas", 1)) if self.exists else 0

    @property
    def ready(self) -> int:
        """Pods that pass their readiness probe."""
        return int(self.status.get("readyReplicas", 0))

    @property
    def updated(self) -> int:
        """Pods of the newest template."""
        return int(self.status.get("updatedReplicas", 0))

    @property
    def selector(self) -> dict[str, str]:
        """`spec.selector.matchLabels`."""
        return (self.spec.get("selector") or {}).get("matchLabels") or {}

    @property
    def template(self) -> Json:
        """The Pod template."""
        return self.spec.get("template") or {}

    @property
    def template_labels(self) -> dict[str, str]:
        """Labels that its Pods are given."""
        return (self.template.get("metadata") or {}).get("labels") or {}

    @property
    def images(self) -> dict[str, str]:
        """Container name to image, in full, of the newest template."""
        containers = (self.template.get("spec") or {}).get("containers") or []
        return {c["name"]: image_name(c.get("image", "")) for c in containers}

    @property
    def pods(self) -> list[Pod]:
        """The Pods that it controls, by name, without those that are on their way out or have ended (evicted, say)."""
        return [pod for pod in self.owned(Pod) if not pod.terminating and pod.phase not in ENDED]


def _revision(annotations: Mapping[str, str]) -> int:
    """The number that the Deployment controller gave; 0 also where somebody wrote something else there."""
    number = annotations.get(REVISION, "")
    return int(number) if number.isdecimal() else 0


class ReplicaSet(Workload):
    """One revision of a Deployment."""

    kind = "ReplicaSet"

    @property
    def revision(self) -> int:
        """Its number in the Deployment's history; 0 when nothing numbers it."""
        return _revision(self.annotations)

    @property
    def revision_history(self) -> tuple[int, ...]:
        """Numbers it had before a rollback brought it back; empty when none did."""
        stored = self.annotations.get("deployment.kubernetes.io/revision-history", "")
        return tuple(int(n) for n in stored.split(",") if n.strip().isdecimal())


class Deployment(Workload):
    """A Deployment and its history."""

    kind = "Deployment"

    @property
    def available(self) -> int:
        """Pods that have been ready for long enough."""
        return int(self.status.get("availableReplicas", 0))

    @property
    def revision(self) -> int:
        """The number of the newest rollout."""
        return _revision(self.annotations)

    @property
    def replicasets(self) -> list[ReplicaSet]:
        """Its revisions, oldest first."""
        return sorted(self.owned(ReplicaSet), key=lambda rs: rs.revision)

    @property
    def pods(self) -> list[Pod]:
        """The Pods of all its revisions."""
        return [pod for revision in self.replicasets for pod in revision.pods]


class StatefulSet(Workload):
    """A StatefulSet, its Service and its volumes."""

    kind = "StatefulSet"

    @property
    def service_name(self) -> str:
        """The Service that gives its Pods their names."""
        return str(self.spec.get("serviceName", ""))

    @property
    def claim_templates(self) -> list[str]:
        """Names of its volumeClaimTemplates."""
        return [t["metadata"]["name"] for t in self.spec.get("volumeClaimTemplates") or []]

    @property
    def pods(self) -> list[Pod]:
        """Its Pods, by ordinal."""
        mine = [pod for pod in self.owned(Pod) if not pod.terminating and pod.phase not in ENDED]
        return sorted(mine, key=lambda pod: pod.ordinal)

    def pod(self, ordinal: int) -> Pod:
        """The Pod of that ordinal, there or not."""
        return Pod(self._reading, self.namespace, f"{self.name}-{ordinal}")


class DaemonSet(Workload):
    """A DaemonSet."""

    kind = "DaemonSet"

    @property
    def replicas(self) -> int:
        """Nodes that should run one of its Pods."""
        return int(self.status.get("desiredNumberScheduled", 0))

    @property
    def ready(self) -> int:
        """Nodes whose Pod passes its readiness probe."""
        return int(self.status.get("numberReady", 0))

    @property
    def updated(self) -> int:
        """Nodes that run a Pod of the newest template."""
        return int(self.status.get("updatedNumberScheduled", 0))
