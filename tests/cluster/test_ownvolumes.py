"""Volumes of ours: what a driver can do with them is told whole, what it cannot is not held against anybody."""

from __future__ import annotations

import shlex
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from types import SimpleNamespace
from typing import TYPE_CHECKING, cast

import pytest

from labgrade.cluster import ownclaims, ownmounts, ownvolumes
from labgrade.cluster.api import Api
from labgrade.cluster.ownclaims import OwnClaims
from labgrade.cluster.ownmounts import OwnMounts
from labgrade.cluster.ownvolumes import Copy, Growth, OwnVolumes
from labgrade.errors import HarnessError
from labgrade.facts import Snapshot, StorageClass
from labgrade.model import Json
from labgrade.patience import monotonic
from labgrade.probe.program import OURS
from tests.support.apiserver import ApiServer

if TYPE_CHECKING:
    from testinfra.host import Host

DRIVER, RUN = "csi.example.org", "0123abcd"
SPACE = f"labgrade-claims-{RUN}"
GIVEN = {"PersistentVolume": None, "VolumeSnapshotContent": None}
KINDS = {"PersistentVolumeClaim": SPACE, "Pod": SPACE, "VolumeSnapshot": SPACE, **GIVEN}


class Node:
    """A node whose files are words by path."""

    def __init__(self) -> None:
        self.files: dict[str, str] = {}
        self.mounted = True

    def run(self, command: str, *arguments: str) -> SimpleNamespace:
        """What the shell would do with these few commands."""
        words = shlex.split(command % tuple(map(shlex.quote, arguments)))
        if words[0] == "find":
            return _ended(f"{words[1]}/kubernetes.io~csi/{words[-1].split('/')[1]}/mount\n" if self.mounted else "")
        if words[0] == "printf":
            self.files[_volume(words[4])] = words[2]
            return _ended()
        return _ended(self.files.get(_volume(words[1]), ""))

    @property
    def host(self) -> Host:
        """Itself, as testinfra would give it."""
        return cast("Host", self)


def _ended(out: str = "") -> SimpleNamespace:
    return SimpleNamespace(rc=0, stdout=out, stderr="")


def _volume(path: str) -> str:
    return path.split("/kubernetes.io~csi/")[1].split("/")[0]


