"""All who can be asked in a run: each starts once, none among those who would take it in, and all go together."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from labgrade.cluster.api import Api
from labgrade.errors import HarnessError
from labgrade.facts import Pod, Recorded
from labgrade.model import Json
from labgrade.probe import Sources
from labgrade.probe.adopting import CONTROLLERS, adopters
from labgrade.probe.program import Program
from labgrade.probe.sources import Source
from tests.support.apiserver import ApiServer

RUN, SPACE, HOSTS = "0123abcd", "labgrade-0123abcd", "labgrade-nodes-0123abcd"
PROGRAM = Program("example.org/probe:1", ("/probe",))
MARKS = {"app.kubernetes.io/managed-by": "labgrade", "labgrade/run": RUN}


@pytest.fixture
def chosen() -> list[str]:
    """An entry for each time that a program was chosen."""
    return []


@pytest.fixture
def sources(api: Api, server: ApiServer, chosen: list[str]) -> Iterator[Sources]:
    """Of one run; nothing of it stays."""

    def choose() -> Program:
        chosen.append("chosen")
        return PROGRAM

    found = Sources(api, RUN, choose)
    yield found
    found.remove()
    assert [name for name in (SPACE, HOSTS) if server.find("Namespace", name)] == []
    assert server.find("Pod", SPACE, "lab") is None


def test_who_asks_nothing_makes_nothing(sources: Sources, server: ApiServer, chosen: list[str]) -> None:
    """Most checks are about objects."""
    sources.remove()
    assert server.requests == []
    assert chosen == []


def test_each_source_is_made_once(sources: Sources, server: ApiServer, chosen: list[str]) -> None:
    """However often it is asked for; the program that runs in all of them is chosen once."""
    server.put("Namespace", "lab")
    makes: list[Callable[[], Source]] = [
        sources.own,
        lambda: sources.own("lab-1"),
        lambda: sources.own(bearing={"app": "web"}),
        lambda: sources.own("lab-1", {"app": "web"}),
        lambda: sources.host("lab-1"),
        lambda: sources.within("lab"),
        sources.outside,
    ]
    made, again = ([make() for make in makes] for _ in range(2))
    assert list(map(id, made)) == list(map(id, again))
    assert sources.own(bearing={"a": "1", "b": "2"}) is sources.own(bearing={"b": "2", "a": "1"})
    assert len({id(each) for each in made}) == len(made)
    for each in made[:-1]:
        assert each.ip
    sources.own(bearing={"a": "1", "b": "2"}).started()
    assert server.count("/pods", "POST") == len(made)
    assert chosen == ["chosen"]


def test_pods_of_ours_differ_by_name_node_and_labels(sources: Sources, server: ApiServer) -> None:
    """All in the run's one restricted namespace."""
    made = [sources.own(), sources.own("lab-1"), sources.own(bearing={"app": "web"})]
    assert [each.ip for each in made] == ["127.0.0.1"] * 3
    assert [each.name for each in made] == ["probe", "probe-1", "probe-2"]
    first, second, third = (server.find("Pod", each.name, SPACE) or {} for each in made)
    assert [each["spec"].get("nodeName", "") for each in (first, second, third)] == ["", "lab-1", ""]
    assert third["metadata"]["labels"] == MARKS | {"app": "web"}
    assert first["metadata"]["labels"] == MARKS


def test_a_node_itself_asks_from_a_privileged_namespace(sources: Sources, server: ApiServer) -> None:
    """Pod Security lets no Pod into a node's network elsewhere; a Pod on the same node is another source."""
    host = sources.host("lab-1")
    assert (host.ip, host.node, host.namespace) == ("127.0.0.1", "lab-1", HOSTS)
    space = server.find("Namespace", HOSTS) or {}
    assert space["metadata"]["labels"]["pod-security.kubernetes.io/enforce"] == "privileged"
    assert (server.find("Pod", host.name, HOSTS) or {})["spec"]["hostNetwork"] is True
    own = sources.own("lab-1")
    own.started()
    assert "hostNetwork" not in (server.find("Pod", own.name, SPACE) or {})["spec"]
    other = sources.host("lab-2")
    assert other.name != host.name
    other.started()


def test_a_pod_among_the_students_has_a_name_of_ours(sources: Sources, server: ApiServer) -> None:
    """By which a later run knows it, and no label but those that mark it."""
    server.put("Namespace", "lab")
    probe = sources.within("lab")
    probe.started()
    assert (probe.name, probe.namespace) == (SPACE, "lab")
    assert (server.find("Pod", SPACE, "lab") or {})["metadata"]["labels"] == MARKS


