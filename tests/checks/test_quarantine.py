"""Judges of a Pod in quarantine, on recorded states."""

from __future__ import annotations

import pytest

from checks.quarantine import assert_isolated, assert_quarantined, released
from labgrade.errors import Unmet
from labgrade.model import Json
from tests.checks.states import World, deployment, endpoints, pod, prober, revision, service, web

IMAGE = "nginx:1.26"
MADE_BY_WEB = {"generateName": "web-1-"}


def patient(**labels: str) -> Json:
    """A Pod that web's ReplicaSet made and let go of."""
    return pod("web-1-sick", ip="10.0.0.9", labels={"app": "quarantine"} | labels, metadata=MADE_BY_WEB)


def healthy(name: str, ip: str, **labels: str) -> Json:
    """A Pod of web's."""
    marks = {"app": "web", "pod-template-hash": "1"} | labels
    return pod(f"web-1-{name}", ip=ip, owner=("ReplicaSet", "web-1"), labels=marks, metadata=MADE_BY_WEB)


def ward(*pods: Json, ready: int = 2) -> World:
    """A Deployment of two Pods, its Service, and these Pods."""
    return World(
        deployment("web", replicas=2, image=IMAGE, revision=1, readyReplicas=ready),
        revision("web", 1, image=IMAGE, ready=ready),
        service("web", selector={"app": "web"}),
        endpoints("web", "10.0.0.1", "10.0.0.2"),
        *pods,
    )


def judge(world: World) -> None:
    """Judges the quarantine of deployment/web."""
    assert_quarantined(world.cluster, world.cluster.deployment("web"))


def isolated(world: World, *answers: str) -> None:
    """Judges the isolation; `answers` are the verdicts of the Service and of the Pod."""
    first, second = answers or ("http", "http")
    canned = web("10.96.0.1", first) | web("10.0.0.9", second)  # type: ignore[arg-type] - verdicts as plain words
    cluster = world.cluster
    assert_isolated(cluster.service("web"), released(cluster, cluster.deployment("web")), prober(canned))


def test_a_relabelled_pod_beside_a_complete_deployment_is_met() -> None:
    """Running, without an owner, and replaced: that is a quarantine."""
    judge(ward(patient(), healthy("a", "10.0.0.1"), healthy("b", "10.0.0.2")))


def test_a_label_that_no_selector_uses_is_named() -> None:
    """The Pod works on as before, and the failure says which label did nothing."""
    with pytest.raises(Unmet, match="pod/web-1-b carries quarantine=true, which no selector looks at"):
        judge(ward(healthy("a", "10.0.0.1"), healthy("b", "10.0.0.2", quarantine="true")))


def test_a_deleted_pod_is_no_patient() -> None:
    """Where every Pod is a healthy one, nobody is in quarantine."""
    with pytest.raises(Unmet, match="still belong to it, or are gone"):
        judge(ward(healthy("a", "10.0.0.1"), healthy("b", "10.0.0.2")))


def test_a_pod_written_by_hand_is_no_patient() -> None:
    """A bare Pod was never one of the Deployment's."""
    with pytest.raises(Unmet):
        judge(ward(pod("web-lookalike", labels={"app": "quarantine"}), healthy("a", "10.0.0.1")))


def test_a_patient_that_ended_is_unmet() -> None:
    """What does not run cannot be examined."""
    with pytest.raises(Unmet, match="does not run: Failed"):
        judge(ward(pod("web-1-sick", phase="Failed", ready=False, metadata=MADE_BY_WEB)))


def test_an_incomplete_deployment_is_unmet() -> None:
    """The Pod's place must have been taken by a new one."""
    with pytest.raises(Unmet, match="1/2 Pods ready without it"):
        judge(ward(patient(), healthy("a", "10.0.0.1"), ready=1))


def test_a_pod_out_of_the_endpoints_that_answers_is_isolated() -> None:
    """Asked directly it answers, and so does the Service, without it."""
    isolated(ward(patient()))


def test_a_pod_that_is_still_an_endpoint_is_not_isolated() -> None:
    """Taken from its ReplicaSet by its hash alone, a Pod goes on serving."""
    world = ward(patient(app="web"))
    world.objects.append(endpoints("web", "10.0.0.9"))
    with pytest.raises(Unmet, match="service/web still sends to pod/web-1-sick"):
        isolated(world)


def test_isolation_is_not_believed_of_a_service_that_serves_nobody() -> None:
    """Without its control, "not in the endpoints" would be met by a broken Service."""
    with pytest.raises(Unmet, match="service/web does not answer"):
        isolated(ward(patient()), "refused", "http")


def test_a_silent_patient_is_unmet() -> None:
    """In quarantine means alive."""
    with pytest.raises(Unmet, match="pod/web-1-sick does not answer"):
        isolated(ward(patient()), "http", "dropped")


def test_nobody_is_isolated_where_nobody_is_in_quarantine() -> None:
    """For all of none is unmet."""
    with pytest.raises(Unmet, match="no Pod is in quarantine"):
        isolated(ward())
