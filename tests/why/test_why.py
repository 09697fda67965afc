"""Recorded troubles of a real cluster, and the one sentence that is said of each, in both languages."""

from __future__ import annotations

import copy
import json
from collections import defaultdict
from pathlib import Path
from typing import Any

import pytest
import yaml

from labgrade.errors import HarnessError
from labgrade.facts import (
    DaemonSet,
    Deployment,
    Fact,
    PersistentVolumeClaim,
    Pod,
    Recorded,
    Service,
    StatefulSet,
)
from labgrade.model import Json
from labgrade.why import why

HERE = Path(__file__).parent
KINDS: dict[str, type[Fact]] = {
    kind.kind: kind for kind in (DaemonSet, Deployment, PersistentVolumeClaim, Pod, Service, StatefulSet)
}
CONTAINERS: tuple[str, ...] = ("main", "second", "prepare", "wait")
LOGS = {
    "crash-1": "starting\nFATAL: no database at db:5432\n",
    "crash-127": "sh: nginxx: not found\n",
    "init-crash": "cannot prepare\n",
    "init-stuck": "** server can't find db.lab.svc.cluster.local: NXDOMAIN\n\nwaiting for db\n",
    "nginx-conf": '2026/11/21 10:23:26 [emerg] 1#1: unknown directive "serve" in /etc/nginx/nginx.conf:1\n',
    "two-nginx": (
        "nginx: [emerg] bind() to 0.0.0.0:80 failed (98: Address already in use)\n"
        "2026/11/21 10:23:34 [notice] 1#1: try again to bind() after 500ms\n"
        "nginx: [emerg] still could not bind()\n"
    ),
}


def recorded() -> dict[str, list[Json]]:
    """Objects as a kind cluster (Kubernetes 1.36) had them, trimmed; by trouble, its subject first."""
    found: dict[str, list[Json]] = defaultdict(list)
    for line in (HERE / "recorded.jsonl").read_text(encoding="utf-8").splitlines():
        entry = json.loads(line)
        found[entry["case"]].append(entry["object"])
    return found


CASES = recorded()
SENTENCES: dict[str, dict[str, str]] = yaml.safe_load((HERE / "sentences.yaml").read_text(encoding="utf-8"))


def node(name: str, *, images: list[str] | None = None, **parts: Any) -> Json:
    """A node of the recorded cluster."""
    status = {"allocatable": {"cpu": "2", "memory": "8000Mi"}, "images": [{"names": images or []}]}
    return {"kind": "Node", "metadata": {"name": name, "labels": parts.pop("labels", {})}, "spec": parts} | {
        "status": status
    }


ROLE = "node-role.kubernetes.io/control-plane"
CLUSTER = [
    node("labgrade-control-plane", labels={ROLE: ""}, taints=[{"key": ROLE, "effect": "NoSchedule"}]),
    node("labgrade-worker", images=["docker.io/library/nginx:1.26", "docker.io/library/busybox:1.36"]),
    {"kind": "ConfigMap", "metadata": {"name": "there", "namespace": "lab"}, "data": {"colour": "blue"}},
]


def said(objects: list[Json], log: str = "") -> dict[str, str]:
    """What is said of the first of these objects; empty where nothing is."""
    logs = dict.fromkeys(CONTAINERS, log)
    reading, subject = Recorded(*objects, *CLUSTER, logs=logs), objects[0]
    cause = why(KINDS[subject["kind"]](reading, "lab", subject["metadata"]["name"]))
    return cause.data() if cause else {}


def changed(case: str, old: str, new: str) -> list[Json]:
    """A recorded trouble in other words."""
    return [json.loads(json.dumps(each).replace(json.dumps(old)[1:-1], json.dumps(new)[1:-1])) for each in CASES[case]]


@pytest.mark.parametrize("case", sorted(CASES))
def test_the_recorded_trouble_is_named(case: str) -> None:
    """Each sentence was read by eyes in both languages; whoever changes one changes sentences.yaml."""
    assert said(CASES[case], LOGS.get(case, "")) == SENTENCES[case]


def test_every_sentence_belongs_to_a_recorded_trouble() -> None:
    """What nothing produces any more goes."""
    assert sorted(SENTENCES) == sorted(CASES)


