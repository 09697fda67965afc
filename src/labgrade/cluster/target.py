"""Which cluster is meant: never silently another one than the student's practice cluster."""

from __future__ import annotations

import os
from pathlib import Path

import platformdirs

from labgrade import kubeconfig
from labgrade.cluster.workspace import Workspace
from labgrade.errors import UsageError
from labgrade.kubeconfig import Access

PRACTICE = "labgrade"
"""Name of the practice cluster that `labgrade up` makes unless told otherwise."""


def practice_kubeconfig(name: str = PRACTICE) -> Path:
    """Where `labgrade up` keeps the kubeconfig of the practice cluster of that name."""
    return platformdirs.user_state_path("labgrade") / "clusters" / f"{name}.kubeconfig"


def resolve(file: str | None, context: str | None) -> Access:
    """The access that `--kubeconfig` and `--context` mean.

    Without either: the practice cluster, else the current context of the user's kubeconfig. UsageError where there
    is none, or where the file is not one that we use. Whether it leads to a kind cluster is for the caller to see.
    """
    allowed = [host for host in os.environ.get("LABGRADE_ALLOWED_HOSTS", "").split(",") if host]
    if file is None and context is None and practice_kubeconfig().is_file():
        return kubeconfig.read(practice_kubeconfig(), allowed_hosts=allowed)
    path = Path(file) if file else _users_own()
    return kubeconfig.read(path, context=context, allowed_hosts=allowed)


def _users_own() -> Path:
    named = os.environ.get("KUBECONFIG", "").split(os.pathsep)[0]
    path = Path(named) if named else Path.home() / ".kube" / "config"
    if not path.is_file() or not kubeconfig.contexts(path).names:
        raise UsageError(
            f"there is no practice cluster, and no other one in {path}. `labgrade up` makes a cluster; "
            "`--kubeconfig FILE` names another one."
        )
    return path


def require_kind(place: Workspace, access: Access) -> None:
    """UsageError where the cluster is not one that kind made: nothing is changed on any other."""
    providers = place.kubectl("get", "nodes", "-o", "jsonpath={.items[*].spec.providerID}").split()
    if not providers or not all(provider.startswith("kind://") for provider in providers):
        raise UsageError(not_kind(access))


def not_kind(access: Access) -> str:
    """The refusal of a cluster that kind did not make."""
    return (
        f"the context {access.context!r} does not lead to a kind cluster, and labgrade touches no other: "
        "its checks delete Pods and scale workloads. `labgrade up` makes a practice cluster."
    )
