"""kind clusters."""

from __future__ import annotations

import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml

from labgrade import engine
from labgrade.engine import Engine
from labgrade.errors import HarnessError
from labgrade.patience import until
from labgrade.providers import loading
from labgrade.run import output

if TYPE_CHECKING:
    from labgrade.providers import ClusterSpec, Say

CREATE_SECONDS = 600.0
READY_SECONDS = 240
SHORT_SECONDS = 60.0


def exists(name: str) -> bool:
    """Whether there is a kind cluster of that name."""
    return name in output(["kind", "get", "clusters"], engine.find().environment, seconds=SHORT_SECONDS).split()


def start(spec: ClusterSpec, say: Say) -> None:
    """Creates the cluster, or starts its stopped nodes, loads the images, and waits until all of it is Ready."""
    found = engine.find()
    if exists(spec.name):
        say(f"cluster {spec.name} is there already: starting its nodes")
        nodes = output(["kind", "get", "nodes", "--name", spec.name], found.environment, seconds=SHORT_SECONDS).split()
        output(["docker", "start", *nodes], found.environment, seconds=SHORT_SECONDS)
        _keep_kubeconfig(spec, found)
    else:
        try:
            _create_with_images(spec, found, say)
        except BaseException:
            stop(spec.name)  # also after Ctrl-C: half a cluster is of no use, and in the way of the next try
            raise
    say("waiting until nodes and system Pods are Ready")
    _wait(spec, found)


def stop(name: str) -> None:
    """Deletes the cluster's containers."""
    output(["kind", "delete", "cluster", "--name", name], engine.find().environment, seconds=SHORT_SECONDS * 2)


def collect_logs(name: str, into: Path) -> None:
    """Kind's own collection of logs."""
    output(["kind", "export", "logs", "--name", name, str(into)], engine.find().environment, seconds=SHORT_SECONDS * 2)


def configuration(found: Engine) -> dict[str, Any]:
    """The kind configuration of a practice cluster on this engine."""
    return {
        "kind": "Cluster",
        "apiVersion": "kind.x-k8s.io/v1alpha4",
        "nodes": [{"role": "control-plane"}, {"role": "worker"}, {"role": "worker"}],
        "kubeadmConfigPatches": list(found.kubeadm_patches),
    }


def _create_with_images(spec: ClusterSpec, found: Engine, say: Say) -> None:
    """Fetches what the node image lacks while the cluster is being created."""
    wanted = [image for image in spec.images if image.partition("@")[0] not in found.images]
    with ThreadPoolExecutor() as pool, tempfile.TemporaryDirectory(prefix="labgrade-") as folder:
        archives = [pool.submit(loading.fetch, image, Path(folder), found) for image in wanted]
        say(f"creating the kind cluster {spec.name}: one control plane, two workers (about a minute)")
        _create(spec, found)
        for image, archive in zip(wanted, archives, strict=True):
            say(f"loading {image.partition('@')[0]} onto the nodes")
            loading.load(archive.result(), spec.name, found)


def _create(spec: ClusterSpec, found: Engine) -> None:
    command = ["kind", "create", "cluster", "--name", spec.name, "--config", "-"]
    if found.node_image:
        command += ["--image", found.node_image]
    spec.kubeconfig.parent.mkdir(parents=True, exist_ok=True)
    if not spec.users:
        command += ["--kubeconfig", str(spec.kubeconfig)]
    output(command, found.environment, seconds=CREATE_SECONDS, stdin=yaml.safe_dump(configuration(found)))
    _keep_kubeconfig(spec, found)


def _keep_kubeconfig(spec: ClusterSpec, found: Engine) -> None:
    words = output(["kind", "get", "kubeconfig", "--name", spec.name], found.environment, seconds=SHORT_SECONDS)
    spec.kubeconfig.parent.mkdir(parents=True, exist_ok=True)
    spec.kubeconfig.touch(mode=0o600)
    spec.kubeconfig.write_text(words, encoding="utf-8")


def _wait(spec: ClusterSpec, found: Engine) -> None:
    environment = found.environment | {"KUBECONFIG": str(spec.kubeconfig)}
    until(lambda: _answers(environment), seconds=READY_SECONDS, every=1.0)
    waits = (
        ["wait", "--for=condition=Ready", "nodes", "--all"],
        ["rollout", "status", "deployment/coredns", "--namespace=kube-system"],
        ["rollout", "status", "deployment/local-path-provisioner", "--namespace=local-path-storage"],
    )
    for wait in waits:
        output(["kubectl", *wait, f"--timeout={READY_SECONDS}s"], environment, seconds=READY_SECONDS + 10)


def _answers(environment: dict[str, str]) -> bool:
    """Whether the API server is up; after a restart of its node it takes a while."""
    try:
        output(["kubectl", "get", "--raw", "/readyz"], environment, seconds=SHORT_SECONDS)
    except HarnessError:
        return False
    return True
