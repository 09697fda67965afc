"""Waiting for a change: none is missed, a heartbeat is none, and a cluster that goes away is waited for."""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from labgrade.cluster import changes, watching
from labgrade.cluster.api import Api
from labgrade.cluster.changes import Changes
from labgrade.patience import monotonic
from tests.support.apiserver import ApiServer


@pytest.fixture
def listening(api: Api, server: ApiServer, monkeypatch: pytest.MonkeyPatch) -> Changes:
    """Changes to the namespace `lab`, from now on."""
    monkeypatch.setattr(changes, "QUIET_SECONDS", 0.1)
    monkeypatch.setattr(changes, "AGAIN_SECONDS", 0.05)
    monkeypatch.setattr(watching, "BROKEN_SECONDS", 0.02)
    server.put("Deployment", "web", "lab", spec={"replicas": 1})
    server.put("Node", "worker", spec={"podCIDR": "10.0.0.0/24"}, status={"conditions": []})
    found = Changes(lambda: api, "lab")
    found.listen()
    return found


def later(action: Callable[[], Any], seconds: float = 0.15) -> None:
    """Lets something happen meanwhile."""
    threading.Timer(seconds, action).start()


def seconds_waited(listening: Changes) -> float:
    """How long it took until a change had come."""
    began = monotonic()
    listening.wait()
    return monotonic() - began


def test_a_change_ends_the_wait(listening: Changes, server: ApiServer) -> None:
    """Whatever the student applies wakes the next check."""
    later(lambda: server.put("Service", "web", "lab", spec={}))
    assert 0.1 < seconds_waited(listening) < 2


def test_a_change_while_nobody_waited_is_not_missed(listening: Changes, server: ApiServer) -> None:
    """The check takes its time; what was changed meanwhile is checked next."""
    server.remove("Deployment", "web", "lab")
    assert seconds_waited(listening) < 2


def test_many_changes_are_one(listening: Changes, server: ApiServer) -> None:
    """One `kubectl apply -f folder` is not checked after its first object."""
    for number in range(5):
        later(lambda number=number: server.put("ConfigMap", f"c{number}", "lab"), 0.1 + 0.05 * number)
    assert seconds_waited(listening) > 0.35


def watch_that_ends(server: ApiServer) -> None:
    """Every watch ends by itself now and then."""
    server.cut_watches()


def heartbeat(server: ApiServer) -> None:
    """A kubelet reports that nothing has changed."""
    server.put("Node", "worker", spec={"podCIDR": "10.0.0.0/24"}, status={"conditions": []})


def our_lease(server: ApiServer) -> None:
    """The next check begins."""
    server.put("Lease", "labgrade", "kube-system", spec={})


def our_probe(server: ApiServer) -> None:
    """A check asks traffic."""
    server.put("Pod", "probe", "labgrade-12345678", spec={})


@pytest.mark.parametrize("meaningless", [watch_that_ends, heartbeat, our_lease, our_probe])
def test_what_is_no_change_wakes_nobody(
    listening: Changes, server: ApiServer, meaningless: Callable[[ApiServer], None]
) -> None:
    """A watch that ends, a heartbeat, and what a grader itself writes are no reason to check again."""
    later(lambda: meaningless(server), 0.05)
    later(lambda: server.put("Service", "web", "lab", spec={}), 0.7)
    assert seconds_waited(listening) > 0.6


def test_a_cluster_that_goes_away_is_waited_for(listening: Changes, server: ApiServer) -> None:
    """A restart of the API server ends no watching."""
    server.fault(503, times=6)
    server.cut_watches()
    later(lambda: server.put("Service", "web", "lab", spec={}), 0.3)
    assert seconds_waited(listening) > 0.2


def test_a_cluster_made_anew_is_found_where_it_is_now(
    server: ApiServer, api: Api, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its address is another one, and the kubeconfig tells."""
    monkeypatch.setattr(changes, "QUIET_SECONDS", 0.1)
    monkeypatch.setattr(changes, "AGAIN_SECONDS", 0.05)
    monkeypatch.setattr(watching, "BROKEN_SECONDS", 0.02)
    with ApiServer() as anew:
        anew.put("Deployment", "web", "lab", spec={"replicas": 1})
        ways = iter([api, Api(anew.access, tmp_path)])
        found = Changes(lambda: next(ways), "lab")
        found.listen()
        later(server.stop)
        assert seconds_waited(found) < 20
