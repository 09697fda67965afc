"""Asking as a student's own Pod: one container is added to it, used again as long as it runs, and nothing else done."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any

import pytest

from labgrade.cluster.api import Api
from labgrade.errors import HarnessError, Unmet
from labgrade.facts import Pod, Snapshot
from labgrade.model import Json
from labgrade.patience import monotonic
from labgrade.probe import borrowed, tcp
from labgrade.probe.borrowed import NAME, BorrowedPod
from labgrade.probe.pod import RESTRICTED
from labgrade.probe.program import Program
from tests.support.apiserver import ApiServer
from tests.support.probes import Played, every

DB = tcp("10.0.0.2", 5432)
PROGRAM = Program("example.org/probe:1", ("/probe",))
PATH = "/namespaces/lab/pods/web-1/ephemeralcontainers"
Make = Callable[[], BorrowedPod]


def theirs(server: ApiServer, *ephemeral: Json, states: Json | None = None, **parts: Any) -> Json:
    """The student's Pod, with these ephemeral containers; `states` by their names, running where none is given."""
    told = [{"name": e["name"], "state": (states or {}).get(e["name"], {"running": {}})} for e in ephemeral]
    status = {"phase": "Running", "podIP": "10.0.0.7", "ephemeralContainerStatuses": told} | parts.pop("status", {})
    spec: Json = {"nodeName": "lab-1", "containers": [{"name": "nginx", "image": "nginx"}]}
    if ephemeral:
        spec["ephemeralContainers"] = list(ephemeral)
    return server.put("Pod", "web-1", "lab", spec=spec, status=status, **parts)


def container(name: str, image: str = PROGRAM.image) -> Json:
    """An ephemeral container that is there."""
    return {"name": name, "image": image}


def names(server: ApiServer) -> list[str]:
    """Of the Pod's ephemeral containers."""
    pod = server.find("Pod", "web-1", "lab") or {}
    return [each["name"] for each in pod["spec"].get("ephemeralContainers") or []]


@pytest.fixture
def borrow(api: Api, server: ApiServer) -> Make:
    """Asks as the Pod, as it is now."""
    server.exec = Played(every("connected")).exec

    def make() -> BorrowedPod:
        return BorrowedPod(api, Pod(Snapshot(api), "lab", "web-1"), PROGRAM)

    return make


def test_it_asks_from_a_container_in_the_pod(borrow: Make, server: ApiServer) -> None:
    """With the Pod's address and node, in the new container."""
    theirs(server)
    source = borrow()
    found = source.ask([DB])[0]
    assert (found.verdict, found.source) == ("connected", "pod/web-1 10.0.0.7")
    assert (source.name, source.ip, source.node) == ("web-1", "10.0.0.7", "lab-1")
    assert server.count(f"/namespaces/lab/pods/web-1/exec?container={NAME}&") == 1
    assert source.made


def test_the_container_asks_for_little_and_listens_nowhere(borrow: Make, server: ApiServer) -> None:
    """The student's ports are not ours to take; the Pod keeps all it had."""
    before = theirs(server)
    borrow().started()
    after = server.find("Pod", "web-1", "lab") or {}
    (added,) = after["spec"]["ephemeralContainers"]
    assert added == {
        "name": NAME,
        "image": PROGRAM.image,
        "imagePullPolicy": "IfNotPresent",
        "command": ["/probe", "listen"],
        "securityContext": RESTRICTED,
    }
    assert after["spec"]["containers"] == before["spec"]["containers"]
    assert after["metadata"]["uid"] == before["metadata"]["uid"]
    assert "labels" not in after["metadata"]


def test_many_questions_add_one_container(borrow: Make, server: ApiServer) -> None:
    """It is made once, at the start."""
    theirs(server)
    source = borrow()
    for _ in range(3):
        source.ask([DB])
    assert names(server) == [NAME]
    assert server.count(PATH, "PATCH") == 1


def test_a_later_run_uses_it_again(borrow: Make, server: ApiServer) -> None:
    """Kubernetes removes none: a Pod that is graded often does not fill with them."""
    theirs(server)
    borrow().ask([DB])
    again = borrow()
    assert again.ask([DB])[0].connected
    assert names(server) == [NAME]
    assert server.count(PATH, "PATCH") == 1
    assert not again.made


def test_one_that_still_starts_is_used_as_well(borrow: Make, server: ApiServer) -> None:
    """A run that was killed a moment ago had it made."""
    theirs(server, container(NAME), states={NAME: {}})
    source = borrow()
    theirs(server, container(NAME))
    assert source.ask([DB])[0].connected
    assert server.count(PATH, "PATCH") == 0


