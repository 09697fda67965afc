"""index.html shows a cohort at a glance, leads to every report, and lets no text from students act."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Iterator
from urllib.parse import unquote, urljoin, urlsplit
from xml.etree import ElementTree

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from labgrade.cohort.model import Alike, Change, CheckHead, CohortResult, LabHead, Mark, Row, Tally
from labgrade.exports import html as one_report
from labgrade.exports.cohort import html
from labgrade.model import STATES, Student
from labgrade.text import Language, Text, harmless, text
from tests.exports.test_html import HOSTILE, Page
from tests.support.cohorts import POLICIES, ROLLOUT, large, mark, never, row, sample
from tests.support.results import RESULTS

Cell = tuple[str, str]
LARGEST = 3_000_000
"""Bytes of 1,000 students with ten checks."""


def page(cohort: CohortResult, language: Language = "en") -> Page:
    """The page that opens in that language."""
    return Page(html.render(cohort, language=language), language)


def tree(cohort: CohortResult) -> ElementTree.Element:
    """The page's elements."""
    return ElementTree.fromstring(html.render(cohort, language="en"))


def lines(cohort: CohortResult, lab: int = 1) -> Iterator[ElementTree.Element]:
    """The lines of a lab's table of everybody."""
    found = tree(cohort).find(f".//*[@id='lab-{lab}']//table[@class='all']/tbody")
    assert found is not None
    yield from found


def cells(line: ElementTree.Element) -> list[Cell]:
    """The class and the address of each cell that stands for a check."""
    found = [cell for cell in line.findall("td") if cell.get("class") in set(html.LETTERS.values())]
    return [(cell.get("class", ""), getattr(cell.find("a"), "attrib", {}).get("href", "")) for cell in found]


def words(element: ElementTree.Element) -> str:
    """What an element says in English."""
    return re.sub(r"\s+", " ", "".join(_english(element))).strip()


def _english(element: ElementTree.Element) -> Iterator[str]:
    yield element.text or ""
    for child in element:
        yield from _english(child) if child.get("lang") != "fr" else ()
        yield child.tail or ""


def part(shown: str, begin: str, end: str) -> str:
    """The page from one heading to another."""
    return shown.partition(begin)[2].partition(end)[0]


def hostile_cohort(name: str) -> CohortResult:
    """A cohort with `name` wherever one holds text."""
    says = Text(name, name + "!")
    tallies = tuple(Tally(f"{name}{state}", state, 4.0, 0.0, says) for state in STATES)
    head = LabHead(name, says, tuple(CheckHead(one.id, says, 4.0) for one in tallies))
    both = [
        Mark(
            name,
            grade,
            0.0,
            20.0,
            tallies,
            (name,),
            says,
            late=3.0,
            attempts=2,
            started=name,
            folder=name,
            notes=(says,),
        )
        for grade in (None, 3.0)
    ]
    rows = tuple(Row(Student(f"{name}{n}", name), (each,), name, {name: name}) for n, each in enumerate((*both, *both)))
    return CohortResult(
        title=name,
        labs=(head,),
        rows=rows,
        started=name,
        finished=name,
        tool_version=name,
        course_digest=name,
        changes=(Change(f"{name}0", name, None, 3.0, (name,)), Change(name, f"{name}?", 4.0, 3.0, (name,))),
        alike=(Alike("cluster", name, (f"{name}0", name)),),
    )


def test_the_head_counts_everybody() -> None:
    """How many are graded, incomplete and not graded yet, and what the grades come to."""
    shown = page(sample()).words
    assert "8 students · 2 labs · 2026-01-31 09:00:00 UTC Kubernetes, <b>winter</b> & spring" in shown
    assert "sample-rollout · 5 grades · 2 incomplete · 1 not graded yet · mean 14.2" in shown
    assert "graded 5 incomplete 2 not graded yet 1 mean 14.2 median 20 lowest 0 highest 20" in shown
    assert "graded 6 incomplete 1 not graded yet 1 late 1 mean 12.47 median 14.4 lowest 0 highest 20" in shown
    assert "Attempts the best one counts" in shown
    assert "sha256:" + "ab" * 32 in shown


