"""A copy of ours: edited, watched, and gone with its namespace; the kubelet is played by a reaction."""

from __future__ import annotations

from dataclasses import replace

import pytest

from labgrade.cluster import owncopy
from labgrade.cluster.api import Api
from labgrade.cluster.ours import remove_orphans
from labgrade.cluster.owncopy import NAME, OwnCopy, Taken
from labgrade.errors import HarnessError
from labgrade.model import Json
from tests.support.apiserver import ApiServer

RUN = "0a1b2c3d"
SPACE = f"labgrade-copy-{RUN}"
TAKEN = Taken(
    image="nginx:1.26",
    node="lab-1",
    keys=["greeting", "menu.txt"],
    volume={"configMap": {"name": NAME}},
    mount={"mountPath": "/pages"},
    env=[{"name": "GREETING", "valueFrom": {"configMapKeyRef": {"name": NAME, "key": "greeting"}}}],
    path="/pages/menu.txt",
    variable="GREETING",
)


class Kubelet:
    """Gives a container its variables as it starts, and its files whenever its Pod has been changed so many times."""

    def __init__(self, server: ApiServer, *, after: int = 1) -> None:
        self._server, self._after, self.looks = server, after, 0
        self._file = self._variable = ""
        server.reactions.append(self._act)
        server.exec = self._exec

    def _data(self) -> dict[str, str]:
        return (self._server.find("ConfigMap", NAME, SPACE) or {})["data"]

    def _act(self, method: str, plural: str, _: Json) -> None:
        if (method, plural) == ("POST", "pods"):
            self._file, self._variable = self._data()["menu.txt"], self._data()["greeting"]
        elif (method, plural) == ("PATCH", "pods"):
            self.looks += 1
            if self.looks >= self._after:
                self._file = self._data()["menu.txt"]

    def _exec(self, _: str, command: list[str]) -> tuple[int, str, str]:
        return 0, self._file if command == ["cat", "/pages/menu.txt"] else self._variable, ""


@pytest.fixture
def copy(api: Api, monkeypatch: pytest.MonkeyPatch) -> OwnCopy:
    """In no hurry that a test would notice."""
    monkeypatch.setattr(owncopy, "START_SECONDS", 0.5)
    monkeypatch.setattr(owncopy, "FOLLOW_SECONDS", 0.5)
    monkeypatch.setattr(owncopy, "LOOK_SECONDS", 0.02)
    return OwnCopy(api, RUN)


@pytest.mark.parametrize("after", [1, 3])
def test_the_file_follows_and_the_variable_does_not(server: ApiServer, copy: OwnCopy, after: int) -> None:
    """The Pod is changed until the kubelet has looked: each change makes it look."""
    kubelet = Kubelet(server, after=after)
    followed = copy.edited(TAKEN)
    assert (followed.file, followed.variable) == (True, False)
    assert kubelet.looks == after


def test_what_does_not_follow_is_told(server: ApiServer, copy: OwnCopy) -> None:
    """It is not waited for without end."""
    Kubelet(server, after=10**6)
    assert not copy.edited(TAKEN).file


def test_the_pod_takes_it_in_as_told_and_nothing_else(server: ApiServer, copy: OwnCopy) -> None:
    """Where the image is, without a token, and as nobody."""
    Kubelet(server)
    copy.edited(TAKEN)
    spec = (server.find("Pod", NAME, SPACE) or {})["spec"]
    (container,), (volume,) = spec["containers"], spec["volumes"]
    assert (spec["nodeName"], container["image"]) == ("lab-1", "nginx:1.26")
    assert volume == {"configMap": {"name": NAME}, "name": NAME}
    assert container["volumeMounts"] == [{"mountPath": "/pages", "name": NAME}]
    assert spec["automountServiceAccountToken"] is False
    assert container["securityContext"]["runAsNonRoot"] is True


def test_a_copy_that_shows_something_else_is_ours(server: ApiServer, copy: OwnCopy) -> None:
    """Nothing can be told of an edit then."""
    server.exec = lambda _pod, _command: (1, "", "no such file")
    with pytest.raises(HarnessError, match=r"does not show its ConfigMap at /pages/menu\.txt and in GREETING"):
        copy.edited(TAKEN)


def test_a_copy_that_does_not_start_is_ours(server: ApiServer, copy: OwnCopy) -> None:
    """Its image is told."""
    server.reactions.clear()
    with pytest.raises(HarnessError, match=r"a Pod of ours with nginx:1\.27 did not start"):
        copy.edited(replace(TAKEN, image="nginx:1.27"))


def test_it_goes_with_its_namespace(server: ApiServer, api: Api, copy: OwnCopy) -> None:
    """Also when its run was killed; and what was never made is not looked for."""
    copy.remove()
    assert server.count("/namespaces/", "DELETE") == 0
    Kubelet(server)
    copy.edited(TAKEN)
    assert server.find("Namespace", SPACE)
    remove_orphans(api)
    assert not server.find("Namespace", SPACE)
    copy.remove()
    assert server.count(f"/namespaces/{SPACE}", "DELETE") >= 2
