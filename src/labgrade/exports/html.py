"""report.html, for students and trainers: one file that works offline, in both languages, without a script.

How it looks is in reports/templates/report.html.j2.
"""

from __future__ import annotations

from functools import cache
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined, Template
from markupsafe import Markup

from labgrade import wording
from labgrade.home import home
from labgrade.mending import blocked_behind, mend_first
from labgrade.model import STATES, LabResult, Outcome
from labgrade.terminal import MARKS
from labgrade.text import Language, harmless

TEMPLATE = "report.html.j2"


def render(result: LabResult, *, language: Language) -> str:
    """The page; `language` is what it opens in, the reader can switch."""
    first = mend_first(result)
    return _template().render(
        result=result,
        language=language,
        first=first,
        behind=blocked_behind(result, first) if first else 0,
        # By number: an id is text that we did not write, and an address has rules of its own.
        anchors={outcome.id: f"check-{number}" for number, outcome in enumerate(result.outcomes, 1)},
        causes={outcome.id: _causes(result, outcome) for outcome in result.outcomes},
        counts=[(state, sum(o.state == state for o in result.outcomes)) for state in STATES],
        marks=MARKS,
        words=wording,
    )


def _causes(result: LabResult, outcome: Outcome) -> list[Outcome]:
    """What blocks a check, as far as the result holds it."""
    known = {other.id: other for other in result.outcomes}
    return [known[name] for name in outcome.blocked_by if name in known]


@cache
def _template() -> Template:
    return Environment(
        loader=FileSystemLoader(home() / "reports" / "templates"),
        autoescape=True,
        finalize=_finalize,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    ).get_template(TEMPLATE)


def _finalize(value: Any) -> Any:
    """Everything that the template prints passes here, so no text from a cluster can be forgotten.

    Autoescape does the rest. Markup is what the template's own macros made, out of values that have passed.
    """
    return harmless(value) if isinstance(value, str) and not isinstance(value, Markup) else value
