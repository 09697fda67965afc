"""summary.md, of a result and of a cohort: what it says, and that no word in it acts as markup."""

from __future__ import annotations

import dataclasses
from typing import Any

import pytest
from markdown_it import MarkdownIt
from markdown_it.token import Token

from labgrade.exports import github_summary, markdown
from labgrade.exports.cohort import github_summary as cohort_summary
from labgrade.model import STATES, Student
from labgrade.text import Text, harmless
from tests.support import cohorts
from tests.support.results import RESULTS, outcome, remarked, result

OURS = {
    *("heading_open", "heading_close", "paragraph_open", "paragraph_close", "inline", "text", "code_inline"),
    *("strong_open", "strong_close", "bullet_list_open", "bullet_list_close", "list_item_open", "list_item_close"),
    *(f"{part}_{end}" for part in ("table", "thead", "tbody", "tr", "th", "td") for end in ("open", "close")),
}
"""Everything that we write on purpose."""
HOSTILE = [
    "<img src=x onerror=alert(1)><!-- ",
    "[click](javascript:alert(1)) ![](http://198.51.100.7/x.png)",
    "# no heading",
    "- no item",
    "1. no item",
    "| a | b |\n| - | - |",
    "**bold** _slanted_ ~~gone~~ ***",
    "```\nfence",
    "`` ` ``",
    "\\",
    "\\\\|x",
    "<https://198.51.100.7> www.example.com",
    "&lt;script&gt; &#60;",
    "a\n\n---\n\nb",
    "===",
    "@everyone #1 :tada: $x$",
    "\x1b[31m\u202e\ud800\0",
]


def tokens(words: str) -> list[Token]:
    """What a reader of GitHub's Markdown makes of it, in one list."""
    found: list[Token] = []
    for token in MarkdownIt("commonmark").enable(["table", "strikethrough"]).parse(words):
        found += [token, *(token.children or [])]
    return found


def said(words: str) -> str:
    """The text that is left when the markup is read."""
    return "".join(token.content for token in tokens(words) if token.type in {"text", "code_inline"})


@pytest.mark.parametrize("evil", HOSTILE)
@pytest.mark.parametrize("place", [markdown.prose, markdown.escaped, markdown.code])
def test_words_of_strangers_say_just_themselves(evil: str, place: Any) -> None:
    """Alone in a line, in a list and in a table's cell, they are the text that they are."""
    words = " ".join(harmless(evil).split())
    for before, after in (("", ""), ("- **Saw:** ", ""), ("## ", " end")):
        page = f"{before}{place(evil)}{after}\n"
        assert {token.type for token in tokens(page)} <= OURS
        shown = " ".join(said(page).replace("Saw:", "").split())
        assert shown.removesuffix(" end") in {words, words.replace("`", "")}
    table = f"| a | b |\n| - | - |\n| {markdown.cell(place(evil))} | last |\n"
    assert {token.type for token in tokens(table)} <= OURS
    assert sum(token.type == "td_open" for token in tokens(table)) == 2
    assert said(table).endswith("last")


@pytest.mark.parametrize("language", ["en", "fr"])
@pytest.mark.parametrize("state", STATES)
@pytest.mark.parametrize("evil", HOSTILE)
def test_a_hostile_result_keeps_its_form(state: Any, evil: str, language: Any) -> None:
    """One table with a row for each check, and no markup but ours, whatever stands in titles, names and words."""
    words = Text(evil, evil)
    one = outcome(0, state, evil)
    one = dataclasses.replace(one, id=f"a{evil}", title=words, saw=words, wanted=words, try_=words, hint=words)
    spoilt = result(one, outcome(1, "passed"), not_run=(evil,), note=words)
    spoilt = dataclasses.replace(spoilt, lab_title=words, student=Student(evil, evil))
    page = github_summary.render(spoilt, language=language)
    assert {token.type for token in tokens(page)} <= OURS
    assert sum(token.type == "tr_open" for token in tokens(page)) == 4
    assert sum(token.type == "table_open" for token in tokens(page)) == 1


