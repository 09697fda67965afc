"""cohort.json keeps everything, and is believed only when it is right."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable
from importlib.resources import files
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from labgrade.cohort.model import COUNTINGS, Alike, Change, CheckHead, CohortResult, LabHead, Mark, Row, Tally
from labgrade.cohort.records.cohortform import dumps, from_data, loads, read, to_data
from labgrade.errors import UsageError
from labgrade.model import FULL_GRADE, STATES, Student
from labgrade.text import Text
from tests.support.cohorts import large, sample

SCHEMA = json.loads(files("labgrade.schemas").joinpath("cohort-v1.schema.json").read_text(encoding="utf-8"))
VALIDATOR = Draft202012Validator(SCHEMA)
TRUE, FALSE = True, False  # as values among others

words = st.text(max_size=12)
names = st.text(min_size=1, max_size=12)
texts = st.builds(Text, words, words)
reasons = st.builds(Text, names, names)
grades = st.none() | st.integers(0, 2000).map(lambda value: value / 100)


@st.composite
def tallies(draw: st.DrawFn, name: str) -> Tally:
    """Any outcome that a mark may have."""
    state = draw(st.sampled_from(STATES))
    points = draw(st.integers(1, 80)) / 4
    earned = points if state == "passed" else draw(st.integers(0, 3)) / 4 * points if state == "failed" else 0.0
    return Tally(name, state, points, earned, draw(texts))


@st.composite
def marks(draw: st.DrawFn, lab: str) -> Mark:
    """Any mark that the reckoning may hand over."""
    ids = draw(st.lists(names, max_size=5, unique=True))
    cut = draw(st.integers(0, len(ids)))
    outcomes = tuple(draw(tallies(name)) for name in ids[:cut])
    possible = sum(one.points for one in outcomes if one.state != "skipped") + len(ids[cut:])
    earned = round(sum(one.earned for one in outcomes), 2)
    graded = possible > 0 and cut == len(ids) and all(one.state != "error" for one in outcomes)
    full = min(round(earned / possible * FULL_GRADE, 2), 20.0) if graded else 0.0
    penalty = draw(st.sampled_from([0.0, round(full / 3, 2), full]))
    attempts = draw(st.integers(1, 3)) if graded else draw(st.integers(0, 3))
    return Mark(
        lab=lab,
        grade=max(0.0, round(full - penalty, 2)) if graded else None,
        earned=earned,
        possible=possible,
        outcomes=outcomes,
        not_run=tuple(ids[cut:]),
        because=Text("", "") if graded else draw(reasons),
        ours=draw(st.booleans()),
        late=draw(st.floats(0, 1e6)),
        penalty=penalty,
        attempt=draw(st.integers(1, attempts)) if attempts else 0,
        attempts=attempts,
        started=draw(st.sampled_from(["", "2026-01-31T09:00:06.5+00:00"])),
        seconds=draw(st.floats(0, 1e6)),
        folder=draw(st.sampled_from(["", "students/s1", "students/é@x.y_z+1-2/lab"])),
        notes=tuple(draw(st.lists(texts, max_size=2))),
    )


@st.composite
def cohorts(draw: st.DrawFn) -> CohortResult:
    """Any cohort that the reckoning may hand over."""
    labs = draw(st.lists(names, min_size=1, max_size=2, unique=True))
    ids = draw(st.lists(names, min_size=2, max_size=3, unique=True))
    heads = st.lists(st.builds(CheckHead, names, texts, st.floats(0, 20)), max_size=3, unique_by=lambda one: one.id)
    some, any_lab = st.lists(names, max_size=2, unique=True).map(tuple), st.sampled_from(labs)
    changes = st.builds(Change, st.sampled_from(ids), any_lab, grades, grades, some)
    alike = st.builds(Alike, st.sampled_from(["cluster", "submission"]), any_lab, st.just(tuple(ids)))
    return CohortResult(
        title=draw(words),
        labs=tuple(LabHead(lab, draw(texts), tuple(draw(heads))) for lab in labs),
        rows=tuple(
            Row(
                Student(name, draw(words)),
                tuple(draw(marks(lab)) for lab in labs),
                draw(words),
                draw(st.dictionaries(words, words, max_size=2)),
            )
            for name in ids
        ),
        started="2026-01-31T09:00:00Z",
        finished=draw(st.sampled_from([None, "2026-01-31T09:00:06.5+00:00"])),
        tool_version=draw(words),
        course_digest=draw(words),
        counts=draw(st.sampled_from(COUNTINGS)),
        changes=tuple(draw(st.lists(changes, max_size=2))),
        alike=tuple(draw(st.lists(alike, max_size=2))),
    )


def data() -> dict[str, Any]:
    """The sample as JSON has it, to be spoilt."""
    return to_data(sample())


@settings(max_examples=100, deadline=None)
@given(cohorts())
def test_nothing_is_lost_on_disk(cohort: CohortResult) -> None:
    """What is read is what was written, and it is valid against the published schema."""
    VALIDATOR.validate(json.loads(dumps(cohort)))
    assert loads(dumps(cohort)) == cohort


@pytest.mark.parametrize("cohort", [sample(), large(50, 7)], ids=["sample", "large"])
def test_the_samples_are_cohorts(cohort: CohortResult) -> None:
    """Other tests show them: they must be what a grading makes."""
    VALIDATOR.validate(to_data(cohort))
    assert loads(dumps(cohort)) == cohort
    for row in cohort.rows:
        for mark in row.marks:
            seen = [tally.state != "error" for tally in mark.outcomes]
            assert (mark.grade is None) == bool(mark.because)
            assert mark.grade is None or (all(seen) and not mark.not_run)


def test_the_form_is_the_published_one() -> None:
    """Other people's scripts read these keys."""
    found = data()
    assert found["schema"] == "labgrade/cohort/v1"
    assert (found["counts"], found["complete"]) == ("best", False)
    assert found["labs"][1]["checks"][2]["points"] == 4
    late = found["students"][2]["marks"][1]
    assert (late["lab"], late["grade"], late["penalty"], late["late"]) == ("sample-policies", 12.8, 3.2, 30.5)
    refused = found["students"][4]["marks"][0]
    assert (refused["grade"], refused["ours"], refused["folder"]) == (None, False, "students/s005/sample-rollout")
    assert refused["because"]["fr"].startswith("le rendu est refusé")
    assert found["students"][5]["marks"][0]["started"] == ""
    assert found["students"][6]["more"] == {"canvas_id": "1007"}
    assert found["changes"][0] == {
        "student": "s002",
        "lab": "sample-rollout",
        "before": 14,
        "after": 11,
        "checks": ["replicas"],
    }
    assert found["alike"][0] == {"what": "cluster", "lab": "sample-rollout", "students": ["s007", "s008"]}


