"""The probe program, played: what it prints by its protocol, and what becomes of that on the way."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable

from labgrade.cluster.remote import Completed
from labgrade.errors import HarnessError
from labgrade.model import Json

Outcome = tuple[int | None, str, str]
"""Exit code (None: lost on the way), standard output and standard error."""

Reply = Callable[[list[Json], str], Outcome]
"""What comes of questions that were asked with a nonce."""


def answer(index: int, verdict: str, **more: object) -> Json:
    """One answer of the program's."""
    return {"index": index, "verdict": verdict, "seconds": 0.01, **more}


def printed(*answers: Json, nonce: str) -> str:
    """What the program prints."""
    lines = [json.dumps(each, ensure_ascii=False) for each in answers]
    return "".join(f"{line}\n" for line in [*lines, f"{nonce} {len(lines)}"])


def whole(*answers: Json) -> Reply:
    """A run that comes through."""
    return lambda _questions, nonce: (0, printed(*answers, nonce=nonce), "")


def every(verdict: str) -> Reply:
    """A run that finds the same about every question."""
    return lambda questions, nonce: whole(*(answer(n, verdict) for n in range(len(questions))))(questions, nonce)


class Played:
    """Plays the program: one reply after another, the last one again and again."""

    def __init__(self, *replies: Reply) -> None:
        self.asked: list[list[Json]] = []
        self.commands: list[list[str]] = []
        self.pods: list[str] = []
        self._replies, self._turn = list(replies), threading.Lock()

    def exec(self, pod: str, command: list[str]) -> Outcome:
        """For an ApiServer's `exec`."""
        nonce, *pieces = command[command.index("ask") + 1 :]
        questions: list[Json] = json.loads("".join(pieces))
        with self._turn:
            self.asked.append(questions)
            self.commands.append(command)
            self.pods.append(pod)
            reply = self._replies.pop(0) if len(self._replies) > 1 else self._replies[0]
        return reply(questions, nonce)

    def run(self, words: list[str], _seconds: float) -> Completed:
        """For `asking.ask`: likewise without a cluster."""
        code, out, err = self.exec("", words)
        if code is None:
            raise HarnessError("a command in pod/probe ended without telling its exit code")
        return Completed(code, out, err)
