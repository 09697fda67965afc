"""Runs inside a Pod, as text: tries many connections at once and prints what came of each.

Only the standard library, and of it as little as can be: this file is sent to `python3 -c` with a JSON list of
questions and a nonce. One JSON line an answer; the last line is the nonce, so that a lost stream is noticed.
"""

from __future__ import annotations

import errno
import importlib
import json
import os
import socket
import struct
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

Json = dict[str, Any]

TRIES = 2
STAGGER_SECONDS = 0.4
SLOWEST = 3
"""An answer over HTTP may take so many time-outs in all, then what came of it counts."""

DNS_PORT = 53
SILENT = "the connection opened, and no answer came in time"
TYPES = {"A": 1, "CNAME": 5, "AAAA": 28, "SRV": 33}


def verdict_of(error: OSError) -> str:
    """The verdict that an error of the operating system means."""
    if isinstance(error, socket.gaierror):
        return "unresolved"
    if isinstance(error, TimeoutError):
        return "dropped"
    if isinstance(error, ConnectionRefusedError):
        return "refused"
    if isinstance(error, (ConnectionResetError, BrokenPipeError)):
        return "reset"
    if getattr(error, "errno", None) in (errno.EHOSTUNREACH, errno.ENETUNREACH, errno.EACCES, errno.EPERM):
        return "unreachable"
    return "inconclusive"


def tcp(question: Json) -> Json:
    """Opens a connection."""
    with socket.create_connection((question["host"], question["port"]), timeout=question["timeout"]):
        return {"verdict": "connected"}


def http_(question: Json) -> Json:
    """Asks a web server."""
    import http.client  # takes as long as all the rest: other questions need not wait for it

    connection = http.client.HTTPConnection(question["host"], question["port"], timeout=question["timeout"])
    connection.connect()
    # A server that dribbles would keep every single read within its time.
    guard = threading.Timer(SLOWEST * question["timeout"], connection.sock.shutdown, [socket.SHUT_RDWR])
    guard.daemon = True
    guard.start()
    try:
        connection.request(question.get("method", "GET"), question["path"], headers=question.get("headers", {}))
        response = connection.getresponse()
        body = response.read(question.get("limit", 65536)).decode("utf-8", "replace")
        return {"verdict": "http", "status": response.status, "body": body}
    except TimeoutError:
        # Nothing was dropped on the way there.
        return {"verdict": "connected", "detail": SILENT}
    except http.client.HTTPException as error:
        if isinstance(error, http.client.RemoteDisconnected):
            raise
        return {"verdict": "connected", "detail": f"not HTTP: {error!r}"}
    finally:
        guard.cancel()
        connection.close()


def resolver() -> tuple[list[str], list[str], int]:
    """Name servers, search domains and ndots of this Pod."""
    servers: list[str] = []
    search: list[str] = []
    ndots = 1
    with Path("/etc/resolv.conf").open() as lines:
        for words in (line.split() for line in lines):
            if words[:1] == ["nameserver"]:
                servers.append(words[1])
            elif words[:1] == ["search"]:
                search = words[1:]
            elif words[:1] == ["options"]:
                ndots = next((int(w[6:]) for w in words if w.startswith("ndots:")), ndots)
    return servers, search, ndots


def dns(question: Json) -> Json:
    """Asks the first name server, with search domains as the C library would."""
    servers, search, ndots = resolver()
    name = question["host"]
    names = [name.rstrip(".")]
    if not name.endswith("."):
        longer = [f"{name}.{domain}" for domain in search]
        names = names + longer if name.count(".") >= ndots else longer + names
    code = 3
    for each in names:
        code, found = query(servers[0], each, TYPES[question["type"]], question["timeout"])
        if found:
            return {"verdict": "connected", "addresses": sorted(found), "detail": each}
        if code not in (0, 3):
            break
    if code not in (0, 3):
        return {"verdict": "inconclusive", "detail": f"the DNS server answered with code {code}"}
    return {"verdict": "unresolved", "addresses": [], "detail": "no such name" if code else "no such record"}


