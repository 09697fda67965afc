"""Why a submission is not taken: each reason names the file, what it is, why that is refused, and what to do."""

from __future__ import annotations

from labgrade.errors import UsageError
from labgrade.text import Text, harmless

SHOWN = 12
"""So many reasons are told; of the rest, how many there are."""

LONGEST_NAME = 120
"""Of names that students chose, so many characters are shown."""


class Refused(UsageError):
    """What was handed in is not graded. `why` says it in both languages; the message is its English."""

    def __init__(self, *reasons: Text) -> None:
        self.reasons = reasons
        super().__init__(_together(reasons))


def shown(name: str) -> str:
    """A name that a student chose, on one line, made harmless and cut."""
    # A name that is no UTF-8 comes with surrogates, which are shown as escapes like all that is not to be printed.
    words = harmless(name).replace("\n", "\\n").replace("\t", "\\t")
    return words if len(words) <= LONGEST_NAME else f"{words[:LONGEST_NAME]}…"


def _together(reasons: tuple[Text, ...]) -> Text:
    told, more = reasons[:SHOWN], len(reasons) - SHOWN
    en, fr = "; ".join(reason.en for reason in told), "\u00a0; ".join(reason.fr for reason in told)
    if more > 0:
        return Text(f"{en}; and {more} more", f"{fr}\u00a0; et {more} de plus")
    return Text(en, fr)
