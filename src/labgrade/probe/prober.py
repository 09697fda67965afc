"""What a suite asks traffic with."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from labgrade.probe.answer import Answer, Question, RecordType, dns, http, tcp
from labgrade.probe.pod import ProbePod


class Prober:
    """Asks from the run's probe Pod, once the cluster's objects are not on their way any more."""

    def __init__(self, pod: Callable[[], ProbePod], before: Callable[[], None]) -> None:
        """`before` is called ahead of every question: there the engine waits for the objects."""
        self._pod, self._before = pod, before
        self.asked: list[str] = []
        """Every question since the list was last cleared and what came of it: evidence, a line each."""

    def ask(self, questions: Sequence[Question]) -> list[Answer]:
        """Many questions at once, answered in order; HarnessError where one finds no sound answer."""
        self._before()
        answers = self._pod().ask(questions) if questions else []
        self.asked += map(str, answers)
        return answers

    def tcp(self, host: str, port: int) -> Answer:
        """Whether a TCP connection opens."""
        return self.ask([tcp(host, port)])[0]

    def http(self, host: str, port: int = 80, path: str = "/", headers: dict[str, str] | None = None) -> Answer:
        """What a GET request is answered with."""
        return self.ask([http(host, port, path, headers)])[0]

    def dns(self, name: str, record: RecordType = "A") -> Answer:
        """What a name stands for in the cluster's DNS."""
        return self.ask([dns(name, record)])[0]
