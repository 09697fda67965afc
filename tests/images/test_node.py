"""The node image's files follow kind's module, and the Go sources decide what is compiled."""

import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from images import gobuild, node
from images.trouble import Trouble

STORAGE = """package nodeimage

const storageProvisionerImage = "provisioner:1"
const storageHelperImage = "helper:1"

const defaultStorageManifest = `
kind: Pod
image: ` + storageProvisionerImage + `
helper: ` + storageHelperImage + `
`
"""


def module(tmp_path: Path, text: str) -> Path:
    """A folder that holds kind's storage settings."""
    path = tmp_path / "pkg/build/nodeimage"
    path.mkdir(parents=True)
    (path / "const_storage.go").write_text(text, encoding="utf-8")
    return tmp_path


def test_the_storage_manifest_is_put_together(tmp_path: Path) -> None:
    """Go's string constants are joined into the manifest."""
    known = node.kind_settings(module(tmp_path, STORAGE))
    assert known["manifest"] == "\nkind: Pod\nimage: provisioner:1\nhelper: helper:1\n"
    assert known["storageHelperImage"] == "helper:1"


def test_another_layout_of_kind_is_noticed(tmp_path: Path) -> None:
    """A module without that manifest is refused instead of giving an empty one."""
    with pytest.raises(Trouble, match="storage manifest"):
        node.kind_settings(module(tmp_path, "package nodeimage\n"))


def test_services_are_enabled_where_their_unit_says(tmp_path: Path) -> None:
    """A link appears in the folder of each target that wants the service."""
    units = tmp_path / "etc/systemd/system"
    units.mkdir(parents=True)
    for name in node.SERVICES:
        (units / name).write_text("[Install]\nWantedBy=multi-user.target\n", encoding="utf-8")
    node.services(tmp_path)
    linked = sorted(path.name for path in (units / "multi-user.target.wants").iterdir())
    assert linked == sorted(node.SERVICES)


def test_the_network_manifest_is_a_template_of_kinds() -> None:
    """Kind fills in the Pods' range only where the first words ask for it."""
    text = node.MANIFEST.read_text(encoding="utf-8")
    assert text.startswith("# would you kindly template this file")
    assert "{{ .PodSubnet }}" in text


@pytest.mark.skipif(shutil.which("go") is None, reason="needs the go command to name its version")
def test_a_changed_source_is_compiled_again(tmp_path: Path) -> None:
    """The digest of the Go sources changes with a source and with a pin, and with nothing else."""
    source = tmp_path / "go"
    shutil.copytree(gobuild.SOURCE, source)
    module = replace(gobuild.KUBERNETES, source=source)
    first = gobuild.source_digest(module)
    (source / "notes.txt").write_text("x", encoding="utf-8")
    assert gobuild.source_digest(module) == first
    (source / "go.sum").write_text("", encoding="utf-8")
    changed = gobuild.source_digest(module)
    assert changed != first
    assert gobuild.source_digest(replace(module, tags="x")) != changed
