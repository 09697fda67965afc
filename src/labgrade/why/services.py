"""Services that lead nowhere: whom they choose, and on which port they knock."""

from __future__ import annotations

from collections.abc import Mapping

from labgrade.facts import Pod, Service, matches, pairs
from labgrade.text import Text, following
from labgrade.why.pods import why_not_ready


def why_leads_nowhere(service: Service) -> Text | None:
    """Why a Service has no ready Pod behind it, or knocks where none listens; None where nothing tells."""
    if service.type == "ExternalName":
        return None
    if not service.selector:
        return Text(en=f"{service} has no selector", fr=f"{service} n'a pas de sélecteur")
    pods = [pod for pod in Pod.all(service.reading, service.namespace) if not pod.terminating]
    chosen = [pod for pod in pods if matches(service.selector, pod.labels)]
    if not chosen:
        return _why_nobody(service, pods)
    if not any(pod.ready for pod in chosen):
        cause = next((cause for pod in chosen if (cause := why_not_ready(pod))), None)
        more = following(cause)
        return Text(
            en=f"{service} chooses {chosen[0]}, which is not ready{more.en}",
            fr=f"{service} choisit {chosen[0]}, qui n'est pas prêt{more.fr}",
        )
    return next((cause for port in service.ports if (cause := _why_closed(service, port, chosen[0]))), None)


def _why_nobody(service: Service, pods: list[Pod]) -> Text:
    asked = pairs(service.selector)
    nearest = max(pods, key=lambda pod: _likeness(service.selector, pod.labels), default=None)
    if nearest is None:
        return Text(
            en=f"{service} selects {asked}, and there is no Pod at all",
            fr=f"{service} choisit {asked}, et il n'y a aucun Pod",
        )
    carried = pairs({key: value for key, value in nearest.labels.items() if not key.endswith("template-hash")})
    return Text(
        en=f"{service} selects {asked}, which no Pod carries; {nearest} carries {carried or 'no labels'}",
        fr=f"{service} choisit {asked}, qu'aucun Pod ne porte ; {nearest} porte {carried or 'aucun label'}",
    )


def _likeness(selector: Mapping[str, str], labels: Mapping[str, str]) -> tuple[int, int, int]:
    """How near a Pod is to being chosen: equal labels, then equal keys, then equal values under another key."""
    equal = sum(labels.get(key) == value for key, value in selector.items())
    return equal, len(selector.keys() & labels.keys()), len(set(selector.values()) & set(labels.values()))


def _why_closed(service: Service, entry: Mapping[str, str | int], pod: Pod) -> Text | None:
    """A target port that the Pod's containers do not have. Numbers that nobody declares may be served all the same."""
    target = entry.get("targetPort", entry.get("port"))
    declared = [port for each in pod.containers.values() for port in each.get("ports") or []]
    known = (
        {port.get("name") for port in declared} if isinstance(target, str) else {p["containerPort"] for p in declared}
    )
    if target in known or (isinstance(target, int) and not declared):
        return None
    has = ", ".join(f"{port.get('name', '-')} {port['containerPort']}" for port in declared)
    what = Text(
        en=f"the port called {target}" if isinstance(target, str) else f"port {target}",
        fr=f"le port nommé {target}" if isinstance(target, str) else f"le port {target}",
    )
    return Text(
        en=f"{service} leads to {what.en} of {pod}, which declares: {has or 'none'}",
        fr=f"{service} mène vers {what.fr} de {pod}, qui déclare : {has or 'aucun'}",
    )
