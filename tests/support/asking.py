"""The probe program run for real, in each of its two languages, against servers on loopback."""

from __future__ import annotations

import contextlib
import json
import shutil
import socket
import ssl
import struct
import subprocess
import sys
import threading
from collections.abc import Callable, Sequence
from contextlib import ExitStack, closing
from pathlib import Path

import platformdirs

from images import gobuild
from images import probe as build
from labgrade.model import Json
from labgrade.probe.program import AGENT
from tests.support.apiserver import PEM

HERE = "127.0.0.1"
NONCE = "c0ffee"
SECONDS = 30.0
"""No run of the program takes so long here."""

Talk = Callable[[socket.socket], None]
"""What a server does with a connection; it need not close it."""


def python() -> list[str]:
    """The command that the agent in Python is."""
    return [sys.executable, *AGENT[1:]]


def go() -> list[str]:
    """The command that the program in Go is, compiled for this machine where that was not done yet.

    Trouble where there is no Go.
    """
    path = platformdirs.user_cache_path("labgrade") / "images" / "probe" / build.key()
    if not path.is_file():
        path.parent.mkdir(parents=True, exist_ok=True)
        half = path.with_suffix(".half")
        command = [
            gobuild.go(),
            "build",
            "-trimpath",
            "-ldflags=-s -w",
            "-o",
            half,
            f"./{build.SOURCES.relative_to(gobuild.SOURCE)}",
        ]
        subprocess.run(command, cwd=gobuild.SOURCE, env=gobuild.settings(), check=True)
        half.replace(path)
    return [str(path)]


class Program:
    """The program, asked as a Pod would be; times are short, as nobody is far away."""

    def __init__(self, command: Sequence[str]) -> None:
        self.command = list(command)

    def ask(self, *questions: Json) -> list[Json]:
        """Its answers, in order."""
        usual = {"host": HERE, "timeout": 0.4, "stagger": 0.2}
        return self.whole([usual | question for question in questions])

    def whole(self, questions: Sequence[object]) -> list[Json]:
        """Its answers to questions that are sent as they are."""
        done = self.run("ask", NONCE, json.dumps(questions))
        assert done.returncode == 0, done.stderr
        *lines, last = done.stdout.splitlines()
        assert last == f"{NONCE} {len(questions)}"
        answers = sorted((json.loads(line) for line in lines), key=lambda answer: answer["index"])
        assert [answer["index"] for answer in answers] == list(range(len(questions)))
        return answers

    def run(self, *words: str) -> subprocess.CompletedProcess[str]:
        """What comes of a command line."""
        return subprocess.run([*self.command, *words], capture_output=True, text=True, check=False, timeout=SECONDS)

    def start(self, *words: str) -> subprocess.Popen[str]:
        """The same, under way; the caller ends it."""
        return subprocess.Popen([*self.command, *words], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


class Full:
    """A listener whose queue is full."""

    def __init__(self) -> None:
        self._listener = socket.socket()
        self._listener.bind((HERE, 0))
        self._listener.listen(0)
        self.port: int = self._listener.getsockname()[1]
        self._fillers = [socket.socket() for _ in range(4)]
        for filler in self._fillers:
            filler.settimeout(0)
            filler.connect_ex((HERE, self.port))

    def drain(self) -> None:
        """Makes room for whoever comes next."""
        for filler in self._fillers:
            filler.close()  # those that are not in the queue would come again
        self._listener.settimeout(0)
        with contextlib.suppress(BlockingIOError):
            while True:
                self._listener.accept()[0].close()

    def close(self) -> None:
        """Ends it."""
        for each in (self._listener, *self._fillers):
            each.close()


class Servers:
    """Servers on loopback, each on a port of its own; all of them end together."""

    def __init__(self) -> None:
        self._stack = ExitStack()

    def close(self) -> None:
        """Ends them."""
        self._stack.close()

    def tcp(self, talk: Talk) -> int:
        """A server that does this with every connection, each in a thread; its port."""
        listener = self._stack.enter_context(closing(socket.create_server((HERE, 0), backlog=1024)))
        threading.Thread(target=self._loop, args=(listener, talk), daemon=True).start()
        return listener.getsockname()[1]

    def udp(self, reply: Callable[[bytes], bytes | None]) -> int:
        """A server that answers datagrams so, or not at all; its port."""
        sock = self._stack.enter_context(closing(socket.socket(socket.AF_INET, socket.SOCK_DGRAM)))
        sock.bind((HERE, 0))

        def loop() -> None:
            with contextlib.suppress(OSError):
                while True:
                    packet, sender = sock.recvfrom(65536)
                    if (answer := reply(packet)) is not None:
                        sock.sendto(answer, sender)

        threading.Thread(target=loop, daemon=True).start()
        return sock.getsockname()[1]

    def tls(self, talk: Talk, named: list[str | None] | None = None) -> int:
        """A server with TLS; `named` is told which server was asked for."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(PEM / "server.pem", PEM / "server-key.pem")
        context.sni_callback = lambda _sock, name, _context: (named if named is not None else []).append(name)

        def shake(connection: socket.socket) -> None:
            with contextlib.suppress(OSError):
                talk(context.wrap_socket(connection, server_side=True))

        return self.tcp(shake)

    def absent(self, kind: int = socket.SOCK_STREAM) -> int:
        """A port where nobody listens."""
        with closing(socket.socket(socket.AF_INET, kind)) as sock:
            sock.bind((HERE, 0))
            return sock.getsockname()[1]

    def full(self) -> Full:
        """A listener whose queue is full: the system drops what comes, as a firewall would."""
        return self._stack.enter_context(closing(Full()))

    def silent(self) -> int:
        """The port of such a listener."""
        return self.full().port

    def _loop(self, listener: socket.socket, talk: Talk) -> None:
        while True:
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            self._stack.callback(connection.close)
            threading.Thread(target=self._served, args=(connection, talk), daemon=True).start()

    @staticmethod
    def _served(connection: socket.socket, talk: Talk) -> None:
        with contextlib.suppress(OSError):
            talk(connection)


def answers_with(words: bytes, heard: list[bytes] | None = None) -> Talk:
    """A server that answers so, and hangs up; `heard` is told what it was asked."""

    def talk(connection: socket.socket) -> None:
        request = connection.recv(65536)
        if heard is not None:
            heard.append(request)
        connection.sendall(words)
        connection.close()

    return talk


def page(status: str, body: bytes = b"", headers: str = "") -> bytes:
    """An answer over HTTP."""
    return f"HTTP/1.1 {status}\r\n{headers}Content-Length: {len(body)}\r\n\r\n".encode() + body


def resets(connection: socket.socket) -> None:
    """Hears the question, and tears the connection down."""
    connection.recv(65536)
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    connection.close()


def says_nothing(_: socket.socket) -> None:
    """Holds the line."""


def has_go() -> bool:
    """Whether the program in Go can be compiled here."""
    return shutil.which("go") is not None or any((Path(each) / "go").exists() for each in gobuild.ELSEWHERE)
