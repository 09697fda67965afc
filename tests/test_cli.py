"""The command line itself: what is typed wrong is guessed, and trouble ends in an exit code, never in a traceback."""

from __future__ import annotations

import tempfile
from pathlib import Path

import pytest

from labgrade import cli, course
from labgrade.cli import COMMANDS, main
from labgrade.errors import HarnessError, UsageError


@pytest.mark.parametrize(
    ("typed", "said"),
    [("chekc", "there is no command 'chekc'; did you mean 'check'?"), ("zzz", "there is no command 'zzz' (known: ")],
)
def test_an_unknown_command(typed: str, said: str, capsys: pytest.CaptureFixture[str]) -> None:
    """Exit code 2 and the nearest one that there is."""
    assert main([typed, "b01"]) == 2
    assert said in capsys.readouterr().err


@pytest.mark.parametrize(
    "words", [[], ["check"], ["check", "b01", "--timeout", "0"], ["check", "b01", "--timeout", "x"]]
)
def test_what_is_missing_or_senseless(words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    """Exit code 2, and how it is typed."""
    with pytest.raises(SystemExit) as raised:
        main(words)
    assert raised.value.code == 2
    assert "usage: labgrade" in capsys.readouterr().err


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_explains_itself(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    """`--help` works for each, and names the exit codes."""
    with pytest.raises(SystemExit) as raised:
        main([name, "--help"])
    assert raised.value.code == 0
    assert "exit codes: 0 fine" in " ".join(capsys.readouterr().out.split())


@pytest.mark.parametrize(
    ("error", "code"), [(UsageError("no\x1b[2J such"), 2), (HarnessError("gone"), 3), (KeyboardInterrupt(), 130)]
)
def test_trouble_becomes_an_exit_code(
    error: BaseException, code: int, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """One line that cannot drive the terminal."""

    def find(_: object) -> None:
        raise error

    monkeypatch.setattr(course, "find", find)
    assert main(["check", "b01"]) == code
    said = capsys.readouterr().err
    assert "labgrade: " in said
    assert "\x1b" not in said


def test_a_bug_of_ours_is_kept_for_a_report(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    """The screen gets a sentence, a file the traceback; exit code 3."""

    def find(_: object) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr(course, "find", find)
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    assert main(["check", "b01"]) == cli.HARNESS
    said = capsys.readouterr().err
    (log,) = tmp_path.iterdir()
    assert f"{log}" in said
    assert "Traceback" not in said
    assert "ZeroDivisionError" in log.read_text()
