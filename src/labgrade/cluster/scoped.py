"""Objects of the whole cluster that an answer writes: taken note of before, put back as they were after."""

from __future__ import annotations

import json
from collections.abc import Collection, Generator, Mapping
from contextlib import contextmanager

from labgrade.cluster.workspace import DELETE_SECONDS, Workspace
from labgrade.model import Json

Key = tuple[str, str]
"""Kind and name."""

BY_ITSELF = ("managedFields", "resourceVersion", "generation", "creationTimestamp", "uid")
"""What changes in an object's metadata without anybody meaning it."""

PROVISIONED = "pv.kubernetes.io/provisioned-by"
"""On volumes that a provisioner made and will remove: they are nobody's answer."""


@contextmanager
def kept(place: Workspace, kinds: Collection[str]) -> Generator[None]:
    """On leaving, what was added of these cluster-scoped kinds is gone, and what was changed or deleted is back."""
    before = _read(place, kinds)
    try:
        yield
    finally:
        after = _read(place, kinds)
        for kind, name in after.keys() - before.keys():
            place.kubectl("delete", f"{kind}/{name}", "--ignore-not-found", seconds=DELETE_SECONDS)
        for key, found in before.items():
            if after.get(key) != found:
                # Some of these kinds cannot be changed back, only be made anew.
                words = ("replace", "--force", "-f", "-")
                place.kubectl(*words, stdin=json.dumps(found), seconds=DELETE_SECONDS)


def _read(place: Workspace, kinds: Collection[str]) -> Mapping[Key, Json]:
    if not kinds:
        return {}
    found = json.loads(place.kubectl("get", ",".join(sorted(kinds)), "-o", "json")).get("items") or []
    return {(each["kind"], each["metadata"]["name"]): meant(each) for each in found if not provisioned(each)}


def meant(found: Json) -> Json:
    """The object less its status and what changes in it without anybody meaning it."""
    metadata = {key: value for key, value in found["metadata"].items() if key not in BY_ITSELF}
    return {key: value for key, value in found.items() if key != "status"} | {"metadata": metadata}


def provisioned(found: Json) -> bool:
    """Whether it is a volume that a provisioner made and will remove."""
    return PROVISIONED in (found["metadata"].get("annotations") or {})
