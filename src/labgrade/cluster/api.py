"""The Kubernetes API as plain JSON: what is asked of a cluster, with the retries that each question bears."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import urlencode

import urllib3
import websocket

from labgrade.cluster.remote import Completed, completed
from labgrade.cluster.transport import REQUEST_SECONDS, ApiError, Transport, Unreachable, lines
from labgrade.errors import HarnessError
from labgrade.kubeconfig import Access
from labgrade.model import Json
from labgrade.patience import monotonic, retrying_transport

__all__ = ["Api", "ApiError", "Unreachable"]


class Api:
    """One cluster. Safe to use from several threads."""

    def __init__(self, access: Access, folder: Path) -> None:
        """`folder` is private to the run: certificates lie there."""
        self._way = Transport(access, folder)

    def now(self) -> datetime:
        """The time by the server's clock, in UTC: a student's clock may be an hour off."""
        return datetime.fromtimestamp(datetime.now(UTC).timestamp() + self.offset_seconds, UTC)

    @property
    def offset_seconds(self) -> float:
        """How far the server's clock is ahead of ours, as last heard."""
        return self._way.offset_seconds

    def get(self, path: str, **query: str) -> Json:
        """The object or list at `path`; ApiError or Unreachable, both after a few tries, where that fails."""
        return retrying_transport(lambda: self._way.json("GET", path, query=query))

    def ping(self) -> None:
        """Whether the server answers, asked once; ApiError or Unreachable where it does not."""
        self._way.json("GET", "/version")

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
        response = self._way.request("GET", path, query=query, timeout=seconds)
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
            return retrying_transport(lambda: self._way.json("POST", path, body=body))
        except ApiError as error:
            taken = self.find(f"{path}/{body['metadata']['name']}") if error.status == 409 else None
            if taken is None or not _ours(taken, body):
                raise
            return taken

    def replace(self, path: str, body: Json) -> Json:
        """Replaces the object at `path`; ApiError 409 where it was changed in between.

        Whoever changed it may be we ourselves: it is asked again where the answer was lost.
        """
        return retrying_transport(lambda: self._way.json("PUT", path, body=body))

    def patch(self, path: str, body: Json) -> Json:
        """Merges `body` into the object at `path`."""
        return retrying_transport(lambda: self._way.json("PATCH", path, body=body))

    def try_patch(self, path: str, body: Json) -> None:
        """Has the server judge a patch and change nothing; ApiError where it would refuse it."""
        retrying_transport(lambda: self._way.json("PATCH", path, query={"dryRun": "All"}, body=body))

    def delete(self, path: str, *, uid: str | None = None, grace_seconds: int | None = None) -> None:
        """Deletes the object at `path`, only if it still is the one of that `uid`; fine where it is gone."""
        options: Json = {"propagationPolicy": "Background"}
        if uid:
            options["preconditions"] = {"uid": uid}
        if grace_seconds is not None:
            options["gracePeriodSeconds"] = grace_seconds
        try:
            retrying_transport(lambda: self._way.json("DELETE", path, body=options))
        except ApiError as error:
            # 409 with a uid: its name belongs to another one now.
            if error.status != 404 and not (uid and error.status == 409):
                raise

    def watch(self, path: str, resource_version: str, *, seconds: int) -> Iterator[Json]:
        """Changes to the collection since `resource_version`, as they come, for at most so many seconds.

        Raises Unreachable where the stream breaks off; ApiError where it is refused, 410 where the version is too old.
        """
        query = {"watch": "1", "resourceVersion": resource_version, "timeoutSeconds": str(seconds)}
        response = self._way.request("GET", path, query=query, timeout=(REQUEST_SECONDS, seconds + REQUEST_SECONDS))
        try:
            if response.status >= 400:
                raise ApiError(f"the watch on {path} was refused: HTTP {response.status}", status=response.status)
            for line in lines(response.response):
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
        url = f"ws{self._way.base.removeprefix('http')}{path}"
        end = monotonic() + seconds
        try:
            socket = websocket.create_connection(
                url,
                timeout=seconds,
                header=self._way.authorization,
                subprotocols=["v5.channel.k8s.io", "v4.channel.k8s.io"],
                sslopt=self._way.tls(),
                http_no_proxy=["*"],
            )
        except (websocket.WebSocketException, OSError) as error:
            raise HarnessError(f"could not run a command in pod/{pod}: {error}") from error
        try:
            return completed(socket, pod, end)
        finally:
            socket.close(timeout=0)


def _ours(found: Json, body: Json) -> bool:
    """Whether an object is the one that we sent; labels may have been added to it."""
    sent, there = body["metadata"].get("labels") or {}, found["metadata"].get("labels") or {}
    return bool(sent) and sent.items() <= there.items() and found.get("data") == body.get("data")
