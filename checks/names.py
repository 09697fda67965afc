"""Names in the cluster's DNS: those that headless Services give to Pods, and aliases."""

from __future__ import annotations

import ipaddress
from collections.abc import Mapping

from checks.endpoints import assert_exactly_behind
from checks.services import not_chosen, require_service
from checks.wording import NOTHING, listed, pairs, require, states
from labgrade.errors import Unmet
from labgrade.facts import Cluster, Pod, Service, StatefulSet, matches
from labgrade.probe import Answer, Prober, dns
from labgrade.text import Text, following

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
    named = {f"{pod.name}.{zone}": [pod] for pod in pods} | {zone: pods}
    answers = probe.ask([dns(name) for name in named])
    for (name, those), answer in zip(named.items(), answers, strict=True):
        _assert_stands_for(name, those, answer, service)


def assert_stands_for_pods(cluster: Cluster, service: Service, probe: Prober, *, labels: Mapping[str, str]) -> None:
    """The Service is headless, and in DNS its name stands for exactly the ready Pods with these labels."""
    __tracebackhide__ = True
    require_service(cluster, service)
    if saw := _not_headless(service):
        raise Unmet(
            saw,
            wanted=Text(
                en="clusterIP: None, and so a name that leads straight to the Pods",
                fr="clusterIP: None, et donc un nom qui mène tout droit aux Pods",
            ),
            try_=f"kubectl get service {service.name} -n {service.namespace}",
        )
    assert_exactly_behind(cluster, service, labels=labels)
    name = f"{service.name}.{service.namespace}.{DOMAIN}"
    answer = probe.dns(name)
    # Read after the question, which may have waited for Pods to get ready.
    _assert_stands_for(name, [pod for pod in cluster.pods(labels) if pod.ready], answer, service)


def assert_alias(cluster: Cluster, service: Service, probe: Prober, *, host: str) -> None:
    """The Service is another name for a host, and nothing else: DNS answers with the host's name (CNAME).

    The host itself is never asked for: it may be out of reach.
    """
    __tracebackhide__ = True
    require_service(cluster, service)
    if saw := _no_alias(service, host):
        raise Unmet(
            saw,
            wanted=Text(
                en=f"type ExternalName, for the host {host}, without a selector",
                fr=f"le type ExternalName, pour l'hôte {host}, sans sélecteur",
            ),
            try_=f"kubectl get service {service.name} -n {service.namespace} -o yaml",
        )
    answer = probe.dns(f"{service.name}.{service.namespace}.{DOMAIN}", "CNAME")
    if [found.lower() for found in answer.addresses] != [host]:
        found = listed(answer.addresses)
        raise Unmet(
            Text(en=f"in DNS {service} stands for: {found.en}", fr=f"dans le DNS, {service} désigne : {found.fr}"),
            wanted=f"CNAME {host}",
            try_=f"kubectl describe service {service.name} -n {service.namespace}",
            evidence=(f"{answer}",),
        )


def _assert_stands_for(name: str, pods: list[Pod], answer: Answer, service: Service) -> None:
    """The answer has exactly the addresses of these Pods."""
    __tracebackhide__ = True
    wanted = sorted(pod.ip for pod in pods)
    if wanted and list(answer.addresses) == wanted:
        return
    found, more = listed(answer.addresses), _why_nameless(service, pods)
    raise Unmet(
        Text(en=f"{name} stands for: {found.en}{more.en}", fr=f"{name} désigne : {found.fr}{more.fr}"),
        wanted=listed(wanted),
        try_=f"kubectl get endpointslices -n {service.namespace}",
        evidence=(f"{answer}", *states(pods)),
    )


def _no_alias(service: Service, host: str) -> Text:
    """Why a Service is not an alias of this host alone; empty when it is."""
    if service.type != "ExternalName":
        return Text(en=f"{service} is of type {service.type}", fr=f"{service} est de type {service.type}")
    given = service.external_name
    if _is_address(given):
        return Text(
            en=f"{service} gives an address, {given}, where DNS can only hand out a name: nobody finds it",
            fr=f"{service} donne une adresse, {given}, là où le DNS ne peut donner qu'un nom : personne ne la trouve",
        )
    if given != host:
        return Text(en=f"{service} is another name for {given}", fr=f"{service} est un autre nom de {given}")
    if service.selector:
        asked = pairs(service.selector)
        return Text(
            en=f"{service} has a selector, {asked}, though it leads to no Pods",
            fr=f"{service} a un sélecteur, {asked}, alors qu'il ne mène à aucun Pod",
        )
    return NOTHING


def _is_address(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True


def _not_headless(service: Service) -> Text:
    """What a Service has in place of no address; empty when it is headless."""
    if service.headless:
        return NOTHING
    address = service.cluster_ip or service.type
    return Text(
        en=f"{service} is not headless: it has an address of its own, {address}",
        fr=f"{service} n'est pas headless : il a une adresse à lui, {address}",
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
    return _not_headless(service)


def _why_nameless(service: Service, pods: list[Pod]) -> Text:
    """The likely cause of a name that leads nowhere, to follow a sentence."""
    pod = next((pod for pod in pods if not matches(service.selector, pod.labels)), None)
    if pod is None:
        # Many clusters let their DNS server repeat for a while what it said before a Pod was replaced.
        return Text(en="; DNS may be half a minute behind", fr=" ; le DNS peut avoir 30 s de retard")
    return following(not_chosen(service, pod))
