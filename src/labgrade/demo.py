"""`make demo`: the product at work on a real cluster, from nothing to full marks."""

from __future__ import annotations

import sys

from labgrade import cli, course
from labgrade.cluster import target, workspace
from labgrade.course import answers
from labgrade.errors import HarnessError, UsageError
from labgrade.model import Lab

LAB = "b01-deployment-labels"
MISTAKE = "service-selects-nothing"


def main() -> int:
    """Makes the practice cluster and grades the starting state, a wrong answer and the reference answer."""
    try:
        return _demo(course.find(None).lab(LAB))
    except (HarnessError, UsageError) as error:
        print(f"demo: {error}", file=sys.stderr)
        return cli.HARNESS


def _demo(lab: Lab) -> int:
    _say("1. The practice cluster: labgrade up")
    if code := cli.main(["up"]):
        return code
    _say(f"2. A lab is started, and graded before anything is done: labgrade start {LAB}; labgrade check {LAB}")
    started = cli.main(["start", LAB, "--reset", "--yes", "--quiet"])
    before = cli.main(["check", LAB, "--yes"])
    _say(f"3. A typical wrong answer ({MISTAKE.replace('-', ' ')}), and what is said of it")
    _apply(lab, answers.mistake(lab, MISTAKE))
    wrong = cli.main(["check", LAB, "--yes"])
    _say("4. The reference answer")
    cli.main(["start", LAB, "--reset", "--yes", "--quiet"])
    _apply(lab, answers.solution(lab))
    right = cli.main(["check", LAB, "--yes"])
    _say("The cluster stays for you: labgrade start LAB, labgrade check LAB; `make down` removes it.")
    expected = (cli.FINE, cli.FINDINGS, cli.FINDINGS, cli.FINE)
    return cli.FINE if (started, before, wrong, right) == expected else cli.HARNESS


def _apply(lab: Lab, answer: answers.Answer) -> None:
    with workspace.opened(target.resolve(None, None), lab.namespace) as place:
        answers.apply(answer, lab.namespace, place.environment)


def _say(words: str) -> None:
    print(f"\n=== {words}\n", flush=True)


if __name__ == "__main__":
    sys.exit(main())
