"""Whatever a cluster or a roster holds, the browser shows it as text and does nothing else with it."""

from __future__ import annotations

import pytest
from playwright.sync_api import expect

from labgrade.model import LabResult
from labgrade.text import harmless
from tests.browser.conftest import Reader
from tests.exports.test_html import hostile_result

HOSTILE = {
    "script": "<script>alert(1)</script>",
    "closes": "</span></code></pre></style></title></h1><script>alert(1)</script>",
    "handler": "<img src=x onerror=alert(1)><svg onload=alert(1)>",
    "attribute": '"\' onmouseover=alert(1) autofocus onfocus=alert(1) style="background:url(http://localhost:9/a)',
    "network": "<img src=http://localhost:9/a><link rel=stylesheet href=//localhost:9/b><iframe src=//localhost:9/c>",
    "frame": "<iframe srcdoc='<script>parent.alert(1)</script>'></iframe><base href=http://localhost:9/>",
    "refresh": "<meta http-equiv=refresh content='0;url=http://localhost:9/'>",
    "comment": "<!-- ]]> <![CDATA[ --!> <?xml ?>",
    "entity": "&lt;b&gt; &#60;script&#62; &amp;",
    "template": "{{ 7*7 }} {% raw %} ${7*7} `<b>` ` `",
    "bidi": "abc\u202egpj.exe\u2066 \u200fdef",
    "terminal": "\x1b[31mred\x1b]0;title\x07\x00\x7f\x9b",
}
ACTIVE = "script, img, svg, iframe, object, embed, link, form, button, base, [src], [onerror], [onload], [onfocus]"


@pytest.mark.parametrize("name", HOSTILE)
def test_it_is_only_shown(reader: Reader, sample: LabResult, name: str) -> None:
    """No dialog, no request, no script (the reader sees to that), no element; the text is there to be read."""
    words = HOSTILE[name]
    page = reader.open(hostile_result(sample, words))
    page.locator("details").evaluate_all("all => all.forEach(one => one.open = true)")
    page.mouse.move(300, 300)
    assert page.locator(ACTIVE).count() == 0
    assert page.locator("meta").count() == 6
    shown = harmless(words)
    expect(page.locator("pre").first).to_have_text(shown)
    for selector in ("h1", "h3", "dd", ".state + code"):
        expect(page.locator(selector).first).to_contain_text(shown.split("`")[0])
    assert page.title().startswith(shown.split("`")[0].strip())


def test_a_right_to_left_name_keeps_to_itself(reader: Reader, sample: LabResult) -> None:
    """A Hebrew name, which is no attack, does not turn around what stands beside it."""
    page = reader.open(hostile_result(sample, "שלום 12"))
    places: list[float] = page.locator("header bdi").evaluate_all("all => all.map(one => one.offsetLeft)")
    assert places == sorted(places)
    assert len(places) == 3


def test_the_page_would_not_even_load_what_is_injected(reader: Reader, sample: LabResult) -> None:
    """Should all else fail, the page's own policy lets no script run and nothing be fetched."""
    page = reader.open(sample)
    page.evaluate(
        """() => {
          window.ran = false;
          window.refused = 0;
          document.addEventListener("securitypolicyviolation", () => window.refused++);
          const injected = "<script>window.ran = true</script><img src='data:image/gif;base64,R0lGODlhAQABAAAAACw='>";
          document.body.append(document.createRange().createContextualFragment(injected));
        }"""
    )
    page.wait_for_function("window.refused === 2")
    assert page.evaluate("window.ran") is False
    reader.misdeeds.clear()
