"""The probe program, in both languages: real sockets on loopback, one verdict for each way that a connection can go."""

from __future__ import annotations

import contextlib
import json
import os
import resource
import signal
import socket
import threading
import time
from typing import Any

import pytest

from tests.support.asking import (
    HERE,
    NONCE,
    Program,
    Servers,
    answers_with,
    page,
    resets,
    says_nothing,
)

SILENT = "the connection opened, and no answer came in time"


def tcp(port: int, **more: Any) -> dict[str, Any]:
    """A question of TCP."""
    return {"kind": "tcp", "port": port, **more}


def udp(port: int, **more: Any) -> dict[str, Any]:
    """A question of UDP."""
    return {"kind": "udp", "port": port, **more}


def http(port: int, **more: Any) -> dict[str, Any]:
    """A question of HTTP."""
    return {"kind": "http", "port": port, **more}


def test_every_way_a_connection_can_go(program: Program, servers: Servers) -> None:
    """All at once, each with its own verdict, and the time-out of one delays no other."""
    nowhere, silent = servers.absent(), servers.silent()
    found = program.ask(
        tcp(servers.tcp(says_nothing)),
        http(servers.tcp(answers_with(page("200 OK", b"hi")))),
        http(servers.tcp(answers_with(page("404 Not Found"))), path="/nowhere"),
        tcp(nowhere),
        http(nowhere),
        tcp(silent),
        http(silent),
        http(servers.tcp(resets)),
        http(servers.tcp(answers_with(b""))),
        http(servers.tcp(answers_with(b"220 mail.example ESMTP\r\n"))),
        http(servers.tcp(says_nothing)),
        tcp(80, host="255.255.255.255"),
    )
    assert [answer["verdict"] for answer in found] == [
        *("connected", "http", "http", "refused", "refused", "dropped", "dropped"),
        *("reset", "reset", "connected", "connected", "unreachable"),
    ]
    assert [found[1]["status"], found[1]["body"], found[2]["status"]] == [200, "hi", 404]
    assert found[9]["detail"].startswith("not HTTP")
    assert found[10]["detail"] == SILENT
    assert all(answer["seconds"] < 0.3 for answer in found[:5])


def test_datagrams(program: Program, servers: Servers) -> None:
    """An answer, a refusal, and silence."""
    found = program.ask(
        udp(servers.udp(lambda packet: packet)),
        udp(servers.udp(lambda packet: packet[::-1] * 50), payload="ab"),
        udp(servers.absent(socket.SOCK_DGRAM)),
        udp(servers.udp(lambda _: None)),
    )
    assert [answer["verdict"] for answer in found] == ["connected", "connected", "refused", "dropped"]
    assert [found[0]["detail"], found[1]["detail"]] == ["labgrade", "ba" * 40]


def test_a_datagram_that_was_lost_is_sent_again(program: Program, servers: Servers) -> None:
    """One lost packet is no policy."""
    came: list[bytes] = []

    def second(packet: bytes) -> bytes | None:
        came.append(packet)
        return packet if len(came) == 2 else None

    (found,) = program.ask(udp(servers.udp(second)))
    assert (found["verdict"], found["attempts"]) == ("connected", 2)


def test_silence_costs_little_more_than_one_time_out(program: Program, servers: Servers) -> None:
    """Both attempts overlap; one is enough where no more are wanted."""
    silent = servers.silent()
    for more, cost, attempts in (({}, 0.6, 2), ({"attempts": 1}, 0.4, 1), ({"attempts": 3}, 0.8, 3)):
        began = time.monotonic()
        (found,) = program.ask(tcp(silent, **more))
        assert (found["verdict"], found["attempts"]) == ("dropped", attempts)
        assert cost <= time.monotonic() - began < cost + 0.5


def test_silence_has_to_be_met_twice(program: Program, servers: Servers) -> None:
    """The first packet is lost and the second one answered: nothing was blocked."""
    listener = servers.full()
    timer = threading.Timer(0.5, listener.drain)
    timer.start()
    (found,) = program.ask(tcp(listener.port, timeout=0.9, stagger=0.8))
    timer.join()
    assert (found["verdict"], found["attempts"]) == ("connected", 2)


def test_an_answer_that_the_program_is_too_busy_to_see_counts(program: Program, servers: Servers) -> None:
    """What the system has accepted in time was not dropped, however late the program runs again."""
    listener = servers.full()
    question = {"kind": "tcp", "host": HERE, "port": listener.port, "timeout": 1.6, "attempts": 1}
    running = program.start("ask", NONCE, json.dumps([question]))
    time.sleep(0.5)  # it has sent its first packet, which the full queue drops; the system sends another after 1 s
    listener.drain()
    os.kill(running.pid, signal.SIGSTOP)
    time.sleep(1.6)
    os.kill(running.pid, signal.SIGCONT)
    out, _ = running.communicate(timeout=10)
    assert json.loads(out.splitlines()[0])["verdict"] == "connected"


