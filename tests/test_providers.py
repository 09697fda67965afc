"""Providers: each one offers all that the registry promises, and kind is driven as its documentation says."""

from __future__ import annotations

import inspect
import stat
import subprocess
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import yaml

from labgrade import engine
from labgrade.engine import Engine
from labgrade.errors import HarnessError, UsageError
from labgrade.probe import image
from labgrade.providers import PROVIDERS, ClusterSpec, Provider, kind
from tests.support.tools import Tools

OFFERED = [name for name, member in vars(Provider).items() if inspect.isfunction(member) and not name.startswith("_")]


@pytest.mark.parametrize("name", PROVIDERS)
@pytest.mark.parametrize("function", OFFERED)
def test_a_provider_offers_everything(name: str, function: str) -> None:
    """Same arguments as in the protocol, and a docstring."""
    wanted = list(inspect.signature(getattr(Provider, function)).parameters)[1:]
    found = getattr(PROVIDERS[name], function)
    assert list(inspect.signature(found).parameters) == wanted
    assert inspect.getdoc(found)


@pytest.fixture
def tools(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Tools:
    """The tools, on an engine that needs nothing special."""
    found = Tools(tmp_path)
    monkeypatch.setattr(engine, "find", lambda: Engine(found.environment))
    return found


def spec(tools: Tools, **more: Any) -> ClusterSpec:
    """A cluster with one image."""
    return ClusterSpec("lab", tools.folder / "state/kubeconfig", ("docker.io/library/nginx:1.26@sha256:abc",), **more)


def made_from(tools: Tools) -> dict[str, Any]:
    """The configuration that kind was given."""
    return yaml.safe_load((tools.folder / "config").read_text())


def configured(tools: Tools, words: str) -> ClusterSpec:
    """A cluster from a configuration of the student's."""
    path = tools.folder / "kind.yaml"
    path.write_text(f"kind: Cluster\napiVersion: kind.x-k8s.io/v1alpha4\n{words}")
    return spec(tools, config=path)


def test_a_cluster_is_made_loaded_and_waited_for(tools: Tools) -> None:
    """Images by digest under the tag that manifests name; the kubeconfig for its owner alone."""
    said: list[str] = []
    kind.start(spec(tools), said.append)
    told = "\n".join(tools.told)
    assert "kind create cluster --name lab --config - --kubeconfig /state/kubeconfig" in told
    assert "docker pull --quiet docker.io/library/nginx@sha256:abc" in told
    assert "docker tag docker.io/library/nginx@sha256:abc docker.io/library/nginx:1.26" in told
    assert told.index("create cluster") < told.index("kind load image-archive --name lab") < told.index("kubectl wait")
    assert stat.S_IMODE((tools.folder / "state/kubeconfig").stat().st_mode) == 0o600
    assert [node["role"] for node in made_from(tools)["nodes"]] == ["control-plane", "worker", "worker"]
    assert said


def test_a_cluster_for_its_user_becomes_the_current_context(tools: Tools) -> None:
    """Only the practice cluster touches the user's own kubeconfig."""
    kind.start(spec(tools, users=True), lambda _: None)
    (create,) = [line for line in tools.told if "create cluster" in line]
    assert "--kubeconfig" not in create


def test_the_probe_comes_along(tools: Tools) -> None:
    """Onto every new cluster whose nodes lack its image: ours, or the public one where there is no archive of ours."""
    said: list[str] = []
    kind.start(spec(tools), said.append)
    assert f"docker pull --quiet {image.PINNED_FALLBACK.replace(':3.13-alpine', '')}" in tools.told
    assert any("probe" in words for words in said)


@pytest.mark.parametrize(("version", "platform"), [("27.5.1", ""), ("28.0.0", " --platform linux/arm64")])
def test_an_archive_holds_one_platform(tools: Tools, version: str, platform: str) -> None:
    """Newer Dockers save gaps where other platforms were not pulled, which kind refuses; older ones know no option."""
    (tools.folder / "version").write_text(f"{version} linux/arm64\n")
    kind.start(spec(tools), lambda _: None)
    assert any(line.startswith(f"docker save{platform} --output ") for line in tools.told)


def test_a_cluster_that_exists_is_started_again(tools: Tools) -> None:
    """After a restart of the machine its containers are stopped; nothing is created or lost."""
    tools.there.write_text("other\nlab\n")
    kind.start(spec(tools), lambda _: None)
    assert "docker start lab-control-plane lab-worker" in tools.told
    assert not any("create" in line or "delete" in line for line in tools.told)


def test_an_engine_of_ours_brings_node_image_and_images(tools: Tools, monkeypatch: pytest.MonkeyPatch) -> None:
    """What its node image holds already is not pulled."""
    held = ("docker.io/library/nginx:1.26", image.TAG)
    ours = Engine(tools.environment, "node:1", held, ("kind: ClusterConfiguration\n",))
    monkeypatch.setattr(engine, "find", lambda: ours)
    kind.start(spec(tools), lambda _: None)
    assert not any("pull" in line for line in tools.told)
    config = made_from(tools)
    assert [node["image"] for node in config["nodes"]] == ["node:1"] * 3
    assert config["kubeadmConfigPatches"] == list(ours.kubeadm_patches)


SHARING = """
nodes:
  - role: control-plane
    extraPortMappings:
      - {containerPort: 30080, hostPort: 80}
    extraMounts:
      - {hostPath: /tmp/lab/data, containerPath: /mnt/data}
      - {hostPath: ../certificates, containerPath: /certificates, readOnly: true}
  - role: worker
    extraMounts:
      - {hostPath: /tmp/lab/data, containerPath: /mnt/data}
  - role: worker
"""


def test_a_cluster_for_its_user_is_as_its_configuration_says(tools: Tools) -> None:
    """With the folders and the ports of the host that the user knows."""
    kind.start(configured(tools, SHARING), lambda _: None)
    first = made_from(tools)["nodes"][0]
    assert first["extraPortMappings"] == [{"containerPort": 30080, "hostPort": 80}]
    assert first["extraMounts"][0]["hostPath"] == "/tmp/lab/data"


def test_a_cluster_beside_others_takes_nothing_that_they_have(tools: Tools) -> None:
    """Folders of its own, the same one where it was the same one, and ports that are free."""
    folder = tools.folder / "shared"
    kind.start(replace(configured(tools, SHARING), beside=folder), lambda _: None)
    nodes = made_from(tools)["nodes"]
    assert nodes[0]["extraPortMappings"] == [{"containerPort": 30080, "hostPort": -1}]
    paths = [[mount["hostPath"] for mount in node.get("extraMounts", [])] for node in nodes]
    data, certificates = folder / "tmp/lab/data", folder / "certificates"
    assert paths == [[str(data), str(certificates)], [str(data)], []]
    assert data.is_dir()
    assert certificates.is_dir()


def test_what_nodes_share_is_emptied_from_inside(tools: Tools) -> None:
    """Where they may write, and only where the folder is not the user's."""
    shared = replace(configured(tools, SHARING), beside=tools.folder / "shared")
    for each in (configured(tools, SHARING), spec(tools, beside=tools.folder), replace(shared, config=None)):
        kind.empty(each)
    assert tools.told == []
    kind.empty(shared)
    emptied = [line for line in tools.told if line.startswith("docker exec")]
    assert [line.split()[2] for line in emptied] == ["lab-control-plane", "lab-worker"]
    assert all(line.endswith("empty /mnt/data") for line in emptied)


def test_emptying_leaves_the_folder_itself(tmp_path: Path) -> None:
    """As it was before anybody wrote there; one that is not there is no trouble."""
    folder = tmp_path / "a folder"
    (folder / "mysql").mkdir(parents=True)
    (folder / "mysql" / ".hidden").touch()
    subprocess.run([*kind.EMPTY, str(tmp_path / "none"), str(folder)], check=True)
    assert list(tmp_path.iterdir()) == [folder]
    assert list(folder.iterdir()) == []


def test_a_cluster_is_removed(tools: Tools) -> None:
    """By its exact name."""
    tools.there.write_text("lab-2\n")
    assert not kind.exists("lab")
    assert kind.exists("lab-2")
    kind.stop("lab-2")
    assert tools.told[-1] == "kind delete cluster --name lab-2"


def test_what_kind_says_of_its_failure_is_passed_on(tools: Tools) -> None:
    """In its own words, as our error."""
    (tools.folder / "bin/kind").write_text("#!/bin/sh\necho 'ERROR: no space left' >&2\nexit 1\n")
    with pytest.raises(HarnessError, match="no space left"):
        kind.start(spec(tools), lambda _: None)


OURS = ("node:1", (), ("kind: KubeletConfiguration\n",))


def test_a_configuration_is_kept_and_made_to_fit_the_engine(tools: Tools, monkeypatch: pytest.MonkeyPatch) -> None:
    """Our node image where none is named, and our patches after the student's; all else as it was."""
    monkeypatch.setattr(engine, "find", lambda: Engine(tools.environment, *OURS))
    nodes = "nodes: [{role: worker, image: own:2}, {}]\n"
    words = f"networking: {{podSubnet: 10.1.0.0/16}}\nkubeadmConfigPatches: [mine]\n{nodes}"
    kind.start(configured(tools, words), lambda _: None)
    config = made_from(tools)
    assert config["networking"] == {"podSubnet": "10.1.0.0/16"}
    assert config["kubeadmConfigPatches"] == ["mine", *OURS[2]]
    assert [node["image"] for node in config["nodes"]] == ["own:2", "node:1"]


def test_a_configuration_without_nodes_is_one_control_plane(tools: Tools, monkeypatch: pytest.MonkeyPatch) -> None:
    """As kind has it, also where the node image is ours."""
    monkeypatch.setattr(engine, "find", lambda: Engine(tools.environment, *OURS))
    kind.start(configured(tools, ""), lambda _: None)
    assert made_from(tools)["nodes"] == [{"role": "control-plane", "image": "node:1"}]


def test_without_a_pod_network_nodes_need_only_join(tools: Tools) -> None:
    """They cannot be Ready, nor can what runs on them."""
    (tools.folder / "joined").write_text("node/a\nnode/b\n")
    words = "networking: {disableDefaultCNI: true}\nnodes: [{role: control-plane}, {role: worker}]\n"
    kind.start(configured(tools, words), lambda _: None)
    assert "kubectl get nodes -o name" in tools.told
    assert not any("wait" in line or "rollout" in line for line in tools.told)


def test_a_node_that_does_not_join_is_told(tools: Tools, monkeypatch: pytest.MonkeyPatch) -> None:
    """After the time that there is."""
    monkeypatch.setattr(kind, "READY_SECONDS", 0.1)
    (tools.folder / "joined").write_text("node/a\n")
    words = "networking: {disableDefaultCNI: true}\nnodes: [{role: control-plane}, {role: worker}]\n"
    with pytest.raises(HarnessError, match="of the 2 nodes of cluster lab, not all have joined"):
        kind.start(configured(tools, words), lambda _: None)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ("kind: Pod\napiVersion: v1\n", "kind.yaml:1: kind is 'Pod', but Cluster is expected"),
        ("kind: Cluster\napiVersion: v1\n", "kind.yaml:2: apiVersion is 'v1', but kind.x-k8s.io/v1alpha4 is"),
        ("kind: Cluster\n", "kind.yaml:1: apiVersion is missing"),
        ("kind: [\n", "not YAML"),
        ("", "a mapping is expected"),
        ("kind: Cluster\napiVersion: kind.x-k8s.io/v1alpha4\nnodes: 3\n", "kind.yaml:3: nodes is 3, but a list"),
        ("kind: Cluster\napiVersion: kind.x-k8s.io/v1alpha4\nnodes: [worker]\n", "nodes.0 is 'worker', but a mapping"),
    ],
)
def test_a_configuration_that_is_none_is_refused_first(tools: Tools, words: str, said: str) -> None:
    """With file and line, before anything is made."""
    path = tools.folder / "kind.yaml"
    path.write_text(words)
    with pytest.raises(UsageError) as raised:
        kind.start(spec(tools, config=path), lambda _: None)
    assert said in str(raised.value)
    assert tools.told == []


@pytest.mark.parametrize(
    ("refusal", "error"),
    [
        ("unable to decode config: yaml: field nodez not found in type v1alpha4.Cluster", UsageError),
        ("[invalid configuration for node 0: no such role, must have at least one control-plane node]", UsageError),
        ("must have at least one control-plane node", UsageError),
        ("failed to init node with kubeadm: exit status 1: invalid flag", HarnessError),
    ],
)
def test_what_kind_says_of_a_configuration(tools: Tools, refusal: str, error: type[Exception]) -> None:
    """In its own words: the file's fault where it is, else our error; nothing is left behind."""
    (tools.folder / "refusal").write_text(f"ERROR: failed to create cluster: {refusal}\n")
    with pytest.raises(error) as raised:
        kind.start(configured(tools, "nodes: []\n"), lambda _: None)
    assert refusal in str(raised.value)
    assert ("kind.yaml" in str(raised.value)) == (error is UsageError)
    assert tools.told[-1] == "kind delete cluster --name lab"
