"""Graded cohorts that try a report: every way a mark can be, hostile names, and many students."""

from __future__ import annotations

from collections.abc import Sequence

from labgrade.cohort.marking.marks import NOT_YET
from labgrade.cohort.model import Alike, Change, CheckHead, CohortResult, LabHead, Mark, Row, Tally
from labgrade.model import FULL_GRADE, State, Student
from labgrade.text import Text

ROLLOUT = LabHead(
    id="sample-rollout",
    title=Text("Rolling out a web server", "Déployer un serveur web"),
    checks=(
        CheckHead("image", Text("`deployment/web` runs the new image", "`deployment/web` a la nouvelle image"), 4),
        CheckHead("replicas", Text("Three Pods are ready", "Trois Pods sont prêts"), 6),
        CheckHead("service", Text("`service/web` leads to them", "`service/web` mène à eux"), 4),
        CheckHead("answers", Text("They answer through it", "Ils répondent par lui"), 6),
    ),
)
POLICIES = LabHead(
    id="sample-policies",
    title=Text("Who may talk to whom", "Qui peut parler à qui"),
    checks=(
        CheckHead("denied", Text("Strangers are kept out", "Les inconnus restent dehors"), 8),
        CheckHead("allowed", Text("The frontend gets in", "Le frontend entre"), 8),
        CheckHead("flows", Text("Hubble shows it", "Hubble le montre"), 4),
    ),
)
LABS = (ROLLOUT, POLICIES)

STATES: dict[str, State] = {"P": "passed", "H": "failed", "F": "failed", "B": "blocked", "S": "skipped", "E": "error"}
SHARES = {"P": 1.0, "H": 0.5}
SAW: dict[State, Text] = {
    "failed": Text("1 of 3 Pods is ready", "1 Pod sur 3 est prêt"),
    "blocked": Text("not tried: mend `image` first", "pas essayée : réparez d’abord `image`"),
    "skipped": Text("hubble-ui is not installed", "hubble-ui n'est pas installé"),
    "error": Text("the cluster did not answer within 30 s", "le cluster n’a pas répondu en 30 s"),
}


def mark(
    lab: LabHead,
    states: str,
    student: str,
    *,
    labs: int = 2,
    penalty: float = 0.0,
    late: float = 0.0,
    attempts: int = 1,
    because: Text = Text("", ""),
    ours: bool = False,
    saw: Text | None = None,
    notes: Sequence[Text] = (),
) -> Mark:
    """One letter for each check: Passed, Half, Failed, Blocked, Skipped, Error; the rest of them was not run."""
    outcomes = tuple(_tally(head, letter, saw) for head, letter in zip(lab.checks, states, strict=False))
    lost = sum(one.points for one in outcomes if one.state == "skipped")
    possible = round(sum(head.points for head in lab.checks) - lost, 2)
    earned = round(sum(one.earned for one in outcomes), 2)
    return Mark(
        lab=lab.id,
        grade=None if because else max(0.0, round(round(earned / possible * FULL_GRADE, 2) - penalty, 2)),
        earned=earned,
        possible=possible,
        outcomes=outcomes,
        not_run=tuple(head.id for head in lab.checks[len(states) :]),
        because=because,
        ours=ours,
        late=late,
        penalty=penalty,
        attempt=attempts,
        attempts=attempts,
        started="2026-01-31T09:00:00Z",
        seconds=12.5,
        folder=f"students/{student}" + (f"/{lab.id}" if labs > 1 else ""),
        notes=tuple(notes),
    )


def _tally(head: CheckHead, letter: str, saw: Text | None) -> Tally:
    state = STATES[letter]
    shown = Text("", "") if state == "passed" else saw or SAW[state]
    return Tally(head.id, state, head.points, round(head.points * SHARES.get(letter, 0.0), 2), shown)


def never(lab: LabHead) -> Mark:
    """Nobody has tried yet."""
    return Mark(lab=lab.id, grade=None, because=NOT_YET, ours=True)


def refused(lab: LabHead, student: str) -> Mark:
    """What was handed in is unsafe, so nothing was looked at."""
    because = Text(
        "the submission is refused: `../../etc/passwd` leaves its folder",
        "le rendu est refusé : `../../etc/passwd` sort de son dossier",
    )
    return mark(lab, "", student, because=because)


def row(student: str, name: str, rollout: Mark, policies: Mark, **more: str) -> Row:
    """A student of the sample; `more` as the roster has it."""
    marks = (rollout, policies)
    return Row(Student(student, name), marks, email=f"{student}@example.org", more=more)


