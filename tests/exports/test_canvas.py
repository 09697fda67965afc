"""canvas.csv, fed to a model of the gradebook import of Canvas.

The model has the habits of the real one: how it reads cells, finds students and assignments, and what a row means.
"""

from __future__ import annotations

import csv
import dataclasses
import io
import re
from typing import Any

import pytest

from labgrade.cohort.model import CohortResult
from labgrade.exports.cohort import COHORT_EXPORTS, canvas
from labgrade.exports.cohort.spreadsheet import cell
from labgrade.text import Text
from tests.support import cohorts
from tests.support.rosters import HOSTILE, cohort_of, student, titled

RESERVED = ("Student", "LastName", "FirstName", "ID", "SIS User ID", "SIS Login ID", "Section")
NO_ASSIGNMENT = re.compile("|".join(f"{a} {b}" for a in ("Current", "Final") for b in ("Score", "Points", "Grade")))
OVERRIDE = re.compile("Override (Score|Grade|Status)")


def delimiter(words: str) -> str:
    """Semicolons, if three lines in a row have more cells with them."""
    cells = {sign: {len(next(csv.reader([line], delimiter=sign))) for line in words.split("\n")[:3]} for sign in ";,"}
    counts = {sign: found.pop() if len(found) == 1 else 0 for sign, found in cells.items()}
    return ";" if counts[";"] > counts[","] else ","


def converted(value: str) -> str:
    """A cell as it is understood: what looks like a number has its last sign as the decimal mark."""
    if not re.fullmatch(r"-?[0-9.,]+%?", value):
        return value
    *whole, last = re.split(r"[,.]", value)
    return f"{''.join(whole)}.{last}" if whole else last


@dataclasses.dataclass
class User:
    """Somebody in the course."""

    name: str
    id: int
    sis_user_id: str = ""
    sis_login_id: str = ""


@dataclasses.dataclass
class Gradebook:
    """A course of Canvas, its assignments by number, and what an import would change."""

    users: list[User]
    assignments: dict[int, str] = dataclasses.field(default_factory=dict[int, str])
    points: dict[str, str] = dataclasses.field(default_factory=dict[str, str])
    grades: dict[tuple[str, str], str] = dataclasses.field(default_factory=dict[tuple[str, str], str])
    strangers: list[str] = dataclasses.field(default_factory=list[str])

    def load(self, words: str) -> None:
        """Imports; the columns of assignments are found by their titles, as the importer does."""
        rows = [
            [converted(value) for value in row]
            for row in csv.reader(io.StringIO(words, newline=""), delimiter=delimiter(words), strict=True)
        ]
        head, *rows = rows
        assert len(head) > 3
        assert "Student" in head[0]
        assert "ID" in head[1]
        assert re.search(r"SIS\s+User\s+ID", head[2])
        assert re.search(r"SIS\s+Login\s+ID", head[3])
        assert "Section" in head[4]
        titles = [title for title in head[5:] if not NO_ASSIGNMENT.search(title) and not OVERRIDE.search(title)]
        for row in rows:
            assert len(row) == len(head)
            cells = {title: row[head.index(title)].strip() for title in titles}
            if "Points Possible" in row[0]:
                self.points |= {self._assignment(title): value for title, value in cells.items()}
            elif not all(re.fullmatch(r"\s*(Muted|Manual Posting.*)?\s*", value, re.IGNORECASE) for value in row):
                self._enter(row, cells)

    def _enter(self, row: list[str], cells: dict[str, str]) -> None:
        user = self._user(*row[:4])
        if not user:
            self.strangers.append(row[0])
            return
        self.grades |= {(user.name, self._assignment(title)): value for title, value in cells.items()}

    def _user(self, name: str, number: str, sis_user_id: str, sis_login_id: str) -> User | None:
        digits = re.match(r"\d+", number)
        for known in (
            [user for user in self.users if digits and user.id == int(digits[0])],
            [user for user in self.users if sis_user_id and user.sis_user_id == sis_user_id],
            [user for user in self.users if sis_login_id and user.sis_login_id == sis_login_id],
            [user for user in self.users if user.name == name],
        ):
            if known:
                return known[0]
        return None

    def _assignment(self, title: str) -> str:
        found = re.fullmatch(r"(.*)\s\((\d+)\)", title)
        return self.assignments.get(int(found[2]), found[1]) if found else title


