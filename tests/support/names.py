"""A DNS server on loopback."""

from __future__ import annotations

import socket
import struct
import threading

from tests.support.asking import HERE

A, CNAME, AAAA, SRV = 1, 5, 28, 33


def name_of(words: str) -> bytes:
    """A name as DNS writes it."""
    return b"".join(bytes([len(part)]) + part.encode() for part in words.split(".") if part) + b"\0"


def record(kind: int, data: bytes, name: bytes = b"\xc0\x0c") -> bytes:
    """A record, of the name that was asked for if no other is given."""
    return name + struct.pack(">HHIH", kind, 1, 5, len(data)) + data


def asked_for(packet: bytes) -> str:
    """The name in a question."""
    parts: list[str] = []
    at = 12
    while packet[at]:
        parts.append(packet[at + 1 : at + 1 + packet[at]].decode())
        at += 1 + packet[at]
    return ".".join(parts)


class Names:
    """Knows names, each with a response code and records; of any other it says that there is none."""

    def __init__(self, known: dict[str, tuple[int, list[bytes]]]) -> None:
        self.known, self.asked = known, list[str]()
        self.truncates = self.mute = False
        self.udp, self.tcp = _pair()
        self.address = f"{HERE}:{self.udp.getsockname()[1]}"
        for loop in (self._datagrams, self._streams):
            threading.Thread(target=loop, daemon=True).start()

    def close(self) -> None:
        """Ends."""
        self.udp.close()
        self.tcp.close()

    def _answer(self, packet: bytes, flags: int = 0) -> bytes:
        name = asked_for(packet)
        self.asked.append(name)
        code, found = self.known.get(name, (3, []))
        wanted = struct.unpack(">H", packet[12 + len(name) + 2 :][:2])[0]
        found = [each for each in found if _kind(each) in (wanted, CNAME)]
        head = packet[:2] + struct.pack(">5H", 0x8000 | flags | code, 1, 0 if flags else len(found), 0, 0)
        question = packet[12 : 12 + len(name) + 2 + 4]
        return head + question + (b"" if flags else b"".join(found))

    def _datagrams(self) -> None:
        while True:
            try:
                packet, sender = self.udp.recvfrom(4096)
                if self.mute:
                    self.asked.append(asked_for(packet))
                    continue
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


def _kind(found: bytes) -> int:
    """The type of a record, whose name is a pointer or written out."""
    at = 0
    while found[at] and found[at] < 192:
        at += 1 + found[at]
    at += 2 if found[at] >= 192 else 1
    return struct.unpack(">H", found[at : at + 2])[0]


def _pair() -> tuple[socket.socket, socket.socket]:
    """A datagram socket and a listener on the same port."""
    while True:
        udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        udp.bind((HERE, 0))
        try:
            return udp, socket.create_server(udp.getsockname())
        except OSError:  # somebody has that one
            udp.close()