def test_one_file_holds_both_languages() -> None:
    """Whichever language the page opens in, the reader can switch to the other and read all of it."""
    expected = {
        "en": ["Who needs help", "mean 14.2", "Checks, the hardest first", "Everybody", "What changed", "12.8"],
        "fr": ["Qui a besoin d’aide", "moyenne 14,2", "Vérifications, les plus difficiles", "Tout le monde", "12,8"],
    }
    for opened in ("en", "fr"):
        source = html.render(sample(), language=opened)
        for language, phrases in expected.items():
            shown = Page(source, language).words  # type: ignore[arg-type]  # the keys are the languages
            assert [phrase for phrase in phrases if phrase not in shown] == []
            assert expected["fr" if language == "en" else "en"][0] not in shown
            assert f"#in-{language}:checked ~ * span[lang={'fr' if language == 'en' else 'en'}]" in source
        checked = [a["id"] for tag, a in Page(source).elements if tag == "input" and "checked" in a]
        assert checked[0] == f"in-{opened}"


def test_grades_are_spread_over_bars() -> None:
    """Each bar says how many, and is as tall as it must be."""
    bars = tree(sample()).findall(".//*[@id='lab-1']//*[@class='bars']/li")
    assert [words(bar) for bar in bars if words(bar)[0] != "0"] == ["1 with 0–2", "1 with 10–12", "3 with 18–20"]
    heights = [str(bar.find("i").get("style")) for bar in bars]  # type: ignore[union-attr]  # every bar has one
    assert [heights[0], heights[1], heights[-1]] == ["height:26.7%", "height:0.0%", "height:80.0%"]


def test_every_check_leads_to_the_students_report() -> None:
    """Marks, points and addresses of a line, check by check, in the lab's order."""
    _, zoe, *_ = lines(sample())
    assert cells(zoe) == [
        (letter, f"students/s002/sample-rollout/report.html#check-{n}") for n, letter in enumerate("phpf", 1)
    ]
    assert [words(cell) for cell in zoe.findall("td")] == ["11", "4", "3", "4", "0"]
    _, other, *_ = lines(sample(), 2)
    assert [kind for kind, _ in cells(other)] == ["p", "f", "s"]


def test_addresses_are_those_of_the_reports() -> None:
    """The number behind the hash is the one that report.html gives that check."""
    result = RESULTS["sample"]
    tallies = tuple(Tally(one.id, one.state, one.points, one.earned) for one in result.outcomes)
    head = LabHead("lab", text("lab"), tuple(CheckHead(one.id, one.title, one.points) for one in result.outcomes[::-1]))
    one = dataclasses.replace(mark(ROLLOUT, "", "s1", labs=1), outcomes=tallies, grade=6.67)
    cohort = dataclasses.replace(sample(), labs=(head,), rows=(Row(Student("s1", ""), (one,)),), changes=(), alike=())
    (line,) = lines(cohort)
    report = ElementTree.fromstring(one_report.render(result, language="en"))
    for (_, address), outcome in zip(cells(line), result.outcomes[::-1], strict=True):
        place, _, anchor = address.partition("#")
        assert place == "students/s1/report.html"
        article = report.find(f".//article[@id='{anchor}']")
        assert article is not None
        assert outcome.id in "".join(article.itertext())


