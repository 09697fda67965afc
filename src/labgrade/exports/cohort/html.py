"""index.html, for trainers: a cohort at a glance, in one file that works offline, in both languages, without a script.

How it looks is in reports/templates/cohort.html.j2; it lies above the students' reports and leads to them.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from math import ceil
from typing import TypeVar
from urllib.parse import quote

from markupsafe import Markup

from labgrade import wording
from labgrade.cohort.model import CohortResult, Counting, LabHead, Mark, Row, Tally
from labgrade.exports.cohort.overview import KINDS, Kind, Marked, Overview, kind, overviews
from labgrade.exports.html import moment, template
from labgrade.model import FULL_GRADE
from labgrade.terminal import MARKS
from labgrade.text import Language, Text

TEMPLATE = "cohort.html.j2"
REPORT = "report.html"
LETTERS: dict[Kind, str] = dict(zip(KINDS, "phfbsen", strict=True))
"""Cells are many, so their classes are short."""
SHOWN: dict[Kind, str] = {**MARKS, "partly": MARKS["failed"], "not-run": "·"}
CALLED: dict[Kind, Text] = {**wording.STATES, "partly": wording.PARTLY, "not-run": wording.NOT_RUN}
LONGEST_NAME, LONGEST_WORDS = 60, 300
"""Characters; the student's own report has all of them."""
MOST, FEW = 20, 5
"""So many are named in a list, and notes of one student shown."""
SHOWING: dict[str, Text] = {
    "a": Text("everybody", "tout le monde"),
    "w": Text("without a grade", "sans note"),
    "m": Text("points missing", "points manquants"),
    "l": Text("late", "en retard"),
}
"""What the table of everybody can be narrowed to, by the class of its lines."""
COUNTING: dict[Counting, Text] = {
    "best": Text("the best one counts", "la meilleure compte"),
    "last": Text("the last one counts", "la dernière compte"),
    "first": Text("the first one counts", "la première compte"),
}

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Who:
    """A student as the page names them."""

    name: str
    id: str
    """Empty where the name says it already."""
    report: str
    """Its address; empty where there is none."""


@dataclass(frozen=True, slots=True)
class Line:
    """A student's line in the table of everybody."""

    who: Who
    mark: Mark
    kinds: str
    """Which of `SHOWING` it is in, as classes."""
    cells: Markup
    """One for each check; empty where there is nothing to show but why."""


def render(cohort: CohortResult, *, language: Language) -> str:
    """The page, which is well-formed XML, too; `language` is what it opens in, the reader can switch."""
    known = {(row.student.id, mark.lab): _who(row, mark) for row in cohort.rows for mark in row.marks}
    titles = {lab.id: lab.title for lab in cohort.labs}

    def named(student: str, lab: str) -> Who:
        """Somebody of whom only the id is at hand, and who may be in the roster no more."""
        return known.get((student, lab)) or _shown(student, "", "")

    def title_of(lab: str) -> Text:
        return titles.get(lab, Text(lab, lab))

    return template(TEMPLATE).render(
        cohort=cohort,
        language=language,
        overviews=overviews(cohort),
        lines=lines,
        who=_who,
        named=named,
        title_of=title_of,
        reasons=reasons,
        filters=filters,
        notes=[(row, mark) for row in cohort.rows for mark in row.marks if mark.notes],
        first=first,
        few=FEW,
        cut=cut,
        percent=percent,
        late=late,
        moment=moment,
        full=FULL_GRADE,
        showing=SHOWING,
        counting=COUNTING,
        letters=LETTERS,
        shown=SHOWN,
        called=CALLED,
        words=wording,
    )


def lines(head: LabHead, marked: Iterable[Marked]) -> list[Line]:
    """The table of everybody, in the roster's order."""
    return [Line(_who(row, mark), mark, _kinds(mark), _cells(head, mark)) for row, mark in marked]