def test_the_schema_is_one_and_describes_every_key() -> None:
    """A published form is explained, key by key."""
    Draft202012Validator.check_schema(SCHEMA)
    one, parts = data(), SCHEMA["$defs"]
    found = {
        "": (SCHEMA, one),
        "lab": (parts["lab"], one["labs"][0]),
        "check": (parts["check"], one["labs"][0]["checks"][0]),
        "student": (parts["student"], one["students"][0]),
        "mark": (parts["mark"], one["students"][0]["marks"][0]),
        "outcome": (parts["outcome"], one["students"][0]["marks"][0]["outcomes"][0]),
        "change": (parts["change"], one["changes"][0]),
        "alike": (parts["alike"], one["alike"][0]),
    }
    for schema, value in found.values():
        assert set(schema["required"]) == set(schema["properties"]) == set(value)
        for key, described in schema["properties"].items():
            assert described.get("description"), key


def _set(*path: Any) -> Callable[[dict[str, Any]], None]:
    """A change that puts the last of `path` where the others lead."""
    *keys, last, value = path

    def change(document: dict[str, Any]) -> None:
        place: Any = document
        for key in keys:
            place = place[key]
        place[last] = value

    return change


MARK = ("students", 1, "marks", 0)
SHOWN = "students[1].marks[0]"


