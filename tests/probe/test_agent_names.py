"""Names as the probe program sees them, in both languages: a DNS server on loopback, asked as a Pod would."""

from __future__ import annotations

import json
import socket
import struct
from collections.abc import Iterator
from typing import Any

import pytest

from labgrade.model import Json
from labgrade.patience import until
from tests.support.asking import HERE, NONCE, Program, Servers, says_nothing
from tests.support.names import AAAA, CNAME, SRV, A, Names, name_of, record

WEB = "web.lab.svc.cluster.local"
SEARCH = ["lab.svc.cluster.local", "svc.cluster.local"]


def alias(of: str, name: str = "") -> bytes:
    """A record that says so."""
    return record(CNAME, name_of(of), *([name_of(name)] if name else []))


@pytest.fixture
def names() -> Iterator[Names]:
    """A cluster's DNS."""
    addresses = [record(A, bytes([10, 0, 0, last])) for last in (9, 3)]
    chain = [
        alias("b.example"),
        alias("c.example", "b.example"),
        record(A, bytes([192, 0, 2, 7]), name_of("c.example")),
    ]
    server = Names(
        {
            WEB: (0, addresses),
            "alias.lab.svc.cluster.local": (0, [alias("example.org")]),
            "example.org": (0, [record(A, bytes([192, 0, 2, 9]))]),
            "chain.lab.svc.cluster.local": (0, chain),
            "dangling.lab.svc.cluster.local": (0, [alias("nowhere.example")]),
            "circle.lab.svc.cluster.local": (0, [alias("circle.lab.svc.cluster.local")]),
            "six.lab.svc.cluster.local": (0, [record(AAAA, socket.inet_pton(socket.AF_INET6, "fd00::7"))]),
            "ports.lab.svc.cluster.local": (0, [record(SRV, struct.pack(">3H", 0, 1, 8080) + name_of("a.web"))]),
            "empty.lab.svc.cluster.local": (0, []),
            "broken.lab.svc.cluster.local": (2, []),
            "garbled.lab.svc.cluster.local": (0, [record(A, b"\x0a")]),
            "web": (0, [record(A, bytes([192, 0, 2, 1]))]),
            "here.example": (0, [record(A, bytes([127, 0, 0, 1]))]),
            "one.example": (0, [record(A, bytes([127, 0, 0, last])) for last in (1, 2)]),
            "other.example": (0, [record(A, bytes([127, 0, 0, last])) for last in (2, 1)]),
        }
    )
    yield server
    server.close()


def asked(program: Program, names: Names, name: str, kind: str = "A", **more: Any) -> Json:
    """What a name stands for, in a Pod of the namespace `lab`."""
    usual = {"server": names.address, "search": SEARCH, "ndots": 5}
    (found,) = program.ask({"kind": "dns", "host": name, "type": kind, **usual, **more})
    return found


@pytest.mark.parametrize(
    ("name", "kind", "verdict", "addresses"),
    [
        (f"{WEB}.", "A", "connected", ["10.0.0.3", "10.0.0.9"]),
        ("web", "A", "connected", ["10.0.0.3", "10.0.0.9"]),
        ("web.lab.svc", "A", "unresolved", []),
        ("web.", "A", "connected", ["192.0.2.1"]),
        ("alias", "CNAME", "connected", ["example.org"]),
        ("alias", "A", "connected", ["192.0.2.9"]),
        ("chain", "A", "connected", ["192.0.2.7"]),
        ("six", "AAAA", "connected", ["fd00::7"]),
        ("ports", "SRV", "connected", ["a.web:8080"]),
        ("six", "A", "unresolved", []),
        ("nowhere", "A", "unresolved", []),
        ("dangling", "A", "unresolved", []),
        ("circle", "A", "unresolved", []),
        ("empty.lab.svc.cluster.local.", "A", "unresolved", []),
        ("broken.lab.svc.cluster.local.", "A", "unresolved", []),
        ("garbled.lab.svc.cluster.local.", "A", "unresolved", []),
        ("a..b", "A", "inconclusive", []),
        (f"{'a' * 64}.example.", "A", "inconclusive", []),
    ],
)
def test_names(program: Program, names: Names, name: str, kind: str, verdict: str, addresses: list[str]) -> None:
    """Search domains come first for short names, and none for a name with a dot at its end."""
    found = asked(program, names, name, kind)
    assert (found["verdict"], found.get("addresses", [])) == (verdict, addresses)
    assert not (name.endswith(".") and len(names.asked) > 1)


