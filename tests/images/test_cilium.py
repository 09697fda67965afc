"""Cilium is built from a copy of its module in which one place is changed, and put into images of its own."""

import json
import shutil
import tarfile
from pathlib import Path
from typing import Any

import pytest

from images import cilium, node
from images.aptsources import Source
from images.archive import Layer
from images.compose import Kitchen
from images.debian import Archive
from images.edited import Edit, edit
from images.recipes import all_recipes, read
from images.trouble import Trouble

EDIT = Edit("a.go", "open()\n", "open()\nforgive()\n")


def kitchen(tmp_path: Path) -> Kitchen:
    """A kitchen with the programs and the module of a test."""
    debian = Archive(tmp_path / "cache", Source("file:/absent", ("bookworm",), ("main",)))
    return Kitchen(tmp_path / "cache", debian, tmp_path / "programs", tmp_path / "module")


def members(layer: Layer) -> dict[str, tarfile.TarInfo]:
    """What lies in a layer."""
    with tarfile.open(layer.path) as tar:
        return {member.name: member for member in tar}


def test_the_module_is_changed_in_one_place(tmp_path: Path) -> None:
    """All around it stays."""
    path = tmp_path / "a.go"
    path.write_text("before\nopen()\nafter\n")
    path.chmod(0o444)
    edit(tmp_path, [EDIT], of="the shop")
    assert path.read_text() == "before\nopen()\nforgive()\nafter\n"


@pytest.mark.parametrize("text", [None, "other()\n", "open()\nopen()\n"])
def test_another_text_is_noticed(tmp_path: Path, text: str | None) -> None:
    """A file that is gone, and one that has the place never or twice, are refused with the file's name."""
    if text is not None:
        (tmp_path / "a.go").write_text(text)
    with pytest.raises(Trouble, match=r"the shop: a\.go is not what"):
        edit(tmp_path, [EDIT], of="the shop")


@pytest.mark.skipif(shutil.which("go") is None, reason="needs the go command to name its version")
def test_another_edit_is_compiled_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Programs and chart lie in folders whose names change with the edits; go builds from the copy."""
    first = cilium.Builder(tmp_path)
    assert f"-modfile={first.laid_out / 'go.mod'}" in first.flags()
    assert not first.done
    monkeypatch.setattr(cilium, "EDITS", (EDIT,))
    second = cilium.Builder(tmp_path)
    assert second.folder != first.folder
    assert second.copy != first.copy


def test_the_pinned_module_is_the_version_that_is_announced() -> None:
    """go.mod, the chart's values and the recipes' tags speak of one version."""
    assert f"{cilium.PATH} v{cilium.VERSION}\n" in (cilium.SOURCE / "go.mod").read_text()
    recipes = all_recipes(cilium.RECIPES)
    tags = [tag for recipe in recipes for tag in recipe.tags]
    assert tags
    assert all(tag.endswith(f":v{cilium.VERSION}") for tag in tags)
    assert {name for recipe in recipes for name in recipe.go.values()} == set(cilium.NAMES)
    assert not set(tags) & {tag for recipe in all_recipes() for tag in recipe.tags}


def test_no_capability_that_such_a_host_lacks() -> None:
    """The chart's own list would keep the agent from starting."""
    assert "SYS_RESOURCE" not in json.dumps(cilium.VALUES)


def test_files_of_a_module_lie_in_a_layer(tmp_path: Path) -> None:
    """Whole folders too; scripts can be run although the module cache takes that from them."""
    (tmp_path / "module/bpf/lib").mkdir(parents=True)
    (tmp_path / "module/bpf/lib/a.h").write_text("x")
    (tmp_path / "module/install.sh").write_text("#!/bin/sh\n")
    found = members(made(tmp_path, {"module": {"/var/bpf": "bpf", "/install.sh": "install.sh"}})[-1])
    assert found["var/bpf/lib/a.h"].mode == 0o644
    assert found["install.sh"].mode == 0o755


def test_a_module_without_that_file_is_noticed(tmp_path: Path) -> None:
    """With the file's name."""
    (tmp_path / "module").mkdir()
    with pytest.raises(Trouble, match=r"has no absent\.sh"):
        made(tmp_path, {"module": {"/a": "absent.sh"}})


def test_a_folder_can_belong_to_a_user(tmp_path: Path) -> None:
    """The relay runs as one that is not root, and writes into its home."""
    (own,) = made(tmp_path, {"directories": ["/home/a", "/srv"], "owners": {"/home/a": 65532}})
    found = members(own)
    assert (found["home/a"].uid, found["home/a"].gid) == (65532, 65532)
    assert found["srv"].uid == 0


def test_a_copied_script_can_be_run(tmp_path: Path) -> None:
    """Under whatever name it is put; other files beside a recipe cannot."""
    for name in ("start.sh", "shop.conf"):
        (tmp_path / name).write_text("#!/bin/sh\n")
    (own,) = made(tmp_path, {"copies": {"/usr/local/bin/start": "start.sh", "/etc/shop.conf": "shop.conf"}})
    found = members(own)
    assert found["usr/local/bin/start"].mode == 0o755
    assert found["etc/shop.conf"].mode == 0o644


def made(tmp_path: Path, recipe: dict[str, Any]) -> tuple[Layer, ...]:
    """The layers of an image from a recipe without Debian packages."""
    path = tmp_path / "shop.yaml"
    path.write_text(json.dumps({"tags": ["shop:1"], "workdir": "/srv", "user": "65532"} | recipe))
    image = kitchen(tmp_path).image(read(path))
    assert (image.config["WorkingDir"], image.config["User"]) == ("/srv", "65532")
    return image.layers


def test_the_second_node_image_is_told_from_the_first() -> None:
    """Its recipes lie apart: they change nothing of what is made for everybody."""
    assert not any("cilium" in tag for recipe in all_recipes() for tag in recipe.tags)
    assert cilium.RECIPES.parent.parent == Path(node.__file__).parent
