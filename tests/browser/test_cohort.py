"""A cohort's page is read on every screen, by mouse, keyboard and screen reader, and nothing in it acts."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from labgrade.cohort.model import CheckHead, CohortResult, LabHead, Row, Tally
from labgrade.exports import html as one_report
from labgrade.exports.cohort import html
from labgrade.model import Student
from labgrade.text import Language, harmless, text
from tests.browser.conftest import Reader, Scheme
from tests.browser.test_hostile import ACTIVE, HOSTILE
from tests.browser.test_layout import CONTRASTS, LEAST_CONTRAST, SCROLLS_SIDEWAYS, paper
from tests.browser.test_print import LANGUAGES, UNSEEN
from tests.browser.test_use import FOCUSED
from tests.exports.test_cohort_html import hostile_cohort
from tests.support.cohorts import large, sample
from tests.support.results import RESULTS, UNBROKEN

COHORTS: dict[str, Callable[[], CohortResult]] = {
    "sample": sample,
    "large": lambda: large(students=150, checks=24),
    "unbroken": lambda: hostile_cohort(UNBROKEN),
    "empty": lambda: dataclasses.replace(sample(), rows=()),
}
STICKS_OUT = """() => [...document.querySelectorAll("main *:not(.spoken, .spoken *, .sheet *)")]
  .filter(one => one.getBoundingClientRect().right > document.documentElement.clientWidth + 0.5)
  .map(one => one.outerHTML.slice(0, 200))"""
MARK = "one => getComputedStyle(one, '::before').content"
PLACES = """one => ["thead th", "tbody tr:nth-child(30) th", "tbody tr:nth-child(30) td:last-child"]
  .map(name => one.querySelector(name).getBoundingClientRect())
  .map(place => [Math.round(place.left), Math.round(place.top)])"""
EVERYBODY = "table.all tbody tr"


def opened(
    reader: Reader,
    cohort: CohortResult,
    language: Language = "en",
    *,
    width: int = 1000,
    scheme: Scheme = "light",
    scripts: bool = True,
) -> Page:
    """The page of a cohort."""
    file = reader.folder / "index.html"
    file.write_text(html.render(cohort, language=language), encoding="utf-8")
    return reader.open_file(file, width=width, scheme=scheme, scripts=scripts)


@pytest.mark.parametrize("name", COHORTS)
def test_nothing_sticks_out(reader: Reader, name: str) -> None:
    """Nobody scrolls the page sideways, however narrow the screen; wide tables scroll within themselves."""
    page = opened(reader, COHORTS[name]())
    for width in (320, 360, 700, 1300):
        page.set_viewport_size({"width": width, "height": 800})
        assert page.evaluate(STICKS_OUT) == [], f"{width} pixels"
        assert not page.evaluate(SCROLLS_SIDEWAYS), f"{width} pixels"


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_all_text_stands_out(reader: Reader, scheme: Scheme) -> None:
    """Every text has enough contrast, in both schemes and on paper."""
    page = opened(reader, sample(), scheme=scheme)
    for media in ("screen", "print"):
        page.emulate_media(media=media)
        found: list[tuple[float, str]] = page.evaluate(CONTRASTS)
        assert len(found) > 100
        assert [one for one in found if one[0] < LEAST_CONTRAST] == [], media


def test_both_schemes_are_followed(reader: Reader) -> None:
    """Who works at night gets a dark page, and what is printed is black on white all the same."""
    assert min(paper(opened(reader, sample(), scheme="light"))) > 220
    page = opened(reader, sample(), scheme="dark")
    assert max(paper(page)) < 40
    page.emulate_media(media="print")
    assert paper(page) == [255, 255, 255]


def test_outcomes_differ_without_colour(reader: Reader) -> None:
    """Each cell has a mark, and all that differ by mark or points differ without their colour."""
    page = opened(reader, sample())
    seen = {
        letter: (page.locator(f"td.{letter} a").first.evaluate(MARK), page.locator(f"td.{letter}").first.inner_text())
        for letter in "phfbse"
    }
    assert len(set(seen.values())) == len(seen)
    assert [mark[1] for mark, _ in seen.values()] == list("✔✘✘●○!")
    assert page.locator("td.n").first.evaluate(MARK)[1] == "·"


@pytest.mark.parametrize(
    ("language", "expected"),
    [
        ("en", ["passed 4", "partly passed 3", "failed 0", "not judged ?"]),
        ("fr", ["réussi 4", "réussi en partie 3", "échoué 0", "non évalué ?"]),
    ],
)
def test_a_screen_reader_hears_the_outcome(reader: Reader, language: Language, expected: list[str]) -> None:
    """A mark is spoken as its word, in the language that is shown, beside the points."""
    page = opened(reader, sample(), "en")
    page.get_by_text({"en": "English", "fr": "Français"}[language], exact=True).click()
    table = page.get_by_role("table").first
    for name in expected:
        expect(table.get_by_role("link", name=name, exact=True).first).to_be_visible()


def test_a_screen_reader_finds_its_way(reader: Reader) -> None:
    """Headings make an outline without gaps, and what scrolls by itself has a name."""
    page = opened(reader, sample())
    levels: list[int] = page.locator("h1, h2, h3, h4").evaluate_all("all => all.map(one => Number(one.tagName[1]))")
    assert levels[0] == 1
    assert levels.count(1) == 1
    assert all(after - before <= 1 for before, after in pairwise(levels))
    for name in ("Everybody", "What changed", "Notes"):
        expect(page.get_by_role("region", name=name, exact=True).first).to_have_count(1)
    expect(page.locator("#lab-1 ol.bars")).to_match_aria_snapshot(
        """
        - list:
          - listitem: 1 with 0–2
          - listitem: 0 with 2–4
        """
    )


@pytest.mark.parametrize("scripts", [True, False], ids=["scripts", "no-scripts"])
def test_the_table_is_narrowed(reader: Reader, *, scripts: bool) -> None:
    """A click shows those without a grade and hides the others, also without scripts, in one lab at a time."""
    page = opened(reader, sample(), scripts=scripts)
    lab, other = page.locator("#lab-1"), page.locator("#lab-2")
    expect(lab.locator(EVERYBODY).locator("visible=true")).to_have_count(9)
    lab.locator("label.for-w").click()
    expect(lab.locator(EVERYBODY).locator("visible=true")).to_have_count(4)
    expect(lab.get_by_role("row", name="Ada Lovelace")).to_be_hidden()
    expect(lab.get_by_role("row", name="1 check could not be looked at")).to_be_visible()
    expect(other.get_by_role("row", name="Ada Lovelace")).to_be_visible()
    other.locator("label.for-l").click()
    expect(other.locator(EVERYBODY).locator("visible=true")).to_have_count(1)
    lab.locator("label.for-a").click()
    expect(lab.get_by_role("row", name="Ada Lovelace")).to_be_visible()


def test_the_language_is_switched(reader: Reader) -> None:
    """A click on the other language shows the page in it, and nothing of the first."""
    page = opened(reader, sample(), scripts=False)
    expect(page.get_by_role("heading", name="Who needs help").first).to_be_visible()
    page.get_by_text("Français", exact=True).click()
    expect(page.get_by_role("heading", name="Qui a besoin d’aide").first).to_be_visible()
    for words in page.locator("span[lang=en]").all()[:30]:
        expect(words).to_be_hidden()


def test_the_keyboard_reaches_everything(reader: Reader) -> None:
    """Tab visits each link, each choice and each table, and shows where it is; a student is one stop, not eleven."""
    page = opened(reader, sample())
    cell = "table.all td a"
    stops = page.locator(f"a[href]:not({cell}), .sheet").count() + 1 + 2
    visited: list[tuple[str, str, float]] = []
    for _ in range(stops):
        page.keyboard.press("Tab")
        visited.append(page.evaluate(FOCUSED))
    assert [name for name, _, _ in visited][:2] == ["in-en", "A"]
    assert {name for name, _, _ in visited} == {"in-en", "A", "show-1-a", "show-2-a", "DIV"}
    assert all(style != "none" and width >= 2 for _, style, width in visited)
    assert page.locator(cell).evaluate_all("all => [...new Set(all.map(one => one.tabIndex))]") == [-1]
    page.locator("#show-1-a").focus()
    page.keyboard.press("ArrowRight")
    expect(page.locator("#lab-1").get_by_role("row", name="Ada Lovelace")).to_be_hidden()


def test_a_cell_leads_to_the_students_report(reader: Reader) -> None:
    """A click on a cell opens the report where that check stands."""
    result = RESULTS["sixty"]
    heads = tuple(CheckHead(one.id, one.title, one.points) for one in result.outcomes)
    tallies = tuple(Tally(one.id, one.state, one.points, one.earned) for one in result.outcomes)
    student = Student("zoé@example.org", "Zoé")
    folder = f"students/{student.id}"
    usual = large(1, 1)
    mark = dataclasses.replace(usual.rows[0].marks[0], outcomes=tallies, folder=folder)
    lab = LabHead("lab", text("lab"), heads)
    report = reader.folder / folder / "report.html"
    report.parent.mkdir(parents=True)
    report.write_text(one_report.render(result, language="en"), encoding="utf-8")
    page = opened(reader, dataclasses.replace(usual, labs=(lab,), rows=(Row(student, (mark,)),)))
    page.locator(f"{EVERYBODY} td a").nth(40).click()
    expect(page.locator("#check-41")).to_be_in_viewport()
    assert Path(page.evaluate("decodeURIComponent(location.pathname)")) == report
    reader.misdeeds[:] = [one for one in reader.misdeeds if "/report.html" not in one]


def test_who_and_what_stay_in_sight(reader: Reader) -> None:
    """However far the table is scrolled, its head and the students' names are there."""
    page = opened(reader, large(students=150, checks=24), width=700)
    sheet = page.locator(".sheet")
    sheet.scroll_into_view_if_needed()
    head, name, cell = sheet.evaluate(PLACES)
    sheet.evaluate("one => one.scrollTo(200, 300)")
    head_after, name_after, cell_after = sheet.evaluate(PLACES)
    assert head_after == head
    assert name_after == [name[0], name[1] - 300]
    assert cell_after == [cell[0] - 200, cell[1] - 300]


