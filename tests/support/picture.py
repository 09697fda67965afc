"""The README's picture of a report: the page of the sample itself, in an SVG that fades out below.

Run as a program (`python -m tests.support.picture`), this makes it again.
"""

from __future__ import annotations

from pathlib import Path

from labgrade.exports import html
from labgrade.home import home
from labgrade.result import read

FILE = home() / "docs" / "report.svg"
WIDTH, HEIGHT = 880, 1000
# A picture is scaled as a whole: however narrow it is shown, it keeps the lines of its full width.
FRAME = """\
body { display: flow-root; min-height: 100%; }
main { max-width: none !important; margin: 2rem !important; padding: 2.5rem 3rem !important; }
"""
SVG = """\
<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}" viewBox="0 0 {width} {height}">
<title>A report of labgrade</title>
<style>{style}{frame}</style>
<linearGradient id="end" x1="0" y1="0" x2="0" y2="1">
<stop offset="0" stop-color="var(--page)" stop-opacity="0" />
<stop offset="1" stop-color="var(--page)" />
</linearGradient>
<foreignObject width="{width}" height="{height}">
<body xmlns="http://www.w3.org/1999/xhtml">{body}</body>
</foreignObject>
<rect y="{fade}" width="{width}" height="120" fill="url(#end)" />
</svg>
"""


def picture() -> str:
    """What docs/report.svg must hold."""
    page = html.render(read(home() / "reports/samples/result.json"), language="en")
    style, body = (page.partition(f"<{tag}>")[2].partition(f"</{tag}>")[0] for tag in ("style", "body"))
    return SVG.format(width=WIDTH, height=HEIGHT, fade=HEIGHT - 120, style=style, body=body, frame=FRAME)


def write(file: Path = FILE) -> None:
    """Makes the picture again."""
    file.write_text(picture(), encoding="utf-8")


if __name__ == "__main__":
    write()
