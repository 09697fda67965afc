"""After a restart of its nodes, a cluster is ready when its Pods are, and not when they were."""

from __future__ import annotations

from pathlib import Path

import pytest

from labgrade.engine import Engine
from labgrade.errors import HarnessError
from labgrade.providers import restarts
from tests.support.tools import Tools

BEFORE, STARTED, AFTER = "2026-01-01T10:00:00Z", "2026-01-01T10:00:07.123456789Z", "2026-01-01T10:00:07Z"


@pytest.fixture
def tools(tmp_path: Path) -> Tools:
    """A Docker that says when the node was started, and a kubectl that lists the Pods of the file `pods`."""
    found = Tools(tmp_path)
    for name, words in (("docker", f"echo /lab-worker {STARTED}"), ("kubectl", f"cat {tmp_path}/pods")):
        (tmp_path / "bin" / name).write_text(f"#!/bin/sh\n{words}\n")
    return found


def wait(tools: Tools, pods: str) -> None:
    """Waits a moment for these Pods."""
    (tools.folder / "pods").write_text(pods)
    restarts.wait(["lab-worker"], Engine(tools.environment), tools.environment, seconds=0.1)


@pytest.mark.parametrize("pods", ["", f"a lab-worker true={AFTER} true={AFTER}\n", f"a lab-other true={BEFORE}\n"])
def test_pods_that_run_since_then(tools: Tools, pods: str) -> None:
    """Within the same second too; one on a node that was not looked at does not count."""
    wait(tools, pods)


@pytest.mark.parametrize(
    "status",
    [f" lab-worker true={BEFORE}", f" lab-worker false={AFTER}", f" lab-worker true={AFTER} false=", " lab-worker", ""],
)
def test_what_was_said_before_does_not_count(tools: Tools, status: str) -> None:
    """A Pod that ran before the start, one that is not ready, and one of which nothing is known are waited for."""
    with pytest.raises(HarnessError, match=r"after the start of the nodes, a did not run within"):
        wait(tools, f"a{status}\n")
