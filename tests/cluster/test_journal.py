"""What was disturbed is restored: newest first, by whoever comes next, and never onto something else of that name."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import cast

import pytest
from testinfra.host import Host

from labgrade.cluster.api import Api
from labgrade.cluster.disturb import Disturb
from labgrade.cluster.journal import Journal, of_all
from labgrade.cluster.watching import Watching
from labgrade.errors import HarnessError, Unmet
from labgrade.facts import Cluster, Node, Snapshot, StatefulSet
from labgrade.grading.reconcile import Reconciler
from labgrade.model import Json
from labgrade.patience import TRANSPORT_TRIES, Alarm
from tests.support.apiserver import ApiServer

NAME, SPACE = "labgrade-journal-lab", "kube-system"


@pytest.fixture(autouse=True)
def hurried(monkeypatch: pytest.MonkeyPatch) -> None:
    """Pauses between tries are not what these tests are about."""
    monkeypatch.setattr("labgrade.patience.TRANSPORT_PAUSE_SECONDS", 0.01)
    monkeypatch.setattr("labgrade.cluster.disturb.SUCCESSOR_SECONDS", 0.1)


@pytest.fixture
def web(api: Api, server: ApiServer) -> StatefulSet:
    """A StatefulSet of three."""
    server.put("StatefulSet", "web", "lab", spec={"replicas": 3})
    return StatefulSet(Snapshot(api), "lab", "web")


@pytest.fixture
def journal(api: Api) -> Journal:
    """The journal of the namespace that it is in."""
    return Journal(api, "run1", "lab")


class Shell:
    """A node on which commands succeed, and are kept."""

    def __init__(self) -> None:
        self.ran: list[tuple[str, ...]] = []
        self.code = 0

    def run(self, *words: str) -> Shell:
        """Itself, as testinfra's result."""
        self.ran.append(words)
        return self

    @property
    def rc(self) -> int:
        """The exit code."""
        return self.code


@pytest.fixture
def shell() -> Shell:
    """The node of every Pod."""
    return Shell()


@pytest.fixture
def node(shell: Shell) -> Callable[[Node], Host]:
    """What gives a host on a node."""
    return lambda _: cast("Host", shell)


@pytest.fixture
def hands(api: Api, journal: Journal, node: Callable[[Node], Host]) -> Disturb:
    """The hands of a disturbing check."""
    snapshot, alarm = Snapshot(api), Alarm()
    watching = Watching(api, alarm)
    reconciler = Reconciler(Cluster(snapshot, "lab"), snapshot, watching, alarm, now=api.now, timeout=1)
    return Disturb(api, journal, reconciler, node)


def replicas(server: ApiServer) -> int:
    """How many the cluster is asked for."""
    return (server.find("StatefulSet", "web", "lab") or {})["spec"]["replicas"]


def entries(server: ApiServer) -> list[str]:
    """The keys of what is open; empty where there is no journal."""
    return sorted((server.find("ConfigMap", NAME, SPACE) or {"data": {}})["data"])


def scaling(web: StatefulSet, number: int) -> Json:
    """The restore that asks for so many."""
    return {"patch": web.path, "body": {"spec": {"replicas": number}}}


def test_scaling_is_undone(server: ApiServer, hands: Disturb, web: StatefulSet) -> None:
    """The number comes back, and the journal goes."""
    hands.scale(web, 1)
    assert replicas(server) == 1
    assert entries(server)
    assert hands.restore() == []
    assert replicas(server) == 3
    assert server.find("ConfigMap", NAME, SPACE) is None


def test_it_is_written_down_before_it_is_done(server: ApiServer, hands: Disturb, web: StatefulSet) -> None:
    """Without a place to write it down, nothing is disturbed."""
    server.fault(403, "/configmaps", method="POST")
    with pytest.raises(HarnessError):
        hands.scale(web, 1)
    assert replicas(server) == 3


def test_an_act_whose_answer_was_lost_is_undone(server: ApiServer, hands: Disturb, web: StatefulSet) -> None:
    """It may have happened: restoring once too often does no harm."""
    server.fault(403, "/statefulsets", method="PATCH")
    with pytest.raises(HarnessError):
        hands.scale(web, 1)
    assert hands.restore() == []
    assert entries(server) == []


