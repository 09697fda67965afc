"""Traffic gathered once for many checks: like the cluster's objects, it is looked at once and judged often."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor

from labgrade.errors import HarnessError
from labgrade.patience import monotonic
from labgrade.probe.answer import Answer, Question
from labgrade.probe.sources import Source

AT_ONCE = 25
"""Sources that are asked at the same time: each holds a stream through the API server."""

STAYS_SECONDS = 1.0
"""For so long, what is blocked must stay so."""

Asked = tuple[Source, Question]


class Gathering:
    """What was asked of one reading of the cluster."""

    def __init__(self, followed: Callable[[], None] = lambda: None) -> None:
        """`followed` is called where the network is known to have followed the objects of the reading."""
        self._followed = followed
        self._reading = -1
        self._answers: dict[Asked, Answer | Exception] = {}
        self._quiet: set[Asked] = set()
        self._in_force: bool | None = None

    def await_policies(self, in_force: Callable[[], bool]) -> None:
        """Waits once a reading until its policies are `in_force`, which tells whether that is known for sure."""
        if self._in_force is None:
            self._in_force = in_force()
        if self._in_force:
            self._followed()

    def of(self, reading: int) -> None:
        """Forgets what was asked of an earlier reading."""
        if reading != self._reading:
            self._reading = reading
            self._answers.clear()
            self._quiet.clear()
            self._in_force = None
        if self._in_force:
            self._followed()

    def ask(self, wanted: Iterable[Asked]) -> None:
        """Asks what was not asked yet: all sources at the same time, each for everything in one go."""
        self._ask([asked for asked in wanted if asked not in self._answers])

    def answer(self, asked: Asked) -> Answer:
        """What came of it; raises what its source raised."""
        found = self._answers[asked]
        if isinstance(found, Exception):
            raise found
        return found

    def unheld(self, wanted: Iterable[Asked]) -> list[Asked]:
        """What has not been seen to stay silent, of all that ever was silent."""
        silent = (asked for asked in wanted if self._verdict(asked) == "dropped")
        return [asked for asked in silent if asked not in self._quiet]

    def hold(self, wanted: Collection[Asked]) -> None:
        """Asks again and again for STAYS_SECONDS, at least once; what is not silent all the time keeps that answer.

        One attempt each time: the one that is answered counts.
        """
        end, left = monotonic() + STAYS_SECONDS, set(wanted)
        while left:
            self._ask(left, attempts=1)
            left = {asked for asked in left if self._verdict(asked) == "dropped"}
            if monotonic() >= end:
                break
        self._quiet |= left

    def _verdict(self, asked: Asked) -> str:
        found = self._answers[asked]
        return found.verdict if isinstance(found, Answer) else ""

    def _ask(self, wanted: Collection[Asked], attempts: int | None = None) -> None:
        by_source: dict[Source, list[Question]] = {}
        for source, question in wanted:
            by_source.setdefault(source, []).append(question)

        def ask(source: Source) -> Sequence[Answer | Exception]:
            questions = by_source[source]
            try:
                return source.ask([question.tried(attempts) if attempts else question for question in questions])
            except (HarnessError, AssertionError) as error:
                return [error] * len(questions)

        with ThreadPoolExecutor(max(1, min(AT_ONCE, len(by_source)))) as pool:
            for source, answers in zip(by_source, pool.map(ask, by_source), strict=True):
                self._answers |= zip(((source, question) for question in by_source[source]), answers, strict=True)
