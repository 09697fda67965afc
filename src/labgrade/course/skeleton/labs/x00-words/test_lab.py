"""Lab x00: TODO what it is about, in one sentence."""

from __future__ import annotations

from labgrade.errors import Unmet
from labgrade.facts import Cluster
from labgrade.text import Text


# TODO your own checks, one function each; what several labs ask becomes an assert_... in checks/
def test_example(cluster: Cluster) -> None:
    service = cluster.service("example")
    ports = [port["port"] for port in service.ports]
    if 80 not in ports:
        raise Unmet(
            Text(en=f"{service} has the ports {ports}", fr=f"{service} a les ports {ports}")
            if service.exists
            else Text(en=f"there is no {service}", fr=f"il n'y a pas de {service}"),
            wanted=Text(en="port 80", fr="le port 80"),
            try_=f"kubectl get services -n {service.namespace}",
        )
