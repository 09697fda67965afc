"""Memory, disk and kernel limits: enough, scarce, too little."""

from __future__ import annotations

import shutil
from types import SimpleNamespace
from unittest.mock import Mock

import pytest

from labgrade.diagnosis.machine import System, here
from labgrade.diagnosis.room import disk, kernel, memory
from labgrade.text import Text

from .conftest import Ward
from .test_engines import only, said

GB = 10**9


@pytest.mark.parametrize(("total", "level"), [(16 * GB, "fine"), (3 * GB, "warning"), (GB, "trouble")])
def test_the_memory_of_the_engine(ward: Ward, total: int, level: str) -> None:
    """It is the engine's that counts, in a virtual machine of its own as well."""
    ward.docker({"MemTotal": total})
    assert only(memory(ward.patient())).level == level


@pytest.mark.parametrize(
    ("system", "info", "remedy"),
    [
        ("wsl", "Docker Desktop", ".wslconfig"),
        ("macos", "Docker Desktop", "Settings"),
        ("linux", "Debian", "close other"),
    ],
)
def test_where_memory_is_given(ward: Ward, system: System, info: str, remedy: str) -> None:
    """Each system has its own place for the setting."""
    ward.system = system
    ward.docker({"MemTotal": 3 * GB, "OperatingSystem": info})
    assert remedy in said(only(memory(ward.patient())))


def test_a_bare_host_tells_its_memory_itself(ward: Ward) -> None:
    """Without an engine, the machine's own memory counts, and what other programs leave of it."""
    ward.file("proc/meminfo", "MemTotal: 8000000 kB\nMemAvailable: 500000 kB\n")
    finding = only(memory(ward.patient()))
    assert finding.level == "warning"
    assert "leave only 0.5 of 8.2 GB" in finding.words.en


@pytest.mark.parametrize(("free", "level"), [(64 * GB, "fine"), (9 * GB, "warning"), (GB, "trouble")])
def test_the_disk(ward: Ward, free: int, level: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the engine keeps its images, else where labgrade keeps its cache."""
    monkeypatch.setattr(shutil, "disk_usage", Mock(return_value=SimpleNamespace(free=free)))
    ward.docker({"DockerRootDir": str(ward.folder / "not" / "there")})
    assert only(disk(ward.patient())).level == level


def test_kernel_limits_that_are_too_low(ward: Ward) -> None:
    """The command names only what is too low."""
    ward.file("proc/sys/fs/inotify/max_user_instances", "128\n")
    ward.file("proc/sys/fs/inotify/max_user_watches", "524288\n")
    finding = only(kernel(ward.patient()))
    assert finding.level == "warning"
    assert "sudo sysctl fs.inotify.max_user_instances=512" in finding.do


def test_kernel_limits_of_a_virtual_machine_are_not_ours(ward: Ward) -> None:
    """On a Mac, the nodes' kernel is not the machine's."""
    ward.system = "macos"
    ward.file("proc/sys/fs/inotify/max_user_instances", "128\n")
    assert only(kernel(ward.patient())).level == "fine"


@pytest.mark.parametrize(("system", "remedy"), [("linux", "unified_cgroup_hierarchy"), ("wsl", "cgroup_no_v1=all")])
def test_the_old_cgroups(ward: Ward, system: System, remedy: str) -> None:
    """Newer Kubernetes does not start on them."""
    ward.system = system
    ward.docker({"CgroupVersion": "1"})
    finding = only(kernel(ward.patient()))
    assert "cgroup v1" in finding.words.en
    assert remedy in said(finding)


def test_a_linux_inside_windows(ward: Ward, monkeypatch: pytest.MonkeyPatch) -> None:
    """WSL is known by its kernel's name."""
    monkeypatch.setattr("platform.system", lambda: "Linux")
    assert here(ward.folder).system == "linux"
    ward.file("proc/sys/kernel/osrelease", "6.6.87-microsoft-standard-WSL2\n")
    assert here(ward.folder).system == "wsl"


def test_systemd_or_not(ward: Ward) -> None:
    """Services are started by what the machine has."""
    assert here(ward.folder).restart("docker") == "sudo service docker start"
    (ward.folder / "run/systemd/system").mkdir(parents=True)
    assert here(ward.folder).restart("docker") == "sudo systemctl start docker"


def test_french_has_commas(ward: Ward) -> None:
    """Numbers follow the language."""
    ward.docker({"MemTotal": 3_500_000_000})
    assert only(memory(ward.patient())).words == Text("Only 3.5 GB of memory", "Seulement 3,5 Go de mémoire")
