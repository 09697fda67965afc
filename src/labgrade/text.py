"""Words in both of the course's languages, and words from a cluster made harmless."""

from __future__ import annotations

import locale
import os
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

Language = Literal["fr", "en"]


@dataclass(frozen=True, slots=True)
class Text:
    """One sentence in both languages."""

    en: str
    fr: str

    def __getitem__(self, language: Language) -> str:
        return self.fr if language == "fr" else self.en

    def __bool__(self) -> bool:
        return bool(self.en or self.fr)

    def data(self) -> dict[str, str]:
        """The text as result.json stores it."""
        return {"en": self.en, "fr": self.fr}

    @classmethod
    def of(cls, data: Mapping[str, str]) -> Text:
        """The text that result.json or lab.yaml holds as `{"en": …, "fr": …}`."""
        return cls(en=data["en"], fr=data["fr"])


def text(words: Text | str) -> Text:
    """`words` in both languages; a plain string (a command, a name) serves both."""
    return words if isinstance(words, Text) else Text(en=words, fr=words)


def following(cause: Text | None) -> Text:
    """A cause as the end of a sentence, after a semicolon; empty where there is none."""
    return Text(en=f"; {cause.en}", fr=f" ; {cause.fr}") if cause else Text("", "")


def default_language(environment: Mapping[str, str] | None = None) -> Language:
    """French where the locale says so, else English."""
    env = os.environ if environment is None else environment
    name = env.get("LC_ALL") or env.get("LC_MESSAGES") or env.get("LANG") or (locale.getlocale()[0] or "")
    return "fr" if name.lower().startswith("fr") else "en"


def harmless(words: str) -> str:
    """`words` from a cluster, with control, format and surrogate characters shown as escapes.

    Newlines and tabs stay. What is left can go to a terminal or into XML; HTML and CSV need their own quoting.
    """
    return "".join(
        c if c in "\n\t" or unicodedata.category(c) not in {"Cc", "Cf", "Cs", "Co", "Cn"} else ascii(c)[1:-1]
        for c in words
    )
