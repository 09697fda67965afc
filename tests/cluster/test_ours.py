"""What is ours in a cluster: made once, marked, what killed runs left removed, and nothing of anybody else's."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest

from labgrade.cluster.api import Api, ApiError
from labgrade.cluster.ours import OwnNamespace, create_pod, labels, remove_orphans
from labgrade.errors import HarnessError
from labgrade.facts import Snapshot
from tests.support.apiserver import ApiServer

RUN = "0123abcd"
MARKS = {"app.kubernetes.io/managed-by": "labgrade", "labgrade/run": RUN}


def test_a_namespace_is_made_once_when_it_is_first_needed(api: Api, server: ApiServer) -> None:
    """By whoever comes first of many at once; it bears the run's mark and a Pod Security level."""
    space = OwnNamespace(api, RUN)
    assert server.requests == []
    with ThreadPoolExecutor(8) as pool:
        for each in [pool.submit(space.create) for _ in range(8)]:
            each.result()
    assert server.count("/namespaces", "POST") == 1
    found = server.find("Namespace", f"labgrade-{RUN}") or {}
    assert found["metadata"]["labels"] == MARKS | {"pod-security.kubernetes.io/enforce": "restricted"}
    space.remove()
    assert server.find("Namespace", f"labgrade-{RUN}") is None


def test_a_part_of_a_run_has_a_namespace_of_its_own(api: Api, server: ApiServer) -> None:
    """With a level of its own."""
    for space in (OwnNamespace(api, RUN, part="nodes", level="privileged"), OwnNamespace(api, RUN)):
        space.create()
    found = server.find("Namespace", f"labgrade-nodes-{RUN}") or {}
    assert found["metadata"]["labels"]["pod-security.kubernetes.io/enforce"] == "privileged"
    assert server.find("Namespace", f"labgrade-{RUN}")


def test_what_was_not_made_is_not_removed(api: Api, server: ApiServer) -> None:
    """Somebody else's may have that name."""
    server.put("Namespace", f"labgrade-{RUN}")
    space = OwnNamespace(api, RUN)
    space.remove()
    with pytest.raises(ApiError):
        space.create()
    space.remove()
    assert server.count("", "DELETE") == 0
    assert server.find("Namespace", f"labgrade-{RUN}")


def test_a_namespace_that_could_not_be_made_is_tried_again(api: Api, server: ApiServer) -> None:
    """The next one who needs it may have more luck."""
    server.fault(403, "/namespaces", method="POST")
    space = OwnNamespace(api, RUN)
    with pytest.raises(ApiError):
        space.create()
    space.create()
    assert server.find("Namespace", f"labgrade-{RUN}")


@pytest.mark.parametrize("name", [f"labgrade-{RUN}", f"labgrade-nodes-{RUN}", f"labgrade-claims-{RUN}"])
def test_a_killed_runs_namespace_is_removed(api: Api, server: ApiServer, name: str) -> None:
    """With all that is in it."""
    server.put("Namespace", name, metadata={"labels": labels(RUN)})
    server.put("Pod", "probe", name, metadata={"labels": labels(RUN)})
    remove_orphans(api)
    assert server.find("Namespace", name) is None
    assert server.find("Pod", "probe", name) is None


def test_a_killed_runs_pods_among_others_are_removed(api: Api, server: ApiServer) -> None:
    """In whatever namespace, which stays."""
    for space in ("lab", "default"):
        server.put("Namespace", space)
        server.put("Pod", f"labgrade-{RUN}", space, metadata={"labels": labels(RUN)})
    remove_orphans(api)
    for space in ("lab", "default"):
        assert server.find("Pod", f"labgrade-{RUN}", space) is None
        assert server.find("Namespace", space)


