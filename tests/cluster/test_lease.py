"""Two graders never work on one cluster, and a dead one blocks nobody."""

from __future__ import annotations

import getpass
import os
import socket
import subprocess
import sys
from datetime import timedelta
from pathlib import Path

import pytest

from labgrade.cluster import lease
from labgrade.cluster.api import Api
from labgrade.cluster.lease import DURATION_SECONDS, NAME, Lease
from labgrade.errors import HarnessError
from labgrade.model import Json
from labgrade.patience import until
from tests.support.apiserver import ApiServer

SPACE = "kube-system"


def held(server: ApiServer) -> Json | None:
    """What the cluster says of the Lease."""
    found = server.find("Lease", NAME, SPACE)
    return found and found["spec"]


def hold(server: ApiServer, owner: str, *, seconds_ago: float = 0) -> None:
    """Somebody else's Lease, last renewed so long ago."""
    stamp = f"{server.now() - timedelta(seconds=seconds_ago):%Y-%m-%dT%H:%M:%S.%fZ}"
    spec = {"holderIdentity": f"abcd1234 {owner}", "leaseDurationSeconds": DURATION_SECONDS}
    server.put("Lease", NAME, SPACE, spec={**spec, "acquireTime": stamp, "renewTime": stamp})


def here(pid: int) -> str:
    """A grader of this user on this machine."""
    return f"{getpass.getuser()}@{socket.gethostname()} pid {pid}"


def dead() -> int:
    """The number of a process that has ended."""
    child = subprocess.Popen([sys.executable, "-c", ""])
    child.wait()
    return child.pid


def test_it_is_held_and_given_back(api: Api, server: ApiServer) -> None:
    """Nothing stays in the cluster after a run."""
    ours = Lease(api, "run1")
    ours.acquire()
    assert str((held(server) or {})["holderIdentity"]).startswith("run1 ")
    ours.release()
    assert held(server) is None


def test_a_second_grader_is_told_who_is_at_work(api: Api) -> None:
    """It ends in a sentence with the holder and how long a killed one's claim lasts."""
    first, second = Lease(api, "run1"), Lease(api, "run2")
    first.acquire()
    with pytest.raises(HarnessError, match=rf"another labgrade is grading.*run1 .*over in {DURATION_SECONDS} seconds"):
        second.acquire()
    second.release()
    with pytest.raises(HarnessError):
        second.acquire()
    first.release()
    second.acquire()
    second.release()


def test_a_live_process_on_this_machine_is_respected(api: Api, server: ApiServer) -> None:
    """Another terminal's grader is at work."""
    hold(server, here(os.getpid()))
    with pytest.raises(HarnessError):
        Lease(api, "run2").acquire()


def test_a_killed_grader_of_this_machine_blocks_nobody(api: Api, server: ApiServer) -> None:
    """After kill -9 the next run begins at once, not in twenty seconds."""
    hold(server, here(dead()))
    ours = Lease(api, "run2")
    ours.acquire()
    assert str((held(server) or {})["holderIdentity"]).startswith("run2 ")
    ours.release()


@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="this system shows no process table")
def test_a_killed_grader_that_nobody_collected_blocks_nobody(api: Api, server: ApiServer) -> None:
    """In a container without an init, what was killed stays in the process table."""
    child = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    hold(server, here(child.pid))
    with pytest.raises(HarnessError):
        Lease(api, "run2").acquire()
    child.kill()
    assert until(lambda: Path(f"/proc/{child.pid}/stat").read_text().split()[2] == "Z", seconds=5, every=0.01)
    ours = Lease(api, "run2")
    ours.acquire()
    ours.release()
    child.communicate()


def test_another_machines_grader_counts_until_its_time_is_over(api: Api, server: ApiServer) -> None:
    """Its process cannot be asked for; its silence can."""
    hold(server, f"alice@elsewhere pid {dead()}", seconds_ago=DURATION_SECONDS - 5)
    with pytest.raises(HarnessError, match="alice@elsewhere"):
        Lease(api, "run2").acquire()
    hold(server, "alice@elsewhere pid 1", seconds_ago=DURATION_SECONDS + 5)
    ours = Lease(api, "run2")
    ours.acquire()
    ours.release()