def test_newest_first(server: ApiServer, journal: Journal, web: StatefulSet) -> None:
    """Two acts on one object end where it all began, also beyond nine of them."""
    for number in range(3, 15):
        journal.add(scaling(web, number))
    assert journal.restore() == []
    assert replicas(server) == 3


def test_a_killed_run_is_finished_by_the_next(api: Api, server: ApiServer, hands: Disturb, web: StatefulSet) -> None:
    """The journal lies in the cluster: a new process, with another run's id, restores."""
    hands.scale(web, 1)
    assert Journal(api, "run2", "lab").restore() == []
    assert replicas(server) == 3
    assert entries(server) == []


def test_another_namespaces_journal_is_left_alone(
    api: Api, server: ApiServer, hands: Disturb, web: StatefulSet
) -> None:
    """Labs are proven side by side on one cluster."""
    hands.scale(web, 1)
    assert Journal(api, "run2", "other").restore() == []
    assert replicas(server) == 1


def test_what_is_gone_needs_no_restoring(server: ApiServer, hands: Disturb, web: StatefulSet) -> None:
    """A student who deleted the object meanwhile has no error to pay for."""
    hands.scale(web, 1)
    server.remove("StatefulSet", "web", "lab")
    assert hands.restore() == []
    assert entries(server) == []


def test_a_successor_is_not_restored_onto(api: Api, server: ApiServer, hands: Disturb, web: StatefulSet) -> None:
    """What the student made anew after a killed run keeps the size that the student gave it."""
    hands.scale(web, 1)
    server.remove("StatefulSet", "web", "lab")
    server.put("StatefulSet", "web", "lab", spec={"replicas": 2})
    assert Journal(api, "run2", "lab").restore() == []
    assert replicas(server) == 2
    assert entries(server) == []


def test_what_cannot_be_undone_stays_and_the_rest_is_done(
    server: ApiServer, journal: Journal, web: StatefulSet
) -> None:
    """One failure keeps its own entry for the next run, which tries again."""
    server.put("StatefulSet", "api", "lab", spec={"replicas": 7})
    journal.add(scaling(web, 3))
    journal.add({"patch": web.path.replace("/web", "/api"), "body": {"spec": {"replicas": 5}}})
    journal.add(scaling(web, 4))
    server.fault(403, "/statefulsets/api", method="PATCH")
    assert journal.restore() == ["a fault was asked for"]
    assert replicas(server) == 3
    assert entries(server) == ["0002-run1"]
    assert journal.restore() == []
    assert entries(server) == []


def test_what_cannot_be_struck_out_holds_up_nothing(server: ApiServer, journal: Journal, web: StatefulSet) -> None:
    """An entry that was undone and could not be removed stays; those before it are undone all the same."""
    server.put("StatefulSet", "api", "lab", spec={"replicas": 7})
    journal.add({"patch": web.path.replace("/web", "/api"), "body": {"spec": {"replicas": 5}}})
    journal.add(scaling(web, 4))
    server.fault(403, "/configmaps", method="PATCH")
    assert journal.restore() == ["a fault was asked for"]
    assert (server.find("StatefulSet", "api", "lab") or {})["spec"]["replicas"] == 5
    assert entries(server) == ["0002-run1"]


@pytest.mark.parametrize("what", ["lost", "close", 429, 500])
def test_faults_on_the_way_disturb_and_restore_once(
    server: ApiServer, hands: Disturb, web: StatefulSet, what: int | str
) -> None:
    """Each request of a disturbance and of its restoring goes wrong once, whether or not it had come through."""
    for method, words in (("POST", "/configmaps"), ("PATCH", ""), ("GET", "/configmaps"), ("DELETE", "")):
        server.fault(what, words, method=method)
    hands.scale(web, 1)
    assert replicas(server) == 1
    assert len(entries(server)) == 1
    assert hands.restore() == []
    assert replicas(server) == 3
    assert server.find("ConfigMap", NAME, SPACE) is None