@pytest.mark.parametrize(
    ("change", "key", "found"),
    [
        (_set("tool", {}), "tool.version", "missing"),
        (_set("counts", "worst"), "counts", "'worst'"),
        (_set("started", "2026-01-31T09:00:00+01:00"), "started", "+01:00"),
        (_set("finished", ""), "finished", "''"),
        (_set("complete", "no"), "complete", "'no'"),
        (_set("labs", 0, "checks", 0, "points", -1), "labs[0].checks[0].points", "-1"),
        (_set("labs", 0, "title", "x"), "labs[0].title", "'x'"),
        (_set("students", 0, "id", ""), "students[0].id", "empty"),
        (_set("students", 0, "email", None), "students[0].email", "None"),
        (_set("students", 0, "more", []), "students[0].more", "[]"),
        (_set("students", 0, "more", {"section": 7}), "students[0].more.section", "7"),
        (_set(*MARK, "grade", 21), f"{SHOWN}.grade", "21"),
        (_set(*MARK, "grade", "11"), f"{SHOWN}.grade", "'11'"),
        (_set(*MARK, "grade", TRUE), f"{SHOWN}.grade", "True"),
        (_set(*MARK, "because", None), f"{SHOWN}.because", "None"),
        (_set(*MARK, "ours", 1), f"{SHOWN}.ours", "1"),
        (_set(*MARK, "attempt", 0.5), f"{SHOWN}.attempt", "0.5"),
        (_set(*MARK, "attempts", -1), f"{SHOWN}.attempts", "-1"),
        (_set(*MARK, "started", "now"), f"{SHOWN}.started", "'now'"),
        (_set(*MARK, "started", None), f"{SHOWN}.started", "None"),
        (_set(*MARK, "late", -0.5), f"{SHOWN}.late", "-0.5"),
        (_set(*MARK, "notes", [""]), f"{SHOWN}.notes[0]", "''"),
        (_set(*MARK, "outcomes", 0, "state", "late"), f"{SHOWN}.outcomes[0].state", "'late'"),
        (_set("changes", 0, "before", -1), "changes[0].before", "-1"),
        (_set("changes", 0, "after", 20.5), "changes[0].after", "20.5"),
        (_set("changes", 0, "checks", ["a", "a"]), "changes[0].checks[1]", "'a'"),
        (_set("alike", 0, "what", "face"), "alike[0].what", "'face'"),
        (_set("alike", 0, "students", ["s001"]), "alike[0].students", "['s001']"),
    ],
)
def test_a_broken_cohort_is_refused_by_reader_and_schema(
    change: Callable[[dict[str, Any]], None], key: str, found: str, tmp_path: Path
) -> None:
    """The complaint names file, key and what was found there; the published schema says no as well."""
    document = data()
    change(document)
    path = tmp_path / "cohort.json"
    path.write_text(json.dumps(document), encoding="utf-8")
    with pytest.raises(UsageError) as caught:
        read(path)
    assert str(caught.value).startswith(f"{path}: {key} ")
    assert found in str(caught.value)
    assert not VALIDATOR.is_valid(document)


@pytest.mark.parametrize(
    "folder",
    [
        "/etc",
        "..",
        "students/../..",
        "students//x",
        "students/",
        "a\\b",
        "javascript:alert(1)",
        "x?y",
        "x#y",
        "%2e%2e",
        ".git",
        "a\nb",
    ],
)
def test_a_folder_that_leads_elsewhere_is_refused(folder: str) -> None:
    """Reports link to it: a cohort from elsewhere must not lead out of its folder, nor run anything."""
    document = data()
    _set(*MARK, "folder", folder)(document)
    with pytest.raises(UsageError, match=r"marks\[0\]\.folder is .*, but a folder below this one is expected"):
        from_data(document)
    assert not VALIDATOR.is_valid(document)


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        (_set(*MARK, "earned", 20), f"{SHOWN}.earned is 20, but the outcomes make it 11"),
        (_set(*MARK, "possible", 5), f"{SHOWN}.earned is 11, which is more than the 5 possible"),
        (_set(*MARK, "grade", 20), f"{SHOWN}.grade is 20, but points and penalty make it 11"),
        (_set(*MARK, "penalty", 1), f"{SHOWN}.grade is 11, but points and penalty make it 10"),
        (_set(*MARK, "grade", None), f"{SHOWN}.because is empty, but there is no grade: a reason is expected"),
        (_set(*MARK, "because", {"en": "x", "fr": ""}), f"{SHOWN}.because is 'x', but there is a grade"),
        (_set(*MARK, "not_run", ["later"]), f"{SHOWN}.grade is 11, but 'later' was not looked at: null is expected"),
        (_set(*MARK, "not_run", ["image"]), f"{SHOWN}.not_run[0] is 'image', which stands here a second time"),
        (
            _set(*MARK, "outcomes", 3, "state", "error"),
            f"{SHOWN}.grade is 11, but 'answers' was not looked at: null is expected",
        ),
        (
            _set(*MARK, "outcomes", 0, "state", "blocked"),
            f"{SHOWN}.outcomes[0].earned is 4, but a check that is blocked earns 0 at most",
        ),
        (_set(*MARK, "attempt", 2), f"{SHOWN}.attempt is 2, but attempts is 1"),
        (_set(*MARK, "attempt", 0), f"{SHOWN}.attempt is 0, but attempts is 1"),
        (
            _set(*MARK, "lab", "other"),
            "students[1].marks are of other, sample-policies, but the labs are sample-rollout, sample-policies",
        ),
        (
            _set("students", 1, "marks", []),
            "students[1].marks are of no lab, but the labs are sample-rollout, sample-policies",
        ),
        (_set("students", 1, "id", "s001"), "students[1].id is 's001', which stands here a second time"),
        (_set("labs", 1, "id", "sample-rollout"), "labs[1].id is 'sample-rollout', which stands here a second time"),
        (_set("changes", 0, "student", "s999"), "changes[0].student is 's999', which this cohort does not have"),
        (_set("changes", 0, "lab", "z"), "changes[0].lab is 'z', which this cohort does not have"),
        (_set("alike", 1, "students", 1, "nn"), "alike[1].students[1] is 'nn', which this cohort does not have"),
        (_set("complete", TRUE), "complete is True, but the marks make it False"),
    ],
)
def test_what_contradicts_itself_is_refused(change: Callable[[dict[str, Any]], None], complaint: str) -> None:
    """A grade that was edited by hand is not taken for one that was earned."""
    document = data()
    change(document)
    with pytest.raises(UsageError) as caught:
        from_data(document)
    assert str(caught.value) == complaint


