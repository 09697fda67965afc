"""JSON files of ours as text: readable by people, safe in a terminal, and strict."""

from __future__ import annotations

import json
import re
import unicodedata
from collections.abc import Callable
from pathlib import Path
from typing import Any, NoReturn, TypeVar

from labgrade.errors import UsageError
from labgrade.text import harmless

T = TypeVar("T")


def dumps(data: Any) -> str:
    """The text of a file: indented, accents readable, safe to show in a terminal, and ending in a newline."""
    words = json.dumps(data, ensure_ascii=False, allow_nan=False, indent=2)
    return re.sub(r"[^\n -~]+", lambda found: _safe(found[0]), words) + "\n"


def _safe(characters: str) -> str:
    return characters if harmless(characters) == characters else "".join(map(_escaped, characters))


def _escaped(character: str) -> str:
    """A JSON escape for what would drive a terminal; other characters stay."""
    if unicodedata.category(character) == "Cs":
        # Half a surrogate pair is no character: strict JSON readers refuse its escape, so it is spelled out.
        return f"\\\\u{ord(character):04x}"
    if harmless(character) == character:
        return character
    return json.dumps(character)[1:-1] if ord(character) != 0x7F else "\\u007f"


def loads(words: str) -> Any:
    """What the text of a file says; UsageError where it is no JSON."""
    try:
        return json.loads(words, parse_constant=_refuse_constant)
    except (ValueError, RecursionError) as error:
        raise UsageError(f"not JSON: {error}") from error


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is no number")


def read(path: Path, parse: Callable[[str], T]) -> T:
    """What `parse` makes of a file's text; UsageError (file, and what is wrong) where it cannot be read or parsed."""
    try:
        return parse(path.read_text(encoding="utf-8-sig"))
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"{path} cannot be read: {error}") from error
    except UsageError as error:
        raise UsageError(f"{path}: {error}") from error


def number(value: float) -> float:
    """Whole numbers without `.0`, as people write points."""
    return int(value) if float(value).is_integer() else value
