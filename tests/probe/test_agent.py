"""The agent as it runs in a Pod: real sockets on loopback, one verdict for each way that a connection can go."""

from __future__ import annotations

import contextlib
import inspect
import json
import socket
import struct
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from typing import Any

import pytest

from labgrade.model import Json
from labgrade.probe import agent
from labgrade.probe.answer import Question, http, tcp

NONCE = "c0ffee"
HERE = "127.0.0.1"
Serve = Callable[[Callable[[socket.socket], None]], int]


def asked(*questions: Question) -> list[Json]:
    """What the agent answers, run as the probe runs it; times are short, as nobody is far away."""
    data = [question.data | {"timeout": 0.3} for question in questions]
    command = [sys.executable, "-IS", "-c", inspect.getsource(agent), json.dumps(data), NONCE]
    lines = subprocess.run(command, capture_output=True, text=True, check=True, timeout=30).stdout.splitlines()
    assert lines[-1] == NONCE
    answers = sorted((json.loads(line) for line in lines[:-1]), key=lambda answer: answer["index"])
    assert [answer["index"] for answer in answers] == list(range(len(questions)))
    return answers


@pytest.fixture
def serve() -> Iterator[Serve]:
    """Starts a server on a port of its own; it is given every connection."""
    with ExitStack() as stack:

        def start(talk: Callable[[socket.socket], None]) -> int:
            listener = stack.enter_context(closing(socket.create_server((HERE, 0), backlog=200)))
            threading.Thread(target=loop, args=(listener, talk), daemon=True).start()
            return listener.getsockname()[1]

        def loop(listener: socket.socket, talk: Callable[[socket.socket], None]) -> None:
            while True:
                try:
                    connection, _ = listener.accept()
                except OSError:
                    return
                stack.callback(connection.close)
                talk(connection)

        yield start


def answers_with(words: bytes) -> Callable[[socket.socket], None]:
    """A server that answers so, and hangs up."""

    def talk(connection: socket.socket) -> None:
        connection.recv(65536)
        connection.sendall(words)
        connection.close()

    return talk


def resets(connection: socket.socket) -> None:
    """Hears the question, and tears the connection down."""
    connection.recv(65536)
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    connection.close()


def says_nothing(_: socket.socket) -> None:
    """Holds the line."""


@pytest.fixture
def refusing() -> int:
    """A port where nobody listens."""
    with closing(socket.create_server((HERE, 0))) as listener:
        return listener.getsockname()[1]


@pytest.fixture
def dropping() -> Iterator[int]:
    """A port whose queue is full: the system drops what comes, as a firewall would."""
    with ExitStack() as stack:
        listener = stack.enter_context(closing(socket.socket()))
        listener.bind((HERE, 0))
        listener.listen(0)
        for _ in range(4):
            filler = stack.enter_context(closing(socket.socket()))
            filler.settimeout(0)
            filler.connect_ex(listener.getsockname())
        yield listener.getsockname()[1]


def test_every_way_a_connection_can_go(serve: Serve, refusing: int, dropping: int) -> None:
    """All at once, each with its own verdict, and the time-out of one delays no other."""
    fine = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi"
    missing = b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n"
    found = asked(
        tcp(HERE, serve(says_nothing)),
        http(HERE, serve(answers_with(fine))),
        http(HERE, serve(answers_with(missing)), "/nowhere"),
        tcp(HERE, refusing),
        http(HERE, refusing),
        tcp(HERE, dropping),
        http(HERE, dropping),
        http(HERE, serve(resets)),
        http(HERE, serve(answers_with(b""))),
        http(HERE, serve(answers_with(b"220 mail.example ESMTP\r\n"))),
        http(HERE, serve(says_nothing)),
        tcp("nowhere.invalid", 80),
        tcp("255.255.255.255", 80),
    )
    assert [answer["verdict"] for answer in found] == [
        *("connected", "http", "http", "refused", "refused", "dropped", "dropped"),
        *("reset", "reset", "connected", "connected", "unresolved", "unreachable"),
    ]
    assert [found[1]["status"], found[1]["body"], found[2]["status"]] == [200, "hi", 404]
    assert found[10]["detail"] == agent.SILENT
    assert all(answer["seconds"] < 0.3 for answer in found[:2])