def test_an_incomplete_student_says_why() -> None:
    """In one line, beside what is known; without a grade, and never with a 0."""
    found = {words(line)[:60]: line for line in lines(sample())}
    shown = list(found)
    place = next(n for n, one in enumerate(shown) if one.startswith("=CMD"))
    assert [kind for kind, _ in cells(found[shown[place]])] == ["p", "p", "p", "e"]
    assert words(found[shown[place]].findall("td")[0]) == "–"
    assert shown[place + 1] == "1 check could not be looked at: answers"
    refused = next(line for line in found.values() if words(line).startswith("Eve"))
    assert words(refused).endswith("–the submission is refused: ../../etc/passwd leaves its folder")
    assert cells(refused) == []
    untried = next(line for line in found.values() if words(line).startswith("Yılmaz"))
    assert words(untried).endswith("–not graded yet")
    assert untried.find(".//a") is None, "there is no report"


def test_what_was_not_run_is_empty() -> None:
    """A check without an outcome has a cell without points and without an address."""
    stopped = next(line for line in lines(sample(), 2) if words(line).startswith("=CMD"))
    assert cells(stopped) == [
        ("p", "students/s004/sample-policies/report.html#check-1"),
        ("n", ""),
        ("n", ""),
    ]


def test_who_needs_help_is_named() -> None:
    """Those without a grade first, by whose reason it is; then the lowest, and where they are stuck."""
    shown = part(page(sample()).words, "Who needs help", "Everybody")
    expected = [
        'No grade, on our side: grade them again (1) 1 check could not be looked at: answers: =CMD("calc")!A0 s004',
        "No grade, because of what was handed in (1) the submission is refused: ../../etc/passwd leaves its folder:",
        'Not graded yet (1) Yılmaz, "Ünsal"; Jr s006',
        "Low grades, or stuck early (1) 0 <script>alert('x')</script> s003 stuck at image, 3 of 4 blocked",
    ]
    places = [shown.index(words) for words in expected]
    assert places == sorted(places)
    fine = dataclasses.replace(sample(), rows=sample().rows[:1])
    assert "Nobody: every grade is there, and none is low." in page(fine).words


def test_one_cause_is_told_once() -> None:
    """Where a cluster takes a hundred students with it, its words stand there once, with the first of their names."""
    gone = Text("the cluster is gone", "le cluster a disparu")
    rows = tuple(
        row(f"s{n:03}", f"Name {n}", mark(ROLLOUT, "", f"s{n:03}", because=gone, ours=True), never(POLICIES))
        for n in range(100)
    )
    shown = part(page(dataclasses.replace(sample(), rows=rows)).words, "Who needs help", "Everybody")
    assert shown.count("the cluster is gone") == 1
    assert "grade them again (100)" in shown
    assert "Name 19 s019 and 80 more" in shown


def test_the_hardest_check_leads() -> None:
    """How many earned it, the mean part of its points, and what those who did not had most often."""
    shown = part(page(sample()).words, "Who may talk to whom graded", "Everybody")
    assert "Hubble shows it 60% flows · earned by 3 of 5 (60%) · 1 failed · 1 blocked · 1 skipped · 1 not run" in shown
    assert "Strangers are kept out 71% denied · earned by 4 of 7 (57%) · 2 partly passed · 1 failed" in shown
    assert "3 × 1 of 3 Pods is ready" in shown
    assert shown.index("Hubble shows it") < shown.index("The frontend gets in") < shown.index("Strangers are kept out")


def test_late_marks_and_attempts_are_shown() -> None:
    """How late, what it cost, and which attempt counts; no column where nobody was late or tried twice."""
    found = {words(line): line for line in lines(sample(), 2)}
    late = next(line for line in found if line.startswith("<script>"))
    assert late == "<script>alert('x')</script> s00312.831 h, −3.21 / 1880"
    assert any(line.startswith("Ada Lovelace s001203 / 3") for line in found)
    heads = [words(head) for head in tree(sample()).findall(".//*[@id='lab-1']//table[@class='all']/thead/tr/th")]
    assert heads == ["student", "grade", "image", "replicas", "service", "answers"]


