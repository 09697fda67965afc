"""Traffic on a cluster that enforces policies: who asks from where, and what may be said of it."""

from __future__ import annotations

import itertools
from collections.abc import Generator
from pathlib import Path

import pytest

from labgrade.cluster import target, workspace
from labgrade.cluster.api import Api, ApiError
from labgrade.cluster.workspace import Workspace
from labgrade.errors import HarnessError, Unmet
from labgrade.facts import Cluster, Pod, Snapshot
from labgrade.facts.reading import RESOURCES
from labgrade.model import Json
from labgrade.patience import until
from labgrade.probe import OTHER_PORT, PORT, Prober, Sources, dns, http, tcp, udp
from labgrade.probe.enforcement import Enforcement
from labgrade.probe.flows import flows
from labgrade.probe.pod import RESTRICTED
from labgrade.probe.program import OURS, on_nodes
from labgrade.runid import new_run
from tests.e2e.conftest import Practice

NOBODY: Json = {"podSelector": {}, "policyTypes": ["Ingress", "Egress"]}


@pytest.fixture
def api(cilium: Practice, tmp_path: Path) -> Api:
    """A connection of the test's own."""
    return cilium.api(tmp_path / "api")


@pytest.fixture
def probe(api: Api) -> Generator[Prober]:
    """A prober whose every reading of the cluster is a new one."""
    run = new_run()
    sources = Sources(api, run, lambda: on_nodes(Cluster(Snapshot(api), "default").nodes()))
    yield Prober(sources, Enforcement(run, sources, theirs=False), itertools.count().__next__)
    sources.remove()


@pytest.fixture
def place(cilium: Practice) -> Generator[Workspace]:
    """A student's namespace."""
    with workspace.opened(target.resolve(str(cilium.kubeconfig), None), f"student-{new_run()}") as found:
        found.create()
        try:
            yield found
        finally:
            found.abandon()


def policy(api: Api, namespace: str, name: str, spec: Json) -> None:
    """Writes a NetworkPolicy."""
    body = {"apiVersion": "networking.k8s.io/v1", "kind": "NetworkPolicy", "metadata": {"name": name}, "spec": spec}
    api.create(RESOURCES["NetworkPolicy"].path(namespace), body)


def student(api: Api, namespace: str, name: str, **spec: object) -> Pod:
    """A running Pod of a student's that has no shell, and serves nothing but what the probe does."""
    container: Json = {"name": "app", "image": OURS.image, "command": ["/probe", "listen", f"{PORT}"]}
    container["securityContext"] = RESTRICTED
    body: Json = {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": name, "labels": {"app": name}},
        "spec": {"containers": [container], "terminationGracePeriodSeconds": 0, **spec},
    }
    api.create(RESOURCES["Pod"].path(namespace), body)

    def running() -> Pod | None:
        pod = Pod(Snapshot(api), namespace, name)
        return pod if pod.ready else None

    found = until(running, seconds=60)
    assert found is not None
    return found


def test_every_source_asks(api: Api, probe: Prober, place: Workspace) -> None:
    """Pods of ours, with labels, on a node and among a student's, a student's own, a node, and this machine."""
    server = probe.bearing({"role": "server"})
    node = next(node for node in Cluster(Snapshot(api), "default").nodes() if not node.control_plane)
    pod = student(api, place.namespace, "web")
    sources = {
        "ours": probe,
        "labelled": probe.bearing({"role": "client"}),
        "on a node": probe.on(node),
        "the node": probe.at(node),
        "among": probe.within(place.namespace),
        "theirs": probe.as_pod(pod),
    }
    questions = {
        "open": tcp(server.ip, PORT),
        "closed": tcp(server.ip, 1),
        "echo": udp(server.ip, PORT),
        "page": http(server.ip, PORT),
    }
    table = probe.table(sources, questions)
    for row in sources:
        seen = {column: table[row, column].verdict for column in questions}
        assert seen == {"open": "connected", "closed": "refused", "echo": "connected", "page": "http"}, row
    assert sources["the node"].ip == node.ip
    assert sources["theirs"].ip == pod.ip
    # 6443 is open on the control plane's own address alone.
    plane = next(node for node in Cluster(Snapshot(api), "default").nodes() if node.control_plane)
    assert probe.outside().tcp(plane.ip, 6443).verdict == "connected"


def test_a_second_run_uses_the_container_that_is_there(api: Api, probe: Prober, place: Workspace) -> None:
    """What cannot be removed is at least not added again; a Pod that meets `restricted` keeps meeting it."""
    secure = {"runAsNonRoot": True, "seccompProfile": {"type": "RuntimeDefault"}}
    pod = student(api, place.namespace, "strict", securityContext=secure)
    lax = student(api, place.namespace, "lax", hostNetwork=True)
    _become_strict(api, place.namespace)
    with pytest.raises(Unmet, match="PodSecurity"):
        # The student's own Pod is what does not meet the level, and with it no container may join it.
        probe.as_pod(lax).tcp(probe.ip, PORT)
    for _ in range(2):
        sources = Sources(api, new_run(), lambda: OURS)
        assert sources.borrowed(pod).ask([tcp(probe.ip, PORT)])[0].connected
        sources.remove()
    found = Pod(Snapshot(api), place.namespace, pod.name)
    assert len(found.spec["ephemeralContainers"]) == 1


