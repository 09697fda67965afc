"""Rosters: what spreadsheets and learning platforms save arrives whole; what is wrong is told line by line."""

from __future__ import annotations

import csv
import io
import os
import unicodedata
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from labgrade.cohort.model import ByContext, ByKubeconfig, BySubmission, Member
from labgrade.cohort.roster import sheet, students
from labgrade.cohort.roster.columns import columns_of
from labgrade.course.yamlfile import FileError

FOLDER = Path("/class")


def read(file: Path, content: str | bytes) -> tuple[tuple[Member, ...], list[str]]:
    """The students of a CSV file with that content, and the complaints without the file's name."""
    file.write_bytes(content if isinstance(content, bytes) else content.encode())
    complaints: list[FileError] = []
    found = students.judged(sheet.records(file, complaints), FOLDER)
    return found, [str(each).removeprefix(f"{file}:") for each in complaints]


def members_of(folder: Path, content: str | bytes) -> tuple[Member, ...]:
    """The students of a CSV file that nothing is wrong with."""
    found, complaints = read(folder / "roster.csv", content)
    assert not complaints
    return found


def complaints_of(folder: Path, content: str | bytes) -> list[str]:
    """All that is wrong with a CSV file."""
    return read(folder / "roster.csv", content)[1]


def names_of(folder: Path, content: str | bytes) -> list[tuple[str, str]]:
    """Ids and names of the students of a good CSV file."""
    return [(member.student.id, member.student.name) for member in members_of(folder, content)]


def test_a_roster_arrives_whole(tmp_path: Path) -> None:
    """Every column lands where it belongs, and paths are relative to the cohort's folder."""
    ada, bob, eve = members_of(
        tmp_path,
        "id,name,email,kubeconfig,context,submission,revision,namespace,submitted,idnumber,section\n"
        "ada,Ada Lovelace,ada@example.org,k/ada.yaml,,,,work,,4711,A\n"
        "bob,,,,kind-bob,,,,,,\n"
        "eve,Eve,,,,/in/eve,v1,,2026-11-20 23:30 +01:00,,\n",
    )
    assert ada.student.name == "Ada Lovelace"
    assert ada.source == ByKubeconfig(FOLDER / "k/ada.yaml", namespace="work")
    assert (ada.email, ada.submitted) == ("ada@example.org", None)
    assert ada.more == {"idnumber": "4711", "section": "A"}
    assert (bob.student.name, bob.source, bob.more) == ("bob", ByContext("kind-bob"), {})
    assert eve.source == BySubmission(Path("/in/eve"), revision="v1")
    assert eve.submitted == datetime(2026, 11, 20, 22, 30, tzinfo=UTC)


def test_a_home_is_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A tilde is the trainer's home; one that nobody has is told."""
    monkeypatch.setenv("HOME", "/home/trainer")
    (member,) = members_of(tmp_path, "id,kubeconfig\nada,~/ada.yaml\n")
    assert member.source == ByKubeconfig(Path("/home/trainer/ada.yaml"))
    (said,) = complaints_of(tmp_path, "id,kubeconfig\nada,~nobody-of-that-name/ada.yaml\n")
    assert said.startswith("2: kubeconfig is '~nobody-of-that-name/ada.yaml', but nobody")


FRENCH = "Identifiant;Nom;Prénom;Adresse de courriel;Contexte\r\nada;Lovelace;Zoé;z@example.org;kind-ada\r\n"


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "cp1252"])
def test_encodings_are_seen(tmp_path: Path, encoding: str) -> None:
    """What spreadsheets save in France and elsewhere is read without a word, accents and all."""
    (member,) = members_of(tmp_path, FRENCH.encode(encoding))
    assert (member.student.id, member.student.name, member.email) == ("ada", "Zoé Lovelace", "z@example.org")
    assert member.source == ByContext("kind-ada")


def test_utf_16_of_either_order(tmp_path: Path) -> None:
    """The order of the bytes is what the mark in front says."""
    assert names_of(tmp_path, "\ufeffid,context\nzoé,x\n".encode("utf-16-be")) == [("zoé", "zoé")]


