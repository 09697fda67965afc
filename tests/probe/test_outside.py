"""Our machine as a source: the very program that Pods run, with real connections on loopback."""

from __future__ import annotations

import socket
import sys
from collections.abc import Sequence
from contextlib import closing

import pytest

from labgrade.errors import HarnessError
from labgrade.probe import asking, outside, tcp
from labgrade.probe.outside import Outside


def test_from_question_to_verdict() -> None:
    """With nothing played; the evidence says who asked."""
    with closing(socket.create_server(("127.0.0.1", 0))) as listener:
        port = listener.getsockname()[1]
        found = Outside().ask([tcp("127.0.0.1", port)])[0]
    assert found.verdict == "connected"
    assert f"{found}".startswith(f"this machine → tcp 127.0.0.1:{port}: connected")
    assert Outside().ask([tcp("127.0.0.1", port)])[0].verdict == "refused"


def plays(monkeypatch: pytest.MonkeyPatch, script: str) -> None:
    """Another program in the place of the probe."""
    monkeypatch.setattr(asking, "AGAIN_SECONDS", 0.01)
    monkeypatch.setattr(outside, "AGENT", ("python3", "-IS", "-c", script))


def test_it_runs_with_the_python_that_runs_us(monkeypatch: pytest.MonkeyPatch) -> None:
    """There need be no other one on the PATH; what it says on its error stream is told."""
    plays(monkeypatch, "import sys; sys.exit(sys.executable)")
    with pytest.raises(HarnessError, match=rf"ended early \(exit code 1\): {sys.executable}"):
        Outside().ask([tcp("127.0.0.1", 1)])


def test_a_probe_that_hangs_is_our_error(monkeypatch: pytest.MonkeyPatch) -> None:
    """It is stopped when its time is over."""
    plays(monkeypatch, "import signal; signal.pause()")
    monkeypatch.setattr(asking, "SILENCE_SECONDS", -19.8)
    with pytest.raises(HarnessError, match="the probe on this machine did not end in time"):
        Outside().ask([tcp("127.0.0.1", 1)])


@pytest.mark.parametrize("what", ["ip", "node"])
def test_it_is_nobody_in_the_cluster(what: str) -> None:
    """It has no one address, and is no node; there is nothing of it to remove either."""
    with pytest.raises(HarnessError, match="this machine"):
        getattr(Outside(), what)
    Outside().remove()


def test_bytes_that_are_no_text_are_no_crash(monkeypatch: pytest.MonkeyPatch) -> None:
    """They end where all that is lost ends."""
    plays(monkeypatch, "import os; os.write(1, bytes([255, 254, 10]))")
    questions: Sequence[asking.Question] = [tcp("127.0.0.1", 1)]
    with pytest.raises(HarnessError, match="could not find out"):
        Outside().ask(questions)
