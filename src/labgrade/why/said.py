"""What was said of an object: its events and its containers' logs, as far as they can be had."""

from __future__ import annotations

import re
from collections.abc import Callable
from contextlib import suppress
from typing import TypeVar

from labgrade.errors import HarnessError
from labgrade.facts import Event, Fact, Pod
from labgrade.text import Text

T = TypeVar("T")

LONGEST = 240
"""Characters of a message or log line that a sentence can bear."""

TELLING = (
    re.compile(
        r"address (already )?in use|permission denied|no such file|not found|refused|unknown host|bad address|"
        r"syntax error|read-only file ?system|access denied|no space left",
        re.IGNORECASE,
    ),
    re.compile(r"error|fatal|emerg|panic|exception|failed|cannot|can't|unable|invalid", re.IGNORECASE),
)
"""Words of the line that a colleague would point at, the most telling kind first."""


def events(fact: Fact, *reasons: str) -> list[Event]:
    """Events about the object, for one of these reasons, the newest last; none where they cannot be read."""
    with suppress(HarnessError):
        found = Event.in_order(fact.reading, fact.namespace)
        return [event for event in found if event.reason in reasons and event.concerns(fact)]
    return []


def if_readable(read: Callable[[], list[T]]) -> list[T]:
    """What `read` finds; nothing where the cluster does not let us, for what only adds to a sentence."""
    with suppress(HarnessError):
        return read()
    return []


def told(event: Event) -> str:
    """An event's message, without what repeats itself in it."""
    return event.message.removeprefix("(combined from similar events): ").removeprefix("Error creating: ")


def brief(words: str) -> str:
    """Foreign words on one line, and not too many of them."""
    line = " ".join(words.split())
    return line if len(line) <= LONGEST else f"{line[: LONGEST - 1]}…"


def last_words(pod: Pod, container: str) -> Text:
    """The telling line among the last that a container wrote, to follow a sentence; empty where there is none."""
    lines = [line for line in pod.log(container) if line]
    if not lines:
        return Text("", "")
    kinds = ((line for line in reversed(lines) if words.search(line)) for words in TELLING)
    line = brief(next((found for kind in kinds for found in kind), lines[-1]))
    return Text(en=f"; its log says: {line}", fr=f" ; son journal dit : {line}")