def test_a_students_pod_is_known_by_its_uid(sources: Sources) -> None:
    """Another one under the same name is another source."""

    def pod(uid: str) -> Pod:
        metadata = {"name": "web-1", "namespace": "lab", "uid": uid}
        return Pod(Recorded({"kind": "Pod", "metadata": metadata}), "lab", "web-1")

    assert sources.borrowed(pod("1")) is sources.borrowed(pod("1"))
    assert sources.borrowed(pod("1")) is not sources.borrowed(pod("2"))


EVERYBODY: dict[str, Json] = {
    "an empty selector": {},
    "labels of ours": {"matchLabels": {"app.kubernetes.io/managed-by": "labgrade"}},
    "any value": {"matchExpressions": [{"key": "app.kubernetes.io/managed-by", "operator": "Exists"}]},
    "no such label": {"matchExpressions": [{"key": "tier", "operator": "DoesNotExist"}]},
    "another value": {"matchExpressions": [{"key": "app", "operator": "NotIn", "values": ["web"]}]},
}
OTHERS: dict[str, Json] = {
    "labels of others": {"matchLabels": {"app": "web"}},
    "one label of ours, one of others": {"matchLabels": {"app.kubernetes.io/managed-by": "labgrade", "app": "web"}},
    "a value of others": {"matchExpressions": [{"key": "app", "operator": "In", "values": ["web"]}]},
    "a label and an expression": {
        "matchLabels": {"app": "web"},
        "matchExpressions": [{"key": "tier", "operator": "DoesNotExist"}],
    },
}


@pytest.mark.parametrize("kind", ["ReplicaSet", "StatefulSet", "DaemonSet", "Job"])
@pytest.mark.parametrize("selector", EVERYBODY.values(), ids=EVERYBODY.keys())
def test_no_pod_is_put_where_a_controller_would_take_it(
    sources: Sources, server: ApiServer, kind: str, selector: Json
) -> None:
    """It would count, or delete it, as one of its own: refused before anything is made."""
    server.put(kind, "greedy", "lab", spec={"selector": selector})
    words = f"{kind.lower()}/greedy in namespace lab would take a probe Pod for one of its own"
    with pytest.raises(HarnessError, match=words):
        sources.within("lab")
    assert server.count("", "POST") == 0


@pytest.mark.parametrize("selector", [{"labgrade/run": RUN}, MARKS])
def test_no_pod_is_put_behind_a_service(sources: Sources, server: ApiServer, selector: Json) -> None:
    """It would serve the student's clients."""
    server.put("Service", "greedy", "lab", spec={"selector": selector})
    with pytest.raises(HarnessError, match="service/greedy in namespace lab would take a probe Pod"):
        sources.within("lab")
    assert server.count("", "POST") == 0


@pytest.mark.parametrize("selector", OTHERS.values(), ids=OTHERS.keys())
def test_those_who_select_others_are_no_hindrance(api: Api, server: ApiServer, selector: Json) -> None:
    """A usual namespace is full of them; nor is a Service that selects nobody one, nor another namespace's."""
    for kind in CONTROLLERS:
        server.put(kind, "usual", "lab", spec={"selector": selector})
        server.put(kind, "greedy", "elsewhere", spec={"selector": {}})
    server.put("Service", "usual", "lab", spec={"selector": {"app": "web"}})
    server.put("Service", "by-hand", "lab", spec={})
    server.put("Service", "empty", "lab", spec={"selector": {}})
    server.put("Service", "greedy", "elsewhere", spec={"selector": MARKS})
    assert adopters(api, "lab", MARKS) == []


def test_all_adopters_are_told(api: Api, server: ApiServer) -> None:
    """Each as kubectl names it."""
    server.put("Service", "all", "lab", spec={"selector": MARKS})
    server.put("DaemonSet", "all", "lab", spec={"selector": {}})
    assert adopters(api, "lab", MARKS) == ["service/all", "daemonset/all"]


def test_a_namespace_that_cannot_be_looked_at_gets_no_pod(sources: Sources, server: ApiServer) -> None:
    """Whoever cannot see who selects what does not guess."""
    server.fault(403, "/replicasets", times=9)
    with pytest.raises(HarnessError, match="asked for"):
        sources.within("lab")
    assert server.count("", "POST") == 0


def test_what_cannot_be_removed_keeps_nothing_else(api: Api, server: ApiServer) -> None:
    """All is tried, then the first failure is told."""
    server.put("Namespace", "lab")
    sources = Sources(api, RUN, lambda: PROGRAM)
    made = [sources.own(), sources.host("lab-1"), sources.within("lab")]
    for each in made:
        each.started()
    server.fault(403, "/pods/probe", method="DELETE", message="no, you may not")
    with pytest.raises(HarnessError, match="no, you may not"):
        sources.remove()
    assert [each.name for each in made if server.find("Pod", each.name, each.namespace)] == []
    assert [name for name in (SPACE, HOSTS) if server.find("Namespace", name)] == []
