"""A CI job on this machine: a checkout, the files that a runner gives to a step, and a labgrade that is none."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

from labgrade.exports import EXPORTS
from labgrade.home import home
from labgrade.model import LabResult

STEPS = home() / "ci" / "steps"
LAB = "b01-deployment-labels"
REPORTS = ("json", "junit", "html", "github-summary", "github-classroom")

PROGRAM = """#!{python} -IS
import json, os, pathlib, shutil, sys
folder, name, words = pathlib.Path({folder!r}), pathlib.Path(sys.argv[0]).name, sys.argv[1:]
with (folder / "told").open("a") as log:
    print(json.dumps([name, *words]), file=log)
if "--out" in words and (folder / "results").is_dir():
    shutil.copytree(folder / "results", words[words.index("--out") + 1], dirs_exist_ok=True)
answers = json.loads((folder / "answers.json").read_text())
for begin, (code, out, err) in answers.items():
    if begin in " ".join([name, *words]):
        print(out)
        print(err, file=sys.stderr)
        sys.exit(code)
"""
"""Writes down what it is told, and says what the test wants it to say."""


class Job:
    """One job; `told` says which programs it called, and how."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.root, self.out = folder, folder / "checkout", folder / "out"
        self.bin, self.told_file = folder / "bin", folder / "told"
        self.output, self.summary = folder / "output", folder / "summary"
        for each in (self.root, self.bin):
            each.mkdir()
        for each in (self.told_file, self.output, self.summary):
            each.touch()
        for name in ("labgrade", "kubectl"):
            (self.bin / name).write_text(PROGRAM.format(python=sys.executable, folder=str(folder)))
            (self.bin / name).chmod(0o755)
        self.answers: dict[str, tuple[int, str, str]] = {}
        self.code, self.log = 0, ""

    def file(self, path: str, words: str = "kind: Pod\n") -> Path:
        """A file of the student's."""
        target = self.root / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(words)
        return target

    def results(self, result: LabResult) -> None:
        """What the check will write, all of it as labgrade writes it."""
        (self.folder / "results").mkdir(exist_ok=True)
        for name in REPORTS:
            words = EXPORTS[name].render(result, language="en")
            (self.folder / "results" / EXPORTS[name].file).write_text(words)

    def run(self, more: Mapping[str, str] | None = None, *, github: bool = True) -> Job:
        """Runs the step that grades."""
        (self.folder / "answers.json").write_text(json.dumps(self.answers))
        environment = {"PATH": f"{self.bin}{os.pathsep}{os.environ['PATH']}", "LAB": LAB, "LAB_OUT": str(self.out)}
        if github:
            environment |= {
                "GITHUB_ACTIONS": "true",
                "GITHUB_WORKSPACE": str(self.root),
                "GITHUB_OUTPUT": str(self.output),
                "GITHUB_STEP_SUMMARY": str(self.summary),
                "GITHUB_TOKEN": "the job's token",
            }
        else:
            environment |= {"CI_PROJECT_DIR": str(self.root)}
        done = subprocess.run(
            ["bash", str(STEPS / "grade.sh")],
            cwd=self.root,
            env=environment | dict(more or {}),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=60,
            check=False,
        )
        self.code, self.log = done.returncode, done.stdout
        return self

    @property
    def told(self) -> list[list[str]]:
        """Each call, as words."""
        return [json.loads(line) for line in self.told_file.read_text().splitlines()]

    def calls(self, *begin: str) -> list[list[str]]:
        """Those calls that begin so."""
        return [words for words in self.told if words[: len(begin)] == list(begin)]

    @property
    def applied(self) -> list[str]:
        """The names of the manifests that kubectl was given, in that order."""
        return [Path(option(words, "--filename")).name for words in self.calls("kubectl", "apply")]

    @property
    def outputs(self) -> dict[str, str]:
        """The step's outputs."""
        return dict(line.split("=", 1) for line in self.output.read_text().splitlines())

    @property
    def commands(self) -> list[str]:
        """The lines of the log that a runner obeys."""
        obeyed: list[str] = []
        stopped = ""
        for line in self.log.splitlines():
            if stopped:
                stopped = "" if line == f"::{stopped}::" else stopped
            elif line.startswith("::stop-commands::"):
                stopped = line.removeprefix("::stop-commands::")
            elif line.startswith("::") or "##[" in line:
                obeyed.append(line)
        assert not stopped, "the runner was never told to listen again"
        return obeyed


def option(words: list[str], name: str) -> str:
    """What follows an option."""
    return words[words.index(name) + 1]
