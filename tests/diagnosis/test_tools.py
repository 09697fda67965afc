"""kind and kubectl: there, working, new enough."""

from __future__ import annotations

import json

import pytest

from labgrade.diagnosis.patient import Patient
from labgrade.diagnosis.tools import kind, kubectl, skew

from .conftest import Ward
from .test_engines import only, said


def has_kubectl(ward: Ward, minor: str) -> None:
    """A kubectl of that version."""
    ward.program("kubectl", f"echo '{json.dumps({'clientVersion': {'major': '1', 'minor': minor}})}'")


@pytest.mark.parametrize(
    ("version", "level"), [("v0.33.0", "fine"), ("v0.24.0", "fine"), ("v0.23.0", "trouble"), ("v1.0.0-alpha", "fine")]
)
def test_kind_has_a_least_version(ward: Ward, version: str, level: str) -> None:
    """Its reason is told with it."""
    ward.program("kind", f"echo kind {version} go1.26 linux/amd64")
    finding = only(kind(ward.patient()))
    assert finding.level == level
    assert level == "fine" or "NetworkPolicies" in finding.means.en


def test_kind_is_missing(ward: Ward) -> None:
    """The page to install it from is named, and on a Mac the command."""
    finding = only(kind(ward.patient()))
    assert finding.words.en == "kind is not installed"
    assert "kind.sigs.k8s.io" in said(finding)
    ward.system = "macos"
    assert "brew install kind" in only(kind(ward.patient())).do


def test_kind_does_not_work(ward: Ward) -> None:
    """What is there and fails is told with its own words."""
    ward.program("kind", "echo wrong architecture >&2; exit 126")
    finding = only(kind(ward.patient()))
    assert finding.words.en == "kind does not work"
    assert "wrong architecture" in finding.details[0]


def test_kubectl(ward: Ward) -> None:
    """It is missing, or told with its version, which clouds mark with a plus."""
    assert only(kubectl(ward.patient())).words.en == "kubectl is not installed"
    has_kubectl(ward, "34+")
    assert only(kubectl(ward.patient())).words.en == "kubectl 1.34"


@pytest.mark.parametrize(("minor", "odd"), [("33", 0), ("34", 0), ("35", 0), ("32", 1), ("36", 1)])
def test_kubectl_and_the_cluster_are_one_minor_version_apart_at_most(
    ward: Ward, patient: Patient, minor: str, odd: int
) -> None:
    """The cluster's API is of 1.34."""
    has_kubectl(ward, minor)
    found = skew(patient)
    assert len(found) == odd
    assert not found or found[0].level == "warning"
