"""The doctor on a real cluster: nothing to mend on a healthy one, and what was broken is named on a broken one."""

from __future__ import annotations

import subprocess
from collections.abc import Mapping

from labgrade.diagnosis.nodes import PATCH
from labgrade.patience import until

from .conftest import Practice

SCALE = ("kubectl", "scale", "deployment", "coredns", "-n", "kube-system")


def doctor(practice: Practice, *words: str, extra: Mapping[str, str] | None = None) -> tuple[int, str]:
    """Exit code and words, on one line."""
    done = practice.labgrade("doctor", "--lang", "en", "--kubeconfig", str(practice.kubeconfig), *words, extra=extra)
    assert "Traceback" not in done.stdout + done.stderr
    return done.returncode, " ".join(done.stdout.split())


def kubectl(practice: Practice, docker: Mapping[str, str], *words: str) -> None:
    """Breaks or mends something."""
    environment = {**docker, "KUBECONFIG": str(practice.kubeconfig)}
    subprocess.run(words, env=environment, check=True, capture_output=True)


def test_a_healthy_cluster(practice: Practice) -> None:
    """A Pod was tried, and nothing is to be mended before labgrade runs."""
    # Just after another test had broken it, the cluster may need a moment.
    assert until(lambda: doctor(practice)[0] == 0, seconds=60, every=1), doctor(practice)
    _, said = doctor(practice, "--verbose")
    assert "A Pod starts, resolves names and reaches a Service" in said
    assert "This machine is ready" in said


def test_broken_parts_are_named(practice: Practice, docker: dict[str, str]) -> None:
    """No default class and no DNS: both are told, with the commands that mend them."""
    patch = "kubectl", "annotate", "storageclass", "standard", "--overwrite"
    kubectl(practice, docker, *patch, "storageclass.kubernetes.io/is-default-class=false")
    kubectl(practice, docker, *SCALE, "--replicas=0")
    try:
        code, said = doctor(practice)
    finally:
        kubectl(practice, docker, *SCALE, "--replicas=2")
        kubectl(practice, docker, *patch, "storageclass.kubernetes.io/is-default-class=true")
        kubectl(practice, docker, "kubectl", "rollout", "status", "deployment/coredns", "-n", "kube-system")
    assert code == 1
    assert "Mend first: CoreDNS is scaled to 0" in said
    assert PATCH.format("standard", "true") in said


def test_a_node_that_is_paused(practice: Practice, docker: dict[str, str]) -> None:
    """The container is named, and nothing waits for what cannot answer."""
    node = f"{practice.name}-control-plane"
    subprocess.run(["docker", "pause", node], env=docker, check=True, capture_output=True)
    try:
        code, said = doctor(practice)
    finally:
        subprocess.run(["docker", "unpause", node], env=docker, check=True, capture_output=True)
    assert code == 1
    assert f"docker unpause {node}" in said
    assert "Not looked at" in said


def test_no_engine(practice: Practice) -> None:
    """Without Docker the cluster cannot be made again, and a bare host is told how to have it."""
    bare = {"PATH": "/nowhere", "XDG_CACHE_HOME": "/nowhere", "DOCKER_HOST": "", "LABGRADE_ENGINE": ""}
    code, said = doctor(practice, extra=bare)
    assert code == 1
    assert "Mend first: Docker is not installed" in said
    assert "make engine" in said
