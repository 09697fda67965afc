"""A proxy before a real API server: what passes is delayed, refused, cut, halved or lost, at random but from a seed."""

from __future__ import annotations

import contextlib
import http.client
import json
import os
import random
import re
import select
import socket
import ssl
import struct
import threading
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, cast
from urllib.parse import urlsplit

from labgrade.kubeconfig import Access
from labgrade.patience import pause
from tests.support.apiserver import ASKED_FOR, PEM, write_kubeconfig

MIXED: tuple[int | str, ...] = (429, 500, 503, "close", "reset", "half", "garbage", "lost", "delay", "cut")
"""All that can go wrong."""

DELAY_SECONDS = (0.1, 3.0)
CUT_SECONDS = (0.05, 2.0)
STREAM = re.compile(r"[?&]watch=")
HOP = {"authorization", "connection", "host", "keep-alive", "te", "trailer", "transfer-encoding"}
"""Headers that are about one connection, and the credentials: the server is shown better ones."""
STATUS_CHANNEL, OUTPUT_CHANNEL = b"\x03", b"\x01"


@dataclass
class Fault:
    """What goes wrong with some of the requests of one method whose path contains some words."""

    method: str
    words: str
    what: int | str
    """Before the server hears of it: an HTTP status, `garbage` with status 200, `close` without an answer, `reset`.

    After it has acted: `half` a body, or an answer that is `lost`; of a command, half its output, or all but its exit
    code. Besides: `delay`, and `cut` of a watch or command some time after it began.
    """
    rate: float
    times: int | None
    retry_after: int | None


