"""`labgrade prove`: what it prints, and what its exit code says; clusters are other tests'."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from labgrade import engine
from labgrade.cli import main
from labgrade.commands import prove
from labgrade.engine import Engine
from labgrade.grading.proof import Case, Finding, not_tried
from tests.support.course import check, write_course, write_lab

HEAD = "unproven: {cilium-envoy: {cases: [solution]}}\n"


class Staged:
    """In the place of Proving: every case comes to the finding that `verdicts` has for its name."""

    verdicts: dict[str, str]

    def __init__(self, *_: object, lacks: Sequence[str], **more: Any) -> None:
        self.lacks, self.told = lacks, more["told"]

    def prove(self, cases: Sequence[Case]) -> list[Finding]:
        """One finding a case."""
        found = [self._finding(case) for case in cases]
        for each in found:
            self.told(each)
        return found

    def _finding(self, case: Case) -> Finding:
        if case.needed(self.lacks):
            return not_tried(case, self.lacks)
        verdict: Any = self.verdicts.get(case.name, "proven")
        return Finding(case, verdict, () if verdict == "proven" else ("there: another",), 0.0)


@pytest.fixture
def course(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A course with a lab whose solution needs Cilium's Envoy, on a machine that lacks it."""
    folder = write_lab(write_course(tmp_path / "course"), "d03", check("there", 20), "")
    for name in ("starter", "solution", "mistakes/late"):
        (folder / name).mkdir(parents=True)
    (folder / "mistakes/late/mistake.yaml").write_text("about: Late\nfailed: [there]\n")
    (folder / "lab.yaml").write_text(HEAD + (folder / "lab.yaml").read_text())
    monkeypatch.setattr(prove, "Proving", Staged)
    monkeypatch.setattr(Staged, "verdicts", {}, raising=False)
    monkeypatch.setattr(engine, "find", lambda: Engine({}, lacks=("cilium-envoy",)))
    return tmp_path / "course"


def proved(course: Path, capsys: pytest.CaptureFixture[str], *more: str) -> tuple[int, list[str]]:
    """Exit code and lines, less the clock."""
    code = main(["prove", "d03", "--course", str(course), *more])
    return code, [line.partition(" s  ")[2] or line for line in capsys.readouterr().out.splitlines()]


UNPROVEN = "unproven  d03  solution: needs cilium-envoy, which this machine cannot have"


def test_what_this_machine_cannot_prove_is_told_and_excused(course: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """On a line of its own, counted apart, and never as proven."""
    code, lines = proved(course, capsys)
    assert code == 0
    assert lines[:-1] == ["proven    d03  starter", UNPROVEN, "proven    d03  late"]
    assert lines[-1].startswith("2 of 3 proven, 1 unproven here in ")
    assert proved(course, capsys, "--only", "solution")[0] == 0


@pytest.mark.parametrize(("verdict", "code"), [("wrong", 1), ("unproven", 1), ("error", 3)])
def test_nothing_else_is_excused(course: Path, capsys: pytest.CaptureFixture[str], verdict: str, code: int) -> None:
    """A difference, a skip that nobody declared, and an error count as ever."""
    Staged.verdicts = {"late": verdict}
    found, lines = proved(course, capsys)
    assert found == code
    assert lines[2:4] == [f"{verdict:8}  d03  late", f"{'':20}there: another"]
    assert lines[-1].startswith("1 of 3 proven, 1 unproven here in ")


def test_a_machine_that_lacks_nothing_proves_all(
    course: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """And says nothing of what others cannot."""
    monkeypatch.setattr(engine, "find", lambda: Engine({}))
    code, lines = proved(course, capsys)
    assert (code, lines[1]) == (0, "proven    d03  solution")
    assert lines[-1].startswith("3 of 3 proven in ")
