"""The student's cluster as a lab sees it: lazy handles on what the lab's namespace holds."""

from __future__ import annotations

from collections.abc import Mapping

from labgrade.facts.base import Fact, matches
from labgrade.facts.cilium import Cilium
from labgrade.facts.configuration import ConfigMap, Secret
from labgrade.facts.events import Event
from labgrade.facts.nodes import Node
from labgrade.facts.pods import Pod
from labgrade.facts.policies import CiliumNetworkPolicy, NetworkPolicy
from labgrade.facts.reading import Reading
from labgrade.facts.services import Service
from labgrade.facts.storage import PersistentVolume, PersistentVolumeClaim, StorageClass
from labgrade.facts.workloads import DaemonSet, Deployment, ReplicaSet, StatefulSet

GIVEN = "kube-root-ca.crt"
"""The ConfigMap that every namespace has from the start."""


class Cluster:
    """Handles by name, and lists; nothing is read before a handle is asked something."""

    def __init__(self, reading: Reading, namespace: str) -> None:
        self.reading, self.namespace = reading, namespace

    def deployment(self, name: str) -> Deployment:
        """The Deployment of that name, there or not."""
        return Deployment(self.reading, self.namespace, name)

    def statefulset(self, name: str) -> StatefulSet:
        """The StatefulSet of that name, there or not."""
        return StatefulSet(self.reading, self.namespace, name)

    def service(self, name: str) -> Service:
        """The Service of that name, there or not."""
        return Service(self.reading, self.namespace, name)

    def pod(self, name: str) -> Pod:
        """The Pod of that name, there or not."""
        return Pod(self.reading, self.namespace, name)

    def claim(self, name: str) -> PersistentVolumeClaim:
        """The PersistentVolumeClaim of that name, there or not."""
        return PersistentVolumeClaim(self.reading, self.namespace, name)

    def config_map(self, name: str) -> ConfigMap:
        """The ConfigMap of that name, there or not."""
        return ConfigMap(self.reading, self.namespace, name)

    def secret(self, name: str) -> Secret:
        """The Secret of that name, there or not."""
        return Secret(self.reading, self.namespace, name)

    def volume(self, name: str) -> PersistentVolume:
        """The PersistentVolume of that name, there or not."""
        return PersistentVolume(self.reading, None, name)

    def storage_class(self, name: str) -> StorageClass:
        """The StorageClass of that name, there or not."""
        return StorageClass(self.reading, None, name)

    def pods(self, labels: Mapping[str, str] | None = None) -> list[Pod]:
        """The namespace's Pods, without those on their way out; with `labels`, those that carry them all."""
        found = [pod for pod in Pod.all(self.reading, self.namespace) if not pod.terminating]
        return found if labels is None else [pod for pod in found if matches(labels, pod.labels)]

    def deployments(self) -> list[Deployment]:
        """The namespace's Deployments."""
        return Deployment.all(self.reading, self.namespace)

    def replicasets(self) -> list[ReplicaSet]:
        """The namespace's ReplicaSets."""
        return ReplicaSet.all(self.reading, self.namespace)

    def statefulsets(self) -> list[StatefulSet]:
        """The namespace's StatefulSets."""
        return StatefulSet.all(self.reading, self.namespace)

    def daemonsets(self) -> list[DaemonSet]:
        """The namespace's DaemonSets."""
        return DaemonSet.all(self.reading, self.namespace)

    def services(self) -> list[Service]:
        """The namespace's Services."""
        return Service.all(self.reading, self.namespace)

    def network_policies(self) -> list[NetworkPolicy]:
        """The namespace's NetworkPolicies."""
        return NetworkPolicy.all(self.reading, self.namespace)

    def cilium_policies(self) -> list[CiliumNetworkPolicy]:
        """The namespace's CiliumNetworkPolicies; none where the cluster has no such kind."""
        return CiliumNetworkPolicy.all(self.reading, self.namespace)

    def claims(self) -> list[PersistentVolumeClaim]:
        """The namespace's PersistentVolumeClaims."""
        return PersistentVolumeClaim.all(self.reading, self.namespace)

    def config_maps(self) -> list[ConfigMap]:
        """The namespace's ConfigMaps, less the certificate that every namespace is given."""
        return [found for found in ConfigMap.all(self.reading, self.namespace) if found.name != GIVEN]

    def secrets(self) -> list[Secret]:
        """The namespace's Secrets."""
        return Secret.all(self.reading, self.namespace)

    def volumes(self) -> list[PersistentVolume]:
        """The cluster's PersistentVolumes."""
        return PersistentVolume.all(self.reading, None)

    def storage_classes(self) -> list[StorageClass]:
        """The cluster's StorageClasses."""
        return StorageClass.all(self.reading, None)

    @property
    def cilium(self) -> Cilium:
        """Cilium, there or not."""
        return Cilium(self.reading)

    def nodes(self) -> list[Node]:
        """The cluster's nodes."""
        return Node.all(self.reading, None)

    def events(self, about: Fact | None = None) -> list[Event]:
        """The namespace's events, or those of one object, the one said last at the end.

        They are read anew for every attempt and never waited for: ask for them only where a check is about to fail.
        """
        found = Event.in_order(self.reading, self.namespace)
        return found if about is None else [event for event in found if event.concerns(about)]