@pytest.mark.parametrize("separator", [",", ";", "\t"])
@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_separators_and_ends_of_lines_are_seen(tmp_path: Path, separator: str, end: str) -> None:
    """Any of the three separators and of the ends of lines; blank lines and empty rows say nothing."""
    rows = [
        ("", ""),
        ("id", "name", "context"),
        ("ada", '"Love, ""lace""; A.\t1"', "x"),
        ("",),
        ("",) * 3,
        ("bob",) * 3,
    ]
    content = end.join(separator.join(row) for row in rows)
    assert names_of(tmp_path, content) == [("ada", 'Love, "lace"; A. 1'), ("bob", "bob")]


def test_a_spreadsheets_remark_on_its_separator_is_none_of_the_columns(tmp_path: Path) -> None:
    """`sep=;` in front is obeyed, and lines are still counted from the file's first."""
    assert names_of(tmp_path, "sep=;\r\nid;context\r\nada;x\r\n") == [("ada", "ada")]
    assert complaints_of(tmp_path, '\ufeff"sep=;"\nid;context\n=1;x\n')[0].startswith("3: id is '=1'")


def test_blanks_around_cells_go(tmp_path: Path) -> None:
    """Also those that a learning platform's page brings along, which nobody sees."""
    assert names_of(tmp_path, "\u00a0id ; name;context\n ada\u00a0;\u202fAda\u00a0 \u00a0L. ;x\n") == [
        ("ada", "Ada L.")
    ]


def test_extra_columns_and_short_rows(tmp_path: Path) -> None:
    """Columns of other people's are passed over, cells that are not there are blank, and so may be too many."""
    content = "No,Id,Context,Note finale,Email,,Email 2\n1,ada,x,12,,,,,,\n2,bob,y\n"
    assert names_of(tmp_path, content) == [("ada", "ada"), ("bob", "bob")]


@pytest.mark.parametrize(
    ("header", "columns"),
    [
        ("login,nom,rendu", {"id": 0, "lastname": 1, "submission": 2}),
        ("Nom,Prénom,Matricule,Travail", {"lastname": 0, "firstname": 1, "id": 2, "submission": 3}),
        ("N° étudiant,COURRIEL,Rendu le", {"id": 0, "email": 1, "submitted": 2}),
        ("Username,ID number,First name,Surname", {"username": 0, "idnumber": 1, "firstname": 2, "lastname": 3}),
        ("Student,ID,SIS User ID,Section", {"name": 0, "id": 1, "sis_user_id": 2, "section": 3}),
        ("SIS Login ID,id", {"sis_login_id": 0, "id": 1}),
        ("identifier,github_username,name", {"id": 0, "github": 1, "name": 2}),
        ("login,matricule,id", {"username": 0, "idnumber": 1, "id": 2}),
        ("numero,login", {"idnumber": 0, "id": 1}),
    ],
)
def test_names_of_columns(header: str, columns: dict[str, int]) -> None:
    """French, English and the learning platforms' names; beside an id, a login and a number are for the gradebook."""
    assert columns_of(header.split(",")) == (columns, [])


def test_a_name_in_parts(tmp_path: Path) -> None:
    """A surname alone is a name, a whole name beats its parts, and a first name joins whatever there is."""
    assert names_of(tmp_path, "id,nom,context\na,Lovelace,x\n") == [("a", "Lovelace")]
    assert names_of(tmp_path, "id,nom,prenom,name,context\na,Lovelace,Ada,Ada L.,x\n") == [("a", "Ada L.")]
    assert names_of(tmp_path, "id,name,prenom,context\na,Lovelace,Ada,x\n") == [("a", "Ada Lovelace")]
    assert names_of(tmp_path, "id,nom,prenom,context\na,,Ada,x\n") == [("a", "Ada")]


def test_formulas_in_names_are_names(tmp_path: Path) -> None:
    """What a student calls herself is kept; quoting it is for whoever writes it down."""
    assert names_of(tmp_path, 'id,name,context\na,"=CMD(""x"",1)",x\n') == [("a", '=CMD("x",1)')]


