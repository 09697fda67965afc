"""A Kubernetes API on loopback: lists, watches, writes and exec over objects in memory, with faults to switch on."""

from __future__ import annotations

import base64
import contextlib
import copy
import hashlib
import io
import json
import re
import socket
import ssl
import struct
import threading
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, cast
from urllib.parse import parse_qs, urlsplit

from labgrade.facts.reading import RESOURCES
from labgrade.kubeconfig import Access
from labgrade.model import Json
from labgrade.probe.image import TAG

Key = tuple[str | None, str]
"""Namespace and name of an object."""

Exec = Callable[[str, list[str]], tuple[int | None, str, str]]
"""Pod and command to exit code (None: lost on the way), standard output and standard error."""

PATH = re.compile(
    r"(?P<root>/api/v1|/apis/[^/]+/[^/]+)(?:/namespaces/(?P<space>[^/]+)(?=/))?"
    r"/(?P<plural>[^/]+)(?:/(?P<name>[^/]+))?(?P<sub>/exec|/ephemeralcontainers)?"
)
PEM = Path(__file__).parent / "pem"
ASKED_FOR = "a fault was asked for"
WEBSOCKET = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"


def write_kubeconfig(folder: Path, port: int) -> Path:
    """A kubeconfig that leads to a server of ours on loopback."""
    ca = base64.b64encode((PEM / "ca.pem").read_bytes()).decode()
    cluster = {"server": f"https://127.0.0.1:{port}", "certificate-authority-data": ca}
    config = {
        "clusters": [{"name": "kind-lab", "cluster": cluster}],
        "users": [{"name": "kind-lab", "user": {"token": "secret"}}],
        "contexts": [{"name": "kind-lab", "context": {"cluster": "kind-lab", "user": "kind-lab"}}],
        "current-context": "kind-lab",
    }
    path = folder / "kubeconfig"
    path.write_text(json.dumps(config))
    return path


@dataclass
class Fault:
    """What goes wrong with requests of one method whose path contains some words."""

    method: str
    words: str
    what: int | str
    """An HTTP status, `half` a body, `close` without an answer, or `lost`: done, and closed without one."""
    times: int
    message: str
    retry_after: int | None


@dataclass
class Collection:
    """The objects of one kind."""

    objects: dict[Key, Json] = field(default_factory=dict[Key, Json])
    events: list[tuple[int, Json]] = field(default_factory=list[tuple[int, Json]])