@pytest.mark.parametrize("evil", HOSTILE)
def test_a_hostile_cohort_keeps_its_form(evil: str) -> None:
    """A row for each student, whatever the names are."""
    cohort = cohorts.sample()
    rows = tuple(dataclasses.replace(row, student=Student(row.student.id, evil)) for row in cohort.rows)
    page = cohort_summary.render(dataclasses.replace(cohort, rows=rows, title=evil), language="en")
    assert {token.type for token in tokens(page)} <= OURS
    assert sum(token.type == "tr_open" for token in tokens(page)) == len(rows) + 1


def test_the_markup_that_we_look_for_is_seen() -> None:
    """The reader in use would find an image, HTML and a link."""
    types = {token.type for token in tokens("<b> ![](a.png) [a](b) <https://a.example>\n\n***\n")}
    assert {"html_inline", "image", "link_open", "hr"} <= types


def test_a_student_reads_what_to_do() -> None:
    """Score, points, and for a failed check what was seen, wanted, what to try, and the hint."""
    page = said(github_summary.render(RESULTS["sample"], language="en"))
    for part in (
        "6.67 / 20",
        "6 / 18",
        "Zoé Œuvrard",
        "2 / 4",
        "selects app=wbe",
        "three ready endpoints",
        "Which labels",
    ):
        assert part in page
    assert "kubectl get endpointslices" in page
    french = said(github_summary.render(RESULTS["sample"], language="fr"))
    assert "6,67 / 20" in french
    assert "À faire" in french


@pytest.mark.parametrize("name", ["error", "interrupted", "begun", "nothing", "refused"])
def test_what_is_not_complete_has_no_grade(name: str) -> None:
    """Points so far, and why there is no grade; no number out of 20 that could be one."""
    page = said(github_summary.render(RESULTS[name], language="en"))
    assert ("nothing to earn" if name == "nothing" else "Not complete, so not yet a grade") in page
    assert "/ 20" not in page


def test_a_refusal_reads_as_sentences() -> None:
    """No grade, the reason, and what was not run."""
    page = said(github_summary.render(RESULTS["refused"], language="en"))
    assert "no grade" in page
    assert "leave it out. Not run: check_0, check_1." in page


@pytest.mark.parametrize("evil", HOSTILE)
def test_what_was_handed_in_is_told_and_acts_as_nothing(evil: str) -> None:
    """File names and the cluster's words on a manifest are a student's."""
    page = github_summary.render(remarked(Text(evil, evil), *remarked().remarks), language="en")
    assert {token.type for token in tokens(page)} <= OURS
    assert "What was handed in:" in said(page)
    assert "web.yaml was not accepted: no <kind> in it" in said(page)
    many = github_summary.render(remarked(*[Text(evil * 200, evil)] * 10_000), language="en")
    assert len(many.encode()) < 300_000


@pytest.mark.parametrize("name", ["unbroken", "sixty"])
def test_it_fits_into_what_github_takes(name: str) -> None:
    """Less than 1 MiB, also where every word is long and full of markup; what is left out is said."""
    long = Text("<" * 100_000, "x")
    many = [dataclasses.replace(outcome(n, "failed"), saw=long, title=long, hint=long, wanted=long) for n in range(600)]
    page = github_summary.render(result(*many), language="en")
    assert len(page.encode()) < 1024 * 1024
    assert "more checks did not pass" in page
    assert len(github_summary.render(RESULTS[name], language="en").encode()) < 100_000


def test_a_cohort_s_missing_grades_are_no_zeros() -> None:
    """A dash in the table, and below it who, which lab and why."""
    page = said(cohort_summary.render(cohorts.sample(), language="en"))
    assert "11 of 16 grades" in page
    assert "the submission is refused" in page
    lines = cohort_summary.render(cohorts.sample(), language="en").splitlines()
    assert next(line for line in lines if line.startswith("| `s006`")).endswith("| – | – |")
    assert len(cohort_summary.render(cohorts.large(15_000, 1), language="en").encode()) < 1024 * 1024