@pytest.mark.parametrize("kind", ["Namespace", "Pod"])
@pytest.mark.parametrize(
    ("name", "marks"),
    [
        (f"labgrade-{RUN}", {}),
        (f"labgrade-{RUN}", {"app.kubernetes.io/managed-by": "helm"}),
        ("web", MARKS),
        ("labgrade", MARKS),
        ("labgrade-notes", MARKS),
        (f"labgrade-{RUN}-web", MARKS),
        (f"my-labgrade-{RUN}", MARKS),
        (f"labgrade-other-{RUN}", MARKS),
    ],
)
def test_nothing_of_anybody_elses_is_removed(
    api: Api, server: ApiServer, kind: str, name: str, marks: dict[str, str]
) -> None:
    """A label alone could be anybody's, and so could a name."""
    space = None if kind == "Namespace" else "lab"
    server.put(kind, name, space, metadata={"labels": marks})
    remove_orphans(api)
    assert server.find(kind, name, space)
    assert server.count("", "DELETE") == 0


@pytest.mark.parametrize(
    ("name", "marks", "shown"), [(f"labgrade-{RUN}", MARKS, 0), (f"labgrade-{RUN}", {}, 1), ("web", MARKS, 1)]
)
def test_a_reading_shows_none_of_our_guests(
    api: Api, server: ApiServer, name: str, marks: dict[str, str], shown: int
) -> None:
    """A check counts the student's Pods, not the probe among them."""
    server.put("Pod", "backend", "lab")
    server.put("Pod", name, "lab", metadata={"labels": marks})
    assert len(Snapshot(api).items("Pod", "lab")) == 1 + shown


def test_only_the_very_object_that_was_seen_is_removed(api: Api, server: ApiServer) -> None:
    """Another one may have come under its name meanwhile."""
    server.put("Pod", f"labgrade-{RUN}", "lab", metadata={"labels": labels(RUN)})
    listed, get = server.find("Pod", f"labgrade-{RUN}", "lab") or {}, api.get

    def late(path: str, **query: str) -> dict[str, object]:
        """The list is old when it arrives."""
        if path.endswith("/pods"):
            return {"items": [{**listed, "metadata": {**listed["metadata"], "uid": "an-older-one"}}]}
        return get(path, **query)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(api, "get", late)
        remove_orphans(api)
    assert server.find("Pod", f"labgrade-{RUN}", "lab")
    assert server.count("", "DELETE") == 1


def test_pods_wait_for_a_new_namespaces_account(api: Api, server: ApiServer, monkeypatch: pytest.MonkeyPatch) -> None:
    """Not for ever; every other refusal is told at once."""
    body = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "probe"}, "spec": {}}
    refusal = 'pods "probe" is forbidden: error looking up service account lab/default: serviceaccount'
    server.fault(403, "/pods", method="POST", message=refusal, times=2)
    create_pod(api, "lab", body)
    assert server.count("/pods", "POST") == 3
    monkeypatch.setattr("labgrade.cluster.ours.ACCOUNT_SECONDS", 0.2)
    server.fault(403, "/pods", method="POST", message=refusal, times=99)
    with pytest.raises(HarnessError, match="the namespace lab got no service account in time"):
        create_pod(api, "lab", body)


@pytest.mark.parametrize(
    ("kind", "reference", "policy"),
    [
        ("PersistentVolume", "claimRef", "persistentVolumeReclaimPolicy"),
        ("VolumeSnapshotContent", "volumeSnapshotRef", "deletionPolicy"),
    ],
)
def test_what_drivers_would_keep_of_a_killed_run_goes(
    api: Api, server: ApiServer, kind: str, reference: str, policy: str
) -> None:
    """With what it stands for, hence its policy first; what is anybody else's stays as it is."""

    def put(name: str, space: str, keep: str = "Retain") -> None:
        server.put(kind, name, spec={reference: {"namespace": space, "name": "trial"}, policy: keep})

    put("ours", f"labgrade-claims-{RUN}")
    put("going", f"labgrade-claims-{RUN}", "Delete")
    put("theirs", "e03")
    put("alike", "labgrade-claims-of-anna")
    server.put(kind, "nobodys", spec={policy: "Retain"})
    changed: list[str] = []
    server.reactions.append(lambda method, _, body: changed.append(body["spec"][policy]) if method == "PATCH" else None)
    remove_orphans(api)
    assert changed == ["Delete"]
    assert not server.find(kind, "ours")
    assert all(server.find(kind, name) for name in ("going", "theirs", "alike", "nobodys"))