@pytest.mark.parametrize(
    ("head", "verdict"), [(b"", "connected"), (b"HTTP/1.1 200 OK\r\nContent-Length: 9999\r\n\r\n", "http")]
)
def test_a_server_that_dribbles_keeps_nobody_waiting(serve: Serve, head: bytes, verdict: str) -> None:
    """An endless answer, meant or not, has a verdict too: it is the student's server."""

    def dribble(connection: socket.socket) -> None:
        with contextlib.suppress(OSError):
            connection.sendall(head)
            while True:
                connection.sendall(b"x")
                threading.Event().wait(0.05)

    (found,) = asked(http(HERE, serve(dribble)))
    assert found["verdict"] == verdict
    assert found["seconds"] < 3


def test_many_questions_at_once(serve: Serve) -> None:
    """A table of policies is asked in the time of one question."""
    port = serve(answers_with(b"HTTP/1.1 204 No Content\r\n\r\n"))
    assert {answer["status"] for answer in asked(*[http(HERE, port)] * 150)} == {204}


@pytest.fixture
def hurried(monkeypatch: pytest.MonkeyPatch) -> None:
    """Attempts follow one another closely."""
    monkeypatch.setattr(agent, "STAGGER_SECONDS", 0.01)


@pytest.mark.usefixtures("hurried")
@pytest.mark.parametrize(
    ("verdicts", "verdict"),
    [
        (["dropped", "dropped"], "dropped"),
        (["dropped", "connected"], "connected"),
        (["dropped", "refused"], "refused"),
        (["inconclusive", "connected"], "connected"),
        (["refused"], "refused"),
        (["connected"], "connected"),
    ],
)
def test_silence_has_to_be_met_twice(monkeypatch: pytest.MonkeyPatch, verdicts: list[str], verdict: str) -> None:
    """One lost packet is no policy; whatever is clear is not asked again."""
    left = list(verdicts)
    monkeypatch.setitem(agent.KINDS, "tcp", lambda _: {"verdict": left.pop(0)})
    assert agent.ask({"kind": "tcp"})["verdict"] == verdict
    assert left == []


def test_the_nonce_comes_last(capfd: pytest.CaptureFixture[str]) -> None:
    """And only after every answer, so that a lost stream cannot look whole."""
    agent.main([{"kind": "tcp", "host": HERE, "port": 1, "timeout": 0.1}], NONCE)
    lines = capfd.readouterr().out.splitlines()
    assert (len(lines), lines[-1]) == (2, NONCE)


def name_of(words: str) -> bytes:
    """A name as DNS writes it."""
    return b"".join(bytes([len(part)]) + part.encode() for part in words.split(".") if part) + b"\0"


def record(kind: int, data: bytes) -> bytes:
    """An answer about the name that was asked for, by a pointer to it."""
    return b"\xc0\x0c" + struct.pack(">HHIH", kind, 1, 5, len(data)) + data


class Names:
    """A DNS server: name to response code and records."""

    def __init__(self, known: dict[str, tuple[int, list[bytes]]]) -> None:
        self.known, self.asked, self.truncates = known, list[str](), False
        self.udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.udp.bind((HERE, 0))
        self.port: int = self.udp.getsockname()[1]
        self.tcp = socket.create_server((HERE, self.port))
        for loop in (self._datagrams, self._streams):
            threading.Thread(target=loop, daemon=True).start()

    def close(self) -> None:
        """Stops."""
        self.udp.close()
        self.tcp.close()

    def _answer(self, packet: bytes, flags: int = 0) -> bytes:
        name = agent.name_at(packet, 12)[0]
        self.asked.append(name)
        code, found = self.known.get(name, (3, []))
        head = packet[:2] + struct.pack(">5H", 0x8000 | flags | code, 1, 0 if flags else len(found), 0, 0)
        return head + packet[12:] + (b"" if flags else b"".join(found))

    def _datagrams(self) -> None:
        while True:
            try:
                packet, sender = self.udp.recvfrom(4096)
                # First what somebody might send who only guesses the number of the question.
                self.udp.sendto(bytes([packet[0] ^ 1, packet[1]]) + packet[2:], sender)
                self.udp.sendto(self._answer(packet, 0x0200 if self.truncates else 0), sender)
            except OSError:
                return

    def _streams(self) -> None:
        while True:
            try:
                connection, _ = self.tcp.accept()
            except OSError:
                return
            with connection:
                answer = self._answer(connection.recv(4096)[2:])
                connection.sendall(struct.pack(">H", len(answer)) + answer)


