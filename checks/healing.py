"""Pods that something brings back."""

from __future__ import annotations

from checks.wording import NOTHING, states, troubles
from labgrade.cluster.disturb import Disturb
from labgrade.errors import Unmet
from labgrade.facts import Cluster, Pod
from labgrade.text import Text


def assert_replaced(cluster: Cluster, pods: list[Pod], disturb: Disturb) -> None:
    """One of these Pods is deleted, and whoever controls it makes a new one that gets ready.

    A Pod that nothing controls is left alone: nobody would bring it back.
    """
    __tracebackhide__ = True
    if saw := _nothing_to_delete(pods):
        raise Unmet(
            saw,
            wanted=Text(en="ready Pods that a controller replaces", fr="des Pods prêts qu'un contrôleur remplace"),
            try_=f"kubectl get pods -n {cluster.namespace} --show-labels",
            evidence=states(pods),
        )
    victim = next(pod for pod in pods if pod.controller and pod.ready)
    controller = victim.controller_uid
    before = {pod.uid for pod in _siblings(cluster, controller)}
    disturb.delete(victim)
    disturb.eventually(lambda: _assert_complete(cluster, controller, before, f"{victim}"))


def _assert_complete(cluster: Cluster, controller: str, before: set[str], deleted: str) -> None:
    """As many Pods as there were before, and a new one among them, ready."""
    __tracebackhide__ = True
    now = _siblings(cluster, controller)
    new = [pod for pod in now if pod.uid not in before]
    if new and len(now) >= len(before) and all(pod.ready for pod in new):
        return
    more = troubles(new)
    raise Unmet(
        Text(
            en=f"{deleted} was deleted; of {len(before)} Pods there are now {len(now)}{more.en}",
            fr=f"{deleted} a été supprimé ; des {len(before)} Pods il en reste {len(now)}{more.fr}",
        ),
        wanted=Text(en="a new Pod in its place, ready", fr="un nouveau Pod à sa place, prêt"),
        try_=f"kubectl get pods -n {cluster.namespace} -w",
        evidence=states(now),
    )


def _siblings(cluster: Cluster, controller: str) -> list[Pod]:
    return [pod for pod in cluster.pods() if pod.controller_uid == controller]


def _nothing_to_delete(pods: list[Pod]) -> Text:
    """Why none of the Pods is deleted; empty when one can be."""
    kept = [pod for pod in pods if pod.controller]
    if not pods:
        return Text(en="there is no Pod to try this on", fr="il n'y a aucun Pod sur lequel essayer")
    if not kept:
        return Text(
            en=f"{pods[0]} belongs to nobody and would be gone for good, so it was left alone",
            fr=f"{pods[0]} n'appartient à personne et serait perdu pour de bon : il a été épargné",
        )
    if not any(pod.ready for pod in kept):
        more = troubles(kept)
        return Text(
            en=f"none of {len(kept)} Pods is ready, so nothing was deleted{more.en}",
            fr=f"aucun des {len(kept)} Pods n'est prêt ; rien n'a été supprimé{more.fr}",
        )
    return NOTHING
