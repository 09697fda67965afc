"""What the checks of one grading share."""

from __future__ import annotations

from pathlib import Path

import pytest

from labgrade.cluster.api import Api
from labgrade.course.rubric import read_lab
from labgrade.errors import HarnessError
from labgrade.grading.session import Grading, Options
from labgrade.patience import TRANSPORT_TRIES
from tests.support.apiserver import ApiServer
from tests.support.course import check, write_course, write_lab


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
