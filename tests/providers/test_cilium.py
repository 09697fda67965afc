"""Cilium is installed by helm as the network of a kind cluster, and no cluster is taken for another network's."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import platformdirs
import pytest
import yaml

from labgrade import engine
from labgrade.engine import Engine
from labgrade.errors import HarnessError, UsageError
from labgrade.model import Json
from labgrade.providers import ClusterSpec, cilium, kind
from tests.support.tools import Tools

OURS = engine.Cilium(
    node_image="node:1-cilium",
    chart="/opt/chart",
    values={"l7Proxy": True, "operator": {"image": {"useDigest": False}}},
    prepare=("false",),
    cwd="/",
)


@pytest.fixture
def tools(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Tools:
    """The tools with helm, on an engine that needs nothing special; a file `cilium` is what the cluster has of it."""
    found = Tools(tmp_path)
    for name, told in (("kubectl", "apply --filename -"), ("helm", "upgrade")):
        program = tmp_path / "bin" / name
        program.write_text(
            f'#!/bin/sh\necho "{name} $*" >> {found.log}\n'
            f'case "$*" in "{told}"*) cat > {tmp_path}/{name}-read;; "get daemonset cilium "*) cat {tmp_path}/cilium;;'
            " esac; true\n"
        )
        program.chmod(0o755)
    (tmp_path / "cilium").touch()
    monkeypatch.setattr(engine, "find", lambda: Engine(found.environment))
    return found


@pytest.fixture
def ours(tools: Tools, monkeypatch: pytest.MonkeyPatch) -> Engine:
    """An engine that was set up for us, and has no Envoy."""
    found = Engine(tools.environment, "node:1", lacks=("cilium-envoy", "hubble-ui"), cilium=OURS)
    monkeypatch.setattr(engine, "find", lambda: found)
    return found


def spec(tools: Tools, **more: Any) -> ClusterSpec:
    """A cluster without images of its own."""
    return ClusterSpec("lab", tools.folder / "state/kubeconfig", **more)


def read(tools: Tools, name: str) -> Json:
    """What a program was given to read."""
    return yaml.safe_load((tools.folder / name).read_text())


def start(tools: Tools, **more: Any) -> list[str]:
    """Starts it; what is told of the progress."""
    said: list[str] = []
    kind.start(spec(tools, **more), said.append)
    return said


def position(tools: Tools, words: str) -> int:
    """Which of the commands has these words."""
    return next(number for number, line in enumerate(tools.told) if words in line)


def test_cilium_is_all_of_the_network(tools: Tools) -> None:
    """Neither kind's network nor kube-proxy is there; helm comes before the waiting, the agents before the nodes."""
    start(tools, cni="cilium")
    assert read(tools, "config")["networking"] == {"disableDefaultCNI": True, "kubeProxyMode": "none"}
    helm = position(tools, f"helm upgrade --install cilium {cilium.CHART} --version {cilium.VERSION}")
    agents = position(tools, "rollout status daemonset/cilium")
    assert position(tools, "kind create") < helm < agents < position(tools, "condition=Ready nodes")
    assert any("deployment/hubble-relay" in line for line in tools.told)
    values = read(tools, "helm-read")
    assert (values["k8sServiceHost"], values["kubeProxyReplacement"]) == ("lab-control-plane", True)
    assert values["hubble"] == {"enabled": True, "relay": {"enabled": True}, "ui": {"enabled": True}}
    assert not any("kubectl apply" in line for line in tools.told)


def test_an_engine_of_ours_brings_chart_images_and_values(tools: Tools, ours: Engine) -> None:
    """Its own values come on top; what it cannot have is left out, and HTTP rules are refused at the door."""
    assert ours.cilium is not None
    start(tools, cni="cilium")
    assert {each["image"] for each in read(tools, "config")["nodes"]} == {"node:1-cilium"}
    assert any("helm upgrade --install cilium /opt/chart " in line for line in tools.told)
    values = read(tools, "helm-read")
    assert values["operator"] == {"replicas": 1, "image": {"useDigest": False}}
    assert values["l7Proxy"]
    assert not values["hubble"]["ui"]["enabled"]
    policy, binding = yaml.safe_load_all((tools.folder / "kubectl-read").read_text())
    assert binding["spec"]["policyName"] == policy["metadata"]["name"]
    assert "p.rules.http" in policy["spec"]["validations"][0]["expression"]


