"""Which container engine is used: the user's own, else the one that was set up, else a sentence."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path
from typing import Any

import pytest

from labgrade import engine
from labgrade.errors import HarnessError

OURS = "unix:///run/ours.sock"
DESCRIBED: dict[str, Any] = {
    "schema": engine.SCHEMA,
    "docker_host": OURS,
    "path": ["/opt/ours/bin"],
    "node_image": "node:1",
    "images": ["docker.io/library/nginx:1.26"],
    "kubeadm_patches": ["kind: ClusterConfiguration\n"],
}


class Machine:
    """A machine with a `docker` that answers, or not, for the user's engine and for ours."""

    def __init__(self, folder: Path) -> None:
        self.bin, self.description = folder / "bin", folder / "engine.json"
        self.bin.mkdir()
        self.environment = {"PATH": str(self.bin)}

    def answers(self, *hosts: str) -> None:
        """Docker is there and answers for these values of DOCKER_HOST; the user's own is empty."""
        cases = "".join(f'[ "$DOCKER_HOST" = "{host}" ] && exit 0\n' for host in hosts)
        docker = self.bin / "docker"
        docker.write_text(f"#!/bin/sh\n{cases}exit 1\n")
        docker.chmod(0o755)

    def describe(self, data: Any) -> None:
        """What setting up an engine wrote."""
        self.description.write_text(data if isinstance(data, str) else json.dumps(data))


@pytest.fixture
def machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Machine:
    """A machine without anything."""
    found = Machine(tmp_path)
    monkeypatch.setattr(engine, "description", lambda: found.description)
    return found


def test_the_users_own_comes_first(machine: Machine) -> None:
    """What runs already is used as it is, with kind's own node image."""
    machine.answers("", OURS)
    machine.describe(DESCRIBED)
    assert engine.find(machine.environment) == engine.Engine(machine.environment)


def test_ours_where_the_users_does_not_answer(machine: Machine) -> None:
    """All that is special about it comes along; its tools come first on PATH."""
    machine.answers(OURS)
    machine.describe(DESCRIBED)
    found = engine.find(machine.environment)
    assert found.environment["DOCKER_HOST"] == OURS
    assert found.environment["PATH"] == f"/opt/ours/bin{os.pathsep}{machine.bin}"
    assert (found.node_image, found.images) == ("node:1", ("docker.io/library/nginx:1.26",))
    assert found.kubeadm_patches == ("kind: ClusterConfiguration\n",)


CILIUM: dict[str, Any] = {
    "version": "1.17.2",
    "node_image": "node:1-cilium",
    "chart": "/opt/ours/chart",
    "values": {"l7Proxy": True},
    "prepare": ["sh", "prepare"],
}


def prepares(machine: Machine, *, words: str, after: str | None = "node:1-cilium") -> Path:
    """A description whose command prints `words` and then announces the node image `after`; its folder."""
    folder = machine.bin.parent
    waiting = DESCRIBED | {"cilium": CILIUM | {"cwd": str(folder), "node_image": None}}
    machine.describe(waiting)
    (folder / "after").write_text(json.dumps(waiting | {"cilium": waiting["cilium"] | {"node_image": after}}))
    cp = shutil.which("cp")
    (folder / "prepare").write_text(f"{words}\n{cp} after {machine.description}\n")
    if not (machine.bin / "sh").exists():
        (machine.bin / "sh").symlink_to("/bin/sh")
    return folder


def test_what_ours_lacks_and_how_it_has_cilium(machine: Machine) -> None:
    """Both come along; a description from before knows of neither, and a usual Docker lacks nothing."""
    machine.answers(OURS)
    machine.describe(DESCRIBED)
    before = engine.find(machine.environment)
    assert (before.lacks, before.cilium) == ((), None)
    machine.describe(DESCRIBED | {"lacks": ["cilium-envoy"], "cilium": CILIUM | {"cwd": "/"}})
    found = engine.find(machine.environment)
    assert found.lacks == ("cilium-envoy",)
    assert found.cilium is not None
    assert (found.cilium.chart, found.cilium.values) == ("/opt/ours/chart", {"l7Proxy": True})
    assert engine.with_cilium(found, lambda _: None).node_image == "node:1-cilium"
    assert found.node_image == "node:1"
    assert engine.with_cilium(engine.Engine({}), lambda _: None) == engine.Engine({})


