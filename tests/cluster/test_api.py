"""The API client: patient with a server that is unwell, exact about everything else, never taking half for whole."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from labgrade.cluster import remote
from labgrade.cluster.api import Api, ApiError, Unreachable
from labgrade.errors import HarnessError
from labgrade.facts import Snapshot
from labgrade.facts.reading import RESOURCES
from labgrade.kubeconfig import Access
from labgrade.patience import TRANSPORT_TRIES, every, monotonic
from tests.support.apiserver import PEM, ApiServer

PODS = RESOURCES["Pod"].path("lab")


@pytest.fixture(autouse=True)
def hurried(monkeypatch: pytest.MonkeyPatch) -> None:
    """Pauses between tries are not what these tests are about."""
    monkeypatch.setattr("labgrade.patience.TRANSPORT_PAUSE_SECONDS", 0.01)


def access(server: str) -> Access:
    """How to reach a server, with nothing to show it."""
    return Access(server=server, ca=(PEM / "ca.pem").read_bytes(), cert=None, key=None, token=None, context="lab")


@pytest.mark.parametrize("what", [429, 500, 503, "half", "close"])
def test_a_passing_fault_is_not_noticed(api: Api, server: ApiServer, what: int | str) -> None:
    """A server that is busy, unwell, or hangs up midway is asked again."""
    server.put("Pod", "web", "lab")
    server.fault(what, "/pods", times=2)
    assert [pod["metadata"]["name"] for pod in api.get(PODS)["items"]] == ["web"]
    assert server.count("/pods") == 3


@pytest.mark.parametrize("status", [400, 401, 403, 404, 409, 422])
def test_an_answer_is_believed_the_first_time(api: Api, server: ApiServer, status: int) -> None:
    """What the server means is not asked four times."""
    server.fault(status, "/pods", times=9)
    with pytest.raises(ApiError) as raised:
        api.get(PODS)
    assert raised.value.status == status
    assert server.count("/pods") == 1


def test_a_fault_that_stays_is_ours(api: Api, server: ApiServer) -> None:
    """It ends after a few tries, as a HarnessError that costs nobody points."""
    server.fault(500, "/pods", times=99)
    with pytest.raises(HarnessError, match="a fault was asked for"):
        api.get(PODS)
    assert server.count("/pods") == TRANSPORT_TRIES


def test_half_an_answer_is_none(api: Api, server: ApiServer) -> None:
    """A body that breaks off is never parsed as a shorter list."""
    server.fault("half", "/pods", times=99)
    with pytest.raises(Unreachable, match="broke off"):
        api.get(PODS)


@pytest.mark.parametrize("body", [b"[]", b'"words"', b"\xff\xfe\x00", b"<html>"])
def test_what_is_not_an_object_is_no_answer(tmp_path: Path, body: bytes) -> None:
    """A proxy or a hostile server that answers 200 with something else does not crash the grader."""
    with answering(body) as port, pytest.raises(Unreachable):
        Api(access(f"http://127.0.0.1:{port}"), tmp_path).get("/version")


def test_a_nonsensical_date_does_not_matter(tmp_path: Path) -> None:
    """The clock is a hint; a server that sends nonsense keeps ours."""
    with answering(b"{}", date="yesterday") as port:
        api = Api(access(f"http://127.0.0.1:{port}"), tmp_path)
        assert api.get("/version") == {}
    assert api.offset_seconds == 0


def test_a_refused_connection_says_what_to_look_at(tmp_path: Path) -> None:
    """A stopped cluster is the most frequent reason: the sentence names it and what to type."""
    with closing(socket.create_server(("127.0.0.1", 0))) as free:
        port = free.getsockname()[1]
    with pytest.raises(Unreachable, match=rf"nothing answers at http://127.0.0.1:{port}: is the cluster running\?"):
        Api(access(f"http://127.0.0.1:{port}"), tmp_path).get("/version")


def test_another_clusters_certificate_is_told_from_a_stopped_one(tmp_path: Path) -> None:
    """A kubeconfig from before the cluster was made anew shows as what it is."""
    with ApiServer(tls=True) as server:
        other = tmp_path / "other"
        other.mkdir()
        stranger = Access(
            server=server.access.server,
            ca=(PEM / "stranger.pem").read_bytes(),
            cert=None,
            key=None,
            token=None,
            context="lab",
        )
        with pytest.raises(Unreachable, match="is it another cluster"):
            Api(stranger, other).get("/version")


@pytest.mark.parametrize("certificate", ["past.pem", "future.pem"])
def test_a_wrong_clock_is_told_from_another_cluster(tmp_path: Path, certificate: str) -> None:
    """A certificate that is over, or has not begun, points to this machine's clock, and the sentence shows it."""
    with ApiServer(tls=True, certificate=certificate) as server:
        there = replace(server.access, ca=(PEM / certificate).read_bytes().partition(b"-----BEGIN PRIVATE")[0])
        with pytest.raises(Unreachable, match=r"this machine's clock is wrong: it says 20\d\d-"):
            Api(there, tmp_path).get("/version")


