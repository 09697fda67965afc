"""What the cluster itself said of a failure: events, container states and last log lines, as lines of evidence."""

from __future__ import annotations

import logging
import re
from collections import Counter
from collections.abc import Iterator
from datetime import datetime, timedelta

from labgrade.facts import Cluster, Event, Fact, Pod
from labgrade.facts.reading import RESOURCES
from labgrade.model import Outcome

log = logging.getLogger(__name__)

MOST_EVENTS = 10
MOST_ALIKE = 2
"""Events for one reason about one object."""

MOST_PODS = 3
MOST_LOG_LINES = 5
LONGEST = 600
"""Characters of a line."""

RECENT = timedelta(minutes=20)
"""Controllers that keep failing say so again within a quarter of an hour."""

NAMED = re.compile(rf"\b(?:{'|'.join(kind.lower() for kind in RESOURCES)})/[a-z0-9](?:[-a-z0-9.]*[a-z0-9])?\b")
"""An object as kubectl names it."""


def witness(cluster: Cluster, outcome: Outcome, now: datetime) -> tuple[str, ...]:
    """Lines of evidence for a failed outcome; none where they cannot be had. `now` is the cluster's time.

    Told is of the objects that the failure names and of what these control; where it names none, every Warning. What
    is no Warning is told only of what the student reads a name of.
    """
    try:
        read = set(NAMED.findall(outcome.saw.en))
        named = read.union(*map(NAMED.findall, outcome.evidence))
        family = _family(cluster, named)
        pods = [fact for fact in family if isinstance(fact, Pod) and not fact.ready][:MOST_PODS]
        return (*_states(pods), *_last_lines(pods), *_events(cluster, read, named, family, now))
    except Exception as error:  # evidence is a kindness: whatever goes wrong with it must not spoil the outcome
        log.warning("no further evidence for %s: %s", outcome.id, error)
        return ()


def _family(cluster: Cluster, named: set[str]) -> list[Fact]:
    """The named objects that exist, then what they control, down to Pods; in the order of names."""
    every: list[Fact] = [
        *cluster.deployments(),
        *cluster.statefulsets(),
        *cluster.daemonsets(),
        *cluster.replicasets(),
        *Pod.all(cluster.reading, cluster.namespace),
    ]
    found = {fact.uid: fact for fact in every if f"{fact}" in named}
    for _ in ("their ReplicaSets", "their Pods"):
        found |= {fact.uid: fact for fact in every if fact.controller_uid in found}
    return list(found.values())


def _states(pods: list[Pod]) -> Iterator[str]:
    """Of each container that does not run; siblings that are in the same state are told of once."""
    told = set[str]()
    for pod in pods:
        for status in pod.container_statuses:
            for kind, state in (status.get("state") or {}).items():
                parts = (kind, state.get("reason"), state.get("message"), _code(state.get("exitCode")))
                words = f"{status['name']}: {', '.join(str(part) for part in parts if part)}"
                if kind != "running" and words not in told:
                    told.add(words)
                    yield _line(f"state {pod} {words}")


def _code(code: int | None) -> str:
    return "" if code is None else f"exit code {code}"


def _last_lines(pods: list[Pod]) -> Iterator[str]:
    """Of the first container that keeps ending: its Pod's siblings end alike."""
    for pod in pods:
        for status in pod.container_statuses:
            crashed = "terminated" in (status.get("state") or {}) or "terminated" in (status.get("lastState") or {})
            if crashed and not status.get("ready"):
                lines = [line for line in pod.log(status["name"]) if line]
                yield from (_line(f"log {pod} {status['name']}: {line}") for line in lines[-MOST_LOG_LINES:])
                return


def _events(cluster: Cluster, read: set[str], named: set[str], family: list[Fact], now: datetime) -> list[str]:
    """The last ones, Warnings before others, in the order of time."""
    uids = {fact.uid for fact in family}
    gone = named - {f"{fact}" for fact in family}

    def told(event: Event) -> bool:
        if now - event.last_seen > RECENT or not (event.warning or event.about in read):
            return False
        return not named or event.involved.get("uid") in uids or event.about in gone

    alike: Counter[tuple[str, str]] = Counter()
    chosen: list[Event] = []
    newest_first = reversed([event for event in cluster.events() if told(event)])
    for event in sorted(newest_first, key=lambda event: not event.warning):
        # Siblings are told the same words; of one object, controllers that try again word each refusal anew.
        same, again = (event.reason, event.message), (event.reason, event.about)
        if not alike[same] and alike[again] < MOST_ALIKE:
            chosen.append(event)
        alike.update((same, again))
    in_time = sorted(chosen[:MOST_EVENTS], key=lambda event: event.last_seen)
    return [_line(_sentence(event, now)) for event in in_time]


def _sentence(event: Event, now: datetime) -> str:
    age = f"{max(0, round((now - event.last_seen).total_seconds()))} s ago"
    when = age if event.count == 1 else f"{event.count} times, last {age}"
    return f"event {event.type} {event.reason} {event.about} ({when}): {event.message}"


def _line(words: str) -> str:
    line = " ".join(words.split())
    return line if len(line) <= LONGEST else f"{line[: LONGEST - 1]}…"
