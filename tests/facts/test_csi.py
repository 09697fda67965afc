"""What stands beside a CSI driver, on recorded states."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from labgrade.facts import Recorded
from labgrade.facts.csi import registered, resizer_of, resizers, snapshot_class_of
from labgrade.model import Json

NOW = datetime(2026, 1, 31, 12, tzinfo=UTC)
DRIVER = "csi.example.org"


def lease(name: str, renewed: str | None = "2026-01-31T11:59:30.000000Z", holder: str = "one") -> Json:
    """A Lease, held half a minute ago."""
    spec = {"holderIdentity": holder, "renewTime": renewed}
    return {"kind": "Lease", "metadata": {"name": name, "namespace": "drivers"}, "spec": spec}


def test_who_leads_at_growing_is_known_by_the_drivers_name() -> None:
    """As long as the Lease is held."""
    assert resizer_of(Recorded(lease("external-resizer-csi-example-org")), DRIVER, NOW)


@pytest.mark.parametrize(
    "other",
    [
        lease("external-resizer-other-example-org"),
        lease("external-attacher-leader-csi-example-org"),
        lease("external-resizer-csi-example-org", "2026-01-31T11:58:00.000000Z"),
        lease("external-resizer-csi-example-org", None),
        lease("external-resizer-csi-example-org", holder=""),
    ],
    ids=["another driver's", "for something else", "stale", "never held", "given up"],
)
def test_any_other_lease_says_nothing(other: Json) -> None:
    """Of who has volumes of this driver grow."""
    assert not resizer_of(Recorded(other), DRIVER, NOW)


@pytest.mark.parametrize(
    ("container", "phase", "count"),
    [
        ({"image": "registry.example.org/sig-storage/csi-resizer:v2.3.0"}, "Running", 1),
        ({"image": "example.org/external-resizer@sha256:00"}, "Running", 1),
        ({"image": "example.org/all", "command": ["/bin/csi-resizer", "--v=5"]}, "Running", 1),
        ({"image": "example.org/csi-resizer:v2"}, "Pending", 0),
        ({"image": "example.org/addon-resizer:1.8"}, "Running", 0),
        ({"image": "example.org/csi-resizers:1"}, "Running", 0),
        ({"image": "example.org/csi-provisioner:v6"}, "Running", 0),
    ],
)
def test_who_has_volumes_grow_without_a_lease_is_known_by_its_program(container: Json, phase: str, count: int) -> None:
    """In whichever namespace."""
    spec = {"containers": [{"name": "c"} | container]}
    pod = {"kind": "Pod", "metadata": {"name": "p", "namespace": "any"}, "spec": spec, "status": {"phase": phase}}
    assert len(resizers(Recorded(pod))) == count


def test_a_driver_is_known_to_the_kubelets() -> None:
    """Whether or not there is a CSIDriver of its name."""
    one = {"kind": "CSINode", "metadata": {"name": "one"}, "spec": {"drivers": None}}
    two = {"kind": "CSINode", "metadata": {"name": "two"}, "spec": {"drivers": [{"name": DRIVER}]}}
    assert registered(Recorded(one, two), DRIVER)
    assert not registered(Recorded(one), DRIVER)
    assert not registered(Recorded(two), "other.example.org")


def test_of_several_classes_of_snapshots_the_default_one_is_taken() -> None:
    """Of those of the driver."""

    def kind(name: str, driver: str = DRIVER, default: str = "") -> Json:
        notes = {"snapshot.storage.kubernetes.io/is-default-class": default}
        return {"kind": "VolumeSnapshotClass", "metadata": {"name": name, "annotations": notes}, "driver": driver}

    def chosen(*objects: Json) -> str | None:
        found = snapshot_class_of(Recorded(*objects), DRIVER)
        return found and found.name

    assert chosen(kind("a"), kind("b", default="true")) == "b"
    assert chosen(kind("a"), kind("b", default="false")) == "a"
    assert chosen(kind("a", "other.example.org", "true"), kind("b")) == "b"
    assert chosen(kind("a", "other.example.org", "true")) is None
