"""A machine made of scripts and files, and a cluster in memory."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from labgrade import engine
from labgrade.cluster.api import Api
from labgrade.diagnosis.machine import Machine, System
from labgrade.diagnosis.patient import Patient
from tests.support.apiserver import ApiServer

HEALTHY = {
    "ServerVersion": "28.5.2",
    "MemTotal": 16_000_000_000,
    "OperatingSystem": "Ubuntu 26.04",
    "CgroupVersion": "2",
    "OSType": "linux",
}


class Ward:
    """A folder with the programs and kernel files of a machine."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.bin = folder, folder / "bin"
        self.bin.mkdir()
        self.environment = {"PATH": f"{self.bin}:/usr/bin:/bin", "HOME": str(folder)}
        self.system: System = "linux"

    def program(self, name: str, script: str) -> None:
        """A program that is a shell script."""
        path = self.bin / name
        path.write_text(f"#!/bin/sh\n{script}\n")
        path.chmod(0o755)

    def docker(self, info: dict[str, object]) -> None:
        """A Docker that answers."""
        (self.folder / "info.json").write_text(json.dumps({**HEALTHY, **info}))
        address = self.environment.get("DOCKER_HOST", "unix:///var/run/docker.sock")
        self.program(
            "docker", f'[ "$1" = info ] && exec cat {self.folder}/info.json\n[ "$1" = context ] && echo {address}'
        )

    def file(self, path: str, words: str) -> None:
        """A file below /."""
        place = self.folder / path
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_text(words)

    def patient(self) -> Patient:
        """Who is looked at."""
        return Patient(environment=self.environment, machine=Machine(self.system, root=self.folder))


@pytest.fixture
def ward(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Ward:
    """A machine with nothing installed but the system's own programs, and without an engine of ours."""
    monkeypatch.setattr(engine, "description", lambda: tmp_path / "engine.json")
    found = Ward(tmp_path)
    found.environment["PATH"] = str(found.bin)
    (found.bin / "cat").symlink_to("/bin/cat")
    (found.bin / "sleep").symlink_to("/bin/sleep")
    return found


@pytest.fixture
def patient(ward: Ward, server: ApiServer, api: Api) -> Iterator[Patient]:
    """A healthy machine whose cluster is the one in memory."""
    ward.docker({})
    with ward.patient() as found:
        found.access, found.api = server.access, api
        yield found
