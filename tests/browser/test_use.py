"""A report is used by mouse, keyboard and screen reader, and needs no script for it."""

from __future__ import annotations

from itertools import pairwise

import pytest
from playwright.sync_api import Page, expect

from labgrade.model import LabResult
from labgrade.text import Language
from tests.browser.conftest import Reader
from tests.support.results import RESULTS

ENGLISH, FRENCH = "Mend this first", "À corriger d’abord"
FOCUSED = """() => {
  const one = document.activeElement;
  const label = document.querySelector(`label[for=${one.id || "none"}]`);
  const seen = getComputedStyle(label || one);
  return [one.id || one.tagName, seen.outlineStyle, parseFloat(seen.outlineWidth)];
}"""


@pytest.mark.parametrize(("opened", "before", "after"), [("en", ENGLISH, FRENCH), ("fr", FRENCH, ENGLISH)])
@pytest.mark.parametrize("scripts", [True, False], ids=["scripts", "no-scripts"])
def test_the_language_is_switched(
    reader: Reader, sample: LabResult, opened: Language, before: str, after: str, *, scripts: bool
) -> None:
    """A click on the other language shows the page in it, and nothing of the first, also without scripts."""
    page = reader.open(sample, opened, scripts=scripts)
    expect(page.get_by_role("heading", name=before)).to_be_visible()
    page.get_by_text("Français" if opened == "en" else "English", exact=True).click()
    expect(page.get_by_role("heading", name=after)).to_be_visible()
    for text in page.locator(f"span[lang={opened}]").all()[:20]:
        expect(text).to_be_hidden()


def test_words_are_spoken_in_their_language(reader: Reader, sample: LabResult) -> None:
    """After a switch, every sentence that is shown carries its own language; the two switches carry theirs."""
    page = reader.open(sample, "en")
    page.get_by_text("Français", exact=True).click()
    assert page.get_by_role("heading", name=FRENCH).locator("span[lang=fr]:visible").count() == 1
    assert page.get_by_text("Français", exact=True).get_attribute("lang") == "fr"
    assert page.get_by_text("English", exact=True).get_attribute("lang") == "en"


def test_the_keyboard_reaches_everything(reader: Reader, sample: LabResult) -> None:
    """Tab visits the language, each link and each fold, and shows where it is; arrows switch the language."""
    page = reader.open(sample)
    reachable = page.locator("a, summary").count() + 1
    visited = [_tab(page) for _ in range(reachable)]
    assert [name for name, _, _ in visited][:3] == ["in-en", "A", "SUMMARY"]
    assert {name for name, _, _ in visited} == {"in-en", "A", "SUMMARY"}
    assert all(style != "none" and width >= 2 for _, style, width in visited)
    page.locator("#in-en").focus()
    page.keyboard.press("ArrowRight")
    expect(page.get_by_role("heading", name=FRENCH)).to_be_visible()


@pytest.mark.parametrize("scripts", [True, False], ids=["scripts", "no-scripts"])
def test_evidence_unfolds(reader: Reader, sample: LabResult, *, scripts: bool) -> None:
    """A click on it shows what a check has seen, the next one folds it away."""
    page = reader.open(sample, scripts=scripts)
    fold = page.locator("summary").first
    seen = page.get_by_text("deployment/web: generation 3")
    expect(seen).to_be_hidden()
    fold.click()
    expect(seen).to_be_visible()
    fold.click()
    expect(seen).to_be_hidden()


def test_events_are_seen_at_once(reader: Reader) -> None:
    """What the cluster said about a failed check needs no click; about a passed one, it does."""
    page = reader.open(RESULTS["sixty"])
    expect(page.locator("#check-1").get_by_text("0/3 nodes are available")).to_be_visible()
    expect(page.locator(".check.passed").first.get_by_text("0/3 nodes are available")).to_be_hidden()


def test_links_lead_to_their_check(reader: Reader, sample: LabResult) -> None:
    """What to mend first is one click away, marked when it is reached, and leads on to what waits for it."""
    page = reader.open(sample, width=390)
    check = page.locator("#check-3")
    expect(check).not_to_be_in_viewport()
    page.get_by_role("link", name="The Service web has the Pods behind it").first.click()
    expect(check).to_be_in_viewport()
    assert page.locator(":target").get_attribute("id") == "check-3"
    marked: str = check.evaluate("one => getComputedStyle(one).boxShadow")
    assert marked != "none"
    check.get_by_role("link", name="Requests reach every replica").click()
    expect(page.locator("#check-5")).to_be_in_viewport()


def test_a_screen_reader_finds_its_way(reader: Reader, sample: LabResult) -> None:
    """Headings make an outline without gaps, and everything that can be used has a name."""
    page = reader.open(sample)
    levels: list[int] = page.locator("h1, h2, h3").evaluate_all("all => all.map(one => Number(one.tagName[1]))")
    assert levels[0] == 1
    assert levels.count(1) == 1
    assert all(after - before <= 1 for before, after in pairwise(levels))
    for name in ("English", "Français"):
        expect(page.get_by_role("radio", name=name)).to_have_count(1)
    expect(page.locator("main")).to_match_aria_snapshot(
        """
        - heading "Rolling out a web server" [level=1]
        - heading "Score" [level=2]
        - paragraph: 6.67 / 20 6 / 18 points
        - list:
          - listitem: passed 1
          - listitem: failed 2
          - listitem: blocked 2
          - listitem: skipped 1
        - heading "Mend this first" [level=2]
        """
    )


def _tab(page: Page) -> tuple[str, str, float]:
    page.keyboard.press("Tab")
    return page.evaluate(FOCUSED)