@pytest.mark.parametrize(
    "student",
    ["a", "7", "007", "ada.lovelace", "a_b-c@d+e", "a@example.org", "zoé", "Ωmega", "李明", "हिन्दी", "أحمد", "a" * 64],
)
def test_good_ids(tmp_path: Path, student: str) -> None:
    """Letters and digits of any script, as they stand there."""
    assert names_of(tmp_path, f"id,context\n{student},x\n") == [(student, student)]


@pytest.mark.parametrize(
    ("student", "said"),
    [
        ("", "id is blank, but every student needs one"),
        ("=CMD()", "id is '=CMD()', which begins as a formula does: an id begins with a letter or a digit"),
        ("+1", "id is '+1', which begins as a formula does"),
        ("-1", "id is '-1', which begins as a formula does"),
        ("@x", "id is '@x', which begins as a formula does"),
        ("1.23457E+08", "id is '1.23457E+08', a number that a spreadsheet has rounded"),
        ("..", "id is '..', but an id names a folder: letters, digits,"),
        (".ssh", "id is '.ssh', but an id names a folder"),
        ("_a", "id is '_a', but an id names a folder"),
        ("a/../../b", "id is 'a/../../b', but an id names a folder"),
        ("a\\b", r"id is 'a\\b', but an id names a folder"),
        ("a:b", "id is 'a:b', but an id names a folder"),
        ("a\x1b[31m", r"id is 'a\x1b[31m', but an id names a folder"),
        ("a\u202eb", r"id is 'a\u202eb', but an id names a folder"),
        ("a\u200bb", r"id is 'a\u200bb', but an id names a folder"),
        ("½", "id is '½', but an id names a folder"),
        ("x²", "id is 'x²', but an id names a folder"),
        ("a" * 65, f"id is '{'a' * 65}', but an id names a folder"),
        ("𝒳" * 64, f"id is '{'𝒳' * 64}', but an id names a folder"),
        ("a" * 5000, f"id is '{'a' * 80}…', but an id names a folder"),
    ],
)
def test_bad_ids(tmp_path: Path, student: str, said: str) -> None:
    """What could leave the folder, hide in it, or run in a spreadsheet is refused with its line."""
    (complaint,) = complaints_of(tmp_path, f"id,name,context\nzoe,,x\n{student},Bob,x\n")
    assert complaint.startswith(f"3: {said}")


def test_a_bad_id_comes_with_a_good_one(tmp_path: Path) -> None:
    """The nearest id that would do is told, where there is one."""
    assert complaints_of(tmp_path, "id,context\nJean Dupont,x\n")[0].endswith("; for instance 'Jean-Dupont'")
    assert complaints_of(tmp_path, "id,context\n(?),x\n")[0].endswith("a letter or a digit")


@pytest.mark.parametrize(
    ("row", "said"),
    [
        ("ADA,,x,,,,", "3: id is 'ADA', but for its case or its width 'ada', which line 2 has already"),
        ("ada,,x,,,,", "3: id is 'ada', which line 2 has already"),
        ("bob,,,,,,", "3: kubeconfig is blank, and so are `context` and `submission`: one of them says what is"),
        ("bob,,x,,s,,", "3: submission stands beside `context`: one of them says what is graded"),
        ("bob,,x,k,,,", "3: context stands beside `kubeconfig`: one of them says what is graded"),
        ("bob,,x,,,main,", "3: revision is of use only beside `submission`, which names the git repository"),
        ("bob,,x,,,,B_1", "3: namespace is 'B_1', which Kubernetes does not allow as a namespace"),
        ("bob,,,,s,,b1", "3: namespace stands beside `submission`, which is always applied"),
        ("bob,,x,,,,,more", "3: has 8 cells, but there are 7 columns: quote a cell that holds a separator"),
        ('bob,,"x,,,,', "3: not CSV: a quotation mark is opened and never closed"),
        ('bob,,"x"y,,,,', "3: not CSV: ',' expected after '\"'"),
    ],
)
def test_bad_rows(tmp_path: Path, row: str, said: str) -> None:
    """What makes a roster doubtful is told with its line, its column, and what was found."""
    content = f"id,idnumber,context,kubeconfig,submission,revision,namespace\nada,7,x,,,,\n{row}\n"
    (complaint,) = complaints_of(tmp_path, content)
    assert complaint.startswith(said)


