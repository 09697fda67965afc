"""`labgrade start`: the starting state in place, and nobody's work lost on the way."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from labgrade import engine
from labgrade.cli import main
from labgrade.commands import start
from labgrade.engine import Engine
from labgrade.providers import ClusterSpec, Say, cilium, kind
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


POLICY = "kind: CiliumNetworkPolicy\napiVersion: cilium.io/v2\nmetadata: {name: http}\n"
ADVICE = "This lab needs Cilium, and this cluster has none. One that has it is made by: labgrade up --cni cilium"


def test_a_lab_that_needs_cilium_says_so(bench: Bench, capsys: pytest.CaptureFixture[str]) -> None:
    """In the last line, where it is read, and only on a cluster without it; it begins all the same."""
    bench.lab("d03", solution={"10-policy.yaml": POLICY})
    assert bench.start("d03") == 0
    assert capsys.readouterr().out.splitlines()[-1] == ADVICE
    kubectl = bench.tools.folder / "bin" / "kubectl"
    found = json.dumps({"kind": "CustomResourceDefinition", "metadata": {"name": "ciliumnetworkpolicies.cilium.io"}})
    script = f'case "$*" in "get customresourcedefinition/cilium"*) echo \'{found}\';;'
    kubectl.write_text(kubectl.read_text().replace('case "$*" in', script))
    assert bench.start("d03") == 0
    assert ADVICE not in capsys.readouterr().out


def test_a_lab_that_any_network_serves_does_not(bench: Bench, capsys: pytest.CaptureFixture[str]) -> None:
    """It may be proven on Cilium, and done elsewhere."""
    bench.lab("d02", solution={"10-policy.yaml": "kind: NetworkPolicy\napiVersion: networking.k8s.io/v1\n"})
    path = bench.course / "labs/d02/lab.yaml"
    path.write_text(f"cni: cilium\n{path.read_text()}")
    assert bench.start("d02") == 0
    assert ADVICE not in capsys.readouterr().out


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


def test_steps_that_install_cilium_are_told_where_it_is(
    bench: Bench, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The nodes get its images, nothing is installed on them, and steps find chart, version and values."""
    specs: list[ClusterSpec] = []
    start = kind.start

    def noted(spec: ClusterSpec, say: Say) -> None:
        specs.append(spec)
        start(spec, say)

    monkeypatch.setattr(kind, "start", noted)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    (bench.tools.folder / "bin" / "helm").symlink_to(bench.tools.folder / "bin" / "kind")
    steps = bench.course / "labs/a01/starter/steps.sh"
    steps.write_text(f'echo "$CILIUM_VERSION" > {tmp_path}/version; cat "$CILIUM_VALUES"; test -n "$CILIUM_CHART"\n')
    assert bench.start("a01", "--quiet") != 0, "steps of a lab with another network are told nothing"
    bench.tools.there.write_text("")
    path = bench.course / "labs/a01/lab.yaml"
    path.write_text(f"cni: cilium\n{path.read_text()}")
    assert bench.start("a01", "--quiet") == 0
    assert (tmp_path / "version").read_text().strip() == cilium.VERSION
    assert [(spec.cni, spec.cni_images, bool(spec.config)) for spec in specs] == [
        (None, False, True),
        (None, True, True),
    ]


@pytest.mark.parametrize("option", ["--kubeconfig=other", "--context=kind-lab"])
def test_a_lab_about_a_cluster_begins_on_no_other(
    bench: Bench, option: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """Somebody who names one expects something else."""
    assert bench.start("a01", option) == 2
    assert "begins with a cluster of its own, own" in capsys.readouterr().err
    assert bench.told == []


def _with_cilium_of_its_own(bench: Bench) -> None:
    """Makes the lab with a cluster of its own one whose students install Cilium."""
    path = bench.course / "labs/a01/lab.yaml"
    path.write_text(f"cni: cilium\n{path.read_text()}")


def test_who_installs_cilium_is_told_of_chart_and_values(
    bench: Bench, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """As lines for the shell, at the very end, quoted where need be."""
    _with_cilium_of_its_own(bench)
    given = {
        "CILIUM_CHART": "/a folder/chart",
        "CILIUM_VERSION": "1.17.2",
        "CILIUM_VALUES": "/values.yaml",
        "PATH": "/",
    }

    def environment(_: Engine) -> dict[str, str]:
        return given

    monkeypatch.setattr(start.cilium, "environment", environment)
    assert bench.start("a01") == 0
    assert capsys.readouterr().out.splitlines()[-3:] == [
        "export CILIUM_CHART='/a folder/chart'",
        "export CILIUM_VERSION=1.17.2",
        "export CILIUM_VALUES=/values.yaml",
    ]


def test_a_cluster_is_set_up_before_anything_is_applied(bench: Bench) -> None:
    """Without a namespace: what is done there is the whole cluster's."""
    (bench.course / "labs/a01/starter/cluster.sh").write_text('kubectl install "${NAMESPACE-nowhere}"\n')
    assert bench.start("a01") == 0
    told = [line for line in bench.told if "install nowhere" in line or "apply" in line or "create cluster" in line]
    assert "create cluster" in told[0]
    assert "install nowhere" in told[1]


@pytest.mark.parametrize("steps", ["steps.sh", "cluster.sh"])
def test_without_helm_only_steps_are_refused(bench: Bench, capsys: pytest.CaptureFixture[str], steps: str) -> None:
    """By hand, Cilium can be installed with other tools; and nothing is made that could not be finished."""
    _with_cilium_of_its_own(bench)
    assert bench.start("a01") == 0
    assert "export" not in capsys.readouterr().out
    (bench.course / f"labs/a01/starter/{steps}").write_text("true\n")
    told = len(bench.told)
    assert bench.start("a01") == 3
    assert "helm is not installed" in capsys.readouterr().err
    assert len(bench.told) == told
