"""Traffic from outside the cluster: from the very machine that labgrade runs on."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Sequence

from labgrade.cluster.remote import Completed
from labgrade.errors import HarnessError
from labgrade.probe import asking
from labgrade.probe.answer import Answer, Question
from labgrade.probe.program import AGENT


class Outside:
    """The machine that labgrade runs on."""

    name = "outside"

    @property
    def ip(self) -> str:
        """It has one in each network that it is in."""
        raise HarnessError("this machine has no one address")

    @property
    def node(self) -> str:
        """It is none of the cluster's."""
        raise HarnessError("this machine is no node of the cluster")

    def ask(self, questions: Sequence[Question]) -> list[Answer]:
        """The answers, in order; HarnessError where a question stays without a sound one."""
        return asking.ask(_run, questions, "this machine")

    def remove(self) -> None:
        """There is nothing to remove."""


def _run(words: list[str], seconds: float) -> Completed:
    command = [sys.executable, *AGENT[1:], *words]
    try:
        done = subprocess.run(
            command, capture_output=True, encoding="utf-8", errors="replace", timeout=seconds, check=False
        )
    except subprocess.TimeoutExpired as error:
        raise HarnessError("the probe on this machine did not end in time") from error
    return Completed(done.returncode, done.stdout, done.stderr)