def test_the_same_letters_in_another_spelling_are_the_same_id(tmp_path: Path) -> None:
    """An accent may be a character of its own: the folder would be the same on some disks, and look so on all."""
    assert names_of(tmp_path, f"id,context\n{unicodedata.normalize('NFD', 'zoé')},x\n") == [
        ("zoé", unicodedata.normalize("NFC", "zoé"))
    ]
    (complaint,) = complaints_of(tmp_path, "id,context\nstraße,x\nSTRASSE,x\n")
    assert complaint.startswith("3: id is 'STRASSE', but for its case or its width 'straße', which line 2 has already")
    (complaint,) = complaints_of(tmp_path, f"id,context\nzoé,x\n{unicodedata.normalize('NFD', 'Zoé')},x\n")
    assert complaint.startswith("3: id is 'Zoé', but for its case or its width 'zoé', which line 2 has already")


def test_all_is_told_at_once_under_the_files_own_names(tmp_path: Path) -> None:
    """One look is enough to mend a roster, in the words that stand in it."""
    content = 'Identifiant;Contexte;Rendu le\n;x;\nada;;\nbob;x;hier\neve;"x\ny";\neve;z;;;w\n'
    assert [said.partition(",")[0] for said in complaints_of(tmp_path, content)] == [
        "7: has 5 cells",
        "2: Identifiant is blank",
        "3: kubeconfig is blank",
        "4: Rendu le is 'hier'",
        "7: Identifiant is 'eve'",
    ]


@pytest.mark.parametrize(
    ("header", "said"),
    [
        ("id,emial,context", ["1: the column 'emial' is not known; did you mean 'email'?"]),
        ("id,Contxt,kubeconfig", ["1: the column 'Contxt' is not known; did you mean 'context'?"]),
        ("id,context,ID", ["1: the columns 'id' and 'ID' both mean `id`"]),
        ("nom,context", ["1: no column is named `id`; the first line has 'nom', 'context'"]),
        ("id,nom", ["1: no column is named `kubeconfig`, `context` or `submission`; the first line has 'id', 'nom'"]),
        (
            "ada|x",
            [
                f"1: no column is named {what}; the first line has 'ada|x'"
                for what in ("`id`", "`kubeconfig`, `context` or `submission`")
            ],
        ),
    ],
)
def test_bad_headers(tmp_path: Path, header: str, said: list[str]) -> None:
    """A column that is missing or misspelt is told once, not for every student."""
    content = f"{header}\n" + "".join(f"{student},{student},{student}\n" for student in ("a", "b", "c"))
    complaints = complaints_of(tmp_path, content)
    assert [complaint for complaint in complaints if complaint.startswith("1:")] == said


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", " is empty: its first line names the columns"),
        (b"\n \n\t\n", " is empty: its first line names the columns"),
        (b"PK\x03\x04\x14\x00", " is a spreadsheet: save it as CSV (UTF-8) and name that file"),
        (b"\xd0\xcf\x11\xe0\xa1\xb1", " is a spreadsheet: save it as CSV (UTF-8) and name that file"),
        (b"id,context\nada,\0x\n", "2: holds NUL bytes: save it as CSV (UTF-8)"),
        ("id,context\nada,x\n".encode("utf-16-le"), "1: holds NUL bytes: save it as CSV (UTF-8)"),
        (b"\xff\xfei", " is text in no encoding that we know"),
        (b"id,context\nzo\x81,x\n", " is text in no encoding that we know"),
        (b"id,context\n" + b"a" * 200_000 + b",x\n", "2: not CSV: field larger than field limit"),
        (b"\n" * (sheet.MOST_BYTES + 1), " is larger than 16 MiB, as no roster is"),
    ],
)
def test_what_is_no_roster(tmp_path: Path, content: bytes, said: str) -> None:
    """Spreadsheets, binaries and worse cost one sentence."""
    (complaint,) = complaints_of(tmp_path, content)
    assert complaint.startswith(said)


