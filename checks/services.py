"""Services that lead to Pods: whom they choose, and where they knock."""

from __future__ import annotations

from checks.wording import NOTHING, because, listed, pairs, require, states, troubles
from labgrade.errors import Unmet
from labgrade.facts import Cluster, Pod, Service, matches
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
            not_answered(service, port, answer),
            wanted=Text(en="an HTTP answer", fr="une réponse HTTP"),
            try_=f"kubectl describe service {service.name} -n {service.namespace}",
            evidence=(f"{answer}",),
        )


def require_service(cluster: Cluster, service: Service) -> None:
    """The Service exists; where it was made in the namespace `default` instead, the failure says so."""
    __tracebackhide__ = True
    astray = Service(cluster.reading, "default", service.name)
    if not service.exists and astray.exists:
        raise Unmet(
            Text(
                en=f"{service} is in namespace default, and not in namespace {service.namespace}",
                fr=f"{service} est dans le namespace default, et pas dans le namespace {service.namespace}",
            ),
            wanted=Text(
                en="a Service in the namespace of the Pods that it leads to",
                fr="un Service dans le namespace des Pods auxquels il mène",
            ),
            try_=f"kubectl get services -A --field-selector metadata.name={service.name}",
        )
    require(service, instead=cluster.services())


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


def not_answered(service: Service, port: int, answer: Answer) -> Text:
    """Why a Service with Pods behind it does not answer on its port."""
    if answer.verdict == "unresolved":
        return Text(
            en=f"the cluster's DNS does not know the full name of {service}",
            fr=f"le DNS du cluster ne connaît pas le nom complet de {service}",
        )
    if more := because(service):
        return Text(
            en=f"{service} does not answer ({answer.verdict}){more.en}",
            fr=f"{service} ne répond pas ({answer.verdict}){more.fr}",
        )
    target = service.entry(port).get("targetPort", port)
    if answer.verdict == "refused":
        return Text(
            en=f"{service} leads to port {target} of its Pods, where nobody listens (refused)",
            fr=f"{service} mène au port {target} de ses Pods, où personne n'écoute (refused)",
        )
    return Text(
        en=f"{service} leads to port {target} of its Pods, and nothing answers ({answer.verdict})",
        fr=f"{service} mène au port {target} de ses Pods, et rien ne répond ({answer.verdict})",
    )


def without_port(service: Service, port: int) -> Text:
    """Which ports a Service has in place of this one; empty when it has it."""
    if service.entry(port):
        return NOTHING
    given = listed(entry["port"] for entry in service.ports)
    return Text(en=f"{service} has port {given.en}", fr=f"{service} a le port {given.fr}")


def without_ready(service: Service, pods: list[Pod]) -> Text:
    """Why none of the Pods that a Service is there for is ready; empty when one is."""
    if any(pod.ready for pod in pods):
        return NOTHING
    more = troubles(pods)
    return Text(
        en=f"{service} has no ready Pod to lead to{more.en}",
        fr=f"{service} n'a aucun Pod prêt où mener{more.fr}",
    )


def _not_behind(service: Service, pods: list[Pod], port: int) -> Text:
    """What is wrong with the Service as an object; empty when nothing is."""
    if saw := without_port(service, port) or without_ready(service, pods):
        return saw
    behind = {endpoint.ip for endpoint in service.endpoints if endpoint.ready}
    missing = [pod for pod in pods if pod.ready and pod.ip not in behind]
    return not_chosen(service, missing[0]) if missing else NOTHING