class FaultProxy:
    """Leads to the API server of `access`; use it as a context manager."""

    def __init__(self, access: Access, folder: Path, *, seed: int = 0) -> None:
        """`folder` is for the certificates."""
        self.done: Counter[int | str] = Counter()
        """What befell how many requests."""
        self.passed = 0
        """How many requests nothing befell."""
        self.upstream = urlsplit(access.server)
        self.context = _client_context(access, folder)
        self._random, self._turn = random.Random(seed), threading.Lock()
        self._faults: list[Fault] = []
        self._http = _Server(("127.0.0.1", 0), _Handler)
        self._http.proxy = self
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(PEM / "server.pem", PEM / "server-key.pem")
        self._http.socket = context.wrap_socket(self._http.socket, server_side=True)

    def __enter__(self) -> FaultProxy:
        threading.Thread(target=self._http.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._http.shutdown()
        self._http.server_close()

    def kubeconfig(self, folder: Path) -> Path:
        """A kubeconfig that leads here."""
        return write_kubeconfig(folder, self._http.server_address[1])

    def fault(
        self,
        *whats: int | str,
        words: str = "",
        method: str = "",
        rate: float = 1.0,
        times: int | None = None,
        retry_after: int | None = None,
    ) -> None:
        """Lets such requests go wrong, in one of these ways: at that rate in all, at most so many times each."""
        share = rate / len(whats)
        self._faults += [Fault(method, words, what, share, times, retry_after) for what in whats]

    def heal(self) -> None:
        """From now on all is well, and what was done is forgotten."""
        self._faults = []
        self.done.clear()

    def trouble(self, method: str, path: str, *, stream: bool) -> Fault | None:
        """The fault that befalls a request, if any."""
        with self._turn:
            lot = self._random.random()
            for fault in self._faults:
                fits = method.startswith(fault.method) and fault.words in path and (stream or fault.what != "cut")
                if not fits or fault.times == 0:
                    continue
                if lot < fault.rate:
                    fault.times = None if fault.times is None else fault.times - 1
                    self.done[fault.what] += 1
                    return fault
                lot -= fault.rate
            self.passed += 1
        return None

    def between(self, least: float, most: float) -> float:
        """A number of the seed's."""
        with self._turn:
            return self._random.uniform(least, most)


class _Server(ThreadingHTTPServer):
    proxy: FaultProxy
    daemon_threads = True
    block_on_close = False
    request_queue_size = 64

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Says nothing: connections that end badly are what it is for."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    connection: ssl.SSLSocket

    @property
    def proxy(self) -> FaultProxy:
        return cast("_Server", self.server).proxy

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - as the library calls it
        """Says nothing."""

    def handle_any(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        command = "Upgrade" in self.headers
        fault = self.proxy.trouble(self.command, self.path, stream=command or bool(STREAM.search(self.path)))
        if fault and not self._survives(fault):
            return
        what = fault.what if fault else None
        with contextlib.suppress(OSError, http.client.HTTPException):
            self._upgrade(what) if command else self._forward(body, what)
            return
        self.close_connection = True

    do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = handle_any  # noqa: N815 - the names that http.server calls

    def _survives(self, fault: Fault) -> bool:
        """Whether the request goes on to the server."""
        if fault.what == "delay":
            pause(self.proxy.between(*DELAY_SECONDS))
        elif isinstance(fault.what, int):
            status = {"kind": "Status", "code": fault.what, "reason": "Faulty", "message": ASKED_FOR}
            self._answer(fault.what, json.dumps(status).encode(), fault.retry_after)
        elif fault.what == "garbage":
            self._answer(200, b"<html>\x00\xff not the API</html>")
        elif fault.what == "reset":
            self._reset()
        self.close_connection = self.close_connection or fault.what == "close"
        return fault.what in {"delay", "half", "lost", "cut"}

    def _answer(self, status: int, body: bytes, retry_after: int | None = None) -> None:
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        if retry_after is not None:
            self.send_header("Retry-After", str(retry_after))
        self.end_headers()
        self.wfile.write(body)

    def _reset(self) -> None:
        self.close_connection = True
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        os.close(self.connection.detach())

    def _forward(self, body: bytes, what: int | str | None) -> None:
        there = self.proxy.upstream
        server = http.client.HTTPSConnection(there.hostname or "", there.port, context=self.proxy.context)
        try:
            headers = {name: value for name, value in self.headers.items() if name.lower() not in HOP}
            server.request(self.command, self.path, body or None, headers)
            if what == "cut" and server.sock:
                server.sock.settimeout(self.proxy.between(*CUT_SECONDS))
            response = server.getresponse()
            if what == "lost":
                response.read(1)
                self.close_connection = True
                return
            self._head(response)
            self._stream(response, what) if response.chunked else self._body(response, what)
        finally:
            server.close()

    def _head(self, response: http.client.HTTPResponse) -> None:
        # Not send_response(), which adds a date of ours: the server's clock is part of what it says.
        self.send_response_only(response.status)
        for name, value in response.getheaders():
            if name.lower() not in HOP:
                self.send_header(name, value)
        if response.chunked:
            self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()

    def _body(self, response: http.client.HTTPResponse, what: int | str | None) -> None:
        data = response.read()
        self.close_connection = self.close_connection or what == "half"
        self.wfile.write(data[: len(data) // 2] if what == "half" else data)

    def _stream(self, response: http.client.HTTPResponse, what: int | str | None) -> None:
        while data := response.read1(65536):
            if what == "half":
                self.close_connection = True
                self._chunk(data[: len(data) // 2])
                return
            self._chunk(data)
        self._chunk(b"")

    def _chunk(self, data: bytes) -> None:
        self.wfile.write(f"{len(data):x}\r\n".encode() + data + b"\r\n")
        self.wfile.flush()

    def _upgrade(self, what: int | str | None) -> None:
        """A command's connection: its frames are passed on, until it ends or is made to end."""
        self.close_connection = True
        there = self.proxy.upstream
        kept = [f"{name}: {value}" for name, value in self.headers.items() if name.lower() not in HOP - {"connection"}]
        head = [f"{self.command} {self.path} HTTP/1.1", f"Host: {there.netloc}", *kept, "", ""]
        with (
            socket.create_connection((there.hostname, there.port)) as plain,
            self.proxy.context.wrap_socket(plain, server_hostname=there.hostname) as server,
        ):
            server.sendall("\r\n".join(head).encode())
            for data in self._piped(server, what):
                self.connection.sendall(data)

    def _piped(self, server: ssl.SSLSocket, what: int | str | None) -> Iterator[bytes]:
        """What the server says, frame by frame once it has said yes; what the client says goes to the server."""
        held, frames = bytearray(), False
        seconds = self.proxy.between(*CUT_SECONDS) if what == "cut" else None
        while True:
            waiting = [each for each in (server, self.connection) if each.pending()]
            ready = waiting or select.select([server, self.connection], [], [], seconds)[0]
            if self.connection in ready:
                server.sendall(self.connection.recv(65536) or b"\x88\x80\0\0\0\0")
            if server in ready:
                data = server.recv(65536)
                held += data
                if not frames and b"\r\n\r\n" in held:
                    end = held.index(b"\r\n\r\n") + 4
                    yield bytes(held[:end])
                    del held[:end]
                    frames = True
                for frame, payload in _frames(held) if frames else ():
                    if what in {"lost", "half"} and payload[:1] == STATUS_CHANNEL:
                        return
                    if what == "half" and payload[:1] == OUTPUT_CHANNEL and len(payload) > 1:
                        yield frame[: len(frame) // 2]
                        return
                    yield frame
                if not data:
                    return
            if not ready:
                return


def _frames(held: bytearray) -> Iterator[tuple[bytes, bytes]]:
    """The whole WebSocket frames that a server has sent, each with what it carries; what is not whole is left."""
    while len(held) >= 2:
        size, start = held[1] & 127, 2
        if size >= 126:
            start = 4 if size == 126 else 10
            size = int.from_bytes(held[2:start])
        if len(held) < max(start + size, start):
            return
        frame = bytes(held[: start + size])
        del held[: start + size]
        yield frame, frame[start:]


def _client_context(access: Access, folder: Path) -> ssl.SSLContext:
    files = {"ca.pem": access.ca, "cert.pem": access.cert or b"", "key.pem": access.key or b""}
    for name, data in files.items():
        (folder / name).write_bytes(data)
    context = ssl.create_default_context(cafile=str(folder / "ca.pem"))
    context.load_cert_chain(folder / "cert.pem", folder / "key.pem")
    return context
