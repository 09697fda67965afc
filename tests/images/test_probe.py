"""The probe's image: named after its sources everywhere, and made for machines that no node image of ours serves."""

from __future__ import annotations

import io
import json
import tarfile
from pathlib import Path
from typing import Any

import pytest

from images import probe
from images.recipes import FOLDER, read
from images.trouble import Trouble
from labgrade.probe import image
from tests.support.asking import has_go

needs_go = pytest.mark.skipif(not has_go(), reason="there is no Go here to compile the probe with")
MACHINES = {"amd64": 62, "arm64": 183}
"""As the head of an ELF file says them."""


def test_the_key_is_that_of_the_sources() -> None:
    """A node's image of an earlier program is never taken for this one."""
    assert probe.key() == image.KEY, f'write KEY = "{probe.key()}" into image.py, and the same into recipes/probe.yaml'
    recipe = read(FOLDER / "probe.yaml")
    assert recipe.tags == recipe.labs == (image.TAG,)


def test_the_recipe_and_the_archive_run_the_same() -> None:
    """Pods find the program at one place, and a restricted namespace takes its user."""
    recipe = read(FOLDER / "probe.yaml")
    assert recipe.go == {"/probe": "probe"}
    assert (recipe.entrypoint, recipe.user) == (("/probe",), "65532:65532")


def test_a_change_of_the_sources_changes_the_key(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """One letter is enough, and so is a file's name."""
    keys = {probe.key()}
    monkeypatch.setattr(probe, "SOURCES", tmp_path)
    for name, text in (("a.go", "package main"), ("a.go", "package  main"), ("b.go", "package  main")):
        for old in tmp_path.iterdir():
            old.unlink()
        (tmp_path / name).write_text(text)
        keys.add(probe.key())
    assert len(keys) == 4


def member(archive: bytes, name: str) -> bytes:
    """A file of an archive."""
    with tarfile.open(fileobj=io.BytesIO(archive)) as tar:
        found = tar.extractfile(name)
        assert found is not None
        return found.read()


@needs_go
@pytest.mark.parametrize("architecture", probe.ARCHITECTURES)
def test_an_archive_holds_one_program_for_its_machine(architecture: str, tmp_path: Path) -> None:
    """Static, in one layer, run by nobody in particular; an archive of earlier sources goes."""
    old, other = tmp_path / f"0123456789ab-{architecture}.tar", tmp_path / "0123456789ab-riscv64.tar"
    for each in (old, other):
        each.write_bytes(b"")
    made = probe.make(architecture, tmp_path)
    assert {path.name for path in tmp_path.iterdir()} == {f"{image.KEY}-{architecture}.tar", other.name}
    whole = made.read_bytes()
    (listed,) = json.loads(member(whole, "manifest.json"))
    assert listed["RepoTags"] == [image.TAG]
    config: dict[str, Any] = json.loads(member(whole, listed["Config"]))
    assert (config["architecture"], config["os"]) == (architecture, "linux")
    assert config["config"] == {"Entrypoint": ["/probe"], "User": "65532:65532"}
    (layer,) = (member(whole, name) for name in listed["Layers"])
    with tarfile.open(fileobj=io.BytesIO(layer)) as tar:
        (file,) = tar.getmembers()
        assert (file.name, file.mode, file.isfile()) == ("probe", 0o755, True)
    program = member(layer, "probe")
    assert int.from_bytes(program[18:20], "little") == MACHINES[architecture]
    assert b"/lib64/ld-linux" not in program
    assert len(program) < 8_000_000


@needs_go
def test_an_archive_is_made_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is there is not compiled again."""
    path = tmp_path / f"{image.KEY}-amd64.tar"
    path.write_bytes(b"here")
    monkeypatch.setattr(probe, "go", lambda: pytest.fail("it was compiled"))
    assert probe.make("amd64", tmp_path).read_bytes() == b"here"


def test_without_go_it_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """And leaves nothing that looks like an archive."""

    def absent() -> Path:
        raise Trouble("Go is not installed")

    monkeypatch.setattr(probe, "go", absent)
    with pytest.raises(Trouble, match="Go is not installed"):
        probe.make("amd64", tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_an_archive_that_is_not_there_is_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A wheel without them works with a public image."""
    monkeypatch.setattr(image, "ARCHIVES", tmp_path)
    assert image.archive("amd64") is None
    (tmp_path / f"{image.KEY}-arm64.tar").touch()
    assert image.archive("arm64") == tmp_path / f"{image.KEY}-arm64.tar"
    assert image.archive("amd64") is None
