"""Who is proven where: which cases share a cluster, which go one after another, which have a cluster of their own."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from labgrade.course.answers import Answer
from labgrade.course.manifests import cluster_scoped
from labgrade.grading.proof import Case
from labgrade.model import CNIS, Cni

NONE: frozenset[str] = frozenset()
"""Of cluster-scoped kinds, where nobody is to put anything back."""


@dataclass(frozen=True, slots=True)
class Chain:
    """Cases that write the same cluster-scoped kinds, and so go one after another."""

    kinds: frozenset[str]
    cases: tuple[Case, ...]


@dataclass(frozen=True, slots=True)
class Shared:
    """What shares one cluster, and when."""

    cni: Cni
    together: tuple[Case, ...]
    """Several at once."""
    chains: tuple[Chain, ...]
    """Then several chains at once: a default class, say, is everybody's."""

    @property
    def cases(self) -> tuple[Case, ...]:
        """All cases of the cluster."""
        return (*self.together, *(case for chain in self.chains for case in chain.cases))


@dataclass(frozen=True, slots=True)
class Plan:
    """Who goes where."""

    alone: tuple[Chain, ...]
    """Each on a cluster of its own, as the answers of its cases describe it; one after another, beside all the rest."""
    shared: tuple[Shared, ...]
    """One for each Pod network that some case needs; one after another, since each takes gigabytes."""


def plan(cases: Iterable[Case]) -> Plan:
    """Who goes where. UsageError where an answer cannot be read."""
    all_of_them = [(case, case.answer) for case in cases]
    sharing = [(case, answer) for case, answer in all_of_them if not answer.cluster]
    alone = [(case, answer) for case, answer in all_of_them if answer.cluster]
    shared = (_shared(cni, [each for each in sharing if each[0].lab.cni == cni]) for cni in CNIS)
    return Plan(
        alone=_alone(alone),
        shared=tuple(each for each in shared if each.cases),
    )


def _alone(cases: Sequence[tuple[Case, Answer]]) -> tuple[Chain, ...]:
    """One chain for the cases of a lab whose clusters are made and set up alike, to the letter.

    Without a set-up of its own a case is alone: its steps may do anything to its cluster.
    """
    groups: dict[tuple[object, ...], list[tuple[Case, Answer]]] = {}
    for case, answer in cases:
        alike = [path.read_bytes() for path in (answer.cluster, answer.setup) if path] if answer.setup else [case.name]
        groups.setdefault((case.lab.id, *alike), []).append((case, answer))
    return tuple(
        Chain(
            frozenset(each.kind for _, answer in group for each in cluster_scoped(answer)) if len(group) > 1 else NONE,
            tuple(case for case, _ in group),
        )
        for group in groups.values()
    )


def _shared(cni: Cni, cases: Sequence[tuple[Case, Answer]]) -> Shared:
    writes: dict[str, frozenset[str]] = {}
    for case, answer in cases:
        written = {each.kind for each in cluster_scoped(answer)}
        writes[case.lab.id] = writes.get(case.lab.id, frozenset()) | written
    return Shared(
        cni,
        together=tuple(case for case, _ in cases if not writes[case.lab.id]),
        chains=_chains(
            Chain(kinds, tuple(case for case, _ in cases if case.lab.id == lab))
            for lab, kinds in writes.items()
            if kinds
        ),
    )


def _chains(of_labs: Iterable[Chain]) -> tuple[Chain, ...]:
    """One chain for all labs that have a kind in common."""
    chains: list[Chain] = []
    for new in of_labs:
        joined = [chain for chain in chains if chain.kinds & new.kinds]
        kinds = new.kinds.union(*(chain.kinds for chain in joined))
        cases = (*(case for chain in joined for case in chain.cases), *new.cases)
        chains = [*(chain for chain in chains if chain not in joined), Chain(kinds, cases)]
    return tuple(chains)
