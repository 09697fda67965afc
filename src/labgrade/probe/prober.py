"""What a suite asks traffic with."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from labgrade.errors import HarnessError
from labgrade.facts import Node, Pod
from labgrade.probe.answer import Answer, Question, RecordType, dns, http, tcp, udp
from labgrade.probe.enforcement import Enforcement
from labgrade.probe.flows import flows
from labgrade.probe.gathering import Asked, Gathering
from labgrade.probe.sources import Source, Sources
from labgrade.probe.table import Cell, Table

NOTED_SECONDS = 20.0
NOTED_LINES = 4


class Prober:
    """Asks from one source, a Pod of the run's own unless told otherwise, once the cluster's objects are settled."""

    def __init__(
        self, sources: Sources, enforcement: Enforcement, before: Callable[[], int], gathering: Gathering | None = None
    ) -> None:
        """`before` is called ahead of questions: it waits for objects, and tells which reading of them this is."""
        self._sources, self._enforcement, self._before = sources, enforcement, before
        self._gathering = gathering or Gathering()
        self._source: Callable[[], Source] = sources.own
        self.pod: Pod | None = None
        """The student's Pod as which it asks; None for every other source."""
        self.asked: list[str] = []
        """What was asked since the list was last cleared and what came of it: evidence, a line each."""

    def on(self, node: Node) -> Prober:
        """From a Pod of ours on that node, past scheduler and taints; like all others, it begins to start at once."""
        return self._as(lambda: self._sources.own(node.name))

    def at(self, node: Node) -> Prober:
        """From the node itself."""
        return self._as(lambda: self._sources.host(node.name))

    def outside(self) -> Prober:
        """From this machine, outside the cluster."""
        return self._as(self._sources.outside)

    def bearing(self, labels: Mapping[str, str]) -> Prober:
        """From a Pod of ours with these labels, in a namespace of ours."""
        return self._as(lambda: self._sources.own(bearing=labels))

    def within(self, namespace: str) -> Prober:
        """From a Pod of ours in somebody's namespace, with no labels but ours."""
        return self._as(lambda: self._sources.within(namespace))

    def as_pod(self, pod: Pod) -> Prober:
        """As a student's own Pod: with its address and labels, and so with all that it may and may not."""
        found = self._as(lambda: self._sources.borrowed(pod))
        found.pod = pod
        return found

    @property
    def name(self) -> str:
        """Of its Pod, or of whatever else it asks from."""
        return self._source().name

    @property
    def ip(self) -> str:
        """The address of its Pod, which listens on PORT and OTHER_PORT if it is one of ours."""
        self._before()
        return self._source().ip

    @property
    def node(self) -> str:
        """Name of the node on which its Pod runs."""
        self._before()
        return self._source().node

    def ask(self, questions: Sequence[Question]) -> list[Answer]:
        """Many questions at once, answered in order; HarnessError where one finds no sound answer.

        Unmet where the student keeps a probe out that is to ask as one of their Pods, or among them.
        """
        self._before()
        answers = self._source().ask(questions) if questions else []
        self.asked += map(str, answers)
        return answers

    def tcp(self, host: str, port: int) -> Answer:
        """Whether a TCP connection opens."""
        return self.ask([tcp(host, port)])[0]

    def udp(self, host: str, port: int) -> Answer:
        """Whether a datagram is answered."""
        return self.ask([udp(host, port)])[0]

    def http(self, host: str, port: int = 80, path: str = "/", headers: Mapping[str, str] | None = None) -> Answer:
        """What a GET request is answered with."""
        return self.ask([http(host, port, path, headers)])[0]

    def dns(self, name: str, record: RecordType = "A") -> Answer:
        """What a name stands for in the cluster's DNS."""
        return self.ask([dns(name, record)])[0]

    def table(self, rows: Mapping[str, Prober], columns: Mapping[str, Question]) -> Table:
        """Every row asked every question at the same time; raises as `ask` does."""
        table = Table(self.cells({(row, name): (rows[row], columns[name]) for row in rows for name in columns}))
        self.asked.append(table.seen())
        return table

    def cells(self, flows: Flows, *, beside: Flows | None = None) -> dict[Cell, Answer]:
        """Flows asked at the same time, all those of one source in one go; raises as `ask` does.

        What was asked of the same reading of the cluster already is not asked again. `beside`: what other checks are
        about to ask, asked along with it; what goes wrong with these is nobody's concern yet. No evidence is noted.
        """
        self._gathering.of(self._before())
        self._gathering.ask(_asked({**(beside or {}), **flows}))
        return {cell: self._gathering.answer(asked) for cell, asked in zip(flows, _asked(flows), strict=True)}

    def stays_blocked(self, flows: Flows, *, beside: Flows | None = None) -> dict[Cell, Answer]:
        """Those of these flows that were not silent now and in a short window; good where there is none.

        The window opens once all policies are known to be in force. `beside` as for `cells`.
        """
        self._gathering.of(self._before())
        everything = _asked({**(beside or {}), **flows})
        self._gathering.ask(everything)
        if unheld := self._gathering.unheld(everything):
            self._gathering.await_policies(self._enforcement.in_force)
            self._gathering.hold(unheld)
        found = {cell: self._gathering.answer(asked) for cell, asked in zip(flows, _asked(flows), strict=True)}
        return {cell: answer for cell, answer in found.items() if answer.verdict != "dropped"}

    def in_force(self) -> None:
        """Returns once the policies that are there are enforced; HarnessError where that does not come about.

        It is found out once for each reading of the cluster.
        """
        self._gathering.of(self._before())
        self._gathering.await_policies(self._enforcement.in_force)

    def require_enforcement(self) -> None:
        """Policies have an effect on this cluster.

        HarnessError where it does not; Unmet where that is so on a cluster that is the student's own work.
        """
        self._enforcement.require()

    def noted(self, host: str, port: int) -> tuple[str, ...]:
        """The last that Hubble noted of this source's way there, a line each; empty where there is no Hubble.

        Empty also where this source has no address to be found by.
        """
        try:
            address = self._source().ip
        except HarnessError:
            return ()
        found = flows(self._sources.api, source_ip=address, target_ip=host, port=port, seconds=NOTED_SECONDS)
        return tuple(map(str, found[-NOTED_LINES:]))

    def _as(self, source: Callable[[], Source]) -> Prober:
        source()
        found = Prober(self._sources, self._enforcement, self._before, self._gathering)
        found.asked, found._source = self.asked, source
        return found


Flows = Mapping[Cell, tuple[Prober, Question]]
"""Who asks what, each with its place in a table."""


def _asked(flows: Flows) -> list[Asked]:
    return [(prober._source(), question) for prober, question in flows.values()]  # pyright: ignore[reportPrivateUsage]
