"""The probe as text for `python3 -c`: where its own program cannot run, and on the user's machine.

`ask NONCE QUESTIONS...` tries all questions at once, prints one JSON answer a line as they come, and at last a line
with the nonce and their number, so that a lost stream is noticed. `listen [PORT[/udp]]...` answers until it is ended.
Only the standard library, and of it as little as can be. images/go/cmd/probe does the same, and faster.
"""

from __future__ import annotations

import contextlib
import errno
import heapq
import importlib
import io
import json
import os
import resource
import signal
import socket
import struct
import sys
import threading
import time
from collections.abc import Callable, Iterator
from queue import Empty, SimpleQueue
from typing import Any

Json = dict[str, Any]

SLOTS = 512
"""So many attempts are under way at the same time."""

PACE_SECONDS, FEW = 0.002, 5
"""A server's queue is short, and what finds no place in it meets silence: so questions to one and the same port do not
come all at the same instant, and no more than a few are under way while they are answered."""

SLOWEST = 3
"""An answer over HTTP may take so many time-outs in all, then what came of it counts."""

HEADERS, HEADER_LENGTH = 20, 200
"""Of the headers of an answer, so many are told, each so long."""

ALIASES = 8
"""Aliases of aliases are followed so far."""

HELD_SECONDS = 5.0
"""A connection that asks nothing is held so long."""

SILENT = "the connection opened, and no answer came in time"
BEGAN = "an answer began, and did not end in time"
TYPES = {"A": 1, "CNAME": 5, "AAAA": 28, "SRV": 33}
CODES = {1: "FORMERR", 2: "SERVFAIL", 4: "NOTIMP", 5: "REFUSED"}
NO_NAME, NO_RECORD = "no such name", "no such record"
USUAL: Json = {
    "timeout": 1.0,
    "attempts": 2,
    "stagger": 0.5,
    "server": "",
    "payload": "labgrade",
    "type": "A",
    "ndots": 1,
    "method": "GET",
    "path": "/",
    "headers": {},
    "body": "",
    "tls": False,
    "server_name": "",
    "limit": 65536,
}

DECIDED, OPENED_SILENT, COULD_NOT_TRY, NAME_SILENT, DROPPED = range(5)
"""How little an answer says: only the first decides a question, and the last wins only where there is no other."""


class BadQuestion(Exception):
    """It cannot be asked."""


class Unresolved(Exception):
    """A name stands for nothing, or nobody said for what."""

    def __init__(self, detail: str, doubt: int = DECIDED) -> None:
        self.answer: Json = {"verdict": "unresolved", "detail": detail, "doubt": doubt}


def check(question: Json) -> Json:
    """The question with all that it leaves out; BadQuestion where it cannot be asked."""
    q = {**USUAL, **question}
    host, port = q.get("host", ""), q.get("port", 0)
    if q.get("kind") not in KINDS:
        raise BadQuestion(f'unknown kind "{q.get("kind", "")}": there are dns, http, tcp, udp')
    if not (isinstance(host, str) and host and plain(host)):
        raise BadQuestion(f'"{host}" is no host')
    if q["kind"] != "dns" and not (type(port) is int and 0 < port < 65536):
        raise BadQuestion(f"port {port} is not between 1 and 65535")
    if q["timeout"] <= 0 or q["attempts"] < 1 or q["stagger"] < 0:
        raise BadQuestion(f"timeout {q['timeout']}, attempts {q['attempts']}, stagger {q['stagger']}: too little")
    if q["kind"] == "dns" and q["type"] not in TYPES:
        raise BadQuestion(f'unknown record type "{q["type"]}": there are A, AAAA, CNAME, SRV')
    if q["kind"] == "http" and not (plain(q["method"]) and plain(q["path"]) and q["path"].startswith("/")):
        raise BadQuestion(f'"{q["method"]} {q["path"]}" cannot be asked for')
    for name, value in q["headers"].items():
        if not plain(name) or any(c in value for c in "\r\n\0"):
            raise BadQuestion(f'header "{name}" cannot be sent')
    return q