HUB = "docker.io/library/ngnix:1.26"
REFUSALS = {
    "docker.io has no ngnix, or keeps it private": f'failed to resolve reference "{HUB}": pull access denied, '
    "repository does not exist or may require authorization: server message: insufficient_scope: authorization failed",
    "docker.io has no tag 1.26 of ngnix": f'rpc error: code = NotFound desc = failed to pull and unpack image "{HUB}": '
    f'failed to resolve reference "{HUB}": {HUB}: not found',
    "docker.io lets nobody here pull more": "429 Too Many Requests - toomanyrequests: You have reached your "
    "unauthenticated pull rate limit",
    "it does not exist for the processor": "no match for platform in manifest: not found",
    "cannot be reached": 'failed to do request: Head "https://example.org": dial tcp 192.0.2.1:443: i/o timeout',
}


@pytest.mark.parametrize(("words", "message"), REFUSALS.items(), ids=REFUSALS)
def test_registries_are_understood(words: str, message: str) -> None:
    """A wrong name, a wrong tag, another processor, a limit and silence are five different things to do."""
    objects = copy.deepcopy(CASES["image-typo"][:1])
    objects[0]["status"]["containerStatuses"][0]["state"] = {"waiting": {"reason": "ErrImagePull", "message": message}}
    cause = said(objects)
    assert words in cause["en"]
    assert cause["en"].endswith("; did you mean nginx:1.26?")


def test_an_older_kubelet_keeps_the_reason_in_an_event() -> None:
    """While it backs off, its status only says that it does."""
    objects = copy.deepcopy(CASES["image-typo"])
    waiting = {"reason": "ImagePullBackOff", "message": 'Back-off pulling image "ngnix:1.26"'}
    objects[0]["status"]["containerStatuses"][0]["state"] = {"waiting": waiting}
    cause = said(objects)
    assert cause == SENTENCES["image-typo"]


SCHEDULING = {
    "2 node(s) didn't match pod anti-affinity rules": "its podAntiAffinity keeps it away",
    "2 node(s) didn't match pod affinity rules": "its podAffinity wants beside it",
    "2 node(s) didn't match pod topology spread constraints": "topologySpreadConstraints leave it no node",
    "2 node(s) didn't have free ports for the requested pod ports": "hostPort that it wants is taken",
    "2 node(s) had volume node affinity conflict": "its volume lies on a node",
    "2 node(s) didn't match PersistentVolume's node affinity": "its volume lies on a node",
    "2 Too many pods": "full of Pods",
    "2 node(s) were unschedulable": "cordoned",
    "2 node(s) had something new": "something new",
}


@pytest.mark.parametrize(("reason", "words"), SCHEDULING.items(), ids=SCHEDULING)
def test_the_control_planes_taint_is_not_the_reason(reason: str, words: str) -> None:
    """It is always there; what keeps the Pod from the workers is what there is to mend."""
    cause = said(changed("cpu", "2 Insufficient cpu", reason)[:1])
    assert words in cause["en"]


def bound_to_one_node(*, cordoned: bool, leaving: bool = False) -> list[Json]:
    """A Pod without a node, its claim, and the claim's volume on the node `far`."""
    rule = {"key": "host", "operator": "In", "values": ["far"]}
    affinity = {"required": {"nodeSelectorTerms": [{"matchExpressions": [rule]}]}}
    pod = copy.deepcopy(CASES["badclaim"][0])
    claim = copy.deepcopy(CASES["badclaim"][1]) | {"status": {"phase": "Bound"}, "spec": {"volumeName": "shelf"}}
    words = (
        'persistentvolumeclaim "fast" is being deleted' if leaving else "3 node(s) had volume node affinity conflict"
    )
    pod["status"]["conditions"][0]["message"] = f"0/3 nodes are available: {words}."
    far = [node("far", labels={"host": "far"}, unschedulable=True)] if cordoned else []
    return [
        pod,
        claim,
        {"kind": "PersistentVolume", "metadata": {"name": "shelf"}, "spec": {"nodeAffinity": affinity}},
        *far,
    ]


