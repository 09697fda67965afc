"""Clusters of a killed run are found and removed by the next one; those of a living one are left alone."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from labgrade.cohort.practice import claims
from labgrade.cohort.practice.claims import Claim
from labgrade.errors import HarnessError

DIES = """
import os
from labgrade.cohort.practice.claims import Claim

claim = Claim("dead")
claim.add("labgrade-grade-dead-1")
claim.add("labgrade-grade-dead-2")
os._exit(9)
"""


def cleared() -> list[str]:
    """What is removed now."""
    names: list[str] = []
    claims.clear(names.append)
    return names


def test_a_dead_runs_clusters_are_removed_once() -> None:
    """The kernel let go of its claim; afterwards nothing is written down any more."""
    subprocess.run([sys.executable, "-c", DIES], check=False)
    assert cleared() == ["labgrade-grade-dead-1", "labgrade-grade-dead-2"]
    assert cleared() == []


def test_a_living_runs_clusters_stay() -> None:
    """Also after it has removed them itself."""
    claim = Claim("alive")
    claim.add("labgrade-grade-alive-1")
    assert cleared() == []
    claim.release()
    assert cleared() == []


def test_what_cannot_be_removed_stays_written_down() -> None:
    """The next run tries again."""
    subprocess.run([sys.executable, "-c", DIES], check=False)

    def refuse(name: str) -> None:
        raise HarnessError(f"{name} is busy")

    with pytest.raises(HarnessError, match="dead-1 is busy"):
        claims.clear(refuse)
    assert len(cleared()) == 2


def test_a_state_folder_that_cannot_be_written_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """One sentence."""
    (tmp_path / "file").touch()
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "file"))
    with pytest.raises(Exception, match="cannot be made"):
        Claim("any")