def test_the_table_can_be_narrowed() -> None:
    """To those without a grade, with points missing, or late; each line has the classes that this goes by."""
    shown = page(sample()).words
    assert "everybody (8) without a grade (2) points missing (5) late (1)" in shown
    kinds = [line.get("class") for line in lines(sample(), 2)]
    assert kinds == [None, "m", "m l", "w without", "why w", "m", "w", "m", "m"]
    radios = tree(sample()).findall(".//input[@name='show-1']")
    assert [radio.get("id") for radio in radios] == ["show-1-a", "show-1-w", "show-1-m"], "nobody is late in this lab"


def test_changes_are_listed() -> None:
    """Who gained or lost what by another rubric, and by which checks."""
    shown = part(page(sample()).words, "these students gained or lost by it.", "The same work")
    assert "Zoé Œuvrard s002Rolling out a web server1411−3replicas" in shown
    assert "Ada Lovelace s001Who may talk to whom1620+4flows" in shown
    assert "s008Who may talk to whom–16denied, allowed, flows" in shown
    assert "What changed" not in page(dataclasses.replace(sample(), changes=())).words


def test_alike_is_pointed_out_and_not_judged() -> None:
    """Names, the lab, and whether it is the cluster or what was handed in."""
    shown = page(sample()).words
    assert "Pointed out, never judged" in shown
    assert "Rolling out a web server, the same cluster: -2+3 s007, @SUM(1+1)\\x07 s008" in shown
    assert "Who may talk to whom, the same submission: <script>" in shown


def test_notes_are_shown() -> None:
    """What a trainer should know of somebody's grading."""
    assert "s003Who may talk to whomthe API server refused 03-policy.yaml" in page(sample()).words


def test_an_unfinished_grading_says_so() -> None:
    """A page that is made half-way, or after Ctrl-C, is not taken for the whole."""
    assert "This is not all yet" in page(dataclasses.replace(sample(), finished=None)).words
    assert "This is not all yet" not in page(sample()).words


@pytest.mark.parametrize(
    ("folder", "expected"),
    [
        ("students/a01", "students/a01/report.html"),
        ("students/Zoé Œ", "students/Zo%C3%A9%20%C5%92/report.html"),
        ("javascript:alert(1)", "javascript%3Aalert%281%29/report.html"),
        ('a"><img src=x>/b', "a%22%3E%3Cimg%20src%3Dx%3E/b/report.html"),
        ("a?b#c%2F\\\0\u202e\ud800", "a%3Fb%23c%252F%5C%00%E2%80%AE%3F/report.html"),
        ("", ""),
        ("/etc/passwd", ""),
        ("//host/share", ""),
        ("students/../..", ""),
        ("./a", ""),
        ("a//b", ""),
    ],
)
def test_addresses_stay_below_the_page(folder: str, expected: str) -> None:
    """Whatever a folder is called, its address is that file, or there is none."""
    found = html.address(folder)
    assert found == expected
    if found and "\ud800" not in folder:
        place = urlsplit(urljoin("file:///out/index.html", found))
        assert (place.scheme, unquote(place.path), place.query) == ("file", f"/out/{folder}/report.html", "")


@pytest.mark.parametrize(
    ("hours", "en", "fr"),
    [
        (0.001, "1 min", "1 min"),
        (0.5, "30 min", "30 min"),
        (1.0, "1 h", "1 h"),
        (30.5, "31 h", "31 h"),
        (49, "3 d", "3 j"),
    ],
)
def test_lateness_in_words(hours: float, en: str, fr: str) -> None:
    """In the unit that fits, and never as nothing."""
    assert html.late(hours) == Text(en, fr)


@pytest.mark.parametrize(("share", "en"), [(0, "0%"), (0.001, "1%"), (0.5, "50%"), (0.999, "99%"), (1, "100%")])
def test_percent_in_words(share: float, en: str) -> None:
    """One who failed among a thousand is not rounded away."""
    assert html.percent(share) == Text(en, en.replace("%", "\u00a0%"))


