"""Judging the way a controller reconciles: again on every change, until it holds or the cluster is settled.

One `Reconciler` serves a whole session, so ten wrong answers share one wait. What disturbs the cluster calls
`disturbed()`, after which there is something to wait for again.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import TypeVar

from labgrade.cluster.watching import Watching
from labgrade.facts import Cluster, Snapshot
from labgrade.grading.settle import on_its_way, untried
from labgrade.patience import Alarm, monotonic, until_passes

T = TypeVar("T")
log = logging.getLogger(__name__)

QUIET_SECONDS = 1.0
"""Without a change for so long, and with nothing on its way, the cluster is settled."""

CONVERGENCE_SECONDS = 3.0
"""What kube-proxy, DNS caches and CNIs get to follow a settled cluster: they emit no API event."""

PROBE_PAUSE_SECONDS = 0.5

UNTOUCHED = timedelta(seconds=10)
"""What was last changed so long ago has been quiet, and followed, before anybody looked."""

BRIEF_QUIET_SECONDS = 0.3
BRIEF_CONVERGENCE_SECONDS = 0.6
"""What untouched objects get all the same, since a deletion leaves no trace: long enough to ask once more."""


class Reconciler:
    """The session's shared patience with a cluster."""

    def __init__(
        self,
        cluster: Cluster,
        snapshot: Snapshot,
        watching: Watching,
        alarm: Alarm,
        *,
        now: Callable[[], datetime],
        timeout: float,
        nodes: bool = False,
    ) -> None:
        """`timeout`: seconds from the start, and from each disturbance, after which the cluster counts as it is.

        `nodes`: whether nodes that join are waited for, too.
        """
        self._cluster, self._snapshot, self._watching, self._alarm = cluster, snapshot, watching, alarm
        self._now, self._timeout, self._nodes = now, timeout, nodes
        self._reading = 0
        self._starting = 0.0
        self.disturbed()

    def disturbed(self) -> None:
        """Forget what was read and known: we, or time, changed the cluster."""
        self._watching.stop()
        self._snapshot.forget()
        self._reading += 1
        self._deadline = monotonic() + self._timeout
        self._quiet_since = monotonic()
        self._settled_at: float | None = None
        self._probed = False
        self._reworded = False

    @property
    def settled(self) -> bool:
        """Whether waiting for the API's objects has ended."""
        return self._settled_at is not None

    def probing(self) -> int:
        """To be called before traffic is tried: waits while objects are on their way, and marks the question.

        What was asked by traffic is asked again only when the objects have settled, and then for a short while.
        Returns which reading of the cluster this is: within one, traffic is as it was.
        """
        self._probed = True
        self.calm_down()
        return self._reading

    def followed(self) -> None:
        """To be called where the network is known to have followed all objects: traffic is final, as they are."""
        self._probed = False

    def calm_down(self) -> None:
        """Waits while objects are on their way, such as those that an earlier check set in motion."""
        while not self.settled and self._pending() and self._wait_for_change():
            pass

    def until_met(self, judge: Callable[[], T], *, starting: float = 0.0) -> T:
        """`judge`'s value; its AssertionError once nothing more is to be waited for.

        `starting`: the seconds that containers get at least to become ready, from their start.
        """
        __tracebackhide__ = True
        self._probed, self._starting = False, starting
        return until_passes(judge, again=self._again)

    def _again(self) -> bool:
        if self._probed:
            return self._again_after_traffic()
        # A last look once settled, where the words came from events: those of the quiet moment are the telling ones.
        return not self.settled and (self._wait_for_change() or self._forget_words())

    def _again_after_traffic(self) -> bool:
        while not self.settled and self._wait_for_change():
            pass
        window = BRIEF_CONVERGENCE_SECONDS if self._untouched() else CONVERGENCE_SECONDS
        left = (self._settled_at or 0) + window - monotonic()
        if left <= 0:
            return False
        self._alarm.wait(min(left, PROBE_PAUSE_SECONDS))
        self._apply_changes()
        self._snapshot.forget_unfollowed()
        self._reading += 1  # the network followed, perhaps, without a change in any object
        return True

    def _wait_for_change(self) -> bool:
        """Waits on watches; False when the cluster settled, or the deadline passed, without a change."""
        self._follow()
        while True:
            # Asked for, not only waited for: changes also come while a check is at work.
            if self._apply_changes():
                self._quiet_since = monotonic()
                return True
            left = self._deadline - monotonic()
            pending = self._pending() or untried(self._cluster, self._now())
            window = BRIEF_QUIET_SECONDS if self._untouched() else QUIET_SECONDS
            quiet = self._quiet_since + window - monotonic()
            if left <= 0 or (not pending and quiet <= 0):
                log.info("settled; still on its way: %s", pending or "nothing")
                self._settled_at = monotonic()
                return False
            # Some of what is on its way ends with time alone (probe delays): look again now and then.
            self._alarm.wait(min(left, 1.0 if pending else max(quiet, 0.0)))

    def _untouched(self) -> bool:
        changed = self._snapshot.changed_at()
        return changed is not None and self._now() - changed > UNTOUCHED

    def _pending(self) -> list[str]:
        pending = on_its_way(self._cluster, self._now(), nodes=self._nodes, starting=self._starting)
        self._follow()
        if pending:
            # What pends in vain is told by events alone, which wake nobody: the next look reads them anew.
            self._reworded |= self._snapshot.forget_unfollowed()
        return pending

    def _forget_words(self) -> bool:
        """The next look reads events anew; whether any had been read since the last judgement."""
        read, self._reworded = self._snapshot.forget_unfollowed() or self._reworded, False
        return read

    def _follow(self) -> None:
        # Quiet is only what was listened to: a list that is new to the watches may have changed since it was read.
        if self._watching.follow(self._snapshot.versions()):
            self._quiet_since = monotonic()

    def _apply_changes(self) -> bool:
        changed = self._watching.changed()
        for key in changed:
            self._snapshot.forget(key)
        if changed:
            self._snapshot.forget_unfollowed()
            self._reading += 1
        return bool(changed)
