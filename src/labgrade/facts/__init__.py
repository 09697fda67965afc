"""What can be known of a cluster: nouns that read lazily from a shared snapshot and never judge."""

from labgrade.facts.base import Fact, matches, pairs
from labgrade.facts.cilium import Cilium, CiliumEndpoint, CiliumNode
from labgrade.facts.cluster import Cluster
from labgrade.facts.configuration import ConfigMap, Configuration, Secret
from labgrade.facts.events import Event
from labgrade.facts.nodes import Node
from labgrade.facts.pods import Pod
from labgrade.facts.policies import CiliumNetworkPolicy, NetworkPolicy, Policy, policies_on
from labgrade.facts.reading import Reading, Recorded, Snapshot
from labgrade.facts.selecting import selects
from labgrade.facts.services import Endpoint, Service
from labgrade.facts.storage import PersistentVolume, PersistentVolumeClaim, StorageClass
from labgrade.facts.workloads import DaemonSet, Deployment, ReplicaSet, StatefulSet, Workload, image_name

__all__ = [
    "Cilium",
    "CiliumEndpoint",
    "CiliumNetworkPolicy",
    "CiliumNode",
    "Cluster",
    "ConfigMap",
    "Configuration",
    "DaemonSet",
    "Deployment",
    "Endpoint",
    "Event",
    "Fact",
    "NetworkPolicy",
    "Node",
    "PersistentVolume",
    "PersistentVolumeClaim",
    "Pod",
    "Policy",
    "Reading",
    "Recorded",
    "ReplicaSet",
    "Secret",
    "Service",
    "Snapshot",
    "StatefulSet",
    "StorageClass",
    "Workload",
    "image_name",
    "matches",
    "pairs",
    "policies_on",
    "selects",
]
