"""A Chromium is found or the tests fail with a sentence, and it asks nobody anything."""

from __future__ import annotations

from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from threading import Thread

import pytest
from playwright.sync_api import Error

from images.trouble import Trouble
from tests.browser.conftest import Reader
from tests.support import browser

ASKED: list[str] = []


class Listener(BaseHTTPRequestHandler):
    """A server that writes down who asked."""

    def do_GET(self) -> None:
        """Answers with nothing."""
        ASKED.append(self.path)
        self.send_response(204)
        self.end_headers()


@pytest.fixture
def address() -> Iterator[str]:
    """A server on this machine."""
    ASKED.clear()
    server = HTTPServer(("127.0.0.1", 0), Listener)
    thread = Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}/"
    server.shutdown()
    server.server_close()


def test_a_browser_that_is_not_there_is_named(reader: Reader, monkeypatch: pytest.MonkeyPatch) -> None:
    """No test is skipped for want of a browser: a sentence says what to do about it, and what was tried."""
    monkeypatch.setenv("LABGRADE_CHROMIUM", "/no/such/chromium")
    with pytest.raises(Trouble, match="Install Chromium or Chrome, or name one in LABGRADE_CHROMIUM") as caught:
        browser.start(reader.chromium.browser_type)
    assert "/no/such/chromium" in str(caught.value)


def test_a_snap_is_passed_over(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Ubuntu's chromium-browser is a script that starts a snap, which cannot open a test's files."""
    script, program = tmp_path / "chromium-browser", tmp_path / "google-chrome"
    for file, words in ((script, '#!/bin/sh\nexec /snap/bin/chromium "$@"\n'), (program, "#!/bin/sh\n")):
        file.write_text(words, encoding="ascii")
        file.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    assert browser.of_this_machine() == program
    program.unlink()
    with pytest.raises(Trouble, match="PATH"):
        browser.of_this_machine()


def test_it_reaches_nobody(reader: Reader, address: str) -> None:
    """Not even a server on this machine hears of the browser that the tests use."""
    page = reader.chromium.new_page()
    for url in (address, "http://localhost.example/"):
        with pytest.raises(Error, match=r"ERR_PROXY_CONNECTION_FAILED|ERR_NAME_NOT_RESOLVED"):
            page.goto(url)
    page.close()
    assert ASKED == []