def plain(words: str) -> bool:
    """Whether words fit on the first line of a request."""
    return not any(c <= " " or c == "\x7f" for c in words)


def verdict_of(error: Exception, family: int = socket.AF_INET) -> Json:
    """The verdict that an error means."""
    number = error.errno if isinstance(error, OSError) else None
    unreachable = {errno.EHOSTUNREACH, errno.ENETUNREACH, errno.EACCES, errno.EPERM}
    if family == socket.AF_INET6:
        unreachable |= {errno.EADDRNOTAVAIL, errno.EAFNOSUPPORT}  # nothing here has an address of that kind
    if isinstance(error, TimeoutError):
        return {"verdict": "dropped", "doubt": DROPPED}
    if isinstance(error, ConnectionRefusedError):
        return {"verdict": "refused", "detail": str(error)}
    if isinstance(error, (ConnectionError, EOFError)):
        return {"verdict": "reset", "detail": str(error)}
    if number in unreachable:
        return {"verdict": "unreachable", "detail": str(error)}
    return {"verdict": "inconclusive", "detail": str(error) or repr(error), "doubt": COULD_NOT_TRY}


def family_of(host: str) -> int | None:
    """The family of an address; None for a name."""
    for family in (socket.AF_INET, socket.AF_INET6):
        try:
            socket.inet_pton(family, host.partition("%")[0])
        except OSError:
            continue
        return family
    return None


def connect(kind: int, host: str, port: int, timeout: float) -> socket.socket:
    """A connection to an address."""
    sock = socket.socket(family_of(host) or socket.AF_INET, kind)
    sock.settimeout(timeout)
    try:
        sock.connect((host, port))
    except TimeoutError:
        try:
            sock.getpeername()  # the answer came all the same, and only this program was late to see it
        except OSError:
            sock.close()
            raise TimeoutError from None
    except OSError:
        sock.close()
        raise
    return sock


def dial(question: Json, kind: int) -> tuple[socket.socket | None, Json]:
    """A connection to the first address of the host that does not turn it away, or what came of it instead."""
    addresses, found, failed = [question["host"]], Json(), Json()
    if not family_of(question["host"]):
        addresses = resolve(question) if question["server"] else resolve_as_the_system_does(question)
        found["addresses"] = sorted(set(addresses))
    for address in addresses:
        try:
            return connect(kind, address, question["port"], question["timeout"]), found
        except OSError as error:
            failed = verdict_of(error, family_of(address) or 0)
        if failed["verdict"] not in ("refused", "unreachable"):
            break
    return None, found | failed


def resolve(question: Json) -> list[str]:
    """The addresses of a host, at least one."""
    addresses: list[str] = []
    for kind in ("A", "AAAA"):
        try:
            addresses += dns({**question, "type": kind}).get("addresses", [])
        except TimeoutError:
            raise Unresolved(f"the DNS server ({question['server']}) did not answer", NAME_SILENT) from None
    if not addresses:
        raise Unresolved(f"{NO_NAME}: {question['host']}")
    return addresses


def resolve_as_the_system_does(question: Json) -> list[str]:
    """The same with hosts file and all; the system's own patience may be longer than ours."""
    result: SimpleQueue[list[str] | OSError] = SimpleQueue()

    def ask() -> None:
        try:
            found = socket.getaddrinfo(question["host"].encode(), None, type=socket.SOCK_STREAM)
            result.put(list(dict.fromkeys(str(each[4][0]) for each in found)))
        except OSError as error:
            result.put(error)

    threading.Thread(target=ask, daemon=True).start()
    try:
        found = result.get(timeout=question["timeout"])
    except Empty:
        raise Unresolved(f"the DNS server ({system()[0]}) did not answer", NAME_SILENT) from None
    if isinstance(found, OSError):
        raise Unresolved(f"{NO_NAME}: {question['host']}")
    return found