def query(server: str, name: str, kind: int, timeout: float) -> tuple[int, list[str]]:
    """One name asked once: response code and records."""
    token = int.from_bytes(os.urandom(2), "big")
    labels = b"".join(bytes([len(part)]) + part.encode() for part in name.split("."))
    packet = struct.pack(">6H", token, 0x0100, 1, 0, 0, 0) + labels + b"\0" + struct.pack(">2H", kind, 1)
    family = socket.AF_INET6 if ":" in server else socket.AF_INET
    with socket.socket(family, socket.SOCK_DGRAM) as sock:
        sock.settimeout(timeout)
        sock.connect((server, DNS_PORT))
        sock.send(packet)
        data = sock.recv(4096)
        while data[:2] != packet[:2]:
            data = sock.recv(4096)
    if data[2] & 2:
        data = query_tcp(server, family, packet, timeout)
    return data[3] & 15, records(data, kind)


def query_tcp(server: str, family: int, packet: bytes, timeout: float) -> bytes:
    """The same over TCP, for answers too long for a datagram."""
    with socket.socket(family, socket.SOCK_STREAM) as sock:
        sock.settimeout(timeout)
        sock.connect((server, DNS_PORT))
        sock.sendall(struct.pack(">H", len(packet)) + packet)
        stream = sock.makefile("rb")
        return stream.read(struct.unpack(">H", stream.read(2))[0])


def records(data: bytes, kind: int) -> list[str]:
    """The values of one type in the answer section."""
    questions, answers = struct.unpack(">2H", data[4:8])
    at = 12
    found: list[str] = []
    for _ in range(questions):
        at = name_at(data, at)[1] + 4
    for _ in range(answers):
        at = name_at(data, at)[1]
        this, _, _, size = struct.unpack(">HHIH", data[at : at + 10])
        at += 10
        if this == kind:
            found.append(value(data, at, size, kind))
        at += size
    return found


def value(data: bytes, at: int, size: int, kind: int) -> str:
    """A record as words."""
    if kind == TYPES["A"]:
        return socket.inet_ntop(socket.AF_INET, data[at : at + size])
    if kind == TYPES["AAAA"]:
        return socket.inet_ntop(socket.AF_INET6, data[at : at + size])
    if kind == TYPES["SRV"]:
        return f"{name_at(data, at + 6)[0]}:{struct.unpack('>H', data[at + 4 : at + 6])[0]}"
    return name_at(data, at)[0]


def name_at(data: bytes, at: int) -> tuple[str, int]:
    """A domain name, possibly compressed, and where the next field begins."""
    parts: list[str] = []
    after = 0
    while data[at]:
        if data[at] >= 192:
            after = after or at + 2
            at = struct.unpack(">H", data[at : at + 2])[0] & 0x3FFF
        else:
            parts.append(data[at + 1 : at + 1 + data[at]].decode("ascii", "replace"))
            at += 1 + data[at]
    return ".".join(parts), after or at + 1


KINDS: dict[str, Callable[[Json], Json]] = {"tcp": tcp, "http": http_, "dns": dns}


def attempt(question: Json) -> Json:
    """One try, timed."""
    started = time.monotonic()
    try:
        answer: Json = KINDS[question["kind"]](question)
    except OSError as error:
        answer = {"verdict": verdict_of(error), "detail": str(error)}
    answer["seconds"] = round(time.monotonic() - started, 3)
    return answer


def ask(question: Json) -> Json:
    """Silence counts only when a second, staggered attempt meets it as well."""
    answer = attempt(question)
    for _ in range(TRIES - 1):
        if answer["verdict"] in ("dropped", "inconclusive") or answer.get("detail") == SILENT:
            time.sleep(STAGGER_SECONDS)
            answer = attempt(question)
    return answer


def main(questions: list[Json], nonce: str) -> None:
    """Asks all questions at once; prints answers as they come."""
    if any(question["kind"] == "http" for question in questions):
        importlib.import_module("http.client")  # beforehand, so that it is no part of the time that an answer took

    lock = threading.Lock()

    def run(index: int) -> None:
        answer = ask(questions[index])
        answer["index"] = index
        with lock:
            os.write(1, (json.dumps(answer) + "\n").encode())

    threads = [threading.Thread(target=run, args=(index,)) for index in range(len(questions))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    os.write(1, (nonce + "\n").encode())


if __name__ == "__main__":
    main(json.loads(sys.argv[1]), sys.argv[2])
