"""report.html, for students and trainers: one file that works offline, in both languages, without a script.

How it looks is in reports/templates/report.html.j2.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cache
from typing import Any, Literal

from jinja2 import Environment, FileSystemLoader, StrictUndefined, Template
from markupsafe import Markup

from labgrade import wording
from labgrade.home import home
from labgrade.mending import blocked_behind, mend_first
from labgrade.model import STATES, LabResult, Outcome, State
from labgrade.terminal import MARKS
from labgrade.text import Language, harmless

TEMPLATE = "report.html.j2"
SAID = ("event ", "log ")
"""What evidence begins with that the cluster said by itself."""


@dataclass(frozen=True, slots=True)
class Part:
    """A stretch of the score's bar: one check, as long as its points."""

    state: State | Literal["not-run"]
    points: float
    share: float
    """How much of it is earned, from 0 to 1."""


@dataclass(frozen=True, slots=True)
class Said:
    """An event or a line of a log; where its form is not known, all of it is `words`."""

    kind: str
    """`Warning`, `Normal` or `log`."""
    reason: str
    """Of a log: the Pod and its container."""
    words: str


def render(result: LabResult, *, language: Language) -> str:
    """The page, which is well-formed XML, too; `language` is what it opens in, the reader can switch."""
    first = mend_first(result)
    return template(TEMPLATE).render(
        result=result,
        language=language,
        first=first,
        behind=blocked_behind(result, first) if first else 0,
        # By number: an id is text that we did not write, and an address has rules of its own.
        anchors={outcome.id: f"check-{number}" for number, outcome in enumerate(result.outcomes, 1)},
        causes={outcome.id: _causes(result, outcome) for outcome in result.outcomes},
        waiting=_waiting(result),
        said=_said,
        seen=_seen,
        bar=_bar(result),
        counts=[(state, sum(o.state == state for o in result.outcomes)) for state in STATES],
        moment=moment,
        seconds=_seconds(result),
        marks=MARKS,
        words=wording,
    )


def _causes(result: LabResult, outcome: Outcome) -> list[Outcome]:
    """What blocks a check, as far as the result holds it."""
    known = {other.id: other for other in result.outcomes}
    return [known[name] for name in outcome.blocked_by if name in known]


def _waiting(result: LabResult) -> dict[str, list[Outcome]]:
    """For each check, those that are blocked behind it."""
    waiting: dict[str, list[Outcome]] = {outcome.id: [] for outcome in result.outcomes}
    for outcome in result.outcomes:
        for name in outcome.blocked_by:
            if name in waiting:
                waiting[name].append(outcome)
    return waiting


def _said(outcome: Outcome) -> list[Said]:
    """The events and logs that the evidence holds."""
    form = re.compile(r"(?:event (Normal|Warning) (\S+)|(log) (\S+ \S+):) (.+)", re.DOTALL)
    lines = [(entry, form.fullmatch(entry)) for entry in outcome.evidence if entry.startswith(SAID)]
    return [
        Said(found[1] or found[3], found[2] or found[4], found[5]) if found else Said("", "", entry)
        for entry, found in lines
    ]


def _seen(outcome: Outcome) -> list[str]:
    """The rest of the evidence."""
    return [entry for entry in outcome.evidence if not entry.startswith(SAID)]


def _bar(result: LabResult) -> list[Part]:
    """All points that are possible, in the rubric's order; what was not run comes last, as one."""
    counted = [outcome for outcome in result.outcomes if outcome.state != "skipped" and outcome.points]
    bar = [Part(outcome.state, outcome.points, outcome.earned / outcome.points) for outcome in counted]
    left = result.possible - sum(outcome.points for outcome in counted)
    return [*bar, Part("not-run", left, 0)] if result.not_run and left > 0 else bar


def moment(time: str) -> str:
    """`2026-01-31 09:00:00 UTC`; words that are no time stay as they are."""
    found = re.fullmatch(r"(\d{4}-\d\d-\d\d)T(\d\d:\d\d:\d\d)(?:\.\d+)?(?:Z|\+00:00)", time, re.ASCII)
    return f"{found[1]} {found[2]} UTC" if found else time


def _seconds(result: LabResult) -> int | None:
    """How long the run took; None where the result does not say."""
    try:
        took = datetime.fromisoformat(result.finished or "") - datetime.fromisoformat(result.started)
    except (ValueError, TypeError):
        return None
    return max(took, timedelta()) // timedelta(seconds=1)


@cache
def template(name: str) -> Template:
    """A page of reports/templates, which escapes all that it prints."""
    return Environment(
        loader=FileSystemLoader(home() / "reports" / "templates"),
        autoescape=True,
        finalize=_finalize,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    ).get_template(name)


def _finalize(value: Any) -> Any:
    """Everything that the template prints passes here, so no text from a cluster can be forgotten.

    Autoescape does the rest. Markup is what the template's own macros made, out of values that have passed.
    """
    return harmless(value) if isinstance(value, str) and not isinstance(value, Markup) else value
