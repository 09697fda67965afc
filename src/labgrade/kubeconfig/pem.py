"""Certificates and keys as a kubeconfig holds them: base64 of PEM, taken apart and put together anew."""

from __future__ import annotations

import base64
import binascii
import re
import ssl
import textwrap
from datetime import UTC, datetime

from labgrade.kubeconfig.refusal import INLINE, Place

_BLOCK = re.compile(r"-----BEGIN ([A-Z0-9 ]{1,40})-----([A-Za-z0-9+/=\s]+)-----END \1-----")
_KEYS = frozenset({"PRIVATE KEY", "RSA PRIVATE KEY", "EC PRIVATE KEY"})
_REDACTED = frozenset({"DATA+OMITTED", "REDACTED"})
_DAMAGED = "it was cut or changed on its way"
_NO_PEM = "it must hold a BEGIN and an END line, base64 between them, and nothing else"


def certificates(place: Place, key: str, data: str) -> bytes:
    """The certificates in `data`, at least one, as PEM without anything else."""
    found = _blocks(place, key, data)
    for kind, der in found:
        if kind != "CERTIFICATE":
            raise place.refusal(f"has a {kind} in {key}", "only CERTIFICATE belongs there")
        _readable(place, key, der)
    return b"".join(_pem(kind, der) for kind, der in found)


def private_key(place: Place, key: str, data: str) -> bytes:
    """The one private key in `data`, as PEM without anything else."""
    # `openssl ecparam -genkey` writes the curve's name before the key, which names it again.
    found = [(kind, der) for kind, der in _blocks(place, key, data) if kind != "EC PARAMETERS"]
    if any(kind == "ENCRYPTED PRIVATE KEY" for kind, _ in found):
        raise place.refusal(f"has an encrypted key in {key}", "nobody is there to type its passphrase")
    if len(found) != 1 or found[0][0] not in _KEYS:
        kinds = ", ".join(kind for kind, _ in found) or "none"
        raise place.refusal(f"has {kinds} in {key}", "exactly one PRIVATE KEY belongs there")
    return _pem(*found[0])


def not_after(pem: bytes) -> datetime | None:
    """When the first certificate of `pem` ends; None when that cannot be told for certain."""
    match = _BLOCK.search(pem.decode("ascii", "replace"))
    try:
        return _not_after(base64.b64decode(match[2])) if match else None
    except (ValueError, IndexError):
        return None


def _blocks(place: Place, key: str, data: str) -> list[tuple[str, bytes]]:
    if data in _REDACTED:
        why = "`kubectl config view` leaves the credentials out unless it is told --raw"
        raise place.refusal(f"has only {data} in {key}", why, INLINE)
    try:
        text = _decoded(data).decode("ascii")
    except binascii.Error:
        raise place.refusal(f"has no valid base64 in {key}", _DAMAGED) from None
    except ValueError:  # not ASCII, before or after decoding
        raise place.refusal(f"has no PEM in {key}", _NO_PEM) from None
    if _BLOCK.sub("", text).strip() or not text.strip():
        raise place.refusal(f"has no PEM in {key}", _NO_PEM)
    try:
        return [(kind, _decoded(body)) for kind, body in _BLOCK.findall(text)]
    except binascii.Error:
        raise place.refusal(f"has broken PEM in {key}", _DAMAGED) from None


def _decoded(text: str) -> bytes:
    return base64.b64decode("".join(text.split()), validate=True)


def _readable(place: Place, key: str, der: bytes) -> None:
    try:
        # A throw-away context: the public way to have OpenSSL parse a certificate.
        ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT).load_verify_locations(cadata=der)
    except (ssl.SSLError, ValueError) as error:  # ValueError: nothing between BEGIN and END
        raise place.refusal(f"has no certificate in {key}", "OpenSSL cannot read what it holds") from error


def _pem(kind: str, der: bytes) -> bytes:
    lines = textwrap.wrap(base64.b64encode(der).decode("ascii"), 64)
    return "\n".join([f"-----BEGIN {kind}-----", *lines, f"-----END {kind}-----", ""]).encode("ascii")


_VERSION, _UTC_TIME, _GENERALIZED_TIME = 0xA0, 0x17, 0x18


def _not_after(der: bytes) -> datetime | None:
    """Follows RFC 5280 as far as the end of `validity`; the standard library has no public reader."""
    _, certificate, _ = _element(der, 0)
    _, at, _ = _element(der, certificate)
    if der[at] == _VERSION:
        at = _element(der, at)[2]
    for _ in ("serialNumber", "signature", "issuer"):
        at = _element(der, at)[2]
    _, not_before, _ = _element(der, at)
    kind, start, end = _element(der, _element(der, not_before)[2])
    digits = der[start:end].decode("ascii")
    if kind == _UTC_TIME:  # two digits of the year, which X.509 takes as 1950 to 2049
        digits = ("19" if digits[:2] >= "50" else "20") + digits
    elif kind != _GENERALIZED_TIME or len(digits) != len("YYYYmmddHHMMSSZ"):
        return None
    return datetime.strptime(digits, "%Y%m%d%H%M%SZ").replace(tzinfo=UTC)


def _element(der: bytes, at: int) -> tuple[int, int, int]:
    """Tag, start and end of the content of the DER element at `at`."""
    length, start = der[at + 1], at + 2
    if length == 0x80:
        raise ValueError("DER says how long its elements are")
    if length > 0x80:
        start += length & 0x7F
        length = int.from_bytes(der[at + 2 : start], "big")
    if start + length > len(der):
        raise ValueError("the element is longer than the certificate")
    return der[at], start, start + length
