"""Hubble: whether it runs, and whether it tells of traffic that was let through and of traffic that was not."""

from __future__ import annotations

from checks.installed import assert_available, assert_program, assert_setting
from checks.wording import NOTHING, because, listed, require
from labgrade.errors import Unmet
from labgrade.facts import Cluster, Service
from labgrade.facts.cilium import SYSTEM
from labgrade.patience import monotonic
from labgrade.probe import OTHER_PORT, PORT, Prober
from labgrade.probe.enforcement import CANARY
from labgrade.probe.flows import Flow, Hubble, NoHubble, Sighting
from labgrade.text import Text

DENIED = ("POLICY_DENIED", "POLICY_DENY")
"""Drop reasons that mean a policy: no rule lets it in, or a rule keeps it out."""

SLACK_SECONDS = 2.0
"""Looked back further than the question took, since nodes write down times of their own."""

OBSERVE = f"kubectl exec -n {SYSTEM} ds/cilium -c cilium-agent -- hubble observe --last 20"


def assert_relay(cluster: Cluster) -> None:
    """Hubble Relay is available."""
    __tracebackhide__ = True
    assert_program(cluster.cilium.relay, "hubble-relay")
    assert_available(cluster.cilium.relay)


def assert_ui(cluster: Cluster) -> None:
    """Hubble's user interface is available."""
    __tracebackhide__ = True
    assert_program(cluster.cilium.ui, "hubble-ui")
    assert_available(cluster.cilium.ui)


def assert_enabled(cluster: Cluster) -> None:
    """The agents are told to run Hubble."""
    __tracebackhide__ = True
    assert_setting(cluster.cilium, "enable-hubble", "true")


def assert_reachable(cluster: Cluster) -> None:
    """Services hubble-relay and hubble-peer lead to ready Pods: the relay's own, and the agents."""
    __tracebackhide__ = True
    cilium = cluster.cilium
    for service, pods in ((cilium.relay_service, cilium.relay.pods), (cilium.peer_service, cilium.agents.pods)):
        require(service)
        if saw := _astray(service, {pod.name for pod in pods}):
            raise Unmet(
                saw,
                wanted=Text(
                    en="Services hubble-relay and hubble-peer with endpoints of their own",
                    fr="les Services hubble-relay et hubble-peer avec leurs propres endpoints",
                ),
                try_=f"kubectl describe service {service.name} -n {SYSTEM}",
                evidence=tuple(
                    f"{service}: {each.ip} pod/{each.pod}, ready {each.ready}" for each in service.endpoints
                ),
            )


def assert_forwarded(cluster: Cluster, probe: Prober, hubble: Hubble) -> None:
    """A connection that a Pod of ours has just opened to another one is told of as FORWARDED."""
    __tracebackhide__ = True
    target, began = probe.bearing(CANARY), monotonic()
    answer = probe.tcp(target.ip, PORT)
    if not answer.connected:
        raise Unmet(
            Text(
                en=f"a Pod of ours does not reach another one: {answer.seen}",
                fr=f"un Pod à nous n'en joint pas un autre : {answer.seen}",
            ),
            wanted=Text(en="Pods that reach each other", fr="des Pods qui se joignent"),
            try_=f"kubectl get pods -n {SYSTEM} -o wide",
        )
    told = told_of(cluster, hubble, probe, target.ip, PORT, since=began)
    if not let_through(told):
        raise Unmet(
            untold(told, PORT),
            wanted=Text(en="our connection, FORWARDED", fr="notre connexion, FORWARDED"),
            try_=OBSERVE,
            evidence=lines(told),
        )


def assert_dropped(cluster: Cluster, probe: Prober, hubble: Hubble) -> None:
    """A connection that a NetworkPolicy of ours forbids is told of as DROPPED, for reason of that policy."""
    __tracebackhide__ = True
    probe.require_enforcement()
    target, began = probe.bearing(CANARY), monotonic()
    probe.tcp(target.ip, OTHER_PORT)
    told = told_of(cluster, hubble, probe, target.ip, OTHER_PORT, since=began)
    if not denied(told):
        raise Unmet(
            untold(told, OTHER_PORT),
            wanted=Text(en="our connection, DROPPED (Policy denied)", fr="notre connexion, DROPPED (Policy denied)"),
            try_=f"{OBSERVE} --verdict DROPPED",
            evidence=lines(told),
        )


