"""Results that try a report: long, wide, empty, finished, broken off."""

from __future__ import annotations

import dataclasses

from labgrade.home import home
from labgrade.model import STATES, ClusterInfo, LabResult, Outcome, State, Student
from labgrade.result import read
from labgrade.text import Text, text

SAMPLE = read(home() / "reports/samples/result.json")
UNBROKEN = "x" * 400
EVENT = "event Warning FailedScheduling pod/web-0 (7 times, last 2 s ago): 0/3 nodes are available"


def outcome(number: int, state: State, *evidence: str, blocked_by: tuple[str, ...] = ()) -> Outcome:
    """A check worth 2 points, with words of the usual length."""
    return Outcome(
        id=f"check_{number}",
        title=Text(f"Check {number} looks at `deployment/web`", f"La question {number} regarde `deployment/web`"),
        state=state,
        points=2,
        earned=2 if state == "passed" else 0,
        seconds=0.3,
        hint=Text("What does `kubectl get pods` show?", "Que montre `kubectl get pods` ?"),
        saw=Text("pod/web-0 waits for a node", "pod/web-0 attend un nœud"),
        wanted=Text("three Pods that are ready", "trois Pods prêts"),
        try_=text("kubectl get pods -n lab"),
        evidence=evidence,
        blocked_by=blocked_by,
    )


def result(*outcomes: Outcome, not_run: tuple[str, ...] = (), note: Text = SAMPLE.note) -> LabResult:
    """The sample's run with other outcomes; what was not run is worth 2 points each."""
    counted = sum(one.points for one in outcomes if one.state != "skipped")
    possible = counted + 2 * len(not_run)
    return dataclasses.replace(SAMPLE, outcomes=outcomes, possible=possible, not_run=not_run, note=note)


def refused() -> LabResult:
    """Of somebody whose work was never looked at: no cluster, no outcome, and a reason without a full stop."""
    why = Text("web.yaml: reaches the node: leave it out", "web.yaml\u00a0: atteint le nœud\u00a0: retirez-le")
    cluster = ClusterInfo("", "", "")
    return dataclasses.replace(result(not_run=("check_0", "check_1"), note=why), cluster=cluster, run="")


def remarked(*remarks: Text, of: LabResult = SAMPLE) -> LabResult:
    """The sample, of a submission with these remarks; else with one, on a manifest that was not accepted."""
    one = Text("web.yaml was not accepted: no <kind> in it", "web.yaml n'a pas été accepté\u00a0: aucun <kind>")
    return dataclasses.replace(of, remarks=remarks or (one,))


def _unbroken() -> LabResult:
    words = text(UNBROKEN)
    one = dataclasses.replace(outcome(0, "failed", UNBROKEN, f"event Warning {UNBROKEN} {UNBROKEN}"), id=UNBROKEN)
    one = dataclasses.replace(one, title=words, saw=words, wanted=words, try_=words, hint=words)
    long = result(one, outcome(1, "blocked", blocked_by=(UNBROKEN,)), not_run=(UNBROKEN + "y",), note=words)
    cluster = dataclasses.replace(long.cluster, name=UNBROKEN, uid=UNBROKEN, version=UNBROKEN)
    student = Student(UNBROKEN, UNBROKEN)
    long = remarked(words, of=long)
    return dataclasses.replace(long, lab_id=UNBROKEN, lab_title=words, cluster=cluster, student=student, run=UNBROKEN)


RESULTS: dict[str, LabResult] = {
    "sample": SAMPLE,
    "unbroken": _unbroken(),
    "sixty": result(
        outcome(0, "failed", *(f"pod/web-{number}: ready" for number in range(300)), EVENT),
        *(outcome(number, STATES[number % 5], EVENT, blocked_by=("check_0",)) for number in range(1, 60)),
    ),
    "perfect": result(*(outcome(number, "passed", "deployment/web: 3 of 3") for number in range(10))),
    "blocked": result(outcome(0, "failed"), *(outcome(n, "blocked", blocked_by=("check_0",)) for n in range(1, 10))),
    "error": result(*(outcome(number, "error") for number in range(4))),
    "interrupted": result(
        outcome(0, "passed"),
        outcome(1, "failed", EVENT),
        not_run=("check_2", "check_3"),
        note=Text("The run was interrupted.", "L’exécution a été interrompue."),
    ),
    "begun": dataclasses.replace(result(not_run=("check_0", "check_1")), finished=None, student=None),
    "nothing": result(),
    "refused": refused(),
}
"""By name."""
