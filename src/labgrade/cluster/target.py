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


class NoCluster(UsageError):
    """There is no cluster yet, neither a practice cluster nor another one."""


def practice_kubeconfig(name: str = PRACTICE) -> Path:
    """Where `labgrade up` keeps the kubeconfig of the practice cluster of that name."""
    return platformdirs.user_state_path("labgrade") / "clusters" / f"{name}.kubeconfig"


def resolve(file: str | None, context: str | None, cluster: str | None = None) -> Access:
    """The access that `--kubeconfig` and `--context` mean.

    Without either: the kind cluster named `cluster`, if a lab has one of its own; else the practice cluster, else the
    current context of the user's kubeconfig. UsageError where there is none, or where the file is not one that we use.
    Whether it leads to a kind cluster is for the caller to see.
    """
    if file is None and context is None:
        file, context = _named(cluster) if cluster else _usual()
    path = Path(file) if file else _users_own()
    allowed = [host for host in os.environ.get("LABGRADE_ALLOWED_HOSTS", "").split(",") if host]
    return kubeconfig.read(path, context=context, allowed_hosts=allowed)


def _usual() -> tuple[str | None, None]:
    return (str(practice_kubeconfig()) if practice_kubeconfig().is_file() else None), None


def _named(cluster: str) -> tuple[str, str]:
    """File and context of a kind cluster; the user's file first, since kind itself renews only that one."""
    context, own = f"kind-{cluster}", _users_file()
    for path in (own, practice_kubeconfig(cluster)):
        if path.is_file() and context in kubeconfig.contexts(path).names:
            return str(path), context
    raise UsageError(
        f"there is no context {context} in {own}: this lab is graded on a kind cluster named {cluster}. Make it with "
        f"`kind create cluster --name {cluster} --config FILE`, or `labgrade up --name {cluster} --config FILE`."
    )


def _users_file() -> Path:
    named = os.environ.get("KUBECONFIG", "").split(os.pathsep)[0]
    return Path(named) if named else Path.home() / ".kube" / "config"


def _users_own() -> Path:
    path = _users_file()
    if not path.is_file() or not kubeconfig.contexts(path).names:
        raise NoCluster(
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
