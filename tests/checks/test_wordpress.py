"""Judges of a WordPress and its database: on recorded states, and on answers that are laid down."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import replace
from typing import Any

import pytest

from checks.site import SQL as SQL_PORT
from checks.site import controller, database, service_of, way_in, web, web_pod
from checks.siteflows import assert_site_flows, assert_site_watched
from checks.wordpress import Asked, assert_answers, assert_apps
from labgrade.errors import Unmet
from labgrade.model import Json
from labgrade.probe import Answer, Question
from labgrade.probe.flows import Flow
from labgrade.probe.pod import PORTS
from tests.checks.states import NAMESPACE, World, answer, made, pod, service, traffic
from tests.checks.test_hubble import RELAY, Told, deployment, flow, pods_of
from tests.checks.test_hubble import service as relay_service

ASKED = {
    "mariadb": Asked("mariadb:12.0.2", "/var/lib/mysql"),
    "wordpress": Asked("wordpress:6-php8.4", "/var/www/html"),
}
DOOR = {"namespace": "traefik"}


def app(name: str, image: str, at: str, *, ready: int = 1, replicas: int = 1, **volume: Any) -> list[Json]:
    """A Deployment, its ReplicaSet and its Pod, whose claim is mounted there."""
    container = {"name": "main", "image": image, "volumeMounts": [{"name": "data", "mountPath": at}]}
    volumes = [{"name": "data", **(volume or {"persistentVolumeClaim": {"claimName": name}})}]
    spec = {"containers": [container], "volumes": volumes}
    counts = {"readyReplicas": ready, "updatedReplicas": replicas}
    number = 3 if name == "db" else 2
    return [
        made("Deployment", name, spec={"replicas": replicas, "template": {"spec": spec}}, status=counts),
        made("ReplicaSet", f"{name}-1", owner=("Deployment", name)),
        pod(
            f"{name}-1-a",
            ip=f"10.0.0.{number}",
            ready=ready > 0,
            spec=spec,
            labels={"app": name},
            owner=("ReplicaSet", f"{name}-1"),
        ),
    ]


def endpoint(of: str, name: str, ip: str, **metadata: Any) -> Json:
    """What is behind a Service."""
    target = {"addresses": [ip], "conditions": {"ready": True}, "targetRef": {"name": name}}
    labels = {"kubernetes.io/service-name": of}
    return made("EndpointSlice", f"{of}-x", labels=labels, endpoints=[target], metadata=metadata)


DB = app("db", "mariadb:12.0.2", "/var/lib/mysql")
SITE = app("site", "wordpress:6-php8.4", "/var/www/html")
ENTRY = made(
    "Service", "door", spec={"clusterIP": "10.96.0.9", "ports": [{"port": 80, "nodePort": 30080}]}, metadata=DOOR
)
SERVICES = [
    service("db", selector={"app": "db"}, ip="10.96.0.3", port=3306),
    endpoint("db", "db-1-a", "10.0.0.3"),
    service("site", selector={"app": "site"}, ip="10.96.0.2"),
    endpoint("site", "site-1-a", "10.0.0.2"),
    ENTRY,
    endpoint("door", "door-1", "10.0.0.4", **DOOR),
    pod("door-1", ip="10.0.0.4", labels={"app": "door"}, metadata=DOOR),
]
NODE = made(
    "Node",
    "control-plane",
    labels={"node-role.kubernetes.io/control-plane": ""},
    status={
        "conditions": [{"type": "Ready", "status": "True"}],
        "addresses": [{"type": "InternalIP", "address": "172.17.0.2"}],
    },
)


def world(*others: Json, without: tuple[str, ...] = ()) -> World:
    """All of it, `others` in place of what has the same kind and name; `without` are names left out."""
    taken = {(each["kind"], each["metadata"]["name"]) for each in others}
    parts = (each for each in (*DB, *SITE, *SERVICES, NODE) if (each["kind"], each["metadata"]["name"]) not in taken)
    return World(*(each for each in (*parts, *others) if each["metadata"]["name"] not in without))


def test_both_are_found_by_what_they_run() -> None:
    """Whatever they are called, and wherever their images come from."""
    found = world(*app("db", "mirror.example:5000/library/mariadb:11", "/x"))
    assert database(found.cluster).name == "db"
    assert web(found.cluster).name == "site"


def test_who_is_not_there_is_missed_in_words() -> None:
    """With what there is; a Pod without a Deployment is named as such."""
    with pytest.raises(Unmet, match=r"no Deployment of namespace lab runs mariadb; there is: .*\(wordpress:6-php"):
        database(world(without=("db", "db-1", "db-1-a")).cluster)
    with pytest.raises(Unmet, match=r"runs mariadb; there is: pod/db-1-a$"):
        database(world(without=("db", "db-1")).cluster)


def test_two_applications_as_asked_are_met() -> None:
    """A mount above the data holds it, too."""
    assert_apps(world().cluster, ASKED)
    assert_apps(world(*app("site", "wordpress:6-php8.4", "/var/www")).cluster, ASKED)


@pytest.mark.parametrize(
    ("others", "words"),
    [
        (app("db", "mariadb:10.6", "/var/lib/mysql"), "deployment/db runs mariadb:10.6$"),
        (app("db", "mariadb:12.0.2", "/var/lib/mysq"), "nothing is mounted at /var/lib/mysql in container main"),
        (app("db", "mariadb:12.0.2", "/var/lib/mysql", emptyDir={}), r"is the volume data \(emptyDir\)$"),
        (app("db", "mariadb:12.0.2", "/var/lib/mysql", ready=0), "deployment/db: 0 of 1 Pods are ready"),
        (app("db", "mariadb:12.0.2", "/var/lib/mysql", replicas=2), "deployment/db: 1 of 2 Pods are ready"),
        (app("db", "mariadb:12.0.2", "/var/lib/mysql", replicas=0, ready=0), "deployment/db: 0 of 0 Pods are ready"),
    ],
)
def test_one_that_is_otherwise_costs_its_half(others: list[Json], words: str) -> None:
    """With what is wrong about it."""
    with pytest.raises(Unmet, match=words) as caught:
        assert_apps(world(*others).cluster, ASKED)
    assert caught.value.credit == 0.5


def test_a_pod_of_an_older_revision_is_no_measure() -> None:
    """It has no container of that name: one that has is judged, or else the template."""
    old = {"containers": [{"name": "sql", "image": "mariadb:12.0.2"}], "volumes": []}
    first = pod("db-0-a", ready=False, spec=old, owner=("ReplicaSet", "db-1"))
    for others in ([first], [first, pod("db-1-a", ip="10.0.0.3", spec=old, owner=("ReplicaSet", "db-1"))]):
        assert_apps(world(*others).cluster, ASKED)
    lost = [*app("db", "mariadb:12.0.2", "/var/lib/mysql", emptyDir={}), first]
    with pytest.raises(Unmet, match=r"deployment/db: .* is the volume data \(emptyDir\)$"):
        assert_apps(world(*lost).cluster, ASKED)


def test_without_either_nothing_is_earned() -> None:
    """And both are named."""
    names = ("db", "db-1", "db-1-a", "site", "site-1", "site-1-a")
    with pytest.raises(Unmet, match=r"runs mariadb; .*; .* runs wordpress") as caught:
        assert_apps(world(without=names).cluster, ASKED)
    assert caught.value.credit == 0


def test_the_door_is_whoever_has_the_port() -> None:
    """In any namespace; a Service with that port in front of nobody is told."""
    assert f"{controller(world().cluster, 30080)}" == "pod/door-1"
    with pytest.raises(Unmet, match=r"Services with that nodePort: service/door in namespace traefik$"):
        controller(world(without=("door-1",)).cluster, 30080)
    with pytest.raises(Unmet, match=r"Services with that nodePort: none$"):
        controller(world().cluster, 30081)


def test_a_door_without_pods_is_told_what_is_wanted() -> None:
    """Cilium's own Ingress has an endpoint that is no Pod's."""
    with pytest.raises(Unmet, match="no ready Pod is behind port 30080") as caught:
        controller(world(endpoint("door", "", "192.192.192.192", **DOOR)).cluster, 30080)
    assert "in Pods with addresses of their own" in str(caught.value.wanted)
    assert "behind Cilium's own Ingress there is no Pod" in str(caught.value.wanted)


@pytest.mark.parametrize(
    ("ports", "asked"),
    [
        ([{"port": 443}, {"port": 80}], 80),
        ([{"port": 9113, "targetPort": 9113}, {"port": 8000, "targetPort": 80}], 8000),
        ([{"port": 9113, "targetPort": "metrics"}, {"port": 8000, "targetPort": "http"}], 8000),
        ([{"port": 80, "targetPort": 8080}, {"port": 8000, "targetPort": 80}], 8000),
        ([{"port": 443, "targetPort": 443}, {"port": 80, "targetPort": "absent"}], 80),
        ([{"port": 80, "protocol": "UDP"}, {"port": 8000, "targetPort": 80, "protocol": "TCP"}], 8000),
        ([{"port": 8443}, {"port": 8444}], 8443),
    ],
)
def test_a_service_is_asked_on_the_port_that_leads_there(ports: list[Json], asked: int) -> None:
    """By number or by name; else on the one with that number, else on the first."""
    named = [{"name": "metrics", "containerPort": 9113}, {"name": "http", "containerPort": 80}]
    several = made("Service", "site", spec={"clusterIP": "10.96.0.2", "ports": ports})
    spec = {"containers": [{"name": "sidecar"}, {"name": "main", "ports": named}]}
    found = world(several, pod("site-1-a", ip="10.0.0.2", spec=spec)).cluster
    assert way_in(found.service("site"), found.pod("site-1-a"), 80) == ("10.96.0.2", asked)


def test_a_pod_without_a_service_is_told() -> None:
    """With the Services that there are."""
    found = world(without=("site-x",)).cluster
    with pytest.raises(Unmet, match=r"no Service leads to pod/site-1-a; there is: service/db, service/site$"):
        service_of(found, web_pod(found))


def test_a_headless_service_needs_no_port() -> None:
    """Its name leads to the Pods as they are."""
    headless = made("Service", "site", spec={"clusterIP": "None"})
    found = world(headless).cluster
    assert f"{service_of(found, web_pod(found))}" == "service/site"


INSIDE, OUTSIDE = "http://10.96.0.2:80/", "http://172.17.0.2:30080/"
STRAIGHT = "http://10.0.0.2:80/"
NAME = f"dns A db.{NAMESPACE}.svc.cluster.local."
FRESH = replace(answer(INSIDE, "http"), status=302, headers={"location": "http://wordpress.local/wp-admin/install.php"})


def status(number: int) -> Answer:
    """An answer that is not WordPress's."""
    return replace(FRESH, status=number, headers={}, body="<h1>Welcome to nginx!</h1>")


