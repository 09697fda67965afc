"""summary.md: what a workflow's run shows on its page (`cat summary.md >> "$GITHUB_STEP_SUMMARY"`).

Score, checks and points, and for each check that did not pass what was seen, wanted, what to try and the hint. GitHub
takes 1 MiB of a step: long words are cut, and where even that is too much, checks are left to report.html.
"""

from __future__ import annotations

from labgrade import wording
from labgrade.exports.markdown import cell, code, escaped, prose
from labgrade.exports.telling import cut, distinct, graded, left_out, reason, remarks, total, why_not
from labgrade.mending import mend_first
from labgrade.model import LabResult, Outcome
from labgrade.terminal import MARKS
from labgrade.text import Language, Text

LONGEST = 500
"""Characters of one text."""
MOST_BYTES = 900_000

CHECK = Text("Check", "Vérification")
POINTS = Text("Points", "Points")
TO_DO = Text("What to do", "À faire")
MORE = Text(
    "{} more checks did not pass: `report.html` has them all.",
    "{} autres vérifications n’ont pas réussi\u00a0: `report.html` les montre toutes.",
)
NOT_RUN_MARK = "·"


def render(result: LabResult, *, language: Language) -> str:
    """GitHub's Markdown; nothing that a result holds acts as markup in it."""
    lines = [*_head(result, language), "", *_table(result, language)]
    blocks = [_block(outcome, language) for outcome in distinct(result) if outcome.state not in {"passed", "skipped"}]
    if blocks:
        lines += ["", f"### {TO_DO[language]}"]
    left = MOST_BYTES - len("\n".join(lines).encode())
    for number, block in enumerate(blocks):
        left -= len("\n".join(block).encode())
        if left < 0:
            lines += ["", MORE[language].format(len(blocks) - number)]
            break
        lines += block
    return "\n".join(lines) + "\n"


def _head(result: LabResult, language: Language) -> list[str]:
    mark = MARKS["passed"] if result.perfect else MARKS["failed"] if graded(result) else MARKS["error"]
    title = prose(cut(result.lab_title[language] or result.lab_id, LONGEST))
    lines = [f"## {mark} {title} — {total(result, language)}"]
    if result.student:
        lines += ["", f"{escaped(cut(result.student.name, LONGEST))} ({code(result.student.id)})"]
    why = why_not(result, language)
    if why:
        lines += ["", f"**{escaped(cut(why, LONGEST))}**"]
    told = remarks(result, language)
    if told:
        lines += ["", _label(wording.HANDED_IN, language), "", *(f"- {escaped(cut(words, LONGEST))}" for words in told)]
    first = mend_first(result)
    if first:
        lines += ["", f"{_label(wording.MEND_FIRST, language)} {prose(cut(first.title[language], LONGEST))}"]
    return lines


def _table(result: LabResult, language: Language) -> list[str]:
    lines = [f"| | {CHECK[language]} | {POINTS[language]} |", "| :-: | :-- | --: |"]
    for outcome in distinct(result):
        words = f"{prose(cut(outcome.title[language], LONGEST))} {code(outcome.id)}".strip()
        lines.append(f"| {MARKS[outcome.state]} | {cell(words)} | {_points(outcome, language)} |")
    lines += [
        f"| {NOT_RUN_MARK} | {cell(code(check_id))} | {wording.NOT_RUN[language]} |" for check_id in left_out(result)
    ]
    return lines


def _points(outcome: Outcome, language: Language) -> str:
    if outcome.state == "skipped":
        return "–"
    earned = "?" if outcome.state == "error" else wording.number(outcome.earned, language)
    return f"{earned} / {wording.number(outcome.points, language)}"


def _block(outcome: Outcome, language: Language) -> list[str]:
    """A check that did not pass, with what helps."""
    lines = ["", f"#### {MARKS[outcome.state]} {prose(cut(outcome.title[language] or outcome.id, LONGEST))}", ""]
    if outcome.state != "failed":
        return [*lines, prose(cut(reason(outcome, language), LONGEST))]
    rows = ((wording.SAW, outcome.saw), (wording.WANTED, outcome.wanted), (wording.HINT, outcome.hint))
    told = [f"- {_label(label, language)} {prose(cut(words[language], LONGEST))}" for label, words in rows if words]
    if outcome.try_:
        told.insert(-1 if outcome.hint else len(told), f"- {_label(wording.TRY, language)} {_try(outcome, language)}")
    return [*lines, *told]


def _try(outcome: Outcome, language: Language) -> str:
    return code(cut(outcome.try_[language], LONGEST))


def _label(words: Text, language: Language) -> str:
    label = words[language][:1].upper() + words[language][1:]
    return f"**{label}\u00a0:**" if language == "fr" else f"**{label}:**"
