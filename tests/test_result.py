"""result.json keeps everything, is whole at every instant, and is believed only when it is right."""

from __future__ import annotations

import copy
import dataclasses
import json
import os
import resource
import signal
import subprocess
import sys
import textwrap
from collections.abc import Callable
from importlib.resources import files
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from labgrade.errors import UsageError
from labgrade.home import home
from labgrade.model import STATES, ClusterInfo, LabResult, Outcome, Student
from labgrade.result import Writer, dumps, from_data, loads, read, to_data
from labgrade.text import Text

SAMPLE = home() / "reports/samples/result.json"
SCHEMA = json.loads(files("labgrade.schemas").joinpath("result-v1.schema.json").read_text(encoding="utf-8"))
VALIDATOR = Draft202012Validator(SCHEMA)
TRUE, FALSE = True, False  # as values among others

words = st.text(max_size=12)
names = st.text(min_size=1, max_size=12)
texts = st.builds(Text, words, words)


@st.composite
def outcomes(draw: st.DrawFn, name: str) -> Outcome:
    """Any outcome that the engine may hand over."""
    state = draw(st.sampled_from(STATES))
    points = draw(st.integers(1, 80)) / 4
    earned = points if state == "passed" else draw(st.integers(0, 3)) / 4 * points if state == "failed" else 0.0
    return Outcome(
        id=name,
        title=draw(texts),
        state=state,
        points=points,
        earned=earned,
        seconds=draw(st.floats(0, 1e6)),
        hint=draw(texts),
        saw=draw(texts),
        wanted=draw(texts),
        try_=draw(texts),
        evidence=tuple(draw(st.lists(words, max_size=2))),
        blocked_by=tuple(draw(st.lists(names, max_size=2))),
    )


@st.composite
def results(draw: st.DrawFn) -> LabResult:
    """Any result that the engine may hand over."""
    ids = draw(st.lists(names, max_size=5, unique=True))
    cut = draw(st.integers(0, len(ids)))
    made = tuple(draw(outcomes(name)) for name in ids[:cut])
    counted = sum(outcome.points for outcome in made if outcome.state != "skipped")
    return LabResult(
        lab_id=draw(names),
        lab_title=draw(texts),
        tool_version=draw(words),
        course_digest=draw(words),
        run=draw(words),
        cluster=ClusterInfo(draw(words), draw(words), draw(words)),
        started="2026-01-31T09:00:00Z",
        finished=draw(st.sampled_from([None, "2026-01-31T09:00:06.5+00:00"])),
        possible=counted + len(ids[cut:]),
        outcomes=made,
        not_run=tuple(ids[cut:]),
        note=draw(texts),
        student=draw(st.none() | st.builds(Student, names, words)),
        remarks=tuple(draw(st.lists(texts, max_size=2))),
    )


def data() -> dict[str, Any]:
    """The sample as JSON has it, to be spoilt."""
    return json.loads(SAMPLE.read_text(encoding="utf-8"))


@settings(max_examples=100, deadline=None)
@given(results())
def test_nothing_is_lost_on_disk(result: LabResult) -> None:
    """What is read is what was written, and it is valid against the published schema."""
    VALIDATOR.validate(json.loads(dumps(result)))
    assert loads(dumps(result)) == result


def test_the_form_is_the_published_one() -> None:
    """Other people's scripts read these keys."""
    found = to_data(read(SAMPLE))
    assert found["schema"] == "labgrade/result/v1"
    assert (found["earned"], found["possible"], found["grade"], found["complete"]) == (6, 18, 6.67, True)
    assert found["lab"] == {
        "id": "sample_rollout",
        "title": {"en": "Rolling out a web server", "fr": "Déployer un serveur web"},
    }
    assert found["student"] == {"id": "s042", "name": "Zoé Œuvrard"}
    assert found["cluster"].keys() == {"name", "uid", "version"}
    assert (found["not_run"], found["note"]) == ([], {"en": "", "fr": ""})
    assert found["outcomes"][1]["try"]["en"] == "kubectl rollout history deployment/web"
    assert found["outcomes"][3]["blocked_by"] == ["service"]


def test_a_result_without_remarks_is_read() -> None:
    """As older versions wrote them."""
    old = data()
    del old["remarks"]
    VALIDATOR.validate(old)
    assert from_data(old) == read(SAMPLE)