def test_a_server_that_answers_the_second_time_has_answered(program: Program, servers: Servers) -> None:
    """A connection that opened and stayed silent is no last word either."""
    seen: list[socket.socket] = []

    def second(connection: socket.socket) -> None:
        seen.append(connection)
        if len(seen) == 2:
            time.sleep(0.4)  # when the first attempt has ended
            answers_with(page("204 No Content"))(connection)

    (found,) = program.ask(http(servers.tcp(second), timeout=0.6, stagger=0.4))
    assert (found["verdict"], found["status"], found["attempts"]) == ("http", 204, 2)


def test_what_is_asked_over_http_is_what_was_wanted(program: Program, servers: Servers) -> None:
    """Method, path, headers and body arrive; redirections stay what they are."""
    heard: list[bytes] = []
    moved = page("302 Found", b"x" * 100, "Location: http://127.0.0.1:1/\r\nX-Two: a\r\nX-Two: b\r\n")
    port = servers.tcp(answers_with(moved, heard))
    sent = {"method": "POST", "path": "/a?b=c", "headers": {"host": "shop.example", "X-Key": "k"}, "body": "é"}
    found = program.ask(http(port, limit=10, **sent), http(port))
    assert [found[0]["status"], found[0]["body"]] == [302, "x" * 10]
    assert found[0]["headers"]["location"] == "http://127.0.0.1:1/"
    assert found[0]["headers"]["x-two"] == "a, b"
    head, _, body = next(each for each in heard if b"POST" in each).partition(b"\r\n\r\n")
    lines = head.decode().split("\r\n")
    assert lines[0] == "POST /a?b=c HTTP/1.1"
    assert {"Host: shop.example", "X-Key: k", "Content-Length: 2", "Connection: close"} <= set(lines)
    assert body == "é".encode()
    assert f"Host: {HERE}:{port}".encode() in next(each for each in heard if b"GET" in each)


def test_an_answer_in_chunks_and_one_that_is_no_text(program: Program, servers: Servers) -> None:
    """Both come as words."""
    chunks = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhi\r\n3\r\n you\r\n0\r\n\r\n"
    chunks = chunks.replace(b"3\r\n you", b"4\r\n you")
    found = program.ask(
        http(servers.tcp(answers_with(chunks))), http(servers.tcp(answers_with(page("200 OK", b"\xff!"))))
    )
    assert [answer["body"] for answer in found] == ["hi you", "\ufffd!"]


def test_each_question_has_a_connection_of_its_own(program: Program, servers: Servers) -> None:
    """So that asking the same again and again shows how a Service spreads."""
    heard: list[bytes] = []
    stays = b"HTTP/1.1 200 OK\r\nConnection: keep-alive\r\nContent-Length: 0\r\n\r\n"
    program.ask(*[http(servers.tcp(answers_with(stays, heard)))] * 20)
    assert len(heard) == 20


def test_a_tls_server_shows_its_certificate(program: Program, servers: Servers) -> None:
    """Whoever signed it, and the server learns which name was asked for."""
    named: list[str | None] = []
    port = servers.tls(answers_with(page("200 OK", b"secret")), named)
    (found,) = program.ask(http(port, tls=True, server_name="shop.example"))
    assert (found["verdict"], found["status"], found["body"]) == ("http", 200, "secret")
    assert found["certificate"]["names"] == ["127.0.0.1", "localhost"]
    assert found["certificate"]["subject"] == "CN=labgrade test server"
    assert found["certificate"]["issuer"] == "CN=labgrade test CA"
    assert found["certificate"]["not_after"] == "2126-10-28T07:38:43Z"
    assert len(found["certificate"]["sha256"]) == 64
    assert named == ["shop.example"]


def test_a_server_without_tls_is_there_all_the_same(program: Program, servers: Servers) -> None:
    """It took the connection: nothing was blocked."""
    found = program.ask(
        *(
            http(servers.tcp(talk), tls=True)
            for talk in (answers_with(page("400 Bad Request")), answers_with(b""), resets, says_nothing)
        )
    )
    assert [answer["verdict"] for answer in found] == ["connected"] * 4
    assert all("TLS" in answer["detail"] for answer in found[:3])
    assert found[3]["detail"] == SILENT


@pytest.mark.parametrize(
    ("head", "verdict", "detail"),
    [
        (b"HTTP/1.1 200", "connected", ""),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 9999\r\n\r\n", "http", "the body did not end in time"),
    ],
)
def test_a_server_that_dribbles_keeps_nobody_waiting(
    program: Program, servers: Servers, head: bytes, verdict: str, detail: str
) -> None:
    """An endless answer, meant or not, has a verdict too: it is the student's server."""

    def dribble(connection: socket.socket) -> None:
        connection.sendall(head)
        while True:
            connection.sendall(b"x")
            time.sleep(0.05)

    (found,) = program.ask(http(servers.tcp(dribble)))
    assert found["verdict"] == verdict
    assert detail in found["detail"]
    assert found["seconds"] < 2


