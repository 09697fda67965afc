"""moodle.csv, fed to a model of Moodle's gradebook import.

The model has the habits of the real one: how it reads CSV, how it finds students, and what it makes of blanks.
"""

from __future__ import annotations

import dataclasses
import html
import re
from collections.abc import Iterator
from typing import Any

import pytest

from labgrade.cohort.model import CohortResult
from labgrade.exports.cohort import COHORT_EXPORTS, moodle
from labgrade.text import Text
from tests.support import cohorts
from tests.support.rosters import HOSTILE, cohort_of, student, titled


class Aborted(Exception):
    """The import enters nothing at all."""


def rows_of(words: str) -> Iterator[list[str]]:
    """Lines as PHP reads them: a backslash in quotes takes its meaning from the quote behind it."""
    row, found, quoted, place = list[str](), "", False, 0
    while place < len(words):
        sign, after = words[place], words[place + 1 : place + 2]
        if quoted and sign == "\\" and after == '"':
            found, place = found + '\\"', place + 1
        elif quoted and sign == '"' and after == '"':
            found, place = found + '"', place + 1
        elif sign == '"':
            quoted = not quoted
        elif sign in ",\n" and not quoted:
            row, found = [*row, found], ""
            if sign == "\n":
                yield row
                row = []
        else:
            found += sign
        place += 1
    assert not quoted, "the rest of the file has become one cell"


def blank(value: str) -> bool:
    """What PHP calls empty."""
    return value in {"", "0"}


@dataclasses.dataclass
class Gradebook:
    """A Moodle course: who is in it, by any of their identifiers, and what was entered."""

    users: dict[str, str]
    grades: dict[tuple[str, str], float | None] = dataclasses.field(
        default_factory=dict[tuple[str, str], "float | None"]
    )
    feedback: dict[tuple[str, str], str] = dataclasses.field(default_factory=dict[tuple[str, str], str])

    def load(self, words: str, key: str, *, new: bool) -> None:
        """Imports with that column as the identifier, lab titles as new or existing items, and their feedback."""
        head, *rows = rows_of(words.lstrip("\ufeff"))
        head = [title.strip() for title in head]
        assert len({title.casefold() for title in head}) == len(head), "nobody can map two columns of one title"
        assert not {"last downloaded from this course", "dernier téléchargement depuis ce cours"} & {
            title.casefold() for title in head
        }, "rows would be refused as stale"
        known = ""
        for row in rows:
            assert len(row) == len(head)
            for title, value in zip(head, map(str.strip, row), strict=True):
                if title == key and not blank(value):
                    if value.casefold() not in self.users:
                        raise Aborted(f"no user {value!r}")
                    known = self.users[value.casefold()]
            if not known:
                raise Aborted("no user at all")
            # As a trainer maps them: after the identifiers, a grade and its feedback by turns.
            first = sum(title in moodle.KEYS for title in head)
            for number in range(first, len(head), 2):
                self._enter(known, head[number], row[number].strip(), new=new)
                self.feedback[known, head[number]] = row[number + 1].strip()

    def _enter(self, user: str, title: str, value: str, *, new: bool) -> None:
        if value == "-" or (value == "" and not new):
            self.grades[user, title] = None
        elif value == "":
            self.grades[user, title] = 0.0  # the database has no other number for it
        elif not re.fullmatch(r"[0-9]+(\.[0-9]{1,5})?", value) or float(value) > 100:
            raise Aborted(f"bad grade {value!r}")
        else:
            self.grades[user, title] = float(value)


def imported(cohort: CohortResult, key: str, *, new: bool = True, language: Any = "en") -> Gradebook:
    """What Moodle has after the import; it knows everybody in the cohort by all that the roster has."""
    users = {
        value.strip().casefold(): row.student.id
        for row in cohort.rows
        for value in (row.email, row.more.get("username", ""), row.more.get("idnumber", ""))
        if value.strip()
    }
    book = Gradebook(users)
    book.load(moodle.render(cohort, language=language), key, new=new)
    return book


@pytest.mark.parametrize("language", ["en", "fr"])
@pytest.mark.parametrize("new", [True, False])
def test_everybody_gets_their_own_grade_and_a_missing_one_stays_missing(new: bool, language: Any) -> None:  # noqa: FBT001 (a case)
    """In a new grade item as in an existing one: never a 0 for what could not be graded."""
    cohort = cohorts.sample()
    book = imported(cohort, "email", new=new, language=language)
    expected = {
        (row.student.id, lab.title[language]): mark.grade
        for row in cohort.rows
        for mark, lab in zip(row.marks, cohort.labs, strict=True)
    }
    assert book.grades == expected
    assert None in expected.values()
    assert 0.0 in expected.values()