def test_a_note_without_an_answer_does_not_outlive_the_check(
    server: ApiServer, hands: Disturb, web: StatefulSet
) -> None:
    """It may have been written: left open, the next run would undo what the student changes until then."""
    server.fault("lost", "/configmaps", method="POST")
    server.fault("close", "/configmaps", method="POST", times=TRANSPORT_TRIES - 1)
    with pytest.raises(HarnessError):
        hands.scale(web, 1)
    assert replicas(server) == 3
    assert entries(server)
    hands.restore()
    assert server.find("ConfigMap", NAME, SPACE) is None


def test_a_new_entry_never_overwrites_an_open_one(server: ApiServer, journal: Journal, web: StatefulSet) -> None:
    """After a restore that was done by half, the numbers go on from the highest."""
    for _ in range(2):
        journal.add(scaling(web, 3))
    server.put("ConfigMap", NAME, SPACE, data={"0002-run1": "{}"})
    journal.add(scaling(web, 3))
    assert entries(server) == ["0002-run1", "0003-run1"]


@pytest.mark.parametrize("words", ["", "[]", "{}", '{"exec": {}}', '{"patch": 1}', '{"exec": {"pod": "x", "no": 1}}'])
def test_an_entry_that_is_not_ours_stops_nothing(
    server: ApiServer, journal: Journal, web: StatefulSet, words: str
) -> None:
    """Whatever somebody wrote there, the others are undone and the run goes on."""
    server.put("ConfigMap", NAME, SPACE, data={"zzzz": words, "0001-run0": json.dumps(scaling(web, 3))})
    assert len(journal.restore()) == 1
    assert entries(server) == ["zzzz"]


def test_deleting_takes_exactly_that_object(server: ApiServer, hands: Disturb, api: Api) -> None:
    """A successor of the same name, already there, is spared."""
    server.put("Pod", "web-0", "lab", metadata={"uid": "first"})
    pod = Cluster(Snapshot(api), "lab").pod("web-0")
    assert pod.uid == "first"
    server.remove("Pod", "web-0", "lab")
    server.put("Pod", "web-0", "lab", metadata={"uid": "second"})
    hands.delete(pod)
    assert server.find("Pod", "web-0", "lab")


def test_a_written_file_is_removed(server: ApiServer, hands: Disturb, api: Api) -> None:
    """The command that removes it is written down first, and run at the end."""
    server.put("Pod", "web-0", "lab", spec={"containers": [{"name": "nginx"}]})
    ran: list[list[str]] = []
    server.exec = lambda _pod, command: (ran.append(command), (0, "", ""))[1]
    hands.write_file(Cluster(Snapshot(api), "lab").pod("web-0"), "/srv/token", "it's $(words)")
    assert ran[-1][-2:] == ["/srv/token", "it's $(words)"]
    assert hands.restore() == []
    assert ran[-1] == ["rm", "-f", "/srv/token"]
    assert entries(server) == []


def test_a_container_that_refuses_the_file_is_the_students(server: ApiServer, hands: Disturb, api: Api) -> None:
    """A volume that cannot be written to is what the lab asks about."""
    server.put("Pod", "web-0", "lab", spec={"containers": [{"name": "nginx"}]})
    server.exec = lambda _pod, command: (0, "", "") if command[0] == "rm" else (1, "", "Read-only file system")
    with pytest.raises(Unmet, match=r"pod/web-0 cannot write /srv/token: Read-only file system"):
        hands.write_file(Cluster(Snapshot(api), "lab").pod("web-0"), "/srv/token", "x")
    assert hands.restore() == []


def test_a_file_whose_pod_is_gone_is_gone(server: ApiServer, hands: Disturb, api: Api) -> None:
    """Nothing is left to remove."""
    server.put("Pod", "web-0", "lab", spec={"containers": [{"name": "nginx"}]})
    hands.write_file(Cluster(Snapshot(api), "lab").pod("web-0"), "/srv/token", "x")
    server.remove("Pod", "web-0", "lab")
    assert hands.restore() == []
    assert entries(server) == []


