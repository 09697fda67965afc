"""What a check-up says: a finding, how bad it is, what it means for labgrade, and what to type."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from labgrade.text import Text

if TYPE_CHECKING:
    from labgrade.diagnosis.patient import Patient

Level = Literal["fine", "remark", "absent", "warning", "trouble", "error"]
"""`remark`: worth knowing, nothing to mend. `absent`: not there yet, so nothing that builds on it can be looked at.
`warning`: works, but not all of it or not for long. `trouble`: labgrade does not run before it is mended.
`error`: we could not look."""

LEVELS: tuple[Level, ...] = ("fine", "remark", "absent", "warning", "trouble", "error")
"""From harmless to bad."""

HALTING = frozenset({"absent", "trouble", "error"})
"""What keeps later check-ups from being of use."""

NOTHING = Text("", "")


@dataclass(frozen=True, slots=True)
class Finding:
    """One line of the doctor's, with what belongs to it."""

    level: Level
    words: Text
    """What was found: a sentence without a full stop."""
    means: Text = NOTHING
    """What it means for labgrade."""
    do: tuple[Text | str, ...] = ()
    """What to do: a string is a command to type as it stands, a Text is a sentence."""
    details: tuple[str, ...] = ()
    """Versions, paths, others' own words: for --verbose and bug reports. No secrets."""


def fine(words: Text, *details: str) -> Finding:
    """Nothing to mend."""
    return Finding("fine", words, details=details)


def remark(words: Text, *do: Text | str) -> Finding:
    """Worth knowing."""
    return Finding("remark", words, do=do)


@dataclass(frozen=True, slots=True)
class CheckUp:
    """One thing that the doctor looks at."""

    title: Text
    """What is looked at, a noun."""
    look: Callable[[Patient], Sequence[Finding]]
    """Looks, judges, and says what to type; a sentence when all is well, too. It may crash: that is told."""
    after: tuple[Callable[[Patient], Sequence[Finding]], ...] = ()
    """The looks whose trouble explains this one's: then it is left out."""
    seconds: float = 8.0
    """How long it may take."""
