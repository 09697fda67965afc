"""The jobs' YAML: valid where it is read, told to its readers, and without a word that could become a script."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from labgrade.cli import FINDINGS, HARNESS, INTERRUPTED, USAGE
from labgrade.home import home
from labgrade.probe.image import PINNED_FALLBACK
from tests.test_docs import FENCE, keys, rows, section, text

HOME = home()
ACTION, PAGE = HOME / "action.yml", HOME / "docs" / "ci.md"
GITLAB = HOME / "ci" / "gitlab" / "labgrade.gitlab-ci.yml"
IMAGE = HOME / "ci" / "container" / "Dockerfile"
GRADE = HOME / "ci" / "steps" / "grade.sh"
SCRIPTS = sorted((HOME / "ci" / "steps").glob("*.sh"))
LINTER = [sys.executable, "-m", "check_jsonschema", "--builtin-schema"]
NOT_THE_STUDENTS = {"LAB_VENV", "LAB_OUT"}
"""Where things lie: for the job to say and for its author to leave alone, but for GitLab's folder of results."""


def loaded(path: Path) -> dict[str, Any]:
    """A YAML file."""
    return yaml.safe_load(text(path))


def steps() -> list[dict[str, Any]]:
    """The composite's steps."""
    return loaded(ACTION)["runs"]["steps"]


def examples(key: str) -> list[str]:
    """The page's YAML blocks that have a key at the top."""
    blocks = [block for language, block in FENCE.findall(text(PAGE)) if language == "yaml"]
    return [block for block in blocks if key in yaml.safe_load(block)]


def linted(path: Path, schema: str) -> str:
    """What the linter says of a file that it does not take; empty where it does."""
    done = subprocess.run([*LINTER, schema, str(path)], capture_output=True, text=True, check=False)
    return done.stdout + done.stderr if done.returncode else ""


@pytest.mark.parametrize(
    ("path", "schema"), [(ACTION, "vendor.github-actions"), (GITLAB, "vendor.gitlab-ci")], ids=["action", "gitlab"]
)
def test_the_files_are_what_their_readers_take(path: Path, schema: str) -> None:
    """Held against the schemas that the services publish."""
    assert linted(path, schema) == ""


def test_the_linter_refuses_what_is_wrong(tmp_path: Path) -> None:
    """A composite without its steps is found out, so the test above means something."""
    (tmp_path / "action.yml").write_text("name: x\ndescription: x\nruns:\n  using: composite\n")
    assert linted(tmp_path / "action.yml", "vendor.github-actions")


@pytest.mark.parametrize(("key", "schema"), [("jobs", "vendor.github-workflows"), ("include", "vendor.gitlab-ci")])
def test_the_pages_examples_are_valid(tmp_path: Path, key: str, schema: str) -> None:
    """What readers copy is taken by the service, and names inputs and variables that exist."""
    known = set(loaded(ACTION)["inputs"]) | set(loaded(GITLAB)[".labgrade"]["variables"])
    assert examples(key)
    for number, example in enumerate(examples(key)):
        (tmp_path / f"{number}.yml").write_text(example)
        assert linted(tmp_path / f"{number}.yml", schema) == ""
        used = [
            step["with"]
            for job in yaml.safe_load(example).get("jobs", {}).values()
            for step in job["steps"]
            if step["uses"].startswith("OWNER/labgrade@")
        ]
        used.append(yaml.safe_load(example).get("lab", {}).get("variables", {}))
        assert {name for each in used for name in each} <= known


def test_no_input_is_put_into_a_script() -> None:
    """Expressions are for `env`, `with` and `if`: in a script they would be code."""
    assert not [step["name"] for step in steps() if "${{" in step.get("run", "")]
    assert all(step["shell"] == "bash" for step in steps() if "run" in step)
    assert "${{" not in text(GITLAB)


