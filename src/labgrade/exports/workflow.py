"""What GitHub's runners take for commands in a log, written on purpose and never by accident."""

from __future__ import annotations

import re

from labgrade.text import harmless


def notice(title: str, words: str) -> str:
    """A line that makes an annotation of a workflow's run."""
    return f"::notice title={_property(title)}::{_data(words)}"


def inert(words: str) -> str:
    """The words, harmless, so that no line of them is a command when somebody prints them in a workflow.

    A line is one that begins with `::`, or that holds `##[` anywhere.
    """
    words = harmless(words).replace("##[", "## [")
    return re.sub(r"^(\s*)::", r"\1: :", words, flags=re.MULTILINE)


def _data(words: str) -> str:
    return words.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(words: str) -> str:
    return _data(words).replace(":", "%3A").replace(",", "%2C")
