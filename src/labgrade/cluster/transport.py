"""One HTTP connection to one API server, or as many as it takes: bounded in time, and exact about what went wrong.

The client library carries it; its models are left out, because reading a list through them costs more than the request
and because they refuse objects that real clusters hold.
"""

from __future__ import annotations

import email.utils
import json
import ssl
from collections.abc import Iterator, Mapping
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import urllib3
from kubernetes.client import ApiClient, Configuration

from labgrade.errors import HarnessError
from labgrade.kubeconfig import Access
from labgrade.model import Json

REQUEST_SECONDS = 10.0
GONE_SECONDS = 2.0
"""What a request gets once the server did not answer: nobody waits for every later one as long again."""


MANAGER = "labgrade"
"""Who we are to the API server: it notes this name in `managedFields` beside what we changed."""

JSON, MERGE = "application/json", "application/merge-patch+json"


class ApiError(HarnessError):
    """The API server answered with an error; `status` is its HTTP code.

    `retry_after`: seconds that it asks to be left alone for; 0 where it does not say.
    """

    def __init__(self, message: str, *, status: int, retry_after: float = 0.0) -> None:
        super().__init__(message)
        self.status, self.retry_after = status, retry_after


class Unreachable(HarnessError):
    """The API server did not answer, or not wholly."""


class Transport:
    """The way to one cluster. Safe to use from several threads."""

    def __init__(self, access: Access, folder: Path) -> None:
        """`folder` is private to the run: the client library wants its certificates as files."""
        self.base = access.server.rstrip("/")
        self._files = {name: _private(folder / name, data) for name, data in _parts(access).items()}
        self._headers = {"Accept": "application/json", "User-Agent": MANAGER}
        if access.token:
            self._headers["Authorization"] = f"Bearer {access.token}"
        self._client = ApiClient(self._configuration())
        self._gone = False
        self.offset_seconds = 0.0
        """How far the server's clock is ahead of ours, as last heard."""

    def _configuration(self) -> Configuration:
        configuration = Configuration()
        configuration.host = self.base
        configuration.proxy = None
        configuration.ssl_ca_cert = self._files["ca.pem"]
        configuration.cert_file = self._files.get("cert.pem")
        configuration.key_file = self._files.get("key.pem")
        configuration.retries = urllib3.Retry(0)
        configuration.connection_pool_maxsize = 16
        return configuration

    @property
    def authorization(self) -> dict[str, str]:
        """The header that says who we are, where a certificate does not."""
        return {name: value for name, value in self._headers.items() if name == "Authorization"}

    def tls(self) -> dict[str, Any]:
        """What a socket of another library needs to reach the same server as the same user."""
        options: dict[str, Any] = {"cert_reqs": ssl.CERT_REQUIRED, "ca_certs": self._files["ca.pem"]}
        if "cert.pem" in self._files:
            options |= {"certfile": self._files["cert.pem"], "keyfile": self._files["key.pem"]}
        return options

    def json(
        self,
        method: str,
        path: str,
        *,
        query: Mapping[str, str] | None = None,
        body: Json | None = None,
    ) -> Json:
        """The object that the server answers with, asked once; ApiError or Unreachable where there is none."""
        response = self.request(method, path, query=query, body=body)
        try:
            data = response.read()
        except urllib3.exceptions.HTTPError as error:
            raise Unreachable(f"the answer to {method} {path} broke off: {error}") from error
        self._hear_clock(response.headers.get("Date"))
        try:
            decoded = json.loads(data) if data else {}
        except ValueError:
            decoded = None
        words = data[:200].decode("utf-8", "replace")
        if response.status >= 400:
            message = decoded.get("message") if isinstance(decoded, dict) else words
            retry_after = _seconds(response.headers.get("Retry-After"))
            raise ApiError(str(message or f"HTTP {response.status}"), status=response.status, retry_after=retry_after)
        if not isinstance(decoded, dict) or (method == "GET" and "metadata" not in decoded and path != "/version"):
            # Half a word of another program's would be read as an empty list.
            raise Unreachable(f"the answer to {method} {path} is not an object of the API: {words!r}")
        return decoded

    def request(
        self,
        method: str,
        path: str,
        *,
        query: Mapping[str, str] | None = None,
        body: Json | None = None,
        timeout: float | tuple[float, float] | None = None,
    ) -> Any:
        """The library's response, its body not read yet; Unreachable where there is none."""
        content = {} if body is None else {"Content-Type": MERGE if method == "PATCH" else JSON}
        url = f"{self.base}{path}" + (f"?{urlencode(query)}" if query else "")
        try:
            response = self._client.rest_client.request(
                method, url, headers=self._headers | content, body=body, _request_timeout=timeout or self._seconds
            )
        except Exception as error:
            self._gone = True
            # The library lets several families of exceptions out, depending on where the connection broke.
            raise Unreachable(_why(error, self.base)) from error
        self._gone = False
        return response

    @property
    def _seconds(self) -> float:
        return GONE_SECONDS if self._gone else REQUEST_SECONDS

    def _hear_clock(self, date: str | None) -> None:
        # A server that sends nonsense, or nothing, leaves us with our own clock.
        with suppress(TypeError, ValueError):
            server = email.utils.parsedate_to_datetime(date or "")
            self.offset_seconds = (server - datetime.now(UTC)).total_seconds()


def _parts(access: Access) -> dict[str, bytes]:
    parts = {"ca.pem": access.ca, "cert.pem": access.cert, "key.pem": access.key}
    return {name: data for name, data in parts.items() if data is not None}


def _private(path: Path, data: bytes) -> str:
    path.touch(mode=0o600)
    path.write_bytes(data)
    return str(path)


def _seconds(retry_after: str | None) -> float:
    """What a Retry-After header asks for; a date in it is not worth reading."""
    return float(retry_after) if retry_after and retry_after.isdecimal() else 0.0


def lines(response: Any) -> Iterator[bytes]:
    """A streamed response line by line, as it comes."""
    rest = b""
    for chunk in response.stream(65536):
        *lines, rest = (rest + chunk).split(b"\n")
        yield from (line for line in lines if line.strip())
    if rest.strip():
        yield rest


def _why(error: Exception, base: str) -> str:
    cause = error
    while isinstance(cause, urllib3.exceptions.MaxRetryError) and cause.reason:
        cause = cause.reason
    words = str(cause)
    if "certificate is not yet valid" in words or "certificate has expired" in words:
        now = f"{datetime.now(UTC):%Y-%m-%d %H:%M} UTC"
        return f"the certificate of {base} is out of date, or this machine's clock is wrong: it says {now}"
    if "CERTIFICATE_VERIFY_FAILED" in words:
        return f"{base} shows a certificate that the kubeconfig's authority did not sign: is it another cluster?"
    if "refused" in words:
        return f"nothing answers at {base}: is the cluster running? (docker ps, labgrade up)"
    return f"{base} cannot be reached: {words}"
