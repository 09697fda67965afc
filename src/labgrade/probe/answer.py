"""Questions of traffic and their answers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Literal

from labgrade.model import Json

Verdict = Literal["connected", "dropped", "refused", "reset", "unreachable", "unresolved", "http", "inconclusive"]
RecordType = Literal["A", "AAAA", "CNAME", "SRV"]

ATTEMPT_SECONDS = 1.0
"""How long one attempt may take."""

ATTEMPTS = 2
"""Silence counts when so many attempts have met it."""

STAGGER_SECONDS = 0.5
"""Between the beginnings of two attempts, so that a moment's trouble does not spoil both."""

SILENCE_SECONDS = STAGGER_SECONDS * (ATTEMPTS - 1) + ATTEMPT_SECONDS
"""What a dropped connection costs."""


@dataclass(frozen=True, slots=True)
class Question:
    """One thing to try; make it with `tcp`, `udp`, `http` or `dns`."""

    words: str
    """The question as evidence shows it."""
    data: dict[str, Any] = field(hash=False)

    def tried(self, attempts: int) -> Question:
        """The same, with no more attempts than so many before silence is believed."""
        return replace(self, data={**self.data, "attempts": attempts}) if attempts < self.data["attempts"] else self


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
    headers: Mapping[str, str] = field(default_factory=dict[str, str])
    """Headers of the HTTP answer, names in lower case."""
    certificate: Json = field(default_factory=dict[str, Any])
    """Of a TLS server: subject, names, issuer, not_after, sha256; empty where there is none."""

    @property
    def connected(self) -> bool:
        """Whether there was an answer at all, on whatever level."""
        return self.verdict in {"connected", "http"}

    @property
    def seen(self) -> str:
        """The verdict in a word or two."""
        return f"http {self.status}" if self.verdict == "http" else self.verdict

    def __str__(self) -> str:
        """One line of evidence."""
        extra = ", ".join(self.addresses) or self.detail
        return f"{self.source} → {self.question}: {self.seen}{f' ({extra})' if extra else ''} in {self.seconds:.2f} s"


def tcp(host: str, port: int, *, attempts: int = ATTEMPTS) -> Question:
    """Whether a TCP connection opens; silence is believed after so many attempts."""
    return _question(f"tcp {host}:{port}", kind="tcp", host=host, port=port, attempts=attempts)


def udp(host: str, port: int, payload: str = "labgrade") -> Question:
    """Whether a datagram is answered; silence says something only beside a control that was answered."""
    return _question(f"udp {host}:{port}", kind="udp", host=host, port=port, payload=payload)


def http(
    host: str,
    port: int = 80,
    path: str = "/",
    headers: Mapping[str, str] | None = None,
    *,
    method: str = "GET",
    tls: bool = False,
    server_name: str = "",
) -> Question:
    """What a request is answered with; `server_name` is what a TLS server is asked for, `host` where that is empty."""
    scheme = "https" if tls else "http"
    words = f"{scheme}://{host}:{port}{path}"
    more: dict[str, Any] = {"tls": tls, "server_name": server_name or host} if tls else {}
    return _question(
        words if method == "GET" else f"{method} {words}",
        kind="http",
        host=host,
        port=port,
        method=method,
        path=path,
        headers=dict(headers or {}),
        **more,
    )


def dns(name: str, record: RecordType = "A") -> Question:
    """What a name stands for, in the cluster's DNS; a trailing dot keeps search domains out."""
    return _question(f"dns {record} {name}", kind="dns", host=name, type=record)


def _question(words: str, *, attempts: int = ATTEMPTS, **data: object) -> Question:
    return Question(words, {**data, "timeout": ATTEMPT_SECONDS, "attempts": attempts, "stagger": STAGGER_SECONDS})