def sample() -> CohortResult:
    """Eight students, two labs, and whatever can become of them."""
    unreachable = Text("1 check could not be looked at: answers", "1 question n’a pas pu être examinée : answers")
    stopped = Text("its 1200 seconds were over", "ses 1200 secondes étaient passées")
    hostile = Text("<img src=x onerror=alert(1)> \x1b[31m", "<img src=x onerror=alert(1)> \x1b[31m")
    applied = Text("the API server refused 03-policy.yaml", "le serveur d’API a refusé 03-policy.yaml")
    rows = (
        row("s001", "Ada Lovelace", mark(ROLLOUT, "PPPP", "s001"), mark(POLICIES, "PPP", "s001", attempts=3)),
        row("s002", "Zoé Œuvrard", mark(ROLLOUT, "PHPF", "s002"), mark(POLICIES, "PFS", "s002")),
        row(
            "s003",
            "<script>alert('x')</script>",
            mark(ROLLOUT, "FBBB", "s003", saw=hostile),
            mark(POLICIES, "PPF", "s003", late=30.5, penalty=3.2, notes=(applied,)),
            username="</td><b>",
        ),
        row(
            "s004",
            '=CMD("calc")!A0',
            mark(ROLLOUT, "PPPE", "s004", because=unreachable, ours=True),
            mark(POLICIES, "P", "s004", because=stopped, attempts=2),
            section="+1",
        ),
        row("s005", "Eve \u202etxet", refused(ROLLOUT, "s005"), mark(POLICIES, "FBB", "s005")),
        row("s006", 'Yılmaz, "Ünsal"; Jr', never(ROLLOUT), never(POLICIES)),
        row("s007", "-2+3", mark(ROLLOUT, "PPPP", "s007"), mark(POLICIES, "HPP", "s007"), canvas_id="1007"),
        row("s008", "@SUM(1+1)\x07", mark(ROLLOUT, "PPPP", "s008"), mark(POLICIES, "HPP", "s008"), canvas_id="1008"),
    )
    return CohortResult(
        title="Kubernetes, <b>winter</b> & spring",
        labs=LABS,
        rows=rows,
        started="2026-01-31T09:00:00Z",
        finished="2026-01-31T09:14:02Z",
        tool_version="0.1.0",
        course_digest="sha256:" + "ab" * 32,
        counts="best",
        changes=(
            Change("s002", "sample-rollout", 14.0, 11.0, ("replicas",)),
            Change("s001", "sample-policies", 16.0, 20.0, ("flows",)),
            Change("s008", "sample-policies", None, 16.0, ("denied", "allowed", "flows")),
        ),
        alike=(
            Alike("cluster", "sample-rollout", ("s007", "s008")),
            Alike("submission", "sample-policies", ("s003", "s007", "s008")),
        ),
    )


def large(students: int = 1000, checks: int = 10) -> CohortResult:
    """So many students with one lab of so many checks; the same at every call."""
    heads = tuple(
        CheckHead(f"check_{n}", Text(f"Question {n} of the lab", f"Question {n} du TP"), round(FULL_GRADE / checks, 2))
        for n in range(checks)
    )
    lab = LabHead("sample-large", Text("A large lab", "Un grand TP"), heads)
    return CohortResult(
        title="A large cohort",
        labs=(lab,),
        rows=tuple(_one_of_many(number, lab) for number in range(students)),
        started="2026-01-31T09:00:00Z",
        finished="2026-01-31T10:00:00Z",
        tool_version="0.1.0",
        course_digest="sha256:" + "cd" * 32,
    )


def _one_of_many(number: int, lab: LabHead) -> Row:
    student = f"s{number:04}"
    # Later checks are harder, and every student has a strength of their own; every 50th could not be graded.
    letters = ["PPPHFB"[min(5, (number * 7 + place * place) % (3 + place))] for place in range(len(lab.checks))]
    because = Text("", "")
    if number % 50 == 49:
        letters[-1] = "E"
        because = Text("1 check could not be looked at", "1 question n’a pas pu être examinée")
    saw = Text(f"deployment/web: {number % 3} of 3 Pods are ready", f"deployment/web : {number % 3} Pods prêts sur 3")
    one = mark(lab, "".join(letters), student, labs=1, because=because, ours=bool(because), saw=saw)
    return Row(Student(student, f"Given{number} Family{number}"), (one,), email=f"{student}@example.org")
