"""What a suite asks traffic with."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from labgrade.facts import Node
from labgrade.probe.answer import Answer, Question, RecordType, dns, http, tcp
from labgrade.probe.pod import ProbePod


class Prober:
    """Asks from a probe Pod of the run, once the cluster's objects are not on their way any more."""

    def __init__(self, pod: Callable[[str], ProbePod], before: Callable[[], None]) -> None:
        """`pod` gives the Pod on a node, or for no name the one whose node the scheduler chose.

        `before` is called ahead of every question: there the engine waits for the objects.
        """
        self._pod, self._before, self._node = pod, before, ""
        self.asked: list[str] = []
        """Every question since the list was last cleared and what came of it: evidence, a line each."""

    def on(self, node: Node) -> Prober:
        """The same, asked from a Pod on that node, past scheduler and taints; it begins to start at once."""
        found = Prober(self._pod, self._before)
        found.asked, found._node = self.asked, node.name
        self._pod(node.name)
        return found

    @property
    def ip(self) -> str:
        """The address of its Pod, which listens on TCP port PORT."""
        self._before()
        return self._pod(self._node).ip

    @property
    def node(self) -> str:
        """Name of the node on which its Pod runs."""
        self._before()
        return self._pod(self._node).node

    def ask(self, questions: Sequence[Question]) -> list[Answer]:
        """Many questions at once, answered in order; HarnessError where one finds no sound answer."""
        self._before()
        answers = self._pod(self._node).ask(questions) if questions else []
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
