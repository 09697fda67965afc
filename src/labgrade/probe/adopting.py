"""Who in a namespace would take a Pod of ours for one of its own."""

from __future__ import annotations

from collections.abc import Mapping

from labgrade.cluster.api import Api
from labgrade.facts import matches
from labgrade.facts.reading import RESOURCES
from labgrade.facts.selecting import selects

CONTROLLERS = ("ReplicaSet", "StatefulSet", "DaemonSet", "Job")


def adopters(api: Api, namespace: str, labels: Mapping[str, str]) -> list[str]:
    """Services and controllers that select a Pod with these labels, as kubectl names them.

    Kubernetes lets a controller acquire, and then delete, any Pod without an owner that its selector matches.
    """
    services = api.get(RESOURCES["Service"].path(namespace)).get("items") or []
    found = [("service", each) for each in services if matches(each["spec"].get("selector") or {}, labels)]
    for kind in CONTROLLERS:
        every = api.get(RESOURCES[kind].path(namespace)).get("items") or []
        found += [(kind.lower(), each) for each in every if selects(each["spec"].get("selector") or {}, labels)]
    return [f"{kind}/{each['metadata']['name']}" for kind, each in found]