def test_the_model_punishes_blanks() -> None:
    """Without our care a grade would land on the student before, and a blank would be a 0."""
    book = Gradebook({"ada@x": "ada", "bob@x": "bob"})
    book.load("email,idnumber,Lab,Lab feedback\nada@x,1,5,\n,2,18,\nbob@x,3,,\n", "email", new=True)
    assert book.grades == {("ada", "Lab"): 18, ("bob", "Lab"): 0}


@pytest.mark.parametrize("key", ["email", "username"])
def test_columns_of_identifiers_are_nowhere_blank(key: str) -> None:
    """Whichever of them a trainer maps, every row has its own student; who lacks it is left out, and named."""
    cohort = cohort_of(
        student(1, "Ada", email="ada@example.org", username="ada"),
        student(2, "Bob", email="bob@example.org"),
        student(3, "Eve", email="eve@example.org", username="eve", letters="FBBB"),
        student(4, "Dan", username="dan"),
        student(5, "Zoé"),
        student(6, "Kim", email="kim@example.org"),
    )
    head, *rows = rows_of(moodle.render(cohort, language="en"))
    keys = [title for title in head if title in moodle.KEYS]
    assert keys == ["email"], "usernames are not complete"
    assert len(rows) == 4
    assert [one.id for one in moodle.left_out(cohort)] == ["s4", "s5"]
    assert "leaves out 2 students (s4, s5)" in COHORT_EXPORTS["moodle"].missing(cohort)
    if key in keys:
        assert {who for who, _ in imported(cohort, key).grades} == {"s1", "s2", "s3", "s6"}


def test_complete_columns_are_all_there() -> None:
    """A trainer then chooses what the course knows students by."""
    cohort = cohort_of(*(student(n, f"N{n}", email=f"{n}@x", username=f"u{n}", idnumber=f"{n}") for n in range(1, 4)))
    for key in moodle.KEYS:
        assert len(imported(cohort, key).grades) == 6
    assert COHORT_EXPORTS["moodle"].missing(cohort) == ""


@pytest.mark.parametrize("value", ["", " ", "0", "=1+1", "@ada", "-", "a\nb", "twin", "TWIN", 'a\\"'])
def test_what_does_not_identify_is_no_identifier(value: str) -> None:
    """Blank for PHP, computed by spreadsheets, read otherwise, or another student's as well."""
    cohort = cohort_of(
        student(1, "Ada", username="ada"),
        student(2, "Bob", username=value, letters="FBBB"),
        student(3, "Eve", username="twin", letters="FBBB"),
        student(4, "Dan", username="dan"),
    )
    book = imported(cohort, "username")
    assert book.grades["s1", "Rolling out a web server"] == 14
    assert book.grades["s4", "Rolling out a web server"] == 14
    assert ("s2", "Rolling out a web server") not in book.grades


def test_nobody_to_be_told_apart() -> None:
    """A head without rows enters nothing, and everybody is named."""
    cohort = cohort_of(student(1, "Ada"), student(2, "Bob"))
    assert len(list(rows_of(moodle.render(cohort, language="en")))) == 1
    assert len(moodle.left_out(cohort)) == 2


@pytest.mark.parametrize("evil", HOSTILE)
def test_hostile_words_move_no_cell(evil: str) -> None:
    """What a check saw, and a lab's title, come through PHP's reader as one cell, and act in no page or spreadsheet."""
    words = Text(evil, evil)
    mark = cohorts.mark(cohorts.ROLLOUT, "PPPF", "s1", saw=words)
    one = student(1, evil, email="ada@example.org")
    lab = dataclasses.replace(cohorts.ROLLOUT, title=words)
    cohort = cohort_of(dataclasses.replace(one, marks=(mark,)), labs=[lab])
    for row in rows_of(moodle.render(cohort, language="en")):
        assert len(row) == 3
        assert not any(value.startswith(("=", "+", "-", "@", "\t")) for value in row)
        assert not any("\\" in value or "\n" in value for value in row)
        assert "<" not in row[2] or row[2].endswith(" feedback"), "feedback is shown as HTML"
    (told,) = imported(cohort, "email").feedback.values()
    assert "14 / 20 points" in html.unescape(told)


@pytest.mark.parametrize(
    "titles",
    [
        ("Last downloaded from this course", "x"),
        ("Email", "username"),
        ("Same", "same"),
        ("A", "A feedback"),
        ("A feedback", "A"),
        ("", " "),
        ("=1+1", "lab-0"),
    ],
)
def test_titles_that_mean_something_else_or_another_lab(titles: tuple[str, ...]) -> None:
    """Each lab has a column of its own, under its id where its title is taken; all grades arrive."""
    cohort = titled(*titles)
    grades = imported(cohort, "email").grades
    assert len(grades) == len(cohort.rows) * len(titles)
