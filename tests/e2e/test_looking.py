"""Looking from inside and trying traffic, on a real cluster."""

from __future__ import annotations

import io
import os
import subprocess
import tarfile
from collections.abc import Generator
from pathlib import Path

import pytest

from labgrade import engine, kubeconfig
from labgrade.cluster import inside
from labgrade.cluster.nodepods import NodePods
from labgrade.course import answers
from labgrade.facts import Cluster, Pod, Snapshot
from labgrade.patience import until
from labgrade.probe import ProbePod, Sources, dns, http, tcp
from labgrade.probe.program import on_nodes
from labgrade.providers import loading
from labgrade.runid import new_run

from .conftest import Practice, Work
from .test_main_job import b01

UNUSED_PORT = 4


@pytest.fixture
def grader_environment(practice: Practice, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The environment that a grading gives to kubectl."""
    path = kubeconfig.write(kubeconfig.read(practice.kubeconfig), tmp_path)
    for name, value in kubeconfig.child_environment(path, os.environ).items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("PATH", engine.tools()["PATH"])


@pytest.fixture
def probe(practice: Practice, tmp_path: Path) -> Generator[ProbePod]:
    """A probe Pod of the test's own."""
    api, run = practice.api(tmp_path / "api"), new_run()
    sources = Sources(api, run, lambda: on_nodes(Cluster(Snapshot(api), "default").nodes()))
    yield sources.own()
    sources.remove()


@b01
@pytest.mark.usefixtures("grader_environment")
def test_a_container_is_looked_into_and_its_exit_code_is_told(work: Work, tmp_path: Path) -> None:
    """A command's output and exit code come back; words that a shell would take apart arrive whole."""
    work.put(answers.solution(work.lab))
    cluster = Cluster(Snapshot(work.practice.api(tmp_path / "api")), work.place.namespace)
    host = inside.container_host(cluster.pod("duo"), "nginx")
    assert host.run("echo %s", "a b; $HOME 'c'").stdout == "a b; $HOME 'c'\n"
    assert host.run("exit 7").rc == 7
    assert host.run("test -d /etc/nginx").succeeded


@pytest.mark.usefixtures("grader_environment")
@pytest.mark.parametrize("way", ["docker", "privileged Pod"])
def test_a_node_is_looked_into(practice: Practice, tmp_path: Path, way: str) -> None:
    """Both ways reach the same node: its kubelet's configuration is there."""
    api = practice.api(tmp_path / "api")
    node = next(node for node in Cluster(Snapshot(api), "default").nodes() if node.name.endswith("worker"))
    pods = NodePods(api, new_run())
    try:
        if way == "docker":
            assert inside.docker_has(node)
            host = inside.docker_host(node)
        else:
            host = inside.chroot_host(pods.on(node))
        assert "kind: KubeletConfiguration" in host.run("cat /var/lib/kubelet/config.yaml").stdout
        assert host.run("cat /etc/hostname").stdout.strip() == node.name
    finally:
        pods.remove()


@b01
def test_verdicts_of_real_traffic(work: Work, probe: ProbePod, tmp_path: Path) -> None:
    """Answered, refused and unknown names are told apart, all asked in one go; an address of no Pod is silent.

    That address is one of the node's own Pods: nothing may leave the machine.
    """
    work.put(answers.solution(work.lab))
    api = work.practice.api(tmp_path / "mine")

    def ready() -> Pod | None:
        """A Pod that serves: the one in quarantine is being replaced just now."""
        pods = Cluster(Snapshot(api), work.place.namespace).deployment("web").pods
        return next((pod for pod in pods if pod.ready), None)

    pod = until(ready, seconds=60)
    assert pod is not None
    cluster = Cluster(Snapshot(api), work.place.namespace)
    name = f"web.{work.place.namespace}.svc.cluster.local"
    answered = probe.ask(
        [
            http(pod.ip),
            tcp(pod.ip, UNUSED_PORT),
            dns(name),
            http(name, path="/nothing-here"),
            dns(f"nobody.{name}"),
            tcp(f"{pod.ip.rpartition('.')[0]}.254", 80),
        ]
    )
    page, closed, address, missing, unknown, nowhere = answered
    assert (page.verdict, page.status) == ("http", 200)
    assert "nginx" in page.body
    assert closed.verdict == "refused"
    assert address.addresses == (cluster.service("web").cluster_ip,)
    assert (missing.verdict, missing.status) == ("http", 404)
    assert unknown.verdict == "unresolved"
    assert nowhere.verdict in {"dropped", "unreachable"}


def test_an_image_of_the_engine_is_loaded_onto_the_nodes(
    practice: Practice, docker: dict[str, str], tmp_path: Path
) -> None:
    """What `up` does with each pinned image once it is pulled: saved for this platform, loaded under its tag."""
    tag = f"labgrade.invalid/loaded:{new_run()}"
    empty = io.BytesIO()
    tarfile.open(fileobj=empty, mode="w").close()
    subprocess.run(["docker", "import", "-", tag], input=empty.getvalue(), env=docker, check=True, capture_output=True)
    try:
        found = engine.find()
        loading.load(loading.archive(tag, tmp_path, found), practice.name, found)
        worker = ["docker", "exec", f"{practice.name}-worker", "ctr", "-n", "k8s.io", "images", "ls", "-q"]
        assert tag in subprocess.run(worker, env=docker, check=True, capture_output=True, text=True).stdout.split()
    finally:
        subprocess.run(["docker", "rmi", tag], env=docker, check=True, capture_output=True)
