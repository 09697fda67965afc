"""What an answer's manifests hold: above all what belongs to the whole cluster, and so outlives the lab's namespace."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from labgrade.course.answers import Answer
from labgrade.errors import UsageError

CLUSTER_SCOPED = frozenset(
    {
        "ClusterRole",
        "ClusterRoleBinding",
        "CSIDriver",
        "CustomResourceDefinition",
        "IngressClass",
        "MutatingWebhookConfiguration",
        "PersistentVolume",
        "PriorityClass",
        "RuntimeClass",
        "StorageClass",
        "ValidatingAdmissionPolicy",
        "ValidatingAdmissionPolicyBinding",
        "ValidatingWebhookConfiguration",
    }
)
"""Kinds of Kubernetes itself, less Namespace; what a CustomResourceDefinition adds goes with it."""


@dataclass(frozen=True, slots=True, order=True)
class Named:
    """An object's kind and name."""

    kind: str
    name: str

    def __str__(self) -> str:
        return f"{self.kind.lower()}/{self.name}"


def cluster_scoped(answer: Answer) -> frozenset[Named]:
    """The cluster-scoped objects of its manifests; UsageError where one of these is no YAML."""
    objects = (found for path in answer.manifests for found in _objects(path))
    return frozenset(
        Named(found["kind"], str((found.get("metadata") or {}).get("name", "")))
        for found in objects
        if found.get("kind") in CLUSTER_SCOPED
    )


def api_groups(answer: Answer) -> frozenset[str]:
    """The API groups of its manifests' objects, the core one as `""`; UsageError where one of these is no YAML."""
    objects = (found for path in answer.manifests for found in _objects(path))
    return frozenset(str(found.get("apiVersion", "")).rpartition("/")[0] for found in objects)


def _objects(path: Path) -> Iterator[dict[str, Any]]:
    try:
        documents = list(yaml.safe_load_all(path.read_text(encoding="utf-8")))
    except (OSError, ValueError, yaml.YAMLError) as error:
        raise UsageError(f"{path} cannot be read as YAML: {error}") from error
    yield from _flat(documents)


def _flat(documents: Iterable[Any]) -> Iterator[dict[str, Any]]:
    for document in documents:
        if isinstance(document, dict):
            yield document
            if document.get("kind") == "List":
                yield from _flat(document.get("items") or [])
