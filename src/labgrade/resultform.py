"""Values of a JSON document, read so that every complaint names their key."""

from __future__ import annotations

import re
import reprlib
import sys
from dataclasses import dataclass
from typing import Any, NoReturn, TypeVar

from labgrade.errors import UsageError
from labgrade.model import STATES, State
from labgrade.text import Text, harmless

T = TypeVar("T")

TIME = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}(\.[0-9]{1,9})?(Z|\+00:00)")
_MISSING: Any = object()


@dataclass(frozen=True, slots=True)
class Field:
    """One value and where it stands; each reader raises UsageError where the value is not of that kind."""

    value: Any
    key: tuple[str | int, ...]

    @property
    def shown(self) -> str:
        """The value, short enough for a message."""
        return "missing" if self.value is _MISSING else harmless(reprlib.repr(self.value))

    def fail(self, problem: str) -> NoReturn:
        """Raises UsageError: key, and `problem` in words."""
        path = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in self.key)
        raise UsageError(f"{path.removeprefix('.') or 'the document'} {harmless(problem)}")

    def _expect(self, kind: type | tuple[type, ...], words: str) -> Any:
        if not isinstance(self.value, kind) or (isinstance(self.value, bool) and kind is not bool):
            self.fail(f"is {self.shown}, but {words} is expected")
        return self.value

    def get(self, key: str, *, default: Any = _MISSING) -> Field:
        """A value of this object; one that is missing fails when it is read."""
        return Field(self._expect(dict, "an object").get(key, default), (*self.key, key))

    def items(self) -> tuple[Field, ...]:
        """The values of this list."""
        values = self._expect(list, "a list")
        return tuple(Field(value, (*self.key, index)) for index, value in enumerate(values))

    def string(self) -> str:
        """Any string."""
        return self._expect(str, "a string")

    def name(self) -> str:
        """A string that is not empty."""
        return self.string() or self.fail("is empty, but a name is expected")

    def text(self) -> Text:
        """A text in both languages."""
        return Text(en=self.get("en").string(), fr=self.get("fr").string())

    def time(self) -> str:
        """A time as RFC 3339 has it, in UTC."""
        if not TIME.fullmatch(self.string()):
            self.fail(f"is {self.shown}, but a time in UTC is expected, like 2026-01-31T12:00:00Z")
        return self.string()

    def boolean(self) -> bool:
        """True or false."""
        return self._expect(bool, "true or false")

    def number(self) -> float:
        """A number, 0 or more."""
        value = self._expect((int, float), "a number")
        if not 0 <= value < sys.float_info.max:
            self.fail(f"is {self.shown}, but a number of at least 0 is expected")
        return float(value)

    def whole(self) -> int:
        """A whole number, 0 or more."""
        if not self.number().is_integer():
            self.fail(f"is {self.shown}, but a whole number is expected")
        return int(self.value)

    def one_of(self, options: tuple[T, ...]) -> T:
        """One of these."""
        if isinstance(self.value, bool) or self.value not in options:
            self.fail(f"is {self.shown}, but one of {', '.join(map(str, options))} is expected")
        return self.value

    def state(self) -> State:
        """One of the states that an outcome can have."""
        return self.one_of(STATES)

    def strings(self) -> dict[str, str]:
        """An object whose values are strings."""
        return {key: Field(value, (*self.key, key)).string() for key, value in self._expect(dict, "an object").items()}

    def schema(self, expected: str) -> None:
        """Fails unless this is the name of that form, such as `labgrade/result/v1`."""
        kind = expected.rpartition("/")[0]
        if self.value == expected:
            return
        if isinstance(self.value, str) and self.value.startswith(f"{kind}/"):
            self.fail(f"is {self.value!r}, but this labgrade reads {expected}: use the version that wrote it")
        self.fail(f"is {self.shown}, but {expected!r} is expected: this is not a {kind.replace('/', ' ')}")
