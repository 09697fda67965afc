"""Programs with any output, for any time."""

from __future__ import annotations

import os

import pytest

from labgrade.cohort.submissions import bounded
from labgrade.errors import HarnessError
from labgrade.patience import monotonic

ENVIRONMENT = {"PATH": os.environ["PATH"]}


def test_both_streams_and_the_exit_code() -> None:
    """Apart."""
    ended = bounded.run(["sh", "-c", "cat; echo no >&2; exit 3"], ENVIRONMENT, seconds=10, most=100, stdin=b"yes")
    assert ended == bounded.Ended(3, b"yes", 0, b"no\n")


def test_only_the_end_of_a_flood_is_kept() -> None:
    """And what was dropped is counted."""
    ended = bounded.run(["sh", "-c", "yes | head -c 1000000; echo end"], ENVIRONMENT, seconds=20, most=10)
    assert ended.said == b"\ny\ny\ny\nend\n"[-10:]
    assert ended.lost == 1_000_004 - 10


@pytest.mark.parametrize("script", ["sleep 60", "yes", "sleep 60 & sleep 60"])
def test_what_takes_too_long_is_ended_with_its_children(script: str) -> None:
    """However much it says."""
    began = monotonic()
    ended = bounded.run(["sh", "-c", f"echo begun; {script}"], ENVIRONMENT, seconds=0.5, most=1000)
    assert monotonic() - began < bounded.LAST_SECONDS
    assert ended.code is None
    assert ended.said


def test_a_program_that_is_missing_is_ours() -> None:
    """By name."""
    with pytest.raises(HarnessError, match="no-such-program cannot be run"):
        bounded.run(["no-such-program"], ENVIRONMENT, seconds=1, most=1)
