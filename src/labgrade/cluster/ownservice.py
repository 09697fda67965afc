"""A Service of ours, to try what carries Services in a cluster."""

from __future__ import annotations

from dataclasses import dataclass

from labgrade.cluster.api import Api
from labgrade.cluster.ours import OwnNamespace, labels
from labgrade.facts.reading import RESOURCES
from labgrade.model import Json

NAME = "trial"


@dataclass(frozen=True, slots=True)
class Opened:
    """Where a Service answers."""

    cluster_ip: str
    port: int
    node_port: int
    """On every node."""


class OwnService:
    """One Service of type NodePort, in the namespace of the run's probe Pods, with which it goes if not before."""

    def __init__(self, api: Api, run: str) -> None:
        self._api, self._run, self._namespace = api, run, OwnNamespace(api, run)
        self._opened: Opened | None = None

    def opened(self, address: str, port: int) -> Opened:
        """Leads to a Pod's address and port; made once. ApiError where the cluster refuses it."""
        if self._opened is None:
            self._namespace.create()
            entry = {"name": "trial", "port": port, "protocol": "TCP"}
            # Without a selector: the endpoint is the one that is told, and no Pod needs a label for it.
            made = self._create("Service", {"spec": {"type": "NodePort", "ports": [entry]}})
            self._create(
                "EndpointSlice",
                {
                    "addressType": "IPv6" if ":" in address else "IPv4",
                    "endpoints": [{"addresses": [address], "conditions": {"ready": True}}],
                    "ports": [entry],
                },
                **{"kubernetes.io/service-name": NAME},
            )
            spec = made["spec"]
            self._opened = Opened(str(spec["clusterIP"]), port, int(spec["ports"][0]["nodePort"]))
        return self._opened

    def remove(self) -> None:
        """Removes it, if it was made."""
        if self._opened:
            self._api.delete(RESOURCES["Service"].path(self._namespace.name, NAME))
            self._opened = None

    def _create(self, kind: str, body: Json, **marks: str) -> Json:
        resource = RESOURCES[kind]
        metadata = {"name": NAME, "labels": {**labels(self._run), **marks}}
        return self._api.create(
            resource.path(self._namespace.name),
            {"apiVersion": resource.group_version, "kind": kind, "metadata": metadata, **body},
        )