@dataclass
class Driver:
    """A CSI driver with everything beside it; what it does otherwise is switched on."""

    server: ApiServer
    node: Node
    leads: bool = True
    """Whether it holds a Lease for having volumes grow."""
    acts: bool = True
    """Whether it takes up what is asked of it."""
    refuses: str = ""
    """What it says instead of doing it."""
    loses: bool = False
    """Whether files get lost on the way."""
    pending: bool = False
    """Whether growing waits for the node."""
    policy: str = "Delete"

    def __post_init__(self) -> None:
        self.server.put("CSINode", "lab-0", spec={"drivers": [{"name": DRIVER}]})
        self.server.put("CSIDriver", DRIVER)
        if self.leads:
            renewed = f"{self.server.now():%Y-%m-%dT%H:%M:%S.000000Z}"
            lease = {"holderIdentity": "me", "renewTime": renewed}
            self.server.put("Lease", "external-resizer-csi-example-org", "drivers", spec=lease)
        kind = {"driver": DRIVER, "deletionPolicy": self.policy}
        self.server.put("VolumeSnapshotClass", "copies", **kind)
        self.server.reactions.append(self._act)

    def _act(self, method: str, plural: str, body: Json) -> None:
        actions = {
            ("POST", "persistentvolumeclaims"): self._make,
            ("PATCH", "persistentvolumeclaims"): self._grow,
            ("DELETE", "persistentvolumeclaims"): self._delete,
            ("POST", "volumesnapshots"): self._copy,
            ("DELETE", "volumesnapshots"): self._forget,
            ("PATCH", "pods"): self._grow_on_node,
        }
        if action := actions.get((method, plural)):
            action(body)

    def _make(self, claim: Json) -> None:
        name = claim["metadata"]["name"]
        source = claim["spec"].get("dataSource")
        if source and self.refuses:
            said = {"reason": "ProvisioningFailed", "message": self.refuses, "reportingComponent": f"{DRIVER}_0_1"}
            self._say("PersistentVolumeClaim", name, **said)
            return
        notes = {"pv.kubernetes.io/provisioned-by": DRIVER}
        kept = {"persistentVolumeReclaimPolicy": self.policy}
        self.server.put("PersistentVolume", f"pv-{name}", metadata={"annotations": notes}, spec=kept)
        if source and not self.loses:
            self.node.files[f"pv-{name}"] = self.node.files[f"copy-{source['name']}"]
        status = {"phase": "Bound", "capacity": {"storage": "64Mi"}}
        spec = claim["spec"] | {"volumeName": f"pv-{name}"}
        self.server.put("PersistentVolumeClaim", name, SPACE, spec=spec, status=status)

    def _grow(self, claim: Json) -> None:
        name = claim["metadata"]["name"]
        if not self.acts:
            return
        if self.refuses:
            source = {"component": f"external-resizer {DRIVER}"}
            self._say("PersistentVolumeClaim", name, reason="VolumeResizeFailed", message=self.refuses, source=source)
            return
        if self.pending:
            source = {"component": f"external-resizer {DRIVER}"}
            self._say("PersistentVolumeClaim", name, reason="FileSystemResizeRequired", message="...", source=source)
            condition = {"type": "FileSystemResizePending", "status": "True"}
            self.server.put("PersistentVolumeClaim", name, SPACE, status=claim["status"] | {"conditions": [condition]})
            return
        self._grown(name)

    def _grow_on_node(self, pod: Json) -> None:
        self._grown(pod["metadata"]["name"])

    def _grown(self, name: str) -> None:
        claim = self.server.find("PersistentVolumeClaim", name, SPACE) or {}
        size = claim["spec"]["resources"]["requests"]["storage"]
        status = {"phase": "Bound", "capacity": {"storage": size}}
        self.server.put("PersistentVolumeClaim", name, SPACE, status=status)
        if self.loses:
            self.node.files.clear()

    def _delete(self, claim: Json) -> None:
        name = f"pv-{claim['metadata']['name']}"
        found = self.server.find("PersistentVolume", name)
        if found and found["spec"]["persistentVolumeReclaimPolicy"] == "Delete":
            self.server.remove("PersistentVolume", name)

    def _copy(self, snapshot: Json) -> None:
        name = snapshot["metadata"]["name"]
        if not self.acts:
            return
        content = f"content-{name}"
        self.server.put("VolumeSnapshotContent", content, spec={"deletionPolicy": self.policy})
        status: Json = {"boundVolumeSnapshotContentName": content, "readyToUse": not self.refuses}
        if self.refuses:
            status["error"] = {"message": self.refuses}
        self.node.files[f"copy-{name}"] = self.node.files[
            f"pv-{snapshot['spec']['source']['persistentVolumeClaimName']}"
        ]
        self.server.put("VolumeSnapshot", name, SPACE, status=status)

    def _forget(self, snapshot: Json) -> None:
        content = f"content-{snapshot['metadata']['name']}"
        found = self.server.find("VolumeSnapshotContent", content)
        if found and found["spec"]["deletionPolicy"] == "Delete":
            self.server.remove("VolumeSnapshotContent", content)

    def _say(self, kind: str, name: str, **said: object) -> None:
        involved = {"kind": kind, "name": name}
        stamp = f"{self.server.now():%Y-%m-%dT%H:%M:%SZ}"
        self.server.put(
            "Event", f"{name}.1", SPACE, involvedObject=involved, lastTimestamp=stamp, type="Warning", **said
        )


