"""Clusters for submissions: made when they are needed, lent to one submission after another, emptied in between.

An idle cluster goes to who waits longest of those whom it fits; only where it fits nobody does it make room for another
one. All that takes long is done by other threads than those that ask.
"""

from __future__ import annotations

import itertools
import os
import tempfile
import threading
from collections.abc import Callable, Generator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Literal

from labgrade import kubeconfig
from labgrade.cluster.api import Api
from labgrade.cohort.practice import claims, inventory
from labgrade.cohort.practice.inventory import Inventory
from labgrade.cohort.practice.wiping import wipe
from labgrade.course import answers
from labgrade.course.manifests import cluster_scoped
from labgrade.errors import HarnessError
from labgrade.kubeconfig import Access
from labgrade.model import Cni, Lab
from labgrade.patience import until
from labgrade.providers import PROVIDERS, ClusterSpec, own
from labgrade.runid import new_run

CLOSE_SECONDS = 900.0
"""What a cluster that is being made gets to come or to fail, once it is not wanted any more; usually a few seconds."""

LAST_TRIES = 3
"""So often the removal of a cluster that nobody makes or uses any more is tried in the end."""

AT_ONCE = max(1, (os.cpu_count() or 1) // 2)
"""So many clusters are made at the same time: it is the processors that it takes."""

CLOSED = "no clusters are lent any more: the grading is being ended"
FILES = "what ran there may have left files on its nodes"
BROKEN_OFF = "the grading on it broke off"


@dataclass(frozen=True, slots=True)
class Lent:
    """A clean cluster, for one submission."""

    name: str
    kubeconfig: Path
    access: Access


@dataclass(frozen=True, slots=True)
class _Want:
    """What kind of cluster somebody needs."""

    cni: Cni
    images: tuple[str, ...]
    config: Path | None = None
    """One of their own, made from this and used once; None: one of the pool's."""


@dataclass(eq=False, slots=True)
class _Asked:
    """Somebody who waits for a cluster."""

    want: _Want
    place: Future[_Place] = field(default_factory=lambda: Future[_Place]())


@dataclass(eq=False)
class _Place:
    """A cluster from the beginning of its making to the end of its removal."""

    want: _Want
    spec: ClusterSpec
    asked: _Asked
    """For whom it is made; who gets it may be another one."""
    state: Literal["making", "idle", "lent", "wiping", "going"] = "making"
    work: Future[None] | None = None
    """What another thread does with it now, or did last."""
    before: Inventory = field(default_factory=dict[inventory.Thing, inventory.Seen])
    """What it held when it was new."""

    @property
    def folder(self) -> Path:
        """Its own, private to the run."""
        return self.spec.kubeconfig.parent

    @cached_property
    def access(self) -> Access:
        """How to reach it, once it is there."""
        return kubeconfig.read(self.spec.kubeconfig)

    @cached_property
    def api(self) -> Api:
        """The pool's own connection."""
        return Api(self.access, self.folder)

    def fits(self, asked: _Asked) -> bool:
        """Whether it is, or once it is made will be, what somebody waits for."""
        if self.want.config or asked.want.config:
            return self.asked is asked
        return self.want.cni == asked.want.cni and set(asked.want.images) <= set(self.want.images)


class Pool:
    """At most `size` clusters at a time; safe to use from several threads. Close it, whatever happens."""

    def __init__(self, size: int, *, say: Callable[[str], None], images: tuple[str, ...] = ()) -> None:
        """`say` hears what becomes of clusters, from several threads; `images` are put onto all nodes."""
        self._size, self._say, self._images = size, say, images
        self._run, self._numbers = new_run(), itertools.count(1)
        self._folder = tempfile.TemporaryDirectory(prefix="labgrade-")
        self._turn, self._room = threading.RLock(), threading.Semaphore(AT_ONCE)
        self._places: list[_Place] = []
        self._asked: list[_Asked] = []
        self._stuck: list[_Place] = []
        self._closed = False
        # As many threads as places: each does one thing at a time.
        self._hands = ThreadPoolExecutor(size, thread_name_prefix="labgrade-pool")
        self._claim = claims.Claim(self._run)
        self._hands.submit(self._clear_abandoned)

    def __enter__(self) -> Pool:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @contextmanager
    def lent(self, lab: Lab, *, spoils: bool = False, config: Path | None = None) -> Generator[Lent]:
        """Waits for a clean cluster that is fit for `lab`, or with `config` for one that is made from that alone.

        `spoils`: what is going to run there can leave traces that the API does not show; the cluster is used no more.
        HarnessError where none can be made or the pool is closed; UsageError where `config` is not one that kind takes.
        """
        images = tuple(dict.fromkeys((*self._images, *lab.images)))
        kinds = frozenset(each.kind for each in cluster_scoped(answers.solution(lab)))
        place = self._taken(_Want(lab.cni, lab.images if config else images, config))
        try:
            yield Lent(place.spec.name, place.spec.kubeconfig, place.access)
        except BaseException:
            self._give_back(place, kinds, BROKEN_OFF)
            raise
        self._give_back(place, kinds, FILES if spoils else "")

    def close(self) -> None:
        """Removes all clusters, those too that are being made or are lent; whoever waits for one gets HarnessError."""
        with self._turn:
            self._closed = True
            waiting, self._asked = self._asked, []
            places, self._places, self._stuck = [*self._places, *self._stuck], [], []
        for asked in waiting:
            asked.place.set_exception(HarnessError(CLOSED))
        # Another thread's work, so that an impatient second Ctrl-C does not keep it from being done.
        ending = threading.Thread(target=self._end_all, args=(places,))
        ending.start()
        ending.join()
        self._hands.shutdown()
        self._claim.release()
        self._folder.cleanup()

    def _clear_abandoned(self) -> None:
        """Removes what a run that was killed has left, to make room for what this one makes."""

        def remove(name: str) -> None:
            self._say(f"removing {name}, which a run that was killed has left")
            PROVIDERS["kind"].stop(name)

        try:
            claims.clear(remove)
        except (HarnessError, OSError) as error:
            self._say(f"what a killed run has left could not be removed: {error}")

    def _taken(self, want: _Want) -> _Place:
        asked = _Asked(want)
        with self._turn:
            if self._closed:
                raise HarnessError(CLOSED)
            self._asked.append(asked)
            self._serve()
        try:
            return asked.place.result()
        except BaseException:
            self._withdraw(asked)
            raise

    def _withdraw(self, asked: _Asked) -> None:
        """For who does not wait any more, as after Ctrl-C; the cluster may have come at the same moment."""
        with self._turn:
            if asked in self._asked:
                self._asked.remove(asked)
            elif asked.place.exception() is None:
                self._give_back(asked.place.result(), frozenset(), "")

    def _serve(self) -> None:
        """Hands idle clusters to those who wait, and begins what is needed for the others; to be called in turn."""
        if self._closed:
            return
        for asked in tuple(self._asked):
            if place := next((each for each in self._places if each.state == "idle" and each.fits(asked)), None):
                self._hand_over(place, asked)
        coming = [each for each in self._places if each.state in {"making", "wiping"}]
        leaving = [each for each in self._places if each.state == "going"]
        for asked in self._asked:
            if expected := next((each for each in coming if each.fits(asked)), None):
                coming.remove(expected)
            elif len(self._places) < self._size:
                self._begin(asked)
            elif leaving:
                leaving.pop()
            elif idle := next((each for each in self._places if each.state == "idle"), None):
                self._say(f"{idle.spec.name} makes room for a cluster of another kind")
                self._send_away(idle)

    def _hand_over(self, place: _Place, asked: _Asked) -> None:
        place.state = "lent"
        self._asked.remove(asked)
        asked.place.set_result(place)

    def _begin(self, asked: _Asked) -> None:
        name = f"labgrade-grade-{self._run}-{next(self._numbers)}"
        want = asked.want
        self._claim.add(name)
        spec = own.described(name, Path(self._folder.name) / name, want.images, cni=want.cni, config=want.config)
        place = _Place(want, spec, asked)
        self._places.append(place)
        place.work = self._hands.submit(self._make, place)

    def _make(self, place: _Place) -> None:
        try:
            with self._room:
                self._start(place)
            if not place.want.config:
                place.before = inventory.settled(place.api)
        except BaseException as error:
            self._not_made(place, error)
            return
        with self._turn:
            if self._closed:
                return
            if place.want.config and place.asked not in self._asked:
                self._send_away(place)  # who wanted it has gone
                return
            place.state = "idle"
            self._serve()

    def _start(self, place: _Place) -> None:
        def say(words: str) -> None:
            self._say(f"{place.spec.name}: {words}")

        place.folder.mkdir(mode=0o700)
        for last in (False, True):
            if self._closed:
                raise HarnessError(CLOSED)
            try:
                PROVIDERS["kind"].start(place.spec, say)
                return
            except HarnessError as error:
                if last or self._closed:
                    raise
                say(f"could not be made and is tried once more: {error}")
                own.remove(PROVIDERS["kind"], place.spec)

    def _not_made(self, place: _Place, error: BaseException) -> None:
        """Tells who asked for it, or where that one has another by now, the next who waits for the same."""
        with suppress(HarnessError):
            own.remove(PROVIDERS["kind"], place.spec)
        with self._turn:
            if self._closed:
                return
            self._places.remove(place)
            for asked in sorted(self._asked, key=lambda each: each is not place.asked):
                if place.fits(asked):
                    self._asked.remove(asked)
                    asked.place.set_exception(error)
                    break
            self._serve()

    def _give_back(self, place: _Place, kinds: frozenset[str], spoilt: str) -> None:
        """Lets it be emptied: `kinds` are those that the lab asks for beside its namespace; `spoilt` says why not."""
        with self._turn:
            if self._closed:
                return
            if place.want.config or spoilt:
                if not place.want.config:
                    self._say(f"{place.spec.name} is replaced: {spoilt}")
                self._send_away(place)
                return
            place.state = "wiping"
            place.work = self._hands.submit(self._clean, place, kinds)

    def _clean(self, place: _Place, kinds: frozenset[str]) -> None:
        try:
            left = wipe(place.api, place.before, asked=kinds)
            why = ", ".join(map(str, left))
        except Exception as error:  # whatever a submission made of it, the next one is not graded there
            why = f"it cannot be emptied: {error}"
        with self._turn:
            if self._closed:
                return
            if why:
                self._say(f"{place.spec.name} is replaced: {why}")
                self._send_away(place)
            else:
                place.state = "idle"
            self._serve()

    def _send_away(self, place: _Place) -> None:
        """To be called in turn."""
        place.state = "going"
        place.work = self._hands.submit(self._remove, place)

    def _remove(self, place: _Place) -> None:
        try:
            own.remove(PROVIDERS["kind"], place.spec)
        except HarnessError as error:
            self._say(f"{place.spec.name} cannot be removed now: {error}")
            self._stuck.append(place)
        with self._turn:
            if not self._closed:
                self._places.remove(place)
                self._serve()

    def _end_all(self, places: Sequence[_Place]) -> None:
        endings = [threading.Thread(target=self._end, args=(place,)) for place in places]
        for ending in endings:
            ending.start()
        for ending in endings:
            ending.join()

    def _end(self, place: _Place) -> None:
        """Removes it, again and again while another thread may still be making it."""
        tries, removed = 0, False

        def ended() -> bool:
            nonlocal tries, removed
            idle = place.work is None or place.work.done()
            tries, removed = tries + idle, False
            with suppress(HarnessError):
                own.remove(PROVIDERS["kind"], place.spec)
                removed = True
            return idle and (removed or tries == LAST_TRIES)

        until(ended, seconds=CLOSE_SECONDS, every=1.0)
        if not removed:
            self._say(f"{place.spec.name} could not be removed: kind delete cluster --name {place.spec.name}")
