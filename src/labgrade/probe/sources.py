"""Everybody who can be asked to try traffic in one run: each starts once, and all are removed together."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping, Sequence
from functools import cached_property
from typing import Protocol, TypeVar

from labgrade.cluster.api import Api
from labgrade.cluster.ours import OwnNamespace, labels
from labgrade.errors import HarnessError
from labgrade.facts import Pod
from labgrade.probe.adopting import adopters
from labgrade.probe.answer import Answer, Question
from labgrade.probe.borrowed import BorrowedPod
from labgrade.probe.outside import Outside
from labgrade.probe.pod import ProbePod
from labgrade.probe.program import Program


class Source(Protocol):
    """Somebody who tries traffic."""

    @property
    def name(self) -> str:
        """As a report names it."""
        ...

    @property
    def ip(self) -> str:
        """Its address; HarnessError where it has none, or cannot run."""
        ...

    @property
    def node(self) -> str:
        """Name of the node that it runs on; HarnessError where it cannot run."""
        ...

    def ask(self, questions: Sequence[Question], /) -> list[Answer]:
        """The answers, in order; HarnessError where there is none, Unmet where that is the student's doing."""
        ...

    def remove(self) -> None:
        """Clears away what it can."""
        ...


S = TypeVar("S", bound=Source)


class Sources:
    """Makes each source once, by what it is."""

    def __init__(self, api: Api, run: str, program: Callable[[], Program]) -> None:
        """`api`: the cluster. `program` says what runs in its Pods; it is asked once, when the first one starts."""
        self.api, self._run, self._choose = api, run, program
        self._made: dict[tuple[object, ...], Source] = {}
        self._turn = threading.Lock()
        self.namespace = OwnNamespace(api, run)
        self._hosts = OwnNamespace(api, run, part="nodes", level="privileged")

    def own(self, node: str = "", bearing: Mapping[str, str] | None = None) -> ProbePod:
        """A Pod in a namespace of ours, on that node or where the scheduler likes, with these labels."""
        marks = dict(bearing or {})
        return self._once(
            ("own", node, *sorted(marks.items())),
            lambda number: ProbePod(
                self.api,
                self._run,
                self.program,
                self.namespace,
                name=f"probe-{number}" if number else "probe",
                bearing=marks,
                pinned_to=node,
            ),
        )

    def host(self, node: str) -> ProbePod:
        """The node itself: a Pod of ours in its network."""
        return self._once(
            ("host", node),
            lambda number: ProbePod(
                self.api,
                self._run,
                self.program,
                self._hosts,
                name=f"probe-{number}",
                pinned_to=node,
                host_network=True,
            ),
        )

    def within(self, namespace: str) -> ProbePod:
        """A Pod with no labels but ours in somebody else's namespace.

        HarnessError where a Service or a controller there would take it for one of its own.
        """
        return self._once(("within", namespace), lambda _: self._among(namespace))

    def borrowed(self, pod: Pod) -> BorrowedPod:
        """A student's own Pod."""
        return self._once(("borrowed", pod.uid, pod.name), lambda _: BorrowedPod(self.api, pod, self.program))

    def outside(self) -> Outside:
        """The machine that labgrade runs on."""
        return self._once(("outside",), lambda _: Outside())

    def remove(self) -> None:
        """Removes all of them, without waiting for them to be gone; HarnessError for the first that could not be."""
        failures: list[HarnessError] = []
        for each in (*self._made.values(), self.namespace, self._hosts):
            try:
                each.remove()
            except HarnessError as error:
                failures.append(error)
        if failures:
            raise failures[0]

    @cached_property
    def program(self) -> Program:
        """What runs in its Pods."""
        return self._choose()

    def _among(self, namespace: str) -> ProbePod:
        if found := adopters(self.api, namespace, labels(self._run)):
            raise HarnessError(f"{found[0]} in namespace {namespace} would take a probe Pod for one of its own")
        return ProbePod(self.api, self._run, self.program, namespace, name=f"labgrade-{self._run}")

    def _once(self, key: tuple[object, ...], make: Callable[[int], S]) -> S:
        """`make` gets how many there are already of that sort."""
        with self._turn:
            if key not in self._made:
                self._made[key] = make(sum(each[0] == key[0] for each in self._made))
            return self._made[key]  # type: ignore[return-value]
