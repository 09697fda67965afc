"""A kubeconfig's bytes and what they say: only text, lists and mappings, none of YAML's cleverness."""

from __future__ import annotations

import os
import stat
from pathlib import Path
from typing import TypeAlias

import yaml

from labgrade.kubeconfig.refusal import Place, quoted

Data: TypeAlias = "str | list[Data] | dict[str, Data] | None"

_NONBLOCK: int = getattr(os, "O_NONBLOCK", 0)  # Windows has none, nor pipes among its files
_LARGEST = 1 << 20
_DEEPEST = 16
_MOST_NODES = 50_000
_UNREADABLE = (yaml.YAMLError, ValueError, OverflowError)  # PyYAML gives "\UFFFFFFFF" to chr()
_NULLS = frozenset({"", "~", "null", "Null", "NULL"})
_NO_KUBECONFIG = "a kubeconfig is a short YAML text that lists clusters, users and contexts"


def load(file: Path) -> dict[str, Data]:
    """What the file says, all scalars as text; UsageError where it cannot be a kubeconfig."""
    place = Place(file)
    content = _content(place)
    try:
        data = _plain(_Composer(content).get_single_node())
    except yaml.reader.ReaderError:
        raise place.refusal("is not text", _NO_KUBECONFIG) from None
    except _UNREADABLE as error:
        # "from None", since PyYAML's messages quote the line, and the line may hold a key.
        raise place.refusal(_problem(error), _NO_KUBECONFIG) from None
    if data is None:
        raise place.refusal("is empty", _NO_KUBECONFIG)
    if not isinstance(data, dict):
        raise place.refusal("is not a mapping", _NO_KUBECONFIG)
    return data


def _content(place: Place) -> bytes:
    try:
        # Without O_NONBLOCK opening a named pipe waits for somebody to write to it.
        with open(place.file, "rb", opener=lambda name, flags: os.open(name, flags | _NONBLOCK)) as stream:
            if not stat.S_ISREG(os.fstat(stream.fileno()).st_mode):
                raise place.refusal("is not a regular file", "a pipe or a device is never waited for")
            content = stream.read(_LARGEST + 1)
    except IsADirectoryError as error:
        raise place.refusal("is a directory", "the kubeconfig itself is asked for, a file") from error
    except FileNotFoundError as error:
        raise place.refusal("does not exist", "there is no file of that name") from error
    except (OSError, ValueError) as error:  # ValueError: a NUL in the name
        raise place.refusal("cannot be read", str(getattr(error, "strerror", None) or error)) from error
    if len(content) > _LARGEST:
        raise place.refusal("is larger than 1 MiB", _NO_KUBECONFIG)
    return content


class _Composer(yaml.SafeLoader):
    """Stops at what makes a short file large, deep or something else than it seems."""

    _depth = 0
    _nodes = 0

    def compose_node(self, parent: yaml.Node | None, index: int) -> yaml.Node | None:
        """The next node, unless it or its depth is not wanted here."""
        event = self.peek_event()
        if getattr(event, "anchor", None) is not None:  # aliases have one, too
            raise _odd(event, "has a YAML anchor or alias")
        if getattr(event, "tag", None) is not None:
            raise _odd(event, "has a YAML tag")
        self._depth += 1
        self._nodes += 1
        if self._depth > _DEEPEST or self._nodes > _MOST_NODES:
            raise _odd(event, "nests too deep" if self._depth > _DEEPEST else "has too many entries")
        try:
            return super().compose_node(parent, index)
        finally:
            self._depth -= 1


def _plain(node: yaml.Node | None) -> Data:
    if isinstance(node, yaml.MappingNode):
        return _mapping(node)
    if isinstance(node, yaml.SequenceNode):
        return [_plain(item) for item in node.value]
    if isinstance(node, yaml.ScalarNode):
        return None if node.style is None and node.value in _NULLS else str(node.value)
    return None


def _mapping(node: yaml.MappingNode) -> dict[str, Data]:
    found: dict[str, Data] = {}
    for key, value in node.value:
        if not isinstance(key, yaml.ScalarNode):
            raise _odd(key, "has a key that is not a word")
        if key.value in found:
            # Which of the two counts differs from one YAML reader to the next.
            raise _odd(key, f"has the duplicate key {quoted(key.value)}")
        found[key.value] = _plain(value)
    return found


class _Odd(yaml.YAMLError):
    """YAML that is well-formed and not wanted in a kubeconfig."""


def _odd(at: yaml.Event | yaml.Node, problem: str) -> _Odd:
    line = getattr(at.start_mark, "line", None)
    return _Odd(problem if line is None else f"{problem} at line {line + 1}")


def _problem(error: Exception) -> str:
    if isinstance(error, _Odd):
        return str(error)
    mark = error.problem_mark if isinstance(error, yaml.MarkedYAMLError) else None
    return f"is not YAML at line {mark.line + 1}" if mark else "is not YAML"