@pytest.mark.parametrize("files", [0, 256])
def test_five_hundred_questions_at_once(program: Program, servers: Servers, files: int) -> None:
    """In the time of one, and none of it wrong; a low limit on files, which may be raised, is."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    fine, silent = servers.tcp(answers_with(page("204 No Content"))), [servers.silent() for _ in range(5)]
    if files:
        resource.setrlimit(resource.RLIMIT_NOFILE, (files, hard))
    began = time.monotonic()
    try:
        found = program.ask(*[http(fine, timeout=2)] * 150, *[tcp(port) for port in silent] * 70)
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    assert [answer["verdict"] for answer in found] == ["http"] * 150 + ["dropped"] * 350
    assert time.monotonic() - began < 8


def test_a_short_queue_is_not_overrun(program: Program) -> None:
    """A server that takes one connection after the other, as many simple ones do, is not blocked by anybody."""
    with socket.create_server((HERE, 0), backlog=5) as listener:

        def take() -> None:
            while True:
                try:
                    connection = listener.accept()[0]
                except OSError:
                    return
                with contextlib.suppress(OSError):
                    answers_with(page("200 OK"))(connection)

        threading.Thread(target=take, daemon=True).start()
        found = program.ask(*[http(listener.getsockname()[1], timeout=1, stagger=0.5)] * 100)
    assert {answer["verdict"] for answer in found} == {"http"}


BAD: list[tuple[object, str]] = [
    ({"kind": "icmp", "host": HERE}, 'unknown kind "icmp"'),
    ({"kind": "tcp", "host": HERE, "port": 0}, "port 0 is not between 1 and 65535"),
    ({"kind": "udp", "host": HERE, "port": 70000}, "port 70000 is not between 1 and 65535"),
    ({"kind": "http", "host": HERE}, "port 0 is not between 1 and 65535"),
    ({"kind": "tcp", "host": "", "port": 1}, '"" is no host'),
    ({"kind": "tcp", "host": HERE, "port": 1, "timeout": 0}, "too little"),
    ({"kind": "http", "host": HERE, "port": 1, "path": "nowhere"}, "cannot be asked for"),
    ({"kind": "http", "host": HERE, "port": 1, "path": "/a\r\nX: y"}, "cannot be asked for"),
    ({"kind": "http", "host": HERE, "port": 1, "headers": {"A": "b\r\nC: d"}}, 'header "A" cannot be sent'),
    ({"kind": "dns", "host": "a", "type": "MX"}, 'unknown record type "MX"'),
    ({"kind": "tcp", "host": HERE, "port": 1, "timeout": "long"}, "not a question"),
    ("tcp", "not a question"),
]


def test_bad_questions_spoil_no_good_ones(program: Program, servers: Servers) -> None:
    """Each is told what is wrong with it."""
    good = {"kind": "tcp", "host": HERE, "port": servers.absent()}
    *found, last = program.whole([*(question for question, _ in BAD), good])
    for answer, (_, said) in zip(found, BAD, strict=True):
        assert answer["verdict"] == "inconclusive"
        assert said in answer["detail"]
    assert last["verdict"] == "refused"


def test_questions_may_come_in_pieces(program: Program, servers: Servers) -> None:
    """A single word of a command line may not be long enough for them."""
    words = json.dumps([{"kind": "tcp", "host": HERE, "port": servers.absent()}] * 3)
    done = program.run("ask", NONCE, words[:50], words[50:51], words[51:])
    *answers, last = done.stdout.splitlines()
    assert (done.returncode, len(answers), last) == (0, 3, f"{NONCE} 3")


def test_no_questions_are_answered_too(program: Program) -> None:
    """By the last line alone."""
    assert program.run("ask", NONCE, "[]").stdout == f"{NONCE} 0\n"


@pytest.mark.parametrize(
    "words",
    [
        [],
        ["ask"],
        ["ask", NONCE],
        ["ask", NONCE, "{"],
        ["ask", NONCE, "7"],
        ["sing"],
        ["listen", "http"],
        ["listen", "0"],
    ],
)
def test_misuse_is_no_answer(program: Program, words: list[str]) -> None:
    """Nothing that could be taken for one is printed."""
    done = program.run(*words)
    assert done.returncode != 0
    assert done.stderr
    assert NONCE not in done.stdout


def test_no_proxy_stands_between(program: Program, servers: Servers, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever the Pod's environment says."""
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy"):
        monkeypatch.setenv(name, f"http://{HERE}:{servers.absent()}")
    (found,) = program.ask(http(servers.tcp(answers_with(page("200 OK")))))
    assert found["verdict"] == "http"
