"""Looking at a container or a node from inside, with pytest-testinfra.

Its kubectl backend takes no time-out and cannot tell a lost connection from a failed command; both matter for a
grade, so the command's own exit code travels at the end of both of its streams: what has no such end is no answer.
"""

from __future__ import annotations

import os
import re
import subprocess
from typing import Any

from testinfra.backend.base import CommandResult
from testinfra.backend.docker import DockerBackend
from testinfra.backend.kubectl import KubectlBackend
from testinfra.host import Host

from labgrade import engine
from labgrade.errors import HarnessError
from labgrade.facts import Node, Pod
from labgrade.patience import retrying_transport
from labgrade.run import output

COMMAND_SECONDS = 20.0
_SENTINEL = re.compile(rb"labgrade-exit=(\d+)\n")


class _Kubectl(KubectlBackend):
    environment = os.environ  # KUBECONFIG is the run's own

    def get_encoding(self) -> str:
        return "utf-8"  # the library would run Python in the container to find out

    def get_command(self, command: str, *args: str) -> str:
        return _with_sentinel(super().get_command(command, *args))

    def run_local(self, command: str, *args: str) -> CommandResult:
        return _bounded(self, command, *args)


class _Docker(DockerBackend):
    @property
    def environment(self) -> dict[str, str]:
        return engine.find().environment

    def get_encoding(self) -> str:
        return "utf-8"

    def get_command(self, command: str, *args: str) -> str:
        return _with_sentinel(super().get_command(command, *args))

    def run_local(self, command: str, *args: str) -> CommandResult:
        return _bounded(self, command, *args)


class _Chrooted(_Kubectl):
    """In a Pod that has the node's root file system at /host."""

    def get_command(self, command: str, *args: str) -> str:
        inner = KubectlBackend.get_command(self, command, *args)
        return _with_sentinel(self.quote("chroot /host /bin/sh -c %s", inner))


def container_host(pod: Pod, container: str | None = None) -> Host:
    """A testinfra host in a Pod's container, the first one unless named. KUBECONFIG says which cluster.

    A command that could not be run or took over COMMAND_SECONDS raises HarnessError; one that ran has its exit code.
    It is run again where its answer was lost: it must do no harm the second time, as looking does none.
    """
    name = container or next(iter(pod.containers), "")
    if not name:
        raise HarnessError(f"{pod} has no container to look into")
    return Host(_Kubectl(pod.name, namespace=pod.namespace, container=name))


def docker_has(node: Node) -> bool:
    """Whether that very node is a container of the engine that we use, not one of the same name elsewhere."""
    try:
        words = [
            "docker",
            "inspect",
            "--format",
            "{{range .NetworkSettings.Networks}}{{.IPAddress}} {{end}}",
            node.name,
        ]
        return node.ip in output(words, engine.find().environment, seconds=COMMAND_SECONDS).split()
    except HarnessError:
        return False


def docker_host(node: Node) -> Host:
    """A testinfra host in a kind node, which is a container of the engine that we use."""
    return Host(_Docker(node.name))


def chroot_host(pod: Pod) -> Host:
    """A testinfra host on the node whose root file system a Pod of ours mounts at /host."""
    return Host(_Chrooted(pod.name, namespace=pod.namespace))


def _with_sentinel(command: str) -> str:
    return f'( {command}\n); code=$?; echo "labgrade-exit=$code"; echo "labgrade-exit=$code" >&2; exit $code'


def _bounded(backend: Any, command: str, *args: str) -> CommandResult:
    words = backend.quote(command, *args)
    code, out, err = retrying_transport(lambda: _run(backend, words))
    return backend.result(code, words.encode(), out, err)


def _run(backend: Any, words: str) -> tuple[int, bytes, bytes]:
    try:
        done = subprocess.run(
            words,
            shell=True,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=COMMAND_SECONDS,
            env=backend.environment,
            check=False,
        )
    except subprocess.TimeoutExpired as error:
        raise HarnessError(f"a command in {backend.name} did not end within {COMMAND_SECONDS:.0f} s") from error
    out, err = (list(_SENTINEL.finditer(stream)) for stream in (done.stdout, done.stderr))
    if not err or not out or out[-1].end() < len(done.stdout):
        said = done.stderr.decode("utf-8", "replace")
        raise HarnessError(f"could not run a command in {backend.name}: {said[-300:].strip()}")
    # What follows on standard error is the word of kubectl or docker, not the command's.
    return int(err[-1][1]), done.stdout[: out[-1].start()], done.stderr[: err[-1].start()]