def imported(cohort: CohortResult, language: Any = "en", **more: Any) -> Gradebook:
    """What Canvas would change; it knows everybody of the cohort by what the roster has."""
    users = [
        User(
            name=row.student.name,
            id=int(row.more["canvas_id"]) if row.more.get("canvas_id", "").isdecimal() else 9000 + number,
            sis_user_id=row.more.get("sis_user_id", ""),
            sis_login_id=row.more.get("sis_login_id", ""),
        )
        for number, row in enumerate(cohort.rows)
    ]
    book = Gradebook(users, **more)
    book.load(canvas.render(cohort, language=language))
    return book


@pytest.mark.parametrize("language", ["en", "fr"])
def test_everybody_gets_their_own_grade_and_a_missing_one_is_blank(language: Any) -> None:
    """By id or by name, with a point as the decimal mark, and out of 20."""
    cohort = cohorts.sample()
    book = imported(cohort, language)
    out = {one.id for one in canvas.left_out(cohort)}
    expected = {
        (row.student.name, lab.title[language]): "" if mark.grade is None else f"{mark.grade:g}"
        for row in cohort.rows
        if row.student.id not in out
        for mark, lab in zip(row.marks, cohort.labs, strict=True)
    }
    assert book.grades == expected
    assert "12.8" in expected.values()
    assert "" in expected.values()
    assert set(book.points.values()) == {"20"}
    assert book.strangers == []


def test_the_model_punishes_commas_and_numbers_in_titles() -> None:
    """Without our care 1,234 is little more than 1, and a title ends up in another assignment."""
    book = Gradebook([User("Ada", 1)], assignments={2: "Exam"})
    book.load('Student,ID,SIS User ID,SIS Login ID,Section,Lab (2)\n    Points Possible,,,,,20\nAda,,,,,"1,234"\n')
    assert book.grades == {("Ada", "Exam"): "1.234"}


@pytest.mark.parametrize("key", ["canvas_id", "sis_user_id", "sis_login_id"])
def test_an_id_goes_before_the_name(key: str) -> None:
    """Namesakes with ids each get their own grade; one without any is left out, and named."""
    cohort = cohort_of(
        student(1, "Ada", letters="PPPP", **{key: "17"}),
        student(2, "Ada", letters="FBBB", **{key: "18"}),
        student(3, "Ada", letters="PFFF"),
        student(4, "Bob", letters="PPPF"),
    )
    field = {"canvas_id": "id"}.get(key, key)
    users = [dataclasses.replace(User(f"user-{n}", 0), **{field: n if field == "id" else str(n)}) for n in (17, 18)]
    book = Gradebook([*users, User("Bob", 99), User("Ada", 98)])
    book.load(canvas.render(cohort, language="en"))
    title = cohorts.ROLLOUT.title.en
    assert {who: grade for (who, lab), grade in book.grades.items() if lab == title} == {
        "user-17": "20",
        "user-18": "0",
        "Bob": "14",
    }
    assert [one.id for one in canvas.left_out(cohort)] == ["s3"]
    assert "leaves out 1 student (s3)" in COHORT_EXPORTS["canvas"].missing(cohort)


