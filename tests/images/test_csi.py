"""The CSI driver of our own is built from what Kubernetes is built from, and packed with its helpers."""

import json
import re
import tarfile
from pathlib import Path

import pytest
import yaml

from images import csi, gobuild
from images.places import Places
from images.progress import Progress

MODULES = re.compile(r"^\t(?:\S+ => )?(?P<path>\S+) (?P<version>v\S+)", re.MULTILINE)


def versions(folder: Path) -> dict[str, str]:
    """The version of each module that a go.mod names, a replacement's in the place of what is required."""
    return {found["path"]: found["version"] for found in MODULES.finditer((folder / "go.mod").read_text())}


def test_what_both_are_built_from_has_one_version() -> None:
    """Else it would be compiled twice, which takes minutes."""
    ours, kubernetes = versions(csi.SOURCE), versions(gobuild.SOURCE)
    both = ours.keys() & kubernetes.keys() - {"github.com/container-storage-interface/spec"}
    assert len(both) > 50
    assert {path: ours[path] for path in both} == {path: kubernetes[path] for path in both}


def test_the_manifests_speak_of_the_driver_and_its_image() -> None:
    """By the names that it has in Go and here, with one container for each program."""
    objects = list(yaml.safe_load_all(csi.MANIFEST.read_text(encoding="utf-8")))
    named = {found["kind"]: found for found in objects}
    assert named["CSIDriver"]["metadata"]["name"] == named["VolumeSnapshotClass"]["driver"] == csi.DRIVER
    assert f'name     = "{csi.DRIVER}"' in (csi.SOURCE / "cmd/csi-folders/main.go").read_text()
    pods = [named[kind]["spec"]["template"]["spec"] for kind in ("DaemonSet", "Deployment")]
    containers = [container for pod in pods for container in pod["containers"]]
    assert {container["image"] for container in containers} == {csi.TAG}
    assert {container["command"][0] for container in containers} == {f"/{name}" for name in csi.GO.names}


def test_the_archive_holds_every_program(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Beside the kinds of snapshots, which are applied first."""

    def build(builder: gobuild.Builder) -> None:
        builder.folder.mkdir(parents=True)
        for name in csi.GO.names:
            (builder.folder / name).write_text(name)

    def module(_: gobuild.Builder, _path: str) -> Path:
        return tmp_path / "module"

    kinds = tmp_path / "module" / "config" / "crd"
    kinds.mkdir(parents=True)
    (kinds / "snapshot.storage.k8s.io_volumesnapshots.yaml").write_text("kind: CustomResourceDefinition\n")
    (kinds / "kustomization.yaml").write_text("resources: []\n")
    monkeypatch.setattr(gobuild, "version", lambda: "go1.26.0")
    monkeypatch.setattr(gobuild.Builder, "build", build)
    monkeypatch.setattr(gobuild.Builder, "module_folder", module)
    here = Places(tmp_path / "cache", tmp_path / "engine")
    kit = csi.made(here, Progress())
    monkeypatch.delattr(gobuild.Builder, "build")
    assert csi.made(here, Progress()) == kit
    names = [path.name for path in sorted(kit.manifests.iterdir())]
    assert names == ["10-snapshot.storage.k8s.io_volumesnapshots.yaml", "20-driver.yaml"]
    with tarfile.open(kit.archive) as tar:
        manifest = json.load(tar.extractfile("manifest.json") or pytest.fail("no manifest"))
        with tarfile.open(fileobj=tar.extractfile(manifest[0]["Layers"][0])) as layer:
            programs = {member.name: member.mode for member in layer}
    assert manifest[0]["RepoTags"] == [csi.TAG]
    assert programs == dict.fromkeys(csi.GO.names, 0o755)
