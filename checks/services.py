"""Services that lead to Pods: whom they choose, and where they knock."""

from __future__ import annotations

from checks.wording import NOTHING, listed, pairs, require, states, troubles
from labgrade.errors import Unmet
from labgrade.facts import Pod, Service, matches
from labgrade.probe import Answer, Prober
from labgrade.text import Text


def assert_served(service: Service, pods: list[Pod], probe: Prober, *, port: int) -> None:
    """The Service has all the ready ones of these Pods behind it, and answers HTTP on its address and port."""
    __tracebackhide__ = True
    require(service)
    if saw := _not_behind(service, pods, port):
        raise Unmet(
            saw,
            wanted=Text(
                en=f"port {port} leads to all Pods of the application",
                fr=f"le port {port} mène à tous les Pods de l'application",
            ),
            try_=f"kubectl describe service {service.name} -n {service.namespace}",
            evidence=(f"endpoints: {listed(e.ip for e in service.endpoints).en}", *states(pods)),
        )
    answer = probe.http(service.cluster_ip, port)
    if answer.verdict != "http":
        raise Unmet(
            _not_answered(service, port, answer),
            wanted=Text(en="an HTTP answer", fr="une réponse HTTP"),
            try_=f"kubectl describe service {service.name} -n {service.namespace}",
            evidence=(f"{answer}",),
        )


def not_chosen(service: Service, pod: Pod) -> Text:
    """Why a Service does not lead to a Pod."""
    if not service.selector:
        return Text(en=f"{service} has no selector", fr=f"{service} n'a pas de sélecteur")
    if matches(service.selector, pod.labels):
        return Text(en=f"{service} does not list {pod}", fr=f"{service} ne mène pas à {pod}")
    asked = pairs(service.selector)
    carried = pairs({k: v for k, v in pod.labels.items() if k in service.selector} or pod.labels)
    return Text(
        en=f"{service} selects {asked}, but {pod} carries {carried or 'no labels'}",
        fr=f"{service} choisit {asked}, mais {pod} porte {carried or 'aucun label'}",
    )


def _not_behind(service: Service, pods: list[Pod], port: int) -> Text:
    """What is wrong with the Service as an object; empty when nothing is."""
    ports = [int(entry["port"]) for entry in service.ports]
    if port not in ports:
        given = listed(ports)
        return Text(en=f"{service} has port {given.en}", fr=f"{service} a le port {given.fr}")
    ready = [pod for pod in pods if pod.ready]
    if not ready:
        more = troubles(pods)
        return Text(
            en=f"{service} has no ready Pod to lead to{more.en}",
            fr=f"{service} n'a aucun Pod prêt où mener{more.fr}",
        )
    behind = {endpoint.ip for endpoint in service.endpoints if endpoint.ready}
    missing = [pod for pod in ready if pod.ip not in behind]
    return not_chosen(service, missing[0]) if missing else NOTHING


def _not_answered(service: Service, port: int, answer: Answer) -> Text:
    entry = next((p for p in service.ports if int(p["port"]) == port), {})
    target = entry.get("targetPort", port)
    if answer.verdict == "refused":
        return Text(
            en=f"{service} leads to port {target} of its Pods, where nobody listens (refused)",
            fr=f"{service} mène au port {target} de ses Pods, où personne n'écoute (refused)",
        )
    return Text(
        en=f"{service} leads to port {target} of its Pods, and nothing answers ({answer.verdict})",
        fr=f"{service} mène au port {target} de ses Pods, et rien ne répond ({answer.verdict})",
    )
