"""Times as results, databases and gradebooks store them: RFC 3339, UTC, whole seconds."""

from __future__ import annotations

from datetime import UTC, datetime


def stamp(when: datetime) -> str:
    """That time, which has a zone."""
    return when.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def now() -> str:
    """The time by this machine's clock."""
    return stamp(datetime.now(UTC))
