"""Providers: each one offers all that the registry promises, and kind is driven as its documentation says."""

from __future__ import annotations

import inspect
import os
import stat
from pathlib import Path

import pytest
import yaml

from labgrade import engine
from labgrade.engine import Engine
from labgrade.errors import HarnessError
from labgrade.providers import PROVIDERS, ClusterSpec, Provider, kind

OFFERED = [name for name, member in vars(Provider).items() if inspect.isfunction(member) and not name.startswith("_")]


@pytest.mark.parametrize("name", PROVIDERS)
@pytest.mark.parametrize("function", OFFERED)
def test_a_provider_offers_everything(name: str, function: str) -> None:
    """Same arguments as in the protocol, and a docstring."""
    wanted = list(inspect.signature(getattr(Provider, function)).parameters)[1:]
    found = getattr(PROVIDERS[name], function)
    assert list(inspect.signature(found).parameters) == wanted
    assert inspect.getdoc(found)


class Tools:
    """kind, docker and kubectl that write down what they are told; `there` are the clusters that exist."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.log, self.there = folder, folder / "log", folder / "there"
        self.there.touch()
        (folder / "version").write_text("29.0.1 linux/amd64\n")
        (folder / "bin").mkdir()
        script = f"""#!/bin/sh
            echo "$(basename "$0") $*" >> {self.log}
            case "$*" in
                "get clusters") cat {self.there};;
                "get nodes"*) echo lab-control-plane lab-worker;;
                "get kubeconfig"*) echo "apiVersion: v1";;
                *"--config -"*) cat > {folder}/config;;
                "version --format "*) cat {folder}/version;;
            esac
            """
        for name in ("kind", "docker", "kubectl"):
            (folder / "bin" / name).write_text(script)
            (folder / "bin" / name).chmod(0o755)
        self.environment = {"PATH": f"{folder / 'bin'}{os.pathsep}{os.defpath}"}

    @property
    def told(self) -> list[str]:
        """What they were told, without places on this machine."""
        return self.log.read_text().replace(str(self.folder), "").splitlines()


@pytest.fixture
def tools(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Tools:
    """The tools, on an engine that needs nothing special."""
    found = Tools(tmp_path)
    monkeypatch.setattr(engine, "find", lambda: Engine(found.environment))
    return found


def spec(tools: Tools, **more: bool) -> ClusterSpec:
    """A cluster with one image."""
    return ClusterSpec("lab", tools.folder / "state/kubeconfig", ("docker.io/library/nginx:1.26@sha256:abc",), **more)


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
    roles = [node["role"] for node in yaml.safe_load((tools.folder / "config").read_text())["nodes"]]
    assert roles == ["control-plane", "worker", "worker"]
    assert said


def test_a_cluster_for_its_user_becomes_the_current_context(tools: Tools) -> None:
    """Only the practice cluster touches the user's own kubeconfig."""
    kind.start(spec(tools, users=True), lambda _: None)
    (create,) = [line for line in tools.told if "create cluster" in line]
    assert "--kubeconfig" not in create


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
    ours = Engine(tools.environment, "node:1", ("docker.io/library/nginx:1.26",), ("kind: ClusterConfiguration\n",))
    monkeypatch.setattr(engine, "find", lambda: ours)
    kind.start(spec(tools), lambda _: None)
    assert any(line.endswith("--image node:1 --kubeconfig /state/kubeconfig") for line in tools.told)
    assert not any("pull" in line for line in tools.told)
    assert yaml.safe_load((tools.folder / "config").read_text())["kubeadmConfigPatches"] == list(ours.kubeadm_patches)


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
