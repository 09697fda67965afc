"""Claims of ours: what came of one is told whole, and nothing of it stays, whatever happens."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from labgrade.cluster import ownclaims
from labgrade.cluster.api import Api
from labgrade.cluster.ours import remove_orphans
from labgrade.cluster.ownclaims import OwnClaims, Trial
from labgrade.errors import HarnessError
from labgrade.facts import Snapshot, StorageClass
from labgrade.model import Json
from labgrade.probe.program import OURS
from tests.support.apiserver import ApiServer

DRIVER, RUN = "csi.example.org", "0123abcd"
SPACE = f"labgrade-claims-{RUN}"


class Provisioner:
    """A driver that makes a volume for every claim, and takes it away with the claim where the policy says so."""

    def __init__(self, server: ApiServer, *, policy: str = "Delete", deletes: bool = True) -> None:
        self.policy, self.deletes, self.seen = policy, deletes, list[str]()
        self._server = server
        server.put("CSIDriver", DRIVER)
        server.reactions.append(self._act)

    def _act(self, method: str, plural: str, body: Json) -> None:
        if plural != "persistentvolumeclaims":
            return
        name = f"pv-{body['metadata']['name']}"
        if method == "POST":
            self._make(name, body)
        elif method == "DELETE":
            self.seen.append(
                (self._server.find("PersistentVolume", name) or {})["spec"]["persistentVolumeReclaimPolicy"]
            )
            if self.deletes:
                self._server.remove("PersistentVolume", name)
            else:
                self._server.put("PersistentVolume", name, status={"phase": "Failed", "message": "no deleter"})

    def _make(self, name: str, claim: Json) -> None:
        notes = {"pv.kubernetes.io/provisioned-by": DRIVER}
        spec = {"persistentVolumeReclaimPolicy": self.policy}
        self._server.put("PersistentVolume", name, metadata={"annotations": notes}, spec=spec)
        status = {"phase": "Bound"}
        spec = claim["spec"] | {"volumeName": name}
        self._server.put("PersistentVolumeClaim", claim["metadata"]["name"], SPACE, spec=spec, status=status)


@pytest.fixture
def tried(server: ApiServer, api: Api, monkeypatch: pytest.MonkeyPatch) -> Callable[[], Trial]:
    """What comes of a claim on a class of the driver's."""
    monkeypatch.setattr(ownclaims, "BIND_SECONDS", 0.5)
    monkeypatch.setattr(ownclaims, "GO_SECONDS", 0.5)
    monkeypatch.setattr(ownclaims, "LOOK_SECONDS", 0.05)
    server.put("StorageClass", "drawers", provisioner=DRIVER)
    claims = OwnClaims(api, RUN, OURS)
    return lambda: claims.tried(StorageClass(Snapshot(api), None, "drawers"))


def left(server: ApiServer) -> list[str]:
    """What is left of us in the cluster, the namespace aside, which goes with the run."""
    kinds = {"PersistentVolumeClaim": SPACE, "Pod": SPACE, "PersistentVolume": None}
    return [kind for kind, space in kinds.items() if server.find(kind, name(kind), space)]


def name(kind: str) -> str:
    """Of the first trial's objects."""
    return "pv-labgrade-trial-0" if kind == "PersistentVolume" else "labgrade-trial-0"


def test_a_volume_that_comes_and_goes(server: ApiServer, tried: Callable[[], Trial]) -> None:
    """Who made it and by which policy it goes is told."""
    Provisioner(server)
    assert tried() == Trial(None, "pv-labgrade-trial-0", DRIVER, "Delete")
    assert left(server) == []


def test_the_claim_has_a_pod_that_uses_it(server: ApiServer, tried: Callable[[], Trial]) -> None:
    """A class may wait for one."""
    Provisioner(server)
    pods: list[Json] = []
    server.reactions.append(
        lambda method, kind, body: pods.append(body) if (method, kind) == ("POST", "pods") else None
    )
    tried()
    assert pods[0]["spec"]["volumes"][0]["persistentVolumeClaim"] == {"claimName": "labgrade-trial-0"}


def test_a_volume_that_would_be_retained_does_not_stay(server: ApiServer, tried: Callable[[], Trial]) -> None:
    """Its policy is told as the class gave it; ours is changed before the claim goes."""
    driver = Provisioner(server, policy="Retain")
    assert tried() == Trial(None, "pv-labgrade-trial-0", DRIVER, "Retain")
    assert driver.seen == ["Delete"]
    assert left(server) == []


def test_a_volume_that_cannot_be_deleted_says_why(server: ApiServer, tried: Callable[[], Trial]) -> None:
    """In the words of the volume's own status; nobody but us would take it out of the list."""
    Provisioner(server, deletes=False)
    assert tried().left == "no deleter"
    assert left(server) == []


def test_a_claim_that_will_never_be_bound_is_not_waited_for(server: ApiServer, tried: Callable[[], Trial]) -> None:
    """The class's fault, told in words."""
    server.put("StorageClass", "drawers", provisioner="kubernetes.io/no-provisioner")
    trial = tried()
    assert trial.unbound
    assert "has nobody make one" in trial.unbound.en
    assert left(server) == []


def test_a_driver_that_is_too_slow_is_nobodys_mistake(server: ApiServer, tried: Callable[[], Trial]) -> None:
    """It works in the cluster and says nothing against the claim."""
    server.put("CSIDriver", DRIVER)
    with pytest.raises(HarnessError, match="had no volume within"):
        tried()
    assert left(server) == []


def test_nothing_stays_where_the_pod_is_refused(server: ApiServer, tried: Callable[[], Trial]) -> None:
    """The claim was there already, and bound."""
    Provisioner(server)
    server.fault(403, "/pods", method="POST")
    with pytest.raises(HarnessError, match="asked for"):
        tried()
    assert left(server) == []


def test_nothing_stays_when_it_is_interrupted(
    server: ApiServer, tried: Callable[[], Trial], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Ctrl-C while the volume is waited for."""

    def interrupted(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    Provisioner(server)
    monkeypatch.setattr(ownclaims, "until", interrupted)
    with pytest.raises(KeyboardInterrupt):
        tried()
    assert left(server) == []


def test_the_namespace_goes_with_the_run_or_with_the_next(server: ApiServer, api: Api) -> None:
    """Also a killed run's, which is known by its name and label."""
    Provisioner(server)
    server.put("StorageClass", "drawers", provisioner=DRIVER)
    claims = OwnClaims(api, RUN, OURS)
    claims.tried(StorageClass(Snapshot(api), None, "drawers"))
    assert server.find("Namespace", SPACE)
    remove_orphans(api)
    assert not server.find("Namespace", SPACE)
    claims.remove()


def test_who_tried_nothing_has_nothing_to_remove(server: ApiServer, api: Api) -> None:
    """Most runs."""
    OwnClaims(api, RUN, OURS).remove()
    assert server.count("/namespaces", method="DELETE") == 0
