"""Questions of traffic and their answers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

Verdict = Literal["connected", "dropped", "refused", "reset", "unreachable", "unresolved", "http", "inconclusive"]
RecordType = Literal["A", "AAAA", "CNAME", "SRV"]

ATTEMPT_SECONDS = 1.0


@dataclass(frozen=True, slots=True)
class Question:
    """One thing to try; make it with `tcp`, `http` or `dns`."""

    words: str
    """The question as evidence shows it."""
    data: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Answer:
    """What came of it."""

    question: str
    source: str
    """Who asked, as kubectl names it, with its address."""
    verdict: Verdict
    seconds: float
    status: int = 0
    """The HTTP status; 0 where there is none."""
    body: str = ""
    addresses: tuple[str, ...] = ()
    """What a DNS name stands for: addresses, names, or `name:port` for SRV; sorted."""
    detail: str = ""

    @property
    def connected(self) -> bool:
        """Whether there was an answer at all, on whatever level."""
        return self.verdict in {"connected", "http"}

    def __str__(self) -> str:
        """One line of evidence."""
        seen = f"http {self.status}" if self.verdict == "http" else self.verdict
        extra = ", ".join(self.addresses) or self.detail
        return f"{self.source} → {self.question}: {seen}{f' ({extra})' if extra else ''} in {self.seconds:.2f} s"


def tcp(host: str, port: int) -> Question:
    """Whether a TCP connection opens."""
    return Question(f"tcp {host}:{port}", {"kind": "tcp", "host": host, "port": port, "timeout": ATTEMPT_SECONDS})


def http(host: str, port: int = 80, path: str = "/", headers: dict[str, str] | None = None) -> Question:
    """What a GET request is answered with."""
    return Question(
        f"http://{host}:{port}{path}",
        {
            "kind": "http",
            "host": host,
            "port": port,
            "path": path,
            "headers": headers or {},
            "timeout": ATTEMPT_SECONDS,
        },
    )


def dns(name: str, record: RecordType = "A") -> Question:
    """What a name stands for, in the cluster's DNS; a trailing dot keeps search domains out."""
    return Question(f"dns {record} {name}", {"kind": "dns", "host": name, "type": record, "timeout": ATTEMPT_SECONDS})