@pytest.mark.parametrize(
    ("name", "detail"),
    [
        ("web", WEB),
        ("alias", "alias.lab.svc.cluster.local → example.org"),
        ("chain", "chain.lab.svc.cluster.local → b.example → c.example"),
        ("dangling", "nowhere.example: no such name"),
        ("six", "no such record"),
        ("nowhere", "no such name"),
        ("broken", "the DNS server answered SERVFAIL"),
        ("garbled", "the DNS server's answer cannot be read"),
    ],
)
def test_what_is_said_of_a_name(program: Program, names: Names, name: str, detail: str) -> None:
    """The whole way to an address, or why there is none."""
    assert asked(program, names, name)["detail"] == detail


def test_a_name_with_enough_dots_is_tried_as_it_is_first(program: Program, names: Names) -> None:
    """As in a Pod whose ndots are few."""
    assert asked(program, names, "example.org", ndots=1)["addresses"] == ["192.0.2.9"]
    assert names.asked == ["example.org"]


def test_a_long_answer_comes_over_tcp(program: Program, names: Names) -> None:
    """A headless Service of fifty Pods does not fit into a datagram."""
    names.truncates = True
    assert asked(program, names, f"{WEB}.")["addresses"] == ["10.0.0.3", "10.0.0.9"]


def test_a_dns_server_that_is_silent_or_absent(program: Program, names: Names, servers: Servers) -> None:
    """Neither is a name that does not exist."""
    names.mute = True
    silent, absent = program.ask(
        {"kind": "dns", "host": "web.", "server": names.address},
        {"kind": "dns", "host": "web.", "server": f"{HERE}:{servers.absent(socket.SOCK_DGRAM)}"},
    )
    assert (silent["verdict"], silent["attempts"]) == ("dropped", 2)
    assert absent["verdict"] == "refused"
    assert names.asked == ["web", "web"]


def test_other_questions_have_names_too(program: Program, names: Names, servers: Servers) -> None:
    """And are answered with the addresses that were found."""
    port = servers.tcp(says_nothing)
    found = program.ask(
        {"kind": "tcp", "host": "here.example.", "port": port, "server": names.address},
        {"kind": "tcp", "host": "nowhere.example.", "port": port, "server": names.address},
    )
    assert [answer["verdict"] for answer in found] == ["connected", "unresolved"]
    assert found[0]["addresses"] == [HERE]
    assert found[1]["detail"] == "no such name: nowhere.example."


def test_a_name_that_nobody_explains_says_who_was_silent(program: Program, names: Names) -> None:
    """An egress policy that forgets DNS looks like that: the server itself was never asked."""
    names.mute = True
    (found,) = program.ask({"kind": "tcp", "host": "here.example.", "port": 80, "server": names.address})
    assert (found["verdict"], found["attempts"]) == ("unresolved", 2)
    assert found["detail"] == f"the DNS server ({names.address}) did not answer"


def test_a_name_that_is_explained_the_second_time_is_no_failure(program: Program, names: Names) -> None:
    """One lost packet is no policy."""
    names.mute = True
    question = {"kind": "dns", "host": "here.example.", "server": names.address, "timeout": 0.9, "stagger": 1.2}
    more = {**question, "kind": "udp", "port": 9, "payload": ""}
    running = program.start("ask", NONCE, json.dumps([question, more]))
    assert until(lambda: len(names.asked) >= 2, seconds=10, every=0.02)
    names.mute = False
    out, _ = running.communicate(timeout=10)
    answers = sorted(map(json.loads, out.splitlines()[:2]), key=lambda answer: answer["index"])
    assert [answer["verdict"] for answer in answers] == ["connected", "refused"]
    assert [answer["attempts"] for answer in answers] == [2, 2]


def test_an_address_that_turns_away_is_not_the_last_one(program: Program, names: Names, servers: Servers) -> None:
    """As every program tries the next one."""
    question = {"kind": "tcp", "port": servers.tcp(says_nothing), "server": names.address}
    found = program.ask(*({**question, "host": name} for name in ("one.example.", "other.example.")))
    assert [answer["verdict"] for answer in found] == ["connected", "connected"]
    assert found[0]["addresses"] == ["127.0.0.1", "127.0.0.2"]
