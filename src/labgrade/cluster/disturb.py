"""What a disturbing check may do to a student's cluster; each act is undone, also after a kill -9."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from labgrade.cluster.api import Api
from labgrade.cluster.journal import COMMAND_SECONDS, Journal
from labgrade.errors import Unmet
from labgrade.facts import Fact, Pod, Workload
from labgrade.grading.reconcile import Reconciler
from labgrade.model import Json
from labgrade.patience import retrying_transport
from labgrade.text import Text

T = TypeVar("T")


class Disturb:
    """The hands of one disturbing check."""

    def __init__(self, api: Api, journal: Journal, reconciler: Reconciler) -> None:
        self._api, self._journal, self._reconciler = api, journal, reconciler
        self._acted = False
        self._scaled: set[str] = set()

    def delete(self, fact: Fact) -> None:
        """Deletes exactly this object, not a successor of its name; its controller is expected to replace it."""
        try:
            self._api.delete(fact.path, uid=fact.uid)
        finally:
            self._reconciler.disturbed()

    def scale(self, workload: Workload, replicas: int) -> None:
        """Asks for so many replicas; today's number comes back when the check ends."""
        same: Json = {"metadata": {"uid": workload.uid}}
        # Once scaled, today's number is ours and nothing to come back to.
        if workload.path not in self._scaled:
            self._note({"patch": workload.path, "body": same | {"spec": {"replicas": workload.replicas}}})
            self._scaled.add(workload.path)
        try:
            self._api.patch(workload.path, same | {"spec": {"replicas": replicas}})
        finally:
            self._reconciler.disturbed()

    def write_file(self, pod: Pod, path: str, content: str, container: str | None = None) -> None:
        """Writes a file in a container, which needs a shell; it is removed when the check ends, also from a successor.

        Raises Unmet where the container refuses to write there.
        """
        name = container or next(iter(pod.containers))
        where = {"namespace": pod.namespace, "pod": pod.name, "container": name, "controller": pod.controller_uid}
        self._note({"exec": {**where, "command": ["rm", "-f", path]}})
        command = ["sh", "-c", 'printf %s "$1" > "$0"', path, content]
        # Writing the same once more does no harm.
        done = retrying_transport(
            lambda: self._api.exec(pod.namespace or "", pod.name, name, command, seconds=COMMAND_SECONDS)
        )
        if done.code:
            raise Unmet(
                Text(
                    en=f"{pod} cannot write {path}: {done.stderr.strip()}",
                    fr=f"{pod} ne peut pas écrire {path} : {done.stderr.strip()}",
                ),
                try_=f"kubectl exec {pod.name} -- sh -c 'touch {path}'",
            )

    def eventually(self, judge: Callable[[], T]) -> T:
        """`judge`'s value once its assertion holds; its last AssertionError when the cluster settles otherwise."""
        __tracebackhide__ = True
        return self._reconciler.until_met(judge)

    def restore(self) -> list[str]:
        """Undoes what was done; returns in words what has to wait for the next run."""
        if not self._acted:
            return []
        left = self._journal.restore()
        self._scaled.clear()
        self._reconciler.disturbed()
        return left

    def _note(self, restore: Json) -> None:
        # From here on, not from its success on: what got no answer may have been done, the note as well as the act.
        self._acted = True
        self._journal.add(restore)
