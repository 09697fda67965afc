"""kind clusters."""

from __future__ import annotations

import tempfile
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING

import yaml

from labgrade import engine
from labgrade.engine import Engine
from labgrade.errors import HarnessError, UsageError
from labgrade.model import Json
from labgrade.patience import until
from labgrade.probe.image import TAG
from labgrade.providers import cilium, clusterfile, loading, probeimage, restarts
from labgrade.run import output

if TYPE_CHECKING:
    from labgrade.providers import ClusterSpec, Say

CREATE_SECONDS = 600.0
READY_SECONDS = 240
SHORT_SECONDS = 60.0

EMPTY = ("sh", "-c", 'for path; do [ ! -d "$path" ] || find "$path" -mindepth 1 -delete; done', "empty")
"""Followed by paths: a command that leaves these folders empty."""


def exists(name: str) -> bool:
    """Whether there is a kind cluster of that name."""
    return name in output(["kind", "get", "clusters"], engine.find().environment, seconds=SHORT_SECONDS).split()


def start(spec: ClusterSpec, say: Say) -> None:
    """Creates the cluster, or starts its stopped nodes, loads the images, and waits until all of it is Ready."""
    if spec.config and spec.cni == "cilium":
        raise UsageError(f"{spec.config}: a configuration says itself what network its Pods get; leave out one of both")
    found = engine.find()
    config = clusterfile.read(spec.config) if spec.config else clusterfile.PRACTICE
    if exists(spec.name):
        _start_again(spec, found, config, say)
    else:
        _start_new(spec, found, config, say)


def _start_again(spec: ClusterSpec, found: Engine, config: Json, say: Say) -> None:
    """With the Pod network that it was made with; UsageError where that is not the one that is asked for."""
    say(f"cluster {spec.name} is there already: starting its nodes")
    nodes = output(["kind", "get", "nodes", "--name", spec.name], found.environment, seconds=SHORT_SECONDS).split()
    output(["docker", "start", *nodes], found.environment, seconds=SHORT_SECONDS)
    _keep_kubeconfig(spec, found)
    environment = _inside(spec, found)
    until(lambda: _answers(environment), seconds=READY_SECONDS, every=1.0)
    restarts.wait(nodes, found, environment, seconds=READY_SECONDS)
    has_cilium = cilium.is_installed(environment)
    if spec.cni and (spec.cni == "cilium") != has_cilium:
        there = "Cilium" if has_cilium else "another one"
        raise UsageError(
            f"there is a cluster {spec.name} already, its Pod network is {there}, and that cannot be changed. "
            f"`labgrade down --name {spec.name}` removes it, with all that is in it."
        )
    _wait_for_all(spec, found, config, say, has_cilium=has_cilium)


def _start_new(spec: ClusterSpec, found: Engine, config: Json, say: Say) -> None:
    has_cilium = spec.cni == "cilium"
    if has_cilium:
        cilium.require_helm(found)
        config = config | {"networking": cilium.NETWORKING}
    if has_cilium or spec.cni_images:
        found = engine.with_cilium(found, say)
    config = clusterfile.merged(config, found)
    if spec.beside:
        config = clusterfile.beside(config, spec.beside)
        for folder in clusterfile.host_folders(config):
            folder.mkdir(parents=True, exist_ok=True)  # else the engine makes it, as root
    try:
        _create_with_images(spec, found, config, say)
        if has_cilium:
            cilium.install(spec.name, found, _inside(spec, found), say)
    except BaseException:
        stop(spec.name)  # also after Ctrl-C: half a cluster is of no use, and in the way of the next try
        raise
    _wait_for_all(spec, found, config, say, has_cilium=has_cilium)


def _wait_for_all(spec: ClusterSpec, found: Engine, config: Json, say: Say, *, has_cilium: bool) -> None:
    if has_cilium:
        cilium.wait(_inside(spec, found), say)
    if has_cilium or clusterfile.has_network(config):
        say("waiting until nodes and system Pods are Ready")
        _wait(spec, found)
    else:
        say("waiting until all nodes have joined; without a Pod network they will not be Ready")
        _wait_for_nodes(spec, found, len(clusterfile.roles(config)))


def _inside(spec: ClusterSpec, found: Engine) -> dict[str, str]:
    """The environment in which kubectl and helm reach the cluster."""
    return found.environment | {"KUBECONFIG": str(spec.kubeconfig)}


def stop(name: str) -> None:
    """Deletes the cluster's containers."""
    output(["kind", "delete", "cluster", "--name", name], engine.find().environment, seconds=SHORT_SECONDS * 2)


