"""Judges of StatefulSets and their claims, on recorded states."""

from __future__ import annotations

from typing import Any

import pytest

from checks.statefulsets import assert_ordered, assert_ordinals_ready
from checks.storage import assert_claim_per_ordinal, assert_claims_kept
from labgrade.errors import Unmet
from labgrade.model import Json
from tests.checks.states import Hands, World, claim, made, pod, template

OWNER = ("StatefulSet", "web")
PAGES = "/usr/share/nginx/html"


def statefulset(**spec: Any) -> Json:
    """A StatefulSet of two with a claim template."""
    asked: Json = {
        "replicas": 2,
        "serviceName": "web",
        "template": template({"app": "web"}),
        "volumeClaimTemplates": [{"metadata": {"name": "pages"}}],
    }
    return made("StatefulSet", "web", generation=1, spec=asked | spec, status={"observedGeneration": 1})


def member(number: int, *, ready: bool = True, uid: str = "") -> Json:
    """A Pod of the StatefulSet with its claim mounted where the pages lie."""
    volume = {"name": "pages", "persistentVolumeClaim": {"claimName": f"pages-web-{number}"}}
    mount = {"name": "pages", "mountPath": PAGES}
    spec = {"volumes": [volume], "containers": [{"name": "nginx", "image": "nginx:1.26", "volumeMounts": [mount]}]}
    return pod(f"web-{number}", owner=OWNER, ready=ready, spec=spec, uid=uid or f"web-{number}")


def whole(**spec: Any) -> World:
    """A StatefulSet as it should be, but for its spec."""
    return World(statefulset(**spec), member(0), member(1), claim("pages-web-0"), claim("pages-web-1"))


def ready(world: World) -> None:
    """Judges the Pods of statefulset/web."""
    assert_ordinals_ready(world.cluster, world.cluster.statefulset("web"), replicas=2)


def claims(world: World) -> None:
    """Judges the claims of statefulset/web."""
    assert_claim_per_ordinal(world.cluster, world.cluster.statefulset("web"))


def test_two_ready_ordinals_are_met() -> None:
    """web-0 and web-1, both ready."""
    ready(whole())


def test_a_deployment_in_its_place_is_named() -> None:
    """Whoever made a Deployment reads that it is one."""
    with pytest.raises(Unmet, match=r"no statefulset/web .*deployment/web"):
        ready(World(made("Deployment", "web")))


def test_a_smaller_statefulset_is_unmet() -> None:
    """One ready Pod of one is not two."""
    with pytest.raises(Unmet, match="replicas: 1; ready: pod/web-0"):
        ready(World(statefulset(replicas=1), member(0)))


def test_a_pod_that_never_gets_ready_is_named_as_the_cause() -> None:
    """The second Pod is missing because the first one is not ready."""
    with pytest.raises(Unmet, match="ready: none; pod/web-0 runs but is not ready"):
        ready(World(statefulset(), member(0, ready=False)))


def test_a_class_that_does_not_exist_is_named_as_the_cause() -> None:
    """Of all reasons to be Pending this one lasts for ever."""
    pending = claim("pages-web-0", phase="Pending", storage_class="fast-ssd")
    first = member(0, ready=False)
    message = "0/3 nodes are available: pod has unbound immediate PersistentVolumeClaims. not found"
    first["status"]["conditions"] = [{"type": "PodScheduled", "status": "False", "message": message}]
    world = World(statefulset(), first, pending)
    with pytest.raises(
        Unmet, match=r"pod/web-0 has no node: persistentvolumeclaim/pages-web-0 .* no storageclass/fast"
    ):
        ready(world)
    with pytest.raises(Unmet, match="no storageclass/fast-ssd"):
        claims(world)


def test_the_default_order_is_met_and_parallel_is_not() -> None:
    """Only the policy counts: Pods replaced since may be older or younger than their place."""
    assert_ordered(whole().cluster.statefulset("web"))
    assert_ordered(whole(podManagementPolicy="OrderedReady").cluster.statefulset("web"))
    with pytest.raises(Unmet, match="podManagementPolicy is Parallel"):
        assert_ordered(whole(podManagementPolicy="Parallel").cluster.statefulset("web"))


def test_a_bound_claim_for_each_ordinal_is_met() -> None:
    """Each made from the template, each used by its Pod."""
    claims(whole())


def test_a_volume_of_the_template_is_unmet_and_named() -> None:
    """An emptyDir or a shared claim in the Pod template is no claim of one's own."""
    shared = template({"app": "web"}, volumes=[{"name": "pages", "emptyDir": {}}])
    with pytest.raises(Unmet, match=r"no volumeClaimTemplates.*pages \(emptyDir\)"):
        claims(whole(volumeClaimTemplates=None, template=shared))


def test_a_missing_claim_is_unmet() -> None:
    """Every ordinal that is asked for counts, also one that has not been started."""
    world = whole()
    world.remove(world.cluster.claim("pages-web-1"))
    with pytest.raises(Unmet, match="no persistentvolumeclaim/pages-web-1"):
        claims(world)


def test_a_claim_that_its_pod_does_not_use_is_unmet() -> None:
    """A claim made by hand under the right name is not enough."""
    world = whole()
    world.cluster.pod("web-1").raw["spec"]["volumes"] = []
    with pytest.raises(Unmet, match="no Pod uses persistentvolumeclaim/pages-web-1"):
        claims(world)


def kept(world: World, hands: Hands) -> list[str]:
    """Judges scaling, and tells what was done for it."""
    assert_claims_kept(world.cluster, world.cluster.statefulset("web"), hands.hands)
    return hands.done


def scaled_back(world: World) -> None:
    """The Pod comes back with its claim."""
    world.objects.append(member(1, uid="later"))


def scaled_back_with_another_claim(world: World) -> None:
    """The Pod comes back, and its claim is a new one of the same name."""
    world.remove(world.cluster.claim("pages-web-1"))
    world.objects += [member(1, uid="later"), claim("pages-web-1", uid="later")]


def never_back(world: World) -> None:
    """The Pod does not come back."""


def test_a_claim_that_is_bound_again_is_met() -> None:
    """One down, and restored."""
    world = whole()
    assert kept(world, Hands(world, scaled_back)) == ["scale statefulset/web 1", "restore"]


def test_a_claim_made_anew_is_unmet() -> None:
    """The same name is not the same volume."""
    world = whole()
    with pytest.raises(Unmet, match="took persistentvolumeclaim/pages-web-1 from pod/web-1"):
        kept(world, Hands(world, scaled_back_with_another_claim))


def test_a_pod_that_does_not_come_back_is_unmet() -> None:
    """Scaling up again must bring the Pod back."""
    world = whole()
    with pytest.raises(Unmet, match="did not come back"):
        kept(world, Hands(world, never_back))


def test_claims_that_would_be_deleted_are_spared() -> None:
    """The policy costs the points; trying it would cost the student's data."""
    world = whole(persistentVolumeClaimRetentionPolicy={"whenScaled": "Delete", "whenDeleted": "Retain"})
    hands = Hands(world, scaled_back)
    with pytest.raises(Unmet, match="it was not tried"):
        kept(world, hands)
    assert hands.done == []
