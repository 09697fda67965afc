"""What a gradebook tells a student beside the grade, on one line."""

from __future__ import annotations

from labgrade import wording
from labgrade.cohort.model import LabHead, Mark
from labgrade.exports.telling import cut, one_line
from labgrade.model import FULL_GRADE
from labgrade.text import Language, Text

LONGEST = 1000
"""Characters."""

POINTS = Text("{} / {} points", "{} / {} points")
LATE = Text("late by {} h: {} off", "{} h de retard\u00a0: {} en moins")
MEND = Text("to mend", "à corriger")


def feedback(mark: Mark, lab: LabHead, language: Language) -> str:
    """Why there is no grade; else the points, what lateness cost, and each failed check with what was seen."""
    if mark.grade is None:
        return cut(one_line(mark.because[language]), LONGEST)
    told = [POINTS[language].format(wording.number(mark.earned, language), wording.number(mark.possible, language))]
    if mark.penalty:
        told.append(LATE[language].format(wording.number(mark.late, language), wording.number(mark.penalty, language)))
    titles = {check.id: check.title for check in lab.checks}
    colon = "\u00a0: " if language == "fr" else ": "
    for tally in mark.outcomes:
        if tally.state == "failed":
            title = titles[tally.id][language] if tally.id in titles else tally.id
            told.append(f"{MEND[language]}{colon}{title}" + (f" ({tally.saw[language]})" if tally.saw else ""))
    if mark.grade >= FULL_GRADE:
        told.append(wording.PERFECT[language])
    return cut(one_line(" · ".join(told)), LONGEST)
