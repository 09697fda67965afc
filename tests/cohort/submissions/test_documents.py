"""Students' YAML: as kubectl reads it, and no larger than it looks."""

from __future__ import annotations

import json
from typing import Any

import pytest
import yaml

from labgrade.cohort.submissions import documents
from labgrade.cohort.submissions.documents import TooMuch


def value(words: str) -> Any:
    """What one value without quotes is read as."""
    return documents.read(f"value: {words}\n".encode()).objects[0]["value"]


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ("yes", True),
        ("off", False),
        ("y", True),
        ("~", None),
        ("", None),
        ("'yes'", "yes"),
        ("12:30", "12:30"),
        ("2026-01-31", "2026-01-31"),
        ("0755", 0o755),
        ("0o17", 0o17),
        ("0x1F", 31),
        ("1_000", 1000),
        ("-7", -7),
        ("1e3", 1000),
        ("3.0", 3),
        ("0X1F", 31),
        ("_1", "_1"),
        ("18446744073709551616", 18446744073709551616),
        ("1.5", 1.5),
        (".5", 0.5),
        ("1.2.3", "1.2.3"),
        ("1e999", "1e999"),
        ("18446744073709551615", 18446744073709551615),
        ("!!str 80", "80"),
        ("!!int '80'", 80),
        ("!!binary aGk=", "hi"),
        ("!own x", "x"),
        ("|\n  two\n  lines\n", "two\nlines\n"),
        ("[1, {a: b}]", [1, {"a": "b"}]),
        ("=", "="),
    ],
)
def test_values_are_what_kubectl_takes_them_for(words: str, expected: object) -> None:
    """Go's reader has neither PyYAML's dates nor its numbers with colons."""
    found = value(words)
    assert found == expected
    assert type(found) is type(expected)


def test_keys_are_words() -> None:
    """As in JSON."""
    assert documents.read(b"80: a\nyes: b\n").objects == ({"80": "a", "true": "b"},)


def test_a_merged_mapping_gives_way_to_what_is_written_beside_it() -> None:
    """Whichever comes first; and the same value is written to kubectl, so that it sees no other one."""
    read = documents.read(b"base: &base {a: 1, b: 2}\nx:\n  a: 3\n  <<: *base\nz:\n  <<: [*base, {c: 4}]\n  b: 5\n")
    assert read.objects[0]["x"] == {"a": 3, "b": 2}
    assert read.objects[0]["z"] == {"a": 1, "b": 5, "c": 4}
    assert json.loads(read.written().removeprefix(b"---\n")) == read.objects[0]


def test_lists_are_taken_apart() -> None:
    """Also lists of lists, those of one kind, and whatever else has a list of items: kubectl looks at nothing else."""
    inner = "{kind: PodList, items: [{kind: Pod}, {kind: Pod}]}"
    read = documents.read(f"kind: List\nitems:\n- kind: Service\n- {inner}\n".encode())
    assert [each["kind"] for each in read.objects] == ["Service", "Pod", "Pod"]
    read = documents.read(b"kind: Bundle\nitems: [{kind: Pod}]\n---\nkind: Own\nitems: {a: b}\n")
    assert [each["kind"] for each in read.objects] == ["Pod", "Own"]


def test_what_stands_before_a_fault_is_kept_and_the_fault_is_told() -> None:
    """As kubectl applies it."""
    read = documents.read(b"kind: Pod\n---\nkind: [\n---\nkind: Service\n")
    assert [each["kind"] for each in read.objects] == ["Pod"]
    assert read.problem.startswith("line 4:")


def test_documents_without_anything_and_without_keys() -> None:
    """The former are nothing, the latter are strays."""
    read = documents.read(b"---\n# only a comment\n---\njust words\n---\n- a\n---\nkind: Pod\n")
    assert (len(read.objects), read.strays, read.problem) == (1, 2, "")


@pytest.mark.parametrize("content", [b"\xff\xfe\x00", b"a: \xe9\n"])
def test_what_is_no_utf_8_is_told(content: bytes) -> None:
    """And not guessed."""
    assert "UTF-8" in documents.read(content).problem


def bomb(levels: int = 9) -> bytes:
    """A billion laughs."""
    first = "a0: &a0 [lol, lol, lol, lol, lol, lol, lol, lol, lol, lol]"
    more = (f"a{level}: &a{level} [{', '.join([f'*a{level - 1}'] * 10)}]" for level in range(1, levels))
    return "\n".join([first, *more]).encode()


def tower(levels: int, steps: int) -> bytes:
    """A tower of aliases: each step stands on the one before."""
    first = f"a0: &a0 {'[' * levels}{']' * levels}"
    more = (f"a{step}: &a{step} {'[' * levels}*a{step - 1}{']' * levels}" for step in range(1, steps))
    return "\n".join([first, *more]).encode()


def test_depth_is_counted_through_aliases() -> None:
    """Up to the last level."""
    assert len(documents.read(tower(33, 3)).objects) == 1  # 99 and the mapping around them
    with pytest.raises(TooMuch, match="line 3: nests deeper than 100 levels"):
        documents.read(tower(34, 3))
    with pytest.raises(TooMuch, match="line 4"):
        documents.read(tower(33, 3) + b"\nb: {<<: [{c: *a2}]}")


@pytest.mark.parametrize(
    "content",
    [
        bomb(),
        tower(90, 25),
        b"a: &a " + b"x" * 100_000 + b"\nb: [" + b", ".join([b"*a"] * 900) + b"]\n",
        b"a: " + b"[" * 500 + b"]" * 500,
        b"a: &a x\nb: [" + b", ".join([b"*a"] * 2000) + b"]\n",
    ],
)
def test_what_is_larger_than_it_looks_is_not_read_on(content: bytes) -> None:
    """Neither laughs by the billion, nor one long word many times, nor depth."""
    with pytest.raises(TooMuch):
        documents.read(content)


@pytest.mark.parametrize(
    "content",
    [b"a: &a [*a]\n", b"a: *nobody\n", b"? [x]\n: y\n", b"<<: 3\n", b"~: 3\n", b"a: .inf\n", b"a: !!binary '*'\n"],
)
def test_what_leads_nowhere_is_no_yaml(content: bytes) -> None:
    """Aliases into themselves, keys that are lists."""
    assert documents.read(content).problem


def test_it_agrees_with_another_reader() -> None:
    """On what both of them know, PyYAML is the witness."""
    words = b'{a: [1, 2.5, "x", null, true], b: {c: d}}\n---\nd: |\n  ---\n  e\n'
    assert list(documents.read(words).documents) == list(yaml.safe_load_all(words))


def test_what_is_written_is_ascii_and_read_alike() -> None:
    """Line ends of other alphabets, for one, are line ends to some readers only."""
    read = documents.read(b'kind: "a\\u2028b\\x85c"\n')
    written = read.written()
    assert written.isascii()
    assert list(yaml.safe_load_all(written)) == [{"kind": "a\u2028b\x85c"}]
