"""Layers and archives depend on their content and on nothing else."""

import io
import json
import os
import subprocess
import tarfile
from pathlib import Path

from images.archive import Image, Layer, Tree, file_digest, keep_tree, save


def written(tree: Tree) -> bytes:
    """The bytes of a tree's layer."""
    out = io.BytesIO()
    tree.write(out)
    return out.getvalue()


def members(layer: bytes) -> dict[str, tarfile.TarInfo]:
    """What lies in a layer, by path."""
    with tarfile.open(fileobj=io.BytesIO(layer)) as tar:
        return {member.name: member for member in tar}


def test_the_order_of_putting_does_not_matter() -> None:
    """Two trees with the same files give the same bytes."""
    one, other = Tree(), Tree()
    one.file("/etc/a", b"1")
    one.link("/usr/bin/b", "c")
    other.link("usr/bin/b", "c")
    other.file("etc/a", b"1")
    assert written(one) == written(other)


def test_a_file_on_disk_leaves_no_trace_of_its_times(tmp_path: Path) -> None:
    """The time of a copied file does not reach the layer."""
    source = tmp_path / "program"
    source.write_bytes(b"x" * 1000)
    tree = Tree()
    tree.file("/bin/program", source, mode=0o755)
    before = written(tree)
    os.utime(source, (1, 1))
    assert written(tree) == before
    assert members(before)["usr/bin/program"].mtime == 0


def test_parents_appear_by_themselves() -> None:
    """Every folder above a file is in the layer, and a folder put by hand keeps its mode."""
    tree = Tree()
    tree.directory("/tmp", mode=0o1777)
    tree.file("/tmp/deep/er/file", b"")
    found = members(written(tree))
    assert list(found) == ["tmp", "tmp/deep", "tmp/deep/er", "tmp/deep/er/file"]
    assert found["tmp"].mode == 0o1777


def test_of_a_package_only_some_paths_are_taken(tmp_path: Path) -> None:
    """Those that begin with one of the words."""
    root = tmp_path / "root"
    (root / "DEBIAN").mkdir(parents=True)
    (root / "DEBIAN/control").write_text("Package: a\nVersion: 1\nArchitecture: all\nMaintainer: a\nDescription: a\n")
    for name in ("llc", "opt"):
        (root / "usr/bin").mkdir(parents=True, exist_ok=True)
        (root / "usr/bin" / name).write_text(name)
    subprocess.run(["dpkg-deb", "--build", root, tmp_path / "a.deb"], check=True, capture_output=True)
    tree = Tree()
    tree.deb(tmp_path / "a.deb", only=["usr/bin/llc"])
    assert list(tree.entries) == ["usr/bin/llc"]
    tree.deb(tmp_path / "a.deb")
    assert "usr/bin/opt" in tree.entries


def test_old_paths_lead_into_usr() -> None:
    """What a package puts into /bin or /lib64 lies below /usr, where the links of a merged system lead."""
    tree = Tree()
    tree.merged_usr()
    tree.file("/bin/sh", b"#!")
    tree.file("./lib64/ld.so", b"")
    found = members(written(tree))
    assert found["bin"].issym()
    assert found["usr/bin/sh"].isfile()
    assert found["usr/lib64/ld.so"].isfile()


def test_a_package_comes_without_its_documentation(tmp_path: Path) -> None:
    """Files, links and modes of a real package arrive; documentation and what the recipe drops do not."""
    root = tmp_path / "package"
    for name in ("DEBIAN", "bin", "usr/share/doc/tool", "etc/tool"):
        (root / name).mkdir(parents=True)
    (root / "DEBIAN/control").write_text(
        "Package: tool\nVersion: 1\nArchitecture: all\nMaintainer: nobody <nobody@example.org>\nDescription: none\n"
    )
    (root / "bin/tool").write_text("#!/bin/sh\n")
    (root / "bin/tool").chmod(0o755)
    (root / "usr/share/doc/tool/README").write_text("long")
    (root / "etc/tool/settings").write_text("a=b\n")
    subprocess.run(["dpkg-deb", "--build", root, tmp_path / "tool.deb"], check=True, capture_output=True)
    tree = Tree()
    tree.deb(tmp_path / "tool.deb", drop=("usr/share/doc/", "etc/tool/"))
    found = members(written(tree))
    assert found["usr/bin/tool"].mode & 0o777 == 0o755
    assert not any("README" in name or "settings" in name for name in found)


def test_a_layer_is_made_once_for_each_key(tmp_path: Path) -> None:
    """The second request takes the first one's file and digest."""
    calls: list[int] = []

    def fill(tree: Tree) -> None:
        calls.append(1)
        tree.file("/a", b"a")

    first, second = keep_tree(fill, tmp_path, "key"), keep_tree(fill, tmp_path, "key")
    assert (first, len(calls)) == (second, 1)
    assert first.digest == file_digest(first.path)


def test_an_archive_holds_a_shared_layer_once(tmp_path: Path) -> None:
    """Two images of one layer are listed with their tags, and the layer is written once."""

    def fill(tree: Tree) -> None:
        tree.file("/a", b"a")

    layer: Layer = keep_tree(fill, tmp_path, "key")
    images = [Image(("a:1", "b:1"), (layer,)), Image(("c:1",), (layer,), {"Entrypoint": ["/a"]})]
    out = io.BytesIO()
    save(images, out)
    with tarfile.open(fileobj=io.BytesIO(out.getvalue())) as tar:
        names = tar.getnames()
        listed = tar.extractfile("manifest.json")
        assert listed is not None
        manifest = json.load(listed)
    assert names.count(f"{layer.digest}/layer.tar") == 1
    assert [entry["RepoTags"] for entry in manifest] == [["a:1", "b:1"], ["c:1"]]