def test_the_schema_is_one_and_describes_every_key() -> None:
    """A published form is explained, key by key."""
    Draft202012Validator.check_schema(SCHEMA)
    assert set(SCHEMA["properties"]) == set(data())
    # Results of older versions have no remarks.
    assert set(SCHEMA["required"]) == set(data()) - {"remarks"}
    outcome = SCHEMA["$defs"]["outcome"]["properties"]
    assert set(outcome) == set(data()["outcomes"][0])
    for key, value in (SCHEMA["properties"] | outcome).items():
        assert value.get("description"), key


def _set(*path: Any) -> Callable[[dict[str, Any]], None]:
    """A change that puts the last of `path` where the others lead."""
    *keys, last, value = path

    def change(document: dict[str, Any]) -> None:
        place: Any = document
        for key in keys:
            place = place[key]
        place[last] = value

    return change


def _drop(*path: Any) -> Callable[[dict[str, Any]], None]:
    """A change that removes what `path` leads to."""

    def change(document: dict[str, Any]) -> None:
        place: Any = document
        for key in path[:-1]:
            place = place[key]
        del place[path[-1]]

    return change


@pytest.mark.parametrize(
    ("change", "key", "found"),
    [
        (_drop("tool"), "tool", "missing"),
        (_drop("outcomes", 1, "saw", "fr"), "outcomes[1].saw.fr", "missing"),
        (_drop("not_run"), "not_run", "missing"),
        (_set("outcomes", 2, "state", "maybe"), "outcomes[2].state", "'maybe'"),
        (_set("outcomes", 2, "state", ["passed"]), "outcomes[2].state", "['passed']"),
        (_set("outcomes", 0, "points", "4"), "outcomes[0].points", "'4'"),
        (_set("outcomes", 0, "points", TRUE), "outcomes[0].points", "True"),
        (_set("outcomes", 0, "earned", -1), "outcomes[0].earned", "-1"),
        (_set("outcomes", 0, "evidence", "all of it"), "outcomes[0].evidence", "'all of it'"),
        (_set("outcomes", 0, "evidence", [1]), "outcomes[0].evidence[0]", "1"),
        (_set("outcomes", 0, "id", ""), "outcomes[0].id", "empty"),
        (_set("outcomes", {}), "outcomes", "{}"),
        (_set("student", "Zoé"), "student", "'Zoé'"),
        (_set("started", "yesterday"), "started", "'yesterday'"),
        (_set("started", "2026-01-31T09:00:00+01:00"), "started", "+01:00"),
        (_set("finished", ""), "finished", "''"),
        (_set("complete", "yes"), "complete", "'yes'"),
        (_set("not_run", [None]), "not_run[0]", "None"),
    ],
)
def test_a_broken_result_is_refused_by_reader_and_schema(
    change: Callable[[dict[str, Any]], None], key: str, found: str, tmp_path: Path
) -> None:
    """The complaint names file, key and what was found there; the published schema says no as well."""
    document = data()
    change(document)
    path = tmp_path / "result.json"
    path.write_text(json.dumps(document), encoding="utf-8")
    with pytest.raises(UsageError) as caught:
        read(path)
    assert str(caught.value).startswith(f"{path}: {key} ")
    assert found in str(caught.value)
    assert not VALIDATOR.is_valid(document)


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        (_set("earned", 18), "earned is 18, but the outcomes make it 6"),
        (_set("grade", 20), "grade is 20, but the outcomes make it 6.67"),
        (_set("complete", FALSE), "complete is False, but the outcomes make it True"),
        (_set("outcomes", 1, "earned", 5), "outcomes[1].earned is 5, but a check that is failed earns 4 at most"),
        (_set("outcomes", 3, "earned", 1), "outcomes[3].earned is 1, but a check that is blocked earns 0 at most"),
        (_set("possible", 5), "earned is 6, which is more than the 5 possible"),
        (_set("not_run", ["service"]), "not_run[0] is 'service', which stands here a second time"),
        (_set("outcomes", 1, "id", "service"), "outcomes[2].id is 'service', which stands here a second time"),
    ],
)
def test_totals_that_contradict_the_outcomes_are_refused(
    change: Callable[[dict[str, Any]], None], complaint: str
) -> None:
    """A grade that was edited by hand is not taken for one that was earned."""
    document = data()
    change(document)
    with pytest.raises(UsageError) as caught:
        from_data(document)
    assert str(caught.value) == complaint