def test_the_page_needs_nothing_but_itself() -> None:
    """No script, no style sheet, no image, no font from elsewhere; and the page forbids itself any."""
    source = html.render(sample(), language="en")
    found = page(sample()).elements
    assert not [tag for tag, _ in found if tag in {"script", "link", "img", "iframe", "object", "form"}]
    assert not [a for _, a in found for name in a if name == "src" or name.startswith("on")]
    assert "url(" not in source
    assert "@import" not in source
    policy = [a["content"] for _, a in found if a.get("http-equiv") == "Content-Security-Policy"]
    assert policy == ["default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'"]


def test_addresses_inside_the_page_exist() -> None:
    """Every link to a place on the page has its place, and no place is there twice."""
    found = page(sample()).elements
    ids = [a["id"] for _, a in found if "id" in a]
    assert len(set(ids)) == len(ids)
    inside = {str(a["href"])[1:] for tag, a in found if tag == "a" and str(a.get("href", "")).startswith("#")}
    assert inside - set(ids) == set()
    assert {"lab-1", "lab-2", "changes", "alike", "notes", "check-2-3"} <= inside
    named = {name for _, a in found for name in str(a.get("aria-labelledby") or "").split()}
    assert named
    assert named - set(ids) == set()


def test_hostile_words_stay_words() -> None:
    """Text from students or a roster makes no element, no attribute, no address and no control character."""
    source = html.render(hostile_cohort(HOSTILE), language="fr")
    source.encode()
    found = Page(source)
    assert not any(ord(c) < 32 and c != "\n" for c in source)
    assert "\u202e" not in source
    assert found.shown.count(harmless(HOSTILE)[:20]) > 20
    plain = page(hostile_cohort("w" * len(HOSTILE)), "fr").elements
    assert [(tag, list(a)) for tag, a in found.elements] == [(tag, list(a)) for tag, a in plain]
    addresses = [str(a["href"]) for _, a in found.elements if "href" in a]
    assert all(re.fullmatch(r"#[a-z]+(-\d+)*|[\w.~%/-]+/report\.html(#check-\d+)?", one, re.ASCII) for one in addresses)


@settings(max_examples=40, deadline=None)
@given(st.text(max_size=30))
def test_any_words_make_a_whole_page(name: str) -> None:
    """No text whatever opens or closes an element of the page, read as HTML or as XML."""
    source = html.render(hostile_cohort(name), language="en")
    source.encode()
    Page(source)
    ElementTree.fromstring(source)


def test_long_words_are_cut() -> None:
    """A name, a reason or a note of 10,000 characters fills no page; all of it is in that student's report."""
    long, usual = (_worded(name) for name in ("<" * 10_000, "<" * 300))
    assert len(long) < len(usual) + 1_000
    Page(long)


def _worded(name: str) -> str:
    one = mark(ROLLOUT, "FBBE", "s1", because=text(name), saw=text(name), notes=[text(name)])
    rows = tuple(row(f"s{n}", name, one, never(POLICIES)) for n in "12")
    return html.render(dataclasses.replace(sample(), rows=rows), language="en")


def test_there_may_be_nothing() -> None:
    """No students, no labs, no checks, no grades: each is a page."""
    empty = dataclasses.replace(sample(), changes=(), alike=(), title="")
    assert "There are no students." in page(dataclasses.replace(empty, rows=())).words
    assert "0 labs" in page(dataclasses.replace(empty, labs=(), rows=())).words
    assert "0 étudiant · 0 TP" in page(dataclasses.replace(empty, labs=(), rows=()), "fr").words
    bare = dataclasses.replace(ROLLOUT, checks=())
    unmarked = tuple(row("s", "S", never(bare), never(POLICIES)) for _ in "12")
    shown = page(dataclasses.replace(empty, labs=(bare, POLICIES), rows=unmarked)).words
    assert "There is no grade yet." in shown
    assert "Cohort" in shown


def test_a_thousand_students_fit() -> None:
    """The page of a large cohort is small enough to be mailed."""
    assert len(html.render(large(), language="en").encode()) < LARGEST