@pytest.fixture(autouse=True)
def hurried(monkeypatch: pytest.MonkeyPatch, server: ApiServer) -> None:
    """Waits are short, and a class of the driver's is there."""
    for module in (ownclaims, ownmounts, ownvolumes):
        monkeypatch.setattr(module, "LOOK_SECONDS", 0.02)
    for module in (ownclaims, ownmounts):
        monkeypatch.setattr(module, "GO_SECONDS", 0.2)
    monkeypatch.setattr(ownvolumes, "TAKE_UP_SECONDS", 0.2)
    monkeypatch.setattr(ownvolumes, "DONE_SECONDS", 0.2)
    monkeypatch.setattr(ownmounts, "START_SECONDS", 0.2)
    server.put("StorageClass", "drawers", provisioner=DRIVER)


@pytest.fixture
def node() -> Node:
    """Where all Pods are."""
    return Node()


@pytest.fixture
def volumes(server: ApiServer, api: Api, node: Node) -> Iterator[OwnVolumes]:
    """Volumes of ours; nothing of them may be left."""
    yield OwnVolumes(OwnMounts(OwnClaims(api, RUN, OURS), lambda _: node.host))
    left = [
        (kind, name)
        for kind, space in KINDS.items()
        for name in ("labgrade-trial-0", "pv-labgrade-trial-0", "labgrade-trial-1", "content-labgrade-trial-0")
        if server.find(kind, name, space)
    ]
    assert left == []


@pytest.fixture
def drawers(api: Api) -> StorageClass:
    """The class."""
    return StorageClass(Snapshot(api), None, "drawers")


def test_a_volume_that_grows(server: ApiServer, node: Node, volumes: OwnVolumes, drawers: StorageClass) -> None:
    """To twice its size, with what was in it."""
    Driver(server, node)
    assert volumes.grown(drawers) == Growth(size=f"{128 * 2**20}")


def test_growing_that_waits_for_the_node_has_it_look(
    server: ApiServer, node: Node, volumes: OwnVolumes, drawers: StorageClass
) -> None:
    """A kubelet looks about once a minute, or at a Pod that was changed."""
    Driver(server, node, pending=True)
    assert volumes.grown(drawers) == Growth(size=f"{128 * 2**20}")


def test_a_resizer_that_is_alone_needs_no_lease(
    server: ApiServer, node: Node, volumes: OwnVolumes, drawers: StorageClass
) -> None:
    """It is known by its program, and whose volumes it serves by what it does."""
    Driver(server, node, leads=False)
    assert volumes.grown(drawers).absent
    spec = {"containers": [{"name": "grow", "image": "example.org/sig/csi-resizer:v2"}]}
    server.put("Pod", "driver-0", "drivers", spec=spec, status={"phase": "Running"})
    assert volumes.grown(drawers) == Growth(size=f"{128 * 2**20}")


def test_nobody_has_volumes_grow(server: ApiServer, node: Node, volumes: OwnVolumes, drawers: StorageClass) -> None:
    """Then nothing is made to find that out."""
    Driver(server, node, leads=False)
    assert volumes.grown(drawers) == Growth(absent=True)
    assert server.count("", method="POST") == 0


@pytest.mark.parametrize(
    "spec", [{"holderIdentity": "", "renewTime": "2026-01-01T00:00:00Z"}, {"holderIdentity": "me"}]
)
def test_a_lease_that_nobody_holds_is_no_resizer(
    server: ApiServer, node: Node, volumes: OwnVolumes, drawers: StorageClass, spec: Json
) -> None:
    """It is what one left behind."""
    Driver(server, node, leads=False)
    server.put("Lease", "external-resizer-csi-example-org", "drivers", spec=spec)
    assert volumes.grown(drawers).absent


def test_another_drivers_resizer_is_none(
    server: ApiServer, node: Node, volumes: OwnVolumes, drawers: StorageClass
) -> None:
    """It is tried, and nobody takes it up."""
    Driver(server, node, leads=False, acts=False)
    spec = {"containers": [{"name": "grow", "image": "x", "command": ["/csi-resizer"]}]}
    server.put("Pod", "driver-0", "drivers", spec=spec, status={"phase": "Running"})
    assert volumes.grown(drawers) == Growth(absent=True)
    assert server.count("persistentvolumeclaims/", method="PATCH") == 1


