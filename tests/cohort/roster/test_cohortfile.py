"""COHORT.yaml: a good one arrives whole; all that is wrong with another is told at once."""

from __future__ import annotations

import os
from datetime import UTC, datetime
from pathlib import Path

import pytest

from labgrade.cohort.model import ByContext, ByKubeconfig, BySubmission, Cohort, Late, Limits
from labgrade.cohort.roster.cohortfile import COHORT_KEYS, LATE_KEYS, LEAST_MEMORY, LIMIT_KEYS, read
from labgrade.cohort.roster.students import KEYS
from labgrade.course.library import Course
from labgrade.errors import UsageError
from labgrade.home import home
from labgrade.patience import monotonic
from tests.test_docs import FENCE, keys, rows, section

TRAINER = home() / "docs" / "trainer.md"

LABS = ("b01-web", "b02-config", "c01-policy")
SHORT = "lab: b01-web\nstudents: [{id: ada, context: x}]\n"


def cohort_of(folder: Path, words: str) -> Cohort:
    """The cohort with that COHORT.yaml."""
    path = folder / "COHORT.yaml"
    path.write_text(words, encoding="utf-8")
    return read(path, labs=LABS)


def complaints_of(folder: Path, words: str) -> list[str]:
    """All that is wrong with a COHORT.yaml, without its name."""
    with pytest.raises(UsageError) as raised:
        cohort_of(folder, words)
    return [line.removeprefix(f"{folder / 'COHORT.yaml'}:") for line in str(raised.value).splitlines()]


def test_a_good_cohort_arrives_whole(tmp_path: Path) -> None:
    """All that the file says is there."""
    cohort = cohort_of(
        tmp_path,
        """\
title: Kubernetes, groupe 3
labs: [b01-web, c01-policy]
students:
  - {id: ada, name: Ada Lovelace, email: ada@example.org, kubeconfig: k/ada.yaml, namespace: work, section: A}
  - id: bob
    context: kind-bob
  - {id: eve, submission: eve.git, revision: v1, submitted: 2026-11-20T23:30:00Z}
servers: [K8S.example.org, 10.0.0.7, "fd00::1"]
counts: last
deadline: {c01-policy: 2026-11-20 23:59 +01:00}
late: {percent: 10, hours: 12, most: 50}
limits: {check: 60, student: 600.5, whole: 7200, memory: 512}
""",
    )
    assert (cohort.title, cohort.labs, cohort.counts) == ("Kubernetes, groupe 3", ("b01-web", "c01-policy"), "last")
    ada, bob, eve = cohort.members
    assert (ada.student.name, ada.email, ada.more) == ("Ada Lovelace", "ada@example.org", {"section": "A"})
    assert ada.source == ByKubeconfig(tmp_path / "k" / "ada.yaml", namespace="work")
    assert (bob.student.name, bob.source) == ("bob", ByContext("kind-bob"))
    assert eve.source == BySubmission(tmp_path / "eve.git", revision="v1")
    assert eve.submitted == datetime(2026, 11, 20, 23, 30, tzinfo=UTC)
    assert cohort.servers == ("k8s.example.org", "10.0.0.7", "fd00::1")
    assert cohort.deadlines == {"c01-policy": datetime(2026, 11, 20, 22, 59, tzinfo=UTC)}
    assert cohort.late == Late(percent=10, hours=12, most=50)
    assert cohort.limits == Limits(check=60, student=600.5, whole=7200, memory=512)


def test_a_short_one_is_enough(tmp_path: Path) -> None:
    """A lab and a student: the rest is as usual."""
    cohort = cohort_of(tmp_path, SHORT)
    assert cohort == Cohort(tmp_path / "COHORT.yaml", ("b01-web",), cohort.members)
    assert cohort_of(tmp_path, f"{SHORT}late: {{percent: 5}}\nlimits: {{memory: 256}}\n").late == Late(5)


def test_one_deadline_is_every_labs(tmp_path: Path) -> None:
    """A plain time counts for all labs of the cohort."""
    words = "labs: [b01-web, b02-config]\nstudents: [{id: ada, context: x}]\ndeadline: 2026-11-20T23:59:00Z\n"
    moment = datetime(2026, 11, 20, 23, 59, tzinfo=UTC)
    assert cohort_of(tmp_path, words).deadlines == {"b01-web": moment, "b02-config": moment}


