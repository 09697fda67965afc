"""The README's picture of a report is today's, and shows where pictures are shown."""

from __future__ import annotations

import base64
import re
from pathlib import Path

from labgrade.home import home
from tests.browser.conftest import Reader, Scheme
from tests.support.picture import FILE, HEIGHT, WIDTH, picture

LARGEST = 60_000
"""Bytes that a picture may add to every clone."""

COLOURS = """async bytes => {
  const image = new Image();
  image.src = "data:image/png;base64," + bytes;
  await image.decode();
  const canvas = new OffscreenCanvas(image.width, image.height).getContext("2d");
  canvas.drawImage(image, 0, 0);
  const data = canvas.getImageData(0, 0, image.width, image.height).data, counts = {};
  for (let i = 0; i < data.length; i += 4) {
    const colour = data.slice(i, i + 3).join();
    counts[colour] = (counts[colour] || 0) + 1;
  }
  return counts;
}"""


def test_it_is_todays(reader: Reader) -> None:
    """The picture is the page of the sample as it is made today; `python -m tests.support.picture` makes it again."""
    assert FILE.read_text(encoding="utf-8") == picture()
    assert FILE.stat().st_size < LARGEST
    assert f"]({FILE.relative_to(home())})" in (home() / "README.md").read_text(encoding="utf-8")
    page = reader.open_file(FILE)
    assert page.locator("h1").inner_text() == "Rolling out a web server"
    assert not re.search(r'(href|src)="(?!#)', picture())


def test_it_shows_as_an_image(reader: Reader, tmp_path: Path) -> None:
    """In an <img>, where no script runs and nothing is loaded, it shows score and marks, by day and by night."""
    schemes: dict[Scheme, tuple[str, str]] = {"light": ("18,113,58", "255,255,255"), "dark": ("95,206,139", "23,28,35")}
    for scheme, (passed, paper) in schemes.items():
        counts = _colours(reader, tmp_path, scheme)
        assert counts[passed] > 3000, "the earned part of the bar"
        assert counts[paper] > WIDTH * HEIGHT / 3


def _colours(reader: Reader, folder: Path, scheme: Scheme) -> dict[str, int]:
    (folder / "picture.svg").write_bytes(FILE.read_bytes())
    holder = folder / "readme.html"
    holder.write_text(f'<body style="margin:0"><img src="data:image/svg+xml;base64,{_encoded(FILE.read_bytes())}">')
    page = reader.open_file(holder, width=WIDTH, scheme=scheme)
    seen = page.locator("img").screenshot()
    reader.misdeeds[:] = [words for words in reader.misdeeds if not words.startswith("asked for data:")]
    return page.evaluate(COLOURS, _encoded(seen))


def _encoded(content: bytes) -> str:
    return base64.b64encode(content).decode()