def test_a_provisioner_that_is_no_csi_driver_has_no_resizer(
    server: ApiServer, node: Node, volumes: OwnVolumes, drawers: StorageClass
) -> None:
    """Whoever runs beside others' drivers: then nothing is made to find that out."""
    Driver(server, node, leads=False)
    server.put("CSINode", "lab-0", spec={"drivers": [{"name": "other.example.org"}]})
    spec = {"containers": [{"name": "grow", "image": "example.org/csi-resizer:v2"}]}
    server.put("Pod", "driver-0", "drivers", spec=spec, status={"phase": "Running"})
    assert volumes.grown(drawers) == Growth(absent=True)
    assert server.count("", method="POST") == 0


def test_a_resizer_that_does_nothing_is_nobodys_mistake(
    server: ApiServer, node: Node, volumes: OwnVolumes, drawers: StorageClass
) -> None:
    """It holds the Lease, so somebody ought to have acted."""
    Driver(server, node, acts=False)
    with pytest.raises(HarnessError, match="did nothing for"):
        volumes.grown(drawers)


def test_a_class_that_forbids_growing(
    server: ApiServer, node: Node, volumes: OwnVolumes, drawers: StorageClass
) -> None:
    """The API server says so, in its words."""
    Driver(server, node)
    server.fault(403, "persistentvolumeclaims/", method="PATCH", message="the storageclass must support resize")
    growth = volumes.grown(drawers)
    assert growth.problem
    assert growth.problem.en.endswith("did not get it: the storageclass must support resize")


@pytest.mark.parametrize(("words", "seconds"), [("out of range", 60.0), ("deadline exceeded", 0.2)])
def test_a_resizer_that_fails(
    server: ApiServer,
    node: Node,
    volumes: OwnVolumes,
    drawers: StorageClass,
    monkeypatch: pytest.MonkeyPatch,
    words: str,
    seconds: float,
) -> None:
    """In its own words; at once, or for trouble that may pass, after a while."""
    monkeypatch.setattr(ownvolumes, "DONE_SECONDS", seconds)
    Driver(server, node, refuses=words)
    began = monotonic()
    growth = volumes.grown(drawers)
    assert monotonic() - began < 30
    assert growth.problem
    assert growth.problem.fr.endswith(f"ne l'a pas obtenu : {words}")


def test_what_was_in_a_volume_may_get_lost(
    server: ApiServer, node: Node, volumes: OwnVolumes, drawers: StorageClass
) -> None:
    """It has grown, and that is not all."""
    Driver(server, node, loses=True)
    assert volumes.grown(drawers) == Growth(size=f"{128 * 2**20}", kept=False)


def test_a_snapshot_and_what_is_restored_from_it(
    server: ApiServer, node: Node, volumes: OwnVolumes, drawers: StorageClass
) -> None:
    """The file is there."""
    Driver(server, node)
    assert volumes.restored(drawers) == Copy()


def test_a_restored_volume_without_the_file(
    server: ApiServer, node: Node, volumes: OwnVolumes, drawers: StorageClass
) -> None:
    """Made from the snapshot by name only."""
    Driver(server, node, loses=True)
    assert volumes.restored(drawers) == Copy(same=False)


def test_what_a_class_would_keep_does_not_stay(
    server: ApiServer, node: Node, volumes: OwnVolumes, drawers: StorageClass
) -> None:
    """The fixture looks for what is left."""
    Driver(server, node, policy="Retain")
    assert volumes.restored(drawers) == Copy()


def test_no_snapshots_here(server: ApiServer, node: Node, volumes: OwnVolumes, drawers: StorageClass) -> None:
    """No class for them, or another driver's; then nothing is made to find that out."""
    assert volumes.restored(drawers) == Copy(absent=True)
    Driver(server, node)
    server.put("VolumeSnapshotClass", "copies", driver="other.example.org")
    assert volumes.restored(drawers) == Copy(absent=True)
    assert server.count("", method="POST") == 0


