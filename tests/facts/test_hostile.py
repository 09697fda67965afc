"""Facts never fail for what a student wrote: a wrong word somewhere must not turn lost points into our error."""

from __future__ import annotations

import pytest

from labgrade.facts import CiliumNetworkPolicy, Cluster, NetworkPolicy, Recorded
from labgrade.model import Json

REVISION = "deployment.kubernetes.io/revision"


def cluster(kind: str, **metadata: object) -> Cluster:
    """A cluster with one object and nothing in it but metadata."""
    found: Json = {"kind": kind, "metadata": {"name": "web", "namespace": "lab", "uid": "1", **metadata}}
    return Cluster(Recorded(found), "lab")


@pytest.mark.parametrize("words", ["", "latest", "-1", "1.5", "²", "1e3", " 2"])
def test_a_revision_that_is_no_number(words: str) -> None:
    """Annotations are free text."""
    notes = {REVISION: words, f"{REVISION}-history": f"1,{words},x"}
    found = cluster("ReplicaSet", annotations=notes).replicasets()[0]
    assert found.revision == 0
    assert set(found.revision_history) <= {1, 2}
    assert cluster("Deployment", annotations=notes).deployment("web").revision == 0


@pytest.mark.parametrize(
    "kind",
    [
        "CiliumNetworkPolicy",
        "Deployment",
        "NetworkPolicy",
        "PersistentVolumeClaim",
        "Pod",
        "ReplicaSet",
        "Service",
        "StatefulSet",
    ],
)
def test_objects_with_nothing_in_them(kind: str) -> None:
    """No labels, annotations, spec or status: every fact has an answer, and so has an object that is not there."""
    seen = cluster(kind, labels=None, annotations=None, ownerReferences=None)
    for name in ("web", "other"):
        handles = {
            "Deployment": seen.deployment(name),
            "StatefulSet": seen.statefulset(name),
            "ReplicaSet": next(iter(seen.replicasets()), None),
            "Pod": seen.pod(name),
            "Service": seen.service(name),
            "PersistentVolumeClaim": seen.claim(name),
            "NetworkPolicy": NetworkPolicy(seen.reading, "lab", name),
            "CiliumNetworkPolicy": CiliumNetworkPolicy(seen.reading, "lab", name),
        }
        found = handles[kind]
        for fact in (each for each in dir(type(found)) if not each.startswith("_")):
            if isinstance(getattr(type(found), fact), property):
                getattr(found, fact)


@pytest.mark.parametrize(
    ("reference", "full"),
    [
        ("nginx", "docker.io/library/nginx:latest"),
        ("nginx:1.26", "docker.io/library/nginx:1.26"),
        ("bitnami/nginx:1.26", "docker.io/bitnami/nginx:1.26"),
        ("localhost/nginx", "localhost/nginx:latest"),
        ("registry:5000/nginx", "registry:5000/nginx:latest"),
        ("ghcr.io/a/b:1@sha256:abc", "ghcr.io/a/b:1"),
        ("docker.io/library/nginx:1.26", "docker.io/library/nginx:1.26"),
        ("docker.io/nginx:1.26", "docker.io/library/nginx:1.26"),
        ("index.docker.io/library/nginx:1.26", "docker.io/library/nginx:1.26"),
    ],
)
def test_images_by_their_full_name(reference: str, full: str) -> None:
    """However a student writes an image, it is the same one."""
    from labgrade.facts import image_name

    assert image_name(reference) == full
