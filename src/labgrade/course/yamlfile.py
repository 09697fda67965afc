"""YAML files of ours, read so that every complaint can name file, line and key."""

from __future__ import annotations

import difflib
import math
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any

import yaml

from labgrade.errors import UsageError
from labgrade.text import Text

Key = tuple[str | int, ...]
_Loader: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


class AsWritten(_Loader):
    """Takes every word for a text as it stands there, be it 007, yes or 2026-11-20; nothing stays nothing."""


AsWritten.yaml_implicit_resolvers = {
    first: [(tag, words) for tag, words in resolvers if tag.endswith((":null", ":merge"))]
    for first, resolvers in _Loader.yaml_implicit_resolvers.items()
}


class FileError(UsageError):
    """One thing that is wrong with one file of a course; line 0 is the file as a whole."""

    def __init__(self, path: Path, line: int, problem: str) -> None:
        self.path, self.line, self.problem = path, line, problem
        super().__init__(f"{path}:{line}: {problem}" if line else f"{path}: {problem}")


class YamlFile:
    """One YAML mapping and where each of its keys stands.

    What is wrong raises FileError, unless `complaints` collects it: then every reader goes on with a value that is
    as good as any (an empty one, or the number nan), and a later complaint that only follows from it is left out.
    """

    def __init__(self, path: Path, complaints: list[FileError] | None = None, *, loader: Any = _Loader) -> None:
        """FileError where the file is missing, is no YAML, or holds no mapping; `loader` says what a word means."""
        self.path, self.complaints = path, complaints
        self._lines: dict[Key, int] = {}
        self._wrong: set[Key] = set()
        try:
            words = path.read_text(encoding="utf-8")
            node = yaml.compose(words, Loader=loader)
            if not isinstance(node, yaml.MappingNode):
                raise FileError(path, 0, "a mapping is expected, as in `title: …`")
            self.data: dict[str, Any] = yaml.load(words, Loader=loader)
            self._remember(node, ())
        except OSError as error:
            raise FileError(path, 0, f"cannot be read: {error.strerror}") from error
        except yaml.YAMLError as error:
            raise not_yaml(path, error) from error
        except (ValueError, RecursionError) as error:  # bytes that are no UTF-8, dates that are none, aliases in a loop
            raise FileError(path, 0, f"cannot be read: {error}") from error

    def _remember(self, node: yaml.Node, key: Key) -> None:
        self._lines[key] = node.start_mark.line + 1
        if isinstance(node, yaml.MappingNode):
            for name, value in node.value:
                if (*key, name.value) in self._lines:
                    self._lines[(*key, name.value)] = name.start_mark.line + 1
                    self.fail((*key, name.value), "stands here a second time")
                self._remember(value, (*key, name.value))
                self._lines[(*key, name.value)] = name.start_mark.line + 1
        elif isinstance(node, yaml.SequenceNode):
            for index, value in enumerate(node.value):
                self._remember(value, (*key, index))

    def line(self, key: Key) -> int:
        """Where a key stands, or where it should."""
        while key not in self._lines and key:
            key = key[:-1]
        return self._lines.get(key, 1)

    def fail(self, key: Key, problem: str) -> None:
        """Complains of `key`, with `problem` in words: raises FileError, or notes it where complaints are collected."""
        name = ".".join(str(part) for part in key)
        error = FileError(self.path, self.line(key), f"{name or 'the file'} {problem}")
        if self.complaints is None:
            raise error
        if not any(key[: len(wrong)] == wrong or wrong[:-1] == key for wrong in self._wrong):
            self.complaints.append(error)
        self._wrong.add(key)

    def known(self, key: Key, mapping: Mapping[str, Any], names: Collection[str]) -> None:
        """Refuses a key of `mapping` that is not among `names`, with the nearest one that is."""
        for name in mapping:
            if name not in names:
                self.fail((*key, name), f"is not known{nearest(str(name), names)}")

    def get(self, key: Key, kind: type, *, default: Any = None) -> Any:
        """The value at `key`, which must be of that kind; without a `default` it must be there."""
        value: Any = self.data
        for part in key:
            value = value.get(part) if isinstance(value, dict) else None
            if value is None:
                if default is not None:
                    return default
                self.fail(key, "is missing")
                return _BLANKS[kind]
        kinds = (int, float) if kind is float else kind
        if not isinstance(value, kinds) or (isinstance(value, bool) and kind is not bool):
            self.fail(key, f"is {value!r}, but {_WORDS[kind]} is expected")
            return _BLANKS[kind]
        return value

    def number(self, key: Key, *, default: float | None = None) -> float:
        """The number at `key`, which must be above 0."""
        value = self.get(key, float, default=default)
        if not 0 < value < math.inf:
            self.fail(key, f"is {value}, but a number above 0 is expected")
            return math.nan
        return float(value)

    def text(self, key: Key) -> Text:
        """The text at `key`, which must be there in both languages."""
        found = self.get(key, dict)
        self.known(key, found, ("en", "fr"))
        words = {language: str(found.get(language) or "").strip() for language in ("en", "fr")}
        for language in words:
            if not words[language]:
                self.fail((*key, language), "is missing: every text stands in French and in English")
        return Text.of(words)

    def names(self, key: Key, known: Collection[str] | None = None) -> tuple[str, ...]:
        """The list of strings at `key`, empty when it is not there; each one of `known`, if given."""
        names: list[str] = []
        for index, name in enumerate(self.get(key, list, default=[])):
            if not isinstance(name, str):
                self.fail((*key, index), f"is {name!r}, but a string is expected")
            elif known is not None and name not in known:
                self.fail((*key, index), f"names {name!r}, which is not known{nearest(name, known)}")
            else:
                names.append(name)
        return tuple(names)


def not_yaml(path: Path, error: yaml.YAMLError) -> FileError:
    """What is to be said of a file that is no YAML, and of which line."""
    mark = getattr(error, "problem_mark", None)
    return FileError(path, mark.line + 1 if mark else 0, f"not YAML: {getattr(error, 'problem', None) or error}")


def nearest(name: str, known: Collection[str]) -> str:
    """What to add to a complaint about an unknown name: the nearest known one, and all of them."""
    if not known:
        return ""
    close = difflib.get_close_matches(name, list(known), n=1, cutoff=0.5)
    guess = f"; did you mean {close[0]!r}?" if close else ""
    return f"{guess} (known: {', '.join(sorted(known))})"


_WORDS: dict[type, str] = {
    dict: "a mapping",
    list: "a list",
    str: "a string",
    int: "a whole number",
    float: "a number",
    bool: "true or false",
}

_BLANKS: dict[type, Any] = {dict: {}, list: [], str: "", int: 0, float: math.nan, bool: False}
"""What reading goes on with where there is nothing of that kind."""
