"""A command in a container, read from its WebSocket to the very end: output without an exit code is no answer."""

from __future__ import annotations

import json
from dataclasses import dataclass

import websocket

from labgrade.errors import HarnessError
from labgrade.model import Json
from labgrade.patience import monotonic

OUTPUT_LIMIT = 16_000_000
"""A command in a container that says more than so many bytes is given up."""


@dataclass(frozen=True, slots=True)
class Completed:
    """A command that ran in a container to its end, with its exit code."""

    code: int
    stdout: str
    stderr: str


def completed(socket: websocket.WebSocket, pod: str, end: float) -> Completed:
    """Reads the channels of a remote command (1 stdout, 2 stderr, 3 status) until it ends, or time does."""
    channels = {1: bytearray(), 2: bytearray(), 3: bytearray()}
    while True:
        # The time-out of the library starts anew with every frame.
        socket.settimeout(max(end - monotonic(), 0.001))
        try:
            opcode, data = socket.recv_data()
        except websocket.WebSocketTimeoutException as error:
            raise HarnessError(f"a command in pod/{pod} did not end in time") from error
        except (websocket.WebSocketException, OSError) as error:
            raise HarnessError(f"the connection to a command in pod/{pod} broke off: {error}") from error
        if opcode == websocket.ABNF.OPCODE_CLOSE:
            break
        if data and data[0] in channels:
            channels[data[0]] += data[1:]
        if sum(map(len, channels.values())) > OUTPUT_LIMIT:
            raise HarnessError(f"a command in pod/{pod} said more than {OUTPUT_LIMIT} bytes")
    if not channels[3]:
        raise HarnessError(f"a command in pod/{pod} ended without telling its exit code")
    out, err = (bytes(channels[n]).decode("utf-8", "replace") for n in (1, 2))
    return Completed(_exit_code(json.loads(bytes(channels[3])), pod), out, err)


def _exit_code(status: Json, pod: str) -> int:
    if status.get("status") == "Success":
        return 0
    for cause in status.get("details", {}).get("causes", []):
        if cause.get("reason") == "ExitCode":
            return int(cause["message"])
    raise HarnessError(f"could not run a command in pod/{pod}: {status.get('message', status)}")