def _become_strict(api: Api, namespace: str) -> None:
    """Lets in only Pods of level `restricted`, and waits until the API server does so: it hears of it in a moment."""
    labels = {"pod-security.kubernetes.io/enforce": "restricted"}
    api.patch(RESOURCES["Namespace"].path(name=namespace), {"metadata": {"labels": labels}})
    spec = {"hostNetwork": True, "containers": [{"name": "app", "image": OURS.image}]}
    body: Json = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "trial"}, "spec": spec}

    def refused() -> bool:
        try:
            api.create(f"{RESOURCES['Pod'].path(namespace)}?dryRun=All", body)
        except ApiError as error:
            return error.status == 403
        return False

    assert until(refused, seconds=30)


def test_a_quota_keeps_a_visitor_out(api: Api, probe: Prober, place: Workspace) -> None:
    """That is the student's doing, and said in the cluster's words."""
    quota = {"apiVersion": "v1", "kind": "ResourceQuota", "metadata": {"name": "none"}, "spec": {"hard": {"pods": "0"}}}
    api.create(f"/api/v1/namespaces/{place.namespace}/resourcequotas", quota)

    def counted() -> bool:
        found = api.get(f"/api/v1/namespaces/{place.namespace}/resourcequotas/none")
        return "hard" in (found.get("status") or {})

    assert until(counted, seconds=20)
    with pytest.raises(Unmet, match="exceeded quota: none"):
        probe.within(place.namespace).tcp(probe.ip, PORT)


def test_policies_in_force(api: Api, probe: Prober) -> None:
    """A closed port is silent as soon as policies are known to be in force, stays so, and Hubble has the reason."""
    server, client = probe.bearing({"role": "server"}), probe.bearing({"role": "client"})
    assert client.tcp(server.ip, PORT).verdict == "connected"
    spec = {"podSelector": {"matchLabels": {"role": "server"}}, "ingress": [{"ports": [{"port": PORT}]}]}
    policy(api, _namespace(api, server), "one-port", spec)
    probe.in_force()
    open_, closed = client.ask([tcp(server.ip, PORT), tcp(server.ip, OTHER_PORT)])
    assert (open_.verdict, closed.verdict) == ("connected", "dropped")
    flow = {("client", "other"): (client, tcp(server.ip, OTHER_PORT))}
    probe.cells(flow)
    assert probe.stays_blocked(flow) == {}
    probe.require_enforcement()
    noted = flows(api, source_ip=client.ip, target_ip=server.ip, port=OTHER_PORT, seconds=30)
    assert any(each.verdict == "DROPPED" and "POLICY" in each.drop_reason for each in noted)


def _namespace(api: Api, server: Prober) -> str:
    """Where a Pod of ours is."""
    pods = api.get(RESOURCES["Pod"].path(), fieldSelector=f"status.podIP={server.ip}")["items"]
    return str(pods[0]["metadata"]["namespace"])


def test_a_pod_that_may_go_nowhere(api: Api, probe: Prober, place: Workspace) -> None:
    """Cut off from everything, DNS included, it still tells what it meets: exec takes another way in."""
    pod = student(api, place.namespace, "alone")
    asked = probe.as_pod(pod)
    assert asked.tcp(probe.ip, PORT).verdict == "connected"
    policy(api, place.namespace, "nobody", NOBODY)
    probe.in_force()
    silent, unknown, name, itself = asked.ask(
        [
            tcp(probe.ip, PORT),
            dns("kubernetes.default.svc.cluster.local."),
            tcp("kubernetes.default.svc", 443),
            tcp(pod.ip, PORT),
        ]
    )
    assert (silent.verdict, unknown.verdict, name.verdict) == ("dropped", "dropped", "unresolved")
    assert itself.verdict == "connected"


def test_five_hundred_targets_at_once(probe: Prober) -> None:
    """All have a verdict, and together they take little longer than one."""
    server = probe.bearing({"role": "server"})
    answers = probe.ask([tcp(server.ip, 1 + n % 2 * (PORT - 1)) for n in range(500)])
    assert [answer.verdict for answer in answers] == ["refused", "connected"] * 250


def test_a_pod_that_dies_under_the_probe(api: Api, probe: Prober, place: Workspace) -> None:
    """There is no verdict."""
    pod = student(api, place.namespace, "gone")
    asked = probe.as_pod(pod)
    assert asked.tcp(pod.ip, PORT).connected
    api.delete(pod.path, grace_seconds=0)
    with pytest.raises((HarnessError, Unmet)):
        asked.ask([tcp(probe.ip, PORT)])


def test_the_engine_lets_no_probe_out_of_the_machine(probe: Prober) -> None:
    """An address of nobody's is silent or unreachable; so the other tests bring no traffic beyond this machine."""
    assert probe.tcp("203.0.113.1", 80).verdict in {"dropped", "refused", "unreachable"}