def test_a_class_of_snapshots_and_nobody_to_take_them(
    server: ApiServer, node: Node, volumes: OwnVolumes, drawers: StorageClass
) -> None:
    """No controller answers."""
    Driver(server, node, acts=False)
    assert volumes.restored(drawers) == Copy(absent=True)


@pytest.mark.parametrize("words", ["not supported", "try again later"])
def test_a_snapshot_that_fails(
    server: ApiServer, node: Node, volumes: OwnVolumes, drawers: StorageClass, words: str
) -> None:
    """In the driver's words."""
    Driver(server, node, refuses=words)
    copy = volumes.restored(drawers)
    assert copy.unready
    assert copy.unready.en.endswith(f"of ours failed: {words}")


def test_a_snapshot_from_which_nothing_can_be_made(
    server: ApiServer, node: Node, volumes: OwnVolumes, drawers: StorageClass
) -> None:
    """The driver says why."""
    driver = Driver(server, node)

    def forgets(method: str, plural: str, _: Json) -> None:
        if (method, plural) == ("POST", "volumesnapshots"):
            driver.refuses = "no such snapshot"

    server.reactions.append(forgets)
    copy = volumes.restored(drawers)
    assert copy.unrestored
    assert "no such snapshot" in copy.unrestored.en


def test_a_restored_volume_is_wanted_where_the_first_one_is(
    server: ApiServer, node: Node, volumes: OwnVolumes, drawers: StorageClass
) -> None:
    """Elsewhere its snapshot might be of no use."""
    pods: list[Json] = []

    def schedules(method: str, plural: str, body: Json) -> None:
        if (method, plural) == ("POST", "pods"):
            pods.append(body)
            server.put("Pod", body["metadata"]["name"], SPACE, spec=body["spec"] | {"nodeName": "lab-2"})

    Driver(server, node)
    server.reactions.append(schedules)
    volumes.restored(drawers)
    assert [pod["spec"].get("nodeSelector") for pod in pods] == [None, {"kubernetes.io/hostname": "lab-2"}]


def test_a_volume_that_cannot_be_mounted(
    server: ApiServer, node: Node, volumes: OwnVolumes, drawers: StorageClass
) -> None:
    """Is the class's or the driver's fault where the kubelet says so, and else nobody's."""

    def unready(method: str, plural: str, body: Json) -> None:
        if (method, plural) == ("POST", "pods"):
            server.put("Pod", body["metadata"]["name"], SPACE, status={"phase": "Pending"})

    Driver(server, node)
    server.reactions.append(unready)
    with pytest.raises(HarnessError, match="did not start with its volume"):
        volumes.grown(drawers)
    said = {"reason": "FailedMount", "message": "MountVolume.SetUp failed for volume: unknown option"}
    involved = {"kind": "Pod", "name": "labgrade-trial-1"}
    server.put("Event", "trial.1", SPACE, involvedObject=involved, type="Warning", **said)
    growth = volumes.grown(drawers)
    assert growth.problem
    assert "unknown option" in growth.problem.en


def test_a_volume_that_is_not_where_kubelets_mount_them(
    server: ApiServer, node: Node, volumes: OwnVolumes, drawers: StorageClass
) -> None:
    """Nobody could look into it."""
    Driver(server, node)
    node.mounted = False
    with pytest.raises(HarnessError, match="is not mounted below"):
        volumes.grown(drawers)


@pytest.mark.parametrize("what", ["grown", "restored"])
def test_nothing_stays_when_it_is_interrupted(
    server: ApiServer,
    node: Node,
    volumes: OwnVolumes,
    drawers: StorageClass,
    monkeypatch: pytest.MonkeyPatch,
    what: str,
) -> None:
    """Ctrl-C while the driver is at work; the fixture looks for what is left."""

    def interrupted(*_: object) -> None:
        raise KeyboardInterrupt

    Driver(server, node)
    monkeypatch.setattr(OwnVolumes, "_taken_up" if what == "grown" else "_becoming_ready", interrupted)
    run: Callable[[StorageClass], object] = getattr(volumes, what)
    with pytest.raises(KeyboardInterrupt):
        run(drawers)
