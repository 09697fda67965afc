"""How to reach one cluster, taken from one context of a kubeconfig."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from urllib.parse import urlsplit

from labgrade.kubeconfig import pem
from labgrade.kubeconfig.refusal import CLUSTER_REFUSED, FRESH, INLINE, USER_REFUSED, Place, quoted
from labgrade.kubeconfig.source import Data, load

_SERVER = re.compile(
    r"https://(?P<host>\[[0-9a-fA-F:.]*:[0-9a-fA-F:.]*\]|[A-Za-z0-9.-]{1,253})(?::(?P<port>[0-9]{1,5}))?/?"
)
_TOKEN = re.compile(r"[\x21-\x7e]+")
_CLUSTER_KEYS = frozenset({"server", "certificate-authority-data", "disable-compression", "extensions"})
_USER_KEYS = frozenset({"client-certificate-data", "client-key-data", "token", "extensions"})
_NEW_KEY = "nobody here has judged what it does, and a new key may be a new way to run something"


@dataclass(frozen=True, slots=True)
class Access:
    """All that is taken from a kubeconfig; `server` is https://HOST:PORT, certificates and key are PEM."""

    server: str
    ca: bytes = field(repr=False)
    cert: bytes | None = field(repr=False)
    key: bytes | None = field(repr=False)
    token: str | None = field(repr=False)
    context: str
    """The context's name as the file has it: untrusted, for display through `quoted`, never for a command."""


@dataclass(frozen=True, slots=True)
class Contexts:
    """The names of a kubeconfig's contexts, as the file has them, and which of them is the current one."""

    names: tuple[str, ...]
    current: str | None


def contexts(path: Path) -> Contexts:
    """Which contexts a kubeconfig has; nothing else of it is judged. UsageError where it is no kubeconfig."""
    return _contexts(load(path))


def read(path: Path, *, context: str | None = None, allowed_hosts: Collection[str] = ()) -> Access:
    """How to reach the cluster of `context`, else of the current context; the others are never looked at.

    The server must be this machine or one of `allowed_hosts`.
    UsageError says what is refused and where, why, and what to type instead.
    """
    data = load(path)
    name = _chosen(Place(path), _contexts(data), context)
    chosen = _entry(Place(path, f"context {quoted(name)}"), data, "context", name)
    cluster = _part(path, data, "cluster", chosen, name)
    user = _part(path, data, "user", chosen, name)
    server, ca = _cluster(*cluster, allowed_hosts)
    cert, key, token = _user(*user)
    return Access(server=server, ca=ca, cert=cert, key=key, token=token, context=name)


def is_here(access: Access) -> bool:
    """Whether the server has a loopback address, which is another machine's on each machine."""
    return _host_is_here(urlsplit(access.server).hostname or "")


def expired(access: Access, now: datetime) -> datetime | None:
    """When the client certificate ended, if that is before `now`, which is aware; None also when unsure."""
    end = pem.not_after(access.cert) if access.cert else None
    return end if end and end <= now else None


def _contexts(data: Mapping[str, Data]) -> Contexts:
    current = data.get("current-context")
    names = dict.fromkeys(name for name, _ in _named(data, "context"))
    return Contexts(tuple(names), current if isinstance(current, str) and current else None)


def _named(data: Mapping[str, Data], kind: str) -> list[tuple[str, Data]]:
    """Name and content of each entry of one of the three lists; what is no such entry is passed over."""
    entries = data.get(f"{kind}s")
    items = [entry for entry in entries if isinstance(entry, dict)] if isinstance(entries, list) else []
    return [(name, item.get(kind)) for item in items if isinstance(name := item.get("name"), str)]


def _chosen(place: Place, known: Contexts, asked: str | None) -> str:
    if not known.names:
        raise place.refusal("has no contexts", "a kubeconfig names in them which user talks to which cluster")
    name = asked if asked is not None else known.current
    if name is None:
        raise place.unknown("has no current-context, and no context was asked for", "", known.names)
    if name not in known.names:
        wrong = "context" if asked is not None else "current-context"
        raise place.unknown(f"has no context for the {wrong} {quoted(name)}", name, known.names)
    return name


def _part(
    path: Path, data: Mapping[str, Data], kind: str, chosen: Mapping[str, Data], where: str
) -> tuple[Place, Mapping[str, Data]]:
    name = chosen.get(kind)
    if not isinstance(name, str):
        raise Place(path, f"context {quoted(where)}").refusal(f"names no {kind}", f"a context has one {kind}")
    place = Place(path, f"{kind} {quoted(name)}")
    return place, _entry(place, data, kind, name)


def _entry(place: Place, data: Mapping[str, Data], kind: str, name: str) -> Mapping[str, Data]:
    found = [content for each, content in _named(data, kind) if each == name]
    if len(found) > 1:
        raise place.refusal(f"stands there {len(found)} times", "programs differ in which of them they use")
    if not found:
        raise place.refusal("is missing", f"the context names this {kind}, and the file does not have it")
    if not isinstance(found[0], dict):
        raise place.refusal("is empty", f"the entry has no mapping under the key {kind}")
    return found[0]


