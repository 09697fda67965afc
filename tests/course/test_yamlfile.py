"""Files of ours that are wrong: the complaint names file, line and key, and never is a traceback."""

from __future__ import annotations

from pathlib import Path

import pytest

from labgrade.course.yamlfile import YamlFile, nearest
from labgrade.errors import UsageError


def complaint(path: Path, words: str | bytes) -> str:
    """What is said of a file with that content, without the folder."""
    path = path / "lab.yaml"
    path.write_bytes(words if isinstance(words, bytes) else words.encode())
    with pytest.raises(UsageError) as raised:
        YamlFile(path)
    assert str(raised.value).startswith(str(path))
    return str(raised.value).removeprefix(str(path))


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ("", ": a mapping is expected"),
        ("- a\n- b\n", ": a mapping is expected"),
        ("just words\n", ": a mapping is expected"),
        ("a: 1\nb: [1\n", ":3: not YAML: "),
        ("a: 1\n\tb: 2\n", ":2: not YAML: "),
        ("a: 1\n---\nb: 2\n", ":2: not YAML: "),
        ("a: 1\nb: !!python/name:os.system x\n", ":2: not YAML: "),
        ("a: 1\n? [b]\n: 2\n", ":2: not YAML: "),
        ("a: 2026-02-31\n", ": cannot be read: "),
        ("a: &loop\n  b: *loop\n", ": cannot be read: "),
        (b"a: \xff\n", ": cannot be read: "),
        ("a: 1\nb: 2\na: 3\n", ":3: a stands here a second time"),
        ("a:\n  b: 2\n  c: 3\n  b: 4\n", ":4: a.b stands here a second time"),
    ],
)
def test_what_is_no_mapping_is_refused(tmp_path: Path, words: str | bytes, said: str) -> None:
    """Whatever an author saved by mistake, the answer is a place in a file."""
    assert complaint(tmp_path, words).startswith(said)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    """The path stands first, and the reason in words."""
    with pytest.raises(UsageError, match=r"lab\.yaml: cannot be read: No such file"):
        YamlFile(tmp_path / "lab.yaml")


def test_the_line_of_a_nested_key(tmp_path: Path) -> None:
    """Keys that are not there are reported where they should be."""
    path = tmp_path / "lab.yaml"
    path.write_text("one: 1\ntwo:\n  three:\n    four: words\n")
    file = YamlFile(path)
    with pytest.raises(UsageError, match=r":4: two\.three\.four is 'words', but a number is expected"):
        file.number(("two", "three", "four"))
    with pytest.raises(UsageError, match=r":3: two\.three\.five is missing"):
        file.get(("two", "three", "five"), str)


@pytest.mark.parametrize("words", ["0", "-1", "true", "'2'", ".nan", ".inf", "-.inf", "[2]"])
def test_a_number_is_above_nothing(tmp_path: Path, words: str) -> None:
    """Neither truth values nor quoted figures nor what compares with nothing count as points."""
    path = tmp_path / "lab.yaml"
    path.write_text(f"points: {words}\n")
    with pytest.raises(UsageError, match=r"lab\.yaml:1: points is .*number"):
        YamlFile(path).number(("points",))


def test_the_nearest_name() -> None:
    """A slip is guessed, a stranger is not; what is known is listed either way."""
    assert nearest("ponits", ["title", "points"]) == "; did you mean 'points'? (known: points, title)"
    assert nearest("zzz", ["title", "points"]) == " (known: points, title)"
    assert nearest("zzz", []) == ""
