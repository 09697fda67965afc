"""A report is readable on every screen, in both schemes, with nothing cut off."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from playwright.sync_api import Page

from labgrade.model import STATES, LabResult
from tests.browser.conftest import Reader, Scheme
from tests.support.results import RESULTS, UNBROKEN

CONTRASTS = Path(__file__).with_name("contrasts.js").read_text(encoding="utf-8")
LEAST_CONTRAST = 4.5
"""What WCAG 2 asks for, level AA."""

STICKS_OUT = """() => [...document.querySelectorAll("main *:not(.spoken, .spoken *)")]
  .filter(one => one.getBoundingClientRect().right > document.documentElement.clientWidth + 0.5)
  .map(one => one.outerHTML.slice(0, 200))"""
SCROLLS_SIDEWAYS = "document.documentElement.scrollWidth > document.documentElement.clientWidth"
MOVEMENT = "getComputedStyle(document.querySelector('.stamp')).animationName"


def unfolded(page: Page) -> Page:
    """The page with all its evidence shown."""
    page.locator("details").evaluate_all("all => all.forEach(one => one.open = true)")
    return page


def boxes(page: Page, selector: str) -> list[dict[str, float]]:
    """Where elements are."""
    return page.locator(selector).evaluate_all("all => all.map(one => one.getBoundingClientRect().toJSON())")


def paper(page: Page) -> list[int]:
    """Red, green and blue of what the page is written on."""
    colour: str = page.evaluate("getComputedStyle(document.querySelector('main')).backgroundColor")
    return [int(value) for value in re.findall(r"\d+", colour)[:3]]


@pytest.mark.parametrize("name", RESULTS)
def test_nothing_sticks_out(reader: Reader, name: str) -> None:
    """No line is cut off and nobody scrolls sideways, however narrow the screen and however long the words."""
    page = unfolded(reader.open(RESULTS[name]))
    for width in (320, 360, 700, 1200):
        page.set_viewport_size({"width": width, "height": 800})
        assert page.evaluate(STICKS_OUT) == [], f"{width} pixels"
        assert not page.evaluate(SCROLLS_SIDEWAYS), f"{width} pixels"


def test_a_word_without_a_break_is_all_there(reader: Reader) -> None:
    """A name of 400 letters is wrapped and shown to its last one."""
    title = reader.open(RESULTS["unbroken"], width=320).locator("h1")
    assert title.inner_text() == UNBROKEN
    assert title.evaluate("one => one.scrollHeight <= one.clientHeight + 1 && one.clientHeight > 200")


def test_points_stand_in_one_column(reader: Reader) -> None:
    """Points end at one edge and stand on the line of the title that they belong to, as on an invoice."""
    page = reader.open(RESULTS["sixty"], width=390)
    titles, points = boxes(page, ".check > h3"), boxes(page, ".check > .points")
    assert len({round(point["right"]) for point in points}) == 1
    assert all(abs(title["top"] - point["top"]) < 2 for title, point in zip(titles, points, strict=True))


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("name", ["sample", "sixty", "perfect", "interrupted"])
def test_all_text_stands_out(reader: Reader, name: str, scheme: Scheme) -> None:
    """Every text has enough contrast, in both schemes and on paper."""
    page = unfolded(reader.open(RESULTS[name], scheme=scheme))
    for media in ("screen", "print"):
        page.emulate_media(media=media)
        found: list[tuple[float, str]] = page.evaluate(CONTRASTS)
        assert len(found) > 20
        assert [one for one in found if one[0] < LEAST_CONTRAST] == [], media


def test_both_schemes_are_followed(reader: Reader, sample: LabResult) -> None:
    """Who reads at night gets a dark page, and what is printed is black on white all the same."""
    assert min(paper(reader.open(sample, scheme="light"))) > 220
    page = reader.open(sample, scheme="dark")
    assert max(paper(page)) < 40
    page.emulate_media(media="print")
    assert paper(page) == [255, 255, 255]


def test_outcomes_differ_without_colour(reader: Reader) -> None:
    """Every outcome has a mark and a word of its own, and its mark in the bar unless that is too short."""
    page = reader.open(RESULTS["sixty"])
    for part in (".mark", ".state"):
        seen = {page.locator(f".check.{state}").first.locator(part).first.inner_text() for state in STATES}
        assert len(seen) == len(STATES)
    assert page.locator(".bar b:visible").count() == 0
    page = reader.open(RESULTS["sample"])
    assert page.locator(".bar b:visible").all_inner_texts() == ["✔", "✘", "✘", "●", "●"]


def test_movement_can_be_refused(reader: Reader) -> None:
    """The stamp of a perfect result lands with a movement, unless the reader wants none."""
    page = reader.open(RESULTS["perfect"])
    assert page.evaluate(MOVEMENT) == "stamp"
    page.emulate_media(reduced_motion="reduce")
    assert page.evaluate(MOVEMENT) == "none"
    assert page.locator(".stamp").is_visible()
