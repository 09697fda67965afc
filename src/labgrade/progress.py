"""What somebody has earned so far: each lab of a course beside the result that `check` left of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from labgrade import result, stored
from labgrade.course.library import Course
from labgrade.errors import UsageError
from labgrade.model import Lab, LabResult
from labgrade.text import Text


@dataclass(frozen=True, slots=True)
class Standing:
    """One lab and how far somebody is with it."""

    name: str
    lab: Lab | None
    """None: its lab.yaml is wrong, and `trouble` says how."""
    result: LabResult | None = None
    """None: never graded, or there is `trouble` with the file."""
    trouble: Text = Text("", "")

    @property
    def done(self) -> bool:
        """Whether nothing is left to earn."""
        return self.result is not None and self.result.perfect


def standings(course: Course, folder: Path) -> list[Standing]:
    """All labs by name, each with the result in FOLDER/LAB/result.json, or in FOLDER/result.json if that is the lab's.

    Never fails: a lab or a result that cannot be used says so itself.
    """
    return [_standing(course, name, folder) for name in course.names()]


def _standing(course: Course, name: str, folder: Path) -> Standing:
    try:
        lab = course.lab(name)
    except UsageError as error:
        return Standing(name, None, trouble=Text(str(error), str(error)))
    own = folder / name / result.FILE_NAME
    try:
        if own.exists():
            return _with_result(lab, stored.read(own))
    except (UsageError, OSError) as error:
        words = Text(f"unusable result, check again: {error}", f"résultat inutilisable, relancez check\u00a0: {error}")
        return Standing(name, lab, trouble=words)
    return Standing(name, lab, _beside(lab, folder / result.FILE_NAME))


def _with_result(lab: Lab, found: LabResult) -> Standing:
    if found.lab_id == lab.id:
        return Standing(lab.id, lab, found)
    trouble = Text(
        f"the stored result is of another lab, {found.lab_id}",
        f"le résultat enregistré est celui d'un autre TP, {found.lab_id}",
    )
    return Standing(lab.id, lab, trouble=trouble)


def _beside(lab: Lab, path: Path) -> LabResult | None:
    """The result that `check --out FOLDER` left, if it is this lab's."""
    try:
        found = stored.read(path)
    except UsageError:
        return None
    return found if found.lab_id == lab.id else None


def next_up(found: Sequence[Standing]) -> Standing | None:
    """The lab to go on with: the first that was begun, else the first never begun; None when all are done."""
    open_ones = [each for each in found if each.lab and not each.done]
    return next((each for each in open_ones if each.result or each.trouble), open_ones[0] if open_ones else None)
