"""Cluster-scoped objects are found in an answer's manifests, whatever their form."""

from __future__ import annotations

from pathlib import Path

import pytest

from labgrade.course.answers import Answer
from labgrade.course.manifests import api_groups, cluster_scoped
from labgrade.errors import UsageError

CLASS = "kind: StorageClass\nmetadata: {name: fast}\n"
CLAIM = "kind: PersistentVolumeClaim\nmetadata: {name: data}\n"


def found(folder: Path, **files: str) -> list[str]:
    """What is found in an answer of these manifests and steps."""
    paths = [folder / name.replace("_", ".") for name in files]
    for path, words in zip(paths, files.values(), strict=True):
        path.write_text(words)
    return sorted(map(str, cluster_scoped(Answer("solution", tuple(paths)))))


def test_documents_lists_and_files(tmp_path: Path) -> None:
    """Several documents in a file, lists and lists in lists, several files; each object once."""
    inner = "kind: List\nitems:\n- kind: IngressClass\n  metadata: {name: web}\n"
    outer = "kind: List\nitems:\n- kind: PersistentVolume\n  metadata: {name: disk}\n"
    words = {"a_yaml": f"---\n{CLAIM}---\n{CLASS}---\n---\n{inner}", "b_yaml": outer, "c_yaml": CLASS}
    assert found(tmp_path, **words) == ["ingressclass/web", "persistentvolume/disk", "storageclass/fast"]


def test_what_lies_in_a_namespace_is_none(tmp_path: Path) -> None:
    """Nor is a name that stands somewhere else in an object, nor what steps do."""
    assert found(tmp_path, a_yaml=CLAIM + "spec: {storageClassName: StorageClass}\n", steps_sh="kind: [\n") == []


def test_a_manifest_that_is_no_yaml_is_named(tmp_path: Path) -> None:
    """Instead of a traceback."""
    with pytest.raises(UsageError, match=r"a\.yaml cannot be read as YAML"):
        found(tmp_path, a_yaml="kind: [\n")


def test_api_groups(tmp_path: Path) -> None:
    """Whose objects these are; Kubernetes' oldest have no group."""
    path = tmp_path / "10-all.yaml"
    path.write_text("---\n".join(f"apiVersion: {version}\n" for version in ("v1", "cilium.io/v2", "cilium.io/v2")))
    assert api_groups(Answer("solution", (path,))) == {"", "cilium.io"}
    assert api_groups(Answer("starter", ())) == frozenset()