def test_other_peoples_actions_are_pinned_to_a_commit() -> None:
    """In the action, and for the checkout in the examples: a tag can be moved."""
    used = re.findall(r"uses: (actions/\S+)", text(ACTION) + text(PAGE))
    assert len(used) >= 4
    assert all(re.fullmatch(r"actions/[a-z-]+@[0-9a-f]{40}", each) for each in used)


def test_inputs_variables_and_the_page_agree() -> None:
    """Every input reaches the script under the name that the page gives, with the default that the page gives."""
    inputs = loaded(ACTION)["inputs"]
    grading = next(step for step in steps() if step.get("id") == "grade")
    handed = {name: value for name, value in grading["env"].items() if name not in NOT_THE_STUDENTS}
    table = [row for row in rows(section(PAGE, "GitHub"))[1:] if len(row) == 4]
    assert [row[0].strip("`") for row in table] == list(inputs)
    for name, variable, default, _ in ([cell.strip("`") for cell in row] for row in table):
        if variable:
            assert handed.pop(variable) == f"${{{{ inputs.{name} }}}}"
        if written := inputs[name].get("default"):
            assert default == written
    assert handed == {}


def test_the_script_reads_what_it_says_it_reads() -> None:
    """Its first lines name every variable, GitLab hands on those that make sense there."""
    head, _, body = text(GRADE).partition("set -euo pipefail")
    named = set(re.findall(r"\bLAB(?:_[A-Z]+)*\b", head))
    assert named == set(re.findall(r"\$\{?(LAB(?:_[A-Z]+)*)\b", body))
    job = loaded(GITLAB)[".labgrade"]
    passed = set(re.findall(r"--env (LAB\w*)", " ".join(job["script"])))
    assert passed == {name for name in job["variables"] if name.startswith("LAB")}
    assert named - passed == {"LAB_VENV", "LAB_NOTICES", "LAB_KUBECONFIG", "LAB_CONTEXT"}


def test_outputs_and_the_page_agree() -> None:
    """The action hands on each of the script's outputs, and the page explains them."""
    outputs = loaded(ACTION)["outputs"]
    table = section(PAGE, "GitHub").partition("| output |")[2]
    assert keys("| output |" + table) == list(outputs)
    for name, output in outputs.items():
        assert output["value"] == f"${{{{ steps.grade.outputs.{name} }}}}"


def test_the_page_tells_every_exit_code() -> None:
    """With the columns of fail-on, whose names are those that the script takes."""
    table = rows(section(PAGE, "Exit codes"))
    assert [row[0] for row in table[1:]] == ["0", *map(str, (FINDINGS, USAGE, HARNESS, INTERRUPTED))]
    assert 'one_of LAB_FAIL_ON "$fail_on" ' + " ".join(cell.strip("`") for cell in table[0][2:]) in text(GRADE)
    assert loaded(GITLAB)[".labgrade"]["allow_failure"] == {"exit_codes": [FINDINGS]}


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda path: path.name)
def test_scripts_can_be_read_and_run(script: Path) -> None:
    """The shell takes them, and they are executable, as the image's entry point has to be."""
    subprocess.run(["bash", "-n", str(script)], check=True)
    assert script.stat().st_mode & 0o111


def test_the_image_is_made_from_what_an_installation_needs() -> None:
    """Its base is the pinned one, and what leaves the build's context includes all that a wheel is made of."""
    assert f"ARG BASE={PINNED_FALLBACK.removeprefix('docker.io/library/')}\n" in text(IMAGE)
    let_in = {line[1:] for line in text(IMAGE.with_name("Dockerfile.dockerignore")).splitlines() if line[:1] == "!"}
    project = text(HOME / "pyproject.toml")
    table = project.partition("wheel.force-include]")[2].partition("\n[")[0]
    needed = set(re.findall(r'^"([^"]+)" =', table, re.MULTILINE)) | {"src", "README.md", "requirements.lock", "ci"}
    assert needed <= let_in
    for path in re.findall(r"COPY (ci/\S+) ", text(IMAGE)):
        assert (HOME / path).is_file()
