"""What we put into a cluster, and how it is known to be ours."""

from __future__ import annotations

import re

from labgrade.cluster.api import Api, ApiError
from labgrade.errors import HarnessError
from labgrade.facts.reading import RESOURCES
from labgrade.model import Json
from labgrade.patience import until

RECORDS_NAMESPACE = "kube-system"
"""Where the Lease and the journal live while we grade; a namespace of our own would outlast the run."""

ACCOUNT_SECONDS = 10.0

OURS = re.compile(r"labgrade-((nodes|claims)-)?[0-9a-f]{8}")
"""Namespaces of runs: a label alone could be anybody's."""


def labels(run: str) -> dict[str, str]:
    """The labels on everything that a run creates."""
    return {"app.kubernetes.io/managed-by": "labgrade", "labgrade/run": run}


def create_namespace(api: Api, name: str, run: str, *, level: str) -> None:
    """Makes a namespace of ours at that Pod Security level; ApiError where it cannot be."""
    marks = labels(run) | {"pod-security.kubernetes.io/enforce": level}
    api.create(
        RESOURCES["Namespace"].path(),
        {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name, "labels": marks}},
    )


def remove_orphans(api: Api) -> None:
    """Removes namespaces that killed runs left; only for who holds the cluster's Lease, so that no run is alive."""
    found = api.get(RESOURCES["Namespace"].path(), labelSelector="app.kubernetes.io/managed-by=labgrade")
    for namespace in found.get("items") or []:
        name = namespace["metadata"]["name"]
        if OURS.fullmatch(name):
            api.delete(RESOURCES["Namespace"].path(name=name), uid=namespace["metadata"]["uid"])


def create_pod(api: Api, namespace: str, body: Json) -> None:
    """Makes a Pod in a namespace that is new, too; HarnessError where it is refused."""

    def created() -> bool:
        try:
            api.create(RESOURCES["Pod"].path(namespace), body)
        except ApiError as error:
            # A namespace has no default service account for its first instant.
            if error.status == 403 and "serviceaccount" in str(error):
                return False
            raise
        return True

    if not until(created, seconds=ACCOUNT_SECONDS, every=0.05):
        raise HarnessError(f"the namespace {namespace} got no service account in time")