class ApiServer:
    """A kind cluster as far as the API shows it, empty but for its nodes; use it as a context manager."""

    def __init__(self, *, tls: bool = False, certificate: str = "") -> None:
        """`certificate`: a file in pem/ that is its certificate, with the key, and its authority."""
        self.requests: list[tuple[str, str]] = []
        """Method and path, with query, of every request."""
        self.token: str | None = None
        """Where it is set, others are told 401."""
        self.ahead = timedelta()
        """How far the server's clock is ahead."""
        self.exec: Exec = lambda _pod, _command: (0, "", "")
        self.reactions: list[Callable[[str, str, Json], None]] = [self._play_kubelet]
        """Called after every write with method, kind and object: controllers."""
        self.served = dict(RESOURCES)
        """What it knows by kind; tests may add to it."""
        self._faults: list[Fault] = []
        self._collections: dict[tuple[str, str], Collection] = {}
        self._version = 1
        self._turn = threading.Condition(threading.RLock())
        self._cuts = 0
        self._http = _Server(("127.0.0.1", 0), _Handler)
        self._http.api, self.tls, self.closing = self, tls, False
        if tls:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            if certificate:
                context.load_cert_chain(PEM / certificate)
            else:
                context.load_cert_chain(PEM / "server.pem", PEM / "server-key.pem")
            self._http.socket = context.wrap_socket(self._http.socket, server_side=True)
        self._thread = threading.Thread(target=self._http.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
        for number in range(3):
            spec, status = {"providerID": f"kind://docker/lab/lab-{number}"}, {"images": [{"names": [TAG]}]}
            self.put("Node", f"lab-{number}", spec=spec, status=status)
        self.put("Namespace", "kube-system")

    def __enter__(self) -> ApiServer:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def stop(self) -> None:
        """The cluster vanishes, open connections with it."""
        if self.closing:
            return
        self.closing = True
        self.cut_watches()
        self._http.shutdown()
        self._http.server_close()
        self._http.drop_connections()

    @property
    def port(self) -> int:
        """Where it listens."""
        return self._http.server_address[1]

    @property
    def access(self) -> Access:
        """How to reach it."""
        scheme = "https" if self.tls else "http"
        return Access(
            server=f"{scheme}://127.0.0.1:{self.port}",
            ca=(PEM / "ca.pem").read_bytes(),
            cert=None,
            key=None,
            token="secret",
            context="kind-lab",
        )

    def kubeconfig(self, folder: Path) -> Path:
        """A kubeconfig that leads here, as a student would hand it in."""
        return write_kubeconfig(folder, self.port)

    def fault(
        self,
        what: int | str,
        words: str = "",
        *,
        method: str = "GET",
        times: int = 1,
        message: str = ASKED_FOR,
        retry_after: int | None = None,
    ) -> None:
        """Lets the next so many such requests go wrong."""
        self._faults.append(Fault(method, words, what, times, message, retry_after))

    def cut_watches(self) -> None:
        """Breaks off every running watch."""
        with self._turn:
            self._cuts += 1
            self._turn.notify_all()

    def count(self, words: str, method: str = "GET", *, watches: bool = False) -> int:
        """How many requests of that method had these words in their path; lists or watches."""
        return sum(
            asked == method and words in path and ("watch=1" in path) == watches for asked, path in list(self.requests)
        )

    def put(self, kind: str, name: str, namespace: str | None = None, **parts: Any) -> Json:
        """Puts an object there, or changes it; `metadata` adds to its metadata."""
        resource = self.served[kind]
        root = resource.path().rpartition("/")[0]
        metadata = {"name": name} | ({"namespace": namespace} if namespace else {}) | parts.pop("metadata", {})
        with self._turn:
            old = self.collection(root, resource.plural).objects.get((namespace, name), {})
            body = copy.deepcopy({**old, **parts})
            body["metadata"] = {**old.get("metadata", {}), **metadata}
            return self.store(root, resource.plural, body, "MODIFIED" if old else "ADDED")

    def discovered(self, path: str) -> Json | None:
        """What the API says of itself at that path: its groups, or the kinds of one version of a group."""
        if path == "/apis":
            versions = {each.group_version for each in self.served.values()} - {"v1"}
            names: list[Json] = [{"groupVersion": version} for version in sorted(versions)]
            return {"groups": [{"preferredVersion": name, "versions": [name]} for name in names]}
        kinds: list[Json] = [
            {"name": each.plural, "kind": kind, "namespaced": each.namespaced, "verbs": ["get", "list"]}
            for kind, each in self.served.items()
            if each.path().rpartition("/")[0] == path
        ]
        return {"resources": kinds} if kinds else None

    def find(self, kind: str, name: str, namespace: str | None = None) -> Json | None:
        """An object, if it is there."""
        resource = self.served[kind]
        return self.collection(resource.path().rpartition("/")[0], resource.plural).objects.get((namespace, name))

    def remove(self, kind: str, name: str, namespace: str | None = None) -> None:
        """Takes an object away."""
        resource = self.served[kind]
        self.drop(resource.path().rpartition("/")[0], resource.plural, (namespace, name))

    def collection(self, root: str, plural: str) -> Collection:
        """The objects of one kind."""
        with self._turn:
            return self._collections.setdefault((root, plural), Collection())

    def store(self, root: str, plural: str, body: Json, event: str) -> Json:
        """Keeps an object under the next resource version, and tells watchers."""
        with self._turn:
            self._version += 1
            metadata = body.setdefault("metadata", {})
            metadata.setdefault("uid", str(uuid.uuid4()))
            metadata.setdefault("creationTimestamp", f"{self.now():%Y-%m-%dT%H:%M:%SZ}")
            metadata["resourceVersion"] = str(self._version)
            found = self.collection(root, plural)
            found.objects[metadata.get("namespace"), metadata["name"]] = body
            found.events.append((self._version, {"type": event, "object": copy.deepcopy(body)}))
            self._turn.notify_all()
            return body

    def drop(self, root: str, plural: str, key: Key) -> None:
        """Removes an object, and tells watchers; of a namespace also what is in it."""
        with self._turn:
            self._version += 1
            found = self.collection(root, plural)
            gone = found.objects.pop(key)
            found.events.append((self._version, {"type": "DELETED", "object": gone}))
            if plural == "namespaces":
                for each in self._collections.values():
                    each.objects = {other: body for other, body in each.objects.items() if other[0] != key[1]}
            self._turn.notify_all()

    def listed(self, root: str, plural: str, space: str | None, labels: str = "") -> Json:
        """A list as the API gives it: an empty one has null for items, as a Go server may write it."""
        with self._turn:
            found = self.collection(root, plural).objects
            items = [copy.deepcopy(body) for key, body in sorted(found.items(), key=str) if space in (None, key[0])]
            if labels:
                name, _, value = labels.partition("=")
                items = [body for body in items if body["metadata"].get("labels", {}).get(name) == value]
            return {"metadata": {"resourceVersion": str(self._version)}, "items": items or None}

    def watched(self, root: str, plural: str, space: str | None, since: int, seconds: float) -> Iterator[Json]:
        """Events since a resource version, until the time is over or the watch is cut."""
        end = datetime.now(UTC) + timedelta(seconds=seconds)
        with self._turn:
            cuts, found = self._cuts, self.collection(root, plural)
            while self._cuts == cuts and datetime.now(UTC) < end:
                for version, event in list(found.events):
                    if version > since and space in (None, event["object"]["metadata"].get("namespace")):
                        yield event
                    since = max(since, version)
                self._turn.wait(min(1.0, (end - datetime.now(UTC)).total_seconds()))
            if self._cuts != cuts:
                raise ConnectionAbortedError

    def now(self) -> datetime:
        """The time by this server's clock."""
        return datetime.now(UTC) + self.ahead

    def trouble(self, method: str, path: str) -> Fault | None:
        """The fault that befalls a request, if any."""
        with self._turn:
            for fault in self._faults:
                if fault.times > 0 and fault.method == method and fault.words in path:
                    fault.times -= 1
                    return fault
        return None

    def react(self, method: str, plural: str, body: Json) -> None:
        """Lets controllers act on a write."""
        for reaction in self.reactions:
            reaction(method, plural, body)

    def _play_kubelet(self, method: str, plural: str, body: Json) -> None:
        """Pods of the grader's are Ready at once, and ephemeral containers of anybody's run."""
        space, name = str(body["metadata"].get("namespace")), str(body["metadata"]["name"])
        if method == "PATCH" and plural == "pods":
            self._start_added(body)
        if method == "POST" and plural == "pods" and any(each.startswith("labgrade-") for each in (space, name)):
            ready = {"phase": "Running", "podIP": "127.0.0.1", "conditions": [{"type": "Ready", "status": "True"}]}
            self.put("Pod", name, space, status=ready)

    def _start_added(self, pod: Json) -> None:
        """Starts what has no status yet; what has ended stays so."""
        status: Json = pod.get("status") or {}
        told: list[Json] = status.get("ephemeralContainerStatuses") or []
        known = {each["name"] for each in told}
        every: list[Json] = pod.get("spec", {}).get("ephemeralContainers") or []
        new: list[Json] = [
            {"name": each["name"], "state": {"running": {}}} for each in every if each["name"] not in known
        ]
        if new:
            told_now = {**status, "ephemeralContainerStatuses": [*told, *new]}
            self.put("Pod", pod["metadata"]["name"], pod["metadata"]["namespace"], status=told_now)


class _Server(ThreadingHTTPServer):
    api: ApiServer
    daemon_threads = True
    block_on_close = False

    def __init__(self, *args: Any) -> None:
        super().__init__(*args)
        self._open: set[socket.socket] = set()

    def process_request(self, request: Any, client_address: Any) -> None:
        self._open.add(request)
        super().process_request(request, client_address)

    def shutdown_request(self, request: Any) -> None:
        self._open.discard(request)
        super().shutdown_request(request)

    def drop_connections(self) -> None:
        for each in tuple(self._open):
            with contextlib.suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Says nothing: clients that go away are what is tested."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    wbufsize = -1

    @property
    def api(self) -> ApiServer:
        return cast("_Server", self.server).api

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - as the library calls it
        """Says nothing."""

    def date_time_string(self, timestamp: float | None = None) -> str:  # noqa: ARG002 - as the library calls it
        return format_datetime(self.api.now(), usegmt=True)

    def handle_any(self) -> None:
        length = int(self.headers.get("Content-Length") or 0)
        body: Json = json.loads(self.rfile.read(length)) if length else {}
        self.api.requests.append((self.command, self.path))
        fault = self.api.trouble(self.command, self.path)
        if fault and fault.what != "lost":
            self._suffer(fault)
            return
        if fault:
            self.close_connection, self.wfile = True, io.BytesIO()
        if self.api.token and self.headers.get("Authorization") != f"Bearer {self.api.token}":
            self._status(401, "Unauthorized", "Unauthorized")
            return
        split = urlsplit(self.path)
        query = {key: values[-1] for key, values in parse_qs(split.query).items()}
        match = PATH.fullmatch(split.path)
        if split.path == "/version":
            self._json(200, {"major": "1", "minor": "34", "gitVersion": "v1.34.0"})
        elif split.path == "/readyz":
            self._json(200, {})
        elif match is None and (discovered := self.api.discovered(split.path)):
            self._json(200, discovered)
        elif match is None:
            self._status(404, "NotFound", split.path)
        elif match["sub"] == "/exec":
            self._exec(match["name"], parse_qs(split.query)["command"])
        elif "watch" in query:
            self._watch(match, query)
        else:
            self._act(match, body, query.get("labelSelector", ""))

    do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = handle_any  # noqa: N815 - the names that http.server calls

    def _suffer(self, fault: Fault) -> None:
        if isinstance(fault.what, int):
            self._status(fault.what, "Faulty", fault.message, fault.retry_after)
            return
        self.close_connection = True
        if fault.what == "half":
            self.send_response(200)
            self.send_header("Content-Length", "100")
            self.end_headers()
            self.wfile.write(b'{"items": [')

    def _act(self, match: re.Match[str], body: Json, labels: str) -> None:
        api, root, plural = self.api, match["root"], match["plural"]
        key = (match["space"], match["name"])
        found = api.collection(root, plural).objects.get(key)
        if self.command == "GET" and not match["name"]:
            self._json(200, api.listed(root, plural, match["space"], labels))
        elif self.command == "POST":
            self._create(match, body)
        elif found is None:
            self._status(404, "NotFound", f'{plural} "{match["name"]}" not found')
        elif self.command == "GET":
            self._json(200, found)
        elif not _still(found, body):
            self._status(409, "Conflict", f"Operation cannot be fulfilled on {plural}: it is another one now")
        elif self.command == "DELETE":
            api.drop(root, plural, key)
            api.react("DELETE", plural, found)
            self._json(200, {"status": "Success"})
        elif match["sub"] and (problem := _cannot_add(found, body)):
            self._status(422, "Invalid", problem)
        else:
            kept = {key: found["metadata"][key] for key in ("name", "namespace", "uid") if key in found["metadata"]}
            put = {**body, "metadata": {**body.get("metadata", {}), **kept}}
            changed = put if self.command == "PUT" else _merged(found, body)
            stored = api.store(root, plural, changed, "MODIFIED")
            api.react(self.command, plural, changed)
            self._json(200, stored)

    def _create(self, match: re.Match[str], body: Json) -> None:
        api, name = self.api, body["metadata"]["name"]
        if match["space"]:
            body["metadata"]["namespace"] = match["space"]
        if (match["space"], name) in api.collection(match["root"], match["plural"]).objects:
            self._status(409, "AlreadyExists", f'{match["plural"]} "{name}" already exists')
            return
        api.store(match["root"], match["plural"], body, "ADDED")
        api.react("POST", match["plural"], body)
        self._json(201, body)

    def _watch(self, match: re.Match[str], query: dict[str, str]) -> None:
        self.close_connection = True
        self.send_response(200)
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        self.wfile.flush()
        since, seconds = int(query["resourceVersion"]), float(query["timeoutSeconds"])
        with contextlib.suppress(ConnectionAbortedError):
            for event in self.api.watched(match["root"], match["plural"], match["space"], since, seconds):
                line = json.dumps(event).encode() + b"\n"
                self.wfile.write(f"{len(line):x}\r\n".encode() + line + b"\r\n")
                self.wfile.flush()
            self.wfile.write(b"0\r\n\r\n")

    def _exec(self, pod: str, command: list[str]) -> None:
        self.close_connection = True
        key = hashlib.sha1(f"{self.headers['Sec-WebSocket-Key']}{WEBSOCKET}".encode()).digest()
        self.send_response(101)
        self.send_header("Upgrade", "websocket")
        self.send_header("Connection", "Upgrade")
        self.send_header("Sec-WebSocket-Accept", base64.b64encode(key).decode())
        self.send_header("Sec-WebSocket-Protocol", "v4.channel.k8s.io")
        self.end_headers()
        self.wfile.flush()
        code, out, err = self.api.exec(pod, command)
        causes = [{"reason": "ExitCode", "message": str(code)}]
        status = {"status": "Success"} if code == 0 else {"status": "Failure", "details": {"causes": causes}}
        self._frame(2, b"\x01" + out.encode())
        self._frame(2, b"\x02" + err.encode())
        if code is not None:
            self._frame(2, b"\x03" + json.dumps(status).encode())
        self._frame(8, struct.pack(">H", 1000))

    def _frame(self, opcode: int, data: bytes) -> None:
        head = bytes([0x80 | opcode])
        if len(data) < 126:
            head += bytes([len(data)])
        elif len(data) < 65536:
            head += b"\x7e" + struct.pack(">H", len(data))
        else:
            head += b"\x7f" + struct.pack(">Q", len(data))
        self.wfile.write(head + data)
        self.wfile.flush()

    def _status(self, code: int, reason: str, message: str, retry_after: int | None = None) -> None:
        self._json(code, {"kind": "Status", "code": code, "reason": reason, "message": message}, retry_after)

    def _json(self, code: int, body: Json, retry_after: int | None = None) -> None:
        words = json.dumps(body).encode()
        self.send_response(code)
        if retry_after is not None:
            self.send_header("Retry-After", str(retry_after))
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(words)))
        self.end_headers()
        self.wfile.write(words)
        self.wfile.flush()


def _still(found: Json, body: Json) -> bool:
    """Whether what a write expects of an object is so: its uid, its resource version."""
    metadata = found["metadata"]
    expected = {**body.get("preconditions", {}), **body.get("metadata", {})}
    return all(
        expected.get(key, metadata[key]) == metadata[key] for key in ("uid", "resourceVersion") if key in metadata
    )


def _cannot_add(pod: Json, patch: Json) -> str:
    """Why these ephemeral containers cannot be a Pod's: those that it has stay as they are; nothing else may change."""
    there = pod["spec"].get("ephemeralContainers") or []
    wanted = patch["spec"].get("ephemeralContainers") or []
    if [each for each in there if each not in wanted]:
        return "spec.ephemeralContainers: existing ephemeral containers may not be changed or removed"
    return "" if patch["spec"].keys() == {"ephemeralContainers"} else "spec: only ephemeralContainers may be added"


def _merged(old: Json, patch: Json) -> Json:
    """A JSON merge patch."""
    merged = dict(old)
    for key, value in patch.items():
        if value is None:
            merged.pop(key, None)
        elif isinstance(value, dict):
            merged[key] = _merged(cast("Json", merged.get(key) or {}), cast("Json", value))
        else:
            merged[key] = value
    return merged
