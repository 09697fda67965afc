"""A Chromium for the tests of this folder, and reports opened in it."""

from __future__ import annotations

from collections.abc import Generator, Iterator
from pathlib import Path
from typing import Any, Literal

import pytest
from playwright.sync_api import Browser, Dialog, Page, Request, sync_playwright

from images.trouble import Trouble
from labgrade.exports import html
from labgrade.home import home
from labgrade.model import LabResult
from labgrade.result import read
from labgrade.text import Language
from tests.support import browser

HEIGHT = 800
Scheme = Literal["light", "dark"]


class Reader:
    """Somebody who opens pages, one at a time; what a page does behind their back is written down."""

    def __init__(self, chromium: Browser) -> None:
        self.chromium = chromium
        self.folder = Path()
        self.misdeeds: list[str] = []
        self._windows: dict[bool, Page] = {}
        self._asked_for = ""

    def open(
        self,
        result: LabResult,
        language: Language = "en",
        *,
        width: int = 1000,
        scheme: Scheme = "light",
        scripts: bool = True,
    ) -> Page:
        """The report of a result; `scripts` says whether the browser would run any."""
        file = self.folder / "report.html"
        file.write_text(html.render(result, language=language), encoding="utf-8")
        return self.open_file(file, width=width, scheme=scheme, scripts=scripts)

    def open_file(self, file: Path, *, width: int = 1000, scheme: Scheme = "light", scripts: bool = True) -> Page:
        """A file, shown in place of the one before."""
        if scripts not in self._windows:
            self._windows[scripts] = self._window(scripts=scripts)
        page = self._windows[scripts]
        page.set_viewport_size({"width": width, "height": HEIGHT})
        page.emulate_media(media="null", color_scheme=scheme, reduced_motion="no-preference")
        self._asked_for = file.as_uri()
        page.goto(self._asked_for)
        return page

    def _window(self, *, scripts: bool) -> Page:
        # A window costs more than all that a test does in it, so tests share one.
        page = self.chromium.new_context(java_script_enabled=scripts).new_page()
        page.on("request", self._request)
        page.on("dialog", self._dialog)
        page.on("console", lambda message: self.misdeeds.append(f"logged {message.text}"))
        page.on("pageerror", lambda error: self.misdeeds.append(f"failed with {error}"))
        return page

    def _request(self, request: Request) -> None:
        if request.url.partition("#")[0] != self._asked_for:
            self.misdeeds.append(f"asked for {request.url}")

    def _dialog(self, dialog: Dialog) -> None:
        self.misdeeds.append(f"said {dialog.message}")
        dialog.dismiss()


@pytest.fixture(scope="package")
def somebody(request: pytest.FixtureRequest) -> Generator[Reader]:
    """A reader with a Chromium; whoever waits for that to be set up sees how far it has come."""
    capture: Any = request.config.pluginmanager.getplugin("capturemanager")
    with sync_playwright() as playwright:
        try:
            with capture.global_and_fixture_disabled():
                chromium = browser.start(playwright.chromium)
        except Trouble as trouble:
            pytest.fail(str(trouble), pytrace=False)
        yield Reader(chromium)
        chromium.close()


@pytest.fixture
def reader(somebody: Reader, tmp_path: Path) -> Iterator[Reader]:
    """A reader whose pages must do nothing but be read."""
    somebody.folder, somebody.misdeeds[:] = tmp_path, []
    yield somebody
    assert not somebody.misdeeds


@pytest.fixture
def sample() -> LabResult:
    """The made-up result behind the samples in reports/."""
    return read(home() / "reports/samples/result.json")
