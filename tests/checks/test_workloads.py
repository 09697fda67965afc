"""Judges of Deployments, on recorded states."""

from __future__ import annotations

import pytest

from checks.workloads import assert_owned, assert_rolled_out
from labgrade.errors import Unmet
from labgrade.model import Json
from tests.checks.states import World, deployment, made, pod, revision

NEW = "nginx:1.26"


def state(**status: int) -> World:
    """A Deployment of two Pods as it should be, but for its status."""
    return World(
        deployment("web", replicas=2, image=NEW, revision=1, **status),
        revision("web", 1, image=NEW, ready=2),
        *(pod(f"web-1-{n}", owner=("ReplicaSet", "web-1"), labels={"app": "web"}) for n in "ab"),
    )


def judge(world: World, replicas: int = 2) -> None:
    """Judges the rollout of deployment/web."""
    assert_rolled_out(world.cluster, world.cluster.deployment("web"), replicas=replicas)


def owned(world: World) -> None:
    """Judges the chain of deployment/web."""
    assert_owned(world.cluster, world.cluster.deployment("web"), labels={"app": "web"})


def test_a_finished_rollout_is_met() -> None:
    """All Pods up to date and available is what the check asks."""
    judge(state())


def test_a_missing_deployment_names_what_stands_in_its_place() -> None:
    """A bare ReplicaSet of the same name is the likely cause, so it is named."""
    with pytest.raises(Unmet, match=r"no deployment/web .*replicaset/web"):
        judge(World(made("ReplicaSet", "web", spec={"replicas": 2})))


def test_another_size_is_unmet() -> None:
    """A complete Deployment of the wrong size is not the one asked for."""
    with pytest.raises(Unmet, match="asks for 2 replicas"):
        judge(state(), replicas=3)


def test_ready_pods_of_the_old_template_are_unmet() -> None:
    """Ready counts old Pods too; only updated ones are of the current template."""
    with pytest.raises(Unmet, match="1/2 Pods of the current template"):
        judge(state(updatedReplicas=1))


def test_old_pods_that_serve_beside_broken_new_ones_are_unmet() -> None:
    """With room to surge all new Pods exist while all available ones are old."""
    world = state(updatedReplicas=2, availableReplicas=2)
    world.objects[0]["status"]["replicas"] = 4
    with pytest.raises(Unmet, match="2/2 Pods of the current template, 2 of an older one, 2 available"):
        judge(world)


def test_a_stale_status_is_not_believed() -> None:
    """A status from before the last change says nothing about it."""
    with pytest.raises(Unmet, match="has not been taken up"):
        judge(state(observedGeneration=1))


def test_a_paused_rollout_is_named_as_the_cause() -> None:
    """Nothing else explains why a template is not rolled out while every Pod is well."""
    world = state(updatedReplicas=0)
    world.objects[0]["spec"]["paused"] = True
    with pytest.raises(Unmet, match="paused"):
        judge(world)


def test_an_image_that_cannot_be_pulled_is_named_as_the_cause() -> None:
    """The newest revision's Pod is asked first what ails it."""
    world = state(updatedReplicas=1)
    waiting = {"name": "nginx", "image": "nginx:1,26", "state": {"waiting": {"reason": "InvalidImageName"}}}
    spec = {"containers": [{"name": "nginx", "image": "nginx:1,26"}]}
    stuck = pod("web-2-a", ready=False, phase="Pending", owner=("ReplicaSet", "web-2"), spec=spec)
    stuck["status"]["containerStatuses"] = [waiting]
    world.objects += [revision("web", 2, image="nginx:1,26", ready=0), stuck]
    with pytest.raises(Unmet, match=r"nginx:1,26 .* cannot be pulled") as unmet:
        judge(world)
    assert "ne peut pas être téléchargée" in unmet.value.saw.fr


def test_a_chain_from_deployment_to_pods_is_met() -> None:
    """Owner references from Pod to ReplicaSet to Deployment are the chain."""
    owned(state())


@pytest.mark.parametrize(
    "selector",
    [
        {"matchExpressions": [{"key": "app", "operator": "In", "values": ["web"]}]},
        {"matchLabels": {"app": "web", "tier": "front"}},
    ],
)
def test_other_ways_to_write_the_selector_are_met(selector: Json) -> None:
    """Meaning counts, not notation."""
    world = state()
    world.objects[0]["spec"]["selector"] = selector
    owned(world)


def test_another_label_is_unmet() -> None:
    """The lab fixes the label that everything goes by."""
    world = state()
    world.objects[0]["spec"]["selector"] = {"matchLabels": {"app": "nginx"}}
    with pytest.raises(Unmet, match="by app=nginx"):
        owned(world)


def test_pods_that_nobody_made_are_no_chain() -> None:
    """Pods with the right labels but without an owner do not belong to the Deployment."""
    world = state()
    for found in world.objects[2:]:
        del found["metadata"]["ownerReferences"]
    with pytest.raises(Unmet, match="no Pod belongs"):
        owned(world)
