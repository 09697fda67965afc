"""Words that many checks share: names as students write them, and what to say of what is not there."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from labgrade.errors import Unmet
from labgrade.facts import Fact, Pod, pairs
from labgrade.text import Text, following
from labgrade.why import short, why

__all__ = ["NOTHING", "because", "listed", "pairs", "require", "short", "states", "troubles"]

NOTHING = Text("", "")


def listed(things: Iterable[object]) -> Text:
    """Things in a row, `none` where there are none."""
    row = ", ".join(str(thing) for thing in things)
    return Text(en=row or "none", fr=row or "aucun")


def require(fact: Fact, *, instead: Sequence[Fact] = ()) -> None:
    """The object exists.

    `instead` is what students are known to make in its place: the failure names what there is of it.
    """
    __tracebackhide__ = True
    if fact.exists:
        return
    found = listed(other for other in instead if other.exists)
    more = NOTHING if found.en == "none" else Text(en=f", but {found.en}", fr=f", mais {found.fr}")
    raise Unmet(
        Text(
            en=f"there is no {fact} in namespace {fact.namespace}{more.en}",
            fr=f"il n'y a pas de {fact} dans le namespace {fact.namespace}{more.fr}",
        ),
        wanted=f"{fact}",
        try_=f"kubectl get {fact.kind.lower()}s -n {fact.namespace}",
    )


def because(fact: Fact) -> Text:
    """Why the object is not as it should be, to follow a sentence; nothing where nothing tells."""
    return following(why(fact))


def troubles(pods: Iterable[Pod]) -> Text:
    """Why the first of these Pods that is in trouble is not ready, to follow a sentence; else nothing."""
    return following(next((trouble for pod in pods if (trouble := why(pod))), None))


def states(pods: Iterable[Pod]) -> tuple[str, ...]:
    """One line of evidence a Pod."""
    return tuple(
        f"{pod}: {pod.phase or 'absent'}, {'ready' if pod.ready else 'not ready'}, "
        f"{pod.ip or 'no address'}, {pairs(pod.labels) or 'no labels'}"
        for pod in pods
    )
