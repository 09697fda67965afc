"""Whom a Service leads to: exactly the Pods it is there for, now and when they change."""

from __future__ import annotations

from collections.abc import Mapping

from checks.healing import assert_replaced
from checks.services import not_chosen, require_service, without_ready
from checks.wording import NOTHING, listed, pairs, states
from labgrade.cluster.disturb import Disturb
from labgrade.errors import Unmet
from labgrade.facts import Cluster, Pod, Service, matches
from labgrade.text import Text


def assert_exactly_behind(cluster: Cluster, service: Service, *, labels: Mapping[str, str]) -> None:
    """The Service leads to the ready Pods with these labels: all of them, and nobody else."""
    __tracebackhide__ = True
    require_service(cluster, service)
    pods = cluster.pods(labels)
    if saw := _not_exactly(cluster, service, pods):
        raise Unmet(
            saw,
            wanted=Text(
                en=f"exactly the ready Pods that carry {pairs(labels)}",
                fr=f"exactement les Pods prêts qui portent {pairs(labels)}",
            ),
            try_=f"kubectl get endpointslices,pods -n {service.namespace} -o wide --show-labels",
            evidence=(f"endpoints: {listed(e.ip for e in service.endpoints if e.ready).en}", *states(cluster.pods())),
        )


def assert_cluster_ip(cluster: Cluster, service: Service, *, labels: Mapping[str, str]) -> None:
    """The Service has an address inside the cluster only, and leads to exactly the ready Pods with these labels."""
    __tracebackhide__ = True
    require_service(cluster, service)
    if service.type != "ClusterIP" or service.headless:
        kind = "headless" if service.headless else service.type
        raise Unmet(
            Text(en=f"{service} is of another type: {kind}", fr=f"{service} est d'un autre type : {kind}"),
            wanted=Text(
                en="type ClusterIP, with an address inside the cluster",
                fr="le type ClusterIP, avec une adresse à l'intérieur du cluster",
            ),
            try_=f"kubectl get service {service.name} -n {service.namespace}",
        )
    assert_exactly_behind(cluster, service, labels=labels)


def assert_follows(cluster: Cluster, service: Service, disturb: Disturb, *, labels: Mapping[str, str]) -> None:
    """A Pod is deleted: it leaves the Service, and the one that replaces it joins."""
    __tracebackhide__ = True
    assert_replaced(cluster, cluster.pods(labels), disturb)
    disturb.eventually(lambda: assert_exactly_behind(cluster, service, labels=labels))


def _not_exactly(cluster: Cluster, service: Service, pods: list[Pod]) -> Text:
    """How what the Service leads to differs from these Pods; empty when it does not."""
    behind = {endpoint.ip: endpoint.pod for endpoint in service.endpoints if endpoint.ready}
    if saw := without_ready(service, pods):
        return saw
    # One that the selector leaves out today only because it is not ready counts as well.
    if missing := [pod for pod in pods if not matches(service.selector, pod.labels)]:
        return not_chosen(service, missing[0])
    if strangers := [pod for pod in cluster.pods() if pod not in pods and matches(service.selector, pod.labels)]:
        return _chosen_too(service, strangers[0])
    ready = [pod for pod in pods if pod.ready]
    if missing := [pod for pod in ready if pod.ip not in behind]:
        return not_chosen(service, missing[0])
    if early := [pod for pod in pods if pod.ip in behind and not pod.ready]:
        return _not_ready(service, early[0])
    if left := sorted(set(behind) - {pod.ip for pod in ready}):
        name = behind[left[0]]
        who = f"pod/{name}" if name else left[0]
        return Text(en=f"{service} still leads to {who}", fr=f"{service} mène encore à {who}")
    return NOTHING


def _chosen_too(service: Service, stranger: Pod) -> Text:
    asked = pairs(service.selector)
    others = pairs({k: v for k, v in stranger.labels.items() if k not in service.selector})
    return Text(
        en=f"{service} selects {asked}, and so {stranger} too, whose other labels are {others or 'none'}",
        fr=f"{service} choisit {asked}, et donc aussi {stranger}, dont les autres labels sont {others or 'aucun'}",
    )


def _not_ready(service: Service, pod: Pod) -> Text:
    published = service.spec.get("publishNotReadyAddresses") is True
    why = Text(en=": publishNotReadyAddresses is true", fr=" : publishNotReadyAddresses vaut true")
    more = why if published else NOTHING
    return Text(
        en=f"{service} leads to {pod}, which is not ready{more.en}",
        fr=f"{service} mène à {pod}, qui n'est pas prêt{more.fr}",
    )