def test_keys_of_later_days_are_ignored() -> None:
    """A version-1 result that says more is still one."""
    document = data()
    document["later"] = document["outcomes"][0]["later"] = {"x": 1}
    del document["outcomes"][0]["blocked_by"]
    assert from_data(document) == read(SAMPLE)
    assert VALIDATOR.is_valid(document)


@pytest.mark.parametrize(
    ("schema", "complaint"),
    [
        ("labgrade/result/v2", "use the version that wrote it"),
        ("classroom50/result/v1", "not a labgrade result"),
        (None, "not a labgrade result"),
    ],
)
def test_another_schema_is_named(schema: str | None, complaint: str) -> None:
    """A newer result and something else altogether get different advice."""
    with pytest.raises(UsageError, match=complaint):
        from_data(data() | {"schema": schema})


@pytest.mark.parametrize(
    ("content", "complaint"),
    [
        (b"", "not JSON"),
        (b'{"schema": ', "not JSON"),
        (b"\xff\xfe", "cannot be read"),
        (b"[]", "the document is [], but an object is expected"),
        (b"[" * 100_000, "not JSON"),
        (b'{"schema": NaN}', "NaN is no number"),
        (b"9" * 10_000, "not JSON"),
    ],
)
def test_what_is_no_result_at_all_is_refused(content: bytes, complaint: str, tmp_path: Path) -> None:
    """Whatever file is named, the answer is one sentence."""
    path = tmp_path / "result.json"
    path.write_bytes(content)
    with pytest.raises(UsageError) as caught:
        read(path)
    assert str(path) in str(caught.value)
    assert complaint in str(caught.value)


def test_a_missing_file_or_a_folder_is_refused(tmp_path: Path) -> None:
    """The path that was typed stands in the message."""
    for path in (tmp_path / "none.json", tmp_path):
        with pytest.raises(UsageError, match="cannot be read"):
            read(path)


def test_a_file_from_an_editor_with_a_byte_order_mark_is_read(tmp_path: Path) -> None:
    """Some editors put one in front when they save."""
    path = tmp_path / "result.json"
    path.write_bytes(b"\xef\xbb\xbf" + SAMPLE.read_bytes())
    assert read(path) == read(SAMPLE)


def test_the_file_can_be_shown_in_a_terminal_and_read_by_strict_parsers() -> None:
    """Escapes, direction marks and half surrogates stand as JSON escapes; accents stay readable."""
    words = "é\x1b[31m\x9b\u202e\U000e0001\x7f\0"
    result = dataclasses.replace(read(SAMPLE), note=Text(words, "\ud800"))
    text = dumps(result)
    assert text.isprintable() or all(c.isprintable() or c == "\n" for c in text)
    assert "é\\u001b[31m\\u009b\\u202e\\udb40\\udc01\\u007f\\u0000" in text
    assert loads(text).note == Text(words, "\\ud800")


def test_a_complaint_does_not_carry_escapes_to_the_terminal() -> None:
    """A result from elsewhere may be made to be refused."""
    with pytest.raises(UsageError) as caught:
        from_data(data() | {"schema": "labgrade/result/\x1b[2J\u202e" + "x" * 10_000})
    assert str(caught.value).isprintable()
    with pytest.raises(UsageError) as caught:
        from_data(data() | {"run": ["\x1b" * 100_000]})
    assert len(str(caught.value)) < 300


@pytest.fixture
def growing() -> list[LabResult]:
    """A result after each of its outcomes."""
    full = read(SAMPLE)
    ids = [outcome.id for outcome in full.outcomes]
    return [
        dataclasses.replace(full, outcomes=full.outcomes[:n], not_run=tuple(ids[n:]), possible=20.0, finished=None)
        for n in range(len(ids) + 1)
    ]


def test_every_write_leaves_one_whole_result(tmp_path: Path, growing: list[LabResult]) -> None:
    """Ctrl-C between two checks loses none of those that were judged, and leaves no litter."""
    writer = Writer(tmp_path / "new" / "folder")
    for result in growing:
        writer.write(result)
        assert read(writer.path) == result
        assert [path.name for path in writer.path.parent.iterdir()] == ["result.json"]


def test_the_file_is_as_readable_as_any_other(tmp_path: Path, growing: list[LabResult]) -> None:
    """A trainer collects results of others: the umask decides who may read, not the way we write."""
    writer = Writer(tmp_path)
    writer.write(growing[0])
    (tmp_path / "other").touch()
    assert writer.path.stat().st_mode == (tmp_path / "other").stat().st_mode