@pytest.mark.parametrize(
    ("there", "ended", "new"),
    [
        ([NAME], [NAME], f"{NAME}-2"),
        ([NAME, f"{NAME}-2"], [NAME, f"{NAME}-2"], f"{NAME}-3"),
        ([f"{NAME}-2"], [f"{NAME}-2"], NAME),
        (["debugger"], ["debugger"], NAME),
    ],
)
def test_one_that_has_ended_is_followed_by_a_new_one(
    borrow: Make, server: ApiServer, there: list[str], ended: list[str], new: str
) -> None:
    """Under the next free name: none can be started again."""
    terminated = {name: {"terminated": {"exitCode": 137}} for name in ended}
    theirs(server, *map(container, there), states=terminated)
    source = borrow()
    assert source.ask([DB])[0].connected
    assert names(server) == [*there, new]
    assert server.count(f"exec?container={new}&") == 1


def test_one_that_runs_is_found_among_those_that_ended(borrow: Make, server: ApiServer) -> None:
    """The second of two."""
    theirs(server, container(NAME), container(f"{NAME}-2"), states={NAME: {"terminated": {}}})
    borrow().ask([DB])
    assert server.count(f"exec?container={NAME}-2&") == 1
    assert server.count(PATH, "PATCH") == 0


@pytest.mark.parametrize("other", [container(NAME, "example.org/probe:0"), container("debugger", "busybox")])
def test_what_others_put_there_stays_and_is_not_used(borrow: Make, server: ApiServer, other: Json) -> None:
    """A student's own debugging, or the probe of another version."""
    theirs(server, other)
    borrow().ask([DB])
    kept = (server.find("Pod", "web-1", "lab") or {})["spec"]["ephemeralContainers"]
    assert kept[0] == other
    assert len(kept) == 2


