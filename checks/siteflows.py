"""Who may reach whom around a WordPress in a closed namespace, and that Hubble tells of it."""

from __future__ import annotations

from collections.abc import Callable

from checks.hubble import (
    OBSERVE,
    assert_dropped,
    assert_forwarded,
    assert_relay,
    denied,
    let_through,
    lines,
    told_of,
    untold,
)
from checks.segments import Segment, assert_resolves
from checks.site import HTTP, SQL, controller, database_pod, service_of, web_pod
from checks.traffic import Server, Wish, assert_flows, server
from labgrade.errors import Unmet
from labgrade.facts import Cluster
from labgrade.patience import monotonic
from labgrade.probe import PORT, Prober
from labgrade.probe.flows import Hubble, Sighting
from labgrade.text import Text


def assert_site_flows(cluster: Cluster, probe: Prober, *, node_port: int) -> None:
    """WordPress reaches its database and finds it by name, the Ingress controller reaches WordPress; nothing else does.

    Neither is reached by strangers in the namespace and outside of it, nor by Pods elsewhere that look like WordPress;
    WordPress by none that look like the controller, either. Of the ways out of the namespace, one is tried: to a Pod
    of ours, on a port that nobody asked for, and as WordPress and as the database also on the database's own.
    """
    __tracebackhide__ = True
    site, base, door = web_pod(cluster), database_pod(cluster), controller(cluster, node_port)
    # Named before any of them is waited for: all start at once.
    as_site, as_base, as_door = probe.as_pod(site), probe.as_pod(base), probe.as_pod(door)
    bare = probe.within(cluster.namespace)
    lookalike, false_door = probe.bearing(site.labels), probe.bearing(door.labels)
    sql, web = server(probe, base, SQL), server(probe, site, HTTP)
    probe.in_force()
    abroad, other_sql = (Server(f"labgrade:{port}", lookalike.ip, port, lookalike) for port in (PORT, SQL))
    me, them, gate = f"{site}", f"{base}", f"{door} ({door.namespace})"
    stranger = f"unlabelled@{cluster.namespace}"
    closed = [
        (me, as_site, abroad),
        (me, as_site, other_sql),  # a policy that names the port and nobody behind it
        (them, as_base, web),
        (them, as_base, abroad),
        (them, as_base, other_sql),
        (stranger, bare, sql),
        (stranger, bare, web),
        (stranger, bare, abroad),
        ("unlabelled@elsewhere", probe, sql),
        ("unlabelled@elsewhere", probe, web),
        ("like WordPress@elsewhere", lookalike, sql),
        ("like WordPress@elsewhere", lookalike, web),
        ("like the controller@elsewhere", false_door, web),  # labels without their namespace
        (gate, as_door, sql),
    ]
    assert_flows(
        cluster,
        probe,
        [
            Wish(me, as_site, sql, reaches=True),
            Wish(gate, as_door, web, reaches=True),
            *(Wish(who, source, target, reaches=False) for who, source, target in closed),
        ],
    )
    name = service_of(cluster, base).name
    assert_resolves(cluster, probe, Segment(site.labels, base.labels, SQL, other_port=SQL, service=name))


def assert_site_watched(cluster: Cluster, probe: Prober, hubble: Hubble) -> None:
    """Hubble Relay runs, and tells of the two that want to reach the database: WordPress, and a stranger.

    Where the policies are not as they should be, it is asked of Pods of ours what they do not show.
    """
    __tracebackhide__ = True
    assert_relay(cluster)
    site, base = web_pod(cluster), database_pod(cluster)
    as_site, began = probe.as_pod(site), monotonic()
    friend, stranger = as_site.tcp(base.ip, SQL), probe.tcp(base.ip, SQL)
    if friend.connected:
        told = told_of(cluster, hubble, as_site, base.ip, SQL, since=began)
        _require(
            told,
            let_through,
            Text(
                en="WordPress on its way to its database, FORWARDED",
                fr="WordPress en route vers sa base de données, FORWARDED",
            ),
        )
    else:
        assert_forwarded(cluster, probe, hubble)
    if stranger.verdict == "dropped":
        told = told_of(cluster, hubble, probe, base.ip, SQL, since=began)
        _require(
            told,
            denied,
            Text(
                en="a stranger on its way to the database, DROPPED (Policy denied)",
                fr="un inconnu en route vers la base de données, DROPPED (Policy denied)",
            ),
        )
    else:
        assert_dropped(cluster, probe, hubble)


def _require(told: Sighting, shown: Callable[[Sighting], bool], wanted: Text) -> None:
    __tracebackhide__ = True
    if not shown(told):
        raise Unmet(untold(told, SQL), wanted=wanted, try_=OBSERVE, evidence=lines(told))