def test_tls_and_token(tmp_path: Path) -> None:
    """The certificate is checked against the kubeconfig's authority, and the token shown."""
    with ApiServer(tls=True) as server:
        server.token = "secret"
        assert Api(server.access, tmp_path).get("/version")["minor"] == "34"


def test_the_servers_clock_counts(api: Api, server: ApiServer) -> None:
    """A student's laptop may be an hour off; ages are by the clock that wrote the timestamps."""
    server.ahead = timedelta(hours=1)
    api.get("/version")
    assert abs(api.now() - datetime.now(UTC) - timedelta(hours=1)) < timedelta(seconds=2)


def test_a_list_without_items_is_empty(api: Api, server: ApiServer) -> None:
    """A Go server writes null for an empty list."""
    assert api.get(PODS)["items"] is None
    assert Snapshot(api).items("Pod", "lab") == []
    assert server.count("/pods") == 2


def test_nothing_there_is_none(api: Api, server: ApiServer) -> None:
    """`find` tells absence from refusal."""
    assert api.find(f"{PODS}/web") is None
    server.fault(403, "/pods")
    with pytest.raises(ApiError):
        api.find(f"{PODS}/web")


MARKS = {"labgrade/run": "run1"}


@pytest.mark.parametrize("what", [429, 500, "close", "half", "lost"])
def test_what_was_created_without_an_answer_is_known_again(api: Api, server: ApiServer, what: int | str) -> None:
    """Whether or not the first try had come through: the name that is taken then is taken by us."""
    server.fault(what, "/pods", method="POST", times=1)
    made = api.create(PODS, {"metadata": {"name": "web", "labels": MARKS}})
    assert made["metadata"]["uid"] == (server.find("Pod", "web", "lab") or {})["metadata"]["uid"]
    assert server.count("/pods", "POST") == 2


@pytest.mark.parametrize("labels", [{}, {"labgrade/run": "another"}])
def test_somebody_elses_object_of_that_name_is_not_taken_for_ours(
    api: Api, server: ApiServer, labels: dict[str, str]
) -> None:
    """Also after a lost answer: who came in between keeps what is theirs."""
    server.put("Pod", "web", "lab", metadata={"labels": labels})
    server.fault("close", "/pods", method="POST", times=1)
    with pytest.raises(ApiError) as raised:
        api.create(PODS, {"metadata": {"name": "web", "labels": MARKS}})
    assert raised.value.status == 409


@pytest.mark.parametrize(("asked", "least", "most"), [(1, 1, 2), (3600, 0.2, 1)])
def test_a_server_that_asks_for_time_gets_it(
    api: Api, server: ApiServer, monkeypatch: pytest.MonkeyPatch, asked: int, least: float, most: float
) -> None:
    """Retry-After is kept to, as far as a student can be made to wait for it."""
    if asked > 1:
        monkeypatch.setattr("labgrade.patience.RETRY_AFTER_SECONDS", 0.2)
    server.fault(429, "/pods", retry_after=asked)
    began = monotonic()
    api.get(PODS)
    assert least <= monotonic() - began < most


def test_an_answer_that_is_no_list_is_not_an_empty_one(tmp_path: Path) -> None:
    """A proxy's friendly words in JSON would else cost the student every Pod."""
    with answering(b'{"message": "please wait"}') as port, pytest.raises(Unreachable, match="please wait"):
        Snapshot(Api(access(f"http://127.0.0.1:{port}"), tmp_path)).items("Pod", "lab")


@pytest.mark.parametrize("line", [b"[]", b'"ADDED"', b"{}", b"\xff\x00"])
def test_what_is_no_event_ends_a_watch(tmp_path: Path, line: bytes) -> None:
    """A follower is told so, and reads the list anew."""
    with answering(line + b"\n") as port, pytest.raises(Unreachable, match="broke off"):
        next(Api(access(f"http://127.0.0.1:{port}"), tmp_path).watch(PODS, "1", seconds=1))