def test_a_long_reason_does_not_widen_the_table(reader: Reader) -> None:
    """Why somebody has no grade is wrapped below the cells, and all of it is there."""
    cohort = large(students=60)
    width: float = opened(reader, cohort).locator("table.all").evaluate("one => one.clientWidth")
    *others, last = cohort.rows
    long = dataclasses.replace(last.marks[0], grade=None, because=text("words " * 40))
    page = opened(reader, dataclasses.replace(cohort, rows=(*others, dataclasses.replace(last, marks=(long,)))))
    assert page.locator("table.all").evaluate("one => one.clientWidth") == width
    reason = page.locator(".why .because").last
    assert reason.evaluate("one => one.scrollWidth <= one.clientWidth && one.scrollHeight <= one.clientHeight")


def test_a_check_is_explained_a_click_away(reader: Reader) -> None:
    """The head of a column leads to the check's title, among the checks of its own lab."""
    page = opened(reader, sample())
    page.locator("#lab-2").get_by_role("link", name="flows").click()
    check = page.locator(":target")
    expect(check).to_be_in_viewport()
    expect(check).to_contain_text("Hubble shows it")


def test_all_of_it_is_printed(reader: Reader) -> None:
    """On paper no table is cut off, the choices are gone, and the head of a table is on every sheet."""
    page = opened(reader, large(students=150, checks=12))
    page.emulate_media(media="print")
    assert page.locator(f"{EVERYBODY}, table th, table td").evaluate_all(UNSEEN) == 0
    sheet = page.locator(".sheet")
    assert sheet.evaluate("one => one.scrollHeight <= one.clientHeight + 1")
    assert sheet.evaluate("one => one.clientHeight") > 150 * 10
    assert not page.locator("nav").is_visible()
    assert not page.locator(".filters").is_visible()
    pdf = page.pdf(prefer_css_page_size=True)
    assert 4 <= len(re.findall(rb"/Type\s*/Page\b", pdf)) <= 10


def test_only_the_chosen_language_is_printed(reader: Reader) -> None:
    """Who switched to French before printing holds a French page."""
    page = opened(reader, sample(), "en")
    page.get_by_text("Français", exact=True).click()
    page.emulate_media(media="print")
    assert page.locator("span[lang]").evaluate_all(LANGUAGES) == ["fr"]


@pytest.mark.parametrize("name", HOSTILE)
def test_it_is_only_shown(reader: Reader, name: str) -> None:
    """No dialog, no request, no script (the reader sees to that), no element; the text is there to be read."""
    words = HOSTILE[name]
    page = opened(reader, hostile_cohort(words))
    page.mouse.move(300, 300)
    assert page.locator(ACTIVE).count() == 0
    assert page.locator("meta").count() == 6
    shown = harmless(words)
    for selector in ("h1", "h2", "tbody th", ".why td", ".help li", ".checks li"):
        expect(page.locator(selector).first).to_contain_text(shown.split("`")[0][:40])
    assert page.title().startswith(shown.split("`")[0].strip())
    links: list[str] = page.locator("a[href]").evaluate_all("all => all.map(one => one.protocol)")
    assert set(links) == {"file:"}
