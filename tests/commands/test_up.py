"""`labgrade up`: the practice cluster, or one from a student's configuration; and what `down` leaves."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from labgrade import engine
from labgrade.cli import main
from labgrade.engine import Engine
from tests.support.course import check, write_course, write_lab
from tests.support.tools import Tools

HEAD = "kind: Cluster\napiVersion: kind.x-k8s.io/v1alpha4\n"


@pytest.fixture
def tools(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Tools:
    """The programs, and a home of the test's own."""
    found = Tools(tmp_path)
    monkeypatch.setattr(engine, "find", lambda: Engine(found.environment))
    monkeypatch.setattr(engine, "tools", found.found)
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    return found


def up(tools: Tools, *words: str) -> int:
    """`labgrade up` for a course without labs."""
    course = tools.folder / "course"
    if not course.exists():
        write_course(course)
    return main(["up", "--course", str(course), *words])


def config(tools: Tools, words: str = "") -> str:
    """A configuration's name."""
    path = tools.folder / "mine.yaml"
    path.write_text(HEAD + words)
    return str(path)


def test_the_practice_cluster_is_the_default(tools: Tools) -> None:
    """One control plane, two workers."""
    assert up(tools) == 0
    assert any(line.startswith("kind create cluster --name labgrade ") for line in tools.told)
    assert len(yaml.safe_load((tools.folder / "config").read_text())["nodes"]) == 3


@pytest.mark.parametrize(
    ("words", "options", "name"),
    [("name: mine\n", [], "mine"), ("name: mine\n", ["--name", "a01"], "a01"), ("", ["--name", "a01"], "a01")],
)
def test_a_cluster_from_a_configuration(tools: Tools, words: str, options: list[str], name: str) -> None:
    """For who has no kind on the PATH; named by the option, else by the file, as kind does."""
    assert up(tools, "--config", config(tools, words), *options) == 0
    (create,) = [line for line in tools.told if "create cluster" in line]
    assert f"--name {name} " in create
    assert "--kubeconfig" not in create
    assert (tools.folder / f"state/labgrade/clusters/{name}.kubeconfig").is_file()


def test_the_images_are_those_of_the_labs_that_are_done_there(tools: Tools) -> None:
    """Not what a lab needs that has a cluster of its own."""
    course = write_course(tools.folder / "course")
    for name, more in {"usual": "", "special": "cluster: mine\n"}.items():
        image = f"images: [docker.io/library/{name}:1.0@sha256:{'0' * 64}]\n"
        lab = write_lab(course, name, check("ready", 20), "def test_ready(): pass\n")
        head = (lab / "lab.yaml").read_text()
        (lab / "lab.yaml").write_text(image + more + head)
        if more:
            (lab / "starter").mkdir()
            (lab / "starter" / "kind.yaml").write_text(HEAD + "name: mine\n")
    assert up(tools) == 0
    assert up(tools, "--config", config(tools, "name: mine\n")) == 0
    pulled = [name for line in tools.told for name in ("usual", "special") if "pull" in line and name in line]
    assert pulled == ["usual", "special"]


def test_a_configuration_without_a_name_is_never_the_practice_cluster(
    tools: Tools, capsys: pytest.CaptureFixture[str]
) -> None:
    """It would be taken for the other one from then on."""
    assert up(tools, "--config", config(tools)) == 2
    assert "names no cluster: add `--name NAME`" in capsys.readouterr().err
    assert tools.told == []


def test_a_configuration_changes_no_cluster_that_is_there(tools: Tools, capsys: pytest.CaptureFixture[str]) -> None:
    """Silently starting the old one would look as if it had; without a configuration it is started."""
    tools.there.write_text("a01\n")
    assert up(tools, "--config", config(tools), "--name", "a01") == 2
    assert "`labgrade down --name a01` removes it" in capsys.readouterr().err
    assert up(tools, "--name", "a01") == 0
    assert not any("create" in line for line in tools.told)


def test_a_configuration_and_a_network_do_not_go_together(tools: Tools, capsys: pytest.CaptureFixture[str]) -> None:
    """The file says itself what network its Pods get."""
    assert up(tools, "--config", config(tools, "name: mine\n"), "--cni", "cilium") == 2
    assert "--config and --cni do not go together" in capsys.readouterr().err
    assert tools.told == []


def test_a_network_is_asked_for(tools: Tools, capsys: pytest.CaptureFixture[str]) -> None:
    """Cilium is installed, for which helm is needed: without it nothing is made."""
    tools.environment["PATH"] = str(tools.folder / "bin")
    assert up(tools, "--cni", "cilium") == 3
    assert "helm is not installed" in capsys.readouterr().err
    assert not any("create" in line for line in tools.told)


def test_a_wrong_name_or_file_is_refused(tools: Tools, capsys: pytest.CaptureFixture[str]) -> None:
    """With a sentence and exit code 2."""
    assert up(tools, "--config", config(tools, "name: A_1\n")) == 2
    assert "kind allows lower-case letters" in capsys.readouterr().err
    assert up(tools, "--config", str(tools.folder / "absent.yaml"), "--name", "a01") == 2
    assert "absent.yaml: cannot be read" in capsys.readouterr().err