def tcp(question: Json) -> Json:
    """Opens a connection."""
    sock, found = dial(question, socket.SOCK_STREAM)
    if sock:
        sock.close()
        found["verdict"] = "connected"
    return found


def udp(question: Json) -> Json:
    """Sends a datagram."""
    sock, found = dial(question, socket.SOCK_DGRAM)
    if sock is None:
        return found
    with sock:
        try:
            sock.send(question["payload"].encode())
            reply = sock.recv(65536)
        except OSError as error:
            return found | verdict_of(error)
    return found | {"verdict": "connected", "detail": reply[:80].decode("utf-8", "replace")}


class Patient(io.RawIOBase):
    """What a connection says until its time is up."""

    def __init__(self, sock: socket.socket, seconds: float) -> None:
        self.sock, self.end = sock, time.monotonic() + seconds

    def readable(self) -> bool:
        """It is."""
        return True

    def readinto(self, buffer: Any, /) -> int:
        """What is there."""
        if (left := self.end - time.monotonic()) <= 0:
            raise TimeoutError
        self.sock.settimeout(left)
        return self.sock.recv_into(buffer)


class Heard(io.BufferedReader):
    """The same, and as much of a socket as http.client needs for an answer."""

    def makefile(self, _: str) -> Heard:
        """Itself."""
        return self


def web(question: Json) -> Json:
    """Sends a request on a connection of its own, and follows no redirect."""
    sock, found = dial(question, socket.SOCK_STREAM)
    if sock is None:
        return found
    try:
        if question["tls"]:
            try:
                sock, found["certificate"] = secured(sock, question["server_name"] or question["host"])
            except OSError as error:
                late = isinstance(error, TimeoutError)
                said: Json = {"detail": SILENT, "doubt": OPENED_SILENT} if late else {"detail": f"TLS: {error}"}
                return found | {"verdict": "connected"} | said
        return found | exchanged(sock, question)
    finally:
        sock.close()


def exchanged(sock: socket.socket, question: Json) -> Json:
    """What a request is answered with."""
    import http.client  # takes as long as all the rest: other questions need not wait for it

    patient = Patient(sock, question["timeout"])
    heard = Heard(patient)
    late: Json = {"verdict": "connected", "detail": SILENT, "doubt": OPENED_SILENT}
    try:
        sock.sendall(request(question))
        if not heard.peek(1):
            raise EOFError("the connection was closed without an answer")
        late = {"verdict": "connected", "detail": BEGAN}
        patient.end += (SLOWEST - 1) * question["timeout"]
        response = http.client.HTTPResponse(heard, method=question["method"])  # type: ignore[arg-type]
        response.begin()
    except TimeoutError:
        return late
    except http.client.HTTPException as error:
        return {"verdict": "connected", "detail": f"not HTTP: {error!r}"}
    except (OSError, EOFError) as error:
        failed = verdict_of(error)
        said = f"{'TLS' if question['tls'] else 'not HTTP'}: {error}"
        return failed if failed["verdict"] == "reset" else {"verdict": "connected", "detail": said}
    body, detail = body_of(response, question["limit"])
    headers = {name.lower(): response.headers.get_all(name, []) for name in sorted(response.headers.keys())}
    few = {name: ", ".join(headers[name])[:HEADER_LENGTH] for name in list(headers)[:HEADERS]}
    told = {"verdict": "http", "status": response.status, "headers": few, "detail": detail}
    return told | {"body": body.decode("utf-8", "replace")}


def body_of(response: Any, limit: int) -> tuple[bytes, str]:
    """As much as came of an answer's body, and what there is to say of it."""
    body = b""
    try:
        while len(body) < limit and (more := response.read1(limit - len(body))):
            body += more
    except TimeoutError:
        return body, "the body did not end in time"
    except Exception:  # cut off: what came is what there is
        return body, ""
    return body, ""


