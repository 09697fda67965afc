"""The judge of self-healing, in a world that heals or does not."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from checks.healing import assert_replaced
from labgrade.errors import Unmet
from tests.checks.states import Hands, World, pod

OWNER = ("ReplicaSet", "web-1")


def replaced(world: World) -> None:
    """Makes a new Pod by another name, as a ReplicaSet does."""
    world.objects.append(pod("web-1-new", owner=OWNER))


def replaced_unready(world: World) -> None:
    """Makes a new Pod that does not get ready."""
    world.objects.append(pod("web-1-new", owner=OWNER, ready=False))


def left(world: World) -> None:
    """Nobody reacts."""


def judge(world: World, then: Callable[[World], None]) -> list[str]:
    """What was done to the world while judging it."""
    hands = Hands(world, then)
    assert_replaced(world.cluster, world.cluster.pods({"app": "web"}), hands.hands)
    return hands.done


def two() -> World:
    """Two Pods of one ReplicaSet."""
    return World(*(pod(f"web-1-{n}", owner=OWNER, labels={"app": "web"}) for n in "ab"))


def test_a_replaced_pod_is_met() -> None:
    """One Pod is deleted, and only one."""
    assert judge(two(), replaced) == ["delete pod/web-1-a"]


@pytest.mark.parametrize("then", [left, replaced_unready])
def test_a_pod_that_nobody_replaces_is_unmet(then: Callable[[World], None]) -> None:
    """There must be a new Pod, and it must get ready."""
    with pytest.raises(Unmet, match="pod/web-1-a was deleted"):
        judge(two(), then)


def test_a_pod_without_a_controller_is_left_alone() -> None:
    """A student's bare Pod would be gone for good: it costs the point, not the Pod."""
    world = World(pod("web-1", labels={"app": "web"}))
    with pytest.raises(Unmet, match="left alone"):
        judge(world, left)
    assert len(world.objects) == 1


def test_an_unready_pod_is_left_alone() -> None:
    """Where nothing runs there is nothing to be learnt from deleting it."""
    world = World(pod("web-1-a", owner=OWNER, labels={"app": "web"}, ready=False))
    with pytest.raises(Unmet, match="none of 1 Pods is ready"):
        judge(world, replaced)
    assert len(world.objects) == 1


def test_no_pods_heal_nothing() -> None:
    """An empty namespace earns nothing."""
    with pytest.raises(Unmet, match="no Pod"):
        judge(World(), left)