def test_a_file_is_removed_from_the_pod_that_took_the_place(server: ApiServer, hands: Disturb, api: Api) -> None:
    """A Deployment's next Pod has another name and the same volume; a stranger's Pod is left alone."""

    def put(name: str, owner: str, *, ready: str) -> None:
        metadata = {"ownerReferences": [{"kind": "ReplicaSet", "name": owner, "uid": owner, "controller": True}]}
        status = {"conditions": [{"type": "Ready", "status": ready}]}
        server.put("Pod", name, "lab", metadata=metadata, spec={"containers": [{"name": "nginx"}]}, status=status)

    put("web-old", "web", ready="True")
    ran: list[tuple[str, str]] = []
    server.exec = lambda pod, command: (ran.append((pod, command[0])), (0, "", ""))[1]
    hands.write_file(Cluster(Snapshot(api), "lab").pod("web-old"), "/srv/token", "x")
    server.remove("Pod", "web-old", "lab")
    put("api-new", "api", ready="True")
    put("web-new-a", "web", ready="False")
    put("web-new-b", "web", ready="True")
    assert hands.restore() == []
    assert ran == [("web-old", "sh"), ("web-new-b", "rm")]
    assert entries(server) == []


def test_a_file_waits_for_a_successor_that_is_to_come(
    server: ApiServer, hands: Disturb, api: Api, journal: Journal
) -> None:
    """Interrupted between two Pods, it stays written down until there is one to remove it in."""
    owner: Json = {"kind": "ReplicaSet", "name": "web", "uid": "web", "controller": True}
    pod: Json = {"metadata": {"ownerReferences": [owner]}, "spec": {"containers": [{"name": "nginx"}]}}
    server.put("ReplicaSet", "web", "lab", metadata={"uid": "web"}, spec={"replicas": 1})
    server.put("Pod", "web-old", "lab", **pod)
    ran: list[tuple[str, str]] = []
    server.exec = lambda pod, command: (ran.append((pod, command[0])), (0, "", ""))[1]
    hands.exec(Cluster(Snapshot(api), "lab").pod("web-old"), "nginx", ["touch", "/x"], undo=["rm", "-f", "/x"])
    server.remove("Pod", "web-old", "lab")
    assert hands.restore() == ["pod/web-old has no successor yet, in which something of ours is to be removed"]
    server.put("Pod", "web-new", "lab", **pod)
    assert journal.restore() == []
    assert ran == [("web-old", "touch"), ("web-new", "rm")]


def test_a_file_of_a_workload_at_zero_is_given_up(server: ApiServer, hands: Disturb, api: Api) -> None:
    """Nobody brings a Pod to remove it in."""
    owner: Json = {"kind": "ReplicaSet", "name": "web", "uid": "web", "controller": True}
    server.put("ReplicaSet", "web", "lab", metadata={"uid": "web"}, spec={"replicas": 0})
    server.put("Pod", "web-old", "lab", metadata={"ownerReferences": [owner]}, spec={"containers": [{"name": "nginx"}]})
    hands.exec(Cluster(Snapshot(api), "lab").pod("web-old"), "nginx", ["touch", "/x"], undo=["rm", "-f", "/x"])
    server.remove("Pod", "web-old", "lab")
    assert hands.restore() == []


def test_a_file_is_removed_in_a_pod_of_the_next_revision(
    server: ApiServer, hands: Disturb, api: Api, journal: Journal
) -> None:
    """The student has mended the template since: another ReplicaSet of the same Deployment."""

    def put(revision: str, replicas: int) -> None:
        of_app: Json = {"kind": "Deployment", "name": "app", "uid": "app", "controller": True}
        of_revision: Json = {"kind": "ReplicaSet", "name": revision, "uid": revision, "controller": True}
        server.put(
            "ReplicaSet",
            revision,
            "lab",
            metadata={"uid": revision, "ownerReferences": [of_app]},
            spec={"replicas": replicas},
        )
        if replicas:
            server.put(
                "Pod",
                f"{revision}-pod",
                "lab",
                metadata={"ownerReferences": [of_revision]},
                spec={"containers": [{"name": "nginx"}]},
            )

    server.put("Deployment", "app", "lab", metadata={"uid": "app"}, spec={"replicas": 1})
    put("old", 1)
    ran: list[tuple[str, str]] = []
    server.exec = lambda pod, command: (ran.append((pod, command[0])), (0, "", ""))[1]
    hands.exec(Cluster(Snapshot(api), "lab").pod("old-pod"), "nginx", ["touch", "/x"], undo=["rm", "-f", "/x"])
    server.remove("Pod", "old-pod", "lab")
    put("old", 0)
    put("new", 1)
    assert journal.restore() == []
    assert ran == [("old-pod", "touch"), ("new-pod", "rm")]


