"""Wiping a real cluster after a submission: the namespace goes in seconds, and what is left elsewhere is found."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from labgrade.cluster.api import Api
from labgrade.cohort.practice.inventory import Inventory, settled
from labgrade.cohort.practice.wiping import wipe
from labgrade.course import answers
from labgrade.facts.reading import RESOURCES
from labgrade.model import Json
from labgrade.patience import monotonic, until

from .conftest import Practice, Work

ORDINARY_SECONDS = 30
"""Three times what it takes on a machine that has something else to do as well."""

ROLES = "/apis/rbac.authorization.k8s.io/v1/clusterroles"
WEBHOOKS = "/apis/admissionregistration.k8s.io/v1/validatingwebhookconfigurations"
HOOK: Json = {
    "apiVersion": "admissionregistration.k8s.io/v1",
    "kind": "ValidatingWebhookConfiguration",
    "metadata": {"name": "left-behind"},
    "webhooks": [
        {
            "name": "left.behind.example.com",
            "clientConfig": {"url": "https://127.0.0.1:9/no"},
            "failurePolicy": "Fail",
            "sideEffects": "None",
            "admissionReviewVersions": ["v1"],
            "rules": [{"apiGroups": ["*"], "apiVersions": ["*"], "operations": ["DELETE"], "resources": ["widgets"]}],
        }
    ],
}
SETTINGS: Json = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "left-behind"}}
ROLE: Json = {
    "apiVersion": "rbac.authorization.k8s.io/v1",
    "kind": "ClusterRole",
    "metadata": {"name": "left-behind"},
    "rules": [],
}


@pytest.fixture
def api(practice: Practice, tmp_path: Path) -> Api:
    """The test's own connection."""
    return practice.api(tmp_path / "connection")


@pytest.fixture
def before(api: Api) -> Iterator[Inventory]:
    """What the cluster holds; in the end that is all of it again."""
    held = settled(api)
    yield held
    assert wipe(api, held) == []


@pytest.mark.parametrize("work", ["e04-statefulset"], indirect=True)
def test_a_submission_is_gone_in_seconds(api: Api, before: Inventory, work: Work) -> None:
    """With its Pods, claims and volumes; nothing is said of a name server's Pod that was replaced meanwhile."""
    work.put(answers.solution(work.lab))
    pods = RESOURCES["Pod"].path("kube-system")
    dns = api.get(pods, labelSelector="k8s-app=kube-dns")["items"][0]["metadata"]
    api.delete(RESOURCES["Pod"].path("kube-system", dns["name"]), uid=dns["uid"])
    assert until(lambda: api.get(RESOURCES["Pod"].path(work.place.namespace)).get("items"), seconds=30)
    began = monotonic()
    assert wipe(api, before) == []
    assert monotonic() - began < ORDINARY_SECONDS
    assert api.find(RESOURCES["Namespace"].path(name=work.place.namespace)) is None


def test_what_is_left_elsewhere_is_found(
    api: Api, before: Inventory, practice: Practice, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A role, a webhook, settings in a namespace of everybody's, a label on a node: one by one, by name."""
    monkeypatch.setattr("labgrade.cohort.practice.wiping.SETTLE_SECONDS", 1.0)
    maps = RESOURCES["ConfigMap"].path("default")
    for collection, body in ((ROLES, ROLE), (WEBHOOKS, HOOK), (maps, SETTINGS)):
        made = api.create(collection, json.loads(json.dumps(body)))
        try:
            place = " in default" if collection == maps else ""
            assert list(map(str, wipe(api, before))) == [f"{body['kind'].lower()}/left-behind{place} is new"]
        finally:
            api.delete(f"{collection}/left-behind", uid=made["metadata"]["uid"])
    name = f"{practice.name}-worker"
    node = RESOURCES["Node"].path(name=name)
    api.patch(node, {"metadata": {"labels": {"left": "behind"}}})
    try:
        assert list(map(str, wipe(api, before))) == [f"node/{name} was changed"]
    finally:
        api.patch(node, {"metadata": {"labels": {"left": None}}})