def request(question: Json) -> bytes:
    """A request as it goes over the line."""
    host, port = question["host"], question["port"]
    host = f"[{host}]" if family_of(host) == socket.AF_INET6 else host
    lines = {"Host": host if port == (443 if question["tls"] else 80) else f"{host}:{port}"}
    lines |= {"User-Agent": "labgrade", "Accept": "*/*"}
    body = question["body"].encode()
    if body:
        lines["Content-Length"] = str(len(body))
    lines |= {name.title(): value for name, value in question["headers"].items()}
    lines["Connection"] = "close"
    head = [f"{question['method']} {question['path']} HTTP/1.1", *(f"{name}: {lines[name]}" for name in lines)]
    return "\r\n".join([*head, "", ""]).encode() + body


def secured(sock: socket.socket, name: str) -> tuple[socket.socket, Json]:
    """The same connection with TLS, whoever is at its end, and that one's certificate."""
    import hashlib
    import ssl

    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    wrapped = context.wrap_socket(sock, server_hostname=name)
    raw = wrapped.getpeercert(binary_form=True) or b""
    # What is not verified is described by nothing public.
    told: Json = wrapped._sslobj.get_unverified_chain()[0].get_info()  # type: ignore[attr-defined]
    until = ssl.cert_time_to_seconds(told["notAfter"])
    return wrapped, {
        "subject": named(told["subject"]),
        "names": sorted(
            {name_in(*each) for each in told.get("subjectAltName", ()) if each[0] in ("DNS", "IP Address")}
        ),
        "issuer": named(told["issuer"]),
        "not_after": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(until)),
        "sha256": hashlib.sha256(raw).hexdigest(),
    }


def named(name: Any) -> str:
    """A name as RFC 2253 writes it."""
    short = {"commonName": "CN", "countryName": "C", "localityName": "L", "stateOrProvinceName": "ST"}
    short |= {"organizationName": "O", "organizationalUnitName": "OU"}
    return ",".join(f"{short.get(kind, kind)}={value}" for part in reversed(name) for kind, value in part)


def name_in(kind: str, value: str) -> str:
    """A subject's other name; addresses in their usual form."""
    family = socket.AF_INET6 if ":" in value else socket.AF_INET
    return socket.inet_ntop(family, socket.inet_pton(family, value.strip())) if kind == "IP Address" else value


def system() -> tuple[str, list[str], int]:
    """Name server (empty where there is none), search domains and ndots of this Pod or machine."""
    servers: list[str] = []
    search: list[str] = []
    ndots = 1
    with contextlib.suppress(OSError), open("/etc/resolv.conf", errors="replace") as lines:  # noqa: PTH123 - pathlib loads slowly
        for words in map(str.split, lines):
            if words[:1] == ["nameserver"]:
                servers += words[1:2]
            elif words[:1] == ["search"]:
                search = words[1:]
            elif words[:1] == ["options"]:
                ndots = next((int(w[6:]) for w in words if w.startswith("ndots:") and w[6:].isdigit()), ndots)
    return next(iter(servers), ""), search, ndots


def dns(question: Json) -> Json:
    """Asks a server, with search domains as the C library would."""
    server, search, ndots = system()
    if "search" in question:
        search, ndots = question["search"], question["ndots"]
    if not (server := question["server"] or server):
        return {"verdict": "inconclusive", "detail": "/etc/resolv.conf names no DNS server"}
    failed = NO_NAME
    for name in names_of(question["host"], search, ndots):
        chain = [name]
        code, found = follow(question, with_port(server), chain)
        if found:
            return {"verdict": "connected", "addresses": sorted(set(found)), "detail": " → ".join(chain)}
        if code not in (0, 3):
            raise Unresolved(f"the DNS server answered {CODES.get(code, f'with code {code}')}")
        if code == 0 or len(chain) > 1:
            failed = ": ".join([*chain[1:], NO_RECORD if code == 0 else NO_NAME])
    return {"verdict": "unresolved", "detail": failed}


def names_of(host: str, search: list[str], ndots: int) -> list[str]:
    """The names to try; a dot at the end keeps search domains out."""
    bare = host.removesuffix(".")
    if bare != host:
        return [bare]
    longer = [f"{host}.{domain.removesuffix('.')}" for domain in search]
    return [bare, *longer] if host.count(".") >= ndots else [*longer, bare]


