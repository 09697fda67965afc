"""After a submission a cluster is what it was; what it left elsewhere than in its namespaces is found, and named."""

from __future__ import annotations

import threading
from collections.abc import Callable, Collection

import pytest

from labgrade.cluster.api import Api
from labgrade.cluster.scoped import PROVISIONED
from labgrade.cohort.practice import inventory
from labgrade.cohort.practice.inventory import Inventory, settled
from labgrade.cohort.practice.wiping import wipe
from labgrade.errors import HarnessError
from labgrade.facts.reading import Resource
from labgrade.model import Json
from tests.support.apiserver import ApiServer

MORE = {
    "APIService": Resource("apiregistration.k8s.io/v1", "apiservices", namespaced=False),
    "ClusterRole": Resource("rbac.authorization.k8s.io/v1", "clusterroles", namespaced=False),
    "CustomResourceDefinition": Resource("apiextensions.k8s.io/v1", "customresourcedefinitions", namespaced=False),
    "PriorityClass": Resource("scheduling.k8s.io/v1", "priorityclasses", namespaced=False),
    "ValidatingWebhookConfiguration": Resource(
        "admissionregistration.k8s.io/v1", "validatingwebhookconfigurations", namespaced=False
    ),
}


@pytest.fixture(autouse=True)
def hurried(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody waits long for what is not going to come."""
    monkeypatch.setattr("labgrade.cohort.practice.inventory.QUIET_SECONDS", 0.01)
    monkeypatch.setattr("labgrade.cohort.practice.inventory.SETTLE_SECONDS", 1.0)
    monkeypatch.setattr("labgrade.cohort.practice.wiping.GONE_SECONDS", 0.2)
    monkeypatch.setattr("labgrade.cohort.practice.wiping.SETTLE_SECONDS", 0.2)
    monkeypatch.setattr("labgrade.patience.TRANSPORT_PAUSE_SECONDS", 0.01)


def controlled(kind: str, name: str, uid: str) -> Json:
    """Metadata of what a controller made."""
    return {"ownerReferences": [{"kind": kind, "name": name, "uid": uid, "controller": True}]}


def dns_pod(server: ApiServer, name: str, image: str = "coredns:1", token: str = "abcde") -> None:
    """A Pod of the cluster's name server."""
    spec = {
        "containers": [{"name": "dns", "image": image}],
        "volumes": [{"name": f"kube-api-access-{token}"}],
        "nodeName": f"node-of-{name}",
    }
    server.put("Pod", name, "kube-system", metadata=controlled("ReplicaSet", "coredns-1", "dns"), spec=spec)


@pytest.fixture
def server(server: ApiServer) -> ApiServer:
    """A cluster with a little of what every cluster has."""
    server.served.update(MORE)
    server.put("Namespace", "default")
    server.put("ConfigMap", "coredns", "kube-system", data={"Corefile": "."})
    server.put("StorageClass", "standard", provisioner="rancher.io/local-path")
    server.put("ClusterRole", "view", rules=[{"verbs": ["get"]}])
    dns_pod(server, "coredns-1-a")
    return server


@pytest.fixture
def before(api: Api, server: ApiServer) -> Inventory:
    """What it holds before anybody's work."""
    assert server
    return settled(api)


def left(api: Api, before: Inventory, asked: Collection[str] = ()) -> list[str]:
    """What wiping finds in the end."""
    return list(map(str, wipe(api, before, asked=asked)))


def test_an_ordinary_submission_leaves_nothing(api: Api, server: ApiServer, before: Inventory) -> None:
    """Its namespaces are removed with all that is in them, ours too, and the Lease of a grader that was killed."""
    server.put("Namespace", "b01")
    server.put("Deployment", "web", "b01", spec={"replicas": 1})
    server.put("Namespace", "labgrade-0123abcd")
    server.put("Lease", "labgrade", "kube-system", spec={})
    server.put("ConfigMap", "labgrade-journal-b01", "kube-system", data={})
    assert left(api, before) == []
    assert server.find("Namespace", "b01") is None
    assert server.find("Deployment", "web", "b01") is None
    assert server.find("Namespace", "labgrade-0123abcd") is None
    assert server.find("Lease", "labgrade", "kube-system") is None
    assert server.find("ConfigMap", "labgrade-journal-b01", "kube-system") is None
    assert server.find("ConfigMap", "coredns", "kube-system") is not None


def test_pods_of_a_submission_get_no_time_to_say_goodbye(api: Api, server: ApiServer, before: Inventory) -> None:
    """Once their namespace takes no others in, and before the cluster gives them all the time that they ask for."""
    server.put("Namespace", "b01")
    left(api, before)
    deleted = [path for method, path in server.requests if method == "DELETE"]
    assert deleted[:2] == ["/api/v1/namespaces/b01", "/api/v1/namespaces/b01/pods"]


def put_role(server: ApiServer) -> None:
    """Leaves a role."""
    server.put("ClusterRole", "mine", rules=[])


def put_definition(server: ApiServer) -> None:
    """Leaves a kind."""
    server.put("CustomResourceDefinition", "boxes.example.com", spec={})


def put_webhook(server: ApiServer) -> None:
    """Leaves a webhook, which could keep namespaces from being deleted."""
    server.put("ValidatingWebhookConfiguration", "no", webhooks=[])


def put_in_default(server: ApiServer) -> None:
    """Leaves a map in a namespace that was there."""
    server.put("ConfigMap", "mine", "default", data={})


def put_pod_in_default(server: ApiServer) -> None:
    """Leaves a Pod there."""
    server.put("Pod", "mine", "default", spec={"containers": []})


def label_node(server: ApiServer) -> None:
    """Changes a node."""
    server.put("Node", "lab-1", metadata={"labels": {"mine": "yes"}})


def cordon(server: ApiServer) -> None:
    """Takes a node out."""
    server.put("Node", "lab-1", spec={"unschedulable": True})


def taint(server: ApiServer) -> None:
    """Keeps Pods off a node."""
    server.put("Node", "lab-1", spec={"taints": [{"key": "mine", "effect": "NoSchedule"}]})


def change_map(server: ApiServer) -> None:
    """Changes the cluster's own settings."""
    server.put("ConfigMap", "coredns", "kube-system", data={"Corefile": "example.com {}"})


def delete_class(server: ApiServer) -> None:
    """Deletes what was there."""
    server.remove("StorageClass", "standard")


def replace_class(server: ApiServer) -> None:
    """Deletes what was there and makes the same anew."""
    server.remove("StorageClass", "standard")
    server.put("StorageClass", "standard", provisioner="rancher.io/local-path")


def put_volume(server: ApiServer) -> None:
    """Leaves a volume made by hand."""
    server.put("PersistentVolume", "disk", spec={"hostPath": {"path": "/srv"}})


def put_foreign_dns(server: ApiServer) -> None:
    """Has another program answer for the name server, as a Pod of its controller's."""
    dns_pod(server, "coredns-1-b", image="mine:1")


def open_dns(server: ApiServer) -> None:
    """Joins a Pod of the cluster's."""
    dns_pod(server, "coredns-1-a", image="mine:1")


def begin_deleting(server: ApiServer) -> None:
    """Begins to delete what a finalizer keeps."""
    server.put("ConfigMap", "coredns", "kube-system", metadata={"deletionTimestamp": "2026-01-01T00:00:00Z"})


@pytest.mark.parametrize(
    ("spoil", "told"),
    [
        (put_role, "clusterrole/mine is new"),
        (put_definition, "customresourcedefinition/boxes.example.com is new"),
        (put_webhook, "validatingwebhookconfiguration/no is new"),
        (put_in_default, "configmap/mine in default is new"),
        (put_pod_in_default, "pod/mine in default is new"),
        (label_node, "node/lab-1 was changed"),
        (cordon, "node/lab-1 was changed"),
        (taint, "node/lab-1 was changed"),
        (change_map, "configmap/coredns in kube-system was changed"),
        (delete_class, "storageclass/standard is gone"),
        (replace_class, "storageclass/standard was made anew"),
        (put_volume, "persistentvolume/disk is new"),
        (put_foreign_dns, "pod/coredns-1-b in kube-system is new"),
        (open_dns, "pod/coredns-1-a in kube-system was changed"),
        (begin_deleting, "configmap/coredns in kube-system was changed"),
    ],
)
def test_what_is_left_elsewhere_is_told(
    api: Api, server: ApiServer, before: Inventory, spoil: Callable[[ApiServer], None], told: str
) -> None:
    """By kind and name, whatever it is."""
    server.put("Namespace", "b01")
    spoil(server)
    assert left(api, before) == [told]


def test_nobody_waits_for_a_cluster_that_is_lost(api: Api, server: ApiServer, before: Inventory) -> None:
    """What is there to stay is seen before anything is deleted: a webhook could make every deletion wait."""
    server.put("Namespace", "b01")
    put_webhook(server)
    assert left(api, before) == ["validatingwebhookconfiguration/no is new"]
    assert server.count("", "DELETE") == 0


def test_what_the_lab_asks_for_is_taken_away_with_the_rest(api: Api, server: ApiServer, before: Inventory) -> None:
    """Webhooks first, classes when nothing uses them any more; other kinds, and what was there, are nobody's to ask."""
    server.put("Namespace", "e03")
    server.put("StorageClass", "drawers", provisioner="rancher.io/local-path")
    put_webhook(server)
    assert left(api, before, ["StorageClass", "ValidatingWebhookConfiguration"]) == []
    deleted = [path.rsplit("/", 2)[-2:] for method, path in server.requests if method == "DELETE"]
    order = [kind for kind, _ in deleted if kind in {"storageclasses", "validatingwebhookconfigurations", "namespaces"}]
    assert order == ["validatingwebhookconfigurations", "namespaces", "storageclasses"]
    put_role(server)
    assert left(api, before, ["StorageClass"]) == ["clusterrole/mine is new"]
    server.remove("ClusterRole", "mine")
    server.put("StorageClass", "standard", provisioner="other")
    assert left(api, before, ["StorageClass"]) == ["storageclass/standard was changed"]


def test_a_volume_made_by_hand_costs_the_cluster_even_where_it_is_asked_for(
    api: Api, server: ApiServer, before: Inventory
) -> None:
    """What is in it stays on the node."""
    put_volume(server)
    assert left(api, before, ["PersistentVolume"]) == ["persistentvolume/disk is new"]


def test_what_changes_by_itself_is_nobodys(api: Api, server: ApiServer, before: Inventory) -> None:
    """Status, versions, events, leases, what endpoints hold, and Pods that their controller made anew."""
    server.put("Node", "lab-0", status={"images": [], "conditions": []})
    server.put("Event", "something", "kube-system", reason="Pulled")
    server.put("Lease", "lab-0", "kube-node-lease", spec={})
    server.remove("Pod", "coredns-1-a", "kube-system")
    dns_pod(server, "coredns-1-z", token="vwxyz")
    assert left(api, before) == []


def test_volumes_that_are_being_removed_are_waited_for(
    api: Api, server: ApiServer, before: Inventory, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One of a provisioner's goes a while after its claim; one that stays is told."""
    server.put("Namespace", "e01")
    server.put("PersistentVolume", "pvc-1", metadata={"annotations": {PROVISIONED: "rancher.io/local-path"}})

    def provision(method: str, plural: str, _: Json) -> None:
        if (method, plural) == ("DELETE", "namespaces"):
            threading.Timer(0.5, server.remove, ("PersistentVolume", "pvc-1")).start()

    server.reactions.append(provision)
    with monkeypatch.context() as patch:
        patch.setattr("labgrade.cohort.practice.wiping.SETTLE_SECONDS", 20.0)
        assert left(api, before) == []
    server.put("PersistentVolume", "pvc-2", metadata={"annotations": {PROVISIONED: "rancher.io/local-path"}})
    assert left(api, before) == ["persistentvolume/pvc-2 is new"]


def test_a_namespace_that_does_not_go_away_is_told(api: Api, server: ApiServer, before: Inventory) -> None:
    """A finalizer that nobody removes keeps it."""
    server.put("Namespace", "b01")
    server.fault(200, "/namespaces/b01", method="DELETE", times=99)
    assert left(api, before) == ["namespace/b01 does not go away"]


def test_a_cluster_that_does_not_answer_is_our_error(api: Api, server: ApiServer, before: Inventory) -> None:
    """Nothing is said of what could not be looked at."""
    server.fault(503, "/apis", times=999)
    with pytest.raises(HarnessError):
        wipe(api, before)


def test_names_from_submissions_are_harmless(api: Api, server: ApiServer, before: Inventory) -> None:
    """Whatever a terminal would make of them."""
    server.put("ClusterRole", "mine\x1b[2J")
    assert left(api, before) == ["clusterrole/mine\\x1b[2J is new"]


def test_a_cluster_is_settled_once_nothing_is_added(
    api: Api, server: ApiServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What comes late is of the cluster; what is just being deleted is not."""
    server.put("Namespace", "old", metadata={"deletionTimestamp": "2026-01-01T00:00:00Z"})
    server.put("ConfigMap", "old", "old", data={})
    whole, rounds = inventory.taken, 0

    def taken(api: Api, **more: Collection[str] | None) -> Inventory:
        nonlocal rounds
        rounds += 1
        if rounds < 4:
            server.put("PriorityClass", f"late-{rounds}")
        return whole(api, **more)

    monkeypatch.setattr(inventory, "taken", taken)
    names = {str(thing) for thing in settled(api)}
    assert {f"priorityclass/late-{number}" for number in (1, 2, 3)} <= names
    assert not {name for name in names if "old" in name}
