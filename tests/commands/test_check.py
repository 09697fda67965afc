"""What `labgrade check` asks before it disturbs anything."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from labgrade import cli


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The questions put to somebody at a terminal, who says no."""
    questions: list[str] = []

    def refuse(question: str) -> str:
        questions.append(question)
        return "n"

    monkeypatch.setattr(sys.stdin, "isatty", lambda: True)
    monkeypatch.setattr("builtins.input", refuse)
    return questions


def test_it_asks_before_it_disturbs_also_on_the_practice_cluster(
    asked: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A no grades nothing, and names the way to leave those checks out."""
    assert cli.main(["check", "e04-statefulset", "--lang", "en", "--out", f"{tmp_path}"]) == 2
    assert asked == ["Go on? [y/N] "]
    out, err = capsys.readouterr()
    assert "deletes that Pod" in out
    assert "Nothing was graded. `--no-disturb` leaves those checks out." in err


@pytest.mark.parametrize("agreed", ["--yes", "--no-disturb"])
def test_it_does_not_ask_where_that_is_settled(asked: list[str], tmp_path: Path, agreed: str) -> None:
    """By a yes beforehand, or since nothing will be disturbed."""
    missing = f"{tmp_path}/none.yaml"
    assert cli.main(["check", "e04-statefulset", "--kubeconfig", missing, agreed, "--out", f"{tmp_path}"]) == 2
    assert asked == []