def with_port(server: str) -> tuple[str, int]:
    """A DNS server's address and port."""
    if family_of(server):
        return server, 53
    host, _, port = server.rpartition(":")
    return host.strip("[]"), int(port)


def follow(question: Json, server: tuple[str, int], chain: list[str]) -> tuple[int, list[str]]:
    """Asks for a name, and for what it is an alias of, which joins the chain; response code and values."""
    while len(chain) <= ALIASES:
        last = chain[-1]
        reply = query(server, last, TYPES[question["type"]], question["timeout"])
        try:
            found = records(reply, TYPES[question["type"]], chain)
        except (IndexError, struct.error, ValueError):
            raise Unresolved("the DNS server's answer cannot be read") from None
        if found or reply[3] & 15 or chain[-1] == last:
            return reply[3] & 15, found
    return 0, []


def query(server: tuple[str, int], name: str, kind: int, timeout: float) -> bytes:
    """The reply to one question."""
    parts = name.encode().split(b".")
    if not all(0 < len(part) < 64 for part in parts) or sum(map(len, parts)) + len(parts) > 253:
        raise BadQuestion(f'"{name}" is not a domain name')
    labels = b"".join(bytes([len(part)]) + part for part in parts)
    head = os.urandom(2) + struct.pack(">5H", 0x0100, 1, 0, 0, 0)
    packet = head + labels + b"\0" + struct.pack(">2H", kind, 1)
    with connect(socket.SOCK_DGRAM, *server, timeout) as sock:
        sock.send(packet)
        reply = sock.recv(65536)
        while len(reply) < 12 or reply[:2] != packet[:2]:
            reply = sock.recv(65536)
    if not reply[2] & 2:
        return reply
    with connect(socket.SOCK_STREAM, *server, timeout) as sock:  # too long for a datagram
        sock.sendall(struct.pack(">H", len(packet)) + packet)
        stream = sock.makefile("rb")
        reply = stream.read(int.from_bytes(stream.read(2), "big"))
    if len(reply) < 12 or reply[:2] != packet[:2]:
        raise Unresolved("the DNS server's answer cannot be read")
    return reply


def records(data: bytes, kind: int, chain: list[str]) -> list[str]:
    """The values of one type in a reply; the aliases that lead there join the chain."""
    questions, answers = struct.unpack(">2H", data[4:8])
    at = 12
    found: list[str] = []
    aliases: dict[str, str] = {}
    for _ in range(questions):
        at = name_at(data, at)[1] + 4
    for _ in range(answers):
        name, at = name_at(data, at)
        this, _, _, size = struct.unpack(">HHIH", data[at : at + 10])
        at += 10
        if this == TYPES["CNAME"]:
            aliases[name.lower()] = name_at(data, at)[0].lower()
        if this == kind:
            found.append(value(data, at, size, kind))
        at += size
    while kind != TYPES["CNAME"] and len(chain) <= ALIASES and chain[-1].lower() in aliases:
        chain.append(aliases[chain[-1].lower()])
    return found


def value(data: bytes, at: int, size: int, kind: int) -> str:
    """A record as words."""
    if kind in (TYPES["A"], TYPES["AAAA"]):
        return socket.inet_ntop(socket.AF_INET if kind == 1 else socket.AF_INET6, data[at : at + size])
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
            target = struct.unpack(">H", data[at : at + 2])[0] & 0x3FFF
            if target >= at:
                raise ValueError("a name that leads to itself")
            at = target
        else:
            parts.append(data[at + 1 : at + 1 + data[at]].decode("ascii", "replace"))
            at += 1 + data[at]
            if len(parts) > 127:
                raise ValueError("a name without an end")
    return ".".join(parts), after or at + 1


KINDS: dict[str, Callable[[Json], Json]] = {"tcp": tcp, "udp": udp, "http": web, "dns": dns}