def test_journals_of_other_labs_are_found(server: ApiServer, hands: Disturb, api: Api, web: StatefulSet) -> None:
    """A node that a killed run left cordoned concerns everybody."""
    hands.scale(web, 1)
    (found,) = of_all(api, "run2")
    assert found.restore() == []
    assert replicas(server) == 3


def test_a_node_that_is_cordoned_stays_so(server: ApiServer, hands: Disturb, api: Api) -> None:
    """It was the student's doing."""
    server.put("Node", "one", spec={"unschedulable": True})
    hands.cordon(Node(Snapshot(api), None, "one"))
    assert hands.restore() == []
    assert (server.find("Node", "one") or {})["spec"] == {"unschedulable": True}


def test_a_node_is_cordoned_and_uncordoned(server: ApiServer, hands: Disturb, api: Api) -> None:
    """What was not there before is not there afterwards."""
    server.put("Node", "one", spec={"podCIDR": "10.0.0.0/24"})
    hands.cordon(Node(Snapshot(api), None, "one"))
    assert (server.find("Node", "one") or {})["spec"]["unschedulable"] is True
    assert hands.restore() == []
    assert (server.find("Node", "one") or {})["spec"] == {"podCIDR": "10.0.0.0/24"}


def running(server: ApiServer, *, identity: str = "abc", state: Json | None = None) -> None:
    """A Pod with a container that runs."""
    container = {"name": "nginx", "containerID": f"containerd://{identity}", "state": state or {}}
    status = {"containerStatuses": [container]}
    server.put("Pod", "web-0", "lab", spec={"nodeName": "one", "containers": [{"name": "nginx"}]}, status=status)


def test_a_container_is_ended_from_its_node(server: ApiServer, hands: Disturb, api: Api, shell: Shell) -> None:
    """By its identity: what else runs on the node is left alone."""
    running(server)
    hands.restart(Cluster(Snapshot(api), "lab").pod("web-0"), "nginx")
    assert [words[1:] for words in shell.ran] == [("abc",)]


def test_a_restart_is_over_once_the_api_knows_of_it(
    server: ApiServer, hands: Disturb, api: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Until the kubelet has noticed, the container looks as ready as before, and would be judged so."""
    running(server, state={"running": {}})
    asked: list[str] = []

    def find(path: str, **query: str) -> Json | None:
        asked.append(path)
        if len(asked) == 3:
            running(server, identity="def", state={"running": {}})
        return Api.get(api, path, **query)

    monkeypatch.setattr(api, "find", find)
    hands.restart(Cluster(Snapshot(api), "lab").pod("web-0"), "nginx")
    assert len(asked) == 3


@pytest.mark.parametrize(("container", "code"), [("nginx", 1), ("other", 0)])
def test_a_container_that_is_not_found_is_ours(
    server: ApiServer, hands: Disturb, api: Api, shell: Shell, container: str, code: int
) -> None:
    """Nothing was disturbed, so nothing may be judged."""
    running(server)
    shell.code = code
    with pytest.raises(HarnessError, match=f"no process of container {container} of pod/web-0 was found"):
        hands.restart(Cluster(Snapshot(api), "lab").pod("web-0"), container)


def test_a_file_is_removed_from_a_node(hands: Disturb, shell: Shell, api: Api) -> None:
    """Its path is one word, whatever stands in it."""
    hands.remove_from(Node(Snapshot(api), None, "one"), "/srv/it's; x")
    assert shell.ran == [("rm -f %s", "/srv/it's; x")]
