"""A Deployment's history: what it was updated to, and where it went back to."""

from __future__ import annotations

from checks.wording import NOTHING, because, listed, require, short
from labgrade.errors import Unmet
from labgrade.facts import Deployment, ReplicaSet, image_name
from labgrade.text import Text


def assert_updated(deployment: Deployment, *, image: str) -> None:
    """The image came as an update: it is in the Deployment's history, and not as its only revision."""
    __tracebackhide__ = True
    require(deployment)
    revisions = deployment.replicasets
    if len(revisions) > 1 and any(image_name(image) in found.images.values() for found in revisions):
        return
    held, more = _images(revisions), _lost_history(deployment)
    raise Unmet(
        Text(
            en=f"the history of {deployment} holds {held.en}{more.en}",
            fr=f"l'historique de {deployment} contient {held.fr}{more.fr}",
        ),
        wanted=Text(
            en=f"at least two revisions, one of them with {short(image)}",
            fr=f"au moins deux révisions, dont une avec {short(image)}",
        ),
        try_=f"kubectl get replicasets -n {deployment.namespace} -o wide",
        evidence=_history(deployment),
    )


def assert_rolled_back(deployment: Deployment, *, image: str) -> None:
    """The current revision is an earlier one that came back with this image, and it really runs.

    An undo and a second change to the old template leave the same trace, and both are a way back.
    """
    __tracebackhide__ = True
    require(deployment)
    if saw := _not_back(deployment, image):
        raise Unmet(
            saw,
            wanted=Text(
                en=f"an earlier revision, with {short(image)}, is current again and runs in all Pods",
                fr=f"une révision antérieure, avec {short(image)}, est de retour et tourne dans tous les Pods",
            ),
            try_=f"kubectl rollout history deployment/{deployment.name} -n {deployment.namespace}",
            evidence=_history(deployment),
        )


def _not_back(deployment: Deployment, image: str) -> Text:
    """What speaks against a rollback; empty when nothing does."""
    current = next((found for found in deployment.replicasets if found.revision == deployment.revision), None)
    if current is None:
        return Text(en=f"{deployment} has no revision yet", fr=f"{deployment} n'a pas encore de révision")
    number, runs = current.revision, _images([current])
    if image_name(image) not in current.images.values():
        return Text(
            en=f"the current revision, {number}, has {runs.en}",
            fr=f"la révision actuelle, la {number}, a {runs.fr}",
        )
    if not current.revision_history:
        return Text(
            en=f"revision {number} is a new one: nothing came back to it",
            fr=f"la révision {number} est toute neuve : rien n'y est revenu",
        )
    if current.ready < max(deployment.replicas, 1):
        count, more = f"{current.ready}/{deployment.replicas}", because(deployment)
        return Text(
            en=f"the template is back, but runs in {count} Pods{more.en}",
            fr=f"le modèle est revenu, mais tourne dans {count} Pods{more.fr}",
        )
    return NOTHING


def _lost_history(deployment: Deployment) -> Text:
    """Why a history holds a single revision, to follow a sentence."""
    if deployment.spec.get("revisionHistoryLimit") == 0:
        return Text(
            en="; with revisionHistoryLimit 0 it keeps no other",
            fr=" ; avec revisionHistoryLimit 0 il n'en garde pas d'autre",
        )
    if len(deployment.replicasets) == 1:
        return Text(
            en="; a Deployment that is created anew starts a new history",
            fr=" ; un Deployment recréé commence un nouvel historique",
        )
    return NOTHING


def _images(revisions: list[ReplicaSet]) -> Text:
    return listed(dict.fromkeys(short(image) for found in revisions for image in found.images.values()))


def _history(deployment: Deployment) -> tuple[str, ...]:
    return tuple(
        f"{found}: revision {found.revision}, formerly {listed(found.revision_history).en}, "
        f"{_images([found]).en}, {found.ready} ready"
        for found in deployment.replicasets
    )