def test_a_grade_where_nothing_could_be_earned_is_refused() -> None:
    """0 of 0 is no grade."""
    document = data()
    document["students"][0]["marks"][0] |= {"outcomes": [], "earned": 0, "possible": 0, "grade": 0}
    with pytest.raises(UsageError, match=r"grade is 0, but nothing could be earned: null is expected"):
        from_data(document)


def test_keys_of_later_days_are_ignored() -> None:
    """A version-1 cohort that says more is still one."""
    document = data()
    for place in (document, document["students"][0], document["students"][0]["marks"][0], document["labs"][0]):
        place["later"] = {"x": 1}
    assert from_data(document) == sample()
    assert VALIDATOR.is_valid(document)


@pytest.mark.parametrize(
    ("schema", "complaint"),
    [
        ("labgrade/cohort/v2", "use the version that wrote it"),
        ("labgrade/result/v1", "this is not a labgrade cohort"),
        (None, "this is not a labgrade cohort"),
    ],
)
def test_another_schema_is_named(schema: str | None, complaint: str) -> None:
    """A newer cohort, a single result and something else altogether get the right advice."""
    with pytest.raises(UsageError, match=complaint):
        from_data(data() | {"schema": schema})


@pytest.mark.parametrize("content", [b"", b"{", b"\xff\xfe", b"[]", b'{"schema": Infinity}', b"[" * 100_000])
def test_what_is_no_cohort_at_all_is_refused(content: bytes, tmp_path: Path) -> None:
    """Whatever file is named, the answer is one sentence that names it."""
    path = tmp_path / "cohort.json"
    path.write_bytes(content)
    with pytest.raises(UsageError) as caught:
        read(path)
    assert str(caught.value).startswith(str(path))


def test_hostile_names_drive_no_terminal() -> None:
    """The file can be shown with `cat`; what was written comes back all the same."""
    text = dumps(sample())
    assert all(character.isprintable() or character == "\n" for character in text)
    assert "Zoé Œuvrard" in text
    assert "\\u202e" in text
    assert "\\u001b[31m" in text


def test_a_thousand_students_fit() -> None:
    """One file of a size that programs read in a moment."""
    assert len(dumps(large())) < 4_000_000


def _document() -> dict[str, Any]:
    """A cohort of two students and one lab: little text, so that every kind of value is replaced now and then."""
    cohort = sample()
    small = dataclasses.replace(
        cohort,
        labs=cohort.labs[1:],
        rows=tuple(dataclasses.replace(row, marks=row.marks[1:]) for row in cohort.rows[6:]),
        changes=(Change("s007", "sample-policies", 1.0, 16.0, ("flows",)),),
        alike=(Alike("cluster", "sample-policies", ("s007", "s008")),),
    )
    return to_data(small)


@settings(max_examples=200, deadline=None)
@given(st.data())
def test_reader_and_schema_agree(draw: st.DataObject) -> None:
    """Whatever one value of a cohort is replaced by, the reader accepts no more than the published schema."""
    document = _document()
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
