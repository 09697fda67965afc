"""What a job installs: labgrade with the pinned versions, and programs that are what they were."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from labgrade.home import home

STEPS = home() / "ci" / "steps"
PIP = """#!/bin/sh
if [ "$2" = venv ]; then
    mkdir -p "$3/bin" && cp "$0" "$3/bin/python"
else
    echo "$@" > {log}
    while [ "$1" != --constraint ]; do shift; done
    cp "$2" {pins}
fi
"""
CURL = """#!/bin/sh
echo "$@" >> {log}
while [ "$1" != --output ]; do shift; done
echo something else > "$2"
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder of programs, first on the PATH."""
    (tmp_path / "bin").mkdir()
    return tmp_path / "bin"


def program(path: Path, words: str) -> None:
    """A script in a file."""
    path.write_text(words)
    path.chmod(0o755)


def run(script: str, *words: str, **more: str) -> subprocess.CompletedProcess[str]:
    """A step's script to its end."""
    command = ["bash", str(STEPS / script), *words]
    return subprocess.run(command, env={**os.environ, **more}, capture_output=True, text=True, check=False)


def test_versions_are_those_of_the_lock(tmp_path: Path, folder: Path) -> None:
    """The installer is told each pinned version with its marker, without the hashes that a checkout cannot have."""
    log, pins = tmp_path / "log", tmp_path / "pins"
    program(folder / "python", PIP.format(log=log, pins=pins))
    done = run("install.sh", str(tmp_path / "venv"), LAB_PYTHON=str(folder / "python"))
    assert done.returncode == 0, done.stderr
    assert log.read_text().split()[-1] == str(home())
    lock = (home() / "requirements.lock").read_text().splitlines()
    wanted = [line.removesuffix(" \\") for line in lock if "==" in line.partition(" ")[0]]
    assert [line.rstrip() for line in pins.read_text().splitlines()] == wanted
    assert "hash" not in pins.read_text()


def test_a_download_that_is_something_else_is_not_used(tmp_path: Path, folder: Path) -> None:
    """The checksum decides: nothing is installed, and the sentence names the address."""
    program(folder / "curl", CURL.format(log=tmp_path / "log"))
    done = run("tools.sh", str(tmp_path / "into"), PATH=f"{folder}{os.pathsep}{os.environ['PATH']}")
    assert done.returncode == 3
    assert "kind-linux-" in done.stderr
    assert "is not what it was" in done.stderr
    assert list((tmp_path / "into").iterdir()) == []


def test_what_is_there_is_not_fetched(tmp_path: Path, folder: Path) -> None:
    """A runner that has kind, kubectl and helm needs no network for them."""
    for name in ("kind", "kubectl", "helm"):
        program(folder / name, "#!/bin/sh\n")
    program(folder / "curl", CURL.format(log=tmp_path / "log"))
    done = run("tools.sh", "--missing", str(tmp_path / "into"), PATH=f"{folder}{os.pathsep}{os.environ['PATH']}")
    assert done.returncode == 0, done.stderr
    assert not (tmp_path / "log").exists()
