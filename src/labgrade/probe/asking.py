"""Questions put to a probe program somewhere: what was lost on the way is asked again, never taken for an answer."""

from __future__ import annotations

import json
import secrets
from collections.abc import Callable, Sequence

from labgrade.cluster.remote import Completed
from labgrade.errors import HarnessError
from labgrade.model import Json
from labgrade.patience import pause
from labgrade.probe.answer import SILENCE_SECONDS, Answer, Question

TRIES = 3
"""How often questions without an answer are asked again before they end in `error`."""

AGAIN_SECONDS = 0.5
"""Before they are asked again."""

WORD_LENGTH = 50_000
"""Linux takes no argument of more than 128 KiB; a request's path holds it percent-encoded."""

Run = Callable[[list[str], float], Completed]
"""Runs the probe program with these arguments for at most so many seconds."""


def ask(run: Run, questions: Sequence[Question], source: str) -> list[Answer]:
    """The answers, in order, all asked at once in one run of the program; `source` is who asks.

    HarnessError where a question stays without a sound answer.
    """
    answers: dict[int, Answer] = {}
    problem = ""
    for _ in range(TRIES):
        left = [index for index in range(len(questions)) if index not in answers]
        try:
            found = _once(run, [questions[index] for index in left], source)
        except HarnessError as error:
            problem = str(error)
            pause(AGAIN_SECONDS)
            continue
        answers |= {left[n]: answer for n, answer in found.items() if answer.verdict != "inconclusive"}
        if len(answers) == len(questions):
            return [answers[index] for index in range(len(questions))]
        problem = next((answer.detail for answer in found.values() if answer.verdict == "inconclusive"), problem)
    open_ones = [q.words for i, q in enumerate(questions) if i not in answers]
    more = f" and {len(open_ones) - 3} more" if len(open_ones) > 3 else ""
    raise HarnessError(f"the probe could not find out: {', '.join(open_ones[:3])}{more} ({problem or 'no answer'})")


def _once(run: Run, questions: Sequence[Question], source: str) -> dict[int, Answer]:
    nonce, words = secrets.token_hex(8), json.dumps([q.data for q in questions], separators=(",", ":"))
    pieces = [words[at : at + WORD_LENGTH] for at in range(0, len(words), WORD_LENGTH)]
    done = run(["ask", nonce, *pieces], 20 + SILENCE_SECONDS + 0.05 * len(questions))
    # Not splitlines: it also divides at characters that JSON leaves as they are, such as U+0085.
    *lines, last = done.stdout.removesuffix("\n").split("\n")
    if done.code or last != f"{nonce} {len(lines)}":
        raise HarnessError(f"the probe ended early (exit code {done.code}): {done.stderr.strip()[-300:]}")
    found = (json.loads(line) for line in lines)
    return {data["index"]: _answer(questions[data["index"]], source, data) for data in found}


def _answer(question: Question, source: str, data: Json) -> Answer:
    return Answer(
        question=question.words,
        source=source,
        verdict=data["verdict"],
        seconds=data["seconds"],
        status=data.get("status", 0),
        body=data.get("body", ""),
        addresses=tuple(data.get("addresses") or ()),
        detail=data.get("detail", ""),
        headers=data.get("headers") or {},
        certificate=data.get("certificate") or {},
    )
