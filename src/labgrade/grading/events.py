"""How the pytest process tells the command what happens, as it happens: one JSON line an event, over a pipe."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from dataclasses import dataclass
from typing import IO, Any, Literal

from labgrade.model import Outcome
from labgrade.result import outcome_data, outcome_from
from labgrade.resultform import Field

Kind = Literal["start", "begin", "outcome", "fatal"]


class Sender:
    """The pytest end; sends nothing where nobody listens."""

    def __init__(self, descriptor: int | None) -> None:
        self._descriptor = descriptor

    def send(self, kind: Kind, **data: Any) -> None:
        """One event. BrokenPipeError where the command has died, which ends the run."""
        if self._descriptor is None:
            return
        if isinstance(data.get("outcome"), Outcome):
            data["outcome"] = outcome_data(data["outcome"])
        os.write(self._descriptor, (json.dumps({"event": kind, **data}) + "\n").encode())


@dataclass(frozen=True, slots=True)
class Event:
    """One event as the command gets it."""

    kind: Kind
    data: dict[str, Any]

    @property
    def outcome(self) -> Outcome:
        """The outcome that an `outcome` event brings."""
        return outcome_from(Field(self.data["outcome"], ("outcome",)))


LONGEST = 16 * 1024 * 1024
"""Bytes of one event; what sends more has lost its head, and is no longer listened to."""


def received(stream: IO[bytes]) -> Iterator[Event]:
    """Events until the pytest process is gone; a last line that was torn by its death is dropped."""
    for line in iter(lambda: stream.readline(LONGEST), b""):
        if not line.endswith(b"\n"):
            return
        data = json.loads(line)
        yield Event(data.pop("event"), data)
