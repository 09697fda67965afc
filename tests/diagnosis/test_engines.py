"""A container engine that does not answer is told by its cause, with what to type on this system."""

from __future__ import annotations

import json
from typing import Any

import pytest

from labgrade.diagnosis import asking
from labgrade.diagnosis.engines import container_engine
from labgrade.diagnosis.finding import Finding
from labgrade.diagnosis.machine import System
from labgrade.engine import SCHEMA
from labgrade.text import Text

from .conftest import Ward

DOWN = "Cannot connect to the Docker daemon at unix:///var/run/docker.sock. Is the docker daemon running?"
DENIED = "permission denied while trying to connect to the Docker daemon socket at unix:///var/run/docker.sock"
DESKTOP = "Cannot connect to the Docker daemon at unix:///home/a/.docker/desktop/docker.sock. Is the daemon running?"
STUB = "The command 'docker' could not be found in this WSL 2 distro."
FAR = "error during connect: Get http://lab.example/v1.51/info: dial tcp: lookup lab.example: no such host"
OLD = "client version 1.52 is too new. Maximum supported API version is 1.41"


def only(found: list[Finding]) -> Finding:
    """The one finding."""
    (finding,) = found
    return finding


def said(finding: Finding) -> str:
    """All that a reader of English is told to do."""
    return "\n".join(each.en if isinstance(each, Text) else each for each in finding.do)


@pytest.mark.parametrize(
    ("system", "words", "found", "remedy"),
    [
        ("linux", DOWN, "does not run", "sudo service docker start"),
        ("macos", DOWN, "Desktop is not started", "open -a Docker"),
        ("wsl", DOWN, "does not run", "start Docker Desktop in Windows"),
        ("linux", DESKTOP, "Desktop is not started", "systemctl --user start docker-desktop"),
        ("linux", DENIED, "you may not use it", "usermod -aG docker"),
        ("wsl", STUB, "not installed", "WSL integration"),
        ("linux", FAR, "another machine", "docker context use default"),
        ("linux", OLD, "too far apart", "update Docker"),
    ],
)
def test_the_cause_and_the_remedy(ward: Ward, system: System, words: str, found: str, remedy: str) -> None:
    """What docker says leads to the cause, and the system to what is typed."""
    ward.system = system
    ward.program("docker", f'echo "{words}" >&2; exit 1')
    finding = only(container_engine(ward.patient()))
    assert finding.level == "trouble"
    assert found in finding.words.en
    assert remedy in said(finding)
    assert words[:30] in finding.details[0]


def test_no_docker_at_all(ward: Ward) -> None:
    """A bare host is told of both ways: Docker, and an engine of labgrade's own."""
    finding = only(container_engine(ward.patient()))
    assert finding.words.en == "Docker is not installed"
    assert "docs.docker.com" in said(finding)
    assert "make engine" in said(finding)


def test_a_docker_that_hangs_does_not_hang_the_doctor(ward: Ward, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is given up, with all that it started, and told as hanging."""
    monkeypatch.setattr(asking.ask, "__kwdefaults__", {"seconds": 0.3})
    ward.program("docker", "sleep 30 & sleep 30")
    assert "it hangs" in only(container_engine(ward.patient())).words.en


def test_docker_host_that_leads_nowhere(ward: Ward) -> None:
    """The variable is the cause, and its password stays untold."""
    ward.environment["DOCKER_HOST"] = "tcp://me:secret@10.0.0.9:2375"
    ward.program("docker", f'echo "{DOWN}" >&2; exit 1')
    finding = only(container_engine(ward.patient()))
    assert "DOCKER_HOST leads to tcp://10.0.0.9:2375" in finding.words.en
    assert "unset DOCKER_HOST" in finding.do


def test_an_old_client_that_ends_well_without_a_server(ward: Ward) -> None:
    """Clients before 23 exit with 0; the error in their answer counts."""
    ward.docker({"ServerErrors": [DOWN]})
    assert only(container_engine(ward.patient())).level == "trouble"


def test_our_own_engine_that_is_stopped(ward: Ward) -> None:
    """What was set up by `make engine` is started by `make engine`."""
    described: dict[str, Any] = {"schema": SCHEMA, "docker_host": "unix:///no.sock", "path": [], "node_image": "n"}
    ward.file("engine.json", json.dumps({**described, "images": [], "kubeadm_patches": []}))
    finding = only(container_engine(ward.patient()))
    assert "labgrade's own" in finding.words.en
    assert "make engine" in finding.do


def test_our_own_engine_that_was_never_made(ward: Ward) -> None:
    """The variable asks for what is not there."""
    ward.environment["LABGRADE_ENGINE"] = "own"
    assert "unset LABGRADE_ENGINE" in only(container_engine(ward.patient())).do


@pytest.mark.parametrize(
    ("info", "level", "words"),
    [
        ({}, "fine", "Docker 28.5.2 answers"),
        ({"OSType": "windows"}, "trouble", "Windows containers"),
        ({"host": {"memTotal": 1}}, "warning", "Podman"),
        ({"SecurityOptions": ["name=rootless"], "PidsLimit": False}, "trouble", "PidsLimit"),
        ({"SecurityOptions": ["name=rootless"], "PidsLimit": True}, "fine", "answers"),
    ],
)
def test_an_engine_that_answers(ward: Ward, info: dict[str, object], level: str, words: str) -> None:
    """What is odd about it is told in the place of its version."""
    ward.docker(info)
    finding = only(container_engine(ward.patient()))
    assert finding.level == level
    assert words in finding.words.en


@pytest.mark.parametrize(
    ("address", "level"),
    [("tcp://lab.example:2376", "trouble"), ("ssh://me@lab.example", "trouble"), ("tcp://127.0.0.1:2375", "fine")],
)
def test_an_engine_on_another_machine(ward: Ward, address: str, level: str) -> None:
    """Its clusters cannot be reached from here; loopback is no other machine."""
    ward.environment["DOCKER_HOST"] = address
    ward.docker({})
    assert only(container_engine(ward.patient())).level == level
