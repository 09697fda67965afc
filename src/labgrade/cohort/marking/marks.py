"""What counts: from all attempts of a cohort to a mark for each student and lab. Pure functions."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from labgrade import wording
from labgrade.cohort.marking import lateness
from labgrade.cohort.marking.alike import alike
from labgrade.cohort.model import (
    Attempt,
    Change,
    CheckHead,
    Cohort,
    CohortResult,
    Counting,
    LabHead,
    Mark,
    Member,
    Row,
    Tally,
)
from labgrade.model import Lab, LabResult
from labgrade.text import Text

NOT_YET = Text("not graded yet", "pas encore évalué")
NOTHING_POSSIBLE = Text("There was nothing to earn.", "Il n’y avait rien à gagner.")
OLDER = Text(
    "judged by an earlier state of the course: the newest one has not graded it",
    "évalué par un état antérieur du cours\u00a0: le dernier ne l’a pas encore évalué",
)
MOST_CHARACTERS = 300
"""Of what a check saw: the student's own report has the rest."""


@dataclass(frozen=True, slots=True)
class Judged:
    """An attempt, and what it is worth."""

    attempt: Attempt
    number: int
    """Which of the student's at that lab, from 1."""
    late: float
    """Hours."""
    penalty: float
    grade: float | None
    """Less the penalty; None where it is not complete."""

    @property
    def digest(self) -> str:
        """The course that judged."""
        return self.attempt.result.course_digest


def cohort_result(
    cohort: Cohort,
    labs: Sequence[Lab],
    attempts: Iterable[Attempt],
    *,
    course_digest: str,
    tool_version: str,
    started: str,
    finished: str | None,
) -> CohortResult:
    """What everybody in the roster has; attempts of others are left out.

    `course_digest` is that of the newest round, `started` and `finished` its times (RFC 3339 in UTC; None while
    it goes on, or when it was interrupted).
    """
    attempts = tuple(attempts)
    work = judged(cohort, attempts)
    rows = tuple(
        Row(
            student=member.student,
            marks=tuple(_mark(member, lab, labs, work, cohort.counts, course_digest) for lab in labs),
            email=member.email,
            more=dict(member.more),
        )
        for member in cohort.members
    )
    return CohortResult(
        title=cohort.title,
        labs=tuple(_head(lab) for lab in labs),
        rows=rows,
        started=started,
        finished=finished,
        tool_version=tool_version,
        course_digest=course_digest,
        counts=cohort.counts,
        changes=tuple(_changes(cohort, labs, work, course_digest)),
        alike=alike(cohort, labs, attempts),
    )


Work = Mapping[tuple[str, str], Sequence[Judged]]
"""All that was judged, by student and lab, in the order of the rounds."""


def judged(cohort: Cohort, attempts: Iterable[Attempt]) -> Work:
    """Every attempt with its lateness and its grade."""
    found: dict[tuple[str, str], list[Attempt]] = defaultdict(list)
    for attempt in sorted(attempts, key=lambda attempt: attempt.round):
        found[attempt.student, attempt.lab].append(attempt)
    return {key: _judged(cohort, of_one) for key, of_one in found.items()}


def _judged(cohort: Cohort, attempts: Sequence[Attempt]) -> list[Judged]:
    made: list[Judged] = []
    for number, attempt in enumerate(attempts, start=1):
        full = attempt.result.grade if _has_grade(attempt.result) else None
        # Where nothing was there to look at, that we tried late is not that it was handed in late.
        known = attempt.submitted or attempt.result.outcomes
        deadline = cohort.deadlines.get(attempt.lab) if known else None
        late = lateness.hours(attempt, attempts, deadline=deadline)
        penalty = lateness.penalty(full or 0.0, late, cohort.late)
        grade = None if full is None else max(0.0, round(full - penalty, 2))
        made.append(Judged(attempt, number, late, penalty, grade))
    return made


def _has_grade(result: LabResult) -> bool:
    return result.complete and result.possible > 0


def counting(of_one: Sequence[Judged], counts: Counting, course_digest: str) -> Judged | None:
    """The attempt at a lab that counts, of all those of one student; None where there is none.

    What the newest course has judged replaces what older ones did. One without a grade counts only where none
    has any.
    """
    graded = [one for one in of_one if one.grade is not None]
    if not graded:
        return of_one[-1] if of_one else None
    digests = {one.digest for one in graded}
    digest = course_digest if course_digest in digests else graded[-1].digest
    return _chosen([one for one in graded if one.digest == digest], counts)