def _cluster(place: Place, entry: Mapping[str, Data], hosts: Collection[str]) -> tuple[str, bytes]:
    verified = entry.get("insecure-skip-tls-verify") in ("false", "False", "FALSE")
    asked = {key: value for key, value in entry.items() if not (verified and key.startswith("insecure"))}
    given = _judged(place, asked, CLUSTER_REFUSED, _CLUSTER_KEYS)
    server = _server(place, _text(place, given, "server"), hosts)
    ca = _text(place, given, "certificate-authority-data")
    if server is None:
        raise place.refusal("has no server", "the address of the cluster is missing")
    if ca is None:
        why = "without it nobody can tell the cluster from another program that answers at its address"
        raise place.refusal("has no certificate-authority-data", why)
    return server, pem.certificates(place, "certificate-authority-data", ca)


def _user(place: Place, entry: Mapping[str, Data]) -> tuple[bytes | None, bytes | None, str | None]:
    given = _judged(place, entry, USER_REFUSED, _USER_KEYS)
    cert = _text(place, given, "client-certificate-data")
    key = _text(place, given, "client-key-data")
    token = _text(place, given, "token")
    if (cert is None) != (key is None):
        has, lacks = ("certificate", "key") if key is None else ("key", "certificate")
        why = "a certificate and its key are of use only together"
        raise place.refusal(f"has client-{has}-data without client-{lacks}-data", why)
    if cert is None and token is None:
        raise place.refusal("has no credentials", "neither a certificate with its key nor a token is there")
    return (
        None if cert is None else pem.certificates(place, "client-certificate-data", cert),
        None if key is None else pem.private_key(place, "client-key-data", key),
        None if token is None else _token(place, token),
    )


def _judged(
    place: Place, entry: Mapping[str, Data], refused: Mapping[str, tuple[str, str]], kept: Collection[str]
) -> Mapping[str, Data]:
    """What the entry really sets, once nothing in it is refused."""
    # client-go, too, takes an empty text for a key that is not there; {} under `exec` is no such text.
    given = {key: value for key, value in entry.items() if value is not None and value != ""}
    for key in given:
        if key in refused:
            raise place.refusal(f"has {key}", *refused[key])
    for key in given:
        if key not in kept:
            raise place.refusal(f"has the unknown key {quoted(key)}", _NEW_KEY)
    return given


def _text(place: Place, given: Mapping[str, Data], key: str) -> str | None:
    value = given.get(key)
    if value is not None and not isinstance(value, str):
        raise place.refusal(f"has no text in {key}", "a list or a mapping stands where a text is expected")
    return value


def _token(place: Place, token: str) -> str:
    if token == "REDACTED":
        why = "`kubectl config view` leaves the credentials out unless it is told --raw"
        raise place.refusal("has only REDACTED in token", why, INLINE)
    if not _TOKEN.fullmatch(token):
        raise place.refusal("has a broken token", "a token is one word of ASCII letters, digits and signs")
    return token


def _server(place: Place, server: str | None, hosts: Collection[str]) -> str | None:
    if server is None:
        return None
    match = _SERVER.fullmatch(server)
    if match is None:
        raise place.refusal(f"has the server {quoted(server)}", _odd_server(server))
    host, port = match["host"].lower(), match["port"]
    if port is not None and not 0 < int(port) <= 65535:
        raise place.refusal(f"has the server {quoted(server)}", f"{port} is no port")
    if not _host_is_here(host) and _bare(host) not in {_bare(each.strip().lower()) for each in hosts}:
        why = f"{host} is not this machine, and its file must not decide where the grader connects to"
        remedy = f"{FRESH}, or if you know that machine: LABGRADE_ALLOWED_HOSTS=HOST labgrade …, in a cohort `servers:`"
        raise place.refusal(f"has the server {quoted(server)}", why, remedy)
    return f"https://{host}" + (f":{int(port)}" if port else "")


def _odd_server(server: str) -> str:
    """What is wrong with an address that is not https://HOST:PORT."""
    if server.lower().startswith("http:"):
        return "http would send the credentials in the clear: the address must begin with https://"
    if "@" in server:
        return "a user name in an address hides which host it means"
    if "?" in server or "#" in server:
        return "a query or a fragment has no place in the address of a cluster"
    if server.startswith("https://") and "/" in server.removeprefix("https://"):
        return "a path in the address leads to something else than a cluster of your own"
    return "the address must be https://HOST:PORT"


def _bare(host: str) -> str:
    """The host without brackets, an address in its one canonical form."""
    bare = host.removeprefix("[").removesuffix("]")
    try:
        return str(ipaddress.ip_address(bare))
    except ValueError:
        return bare


def _host_is_here(host: str) -> bool:
    try:
        return ipaddress.ip_address(_bare(host)).is_loopback
    except ValueError:
        return host == "localhost"
