"""Judges of a Deployment's history, on recorded states."""

from __future__ import annotations

import pytest

from checks.rollouts import assert_rolled_back, assert_updated
from labgrade.errors import Unmet
from labgrade.model import Json
from tests.checks.states import World, deployment, revision

OLD, NEW = "nginx:1.26", "nginx:1.28"


def world(current: int, image: str, *revisions: Json) -> World:
    """A Deployment at a revision, with these in its history."""
    return World(deployment("web", replicas=3, image=image, revision=current), *revisions)


def rolled_back() -> World:
    """1.26, then 1.28, then 1.26 again: what an undo leaves."""
    return world(
        3,
        OLD,
        revision("web", 2, image=NEW, ready=0),
        revision("web", 3, image=f"docker.io/library/{OLD}", ready=3, history="1", name="web-first"),
    )


def updated_only() -> World:
    """1.26, then 1.28, and there it stayed."""
    return world(2, NEW, revision("web", 1, image=OLD, ready=0), revision("web", 2, image=NEW, ready=3))


def test_an_update_that_was_undone_is_in_the_history() -> None:
    """The newer image's revision stays behind, without Pods."""
    assert_updated(rolled_back().cluster.deployment("web"), image=NEW)


def test_an_update_that_runs_is_in_the_history() -> None:
    """Not having gone back is another check's matter."""
    assert_updated(updated_only().cluster.deployment("web"), image=NEW)


def test_a_deployment_created_with_the_newer_image_was_not_updated() -> None:
    """A single revision is a beginning, whatever its image."""
    fresh = world(1, NEW, revision("web", 1, image=NEW, ready=3))
    with pytest.raises(Unmet, match="created anew"):
        assert_updated(fresh.cluster.deployment("web"), image=NEW)


def test_revisions_without_the_newer_image_are_no_update_to_it() -> None:
    """A restart makes a revision too, of the same image."""
    restarted = world(2, OLD, revision("web", 1, image=OLD, ready=0), revision("web", 2, image=OLD, ready=3))
    with pytest.raises(Unmet, match=r"holds nginx:1\.26$"):
        assert_updated(restarted.cluster.deployment("web"), image=NEW)


def test_a_history_that_is_not_kept_is_named_as_the_cause() -> None:
    """RevisionHistoryLimit 0 loses the trace; the student is told so."""
    forgetful = world(3, OLD, revision("web", 3, image=OLD, ready=3))
    forgetful.objects[0]["spec"]["revisionHistoryLimit"] = 0
    with pytest.raises(Unmet, match="revisionHistoryLimit 0"):
        assert_updated(forgetful.cluster.deployment("web"), image=NEW)


def test_an_undo_is_a_rollback() -> None:
    """The first revision's ReplicaSet is the current one again and carries its old number."""
    assert_rolled_back(rolled_back().cluster.deployment("web"), image=OLD)


def test_staying_with_the_newer_image_is_no_rollback() -> None:
    """The current revision has the wrong image, and the failure says which."""
    with pytest.raises(Unmet, match=r"revision, 2, has nginx:1\.28"):
        assert_rolled_back(updated_only().cluster.deployment("web"), image=OLD)


def test_a_new_revision_with_the_old_image_is_no_rollback() -> None:
    """Created anew with 1.26, a Deployment runs the right image but never came back to it."""
    fresh = world(1, OLD, revision("web", 1, image=OLD, ready=3))
    with pytest.raises(Unmet, match="nothing came back"):
        assert_rolled_back(fresh.cluster.deployment("web"), image=OLD)


def test_a_rollback_that_does_not_run_is_unmet() -> None:
    """A paused Deployment takes note of its old template while its Pods stay as they are."""
    paused = world(
        3,
        OLD,
        revision("web", 2, image=NEW, ready=3),
        revision("web", 3, image=OLD, ready=0, history="1", name="web-first"),
    )
    paused.objects[0]["spec"]["paused"] = True
    with pytest.raises(Unmet, match="runs in 0/3 Pods; the rollout is paused"):
        assert_rolled_back(paused.cluster.deployment("web"), image=OLD)


def test_nothing_is_rolled_back_where_nothing_is() -> None:
    """An empty namespace earns nothing."""
    with pytest.raises(Unmet, match="no deployment/web"):
        assert_rolled_back(World().cluster.deployment("web"), image=OLD)
