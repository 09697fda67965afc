"""The Kubernetes API as plain JSON: one place that talks to a cluster, bounded in time, exact about exit codes.

The client library carries the connection; its models are left out, because reading a list through them costs
more than the request and because they refuse objects that real clusters hold.
"""

from __future__ import annotations

import email.utils
import json
import ssl
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import urllib3
import websocket
from kubernetes.client import ApiClient, Configuration

from labgrade.cluster.remote import Completed, completed
from labgrade.errors import HarnessError
from labgrade.kubeconfig import Access
from labgrade.model import Json
from labgrade.patience import monotonic, retrying_transport

REQUEST_SECONDS = 10.0
GONE_SECONDS = 2.0
"""What a request gets once the server did not answer: nobody waits for every later one as long again."""

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


class Api:
    """One cluster. Safe to use from several threads."""

    def __init__(self, access: Access, folder: Path) -> None:
        """`folder` is private to the run: the client library wants its certificates as files."""
        self._base = access.server.rstrip("/")
        self._files = {name: _private(folder / name, data) for name, data in _parts(access).items()}
        self._headers = {"Accept": "application/json"}
        if access.token:
            self._headers["Authorization"] = f"Bearer {access.token}"
        self._client = ApiClient(self._configuration())
        self._gone = False
        self.offset_seconds = 0.0
        """How far the server's clock is ahead of ours, as last heard."""

    def _configuration(self) -> Configuration:
        configuration = Configuration()
        configuration.host = self._base
        configuration.proxy = None
        configuration.ssl_ca_cert = self._files["ca.pem"]
        configuration.cert_file = self._files.get("cert.pem")
        configuration.key_file = self._files.get("key.pem")
        configuration.retries = urllib3.Retry(0)
        configuration.connection_pool_maxsize = 16
        return configuration

    def now(self) -> datetime:
        """The time by the server's clock, in UTC: a student's clock may be an hour off."""
        return datetime.fromtimestamp(datetime.now(UTC).timestamp() + self.offset_seconds, UTC)

    def get(self, path: str, **query: str) -> Json:
        """The object or list at `path`; ApiError or Unreachable, both after a few tries, where that fails."""
        return retrying_transport(lambda: self._json("GET", path, query=query))

    def ping(self) -> None:
        """Whether the server answers, asked once; ApiError or Unreachable where it does not."""
        self._json("GET", "/version")

    def find(self, path: str, **query: str) -> Json | None:
        """Like `get`, but None where there is nothing at `path`."""
        try:
            return self.get(path, **query)
        except ApiError as error:
            if error.status == 404:
                return None
            raise

    def text(self, path: str, *, seconds: float, **query: str) -> str:
        """The plain text at `path`, such as a log: one try of so many seconds, then ApiError or Unreachable."""
        response = self._request("GET", path, query=query, timeout=seconds)
        try:
            words = response.read().decode("utf-8", "replace")
        except urllib3.exceptions.HTTPError as error:
            raise Unreachable(f"the answer to GET {path} broke off: {error}") from error
        if response.status >= 400:
            raise ApiError(words[:200], status=response.status)
        return words

    def create(self, path: str, body: Json) -> Json:
        """Creates `body` in the collection at `path`; ApiError with status 409 where somebody else's has that name.

        What bears our labels, and with them the run's id, is ours: it was created, and the answer to that was lost.
        """
        try:
            return retrying_transport(lambda: self._json("POST", path, body=body, content=JSON))
        except ApiError as error:
            taken = self.find(f"{path}/{body['metadata']['name']}") if error.status == 409 else None
            if taken is None or not _ours(taken, body):
                raise
            return taken

    def replace(self, path: str, body: Json) -> Json:
        """Replaces the object at `path`; ApiError 409 where it was changed in between.

        Whoever changed it may be we ourselves: it is asked again where the answer was lost.
        """
        return retrying_transport(lambda: self._json("PUT", path, body=body, content=JSON))

    def patch(self, path: str, body: Json) -> Json:
        """Merges `body` into the object at `path`."""
        return retrying_transport(lambda: self._json("PATCH", path, body=body, content=MERGE))

    def delete(self, path: str, *, uid: str | None = None, grace_seconds: int | None = None) -> None:
        """Deletes the object at `path`, only if it still is the one of that `uid`; fine where it is gone."""
        options: Json = {"propagationPolicy": "Background"}
        if uid:
            options["preconditions"] = {"uid": uid}
        if grace_seconds is not None:
            options["gracePeriodSeconds"] = grace_seconds
        try:
            retrying_transport(lambda: self._json("DELETE", path, body=options, content=JSON))
        except ApiError as error:
            # 409 with a uid: its name belongs to another one now.
            if error.status != 404 and not (uid and error.status == 409):
                raise

    def watch(self, path: str, resource_version: str, *, seconds: int) -> Iterator[Json]:
        """Changes to the collection since `resource_version`, as they come, for at most so many seconds.

        Raises Unreachable where the stream breaks off; ApiError where it is refused, 410 where the version is too old.
        """
        query = {"watch": "1", "resourceVersion": resource_version, "timeoutSeconds": str(seconds)}
        response = self._request("GET", path, query=query, timeout=(REQUEST_SECONDS, seconds + REQUEST_SECONDS))
        try:
            if response.status >= 400:
                raise ApiError(f"the watch on {path} was refused: HTTP {response.status}", status=response.status)
            for line in _lines(response.response):
                event = json.loads(line)
                if event["type"] == "ERROR":
                    status = event["object"]
                    raise ApiError(status.get("message", "watch failed"), status=status.get("code", 0))
                yield event
        except (urllib3.exceptions.HTTPError, OSError, ValueError, LookupError, TypeError) as error:
            # The last three: what came is no event.
            raise Unreachable(f"the watch on {path} broke off: {error}") from error
        finally:
            response.response.close()

    def exec(self, namespace: str, pod: str, container: str, command: Sequence[str], *, seconds: float) -> Completed:
        """Runs `command` in a container and returns its exit code and output.

        Raises HarnessError where it could not be started, took longer than `seconds`, said more than OUTPUT_LIMIT
        bytes, or where its exit code was lost: an output without an exit code is never taken for an answer.
        """
        query = [("container", container), ("stdout", "true"), ("stderr", "true")]
        query += [("command", word) for word in command]
        path = f"/api/v1/namespaces/{namespace}/pods/{pod}/exec?{urlencode(query)}"
        url = f"ws{self._base.removeprefix('http')}{path}"
        end = monotonic() + seconds
        try:
            socket = websocket.create_connection(
                url,
                timeout=seconds,
                header={k: v for k, v in self._headers.items() if k == "Authorization"},
                subprotocols=["v5.channel.k8s.io", "v4.channel.k8s.io"],
                sslopt=self._tls(),
                http_no_proxy=["*"],
            )
        except (websocket.WebSocketException, OSError) as error:
            raise HarnessError(f"could not run a command in pod/{pod}: {error}") from error
        try:
            return completed(socket, pod, end)
        finally:
            socket.close(timeout=0)

    def _tls(self) -> dict[str, Any]:
        options: dict[str, Any] = {"cert_reqs": ssl.CERT_REQUIRED, "ca_certs": self._files["ca.pem"]}
        if "cert.pem" in self._files:
            options |= {"certfile": self._files["cert.pem"], "keyfile": self._files["key.pem"]}
        return options

    def _json(
        self,
        method: str,
        path: str,
        *,
        query: Mapping[str, str] | None = None,
        body: Json | None = None,
        content: str | None = None,
    ) -> Json:
        response = self._request(method, path, query=query, body=body, content=content)
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

    def _request(
        self,
        method: str,
        path: str,
        *,
        query: Mapping[str, str] | None = None,
        body: Json | None = None,
        content: str | None = None,
        timeout: float | tuple[float, float] | None = None,
    ) -> Any:
        headers = dict(self._headers) | ({"Content-Type": content} if content else {})
        url = f"{self._base}{path}" + (f"?{urlencode(query)}" if query else "")
        try:
            response = self._client.rest_client.request(
                method, url, headers=headers, body=body, _request_timeout=timeout or self._seconds
            )
        except Exception as error:
            self._gone = True
            # The library lets several families of exceptions out, depending on where the connection broke.
            raise Unreachable(_why(error, self._base)) from error
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


def _ours(found: Json, body: Json) -> bool:
    """Whether an object is the one that we sent; labels may have been added to it."""
    sent, there = body["metadata"].get("labels") or {}, found["metadata"].get("labels") or {}
    return bool(sent) and sent.items() <= there.items() and found.get("data") == body.get("data")


def _seconds(retry_after: str | None) -> float:
    """What a Retry-After header asks for; a date in it is not worth reading."""
    return float(retry_after) if retry_after and retry_after.isdecimal() else 0.0


def _lines(response: Any) -> Iterator[bytes]:
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