def test_words_are_taken_as_they_stand(tmp_path: Path) -> None:
    """Ids that YAML takes for numbers, days or answers stay what the trainer typed."""
    ids = ("007", "1_000", "yes", "2026-11-20", "0x1F", "1.5")
    students = "".join(f"- {{id: {student}, context: x}}\n" for student in ids)
    cohort = cohort_of(tmp_path, f"lab: b01-web\nstudents:\n{students}")
    assert tuple(member.student.id for member in cohort.members) == ids


def test_a_roster_beside_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The roster and the paths in it are found from the folder of COHORT.yaml, wherever one stands."""
    (tmp_path / "class" / "lists").mkdir(parents=True)
    (tmp_path / "class" / "lists" / "a.csv").write_text("id;kubeconfig\nada;k/ada.yaml\n")
    (tmp_path / "class" / "COHORT.yaml").write_text("lab: b01-web\nstudents: lists/a.csv\n")
    monkeypatch.chdir(tmp_path)
    cohort = read(Path("class/COHORT.yaml"), labs=LABS)
    assert cohort.members[0].source == ByKubeconfig(tmp_path / "class" / "k" / "ada.yaml")


def test_a_rosters_complaints_stand_behind(tmp_path: Path) -> None:
    """Both files are told of at once, each line with its own file."""
    (tmp_path / "a.csv").write_text("id,context\n,x\nada,\n")
    said = complaints_of(tmp_path, "lab: b01-web\nstudents: a.csv\ncounts: bst\n")
    roster = tmp_path / "a.csv"
    assert [line.partition(",")[0] for line in said] == [
        "3: counts is 'bst'",
        f"{roster}:2: id is blank",
        f"{roster}:3: kubeconfig is blank",
    ]


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("lab: b01-web", "lab: b01-wbe", "1: lab is 'b01-wbe', which is not known; did you mean 'b01-web'?"),
        ("lab: b01-web", "lab: [b01-web]", "1: lab is ['b01-web'], but a string is expected"),
        ("lab: b01-web", "", "2: lab is missing"),
        ("lab: b01-web", "lab: b01-web\nlabs: [b02-config]", "2: labs stands beside `lab`"),
        ("lab: b01-web", "labs: []", "1: labs is empty: which labs are graded?"),
        ("lab: b01-web", "labs:", "1: labs is empty: which labs are graded?"),
        ("lab: b01-web", "labs: b01-web", "1: labs is 'b01-web', but a list is expected"),
        ("lab: b01-web", "labs: [b01-web, b3]", "1: labs.1 names 'b3', which is not known"),
        ("lab: b01-web", "labs: [b01-web, b01-web]", "1: labs names 'b01-web' twice"),
        ("lab: b01-web", "lab: b01-web\nconts: best", "2: conts is not known; did you mean 'counts'?"),
        ("lab: b01-web", "lab: b01-web\ntitle: [a]", "2: title is ['a'], but a string is expected"),
        ("lab: b01-web", "lab: b01-web\nlab: b01-web", "2: lab stands here a second time"),
        ("[{id: ada, context: x}]", "[]", "2: students has nobody in it: there is nothing to grade"),
        ("[{id: ada, context: x}]", "", "2: students is missing: a list of `{id, name, kubeconfig}` or the path"),
        ("[{id: ada, context: x}]", "{ada: x}", "2: students is neither list nor word: a list of"),
        ("[{id: ada, context: x}]", "[ada]", "2: students.0 is 'ada', but a mapping is expected"),
        ("[{id: ada, context: x}]", "gone.csv", "{folder}/gone.csv: does not exist"),
        ("[{id: ada, context: x}]", "~nobody-of-that-name/a.csv", "2: students is '~nobody-of-that-name/a.csv', but"),
        ("id: ada", "context: y", "2: students.0.context stands here a second time"),
        ("id: ada", "id: [ada]", "2: students.0.id is ['ada'], but a word is expected"),
        ("id: ada", "id: ~", "2: students.0.id is blank, but every student needs one"),
        ("id: ada", "id: =1", "2: students.0.id is '=1', which begins as a formula does"),
        ("id: ada", 'id: "a\\0"', r"2: students.0.id is 'a\x00', which holds what no text has"),
        ("context: x", "contxt: x", "2: students.0.contxt is not known; did you mean 'context'?"),
        ("context: x", "context: [x]", "2: students.0.context is ['x'], but a word is expected"),
        ("context: x", "\n  context: x,\n  submission: y", "4: students.0.submission stands beside `context`"),
        ("context: x}", "context: x}, {id: Ada, context: y}", "2: students.1.id is 'Ada', but for its case"),
        ("lab: ", "servers: x\nlab: ", "1: servers is 'x', but a list is expected"),
        (
            "lab: ",
            "servers: ['https://a.example.org:6443/']\nlab: ",
            "1: servers.0 is 'https://a.example.org:6443/', but",
        ),
        ("lab: ", "servers: ['a.example.org:6443']\nlab: ", "1: servers.0 is 'a.example.org:6443', but the name"),
        ("lab: ", "servers: ['*.example.org']\nlab: ", "1: servers.0 is '*.example.org', but the name or address"),
        ("lab: ", "servers: ['[::1']\nlab: ", "1: servers.0 is '[::1', but the name or address"),
        ("lab: ", "counts: middle\nlab: ", "1: counts is 'middle', which is not known"),
        (
            "lab: ",
            "deadline: 2026-11-20\nlab: ",
            "1: deadline is '2026-11-20', a day without a time: write 2026-11-20T",
        ),
        (
            "lab: ",
            "deadline: 2026-11-20 23:59:00\nlab: ",
            "1: deadline is '2026-11-20 23:59:00', a time without a zone",
        ),
        ("lab: ", "deadline: 2026-02-31T00:00:00Z\nlab: ", "1: deadline is '2026-02-31T00:00:00Z', which is no time"),
        ("lab: ", "deadline: [a]\nlab: ", "1: deadline is ['a'], but a string is expected"),
        ("lab: ", "deadline: {b02-config: x}\nlab: ", "1: deadline.b02-config is not known (known: b01-web)"),
        ("lab: ", "deadline: {b01-web: x}\nlab: ", "1: deadline.b01-web is 'x', but a time is expected"),
        ("lab: ", "late: 10\nlab: ", "1: late is '10', but a mapping is expected"),
        ("lab: ", "late: {hours: 1}\nlab: ", "1: late.percent is missing"),
        (
            "lab: ",
            "late: {percent: 120}\nlab: ",
            "1: late.percent is 120, but a number above 0 and at most 100 is expected",
        ),
        ("lab: ", "late: {percent: 1, hour: 1}\nlab: ", "1: late.hour is not known; did you mean 'hours'?"),
        ("lab: ", "late: {percent: 1, hours: 0}\nlab: ", "1: late.hours is 0, but a number above 0 is expected"),
        ("lab: ", "late: {percent: 1, most: 101}\nlab: ", "1: late.most is 101, but a number above 0 and at most 100"),
        ("lab: ", "limits: {checks: 1}\nlab: ", "1: limits.checks is not known; did you mean 'check'?"),
        ("lab: ", "limits: {check: 10m}\nlab: ", "1: limits.check is 10m, but a number above 0 is expected"),
        ("lab: ", "limits: {student: .inf}\nlab: ", "1: limits.student is .inf, but a number above 0 is expected"),
        ("lab: ", "limits: {whole: -1}\nlab: ", "1: limits.whole is -1, but a number above 0 is expected"),
        (
            "lab: ",
            "limits: {memory: 64}\nlab: ",
            f"1: limits.memory is 64, but a whole number of MiB is expected, {LEAST_MEMORY}",
        ),
        ("lab: ", "limits: {memory: 512.5}\nlab: ", "1: limits.memory is 512.5, but a whole number of MiB"),
        ("lab: ", "limits: {memory: inf}\nlab: ", "1: limits.memory is inf, but a"),
    ],
)
def test_what_is_wrong_is_told(tmp_path: Path, old: str, new: str, said: str) -> None:
    """File, line, key, what was found, and the nearest right answer."""
    assert old in SHORT
    first, *_ = complaints_of(tmp_path, SHORT.replace(old, new, 1))
    assert first.strip().startswith(said.replace("{folder}", str(tmp_path)))


def test_nothing_is_told_twice(tmp_path: Path) -> None:
    """What only follows from another mistake is left out."""
    for old, new in (
        ("context: x", "context: [x]"),
        ("[{id: ada,", "[7, {id: ada,"),
        ("lab: b01-web", "lab: b01-wbe\ndeadline: {b01-web: 2026-11-20T23:59:00Z}"),
        ("lab: b01-web", "lab: b01-web\nlate: {percent: [1], hours: 1}"),
        ("lab: b01-web", "lab: b01-web\ndeadline: {b01-web: [soon]}"),
    ):
        assert len(complaints_of(tmp_path, SHORT.replace(old, new, 1))) == 1


def test_all_is_told_at_once(tmp_path: Path) -> None:
    """One line for each problem, in the order of the file."""
    said = complaints_of(
        tmp_path,
        """\
