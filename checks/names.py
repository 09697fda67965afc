"""Headless Services and the names that they give to Pods."""

from __future__ import annotations

from checks.services import not_chosen
from checks.wording import NOTHING, listed, require, states
from labgrade.errors import Unmet
from labgrade.facts import Cluster, Pod, Service, StatefulSet, matches
from labgrade.probe import Prober, dns
from labgrade.text import Text

DOMAIN = "svc.cluster.local."


def assert_governed(cluster: Cluster, statefulset: StatefulSet) -> None:
    """The Service that the StatefulSet names is there, and headless."""
    __tracebackhide__ = True
    require(statefulset, instead=cluster.deployments())
    if saw := _not_governed(cluster, statefulset):
        raise Unmet(
            saw,
            wanted=Text(
                en="serviceName names a Service whose clusterIP is None",
                fr="serviceName nomme un Service dont le clusterIP est None",
            ),
            try_=f"kubectl get services -n {cluster.namespace}",
            evidence=tuple(f"{found}: {found.cluster_ip or found.type}" for found in cluster.services()),
        )


def assert_names_resolve(service: Service, pods: list[Pod], probe: Prober) -> None:
    """In DNS each Pod's own name stands for its address, and the Service's name for all of them."""
    __tracebackhide__ = True
    zone = f"{service.name}.{service.namespace}.{DOMAIN}"
    wanted = {f"{pod.name}.{zone}": [pod.ip] for pod in pods} | {zone: sorted(pod.ip for pod in pods)}
    answers = probe.ask([dns(name) for name in wanted])
    for (name, addresses), answer in zip(wanted.items(), answers, strict=True):
        if not addresses or list(answer.addresses) != addresses:
            found, more = listed(answer.addresses), _why_nameless(service, pods)
            raise Unmet(
                Text(en=f"{name} stands for: {found.en}{more.en}", fr=f"{name} désigne : {found.fr}{more.fr}"),
                wanted=listed(addresses),
                try_=f"kubectl get endpointslices -n {service.namespace}",
                evidence=(*(f"{answer}" for answer in answers), *states(pods)),
            )


def _not_governed(cluster: Cluster, statefulset: StatefulSet) -> Text:
    """What is wrong with the StatefulSet's Service; empty when nothing is."""
    name = statefulset.service_name
    service = cluster.service(name)
    if not name:
        return Text(en=f"{statefulset} names no Service", fr=f"{statefulset} ne nomme aucun Service")
    if not service.exists:
        there = listed(cluster.services())
        return Text(
            en=f"{statefulset} names {service}, which does not exist; there are: {there.en}",
            fr=f"{statefulset} nomme {service}, qui n'existe pas ; il y a : {there.fr}",
        )
    if not service.headless:
        address = service.cluster_ip or service.type
        return Text(
            en=f"{service} is not headless: it has an address of its own, {address}",
            fr=f"{service} n'est pas headless : il a une adresse à lui, {address}",
        )
    return NOTHING


def _why_nameless(service: Service, pods: list[Pod]) -> Text:
    """The likely cause of a name that leads nowhere, to follow a sentence."""
    pod = next((pod for pod in pods if not matches(service.selector, pod.labels)), None)
    if pod is None:
        # Many clusters let their DNS server repeat for a while what it said before a Pod was replaced.
        return Text(en="; DNS may be half a minute behind", fr=" ; le DNS peut avoir 30 s de retard")
    cause = not_chosen(service, pod)
    return Text(en=f"; {cause.en}", fr=f" ; {cause.fr}")