def asked(
    answers: Mapping[str, Answer], *others: Json, name: str = "connected", sql: Any = "connected", way: str = INSIDE
) -> None:
    """Judges the answers to a browser; `name` and `sql`: what becomes of WordPress's own way to its database.

    `way`: what the controller's Pod is asked to try, in a world with these `others`.
    """

    def told(source: str, question: Question) -> Answer:
        if question.words == NAME:
            return answer(NAME, name, *(["10.96.0.3"] if name == "connected" else []))  # type: ignore[arg-type]
        if question.words == "tcp 10.0.0.3:3306":
            return answer(question.words, sql)
        assert (source == "pod/door-1") == (question.words == way)
        assert question.data["headers"]["Host"] == "wordpress.local"
        return answers.get(question.words, FRESH)

    assert_answers(world(*others).cluster, traffic(told), host="wordpress.local", node_port=30080)


def test_a_site_that_answers_is_met() -> None:
    """New and sending everybody to its set-up, or set up and showing its page."""
    asked({})
    page = replace(FRESH, status=200, headers={}, body='<link href="/wp-content/themes/x.css">')
    asked({INSIDE: page, OUTSIDE: replace(FRESH, status=301, headers={"x-redirect-by": "WordPress"})})


def test_behind_a_headless_service_the_pod_itself_is_asked() -> None:
    """There is no other address, and nobody translates ports."""
    headless = service("site", selector={"app": "site"}, ip="None", port=8000)
    asked({}, headless, way=STRAIGHT)
    with pytest.raises(Unmet, match=r"service/site does not answer .*: http 404$"):
        asked({STRAIGHT: status(404)}, headless, way=STRAIGHT)


