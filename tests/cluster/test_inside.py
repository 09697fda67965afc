"""Looking into containers: an answer is whole or asked for again, and what never is whole is ours."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from labgrade.cluster import inside
from labgrade.errors import HarnessError
from labgrade.facts import Pod, Recorded

POD = Pod(
    Recorded({"kind": "Pod", "metadata": {"name": "web", "namespace": "lab"}, "spec": {"containers": [{"name": "a"}]}}),
    "lab",
    "web",
)

KUBECTL = """\
#!/bin/bash
echo >> {folder}/calls
shift 7  # -n lab -c a exec web --
if [ $(wc -l < {folder}/calls) -gt {times} ]; then "$@"; exit $?; fi
{fault}
exit 1
"""
"""Plays kubectl: the command runs here. The first so many times something else happens instead."""

HALF = '"$@" 2> >(cat >&2) | head -c 3; sleep 0.1'
"""The exit code has come, and of the output only a part."""

LOST = '"$@" 2>/dev/null; echo "error: websocket: close 1006 (abnormal closure)" >&2'
UNWELL = "echo 'Error from server (InternalError): an error on the server' >&2"
SILENT = 'exec 2>/dev/null; "$@"'

Kubectl = Callable[[str, int], Path]


@pytest.fixture
def kubectl(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Kubectl:
    """Puts a kubectl first on PATH that fails in some way, so many times; returns the file with a line a call."""
    monkeypatch.setattr("labgrade.patience.TRANSPORT_PAUSE_SECONDS", 0.01)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=":")

    def put(fault: str, times: int) -> Path:
        program = tmp_path / "kubectl"
        program.write_text(KUBECTL.format(folder=tmp_path, fault=fault, times=times))
        program.chmod(0o755)
        return tmp_path / "calls"

    return put


@pytest.mark.parametrize(
    ("command", "code", "out", "err"),
    [
        ("echo hello; echo worse >&2; exit 3", 3, "hello\n", "worse\n"),
        ("printf hello", 0, "hello", ""),
        ("exit 1", 1, "", ""),
        ("echo labgrade-exit=0; exit 4", 4, "labgrade-exit=0\n", ""),
        ("printf 'labgrade-exit=0\\n' >&2; exit 4", 4, "", "labgrade-exit=0\n"),
    ],
)
def test_output_and_exit_code_are_the_commands_own(
    kubectl: Kubectl, command: str, code: int, out: str, err: str
) -> None:
    """To the byte, also where the container plays our part."""
    kubectl("", 0)
    done = inside.container_host(POD).run(command)
    assert (done.rc, done.stdout, done.stderr) == (code, out, err)


@pytest.mark.parametrize("fault", [HALF, LOST, UNWELL, SILENT], ids=["half", "lost", "unwell", "silent"])
def test_an_answer_that_is_not_whole_is_asked_for_again(kubectl: Kubectl, fault: str) -> None:
    """A lost connection is neither a failed command nor a shorter file."""
    calls = kubectl(fault, 2)
    done = inside.container_host(POD).run("echo hello; exit 1")
    assert (done.rc, done.stdout) == (1, "hello\n")
    assert len(calls.read_text().splitlines()) == 3


@pytest.mark.parametrize("fault", [HALF, LOST, UNWELL, SILENT], ids=["half", "lost", "unwell", "silent"])
def test_an_answer_that_stays_lost_is_ours(kubectl: Kubectl, fault: str) -> None:
    """It ends in an error, which costs nobody a point."""
    kubectl(fault, 99)
    with pytest.raises(HarnessError, match="could not run a command in web"):
        inside.container_host(POD).run("echo hello; exit 1")