def test_a_pod_that_cannot_come_to_where_its_volume_is() -> None:
    """Which volume that is, where it may be used, and what is the matter there."""
    cause = said(bound_to_one_node(cordoned=True))
    assert cause == {
        "en": "pod/badclaim has no node: persistentvolume/shelf may only be used on node/far, which is cordoned "
        "(kubectl uncordon)",
        "fr": "pod/badclaim n'a pas de nœud : persistentvolume/shelf n'est utilisable que sur node/far, qui est mis à "
        "l'écart (kubectl uncordon)",
    }
    cause = said(bound_to_one_node(cordoned=False))
    assert "shelf may only be used where host In far, and no node is so; the nodes are: labgrade-control" in cause["en"]


def test_a_claim_that_waits_for_its_first_pod_has_no_trouble() -> None:
    """It is as its class has it; once a Pod uses it there is something to wait for."""
    pod, claim = copy.deepcopy(CASES["badclaim"][:2])
    waits = {"kind": "StorageClass", "metadata": {"name": "fast"}, "volumeBindingMode": "WaitForFirstConsumer"}
    by_hand = waits | {"provisioner": "kubernetes.io/no-provisioner"}
    assert not said([claim, by_hand])
    assert "has nobody make one" in said([claim, by_hand, pod])["en"]


def test_a_pod_waits_in_vain_for_a_claim_that_is_being_deleted() -> None:
    """It is there and bound, and yet no new Pod gets it."""
    cause = said(bound_to_one_node(cordoned=True, leaving=True))
    assert cause["en"] == "pod/badclaim has no node: it uses persistentvolumeclaim/fast, which is being deleted"
    assert cause["fr"].endswith("il utilise persistentvolumeclaim/fast, qui est en cours de suppression")


def test_an_older_scheduler_names_the_taint() -> None:
    """Where taints are all there is, they are listed with the nodes that carry them."""
    words = "1 node(s) had untolerated taint {node-role.kubernetes.io/control-plane: }, 2 node(s) had untolerated taint"
    cause = said(changed("cpu", "1 node(s) had untolerated taint(s), 2 Insufficient cpu", words)[:1])
    assert f"node/labgrade-control-plane {ROLE}:NoSchedule" in cause["en"]


def test_a_request_that_fits_only_an_empty_node() -> None:
    """It is not said to be larger than every node when it is not."""
    objects = copy.deepcopy(CASES["cpu"])
    objects[0]["spec"]["containers"][0]["resources"] = {"requests": {"cpu": "1500m"}}
    cause = said(objects)
    assert cause["en"].endswith("it requests cpu 1500m, and no node has that much left")


REFUSED = {
    'admission webhook "policy.example.org" denied the request: no latest tag': "example.org denies it: no latest",
    'failed calling webhook "policy.example.org": failed to call webhook: context deadline exceeded': "does not answer",
    "exceeded quota: small, requested: requests.cpu=300m, used: requests.cpu=400m, limited: requests.cpu=500m": (
        "it asks for requests.cpu=300m, used is requests.cpu=400m, limit is requests.cpu=500m"
    ),
    "failed quota: small: must specify limits.cpu for: a; limits.memory for: a,b": "counts limits.cpu",
}


@pytest.mark.parametrize(("message", "words"), REFUSED.items(), ids=REFUSED)
def test_refusals_of_the_api_server_are_understood(message: str, words: str) -> None:
    """Whoever says no, the sentence says who and why."""
    cause = said(changed("big", "maximum memory usage per Container is 64Mi, but limit is 256Mi", message))
    assert words in cause["en"]


def test_a_refusal_that_is_over_is_not_told_any_more() -> None:
    """An event outlives what it tells of: a StatefulSet with all its Pods is not refused any."""
    objects = copy.deepcopy(CASES["sts-quota"])
    ready = {"type": "Ready", "status": "True"}
    for number in range(2):
        owner = {"kind": "StatefulSet", "name": "sts", "uid": objects[0]["metadata"]["uid"], "controller": True}
        metadata = {"name": f"sts-{number}", "namespace": "lab", "uid": f"{number}", "ownerReferences": [owner]}
        objects.append({"kind": "Pod", "metadata": metadata, "status": {"phase": "Running", "conditions": [ready]}})
    assert not said(objects)


def test_a_paused_rollout_is_all_there_is_to_say() -> None:
    """Whatever else ails its Pods, they are not those that were asked for last."""
    objects = copy.deepcopy(CASES["slow"])
    objects[0]["spec"]["paused"] = True
    assert said(objects) == {"en": "the rollout is paused", "fr": "le déploiement est en pause"}