@pytest.mark.parametrize(
    ("answers", "words", "credit"),
    [
        ({OUTSIDE: status(404)}, r"wordpress.local on port 30080 of the nodes .*: http 404$", 0.5),
        ({OUTSIDE: status(200)}, r"on port 30080 .*: http 200$", 0.5),
        ({OUTSIDE: answer(OUTSIDE, "refused")}, r"on port 30080 .*: refused$", 0.5),
        ({INSIDE: answer(INSIDE, "dropped"), OUTSIDE: status(504)}, r"service/site does not answer .*: dropped$", 0),
        ({INSIDE: status(500), OUTSIDE: status(500)}, r"which does not let it in, or has no such database$", 0),
    ],
)
def test_what_does_not_answer_is_named(answers: Mapping[str, Answer], words: str, credit: float) -> None:
    """One way of two earns its half; another server's welcome is no WordPress."""
    with pytest.raises(Unmet, match=words) as caught:
        asked(answers)
    assert caught.value.credit == credit


def test_a_site_without_its_database_says_what_is_between_them() -> None:
    """DNS, or the way to it."""
    broken = {INSIDE: status(500), OUTSIDE: status(500)}
    with pytest.raises(Unmet, match=r"pod/site-1-a does not find its database by name \(unresolved\)$"):
        asked(broken, name="unresolved")
    with pytest.raises(Unmet, match=r"pod/site-1-a does not reach pod/db-1-a:3306 \(dropped\)$"):
        asked(broken, sql="dropped")