def test_the_images_alone_install_nothing(tools: Tools, ours: Engine) -> None:
    """For a cluster on which somebody installs Cilium: its configuration decides the rest."""
    path = tools.folder / "kind.yaml"
    path.write_text("kind: Cluster\napiVersion: kind.x-k8s.io/v1alpha4\nnetworking: {disableDefaultCNI: true}\n")
    # the real kubectl counts nodes; here one is enough
    (tools.folder / "bin/kubectl").write_text(f'#!/bin/sh\necho "kubectl $*" >> {tools.log}; echo node/a\n')
    kind.start(replace(spec(tools, config=path), cni_images=True), lambda _: None)
    assert ours.node_image == "node:1"
    assert read(tools, "config")["nodes"][0]["image"] == "node:1-cilium"
    assert not any("helm" in line for line in tools.told)


def test_without_helm_nothing_is_made(tools: Tools) -> None:
    """The sentence says where helm comes from."""
    (tools.folder / "bin/helm").unlink()
    environment = {"PATH": str(tools.folder / "bin")}
    with pytest.raises(HarnessError, match=r"helm is not installed.*helm\.sh"):
        cilium.require_helm(Engine(environment))
    with pytest.raises(HarnessError, match="helm"):
        cilium.environment(Engine(environment))


def test_a_cluster_with_cilium_is_started_again(tools: Tools) -> None:
    """Whether Cilium is asked for or not; nothing is installed anew, and its agents are waited for."""
    tools.there.write_text("lab\n")
    (tools.folder / "cilium").write_text("daemonset.apps/cilium\n")
    for asked in (None, "cilium"):
        tools.log.write_text("")
        start(tools, cni=asked)
        looked = position(tools, "docker inspect --format {{.Name}} {{.State.StartedAt}} lab-control-plane lab-worker")
        assert position(tools, "docker start") < looked < position(tools, "rollout status daemonset/cilium")
        assert not any("helm" in line or "create" in line for line in tools.told)


@pytest.mark.parametrize(
    ("there", "asked", "named"), [("", "cilium", "another one"), ("daemonset.apps/cilium\n", "default", "Cilium")]
)
def test_a_network_cannot_be_changed(tools: Tools, there: str, asked: str, named: str) -> None:
    """A cluster of that name with another one is refused, with the way out; it is not removed."""
    tools.there.write_text("lab\n")
    (tools.folder / "cilium").write_text(there)
    with pytest.raises(UsageError, match=f"its Pod network is {named}, .*`labgrade down --name lab`"):
        start(tools, cni=asked)
    assert not any("delete" in line for line in tools.told)


def test_a_failed_installation_leaves_no_cluster(tools: Tools) -> None:
    """Helm's own words are the reason."""
    (tools.folder / "bin/helm").write_text("#!/bin/sh\necho 'Error: no such chart' >&2\nexit 1\n")
    with pytest.raises(HarnessError, match="no such chart"):
        start(tools, cni="cilium")
    assert tools.told[-1] == "kind delete cluster --name lab"


def test_a_configuration_chooses_its_network_itself(tools: Tools) -> None:
    """Both together would contradict each other; nothing is made."""
    with pytest.raises(UsageError, match=r"kind\.yaml"):
        start(tools, cni="cilium", config=tools.folder / "kind.yaml")
    assert tools.told == []


def test_the_steps_of_an_answer_find_chart_and_values(
    tools: Tools, ours: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    """On a usual Docker the public chart and no values; the file of values is the same for the same values."""

    def cache(_: str) -> Path:
        return tools.folder / "cache"

    monkeypatch.setattr(platformdirs, "user_cache_path", cache)
    found = cilium.environment(ours)
    assert (found["CILIUM_CHART"], found["CILIUM_VERSION"]) == ("/opt/chart", cilium.VERSION)
    assert yaml.safe_load(Path(found["CILIUM_VALUES"]).read_text()) == OURS.values
    assert found["PATH"] == tools.environment["PATH"]
    assert cilium.environment(ours) == found
    usual = cilium.environment(Engine(tools.environment))
    assert usual["CILIUM_CHART"] == cilium.CHART
    assert yaml.safe_load(Path(usual["CILIUM_VALUES"]).read_text()) == {}
