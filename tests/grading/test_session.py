"""What the checks of one grading share, and what is left of it in the cluster: nothing."""

from __future__ import annotations

from pathlib import Path

import pytest

from labgrade.cluster.api import Api
from labgrade.course.rubric import read_lab
from labgrade.errors import HarnessError, Unmet
from labgrade.facts import Node, Recorded
from labgrade.grading.session import Grading, Options
from labgrade.patience import TRANSPORT_TRIES
from tests.support.apiserver import ApiServer
from tests.support.course import check, write_course, write_lab
from tests.support.probes import Played, every


@pytest.fixture
def grading(api: Api, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Grading:
    """A grading that is connected."""
    monkeypatch.setattr("labgrade.patience.TRANSPORT_PAUSE_SECONDS", 0.01)
    folder = write_lab(write_course(tmp_path / "course"), "b01", check("there", 20), "def test_there(): ...")
    connected = Grading(read_lab(folder), Options())
    connected.api = api
    return connected


def test_a_cluster_that_has_gone_is_waited_for_once(grading: Grading, server: ApiServer) -> None:
    """Each later check looks whether it is back, and no more: nobody sits through eight time-outs."""
    grading.lose(HarnessError("no answer"))
    server.fault(503, "/version", times=TRANSPORT_TRIES + 2)
    for _ in range(3):
        with pytest.raises(HarnessError, match="the cluster is gone"):
            grading.require_cluster()
    assert server.count("/version") == TRANSPORT_TRIES + 2


def test_a_cluster_that_is_back_is_graded_on(grading: Grading, server: ApiServer) -> None:
    """A check that was lost costs the next ones nothing, and the next loss is met with patience again."""
    grading.lose(HarnessError("no answer"))
    server.fault(503, "/version", times=TRANSPORT_TRIES)
    with pytest.raises(HarnessError):
        grading.require_cluster()
    grading.require_cluster()
    grading.lose(HarnessError("no answer"))
    server.fault(503, "/version", times=TRANSPORT_TRIES - 1)
    grading.require_cluster()


def spaces(server: ApiServer) -> list[str]:
    """Namespaces of ours that are there."""
    found = server.listed("/api/v1", "namespaces", None)["items"] or []
    return [each["metadata"]["name"] for each in found if each["metadata"]["name"].startswith("labgrade-")]


def test_a_lab_that_tries_no_traffic_has_no_pod_of_ours(grading: Grading, server: ApiServer) -> None:
    """A prober alone makes none."""
    assert grading.prober is grading.prober
    grading.close()
    assert server.count("", "POST") == 0
    assert server.count("", "DELETE") == 0


def test_whoever_asked_is_removed_in_the_end(grading: Grading, server: ApiServer) -> None:
    """All the sources of all the checks, with their namespaces, also where one cannot be removed."""
    server.exec = Played(every("connected")).exec
    server.put("Namespace", "lab")
    probe = grading.prober
    node = Node(Recorded(), None, "lab-1")
    among = probe.within("lab")
    for each in (probe, probe.at(node), probe.bearing({"app": "web"}), among):
        assert each.tcp("10.0.0.1", 80).connected
    assert len(spaces(server)) == 2
    assert server.find("Pod", among.name, "lab")
    server.fault(403, "/pods/probe", method="DELETE")
    grading.close()
    assert spaces(server) == []
    assert server.find("Pod", among.name, "lab") is None
    assert server.find("Namespace", "lab")


@pytest.mark.parametrize("own", [False, True])
def test_who_brings_the_cluster_answers_for_its_network(
    grading: Grading, server: ApiServer, monkeypatch: pytest.MonkeyPatch, *, own: bool
) -> None:
    """The student where the lab is about a cluster of theirs, nobody elsewhere."""
    monkeypatch.setattr("labgrade.probe.enforcement.ENFORCED_SECONDS", 0.4)
    if own:
        object.__setattr__(grading.lab, "cluster", object())  # whatever it asks for
    server.exec = Played(every("connected")).exec
    with pytest.raises(Unmet if own else HarnessError, match="ignores NetworkPolicies"):
        grading.prober.require_enforcement()
    grading.close()
