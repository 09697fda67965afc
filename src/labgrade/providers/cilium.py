"""Cilium as the only Pod network of a kind cluster, without kube-proxy and with Hubble's relay; helm installs it."""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import platformdirs
import yaml

from labgrade.engine import Engine
from labgrade.errors import HarnessError
from labgrade.model import Json
from labgrade.run import output

if TYPE_CHECKING:
    from labgrade.providers import Say

VERSION = "1.17.2"
CHART = f"https://helm.cilium.io/cilium-{VERSION}.tgz"
"""What helm installs where the engine brings no chart of its own."""

API_PORT = 6443
HELM_SECONDS = 180.0
READY_SECONDS = 300
SHORT_SECONDS = 60.0

NETWORKING: Json = {"disableDefaultCNI": True, "kubeProxyMode": "none"}
"""What a kind configuration says so that Cilium can be all of the network."""

NO_ENVOY = Path(__file__).with_name("no-envoy.yaml")


def chart(found: Engine) -> str:
    """What helm is told to install: a folder that the engine brought, or an address."""
    return found.cilium.chart if found.cilium else CHART


def values(found: Engine, cluster: str) -> Json:
    """The chart's values for a kind cluster of that name on this engine."""
    ours: Json = {
        "kubeProxyReplacement": True,
        # Without kube-proxy the agent reaches no Service before it works: it is told where the API server is.
        "k8sServiceHost": f"{cluster}-control-plane",
        "k8sServicePort": API_PORT,
        "ipam": {"mode": "kubernetes"},
        "bpf": {"masquerade": True},
        "operator": {"replicas": 1},
        "hubble": {"enabled": True, "relay": {"enabled": True}, "ui": {"enabled": "hubble-ui" not in found.lacks}},
    }
    return _merged(ours, found.cilium.values if found.cilium else {})


def environment(found: Engine) -> dict[str, str]:
    """For the steps of an answer that installs Cilium itself; HarnessError where there is no helm.

    `helm install cilium "$CILIUM_CHART" --version "$CILIUM_VERSION" --values "$CILIUM_VALUES" …`: the values are what
    this engine needs, and nothing on a usual Docker. PATH has helm.
    """
    require_helm(found)
    words = yaml.safe_dump(found.cilium.values if found.cilium else {})
    name = f"cilium-{hashlib.sha256(words.encode()).hexdigest()[:12]}.yaml"
    path = platformdirs.user_cache_path("labgrade") / "values" / name
    if not path.is_file():
        path.parent.mkdir(parents=True, exist_ok=True)
        half = path.with_suffix(".half")
        half.write_text(words, encoding="utf-8")
        half.replace(path)
    return {
        "CILIUM_CHART": chart(found),
        "CILIUM_VERSION": VERSION,
        "CILIUM_VALUES": str(path),
        "PATH": found.environment["PATH"],
    }


def require_helm(found: Engine) -> None:
    """HarnessError, saying where to get it, without helm on the PATH."""
    if shutil.which("helm", path=found.environment.get("PATH")) is None:
        raise HarnessError(
            "helm is not installed, and labgrade installs Cilium with it: https://helm.sh/docs/intro/install/"
        )


def is_installed(environment: Mapping[str, str]) -> bool:
    """Whether the cluster of KUBECONFIG has Cilium's agents."""
    command = ["kubectl", "get", "daemonset", "cilium", "--namespace=kube-system", "--ignore-not-found", "-o", "name"]
    return bool(output(command, environment, seconds=SHORT_SECONDS).strip())


def install(cluster: str, found: Engine, environment: Mapping[str, str], say: Say) -> None:
    """Installs Cilium into the cluster of KUBECONFIG; `wait` says when it works."""
    say(f"installing Cilium {VERSION} with helm")
    helm = ["helm", "upgrade", "--install", "cilium", chart(found), "--version", VERSION]
    helm += ["--namespace", "kube-system", "--values", "-"]
    output(helm, environment, seconds=HELM_SECONDS, stdin=yaml.safe_dump(values(found, cluster)))
    if "cilium-envoy" in found.lacks:
        command = ["kubectl", "apply", "--filename", "-"]
        output(command, environment, seconds=SHORT_SECONDS, stdin=NO_ENVOY.read_text(encoding="utf-8"))


def wait(environment: Mapping[str, str], say: Say) -> None:
    """Until agents, operator and relay are rolled out; HarnessError after a while.

    A node is Ready as soon as an agent has written the CNI configuration, although it may crash after that: the nodes
    say less than the rollouts.
    """
    say("waiting for Cilium's agents (half a minute, and longer where the images have to be pulled)")
    for what in ("daemonset/cilium", "deployment/cilium-operator", "deployment/hubble-relay"):
        command = ["kubectl", "rollout", "status", what, "--namespace=kube-system", f"--timeout={READY_SECONDS}s"]
        output(command, environment, seconds=READY_SECONDS + 10)


def _merged(one: Json, other: Json) -> Json:
    """Both, down to the leaves; where both have one, that of `other`."""
    both = dict(one)
    for key, value in other.items():
        mine = both.get(key)
        both[key] = _merged(mine, value) if isinstance(mine, dict) and isinstance(value, dict) else value
    return both