def attempt(question: Json) -> Json:
    """One try."""
    try:
        return KINDS[question["kind"]](question)
    except BadQuestion as error:
        return {"verdict": "inconclusive", "detail": str(error)}
    except Unresolved as error:
        return error.answer
    except (OSError, EOFError) as error:  # of DNS alone
        found = verdict_of(error)
        return found | ({"detail": "the DNS server did not answer"} if found["verdict"] == "dropped" else {})
    except Exception as error:
        return {"verdict": "inconclusive", "detail": f"the probe failed: {error!r}", "doubt": COULD_NOT_TRY}


class Lane:
    """The way to one port."""

    def __init__(self) -> None:
        self.asked = self.running = 0
        self.wide = False
        """An answer was silence: waiting for each other would only take longer."""
        self.waiting: list[int] = []


class Asked:
    """A question and what came of it so far."""

    def __init__(self, question: Json, lane: Lane) -> None:
        self.question, self.lane = question, lane
        self.begun = self.ended = 0
        self.since = 0.0
        self.best: Json = {"doubt": DROPPED + 1}

    @property
    def decided(self) -> bool:
        """Whether nothing more has to be waited for."""
        return self.best.get("doubt", DECIDED) == DECIDED or self.ended == self.question["attempts"]

    def add(self, answer: Json) -> None:
        """An attempt has ended."""
        self.ended += 1
        if answer.get("doubt", DECIDED) < self.best.get("doubt", DECIDED):
            self.best = answer

    def told(self) -> Json:
        """The answer as it is printed."""
        best = {key: found for key, found in self.best.items() if key != "doubt"}
        return {**best, "seconds": round(time.monotonic() - self.since, 3), "attempts": self.begun}


class Asking:
    """All questions; each is tried again while nothing was heard, without giving up the first try."""

    def __init__(self) -> None:
        self.asked: dict[int, Asked] = {}
        self.lanes: dict[tuple[str, int], Lane] = {}
        self.due: list[tuple[float, int]] = []
        self.running = 0
        self.results: SimpleQueue[tuple[int, Json]] = SimpleQueue()

    def add(self, index: int, raw: Json) -> None:
        """Takes up a question; BadQuestion where it is none."""
        question = check(raw)
        lane = self.lanes.setdefault((question["host"], question.get("port", 0)), Lane())
        self.asked[index] = Asked(question, lane)
        heapq.heappush(self.due, (time.monotonic() + lane.asked * PACE_SECONDS, index))
        lane.asked += 1

    def answers(self) -> Iterator[tuple[int, Json]]:
        """Answers as they come."""
        left = len(self.asked)
        while left:
            while self.due and self.running < SLOTS and self.due[0][0] <= time.monotonic():
                self.begin(heapq.heappop(self.due)[1])
            wait = max(self.due[0][0] - time.monotonic(), 0) if self.due and self.running < SLOTS else None
            try:
                index, answer = self.results.get(timeout=wait)
            except Empty:
                continue
            self.running -= 1
            each = self.asked[index]
            if not each.decided:
                each.add(answer)
                if each.decided:
                    left -= 1
                    self.leave(each)
                    yield index, each.told()

    def begin(self, index: int) -> None:
        """Begins an attempt, if there is still need of one and room for it."""
        each = self.asked[index]
        if each.decided:
            return
        if not each.begun:
            if each.lane.running >= FEW and not each.lane.wide:
                each.lane.waiting.append(index)
                return
            each.lane.running += 1
            each.since = time.monotonic()
        each.begun += 1
        if each.begun < each.question["attempts"]:
            heapq.heappush(self.due, (time.monotonic() + each.question["stagger"], index))
        self.running += 1
        threading.Thread(target=lambda: self.results.put((index, attempt(each.question))), daemon=True).start()

    def leave(self, each: Asked) -> None:
        """A question is answered: the next one may go the same way, or all of them."""
        lane = each.lane
        lane.running -= 1
        lane.wide = lane.wide or each.best["verdict"] == "dropped"
        freed = len(lane.waiting) if lane.wide else 1
        for index in lane.waiting[:freed]:
            heapq.heappush(self.due, (time.monotonic(), index))
        del lane.waiting[:freed]