A, CNAME, AAAA, SRV = 1, 5, 28, 33
WEB = "web.lab.svc.cluster.local"


@pytest.fixture
def names(monkeypatch: pytest.MonkeyPatch) -> Iterator[Names]:
    """A cluster's DNS, seen from a Pod in the namespace `lab`."""
    addresses = [record(A, bytes([10, 0, 0, last])) for last in (9, 3)]
    known = {
        WEB: (0, addresses),
        "alias.lab.svc.cluster.local": (0, [record(CNAME, name_of("example.org"))]),
        "six.lab.svc.cluster.local": (0, [record(AAAA, socket.inet_pton(socket.AF_INET6, "fd00::7"))]),
        "ports.lab.svc.cluster.local": (0, [record(SRV, struct.pack(">3H", 0, 1, 8080) + name_of("a.web"))]),
        "empty.lab.svc.cluster.local": (0, []),
        "broken.lab.svc.cluster.local": (2, []),
        "web": (0, [record(A, bytes([192, 0, 2, 1]))]),
    }
    server = Names(known)
    monkeypatch.setattr(agent, "DNS_PORT", server.port)
    search = ["lab.svc.cluster.local", "svc.cluster.local"]
    monkeypatch.setattr(agent, "resolver", lambda: ([HERE], search, 5))
    yield server
    server.close()


def dns(name: str, kind: str = "A") -> Json:
    """What a name stands for."""
    return agent.attempt({"kind": "dns", "host": name, "type": kind, "timeout": 1.0})


@pytest.mark.parametrize(
    ("name", "kind", "verdict", "addresses"),
    [
        (f"{WEB}.", "A", "connected", ["10.0.0.3", "10.0.0.9"]),
        ("web", "A", "connected", ["10.0.0.3", "10.0.0.9"]),
        ("web.lab.svc", "A", "unresolved", []),
        ("web.", "A", "connected", ["192.0.2.1"]),
        ("alias", "CNAME", "connected", ["example.org"]),
        ("six", "AAAA", "connected", ["fd00::7"]),
        ("ports", "SRV", "connected", ["a.web:8080"]),
        ("six", "A", "unresolved", []),
        ("nowhere", "A", "unresolved", []),
        ("empty.lab.svc.cluster.local.", "A", "unresolved", []),
        ("broken.lab.svc.cluster.local.", "A", "inconclusive", []),
    ],
)
def test_names(names: Names, name: str, kind: str, verdict: str, addresses: list[str]) -> None:
    """Search domains come first for short names, and none for a name with a dot at its end."""
    found = dns(name, kind)
    assert (found["verdict"], found.get("addresses", [])) == (verdict, addresses)
    assert not (name.endswith(".") and len(names.asked) > 1)


def test_a_long_answer_comes_over_tcp(names: Names) -> None:
    """A headless Service of fifty Pods does not fit into a datagram."""
    names.truncates = True
    assert dns(f"{WEB}.")["addresses"] == ["10.0.0.3", "10.0.0.9"]


def test_a_dns_server_that_is_silent_or_absent(names: Names, refusing: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither is a name that does not exist."""
    monkeypatch.setattr(agent, "DNS_PORT", refusing)
    assert dns("web.")["verdict"] == "refused"
    with closing(socket.socket(socket.AF_INET, socket.SOCK_DGRAM)) as silent:
        silent.bind((HERE, 0))
        monkeypatch.setattr(agent, "DNS_PORT", silent.getsockname()[1])
        found: dict[str, Any] = agent.attempt({"kind": "dns", "host": "web.", "type": "A", "timeout": 0.1})
    assert found["verdict"] == "dropped"
    assert names.asked == []