def test_a_folder_that_cannot_be_made_is_a_usage_error(tmp_path: Path) -> None:
    """`--out` may name a file, or lead through one."""
    (tmp_path / "file").touch()
    for folder in (tmp_path / "file", tmp_path / "file" / "below"):
        with pytest.raises(UsageError, match=r"file.* cannot be made"):
            Writer(folder)


def test_a_place_that_cannot_be_written_is_a_usage_error(tmp_path: Path, growing: list[LabResult]) -> None:
    """Something else of that name stays, and what was begun is cleared away."""
    (tmp_path / "result.json").mkdir()
    (tmp_path / "result.json" / "precious").touch()
    with pytest.raises(UsageError, match=r"result\.json cannot be written"):
        Writer(tmp_path).write(growing[0])
    assert sorted(path.name for path in tmp_path.rglob("*")) == ["precious", "result.json"]


def test_a_full_disk_keeps_the_last_whole_result(tmp_path: Path, growing: list[LabResult]) -> None:
    """When no more can be written, the error says so and the file before it stays."""
    writer = Writer(tmp_path)
    writer.write(growing[0])
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    ignored = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    try:
        resource.setrlimit(resource.RLIMIT_FSIZE, (1000, before[1]))
        with pytest.raises(UsageError, match=r"cannot be written: File too large"):
            writer.write(growing[1])
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
        signal.signal(signal.SIGXFSZ, ignored)
    assert read(writer.path) == growing[0]
    assert [path.name for path in tmp_path.iterdir()] == ["result.json"]


def test_an_interrupt_within_a_write_keeps_the_last_whole_result(
    tmp_path: Path, growing: list[LabResult], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Ctrl-C may fall between writing and renaming."""
    writer = Writer(tmp_path)
    writer.write(growing[0])

    def interrupt(_: int) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(os, "fsync", interrupt)
    with pytest.raises(KeyboardInterrupt):
        writer.write(growing[1])
    assert read(writer.path) == growing[0]
    assert [path.name for path in tmp_path.iterdir()] == ["result.json"]


WRITING = textwrap.dedent("""
    import dataclasses, itertools, sys
    from pathlib import Path
    from labgrade.result import Writer, read
    result, writer = read(Path(sys.argv[1])), Writer(Path(sys.argv[2]))
    for number in itertools.count():
        # Files of very different lengths: a torn one could not be whole by chance.
        evidence = ("x" * 1000,) * (number % 50 * 20)
        first = dataclasses.replace(result.outcomes[0], evidence=evidence)
        writer.write(dataclasses.replace(result, outcomes=(first, *result.outcomes[1:])))
        print(number, flush=True)
""")


def test_kill_9_at_any_instant_leaves_a_whole_result(tmp_path: Path) -> None:
    """While one process writes and dies again and again, a reader never meets half a file."""
    path, reads = tmp_path / "result.json", 0
    source = Path(sys.modules["labgrade.result"].__file__ or "").parents[1]
    for lines in (1, 2, 3, 5, 8):
        child = subprocess.Popen(
            [sys.executable, "-c", WRITING, str(SAMPLE), str(tmp_path)],
            stdout=subprocess.PIPE,
            env=os.environ | {"PYTHONPATH": str(source)},
        )
        assert child.stdout is not None
        for _ in range(lines):
            assert child.stdout.readline()
            for _ in range(10):
                assert read(path).lab_id == "sample_rollout"
                reads += 1
        child.kill()
        child.communicate()
        assert child.returncode == -signal.SIGKILL
        assert read(path).lab_id == "sample_rollout"
    assert reads == 190


@settings(max_examples=150, deadline=None)
@given(st.data())
def test_reader_and_schema_agree(draw: st.DataObject) -> None:
    """Whatever one value of a result is replaced by, the reader accepts no more than the published schema."""
    document = copy.deepcopy(data())
    place: Any = document
    while True:
        keys = list(place) if isinstance(place, dict) else list(range(len(place)))
        key = draw.draw(st.sampled_from(keys))
        if not isinstance(place[key], (dict, list)) or not place[key] or draw.draw(st.booleans()):
            break
        place = place[key]
    place[key] = draw.draw(st.sampled_from([None, 0, -1, 1.5, "", "x", True, [], {}, [1], {"en": 1, "fr": ""}]))
    try:
        from_data(document)
    except UsageError:
        return
    VALIDATOR.validate(document)