@pytest.mark.timeout(10)
def test_what_is_no_file(tmp_path: Path) -> None:
    """Nothing is waited for, and the reason is told."""
    os.mkfifo(tmp_path / "pipe")
    for name, said in (("pipe", "is no regular file"), (".", "is a directory"), ("gone", "does not exist")):
        complaints: list[FileError] = []
        assert sheet.records(tmp_path / name, complaints) == []
        assert [each.problem.partition(",")[0].partition(":")[0] for each in complaints] == [said]


@pytest.mark.parametrize(
    "words",
    [
        *("2026-11-20T22:59:00Z", "2026-11-20 22:59Z", "2026-11-20t22:59:00.0z", "2026-11-20T23:59:00+01:00"),
        *("2026-11-20 23:59 +0100", "2026-11-20 23:59+01", "2026-11-20T19:29:00-03:30"),
    ],
)
def test_moments(words: str) -> None:
    """Times as people and programs write them, in any zone."""
    assert students.moment(words) == datetime(2026, 11, 20, 22, 59, tzinfo=UTC)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (
            "2026-11-20",
            "a day without a time: write 2026-11-20T23:59:00+01:00 for an hour ahead of UTC, or 2026-11-20T",
        ),
        ("2026-11-20 18:00", "a time without a zone: write 2026-11-20T18:00:00+01:00 for"),
        ("2026-11-20T18:00:30", "a time without a zone: write 2026-11-20T18:00:30+01:00 for"),
        ("2026-02-31T18:00Z", "which is no time: day is out of range"),
        ("2026-11-20T25:00Z", "which is no time: hour must be in"),
        ("2026-11-20T18:00+99:00", "which is no time: "),
        ("0026-11-20T18:00Z", "but a time is expected"),
        ("20/11/2026 18:00", "but a time is expected, such as 2026-11-20T23:59:00+01:00"),
        ("demain", "but a time is expected"),
        ("٢٠٢٦-11-20T18:00Z", "but a time is expected"),
        ("", "but a time is expected"),
    ],
)
def test_what_is_no_moment(words: str, said: str) -> None:
    """A time that could mean two moments is refused, with both ways to write it."""
    with pytest.raises(ValueError, match=r"^is ") as raised:
        students.moment(words)
    assert str(raised.value).startswith(f"is {words!r}, {said}")


CELLS = st.text(st.characters(exclude_categories=("Cs", "Cc"))) | st.text("\"',;\t\n =a")
ENCODINGS = st.sampled_from(["utf-8", "utf-8-sig", "utf-16"])


@settings(max_examples=60, deadline=None)
@given(
    names=st.lists(CELLS, min_size=1, max_size=8),
    separator=st.sampled_from(",;\t"),
    end=st.sampled_from(["\n", "\r\n"]),
    encoding=ENCODINGS,
    quoting=st.sampled_from([csv.QUOTE_MINIMAL, csv.QUOTE_ALL]),
)
def test_any_name_survives(
    tmp_path_factory: pytest.TempPathFactory, names: list[str], separator: str, end: str, encoding: str, quoting: Any
) -> None:
    """Whatever a CSV writer quotes comes back, but for blanks."""
    folder = tmp_path_factory.mktemp("roster")
    out = io.StringIO(newline="")
    writer = csv.writer(out, delimiter=separator, lineterminator=end, quoting=quoting)
    writer.writerow(["id", "name", "context"])
    writer.writerows([f"s{index}", name, "x"] for index, name in enumerate(names))
    found = names_of(folder, out.getvalue().encode(encoding))
    assert found == [(f"s{index}", " ".join(name.split()) or f"s{index}") for index, name in enumerate(names)]


@settings(max_examples=200, deadline=None)
@given(
    st.binary(max_size=200) | st.text('id,context\n";\t =a\u00e9').map(lambda words: f"id,context\n{words}".encode())
)
def test_no_bytes_are_too_much(tmp_path_factory: pytest.TempPathFactory, content: bytes) -> None:
    """Whatever a file holds, there are students or complaints, each of one line, and never an exception."""
    found, complaints = read(tmp_path_factory.mktemp("roster") / "roster.csv", content)
    assert all(len(said.splitlines()) == 1 for said in complaints)
    ids = [member.student.id for member in found]
    assert complaints or len({each.casefold() for each in ids}) == len(ids)
