"""YAML of students, read the way kubectl reads it, and never larger than it looks.

What is applied is written anew from what was read here, so that no two readers can see two things in one file.
"""

from __future__ import annotations

import base64
import binascii
import json
import math
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeAlias

import yaml

from labgrade.model import Json

_Loader: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)

LARGEST = 3 << 19
"""What a file may hold once every alias is written out, in characters, each value counting for some more."""
EACH = 8
FAULTY = 4
"""What each byte of a file with a fault counts for, however far it was read."""
DEEPEST = 100
MOST_ALIASES = 1000

_TRUE = frozenset({"y", "Y", "yes", "Yes", "YES", "true", "True", "TRUE", "on", "On", "ON"})
_FALSE = frozenset({"n", "N", "no", "No", "NO", "false", "False", "FALSE", "off", "Off", "OFF"})
_NULL = frozenset({"", "~", "null", "Null", "NULL"})
_INT = re.compile(r"[-+]?(?:0[bB][01]+|0[oO]?[0-7]+|0[xX][0-9a-fA-F]+|0|[1-9][0-9]*)")
_NO_NUMBER = re.compile(r"[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN)")
_FLOAT = re.compile(r"[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?")
_TAG = "tag:yaml.org,2002:"
_LONGEST_NUMBER = 100
_LARGEST_WHOLE = 1e21

Value: TypeAlias = "dict[str, Value] | list[Value] | str | int | float | bool | None"


class TooMuch(Exception):
    """A file that is not to be read on: its aliases or its depth make it larger than it looks."""


class NotYaml(Exception):
    """A file, or the rest of one, that is no YAML; the message says where."""


@dataclass(frozen=True, slots=True)
class Read:
    """What a file holds, as far as it could be read."""

    documents: tuple[Value, ...]
    """Less empty ones."""
    problem: str = ""
    """Why the rest could not be read; empty where there is none."""
    size: int = 0
    """Of what was read, as `LARGEST` counts it."""

    @property
    def objects(self) -> tuple[Json, ...]:
        """Its Kubernetes objects, those of lists one by one."""
        return tuple(_flat(self.documents))

    @property
    def strays(self) -> int:
        """How many documents are no objects at all, but words or lists."""
        return sum(not isinstance(document, dict) for document in self.documents)

    def written(self) -> bytes:
        """The objects as kubectl is given them: YAML that every reader reads alike."""
        return b"".join(b"---\n" + json.dumps(each).encode("ascii") + b"\n" for each in self.objects)


def read(content: bytes) -> Read:
    """What a file holds; what is no YAML is told in `problem`. TooMuch where it is not to be read on."""
    found: list[Value] = []
    problem, size = "", 0
    try:
        size = _gather(content.decode("utf-8-sig"), found)
    except NotYaml as error:
        problem = str(error)
    except UnicodeDecodeError as error:
        problem = f"byte {error.start + 1} is no UTF-8"
    if problem:
        size = FAULTY * len(content)
    return Read(tuple(found), problem, size)


def _flat(documents: Sequence[Value]) -> Iterator[Json]:
    for document in documents:
        if not isinstance(document, dict):
            continue
        items = document.get("items")
        if isinstance(items, list):  # whatever its kind: kubectl does not look at that
            yield from _flat(items)
        else:
            yield document


def _gather(words: str, found: list[Value]) -> int:
    """Adds the documents one by one: those before a fault are as good as any. Their size."""
    builder = _Builder()
    try:
        for event in yaml.parse(words, Loader=_Loader):
            if builder.take(event):
                if builder.document is not None:
                    found.append(builder.document)
                builder = _Builder(builder.size)
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        where = f"line {mark.line + 1}: " if mark else ""
        raise NotYaml(f"{where}{getattr(error, 'problem', None) or getattr(error, 'reason', None) or error}") from error
    return builder.size


@dataclass
class _Open:
    """A mapping or list that is being read."""

    value: dict[str, Value] | list[Value]
    began: int
    """The size of everything before it."""
    anchor: str | None
    key: str | None = None
    """Of a mapping: the key whose value comes next."""
    merging: bool = False
    """Whether that key is the `<<` which takes over another mapping."""
    merged: list[Value] = field(default_factory=list[Value])
    """Of a mapping: what `<<` gives it where it has no value of its own."""
    height: int = 1
    """So many levels it has, itself among them, with those that aliases lead to."""