def test_deleting_spares_a_successor(api: Api, server: ApiServer) -> None:
    """Only the object of that uid goes; that it is gone already is as good."""
    server.put("Pod", "web-0", "lab")
    api.delete(f"{PODS}/web-0", uid="the one before")
    assert server.find("Pod", "web-0", "lab")
    api.delete(f"{PODS}/web-0", uid=server.find("Pod", "web-0", "lab")["metadata"]["uid"])  # pyright: ignore[reportOptionalSubscript] - it was put there
    assert server.find("Pod", "web-0", "lab") is None
    api.delete(f"{PODS}/web-0")


def test_a_watch_brings_changes_as_they_come(api: Api, server: ApiServer) -> None:
    """An event arrives while the stream is still open."""
    version = api.get(PODS)["metadata"]["resourceVersion"]
    events = api.watch(PODS, version, seconds=5)
    server.put("Pod", "web", "lab")
    assert next(events)["object"]["metadata"]["name"] == "web"


def test_a_cut_watch_says_so(api: Api, server: ApiServer) -> None:
    """A stream that breaks off is not mistaken for one that ended quietly."""
    events = api.watch(PODS, "1", seconds=5)
    stop = every(0.05, server.cut_watches)
    with pytest.raises(Unreachable, match="broke off"):
        next(events)
    stop()


@pytest.mark.parametrize("status", [403, 410, 429, 500])
def test_a_refused_watch_is_no_event(api: Api, server: ApiServer, status: int) -> None:
    """The server's refusal is not taken for a change of the cluster."""
    server.fault(status, "watch=1")
    with pytest.raises(ApiError) as raised:
        next(api.watch(PODS, "1", seconds=1))
    assert raised.value.status == status


def test_a_command_has_its_exit_code_and_output(api: Api, server: ApiServer) -> None:
    """All three channels arrive, also more than one frame's length of them."""
    server.exec = lambda pod, command: (7, "x" * 70000, f"{pod}: {' '.join(command)}")
    done = api.exec("lab", "web", "nginx", ["ls", "/srv"], seconds=5)
    assert (done.code, len(done.stdout), done.stderr) == (7, 70000, "web: ls /srv")


def test_a_command_without_an_exit_code_is_no_answer(api: Api, server: ApiServer) -> None:
    """Output alone proves nothing: the connection may have been lost in the middle of it."""
    server.exec = lambda _pod, _command: (None, "all is well", "")
    with pytest.raises(HarnessError, match="without telling its exit code"):
        api.exec("lab", "web", "nginx", ["true"], seconds=5)


def test_a_command_in_a_pod_that_is_gone_is_ours(api: Api, server: ApiServer) -> None:
    """A handshake that fails is a HarnessError, not a crash."""
    server.fault(404, "/exec")
    with pytest.raises(HarnessError, match="could not run a command in pod/web"):
        api.exec("lab", "web", "nginx", ["true"], seconds=5)


def test_a_command_ends_in_time(api: Api, server: ApiServer) -> None:
    """One that never ends is given up."""
    ends = threading.Event()
    server.exec = lambda _pod, _command: (int(ends.wait(5)), "", "")
    with pytest.raises(HarnessError, match="did not end in time"):
        api.exec("lab", "web", "nginx", ["sleep", "infinity"], seconds=0.1)
    ends.set()


def test_a_command_that_talks_for_ever_is_given_up(
    api: Api, server: ApiServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A hostile container's endless output fills neither time nor memory."""
    monkeypatch.setattr(remote, "OUTPUT_LIMIT", 1000)
    server.exec = lambda _pod, _command: (0, "y\n" * 1000, "")
    with pytest.raises(HarnessError, match="more than 1000 bytes"):
        api.exec("lab", "web", "nginx", ["yes"], seconds=5)


class answering:  # noqa: N801 - used like a function
    """A server that gives every request the same answer."""

    def __init__(self, body: bytes, *, date: str = "") -> None:
        self._body, self._date = body, date
        self._listener = socket.create_server(("127.0.0.1", 0))

    def __enter__(self) -> int:
        threading.Thread(target=self._serve, daemon=True).start()
        return self._listener.getsockname()[1]

    def __exit__(self, *_: object) -> None:
        self._listener.close()

    def _serve(self) -> None:
        head = f"HTTP/1.1 200 OK\r\nContent-Length: {len(self._body)}\r\nConnection: close\r\n"
        head += f"Date: {self._date}\r\n" if self._date else ""
        for connection in self._connections():
            with connection:
                connection.recv(65536)
                connection.sendall(f"{head}\r\n".encode() + self._body)

    def _connections(self) -> Iterator[socket.socket]:
        try:
            while True:
                yield self._listener.accept()[0]
        except OSError:
            return
