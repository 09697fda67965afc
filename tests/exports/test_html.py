"""report.html says what matters in both languages, works offline, and lets no text from a cluster act."""

from __future__ import annotations

import dataclasses
import re
from html.parser import HTMLParser
from typing import Any
from xml.etree import ElementTree

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from labgrade.exports import html
from labgrade.home import home
from labgrade.model import STATES, LabResult, Outcome
from labgrade.result import read
from labgrade.text import Language, Text, harmless
from tests.support.results import RESULTS, remarked

HOSTILE = "</pre></style><script>alert(1)</script>\"'><img src=x onerror=alert(1)>\x1b[31m\0\u202e\ud800{{7*7}}"


class Page(HTMLParser):
    """A page as a browser sees it: elements with their attributes, and the words shown in one language."""

    def __init__(self, source: str, language: Language = "en") -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.shown = ""
        self._open: list[tuple[str, bool]] = []
        self._other = "fr" if language == "en" else "en"
        self.feed(source)
        self.close()
        assert not self._open, f"left open: {self._open}"

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Notes an element, and whether its words are hidden."""
        self.elements.append((tag, dict(attrs)))
        hidden = tag in {"style", "title"} or (tag == "span" and dict(attrs).get("lang") == self._other)
        self._open.append((tag, hidden))

    def handle_endtag(self, tag: str) -> None:
        """Elements close in the order in which they were opened."""
        assert self._open, f"nothing open for </{tag}>"
        assert self._open.pop()[0] == tag

    def handle_data(self, data: str) -> None:
        """Collects what is shown."""
        if not any(hidden for _, hidden in self._open):
            self.shown += data

    @property
    def words(self) -> str:
        """What is shown, with single spaces."""
        return re.sub(r"[ \n]+", " ", self.shown)


@pytest.fixture
def sample() -> LabResult:
    """The made-up result behind the samples in reports/."""
    return read(home() / "reports/samples/result.json")


def hostile_result(sample: LabResult, words: str) -> LabResult:
    """The sample with `words` wherever a result holds text."""
    text = Text(words, words + "!")
    outcomes = tuple(
        Outcome(f"{words}{state}", text, state, 4.0, 0.0, 0.0, text, text, text, text, (words,), (f"{words}failed",))
        for state in STATES
    )
    return dataclasses.replace(
        sample,
        remarks=(text, text),
        lab_id=words,
        lab_title=text,
        tool_version=words,
        course_digest=words,
        run=words,
        started=words,
        finished=words,
        note=text,
        not_run=(words,),
        cluster=dataclasses.replace(sample.cluster, name=words, uid=words, version=words),
        student=dataclasses.replace(sample.student, id=words, name=words),  # type: ignore[type-var]  # not None here
        outcomes=outcomes,
    )


def page(result: LabResult, language: Language = "en") -> Page:
    """The page that opens in that language."""
    return Page(html.render(result, language=language), language)


def changed(sample: LabResult, **more: Any) -> LabResult:
    """The sample with other values."""
    return dataclasses.replace(sample, **more)


def test_score_and_what_to_mend_first_lead(sample: LabResult) -> None:
    """Before any check, a student reads the grade and where to begin."""
    words = page(sample).words
    assert "6.67 / 20 6 / 18 points" in words
    head = words.split("Checks")[0]
    assert "Mend this first The Service web has the Pods behind it 2 other checks wait for it" in head
    assert "service/web selects app=wbe: no Pod carries it" in head


def test_the_bar_is_as_long_as_the_points(sample: LabResult) -> None:
    """Each check has its stretch of the bar, partial credit fills a part of it, and what was not run is left open."""
    found = page(changed(sample, not_run=("later",), possible=20.0)).elements
    bar = [a for tag, a in found if tag == "i"]
    kinds = [a["class"] for a in bar if "class" in a]
    assert kinds == ["passed", "failed", "failed", "blocked", "blocked", "not-run"]
    grown = [a["style"] for a in bar]
    assert grown == [f"flex-grow:{n}.00" for n in (4, 4)] + ["width:50.0%"] + [
        f"flex-grow:{n}.00" for n in (4, 4, 2, 2)
    ]


def test_the_points_add_up(sample: LabResult) -> None:
    """Below the checks stand points earned, points possible and the grade, as below an invoice."""
    assert "Points earned 6 Points possible 18 Grade 6.67 / 20" in page(sample).words
    assert "Points obtenus 6 Points possibles 18 Note 6,67 / 20" in page(sample, "fr").words


@pytest.mark.parametrize(
    ("language", "expected", "other"),
    [
        ("en", ["saw", "wanted", "try", "hint", "Mend this first", "6.67 / 20"], "À corriger"),
        ("fr", ["vu", "attendu", "essayez", "indice", "À corriger d’abord", "6,67 / 20"], "Mend"),
    ],
)
def test_one_file_holds_both_languages(sample: LabResult, language: Language, expected: list[str], other: str) -> None:
    """Whichever language the page opens in, the reader can switch to the other and read all of it."""
    for opened in ("en", "fr"):
        shown = Page(html.render(sample, language=opened), language).words
        assert all(word in shown for word in expected)
        assert other not in shown
    checked = [a["id"] for tag, a in page(sample, language).elements if tag == "input" and "checked" in a]
    assert checked == [f"in-{language}"]
    assert page(sample, language).elements[0] == ("html", {"lang": language})
    labels = {a["for"]: a["lang"] for tag, a in page(sample, language).elements if tag == "label"}
    assert labels == {"in-en": "en", "in-fr": "fr"}
    rule = f"#in-{language}:checked ~ * span[lang={'fr' if language == 'en' else 'en'}]"
    assert rule in html.render(sample, language=language), "the page shows both languages at once"


def test_every_check_is_shown_with_what_a_student_needs(sample: LabResult) -> None:
    """Title, points, saw, wanted, try, hint and evidence of each failed check are on the page."""
    words = page(sample).words.replace("`", "")
    for outcome in sample.outcomes:
        assert outcome.title.en.replace("`", "") in words
        entries = [entry.removeprefix("event Normal ") for entry in outcome.evidence]
        assert all(re.sub(r"[ \n]+", " ", entry) in words for entry in entries)
        if outcome.state == "failed":
            for text in (outcome.saw, outcome.wanted, outcome.try_, outcome.hint):
                assert text.en.replace("`", "") in words
    assert "partly passed" in words
    assert "2 / 4" in words


def test_events_stand_apart(sample: LabResult) -> None:
    """What the cluster said is open beside a failed check, folded beside a passed one, and no evidence twice."""
    said = (
        "event Warning FailedScheduling pod/web-0 (3 times, last 5 s ago): 0/3 nodes are available",
        "log pod/web-0 app: error: no: such file",
        "event of another form",
        "pod/web-0: Pending",
    )
    passed, failed = (dataclasses.replace(outcome, evidence=said) for outcome in sample.outcomes[:2])
    found = page(changed(sample, outcomes=(passed, failed)))
    opened = [a for tag, a in found.elements if tag == "details"]
    assert opened == [
        {"class": "line"},
        {"class": "said"},
        {"class": "said", "open": ""},
        {},
    ]
    assert "evidence (1) pod/web-0: Pending What the cluster said (3)" in found.words
    assert "Warning FailedScheduling pod/web-0 (3 times, last 5 s ago): 0/3 nodes are available" in found.words
    assert "log pod/web-0 app error: no: such file" in found.words
    assert found.words.count("event ") == found.words.count("event of another form") == 2


def test_links_lead_to_the_check_to_mend(sample: LabResult) -> None:
    """From the top of the page, and from each blocked check, a link goes to the failed one, and from there back."""
    found = page(sample).elements
    ids = [a["id"] for tag, a in found if tag == "article" and "id" in a]
    links = [a["href"] for tag, a in found if tag == "a"]
    assert links == [f"#{ids[number]}" for number in (2, 3, 4, 2, 2)]
    assert len(set(ids)) == len(sample.outcomes)


def test_an_incomplete_result_shows_no_grade(sample: LabResult) -> None:
    """Points so far, why it is no grade, and each check that was not run or not judged."""
    error = dataclasses.replace(sample.outcomes[0], state="error", earned=0.0, saw=Text("exec lost", "exec perdu"))
    result = changed(
        sample,
        outcomes=(error, *sample.outcomes[1:5]),
        not_run=("metrics",),
        possible=20.0,
        note=Text("The run was interrupted.", "Interrompu."),
    )
    words = page(result).words
    assert "2 / 20 points so far" in words
    assert "Not complete, so not yet a grade. The run was interrupted. Not run: metrics." in words
    assert "We could not look at: rolled_out." in words
    assert "? / 4" in words
    assert "Grade none yet" in words
    assert "exec lost" in words


def test_a_perfect_result_is_said(sample: LabResult) -> None:
    """Who earned everything reads so, and nothing to mend."""
    result = changed(sample, outcomes=sample.outcomes[:1], possible=4.0)
    assert "Well done" in page(result).words
    assert "Mend" not in page(result).words
    assert {"class": "stamp", "aria-hidden": "true"} in [a for _, a in page(result).elements]


def test_a_result_without_points_or_outcomes_is_a_page(sample: LabResult) -> None:
    """The first write of a run, when nothing is known yet, can be shown."""
    result = changed(sample, outcomes=(), possible=0.0, student=None, finished=None, not_run=("a", "b"))
    assert "not run 2" in page(result).words


@pytest.mark.parametrize(
    ("started", "finished", "expected"),
    [
        ("2026-01-31T09:00:00.25Z", "2026-01-31T09:02:06Z", "2026-01-31 09:02:06 UTC (125 s)"),
        ("2026-01-31T09:00:00Z", None, "Finished –"),
        ("2026-01-31T09:00:00", "2026-01-31T09:00:06Z", "2026-01-31 09:00:06 UTC"),
        ("2026-01-31T09:00:09Z", "2026-01-31T09:00:06Z", "(0 s)"),
        ("some day", "another day", "Finished another day"),
    ],
)
def test_times_are_told(sample: LabResult, started: str, finished: str | None, expected: str) -> None:
    """When the run was, and how long it took where that can be known; words that are no time stay."""
    assert expected in page(changed(sample, started=started, finished=finished)).words


def test_the_page_needs_nothing_but_itself(sample: LabResult) -> None:
    """No script, no style sheet, no image, no font from elsewhere; and the page forbids itself any."""
    source = html.render(sample, language="en")
    found = page(sample).elements
    assert not [tag for tag, _ in found if tag in {"script", "link", "img", "iframe", "object", "form"}]
    assert not [a for _, a in found for name in a if name == "src" or name.startswith("on")]
    assert "url(" not in source
    assert "@import" not in source
    policy = [a["content"] for _, a in found if a.get("http-equiv") == "Content-Security-Policy"]
    assert policy == ["default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'"]


def test_hostile_words_stay_words(sample: LabResult) -> None:
    """Text from a cluster or a roster makes no element, no attribute and no control character."""
    result = hostile_result(sample, HOSTILE)
    source = html.render(result, language="fr")
    source.encode()
    found = Page(source)
    assert not [tag for tag, _ in found.elements if tag in {"script", "img"}]
    assert not [a for _, a in found.elements for name in a if name.startswith("on")]
    assert not any(ord(c) < 32 and c != "\n" for c in source)
    assert "\u202e" not in source
    assert found.shown.count(harmless(HOSTILE)) > 20
    tags = [tag for tag, _ in found.elements]
    plain = [tag for tag, _ in page(hostile_result(sample, "word"), "fr").elements]
    assert tags == plain


def test_words_in_backticks_are_code(sample: LabResult) -> None:
    """Commands look like commands; a lone backtick stays one."""
    text = Text("see `kubectl get pods` <b>", "un ` seul")
    source = html.render(changed(sample, lab_title=text), language="en")
    assert "see <code>kubectl get pods</code> &lt;b&gt;" in source
    assert "un ` seul" in source


def test_a_megabyte_of_evidence_is_a_page(sample: LabResult) -> None:
    """A Pod that logs a lot does not cost the student the report."""
    first = dataclasses.replace(sample.outcomes[0], evidence=("<" * 1_000_000,))
    assert "&lt;" * 1000 in html.render(changed(sample, outcomes=(first,)), language="en")


@settings(max_examples=40, deadline=None)
@given(st.text(max_size=30))
def test_any_words_make_a_whole_page(words: str) -> None:
    """No text whatever opens or closes an element of the page, read as HTML or as XML."""
    sample = read(home() / "reports/samples/result.json")
    source = html.render(hostile_result(sample, words), language="en")
    source.encode()
    Page(source)
    ElementTree.fromstring(source)


def test_what_was_handed_in_is_told_above_the_checks() -> None:
    """In both languages; without remarks there is no such heading."""
    told: dict[Language, str] = {
        "en": "What was handed in web.yaml was not accepted: no <kind> in it",
        "fr": "Ce qui a été remis web.yaml n'a pas été accepté\N{NO-BREAK SPACE}: aucun <kind>",
    }
    for language, words in told.items():
        shown = Page(html.render(remarked(), language="en"), language).words
        assert shown.index(words) < shown.index("rolled_out")
    assert "handed in" not in Page(html.render(RESULTS["sample"], language="en")).words


def test_a_page_of_somebody_without_a_cluster_has_no_blanks() -> None:
    """No label without its value, and no points where nothing was looked at."""
    page = html.render(RESULTS["refused"], language="en")
    assert not re.search(r"<dd>\s*(<code>\s*</code>)?\s*</dd>", page)
    shown = Page(page).words
    assert "no grade" in shown
    assert "points so far" not in shown
    assert "0 / " not in shown
    assert "Kubernetes" not in shown
    assert "Kubernetes v1" in Page(html.render(RESULTS["sample"], language="en")).words