class _Builder:
    """One document, from its events."""

    def __init__(self, size: int = 0) -> None:
        self.document: Value = None
        self.size = size
        self._open: list[_Open] = []
        self._anchors: dict[str, tuple[Value, int, int]] = {}
        self._aliases = 0

    def take(self, event: Any) -> bool:
        """Whether the document is whole."""
        if isinstance(event, (yaml.MappingStartEvent, yaml.SequenceStartEvent)):
            self._begin(event)
        elif isinstance(event, (yaml.MappingEndEvent, yaml.SequenceEndEvent)):
            self._end()
        elif isinstance(event, yaml.ScalarEvent):
            before = self.size
            self._grow(len(event.value))
            value = _scalar(event)
            self._anchor(event.anchor, value, before, height=0)
            self._put(value, merging=event.value == "<<" and event.implicit[0])
        elif isinstance(event, yaml.AliasEvent):
            self._alias(event)
        return isinstance(event, yaml.DocumentEndEvent)

    def _begin(self, event: Any) -> None:
        if len(self._open) >= DEEPEST:
            raise TooMuch(f"line {event.start_mark.line + 1}: nests deeper than {DEEPEST} levels")
        if self._open and self._wants_key(self._open[-1]):
            raise NotYaml(f"line {event.start_mark.line + 1}: a key that is not a word")
        value: dict[str, Value] | list[Value] = {} if isinstance(event, yaml.MappingStartEvent) else []
        self._open.append(_Open(value, self.size, event.anchor))
        self._grow(0)

    def _end(self) -> None:
        ended = self._open.pop()
        if isinstance(ended.value, dict):
            for given in ended.merged:
                for mapping in given if isinstance(given, list) else [given]:
                    if not isinstance(mapping, dict):
                        raise NotYaml("`<<` is followed by something that is no mapping")
                    ended.value.update({key: value for key, value in mapping.items() if key not in ended.value})
        self._anchor(ended.anchor, ended.value, ended.began, ended.height)
        self._put(ended.value, height=ended.height)

    def _alias(self, event: Any) -> None:
        self._aliases += 1
        if event.anchor not in self._anchors:
            raise NotYaml(f"line {event.start_mark.line + 1}: the alias {event.anchor!r} leads nowhere, or into itself")
        value, size, height = self._anchors[event.anchor]
        self._grow(size)
        if len(self._open) + height > DEEPEST:
            raise TooMuch(f"line {event.start_mark.line + 1}: nests deeper than {DEEPEST} levels, with its aliases")
        if self._aliases > MOST_ALIASES:
            raise TooMuch(f"line {event.start_mark.line + 1}: more than {MOST_ALIASES} aliases")
        self._put(value, height=height)

    def _put(self, value: Value, *, height: int = 0, merging: bool = False) -> None:
        if not self._open:
            self.document = value
            return
        around = self._open[-1]
        around.height = max(around.height, height + 1)
        if isinstance(around.value, list):
            around.value.append(value)
        elif around.key is None:
            if isinstance(value, (dict, list)):
                raise NotYaml("an alias as a key leads to something that is not a word")
            if value is None:
                raise NotYaml("a key is empty")
            around.key, around.merging = _word(value), merging
        else:
            if around.merging:
                around.merged.append(value)
            else:
                around.value[around.key] = value
            around.key = None

    @staticmethod
    def _wants_key(around: _Open) -> bool:
        return isinstance(around.value, dict) and around.key is None

    def _anchor(self, name: str | None, value: Value, before: int, height: int) -> None:
        if name is not None:
            self._anchors[name] = (value, self.size - before, height)

    def _grow(self, by: int) -> None:
        self.size += by + EACH
        if self.size > LARGEST:
            raise TooMuch("its aliases and values, written out, are larger than a manifest can be")


def _word(value: Value) -> str:
    return value if isinstance(value, str) else json.dumps(value)


def _scalar(event: Any) -> Value:
    tag = str(event.tag or "").removeprefix(_TAG)
    if tag == "binary":
        try:
            return base64.b64decode("".join(event.value.split()), validate=True).decode("utf-8", "replace")
        except (binascii.Error, ValueError) as error:
            raise NotYaml(f"line {event.start_mark.line + 1}: !!binary is followed by no base64") from error
    plain = event.style in (None, "") and tag in {"", "int", "float", "bool", "null"}
    return _resolved(event.value) if plain or tag in {"int", "float", "bool", "null"} else event.value


def _resolved(words: str) -> Value:
    """What words without quotes are to kubectl: no times and dates, and numbers as Go has them."""
    if words in _NULL:
        return None
    if words in _TRUE or words in _FALSE:
        return words in _TRUE
    bare = words.replace("_", "")
    if _NO_NUMBER.fullmatch(words):
        raise NotYaml(f"{words} is a number that JSON has none of")
    if len(bare) > _LONGEST_NUMBER or words[:1] not in tuple("-+.0123456789"):
        return words
    if _INT.fullmatch(bare):
        return _whole(bare)
    if _FLOAT.fullmatch(bare):
        value = float(bare)
        return words if math.isinf(value) else _short(value)
    return words


def _short(value: float) -> int | float:
    """As Go writes it: without a fraction where it has none, so that `replicas: 3.0` is a whole number."""
    return int(value) if value.is_integer() and abs(value) < _LARGEST_WHOLE else value


def _whole(bare: str) -> int | float:
    sign, digits = (-1, bare[1:]) if bare[0] == "-" else (1, bare.lstrip("+"))
    octal = digits[:1] == "0" and digits[1:2].isdigit()
    number = sign * int(digits, 8 if octal else 0)
    # Beyond 64 bits, Go goes on with a float.
    return number if -(1 << 63) <= number < (1 << 64) else _short(float(number))