def test_a_wrong_clock_takes_nobodys_lease(api: Api, server: ApiServer) -> None:
    """Ages are by the cluster's clock: a laptop that is an hour ahead does not see everything as expired."""
    server.ahead = timedelta(hours=-1)
    hold(server, "alice@elsewhere pid 1", seconds_ago=1)
    with pytest.raises(HarnessError):
        Lease(api, "run2").acquire()


def test_of_two_that_take_over_one_wins(api: Api, server: ApiServer) -> None:
    """The replacement is bound to what was read; who comes second is refused."""
    hold(server, "alice@elsewhere pid 1", seconds_ago=DURATION_SECONDS + 5)
    server.fault(409, "/leases", method="PUT")
    with pytest.raises(HarnessError, match="began to grade this cluster just now"):
        Lease(api, "run2").acquire()


def test_it_is_renewed_also_after_a_fault(api: Api, server: ApiServer, monkeypatch: pytest.MonkeyPatch) -> None:
    """A long run keeps its claim, and one lost renewal ends nothing."""
    monkeypatch.setattr(lease, "DURATION_SECONDS", 0.15)
    monkeypatch.setattr("labgrade.patience.TRANSPORT_PAUSE_SECONDS", 0.001)
    ours = Lease(api, "run1")
    ours.acquire()
    server.fault(500, "/leases", method="PATCH", times=6)
    before = (held(server) or {})["renewTime"]
    assert until(lambda: (held(server) or {})["renewTime"] > before, seconds=5, every=0.05)
    ours.release()
    assert until(lambda: held(server) is None, seconds=1, every=0.05)


def test_releasing_spares_a_successors(api: Api, server: ApiServer) -> None:
    """Who slept past its time does not take the claim of who came after."""
    ours = Lease(api, "run1")
    ours.acquire()
    hold(server, "alice@elsewhere pid 1")
    ours.release()
    assert "alice" in str((held(server) or {})["holderIdentity"])


def test_who_slept_past_its_time_notices(api: Api, server: ApiServer, monkeypatch: pytest.MonkeyPatch) -> None:
    """A grader that lost its claim says so and renews nobody else's."""
    monkeypatch.setattr(lease, "DURATION_SECONDS", 0.15)
    ours = Lease(api, "run1")
    ours.acquire()
    hold(server, "alice@elsewhere pid 1")
    assert until(lambda: ours.lost, seconds=5, every=0.05)
    assert "alice" in str((held(server) or {})["holderIdentity"])
    ours.release()


@pytest.mark.parametrize("what", ["lost", "close", 429, 503])
@pytest.mark.parametrize("before", ["nobody", "somebody"])
def test_an_answer_that_is_lost_does_not_lock_us_out(
    api: Api, server: ApiServer, monkeypatch: pytest.MonkeyPatch, what: int | str, before: str
) -> None:
    """Whoever has taken the Lease without hearing of it finds it taken: by itself."""
    monkeypatch.setattr("labgrade.patience.TRANSPORT_PAUSE_SECONDS", 0.01)
    if before == "somebody":
        hold(server, f"{before}@elsewhere pid 1", seconds_ago=DURATION_SECONDS + 1)
    for method in ("POST", "PUT", "DELETE"):
        server.fault(what, "/leases", method=method)
    ours = Lease(api, "run1")
    ours.acquire()
    assert str((held(server) or {})["holderIdentity"]).startswith("run1 ")
    ours.release()
    assert held(server) is None


@pytest.mark.parametrize("hours", [-1, 1])
def test_a_clock_that_is_an_hour_off_takes_nothing_over(api: Api, server: ApiServer, hours: int) -> None:
    """Whether a Lease is over is told by the cluster's clock, not by the student's."""
    server.ahead = timedelta(hours=hours)
    hold(server, "somebody@elsewhere pid 1")
    with pytest.raises(HarnessError, match="another labgrade is grading"):
        Lease(api, "run1").acquire()
    hold(server, "somebody@elsewhere pid 1", seconds_ago=DURATION_SECONDS + 2)
    ours = Lease(api, "run1")
    ours.acquire()
    ours.release()


def test_a_lease_without_content_is_nobodys(api: Api, server: ApiServer) -> None:
    """The API allows it; it neither crashes us nor locks us out."""
    server.put("Lease", NAME, SPACE)
    ours = Lease(api, "run1")
    ours.acquire()
    ours.release()
    assert held(server) is None