def test_a_rollout_that_stands_still_for_no_other_reason() -> None:
    """The deadline is named when nothing more particular can be."""
    cause = said(CASES["slow"][:2])
    assert cause["en"] == ("the rollout of deployment/slow has got no further for 5 s (ProgressDeadlineExceeded)")


def test_a_pod_that_is_well_has_no_trouble() -> None:
    """Nor has one that is about to start."""
    well = copy.deepcopy(CASES["ready-404"][:1])
    well[0]["status"]["conditions"] = [{"type": "Ready", "status": "True"}]
    assert not said(well)
    assert not said(CASES["mount-cm"][:1])


def test_events_of_an_earlier_pod_of_that_name_are_not_its_own() -> None:
    """A Pod that was made anew is not blamed for what its predecessor did."""
    objects = copy.deepcopy(CASES["ready-404"])
    objects[0]["metadata"]["uid"] = "another"
    cause = said(objects)
    assert cause["en"] == "pod/ready-404 runs but does not pass its readiness probe"


def test_a_cluster_that_shows_no_events_still_gets_a_sentence() -> None:
    """A student's role may not list events: less is said, and nothing is our error."""

    class Closed(Recorded):
        def items(self, kind: str, namespace: str | None) -> Any:
            if kind in {"Event", "Node", "ConfigMap"}:
                raise HarnessError("forbidden")
            return super().items(kind, namespace)

    reading = Closed(*(found for objects in CASES.values() for found in objects))
    for case in ("ready-404", "image-typo", "cpu", "config-key", "badclaim", "live-404", "mount-cm"):
        why(Pod(reading, "lab", case))
    assert str(why(Pod(reading, "lab", "ready-404"))).startswith("Text(en='pod/ready-404 runs but does not pass")


def service(selector: dict[str, str], **port: Any) -> list[Json]:
    """A Service beside a ready Pod with the labels app=web, tier=front and the port http (80)."""
    spec = {"type": "ClusterIP", "selector": selector, "ports": [{"port": 80, **port}]}
    container = {"name": "main", "ports": [{"name": "http", "containerPort": 80}]}
    ready = [{"type": "Ready", "status": "True"}]
    pod = {"name": "web-1", "namespace": "lab", "uid": "p", "labels": {"app": "web", "tier": "front"}}
    other = {"name": "duo", "namespace": "lab", "uid": "d", "labels": {"app": "duo"}}
    return [
        {"kind": "Service", "metadata": {"name": "web", "namespace": "lab"}, "spec": spec},
        {"kind": "Pod", "metadata": other, "spec": {}, "status": {}},
        {"kind": "Pod", "metadata": pod, "spec": {"containers": [container]}, "status": {"conditions": ready}},
    ]


SERVICES = {
    "service/web has no selector": service({}),
    "service/web selects app=web,tier=back, which no Pod carries; pod/web-1 carries app=web,tier=front": service(
        {"app": "web", "tier": "back"}
    ),
    "service/web selects name=web, which no Pod carries; pod/web-1 carries app=web,tier=front": service(
        {"name": "web"}
    ),
    "service/web leads to port 8080 of pod/web-1, which declares: http 80": service({"app": "web"}, targetPort=8080),
    "service/web leads to the port called web of pod/web-1, which declares: http 80": service(
        {"app": "web"}, targetPort="web"
    ),
    "service/web chooses pod/duo, which is not ready": service({"app": "duo"}),
    "service/web selects app=web, and there is no Pod at all": service({"app": "web"})[:1],
}


@pytest.mark.parametrize(("words", "objects"), SERVICES.items(), ids=SERVICES)
def test_a_service_that_leads_nowhere(words: str, objects: list[Json]) -> None:
    """Whom it chooses and where it knocks is held against the Pod that is nearest to it."""
    cause = said(objects)
    assert cause["en"] == words


def test_a_service_that_leads_somewhere_has_no_trouble() -> None:
    """By number, by name, or to a port that nobody declares because nobody has to."""
    assert not said(service({"app": "web"}))
    assert not said(service({"app": "web"}, targetPort="http"))
    undeclared = service({"app": "web"}, targetPort=8080)
    undeclared[2]["spec"]["containers"][0]["ports"] = []
    assert not said(undeclared)