def assert_ui_answers(cluster: Cluster, probe: Prober) -> None:
    """The user interface's Service answers a browser with the page of Hubble."""
    __tracebackhide__ = True
    service = cluster.cilium.ui_service
    require(service)
    if saw := _astray(service, {pod.name for pod in cluster.cilium.ui.pods}):
        raise Unmet(
            saw,
            wanted=Text(en="a Service that leads to hubble-ui", fr="un Service qui mène à hubble-ui"),
            try_=f"kubectl describe service {service.name} -n {SYSTEM}",
        )
    port = int(service.ports[0]["port"])
    answer = probe.http(service.cluster_ip, port)
    if answer.status != 200 or "hubble" not in answer.body.lower():
        raise Unmet(
            Text(
                en=f"{service} answers {answer.seen}: {answer.body.strip()[:80]!r}",
                fr=f"{service} répond {answer.seen} : {answer.body.strip()[:80]!r}",
            ),
            wanted=Text(en="HTTP 200 and the page of Hubble UI", fr="HTTP 200 et la page de Hubble UI"),
            try_=f"kubectl port-forward -n {SYSTEM} service/{service.name} 12000:{port}",
            evidence=(f"{answer}",),
        )


def told_of(cluster: Cluster, hubble: Hubble, source: Prober, target: str, port: int, *, since: float) -> Sighting:
    """What Hubble tells of what was tried from there to an address since then, by `monotonic`; Unmet if nothing can."""
    __tracebackhide__ = True
    try:
        return hubble.sighting(
            _relay(cluster),
            source_ip=source.ip,
            target_ip=target,
            port=port,
            seconds=monotonic() - since + SLACK_SECONDS,
        )
    except NoHubble as error:
        raise Unmet(
            Text(en=f"Hubble does not answer: {error}", fr=f"Hubble ne répond pas : {error}"),
            wanted=Text(en="a Hubble that tells of flows", fr="un Hubble qui raconte les flux"),
            try_=f"kubectl exec -n {SYSTEM} ds/cilium -c cilium-agent -- hubble status",
        ) from error


def _relay(cluster: Cluster) -> str:
    """Where the relay answers; empty where it cannot."""
    service = cluster.cilium.relay_service
    ready = any(endpoint.ready for endpoint in service.endpoints)
    return f"{service.cluster_ip}:{service.ports[0]['port']}" if ready and service.ports else ""


def _astray(service: Service, pods: set[str]) -> Text:
    """Where a Service leads in place of a ready one of these Pods; empty when it leads there."""
    ready = [endpoint.pod for endpoint in service.endpoints if endpoint.ready]
    if ready and set(ready) <= pods:
        return NOTHING
    if not ready:
        more = because(service)
        return Text(en=f"{service} has no ready endpoint{more.en}", fr=f"{service} n'a aucun endpoint prêt{more.fr}")
    wrong = listed(f"pod/{name}" for name in sorted(set(ready) - pods))
    return Text(en=f"{service} leads to {wrong.en}", fr=f"{service} mène à {wrong.fr}")


def let_through(told: Sighting) -> bool:
    """Whether it tells of a connection that went through."""
    return any(flow.verdict == "FORWARDED" for flow in told.flows)


def denied(told: Sighting) -> bool:
    """Whether it tells of a connection that a policy denied."""
    return any(flow.verdict == "DROPPED" and flow.drop_reason in DENIED for flow in told.flows)


def untold(told: Sighting, port: int) -> Text:
    """What was told in place of what had happened."""
    if not told.flows:
        return Text(
            en=f"Hubble says nothing of a connection that we tried (port {port})",
            fr=f"Hubble ne dit rien d'une connexion que nous avons tentée (port {port})",
        )
    seen = listed(sorted({_seen(flow) for flow in told.flows}))
    return Text(
        en=f"Hubble says of a connection that we tried (port {port}): {seen.en}",
        fr=f"Hubble dit d'une connexion que nous avons tentée (port {port}) : {seen.fr}",
    )


def _seen(flow: Flow) -> str:
    return f"{flow.verdict} ({flow.drop_reason})" if flow.drop_reason else flow.verdict


def lines(told: Sighting) -> tuple[str, ...]:
    """What was told, as evidence."""
    return (f"asked: {told.by}", *map(str, told.flows))
