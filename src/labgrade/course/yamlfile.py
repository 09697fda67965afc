"""YAML files of ours, read so that every complaint can name file, line and key."""

from __future__ import annotations

import difflib
import math
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any, NoReturn

import yaml

from labgrade.errors import UsageError
from labgrade.text import Text

Key = tuple[str | int, ...]
_Loader: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


class YamlFile:
    """One YAML mapping and where each of its keys stands."""

    def __init__(self, path: Path) -> None:
        """UsageError where the file is missing, is no YAML, or holds no mapping."""
        self.path = path
        self._lines: dict[Key, int] = {}
        try:
            words = path.read_text(encoding="utf-8")
            node = yaml.compose(words, Loader=_Loader)
            if not isinstance(node, yaml.MappingNode):
                raise UsageError(f"{path}: a mapping is expected, as in `title: …`")
            self.data: dict[str, Any] = yaml.load(words, Loader=_Loader)
            self._remember(node, ())
        except OSError as error:
            raise UsageError(f"{path} cannot be read: {error.strerror}") from error
        except yaml.YAMLError as error:
            mark = getattr(error, "problem_mark", None)
            where = f"{path}:{mark.line + 1}" if mark else str(path)
            raise UsageError(f"{where}: not YAML: {getattr(error, 'problem', None) or error}") from error
        except (ValueError, RecursionError) as error:  # bytes that are no UTF-8, dates that are none, aliases in a loop
            raise UsageError(f"{path} cannot be read: {error}") from error

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

    def fail(self, key: Key, problem: str) -> NoReturn:
        """Raises UsageError: file, line, key, and `problem` in words."""
        at = key
        while at not in self._lines and at:
            at = at[:-1]
        name = ".".join(str(part) for part in key)
        raise UsageError(f"{self.path}:{self._lines.get(at, 1)}: {name or 'the file'} {problem}")

    def known(self, key: Key, mapping: Mapping[str, Any], names: Collection[str]) -> None:
        """Refuses a key of `mapping` that is not among `names`, with the nearest one that is."""
        for name in mapping:
            if name not in names:
                self.fail((*key, name), f"is not known{nearest(str(name), names)}")

    def get(self, key: Key, kind: type, *, default: Any = None) -> Any:
        """The value at `key`, which must be of that kind; without a `default` it must be there."""
        value: Any = self.data
        for part in key:
            value = value.get(part) if isinstance(value, dict) else value[part]
            if value is None:
                if default is not None:
                    return default
                self.fail(key, "is missing")
        kinds = (int, float) if kind is float else kind
        if not isinstance(value, kinds) or (isinstance(value, bool) and kind is not bool):
            self.fail(key, f"is {value!r}, but {_WORDS[kind]} is expected")
        return value

    def number(self, key: Key, *, default: float | None = None) -> float:
        """The number at `key`, which must be above 0."""
        value = self.get(key, float, default=default)
        if not 0 < value < math.inf:
            self.fail(key, f"is {value}, but a number above 0 is expected")
        return float(value)

    def text(self, key: Key) -> Text:
        """The text at `key`, which must be there in both languages."""
        found = self.get(key, dict)
        self.known(key, found, ("en", "fr"))
        for language in ("en", "fr"):
            if not str(found.get(language) or "").strip():
                self.fail((*key, language), "is missing: every text stands in French and in English")
        return Text(en=str(found["en"]).strip(), fr=str(found["fr"]).strip())

    def names(self, key: Key, known: Collection[str] | None = None) -> tuple[str, ...]:
        """The list of strings at `key`, empty when it is not there; each one of `known`, if given."""
        found = self.get(key, list, default=[])
        for index, name in enumerate(found):
            if not isinstance(name, str):
                self.fail((*key, index), f"is {name!r}, but a string is expected")
            if known is not None and name not in known:
                self.fail((*key, index), f"names {name!r}, which is not known{nearest(name, known)}")
        return tuple(found)


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
