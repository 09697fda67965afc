"""The same work under several names: pointed out, never judged."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from typing import Literal

from labgrade.cohort.model import Alike, Attempt, BySubmission, Cohort, Member
from labgrade.model import Lab

What = Literal["cluster", "submission"]


def alike(cohort: Cohort, labs: Sequence[Lab], attempts: Iterable[Attempt]) -> tuple[Alike, ...]:
    """Who handed in the same files for a lab, or had the same part of the same cluster graded, in any round."""
    members = {member.student.id: member for member in cohort.members}
    order = {student: place for place, student in enumerate(members)}
    by_id = {lab.id: lab for lab in labs}
    places = {lab: place for place, lab in enumerate(by_id)}
    groups: dict[tuple[str, What, tuple[str, ...]], set[str]] = defaultdict(set)
    for attempt in attempts:
        if attempt.student in members and attempt.lab in by_id:
            for what, key in _signs(attempt, members[attempt.student], by_id[attempt.lab]):
                groups[attempt.lab, what, key].add(attempt.student)
    found = [
        Alike(what, lab, tuple(sorted(group, key=order.__getitem__)))
        for (lab, what, _), group in groups.items()
        if len(group) > 1
    ]
    # Two who shared more than one piece of work are named once.
    return tuple(sorted(dict.fromkeys(found), key=lambda one: (places[one.lab], one.what, order[one.students[0]])))


def _signs(attempt: Attempt, member: Member, lab: Lab) -> Iterator[tuple[What, tuple[str, ...]]]:
    """What two have in common only where their work is the same."""
    if attempt.submission:
        yield "submission", (attempt.submission,)
    elif not isinstance(member.source, BySubmission) and attempt.result.cluster.uid:
        # A cluster of the trainer's in which everybody has a namespace is one cluster and many works.
        yield "cluster", (attempt.result.cluster.uid, member.source.namespace or lab.namespace)