def test_a_pod_that_changes_meanwhile_is_read_anew(
    borrow: Make, api: Api, server: ApiServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And what was added in between is kept."""
    theirs(server)
    changes, find = [container("debugger", "busybox")], api.find

    def change(path: str) -> Json | None:
        """A student debugs, just when we have read the Pod."""
        found = find(path)
        if changes:
            theirs(server, changes.pop())
        return found

    monkeypatch.setattr(api, "find", change)
    assert borrow().ask([DB])[0].connected
    assert names(server) == ["debugger", NAME]
    assert server.count(PATH, "PATCH") == 2


def test_a_pod_that_never_rests_is_our_error(borrow: Make, server: ApiServer) -> None:
    """After a few tries, at once."""
    theirs(server)
    server.fault(409, PATH, method="PATCH", times=99, message="the object has been modified")
    began, source = monotonic(), borrow()
    with pytest.raises(HarnessError, match="the probe could not start: pod/web-1 kept changing"):
        source.ask([DB])
    assert server.count(PATH, "PATCH") == borrowed.TRIES
    assert monotonic() - began < borrowed.START_SECONDS / 4
    source.remove()


def test_a_patch_whose_answer_was_lost_is_not_repeated(
    borrow: Make, server: ApiServer, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The second try meets a Pod that has changed: by us."""
    monkeypatch.setattr("labgrade.patience.TRANSPORT_PAUSE_SECONDS", 0.01)
    theirs(server)
    server.fault("lost", PATH, method="PATCH")
    source = borrow()
    assert source.ask([DB])[0].connected
    assert names(server) == [NAME]
    source.remove()
    assert f"pod/web-1 keeps an idle ephemeral container, {NAME}" in caplog.text


def gone(server: ApiServer) -> None:
    """Deleted."""
    server.remove("Pod", "web-1", "lab")


def another(server: ApiServer) -> None:
    """Deleted, and made anew under its name."""
    gone(server)
    theirs(server)


def failed(server: ApiServer) -> None:
    """Ended."""
    theirs(server, status={"phase": "Failed"})


def going(server: ApiServer) -> None:
    """Being deleted."""
    theirs(server, metadata={"deletionTimestamp": "2026-01-01T00:00:00Z"})


@pytest.mark.parametrize(
    ("happens", "en", "fr"),
    [
        (gone, "pod/web-1 is gone", "pod/web-1 a disparu"),
        (another, "pod/web-1 is gone", "pod/web-1 a disparu"),
        (failed, "pod/web-1 is Failed", "pod/web-1 est Failed"),
        (going, "pod/web-1 is being deleted", "pod/web-1 est en cours de suppression"),
    ],
)
def test_a_pod_that_does_not_run_is_the_students(
    api: Api, server: ApiServer, happens: Callable[[ApiServer], None], en: str, fr: str
) -> None:
    """Every question is unmet, and nothing is put anywhere."""
    theirs(server)
    snapshot = Snapshot(api)
    pod = Pod(snapshot, "lab", "web-1")
    assert pod.uid
    happens(server)
    source = BorrowedPod(api, pod, PROGRAM)
    for read in (lambda: source.ask([DB]), lambda: source.ip, lambda: source.node):
        with pytest.raises(Unmet) as raised:
            read()
    assert raised.value.saw.en == f"{en}: nothing can be asked from it"
    assert raised.value.saw.fr.startswith(fr)
    assert server.count(PATH, "PATCH") == 0
    source.remove()


def test_a_pod_that_goes_while_the_container_starts_is_the_students(borrow: Make, server: ApiServer) -> None:
    """It was asked to be there."""
    theirs(server)
    server.reactions = [lambda method, _kind, _body: gone(server) if method == "PATCH" else None]
    with pytest.raises(Unmet, match="pod/web-1 is gone"):
        borrow().ask([DB])


def starts_as(server: ApiServer, state: Json) -> None:
    """From now on, ephemeral containers come to this state."""

    def act(method: str, _plural: str, body: Json) -> None:
        if method == "PATCH":
            told = [{"name": each["name"], "state": state} for each in body["spec"]["ephemeralContainers"]]
            server.put("Pod", "web-1", "lab", status={**body["status"], "ephemeralContainerStatuses": told})

    server.reactions = [act]


@pytest.mark.parametrize(
    ("state", "words"),
    [
        ({"waiting": {"reason": "ImagePullBackOff", "message": "no such tag"}}, "ImagePullBackOff no such tag"),
        ({"waiting": {"reason": "ErrImageNeverPull"}}, "ErrImageNeverPull"),
        ({"terminated": {"reason": "StartError", "message": "no such file"}}, "StartError no such file"),
    ],
)
def test_a_container_that_cannot_run_is_our_error(borrow: Make, server: ApiServer, state: Json, words: str) -> None:
    """It is told as soon as the kubelet says so; no question is asked of it."""
    theirs(server)
    starts_as(server, state)
    began, source = monotonic(), borrow()
    with pytest.raises(HarnessError, match=f"the probe could not start: container {NAME} in pod/web-1: {words}"):
        source.ask([DB])
    assert monotonic() - began < borrowed.START_SECONDS / 4
    assert server.count("/exec") == 0


def test_a_container_that_does_not_come_in_time_is_our_error(
    borrow: Make, server: ApiServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A slow kubelet is nobody's mistake."""
    monkeypatch.setattr(borrowed, "START_SECONDS", 0.2)
    theirs(server)
    server.reactions = []
    with pytest.raises(HarnessError, match=f"container {NAME} in pod/web-1: nothing was said"):
        borrow().ask([DB])


def test_a_namespace_that_lets_no_such_container_in_is_the_students(borrow: Make, server: ApiServer) -> None:
    """In the server's words."""
    theirs(server)
    words = 'pods "web-1" is forbidden: violates PodSecurity "restricted:latest": allowPrivilegeEscalation != false'
    server.fault(403, PATH, method="PATCH", message=words)
    with pytest.raises(Unmet, match=r"namespace lab lets no probe in: .*violates PodSecurity"):
        borrow().ask([DB])


def test_a_want_of_rights_is_our_error(borrow: Make, server: ApiServer) -> None:
    """The kubeconfig is too narrow, not the answer wrong."""
    theirs(server)
    words = 'pods "web-1" is forbidden: User "jo" cannot patch resource "pods/ephemeralcontainers"'
    server.fault(403, PATH, method="PATCH", message=words)
    with pytest.raises(HarnessError, match=r'could not start: .*User "jo" cannot patch'):
        borrow().ask([DB])


def test_what_stays_is_said_by_who_put_it_there(
    borrow: Make, server: ApiServer, caplog: pytest.LogCaptureFixture
) -> None:
    """Once: a run that found it says nothing, and neither removes anything."""
    caplog.set_level(logging.WARNING)
    theirs(server)
    for _ in range(2):
        source = borrow()
        source.started()
        source.remove()
    assert caplog.text.count(f"pod/web-1 keeps an idle ephemeral container, {NAME}, until it is deleted") == 1
    assert server.count("", "DELETE") == 0
    assert names(server) == [NAME]
