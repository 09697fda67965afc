"""The probe program as others meet it, in both languages: it answers, and ends when it is told to."""

from __future__ import annotations

import signal
import socket
import subprocess
from collections.abc import Iterator
from urllib.request import urlopen

import pytest

from labgrade.patience import until
from tests.support.asking import HERE, Program, Servers

PORTS = 2


@pytest.fixture
def ports(servers: Servers) -> list[int]:
    """Ports that are free."""
    return [servers.absent() for _ in range(PORTS)]


@pytest.fixture
def listening(program: Program, ports: list[int]) -> Iterator[subprocess.Popen[str]]:
    """The program, listening on them over TCP and UDP."""
    running = program.start("listen", *(f"{port}{kind}" for port in ports for kind in ("", "/udp")))
    assert until(lambda: answers(ports[-1]), seconds=10, every=0.02)
    yield running
    running.kill()
    running.communicate()


def answers(port: int, host: str = HERE) -> bool:
    """Whether somebody takes a connection."""
    try:
        socket.create_connection((host, port), timeout=1).close()
    except OSError:
        return False
    return True


@pytest.mark.usefixtures("listening")
def test_it_says_who_it_is(ports: list[int]) -> None:
    """Over HTTP, on every port, whatever is asked."""
    for port in ports:
        for body in (None, b"x" * 5000):
            with urlopen(f"http://{HERE}:{port}/any?thing", data=body, timeout=5) as answer:
                assert (answer.status, answer.read().decode()) == (200, socket.gethostname())


@pytest.mark.usefixtures("listening")
def test_it_sends_datagrams_back(ports: list[int]) -> None:
    """Each to the one who sent it."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.settimeout(5)
        sock.connect((HERE, ports[0]))
        sock.send(b"hello")
        assert sock.recv(100) == b"hello"


@pytest.mark.usefixtures("listening")
def test_it_listens_over_ipv6_too(ports: list[int]) -> None:
    """Where the machine has it."""
    if not socket.has_dualstack_ipv6():
        pytest.skip("no IPv6 here")
    assert answers(ports[0], "::1")


@pytest.mark.usefixtures("listening")
def test_a_connection_that_asks_nothing_is_held(ports: list[int]) -> None:
    """So that it can be seen to live."""
    with socket.create_connection((HERE, ports[0])) as sock:
        sock.settimeout(0.5)
        with pytest.raises(TimeoutError):
            sock.recv(1)


@pytest.mark.usefixtures("listening")
def test_the_program_answers_itself(program: Program, ports: list[int]) -> None:
    """Every kind of question that it listens to."""
    kinds = ("tcp", "udp", "http")
    found = program.ask(*({"kind": kind, "port": port} for kind in kinds for port in ports))
    assert [answer["verdict"] for answer in found] == [*("connected",) * 4, *("http",) * 2]


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_it_ends_when_it_is_told_to(listening: subprocess.Popen[str], number: int) -> None:
    """At once and without complaint: it is the first process of its container, which no signal ends by itself."""
    listening.send_signal(number)
    assert listening.wait(timeout=3) == 0


def test_without_a_port_it_idles_until_it_is_told_to_end(program: Program) -> None:
    """In a student's own Pod it takes no port."""
    running = program.start("listen")
    with pytest.raises(subprocess.TimeoutExpired):
        running.wait(timeout=1)
    running.terminate()
    assert running.wait(timeout=3) == 0


def test_a_port_that_is_taken_ends_it(program: Program, servers: Servers) -> None:
    """It does not look as if it listened."""
    done = program.run("listen", str(servers.silent()))
    assert done.returncode != 0
    assert "in use" in done.stderr
