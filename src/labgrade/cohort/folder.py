"""The folder of a graded cohort: each student's reports as they come, the cohort's at the end."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path

from labgrade import exports, result
from labgrade.cohort.marking import marks
from labgrade.cohort.model import Attempt, CohortResult
from labgrade.errors import UsageError
from labgrade.exports.cohort import COHORT_EXPORTS
from labgrade.grading.process import LOG
from labgrade.model import Lab
from labgrade.text import Language
from labgrade.wholefile import make_folder, write_whole

DATABASE = "grades.db"
OF_EACH, OF_ALL = ("junit", "html"), ("json", "csv", "html", "junit")
"""What is written in any case, beside each student's result.json."""


class Folder:
    """Where a cohort's files go; UsageError or HarnessError (disk full) where they cannot."""

    def __init__(self, path: Path, labs: Sequence[Lab], *, formats: Iterable[str], language: Language) -> None:
        self.path, self._labs = path, labs
        self._language: Language = language
        wanted = tuple(formats)
        of_each = dict.fromkeys((*OF_EACH, *(name for name in wanted if name in exports.EXPORTS)))
        # Last, since it is what says that the others are there.
        self._of_each = (*(name for name in of_each if name != "json"), "json")
        self._of_all = tuple(dict.fromkeys((*OF_ALL, *(name for name in wanted if name in COHORT_EXPORTS))))
        make_folder(path)

    def holds(self, attempt: Attempt) -> bool:
        """Whether the reports are there, and on that attempt."""
        into = self._place(attempt)
        try:
            found = result.read(into / result.FILE_NAME)
        except UsageError:
            return False
        same = (found.run, found.started) == (attempt.result.run, attempt.result.started)
        return same and all((into / exports.EXPORTS[name].file).exists() for name in self._of_each)

    def write_student(self, attempt: Attempt, log: str | None = None) -> None:
        """The reports on one attempt, and with a `log` also pytest's words on it."""
        into = self._place(attempt)
        make_folder(into)
        if log is not None:
            write_whole(into / LOG, log.encode("utf-8", "replace"))
        for name in self._of_each:
            chosen = exports.EXPORTS[name]
            words = chosen.render(attempt.result, language=self._language)
            write_whole(into / chosen.file, words.encode("utf-8", "replace"))

    def _place(self, attempt: Attempt) -> Path:
        return self.path / marks.folder(attempt.student, attempt.lab, self._labs)

    def write_cohort(self, graded: CohortResult) -> list[Path]:
        """The reports on all of them; their paths."""
        written: list[Path] = []
        for name in self._of_all:
            chosen = COHORT_EXPORTS[name]
            path = self.path / chosen.file
            write_whole(path, chosen.render(graded, language=self._language).encode("utf-8", "replace"))
            written.append(path)
        return written
