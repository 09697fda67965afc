"""A printed report holds everything that the screen folds away, in one language, on few sheets."""

from __future__ import annotations

import re

import pytest

from labgrade.model import LabResult
from tests.browser.conftest import Reader
from tests.support.results import RESULTS

UNSEEN = "all => all.filter(one => !one.checkVisibility()).length"
LANGUAGES = "all => [...new Set(all.filter(one => one.checkVisibility()).map(one => one.lang))]"


def test_evidence_is_unfolded(reader: Reader, sample: LabResult) -> None:
    """What a click shows on the screen, paper shows at once; the switch of the language is gone."""
    page = reader.open(sample)
    evidence = page.locator("pre")
    folded = evidence.count()
    assert evidence.evaluate_all(UNSEEN) == folded > 3
    page.emulate_media(media="print")
    assert evidence.evaluate_all(UNSEEN) == 0
    heights: list[float] = evidence.evaluate_all("all => all.map(one => one.getBoundingClientRect().height)")
    assert min(heights) > 10
    assert not page.locator("nav").is_visible()


def test_only_the_chosen_language_is_printed(reader: Reader, sample: LabResult) -> None:
    """Who switched to French before printing holds a French page."""
    page = reader.open(sample, "en")
    page.get_by_text("Français", exact=True).click()
    page.emulate_media(media="print")
    assert page.locator("span[lang]").evaluate_all(LANGUAGES) == ["fr"]


@pytest.mark.parametrize(("name", "least", "most"), [("sample", 1, 2), ("perfect", 1, 2), ("sixty", 10, 25)])
def test_sheets(reader: Reader, name: str, least: int, most: int) -> None:
    """A usual report takes two sheets at most; a long one is printed to its end."""
    pdf = reader.open(RESULTS[name]).pdf(format="A4", prefer_css_page_size=True)
    assert least <= len(re.findall(rb"/Type\s*/Page\b", pdf)) <= most