@pytest.fixture(autouse=True)
def brief(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is laid down does not change: one more look is enough."""
    monkeypatch.setattr("labgrade.probe.gathering.STAYS_SECONDS", 0.0)


SQL, HTTP, ABROAD = "tcp 10.0.0.3:3306", "tcp 10.0.0.2:80", "tcp ip-of-app=site:8080"
OTHER_SQL = "tcp ip-of-app=site:3306"
OPEN = {
    ("pod/site-1-a", SQL),
    ("pod/door-1", HTTP),
    ("pod/db-1-a", SQL),
    ("pod/site-1-a", HTTP),
    ("app=site", ABROAD),
    ("app=site", OTHER_SQL),
}
"""Who is answered where all is as it should be, the servers' own Pods included."""


def flowing(*more: tuple[str, str], less: tuple[str, str] | None = None, headless: bool = False) -> None:
    """Judges the flows: `more` are open, too, and `less` is not. `headless`: so is the Service of the database."""
    others = [service("db", selector={"app": "db"}, ip="None", port=3306)] if headless else []
    address = "10.0.0.3" if headless else "10.96.0.3"

    def told(source: str, question: Question) -> Answer:
        if question.words == NAME:
            known = (source, NAME) != less
            return answer(NAME, "connected" if known else "unresolved", *([address] if known else []))
        found = (source, question.words) in OPEN.union(more) and (source, question.words) != less
        return answer(question.words, "connected" if found else "dropped")

    assert_site_flows(world(*others).cluster, traffic(told), node_port=30080)


def test_exactly_the_flows_that_are_needed_are_met() -> None:
    """And nothing else."""
    flowing()


@pytest.mark.parametrize(
    ("more", "words"),
    [
        (("own", SQL), "unlabelled@elsewhere reaches pod/db-1-a:3306$"),
        (("own", HTTP), "unlabelled@elsewhere reaches pod/site-1-a:80$"),
        (("in lab", SQL), "unlabelled@lab reaches pod/db-1-a:3306$"),
        (("in lab", HTTP), "unlabelled@lab reaches pod/site-1-a:80$"),
        (("in lab", ABROAD), "unlabelled@lab reaches labgrade:8080$"),
        (("app=site", SQL), "like WordPress@elsewhere reaches pod/db-1-a:3306$"),
        (("pod/site-1-a", ABROAD), "pod/site-1-a reaches labgrade:8080$"),
        (("app=site", HTTP), "like WordPress@elsewhere reaches pod/site-1-a:80$"),
        (("app=door", HTTP), "like the controller@elsewhere reaches pod/site-1-a:80$"),
        (("pod/site-1-a", OTHER_SQL), "pod/site-1-a reaches labgrade:3306$"),
        (("pod/db-1-a", OTHER_SQL), "pod/db-1-a reaches labgrade:3306$"),
        (("pod/db-1-a", ABROAD), "pod/db-1-a reaches labgrade:8080$"),
        (("pod/db-1-a", HTTP), "pod/db-1-a reaches pod/site-1-a:80$"),
        (("pod/door-1", SQL), r"pod/door-1 \(traefik\) reaches pod/db-1-a:3306$"),
    ],
)
def test_everybody_else_who_gets_through_is_named(more: tuple[str, str], words: str) -> None:
    """Each of them alone."""
    with pytest.raises(Unmet, match=words):
        flowing(more)


def test_a_pod_of_ours_listens_where_the_database_does() -> None:
    """Else silence there would show nothing."""
    assert SQL_PORT in PORTS


def test_a_database_behind_a_headless_service_is_found_by_its_pods_address() -> None:
    """The flows are those of any other."""
    flowing(headless=True)


@pytest.mark.parametrize(
    ("less", "words"),
    [
        (("pod/site-1-a", SQL), "pod/site-1-a does not reach pod/db-1-a:3306: dropped$"),
        (("pod/door-1", HTTP), r"pod/door-1 \(traefik\) does not reach pod/site-1-a:80: dropped$"),
        (("pod/site-1-a", NAME), "pod/site-1-a does not find service/db by its name: unresolved$"),
    ],
)
def test_a_way_that_is_needed_and_closed_is_named(less: tuple[str, str], words: str) -> None:
    """As well as one that is open."""
    with pytest.raises(Unmet, match=words):
        flowing(less=less)


def watched(hubble: Told, *, less: Collection[tuple[str, str]] = (), more: Collection[tuple[str, str]] = ()) -> None:
    """Judges what Hubble tells; `more` connects besides what should, `less` does not."""

    def told(source: str, question: Question) -> Answer:
        ours = {("own", "tcp ip-of-labgrade/canary=yes:8080")}
        found = (source, question.words) in OPEN | ours | {*more} and (source, question.words) not in less
        return answer(question.words, "connected" if found else "dropped")

    relayed = [deployment("hubble-relay", RELAY), *pods_of("hubble-relay"), *relay_service("hubble-relay", "10.96.0.8")]
    assert_site_watched(world(*relayed).cluster, traffic(told), hubble.hubble)


FORWARDED, DENIED = flow("FORWARDED"), flow("DROPPED", "POLICY_DENIED")


def test_the_two_who_want_to_reach_the_database_are_asked_for() -> None:
    """By their own addresses, and at the database's own."""
    hubble = Told(FORWARDED, DENIED)
    watched(hubble)
    assert [asked[1:] for asked in hubble.asked] == [
        ("ip-of-pod/site-1-a", "10.0.0.3", 3306),
        ("ip-of-own", "10.0.0.3", 3306),
    ]


def test_what_the_namespace_does_not_show_is_asked_of_pods_of_ours() -> None:
    """Hubble works, whatever policies let through or keep out."""
    for change in ({"more": [("own", SQL)]}, {"less": [("pod/site-1-a", SQL)]}):
        hubble = Told(FORWARDED, DENIED)
        watched(hubble, **change)
        assert len({target for _, _, target, _ in hubble.asked}) == 2


@pytest.mark.parametrize(
    ("flows", "words"),
    [
        ((FORWARDED,), r"of a connection that we tried \(port 3306\): FORWARDED$"),
        ((DENIED,), r"of a connection that we tried \(port 3306\): DROPPED \(POLICY_DENIED\)$"),
        ((), r"says nothing of a connection that we tried \(port 3306\)$"),
    ],
)
def test_a_hubble_that_tells_of_something_else_is_unmet(flows: tuple[Flow, ...], words: str) -> None:
    """Of either of the two."""
    with pytest.raises(Unmet, match=words):
        watched(Told(*flows))


def test_without_a_relay_nothing_is_asked() -> None:
    """Its absence is told."""
    hubble = Told()
    with pytest.raises(Unmet, match=r"there is no deployment/hubble-relay in namespace kube-system"):
        assert_site_watched(
            world().cluster, traffic(lambda _, question: answer(question.words, "dropped")), hubble.hubble
        )
    assert hubble.asked == []