lab: b1
students:
  - {id: ada}
  - {id: "", context: x}
deadline: soon
limits: {check: 0, whole: 0}
cunts: best
""",
    )
    assert [line.partition(" ")[0] for line in said] == ["1:", "3:", "4:", "5:", "6:", "6:", "7:"]


def test_a_roster_in_the_place_of_the_cohort(tmp_path: Path) -> None:
    """Who names the roster is told what is missing."""
    path = tmp_path / "class.csv"
    path.write_text("id,context\nada,x\n")
    with pytest.raises(UsageError, match=r"class\.csv: is a roster: `students: class\.csv` in a COHORT\.yaml"):
        read(path, labs=LABS)


@pytest.mark.timeout(10)
def test_what_is_no_file(tmp_path: Path) -> None:
    """Nothing is waited for, and nothing huge is parsed."""
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "huge").write_bytes(b"\n" * (1 << 25))
    (tmp_path / "list").write_text("- a\n")
    (tmp_path / "latin").write_bytes("title: Zoé\n".encode("latin-1"))
    for name, said in (
        ("pipe", "is no regular file"),
        ("huge", "is larger than 16 MiB"),
        (".", "is a directory"),
        ("gone", "does not exist"),
        ("list", "a mapping is expected"),
        ("latin", "cannot be read: "),
    ):
        with pytest.raises(UsageError, match=said):
            read(tmp_path / name, labs=LABS)


def test_a_thousand_students_are_read_in_no_time(tmp_path: Path) -> None:
    """Both ways of naming them, far below what anybody would notice; complaints of all of them, too."""
    entries = "".join(
        f"- {{id: s{n}, name: Student {n}, email: s{n}@example.org, context: c{n}}}\n" for n in range(1000)
    )
    (tmp_path / "a.csv").write_text("id,name,context\n" + "".join(f"s{n},Student {n},c{n}\n" for n in range(1000)))
    (tmp_path / "b.csv").write_text("id,name,context\n" + "same,Student,\n" * 1000)
    started = monotonic()
    assert len(cohort_of(tmp_path, f"lab: b01-web\nstudents:\n{entries}").members) == 1000
    assert len(cohort_of(tmp_path, "lab: b01-web\nstudents: a.csv\n").members) == 1000
    assert len(complaints_of(tmp_path, "lab: b01-web\nstudents: b.csv\n")) == 1999
    assert monotonic() - started < 3


def test_every_key_is_explained_to_trainers() -> None:
    """Trainers find each key, its meaning and its default, and no key that is not read."""
    assert keys(section(TRAINER, "COHORT.yaml key by key")) == list(COHORT_KEYS)
    assert keys(section(TRAINER, "Students")) == list(KEYS)
    assert all(f"`{key}`" in section(TRAINER, "Deadlines and attempts") for key in LATE_KEYS[1:])
    usual = Limits()
    limits = {"check": usual.check, "student": usual.student, "whole": "none", "memory": usual.memory}
    shown = {name.strip("`"): said for name, _, said in rows(section(TRAINER, "Unattended"))[1:5]}
    assert list(shown) == list(LIMIT_KEYS)
    assert shown == {name: f"{value:g}" if isinstance(value, float) else str(value) for name, value in limits.items()}


def test_the_examples_for_trainers_are_good(tmp_path: Path) -> None:
    """What trainers copy is read as it stands, with the labs that there are."""
    labs = Course(home()).names()
    words = section(TRAINER, "A cohort")
    examples = {language: words for language, words in FENCE.findall(words) if language == "csv"}
    (tmp_path / "roster.csv").write_text(examples["csv"], encoding="utf-8")
    found: list[Cohort] = []
    for language, example in FENCE.findall(words):
        if language == "yaml":
            (tmp_path / "COHORT.yaml").write_text(example, encoding="utf-8")
            found.append(read(tmp_path / "COHORT.yaml", labs=labs))
    by_csv, by_list = found
    assert [member.student.name for member in by_csv.members] == ["Ada Lovelace", "Grace Hopper"]
    assert by_csv.late == Late(percent=10, hours=24, most=50)
    assert [type(member.source) for member in by_list.members] == [ByKubeconfig, ByContext, BySubmission]