def test_the_node_image_with_cilium_is_made_when_it_is_needed(machine: Machine) -> None:
    """By the announced command, in its folder; what it says of its progress is passed on without its clock."""
    machine.answers(OURS)
    prepares(machine, words="echo '   1.0 s  Go programs: started' >&2")
    said: list[str] = []
    assert engine.with_cilium(engine.find(machine.environment), said.append).node_image == "node:1-cilium"
    assert said[1:] == ["Go programs: started"]
    assert "once" in said[0]


def test_a_node_image_with_cilium_that_cannot_be_made(machine: Machine) -> None:
    """The command's own words are the reason; one that makes nothing, or is not there, is told too."""
    machine.answers(OURS)
    folder = prepares(machine, words="echo 'no room' >&2; exit 3")
    with pytest.raises(HarnessError, match="`sh prepare` failed:\nno room"):
        engine.with_cilium(engine.find(machine.environment), lambda _: None)
    prepares(machine, words="true", after=None)
    with pytest.raises(HarnessError, match="does not announce it"):
        engine.with_cilium(engine.find(machine.environment), lambda _: None)
    prepared = DESCRIBED | {"cilium": CILIUM | {"cwd": str(folder), "node_image": None, "prepare": ["absent"]}}
    machine.describe(prepared)
    with pytest.raises(HarnessError, match="`absent` cannot be run"):
        engine.with_cilium(engine.find(machine.environment), lambda _: None)


def test_ours_on_request(machine: Machine) -> None:
    """LABGRADE_ENGINE=own passes the user's by."""
    machine.answers("", OURS)
    machine.describe(DESCRIBED)
    found = engine.find(machine.environment | {"LABGRADE_ENGINE": "own"})
    assert found.environment["DOCKER_HOST"] == OURS


def test_ours_where_docker_host_leads_to_it(machine: Machine) -> None:
    """A shell set up for our engine gets all that is special about it, not just its address."""
    machine.answers(OURS)
    machine.describe(DESCRIBED)
    assert engine.find(machine.environment | {"DOCKER_HOST": OURS}).node_image == "node:1"


def test_ours_that_does_not_run(machine: Machine) -> None:
    """The sentence says how it is started."""
    machine.answers()
    machine.describe(DESCRIBED)
    with pytest.raises(HarnessError, match="`make engine`"):
        engine.find(machine.environment)


def test_no_engine_at_all(machine: Machine) -> None:
    """The sentence names Docker and what else there is; a machine without the docker command is none."""
    with pytest.raises(HarnessError, match="no container engine answers"):
        engine.find(machine.environment)


@pytest.mark.parametrize(
    "data",
    [
        "",
        "{",
        "[]",
        '"words"',
        "{}",
        {"schema": engine.SCHEMA},
        DESCRIBED | {"schema": "labgrade/engine/v2"},
        DESCRIBED | {"images": None},
        DESCRIBED | {"cilium": {"node_image": None}},
    ],
)
def test_a_description_that_cannot_be_used_is_none(machine: Machine, data: Any) -> None:
    """A broken or newer file stops nobody who has Docker, nor who only wants a PATH."""
    machine.answers("")
    machine.describe(data)
    assert engine.find(machine.environment).node_image is None
    assert engine.tools(machine.environment) == machine.environment


def test_kubectl_comes_from_ours_only_where_there_is_none(machine: Machine) -> None:
    """The user's kubectl is theirs."""
    machine.describe(DESCRIBED)
    assert engine.tools(machine.environment)["PATH"].startswith("/opt/ours/bin")
    assert "DOCKER_HOST" not in engine.tools(machine.environment)
    kubectl = machine.bin / "kubectl"
    kubectl.write_text("#!/bin/sh\n")
    kubectl.chmod(0o755)
    assert engine.tools(machine.environment) == machine.environment