def filters(view: Overview) -> list[tuple[str, Text, int]]:
    """What the table can be narrowed to and changes by it, with how many lines there are then."""
    counts = {
        "a": len(view.marked),
        "w": len(view.marked) - len(view.grades),
        "m": sum(grade < FULL_GRADE for grade in view.grades),
        "l": view.late,
    }
    return [(key, SHOWING[key], count) for key, count in counts.items() if count]


def reasons(marked: Sequence[Marked]) -> list[tuple[Text, list[Marked]]]:
    """Who has no grade, by the words that say why, the commonest in front: one cause often has many victims."""
    found: dict[Text, list[Marked]] = {}
    for row, mark in marked:
        found.setdefault(mark.because, []).append((row, mark))
    return sorted(found.items(), key=lambda one: -len(one[1]))


def address(folder: str) -> str:
    """A student's report, relative to the page; empty where the folder is none below the page's own."""
    parts = folder.split("/")
    if not folder or any(part in ("", ".", "..") for part in parts):
        return ""
    # Without safe characters: no colon makes a scheme of it, no question mark or hash ends it.
    return "/".join(quote(part, safe="", errors="replace") for part in [*parts, REPORT])


def cut(words: Text | str, most: int = LONGEST_WORDS) -> Text:
    """The words with an end, so that one student's do not fill the page."""
    en, fr = (words, words) if isinstance(words, str) else (words.en, words.fr)
    return Text(_cut(en, most), _cut(fr, most))


def first(those: Sequence[T], most: int = MOST) -> tuple[Sequence[T], int]:
    """The first of them, and how many more there are."""
    return those[:most], max(len(those) - most, 0)


def percent(share: float) -> Text:
    """A part of 1 in percent; what is neither nothing nor all is not called so."""
    whole = round(share * 100)
    if 0 < share < 1:
        whole = min(max(whole, 1), 99)
    return Text(f"{whole}%", f"{whole}\u00a0%")


def late(hours: float) -> Text:
    """How long after the deadline, in the unit that fits."""
    if hours < 1:
        words = f"{ceil(hours * 60)} min"
        return Text(words, words)
    if hours < 48:
        words = f"{ceil(hours)} h"
        return Text(words, words)
    days = ceil(hours / 24)
    return Text(f"{days} d", f"{days} j")


def _who(row: Row, mark: Mark) -> Who:
    return _shown(row.student.id, row.student.name, mark.folder)


def _shown(student: str, name: str, folder: str) -> Who:
    name = name.strip() or student
    return Who(_cut(name, LONGEST_NAME), _cut(student, LONGEST_NAME) if name != student else "", address(folder))


def _cut(words: str, most: int) -> str:
    return words if len(words) <= most else f"{words[: most - 1]}…"


def _kinds(mark: Mark) -> str:
    kinds = ["w"] if mark.grade is None else ["m"] if mark.grade < FULL_GRADE else []
    return " ".join([*kinds, "l"] if mark.late > 0 else kinds)


def _cells(head: LabHead, mark: Mark) -> Markup:
    """A cell for each check, put together here rather than by the template, since there are tens of thousands.

    Nothing in them needs escaping: letters of ours, numbers, and an address that is percent-encoded.
    """
    if not mark.outcomes:
        return Markup("")
    report = address(mark.folder)
    # report.html numbers its checks in the order of the result.
    known = {tally.id: (place, tally) for place, tally in enumerate(mark.outcomes, 1)}
    return Markup("").join(_cell(*known[check.id], report) if check.id in known else _NO_CELL for check in head.checks)


_NO_CELL = Markup(f'<td class="{LETTERS["not-run"]}"></td>')


def _cell(place: int, tally: Tally, report: str) -> Markup:
    link = f' href="{report}#check-{place}" tabindex="-1"' if report else ""
    return Markup(f'<td class="{LETTERS[kind(tally)]}"><a{link}>{_points(tally)}</a></td>')


def _points(tally: Tally) -> str:
    if tally.state == "skipped":
        return "–"
    if tally.state == "error":
        return "?"
    en, fr = (wording.number(tally.earned, language) for language in ("en", "fr"))
    return en if en == fr else f'<span lang="en">{en}</span><span lang="fr">{fr}</span>'
