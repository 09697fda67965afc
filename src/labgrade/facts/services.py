"""Services and where they send traffic."""

from __future__ import annotations

from dataclasses import dataclass

from labgrade.facts.base import Fact
from labgrade.model import Json


@dataclass(frozen=True, slots=True)
class Endpoint:
    """An address behind a Service."""

    ip: str
    ready: bool
    pod: str
    """Name of the Pod; empty for an address that is no Pod's."""


class Service(Fact):
    """A Service and its endpoints."""

    kind = "Service"

    @property
    def type(self) -> str:
        """ClusterIP, NodePort, LoadBalancer or ExternalName; empty when there is no such Service."""
        return str(self.spec.get("type", ""))

    @property
    def cluster_ip(self) -> str:
        """Its virtual address; `None` for a headless one, empty when there is no such Service."""
        return str(self.spec.get("clusterIP", ""))

    @property
    def headless(self) -> bool:
        """Whether its name stands for the Pods themselves."""
        return self.cluster_ip == "None"

    @property
    def addresses(self) -> list[str]:
        """What its name stands for in the cluster: its virtual address, or where it is headless its ready endpoints.

        Empty for an alias, and when there is no such Service.
        """
        if self.headless:
            return [endpoint.ip for endpoint in self.endpoints if endpoint.ready]
        return [self.cluster_ip] if self.cluster_ip else []

    @property
    def selector(self) -> dict[str, str]:
        """Labels of the Pods that it sends to."""
        return self.spec.get("selector") or {}

    @property
    def ports(self) -> list[Json]:
        """`spec.ports`."""
        return self.spec.get("ports") or []

    def entry(self, port: int) -> Json:
        """Its `spec.ports` entry for a port; empty when it has no such port."""
        return next((entry for entry in self.ports if int(entry["port"]) == port), {})

    def node_port(self, port: int) -> int:
        """Where each node listens for one of its ports; 0 where none does."""
        return int(self.entry(port).get("nodePort", 0))

    @property
    def external_name(self) -> str:
        """The host that it is an alias of, in lower case and without a dot at its end; empty when it is no alias."""
        return str(self.spec.get("externalName", "")).rstrip(".").lower()

    @property
    def endpoints(self) -> list[Endpoint]:
        """The addresses behind it, from its EndpointSlices, each once."""
        found = {
            endpoint.ip: endpoint
            for each in self._reading.items("EndpointSlice", self.namespace)
            if (each["metadata"].get("labels") or {}).get("kubernetes.io/service-name") == self.name
            for endpoint in _endpoints(each)
        }
        return [found[ip] for ip in sorted(found)]


def _endpoints(each: Json) -> list[Endpoint]:
    return [
        Endpoint(
            ip=address,
            # The API's rule: a condition that is not given means yes.
            ready=(endpoint.get("conditions") or {}).get("ready") is not False,
            pod=(endpoint.get("targetRef") or {}).get("name", ""),
        )
        for endpoint in each.get("endpoints") or []
        for address in endpoint.get("addresses") or []
    ]
