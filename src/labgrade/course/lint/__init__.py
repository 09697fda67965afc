"""What is wrong with labs: all of it at once, found without a cluster and without running a line of theirs."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from labgrade.course.library import Course
from labgrade.course.lint import folders, handouts, manifests, mistakes, steps, suite, texts
from labgrade.course.lint.draft import BESIDE_LABS, Draft, entries, read
from labgrade.course.yamlfile import FileError, nearest
from labgrade.errors import UsageError

RULES: tuple[Callable[[Draft], Iterable[FileError]], ...] = (
    folders.findings,
    texts.findings,
    suite.findings,
    handouts.findings,
    manifests.findings,
    steps.findings,
    mistakes.findings,
)
"""Each looks at one lab; one that cannot look (a file is missing) raises FileError, which is a finding too."""


@dataclass(frozen=True, slots=True)
class Report:
    """What was looked at and what was found."""

    drafts: tuple[Draft, ...]
    findings: tuple[FileError, ...]
    """By file and line."""

    @property
    def checks(self) -> int:
        """How many checks were looked at."""
        return sum(len(draft.lab.checks) for draft in self.drafts if draft.lab)

    @property
    def mistakes(self) -> int:
        """How many mistakes were looked at."""
        return sum(len(draft.mistake_folders) for draft in self.drafts)


def lint(course: Course, names: Sequence[str] = ()) -> Report:
    """Looks at the labs of those names, or at all; UsageError for a name that there is not."""
    labs = course.folder / "labs"
    known = [path.name for path in entries(labs) if path.is_dir()]
    if not known:
        raise UsageError(f"{labs} holds no lab; labgrade new makes one")
    for name in names:
        if name not in known:
            raise UsageError(f"there is no lab {name!r}{nearest(name, known)}")
    drafts = [read(labs / name) for name in known]
    chosen = [draft for draft in drafts if draft.folder.name in names or not names]
    found = [finding for draft in chosen for finding in _findings(draft)] + list(_shared(drafts, chosen))
    if not names:
        found += _beside(labs)
    by_place = sorted({str(each): each for each in found}.values(), key=lambda each: (each.path, each.line, str(each)))
    return Report(tuple(chosen), tuple(by_place))


def _findings(draft: Draft) -> Iterator[FileError]:
    yield from draft.complaints
    for rule in RULES:
        try:
            yield from rule(draft)
        except FileError as error:
            yield error


def _shared(drafts: Sequence[Draft], chosen: Sequence[Draft]) -> Iterator[FileError]:
    """Labs in one namespace would look at each other's work."""
    for draft in chosen:
        for other in drafts:
            if draft is other or not (draft.lab and draft.rubric and other.lab and draft.lab.namespace):
                continue
            if (draft.lab.cluster, draft.lab.namespace) == (other.lab.cluster, other.lab.namespace):
                problem = f"is {draft.lab.namespace!r}, which is the namespace of {other.lab.id} already"
                yield FileError(draft.rubric.path, draft.rubric.line(("namespace",)), f"namespace {problem}")


def _beside(labs: Path) -> list[FileError]:
    strays = [path for path in entries(labs) if not path.is_dir() and path.name not in BESIDE_LABS]
    return [FileError(path, 0, "lies beside the labs, and belongs to none") for path in strays]
