"""What formats say of a check when they have a line, or a page, for it: the same in all of them."""

from __future__ import annotations

import re
from datetime import UTC, datetime

from labgrade import wording
from labgrade.jsontext import number
from labgrade.model import LabResult, Outcome, State
from labgrade.text import Language, Text, harmless

GRAVEST: tuple[State, ...] = ("error", "failed", "blocked", "skipped", "passed")
LONGEST_MESSAGE = 400
"""Characters: a message is a line in a table; the text below it has everything."""

MOST_REMARKS = 50
"""Of what was handed in; report.html has them all."""
ENDS = (".", "!", "?", "…", ":", ";", ",")
"""What a sentence, or a line of several, may end in."""

POINTS = Text("points", "points")
NOT_RUN = Text("not run; its points stay in the total", "non exécuté ; ses points restent dans le total")
NOTHING = Text(
    "There was nothing to earn, so there is no grade.", "Il n’y avait rien à gagner, donc il n’y a pas de note."
)
MORE_REMARKS = Text("and {} more", "et {} autres")


def distinct(result: LabResult) -> list[Outcome]:
    """One outcome for each check, the gravest: consumers keep any one of two entries of the same name."""
    found: dict[str, Outcome] = {}
    for outcome in result.outcomes:
        known = found.setdefault(harmless(outcome.id), outcome)
        if GRAVEST.index(outcome.state) < GRAVEST.index(known.state):
            found[harmless(outcome.id)] = outcome
    return list(found.values())


def left_out(result: LabResult) -> list[str]:
    """Ids of the checks that were not run, each once."""
    judged = {harmless(outcome.id) for outcome in result.outcomes}
    return [name for name in dict.fromkeys(map(harmless, result.not_run)) if name not in judged]


def graded(result: LabResult) -> bool:
    """Whether there is a grade: everything was looked at, and there was something to earn."""
    return result.complete and result.possible > 0


def why_not(result: LabResult, language: Language) -> str:
    """Why there is no grade, as sentences on one line; empty where there is one."""
    if graded(result):
        return ""
    if result.complete:
        return NOTHING[language]
    reasons = (wording.INCOMPLETE, *wording.why_incomplete(result))
    return one_line(" ".join(map(sentences, (reason[language] for reason in reasons))))


def sentences(words: str) -> str:
    """Each line of the words as a sentence with its full stop, so that another may follow; all on one line."""
    lines = filter(None, map(str.strip, words.split("\n")))
    return " ".join(line if line.endswith(ENDS) else f"{line}." for line in lines)


def remarks(result: LabResult, language: Language) -> list[str]:
    """What there is to say of what was handed in, each on one line; where there is too much, how much more."""
    told = [one_line(remark[language]) for remark in result.remarks[:MOST_REMARKS]]
    left = len(result.remarks) - len(told)
    return [*told, MORE_REMARKS[language].format(left)] if left else told


def total(result: LabResult, language: Language) -> str:
    """`16.5 / 20`, and what made it so; while there is no grade, the points so far, if anything was looked at."""
    if result.complete and not result.possible:
        return "–"
    note = wording.score_note(result)[language]
    return wording.score(result, language) + (f" ({note})" if note else "")


def message(outcome: Outcome, language: Language) -> str:
    """`1.5 / 4 points: what was seen`, on one line."""
    words = f"{score(outcome, language)}{wording.colon(language)}{reason(outcome, language)}"
    return cut(one_line(words), LONGEST_MESSAGE)


def score(outcome: Outcome, language: Language) -> str:
    """`1.5 / 4 points`, and before it the state where that is not plain from it."""
    words = f"{wording.number(outcome.earned)} / {wording.number(outcome.points)} {POINTS[language]}"
    return words if outcome.state == "failed" else f"{wording.STATES[outcome.state][language]}, {words}"


def reason(outcome: Outcome, language: Language) -> str:
    """Why a check did not pass; never empty where it has a title."""
    fallback = {"blocked": wording.BLOCKED, "skipped": wording.SKIPPED, "error": wording.ERROR}
    words = outcome.saw[language]
    if outcome.state == "blocked" and outcome.blocked_by and not words:
        words = f"{wording.MEND_FIRST[language]}{wording.colon(language)}{', '.join(outcome.blocked_by)}"
    return words or fallback.get(outcome.state, outcome.title)[language]


def all_words(outcome: Outcome, language: Language) -> str:
    """All there is to read, for consumers that show nothing else, on several lines."""
    rows = [(wording.SAW, outcome.saw), (wording.WANTED, outcome.wanted), (wording.TRY, outcome.try_)]
    if outcome.state == "failed":
        rows.append((wording.HINT, outcome.hint))
    elif outcome.state != "passed":
        rows[0] = (wording.STATES[outcome.state], Text(reason(outcome, "en"), reason(outcome, "fr")))
    lines = [outcome.title[language], score(outcome, language)]
    colon = wording.colon(language)
    lines += [f"{label[language]}{colon}{words[language]}" for label, words in rows if words[language]]
    return harmless("\n".join([*lines, *outcome.evidence]))


def one_line(words: str) -> str:
    """The words, harmless, on one line."""
    return re.sub(r"\s*[\t\n\u2028\u2029]\s*", " ", harmless(words))


def cut(words: str, most: int) -> str:
    """At most so many characters of the words, and a sign that there were more."""
    return words if len(words) <= most else f"{words[:most]}…"


def moment(time: str | None) -> datetime | None:
    """The time that a result has written down, in UTC; None where that is none."""
    try:
        return datetime.fromisoformat(time or "").astimezone(UTC)
    except (ValueError, OverflowError):
        return None


def seconds(result: LabResult) -> float:
    """How long the run took: from its start to its end, or the sum of its checks where that is not known."""
    start, end = moment(result.started), moment(result.finished)
    if start and end and end >= start:
        return round((end - start).total_seconds(), 3)
    return round(sum(outcome.seconds for outcome in result.outcomes), 3)


def points(value: float) -> float:
    """Points as a number of JSON: at most two decimals, and none where it is whole."""
    return number(round(value, 2))
