"""One way through a closed namespace: who may take it, to which port, and that it leads nowhere else.

All these flows are asked for together, whichever check comes first, and each check judges its own.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from checks.traffic import Server, Wish, assert_flows, flows_of, server
from checks.wording import listed, pairs, states, troubles
from labgrade.errors import HarnessError, Unmet
from labgrade.facts import Cluster, Pod, policies_on
from labgrade.probe import PORT, Flows, Prober, dns
from labgrade.text import Text
from labgrade.why.policies import explained

Part = Literal["ingress", "egress", "way", "port", "labels"]
"""What a check is about."""


@dataclass(frozen=True, slots=True)
class Segment:
    """The one way that is to be open: from Pods with some labels to a port of others, in the lab's namespace."""

    source: Mapping[str, str]
    target: Mapping[str, str]
    port: int
    """Of the target's Pods."""
    other_port: int
    """On which they listen too, and which stays closed."""
    service: str
    """Name of the Service that the source finds them by."""


def assert_ingress_closed(cluster: Cluster, probe: Prober, segment: Segment) -> None:
    """A Pod of another namespace does not reach the open port, although it reaches others."""
    __tracebackhide__ = True
    _assert_part(cluster, probe, segment, "ingress")


def assert_egress_closed(cluster: Cluster, probe: Prober, segment: Segment) -> None:
    """A Pod without labels of the lab's namespace reaches neither its neighbours nor other namespaces."""
    __tracebackhide__ = True
    _assert_part(cluster, probe, segment, "egress")


def assert_way_open(cluster: Cluster, probe: Prober, segment: Segment) -> None:
    """The source reaches the target on the open port."""
    __tracebackhide__ = True
    _assert_part(cluster, probe, segment, "way")


def assert_port_closed(cluster: Cluster, probe: Prober, segment: Segment) -> None:
    """The source does not reach the other port, where the target listens all the same."""
    __tracebackhide__ = True
    _assert_part(cluster, probe, segment, "port")


def assert_others_closed(cluster: Cluster, probe: Prober, segment: Segment) -> None:
    """Neither neighbours without the source's labels reach the target, nor Pods with them in another namespace."""
    __tracebackhide__ = True
    _assert_part(cluster, probe, segment, "labels")


def assert_resolves(cluster: Cluster, probe: Prober, segment: Segment) -> None:
    """The source finds the Service's address in the cluster's DNS, or those of the Pods behind a headless one."""
    __tracebackhide__ = True
    pod, service = _one(cluster, segment.source), cluster.service(segment.service)
    answer, control = probe.cells(_names(cluster, probe, segment, pod)).values()
    probe.asked += [f"{answer}", f"{control}"]
    addresses, wanted = set(service.addresses), listed(service.addresses)
    # What has no address is not for the DNS to tell: that is how the Service was written.
    if addresses and addresses.isdisjoint(control.addresses):
        raise HarnessError(f"the cluster's DNS does not tell the address of {service} to a Pod of ours: {control.seen}")
    if not addresses.isdisjoint(answer.addresses):
        return
    raise Unmet(
        Text(
            en=f"{pod} does not find {service} by its name: {answer.seen}",
            fr=f"{pod} ne trouve pas {service} par son nom : {answer.seen}",
        ),
        wanted=Text(
            en=f"an answer of the cluster's DNS, which is in another namespace: {wanted.en}",
            fr=f"une réponse du DNS du cluster, qui est dans un autre namespace : {wanted.fr}",
        ),
        try_=f"kubectl exec {pod.name} -n {pod.namespace} -- nslookup {service.name}",
        evidence=(f"{answer}", f"{control}", *(explained(policy).en for policy in policies_on(cluster, pod))),
    )


def _assert_part(cluster: Cluster, probe: Prober, segment: Segment, part: Part) -> None:
    __tracebackhide__ = True
    wishes = _wishes(cluster, probe, segment)
    names = _names(cluster, probe, segment, _one(cluster, segment.source))
    _require_network(probe, wishes, names)
    beside = [wish for other, each in wishes.items() if other != part for wish in each]
    assert_flows(cluster, probe, wishes[part], beside=beside)


def _wishes(cluster: Cluster, probe: Prober, segment: Segment) -> Mapping[Part, Sequence[Wish]]:
    """All flows that matter, by the check that judges them; Unmet where a Pod that they need is not there."""
    source, target = _one(cluster, segment.source), _one(cluster, segment.target)
    # Named before any of them is waited for: all start at once.
    inside, neighbour = probe.as_pod(source), probe.within(cluster.namespace)
    lookalike = probe.bearing(segment.source)
    open_, other = server(probe, target, segment.port), server(probe, target, segment.other_port)
    probe.in_force()  # meanwhile: only what is asked later can tell of the newest policies
    abroad = Server(f"labgrade:{PORT}", lookalike.ip, PORT, lookalike)
    me, bare = f"{source}", f"unlabelled@{cluster.namespace}"
    return {
        "ingress": [Wish("unlabelled@elsewhere", probe, open_, reaches=False)],
        "egress": [Wish(bare, neighbour, open_, reaches=False), Wish(bare, neighbour, abroad, reaches=False)],
        "way": [Wish(me, inside, open_, reaches=True)],
        "port": [Wish(me, inside, other, reaches=False)],
        "labels": [
            Wish(bare, neighbour, open_, reaches=False),
            Wish(f"{pairs(segment.source)}@elsewhere", lookalike, open_, reaches=False),
        ],
    }


def _names(cluster: Cluster, probe: Prober, segment: Segment, source: Pod) -> Flows:
    """The Service's name asked for by the source, and by a Pod of ours."""
    name = f"{segment.service}.{cluster.namespace}.svc.cluster.local."
    return {("source", name): (probe.as_pod(source), dns(name)), ("control", name): (probe, dns(name))}


def _require_network(probe: Prober, wishes: Mapping[Part, Sequence[Wish]], names: Flows) -> None:
    """Pods of ours reach each other, or else silence says nothing of policies: HarnessError.

    It is asked along with all the rest, and then once more where a Pod that had just started did not listen yet.
    """
    abroad = next(wish.server for wish in wishes["egress"] if wish.server.pod is None)
    control = {("control", abroad.name): (probe, abroad.question)}
    every = [wish for each in wishes.values() for wish in each]
    seen = probe.cells(control, beside={**flows_of(every), **names})["control", abroad.name]
    if not seen.connected and not (again := probe.ask([abroad.question])[0]).connected:
        raise HarnessError(f"a Pod of ours does not reach another one of ours: {again}")


def _one(cluster: Cluster, labels: Mapping[str, str]) -> Pod:
    """A ready Pod with these labels."""
    __tracebackhide__ = True
    pods = cluster.pods(labels)
    if found := next((pod for pod in pods if pod.ready), None):
        return found
    more = troubles(pods)
    raise Unmet(
        Text(
            en=f"no Pod labelled {pairs(labels)} is ready, and so nothing can be tried with it{more.en}",
            fr=f"aucun Pod {pairs(labels)} n'est prêt, et rien ne peut donc être essayé avec lui{more.fr}",
        ),
        wanted=Text(en=f"a ready Pod labelled {pairs(labels)}", fr=f"un Pod {pairs(labels)} prêt"),
        try_=f"kubectl get pods -n {cluster.namespace} --show-labels",
        evidence=states(cluster.pods()),
    )