def _chosen(graded: Sequence[Judged], counts: Counting) -> Judged:
    if counts == "best":
        # Of equals the first one: max keeps it.
        return max(graded, key=lambda one: one.grade or 0.0)
    return graded[0] if counts == "first" else graded[-1]


def folder(student: str, lab: str, labs: Sequence[Lab]) -> str:
    """Where a student's reports lie, relative to the cohort's folder, with `/`."""
    return f"students/{student}" if len(labs) == 1 else f"students/{student}/{lab}"


def _mark(member: Member, lab: Lab, labs: Sequence[Lab], work: Work, counts: Counting, course_digest: str) -> Mark:
    of_one = work.get((member.student.id, lab.id), ())
    one = counting(of_one, counts, course_digest)
    if one is None:
        return Mark(lab=lab.id, grade=None, because=NOT_YET, ours=True)
    result = one.attempt.result
    return Mark(
        lab=lab.id,
        grade=one.grade,
        earned=result.earned,
        possible=result.possible,
        outcomes=_tallies(result),
        not_run=result.not_run,
        because=_because(result) if one.grade is None else Text("", ""),
        ours=one.attempt.ours if one.grade is None else False,
        late=one.late,
        penalty=one.penalty,
        attempt=one.number,
        attempts=len(of_one),
        started=result.started,
        seconds=one.attempt.seconds,
        folder=folder(member.student.id, lab.id, labs),
        notes=(*one.attempt.notes, *_remarks(one, of_one[-1], course_digest)),
    )


def _tallies(result: LabResult) -> tuple[Tally, ...]:
    return tuple(Tally(one.id, one.state, one.points, one.earned, _cut(one.saw)) for one in result.outcomes)


def _cut(words: Text) -> Text:
    def cut(whole: str) -> str:
        return whole if len(whole) <= MOST_CHARACTERS else whole[: MOST_CHARACTERS - 1] + "…"

    return Text(en=cut(words.en), fr=cut(words.fr))


def _because(result: LabResult) -> Text:
    """Why there is no grade."""
    if result.note:
        return result.note
    reasons = wording.why_incomplete(result) or (NOTHING_POSSIBLE,)
    return Text(en=" ".join(reason.en for reason in reasons), fr=" ".join(reason.fr for reason in reasons))


def _remarks(counts: Judged, last: Judged, course_digest: str) -> list[Text]:
    """What a trainer should know where the attempt that counts is not what was looked at last."""
    found: list[Text] = []
    if counts.grade is not None and counts.digest != course_digest:
        found.append(OLDER)
    if counts.grade is not None and last.grade is None:
        why = _because(last.attempt.result)
        en = f"attempt {last.number} ended without a grade ({why.en}); attempt {counts.number} counts"
        fr = f"l’essai {last.number} s’est terminé sans note ({why.fr})\u00a0; l’essai {counts.number} compte"
        found.append(Text(en=en, fr=fr))
    return found


def _head(lab: Lab) -> LabHead:
    return LabHead(lab.id, lab.title, tuple(CheckHead(one.id, one.title, one.points) for one in lab.checks))


def _changes(cohort: Cohort, labs: Sequence[Lab], work: Work, course_digest: str) -> Iterable[Change]:
    """Who gained or lost by what the newest course judges otherwise than the one before it."""
    for lab in labs:
        for member in cohort.members:
            of_one = work.get((member.student.id, lab.id), ())
            older = [one for one in of_one if one.digest != course_digest]
            before, after = (counting(each, cohort.counts, course_digest) for each in (older, of_one))
            if before and after and before.grade != after.grade:
                checks = _otherwise(before.attempt.result, after.attempt.result)
                yield Change(member.student.id, lab.id, before.grade, after.grade, checks)


def _otherwise(before: LabResult, after: LabResult) -> tuple[str, ...]:
    """Ids of the checks that earn something else than they did, or something else can be earned with."""
    worth = [{one.id: (one.earned, one.points) for one in result.outcomes} for result in (after, before)]
    ids = dict.fromkeys([*worth[0], *worth[1]])
    return tuple(name for name in ids if worth[0].get(name) != worth[1].get(name))
