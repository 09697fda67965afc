"""What a disturbing check may do to a student's cluster; each act is undone, also after a kill -9."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, TypeVar

from labgrade.cluster.api import Api
from labgrade.cluster.journal import COMMAND_SECONDS, Journal, workload_uid
from labgrade.cluster.remote import Completed
from labgrade.errors import HarnessError, Unmet
from labgrade.facts import Fact, Node, Pod, Workload
from labgrade.grading.reconcile import Reconciler
from labgrade.model import Json
from labgrade.patience import retrying_transport, until
from labgrade.text import Text

if TYPE_CHECKING:
    from testinfra.host import Host

T = TypeVar("T")

END = """
found=$(grep -ls %s /proc/[0-9]*/cgroup)
[ -n "$found" ] || exit 1
for each in $found; do each=${each#/proc/}; kill -9 "${each%%/cgroup}" 2> /dev/null; done; true
"""
"""Ends all processes of a container, from its node: the first one in a container cannot be ended from inside it."""

NOTICED_SECONDS = 10.0
"""The kubelet looks once a second at what runs: until then the API shows the container as if nothing had happened."""

SUCCESSOR_SECONDS = 15.0
"""A Pod that was just disturbed brings its successor within so long, in which to remove what was written."""


class Disturb:
    """The hands of one disturbing check."""

    def __init__(self, api: Api, journal: Journal, reconciler: Reconciler, node_host: Callable[[Node], Host]) -> None:
        """`node_host`: a testinfra host on a node."""
        self._api, self._journal, self._reconciler, self._node_host = api, journal, reconciler, node_host
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

    def restart(self, pod: Pod, container: str) -> None:
        """Ends a container's processes, so that the kubelet starts it anew in the same Pod.

        HarnessError where its node cannot be reached, or nothing of it was found there.
        """
        status = next((each for each in pod.container_statuses if each["name"] == container), {})
        identity = str(status.get("containerID", "")).rpartition("/")[2]
        try:
            if not identity or self._node_host(Node(pod.reading, None, pod.node)).run(END, identity).rc:
                raise HarnessError(f"no process of container {container} of {pod} was found on its node")
            until(lambda: self._ended(pod, container, identity), seconds=NOTICED_SECONDS, every=0.1)
        finally:
            self._reconciler.disturbed()

    def cordon(self, node: Node) -> None:
        """Keeps new Pods off a node until the check ends; one that is cordoned already stays so."""
        if node.spec.get("unschedulable"):
            return
        same: Json = {"metadata": {"uid": node.uid}}
        self._note({"patch": node.path, "body": same | {"spec": {"unschedulable": None}}})
        try:
            self._api.patch(node.path, same | {"spec": {"unschedulable": True}})
        finally:
            self._reconciler.disturbed()

    def remove_from(self, node: Node, path: str) -> None:
        """Removes a file of ours from a node; HarnessError where that cannot be reached."""
        self._node_host(node).run("rm -f %s", path)

    def exec(self, pod: Pod, container: str, command: Sequence[str], *, undo: Sequence[str] = ()) -> Completed:
        """Runs a command in a container, again where its answer was lost: the second time it must do no harm.

        `undo` is run when the check ends, in a successor where the Pod is gone; its reading a file that is not there
        must be fine. HarnessError where the command could not be run.
        """
        if undo:
            where = {"namespace": pod.namespace, "pod": pod.name, "container": container}
            owners = {"controller": pod.controller_uid, "workload": workload_uid(pod)}
            self._note({"exec": {**where, **owners, "command": list(undo)}})
        return retrying_transport(
            lambda: self._api.exec(pod.namespace or "", pod.name, container, command, seconds=COMMAND_SECONDS)
        )

    def write_file(self, pod: Pod, path: str, content: str, container: str | None = None) -> None:
        """Writes a file in a container, which needs a shell; it is removed when the check ends, also from a successor.

        Raises Unmet where the container refuses to write there.
        """
        name = container or next(iter(pod.containers))
        done = self.exec(pod, name, ["sh", "-c", 'printf %s "$1" > "$0"', path, content], undo=["rm", "-f", path])
        if done.code:
            raise Unmet(
                Text(
                    en=f"{pod} cannot write {path}: {done.stderr.strip()}",
                    fr=f"{pod} ne peut pas écrire {path} : {done.stderr.strip()}",
                ),
                try_=f"kubectl exec {pod.name} -- sh -c 'touch {path}'",
            )

    def now(self) -> datetime:
        """The time by the server's clock."""
        return self._api.now()

    def eventually(self, judge: Callable[[], T], *, starting: float = 0.0) -> T:
        """`judge`'s value once its assertion holds; its last AssertionError when the cluster settles otherwise.

        `starting`: the seconds that containers get at least to become ready, whatever their probes say: for those that
        were ready before.
        """
        __tracebackhide__ = True
        return self._reconciler.until_met(judge, starting=starting)

    def restore(self) -> list[str]:
        """Undoes what was done; returns in words what has to wait for the next run."""
        if not self._acted:
            return []
        left = self._journal.restore(patience=SUCCESSOR_SECONDS)
        self._scaled.clear()
        self._reconciler.disturbed()
        return left

    def _ended(self, pod: Pod, container: str, identity: str) -> bool:
        """Whether the API knows that this run of a container is over."""
        found = self._api.find(pod.path) or {}
        statuses = (found.get("status") or {}).get("containerStatuses") or []
        status = next((each for each in statuses if each["name"] == container), {})
        again = not str(status.get("containerID", "")).endswith(identity)
        return again or "running" not in (status.get("state") or {})

    def _note(self, restore: Json) -> None:
        # From here on, not from its success on: what got no answer may have been done, the note as well as the act.
        self._acted = True
        self._journal.add(restore)
