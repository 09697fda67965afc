"""`labgrade start`: the starting state in place, and nobody's work lost on the way."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from labgrade import engine
from labgrade.cli import main
from labgrade.engine import Engine
from tests.support.apiserver import ApiServer
from tests.support.course import check, write_course, write_lab
from tests.support.tools import Tools

CLASS = "kind: StorageClass\napiVersion: storage.k8s.io/v1\nmetadata: {name: fast}\n"
GIVEN = "kind: IngressClass\napiVersion: networking.k8s.io/v1\nmetadata: {name: given}\n"
CONFIG = "kind: Cluster\napiVersion: kind.x-k8s.io/v1alpha4\n"


class Bench:
    """A course, and tools that know of no cluster but those in `there`."""

    def __init__(self, folder: Path) -> None:
        self.tools = Tools(folder)
        self.course = write_course(folder / "course")

    def lab(self, name: str, **answers: dict[str, str]) -> None:
        """A lab with these files in its answers."""
        folder = write_lab(self.course, name, check("there", 20), "")
        for answer in ("starter", "solution"):
            (folder / answer).mkdir()
            for file, words in answers.get(answer, {}).items():
                (folder / answer / file).write_text(words)
        (folder / "README.md").write_text("# The handout\n")

    def start(self, *words: str) -> int:
        """`labgrade start`."""
        return main(["start", *words, "--course", str(self.course), "--lang", "en"])

    def cluster_holds(self, *names: str) -> None:
        """Lets kubectl show these StorageClasses, where it is asked for one."""
        kubectl = self.tools.folder / "bin" / "kubectl"
        items = [{"kind": "StorageClass", "metadata": {"name": name}} for name in names]
        found = json.dumps(items[0] if len(items) == 1 else {"items": items})
        script = kubectl.read_text().replace('case "$*" in', f'case "$*" in "get storageclass/"*) echo \'{found}\';;')
        kubectl.write_text(script)

    @property
    def told(self) -> list[str]:
        """What kind and kubectl were told to do, less what only asks or prepares."""
        asking = ("get ", "config ", "wait ", "rollout ", "load ")
        lines = (line.partition(" ") for line in self.tools.told)
        return [f"{tool} {rest}" for tool, _, rest in lines if tool != "docker" and not rest.startswith(asking)]


@pytest.fixture
def bench(tmp_path: Path, server: ApiServer, monkeypatch: pytest.MonkeyPatch) -> Bench:
    """All of it, on a home of the test's own with a kubeconfig."""
    found = Bench(tmp_path)
    found.lab("b01")
    found.lab("e03", starter={"10-given.yaml": GIVEN}, solution={"20-class.yaml": CLASS})
    found.lab("a01", starter={"kind.yaml": CONFIG})
    path = found.course / "labs/a01/lab.yaml"
    path.write_text(f"cluster: own\n{path.read_text()}")
    environment = found.tools.environment
    monkeypatch.setattr(engine, "find", lambda: Engine(environment))
    monkeypatch.setattr(engine, "tools", found.tools.found)
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    given = server.kubeconfig(tmp_path).read_text()
    (tmp_path / "given").write_text(given.replace("kind-lab", "kind-own"))
    (tmp_path / "kubeconfig").write_text(given)
    monkeypatch.setenv("KUBECONFIG", str(tmp_path / "kubeconfig"))
    return found


def test_a_lab_begins_in_its_namespace(bench: Bench, capsys: pytest.CaptureFixture[str]) -> None:
    """Handout and all; no cluster is made for it."""
    assert bench.start("b01") == 0
    assert bench.told == ["kubectl create namespace lab"]
    said = capsys.readouterr().out
    assert "# The handout" in said
    assert "in namespace lab" in said


def test_cluster_scoped_work_counts_as_work(bench: Bench, capsys: pytest.CaptureFixture[str]) -> None:
    """It outlives the namespace: it is named, and only --reset deletes it; what all begin with stays."""
    bench.cluster_holds("fast")
    assert bench.start("e03") == 2
    assert "the cluster holds work of this lab already (storageclass/fast)" in capsys.readouterr().err
    assert bench.told == []
    assert bench.start("e03", "--reset", "--yes", "--quiet") == 0
    assert bench.told[:2] == [
        "kubectl delete namespace/lab --ignore-not-found",
        "kubectl delete storageclass/fast --ignore-not-found",
    ]
    assert [line for line in bench.tools.told if line.startswith("kubectl get storageclass/")] == [
        "kubectl get storageclass/fast --ignore-not-found -o json"
    ] * 2


def test_nothing_is_deleted_without_a_yes(bench: Bench, capsys: pytest.CaptureFixture[str]) -> None:
    """Nobody is there to ask, so nothing happens."""
    bench.cluster_holds("fast")
    assert bench.start("e03", "--reset") == 2
    assert "It was left as it is. Nobody is there to ask" in capsys.readouterr().err
    assert bench.told == []


def test_a_lab_about_a_cluster_begins_with_that_cluster(bench: Bench, capsys: pytest.CaptureFixture[str]) -> None:
    """Made from the starter's configuration, under the lab's name for it, as the current context."""
    assert bench.start("a01") == 0
    assert bench.told == ["kind create cluster --name own --config -", "kubectl create namespace lab"]
    assert "on the kind cluster own" in capsys.readouterr().out


def test_a_cluster_that_is_there_is_spared_until_reset(bench: Bench, capsys: pytest.CaptureFixture[str]) -> None:
    """It may hold an evening's work."""
    bench.tools.there.write_text("own\nother\n")
    assert bench.start("a01") == 2
    assert "there is a cluster own already. `--reset` deletes it" in capsys.readouterr().err
    assert bench.start("a01", "--reset") == 2
    assert "It was left as it is" in capsys.readouterr().err
    assert bench.told == []
    assert bench.start("a01", "--reset", "--yes", "--quiet") == 0
    assert bench.told[:2] == ["kind delete cluster --name own", "kind create cluster --name own --config -"]
    assert bench.tools.there.read_text() == "other\n"


@pytest.mark.parametrize("option", ["--kubeconfig=other", "--context=kind-lab"])
def test_a_lab_about_a_cluster_begins_on_no_other(
    bench: Bench, option: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """Somebody who names one expects something else."""
    assert bench.start("a01", option) == 2
    assert "begins with a cluster of its own, own" in capsys.readouterr().err
    assert bench.told == []