def ask(questions: list[Json], nonce: str) -> None:
    """Asks all questions at once; prints answers as they come."""
    more_files()
    # Beforehand, so that it is no part of the time that an answer took.
    if any("http" in question.values() for question in questions if hasattr(question, "values")):
        importlib.import_module("http.client")
        importlib.import_module("ssl")
    asking = Asking()
    for index, question in enumerate(questions):
        try:
            asking.add(index, question)
        except (BadQuestion, TypeError, AttributeError) as error:
            wrong = str(error) if isinstance(error, BadQuestion) else f"not a question: {error}"
            print(json.dumps({"index": index, "verdict": "inconclusive", "seconds": 0, "detail": wrong}))
    for index, answer in asking.answers():
        print(json.dumps({"index": index, **answer}), flush=True)
    print(nonce, len(questions), flush=True)


def more_files() -> None:
    """As many sockets as the system lets us have."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    for wanted in (most, 10240):  # macOS takes no unlimited number, though it says so
        with contextlib.suppress(OSError, ValueError):
            resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, most))
            break


ENDS = {signal.SIGTERM, signal.SIGINT}


def listen(words: list[str]) -> None:
    """Serves these ports until it is ended."""
    # The first process of a container is ended by no signal that it does not wait for; threads take none away.
    signal.pthread_sigmask(signal.SIG_BLOCK, ENDS)
    for word in words:
        port, _, kind = word.partition("/")
        if not (port.isdigit() and 0 < int(port) < 65536):
            sys.exit(f"{word} is no port: 8080, or 8080/udp")
        sock = bound(int(port), socket.SOCK_DGRAM if kind == "udp" else socket.SOCK_STREAM)
        threading.Thread(target=echo if kind == "udp" else serve, args=(sock,), daemon=True).start()
    signal.sigwait(ENDS)
    os._exit(0)  # at once, whatever is under way


def bound(port: int, kind: int) -> socket.socket:
    """A socket for a port at every address."""
    six = socket.has_dualstack_ipv6()
    sock = socket.socket(socket.AF_INET6 if six else socket.AF_INET, kind)
    if six:
        sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
    if kind == socket.SOCK_STREAM:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    sock.bind(("", port))
    if kind == socket.SOCK_STREAM:
        sock.listen(1024)
    return sock


def echo(sock: socket.socket) -> None:
    """Sends every datagram back."""
    while True:
        try:
            sock.sendto(*sock.recvfrom(65536))
        except OSError:
            continue


def serve(listener: socket.socket) -> None:
    """Greets everybody."""
    while True:
        threading.Thread(target=greet, args=(listener.accept()[0],), daemon=True).start()


def greet(sock: socket.socket) -> None:
    """Answers whatever is asked over HTTP with this host's name."""
    sock.settimeout(HELD_SECONDS)
    name = socket.gethostname().encode()
    head = b"HTTP/1.0 200 OK\r\nContent-Type: text/plain\r\nContent-Length: %d\r\n\r\n" % len(name)
    try:
        with sock, sock.makefile("rb") as lines:
            while line := lines.readline(65536):
                if not line.strip():
                    sock.sendall(head + name)
                    sock.shutdown(socket.SHUT_WR)
                    # Whatever has come and was not read would tear the connection down before the answer is there.
                    while lines.read1(65536):
                        pass
                    return
    except OSError:
        return


def main(words: list[str]) -> None:
    """Does what the command line says."""
    if len(words) >= 3 and words[0] == "ask":
        ask(json.loads("".join(words[2:])), words[1])
    elif words[:1] == ["listen"]:
        listen(words[1:])
    else:
        sys.exit("usage: ask NONCE QUESTIONS... | listen [PORT[/udp]]...")


if __name__ == "__main__":
    main(sys.argv[1:])