def empty(spec: ClusterSpec) -> None:
    """Empties what the nodes share with `beside`, as their root: what Pods wrote is often nobody else's to delete."""
    paths = clusterfile.shared(clusterfile.read(spec.config)) if spec.beside and spec.config else []
    if not paths:
        return
    environment = engine.find().environment
    for node in output(["kind", "get", "nodes", "--name", spec.name], environment, seconds=SHORT_SECONDS).split():
        output(["docker", "exec", node, *EMPTY, *paths], environment, seconds=SHORT_SECONDS)


def collect_logs(name: str, into: Path) -> None:
    """Kind's own collection of logs."""
    output(["kind", "export", "logs", "--name", name, str(into)], engine.find().environment, seconds=SHORT_SECONDS * 2)


def _create_with_images(spec: ClusterSpec, found: Engine, config: Json, say: Say) -> None:
    """Fetches what the node image lacks while the cluster is being created."""
    wanted = [image for image in spec.images if image.partition("@")[0] not in found.images]
    with ThreadPoolExecutor() as pool, tempfile.TemporaryDirectory(prefix="labgrade-") as folder:
        archives = [pool.submit(loading.fetch, image, Path(folder), found) for image in wanted]
        say(f"creating the kind cluster {spec.name}: {', '.join(clusterfile.roles(config))} (about a minute)")
        _create(spec, found, config)
        for image, archive in zip(wanted, archives, strict=True):
            say(f"loading {image.partition('@')[0]} onto the nodes")
            loading.load(archive.result(), spec.name, found)
    if TAG not in found.images:
        say("loading the image of labgrade's probe onto the nodes")
    probeimage.load(spec.name, found)


def _create(spec: ClusterSpec, found: Engine, config: Json) -> None:
    command = ["kind", "create", "cluster", "--name", spec.name, "--config", "-"]
    spec.kubeconfig.parent.mkdir(parents=True, exist_ok=True)
    if not spec.users:
        command += ["--kubeconfig", str(spec.kubeconfig)]
    # Killed half-way, it leaves an engine that goes on making the containers, after whoever removes them has looked.
    # A thread in the background hears of Ctrl-C from whoever waits for it, and sees to its cluster's end.
    apart = threading.current_thread() is not threading.main_thread()
    try:
        output(command, found.environment, seconds=CREATE_SECONDS, stdin=yaml.safe_dump(config), apart=apart)
    except HarnessError as error:
        if spec.config and clusterfile.REFUSED.search(str(error)):
            raise UsageError(f"{spec.config}: {error}") from error
        raise
    _keep_kubeconfig(spec, found)


def _keep_kubeconfig(spec: ClusterSpec, found: Engine) -> None:
    words = output(["kind", "get", "kubeconfig", "--name", spec.name], found.environment, seconds=SHORT_SECONDS)
    spec.kubeconfig.parent.mkdir(parents=True, exist_ok=True)
    spec.kubeconfig.touch(mode=0o600)
    spec.kubeconfig.write_text(words, encoding="utf-8")


def _wait(spec: ClusterSpec, found: Engine) -> None:
    environment = _inside(spec, found)
    until(lambda: _answers(environment), seconds=READY_SECONDS, every=1.0)
    waits = (
        ["wait", "--for=condition=Ready", "nodes", "--all"],
        ["rollout", "status", "deployment/coredns", "--namespace=kube-system"],
        ["rollout", "status", "deployment/local-path-provisioner", "--namespace=local-path-storage"],
    )
    for wait in waits:
        output(["kubectl", *wait, f"--timeout={READY_SECONDS}s"], environment, seconds=READY_SECONDS + 10)


def _wait_for_nodes(spec: ClusterSpec, found: Engine, count: int) -> None:
    environment = _inside(spec, found)

    def joined() -> bool:
        if not _answers(environment):
            return False
        words = output(["kubectl", "get", "nodes", "-o", "name"], environment, seconds=SHORT_SECONDS)
        return len(words.split()) >= count

    if not until(joined, seconds=READY_SECONDS, every=1.0):
        raise HarnessError(f"of the {count} nodes of cluster {spec.name}, not all have joined in {READY_SECONDS} s")


def _answers(environment: dict[str, str]) -> bool:
    """Whether the API server is up; after a restart of its node it takes a while."""
    try:
        output(["kubectl", "get", "--raw", "/readyz"], environment, seconds=SHORT_SECONDS)
    except HarnessError:
        return False
    return True