@pytest.mark.parametrize("value", ["1.2.3", "1,5", "12%", "17.", "=17", "@ada", "twin", " "])
def test_an_id_that_would_be_read_otherwise_is_none(value: str) -> None:
    """It would find nobody, or somebody else; the name still finds them."""
    cohort = cohort_of(student(1, "Ada", sis_user_id=value), student(2, "Bob", sis_user_id="twin", letters="FBBB"))
    for row in list(csv.DictReader(io.StringIO(canvas.render(cohort, language="en"))))[1:]:
        assert row["SIS User ID"] in {"", "twin"}
    assert imported(cohort).grades["Ada", cohorts.ROLLOUT.title.en] == "14"
    assert imported(cohort).grades["Bob", cohorts.ROLLOUT.title.en] == "0"


@pytest.mark.parametrize("value", ["17", "017", "17abc", "-17", "1~7", "99999999999999999999"])
def test_the_id_of_canvas_is_a_number(value: str) -> None:
    """The importer reads as many digits as there are: anything else could be somebody else's."""
    cohort = cohort_of(student(1, "Ada", canvas_id=value), student(2, "Bob"))
    found = list(csv.DictReader(io.StringIO(canvas.render(cohort, language="en"))))[1]["ID"]
    assert found == (value if value == "17" else "")


@pytest.mark.parametrize("evil", HOSTILE)
def test_hostile_names_and_sections_change_nothing_for_others(evil: str) -> None:
    """The points of the assignments stay, the next student's grade is theirs, and no cell is computed."""
    one = student(1, evil, letters="PPPF", section=evil, sis_user_id="first")
    cohort = cohort_of(one, student(2, evil, letters="FBBB"), student(3, "Bob", letters="PPPP"))
    for labs in (cohort.labs, [dataclasses.replace(lab, title=Text(f"{evil}{lab.id}", "")) for lab in cohort.labs]):
        made = dataclasses.replace(cohort, labs=tuple(labs))
        rows = list(csv.reader(io.StringIO(canvas.render(made, language="en"), newline=""), strict=True))
        assert not any(value.startswith(("=", "+", "-", "@", "\t", "\r")) for row in rows for value in row)
        book = imported(made)
        assert set(book.points.values()) == {"20"}
        grades = {(who, grade) for (who, _), grade in book.grades.items() if grade}
        assert grades == {(evil, "14"), ("Bob", "20")}


@pytest.mark.parametrize("name", ["Points Possible", "    Points Possible (x)", "1.5", "twin"])
def test_a_name_that_means_something_else_needs_an_id(name: str) -> None:
    """Else its row is left out; with an id the name is left out."""
    others = (student(2, "twin"), student(3, "Bob"))
    assert "s1" in {one.id for one in canvas.left_out(cohort_of(student(1, name), *others))}
    cohort = cohort_of(student(1, name, canvas_id="17", letters="PFFF"), *others)
    book = imported(cohort)
    assert book.grades[name, cohorts.ROLLOUT.title.en] == "4"
    assert set(book.points.values()) == {"20"}


@pytest.mark.parametrize(
    "titles",
    [
        ("Rolling out (2)", "Lab"),
        ("Final Grade of the course", "Override Score"),
        ("Section", "ID"),
        ("Same", "Same"),
        ("1,5", "2.5"),
        ("", "=1"),
        ("a; b", "c; d"),
        ("lab-1", "Lab"),
    ],
)
def test_titles_that_mean_something_else_or_another_lab(titles: tuple[str, ...]) -> None:
    """Every lab is an assignment of its own, and none lands in one that is there already."""
    cohort = titled(*titles)
    book = imported(cohort, assignments={2: "Exam"})
    out = {one.id for one in canvas.left_out(cohort)}
    grades = {row.student.name: row.marks[0].grade for row in cohort.rows if row.student.id not in out}
    assert {lab for _, lab in book.grades} <= {*map(cell, titles), *(lab.id for lab in cohort.labs)}
    assert len(book.grades) == 2 * len(grades)
    assert all(found == ("" if grades[who] is None else f"{grades[who]:g}") for (who, _), found in book.grades.items())
