"""One lab graded on one cluster: what its checks share, from connecting to clearing away."""

from __future__ import annotations

import logging
import os
import shutil
import tempfile
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from labgrade import kubeconfig
from labgrade.cluster import target
from labgrade.cluster.api import Api, ApiError
from labgrade.cluster.disturb import Disturb
from labgrade.cluster.journal import Journal, of_all
from labgrade.cluster.lease import Lease
from labgrade.cluster.nodepods import NodePods
from labgrade.cluster.ours import remove_orphans
from labgrade.cluster.ownclaims import OwnClaims
from labgrade.cluster.watching import Watching
from labgrade.errors import HarnessError, UsageError
from labgrade.facts import Cluster, Node, Snapshot
from labgrade.facts.reading import RESOURCES
from labgrade.grading.reconcile import Reconciler
from labgrade.grading.witness import witness
from labgrade.kubeconfig import Access
from labgrade.model import ClusterInfo, Lab, Outcome
from labgrade.patience import Alarm
from labgrade.probe import Prober, Sources, program
from labgrade.probe.enforcement import Enforcement
from labgrade.probe.gathering import Gathering
from labgrade.probe.program import Program
from labgrade.runid import new_run
from labgrade.wholefile import written

if TYPE_CHECKING:
    from testinfra.host import Host

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Options:
    """What the command line says about a grading."""

    kubeconfig: str | None = None
    context: str | None = None
    namespace: str | None = None
    timeout: float | None = None
    run: str | None = None
    lease_held: bool = False
    """Another process of ours holds the cluster's Lease and runs several gradings under it."""


class Grading:
    """Made before the first check; `open` connects, `close` removes all that the run put into the cluster."""

    def __init__(self, lab: Lab, options: Options) -> None:
        self.lab, self._options = lab, options
        self.run = options.run or new_run()
        self.namespace = options.namespace or lab.namespace
        self._folder: Path | None = None
        self._lease: Lease | None = None
        self._node_pods: NodePods | None = None
        self._own_claims: OwnClaims | None = None
        self._lost: HarnessError | None = None
        self._gone = False

    def open(self) -> ClusterInfo:
        """Connects and makes ready; says which cluster it is.

        UsageError where it is not one that may be graded, HarnessError where it cannot be.
        """
        access = target.resolve(self._options.kubeconfig, self._options.context, self.lab.cluster)
        with written(Path(tempfile.gettempdir())):
            self._folder = Path(tempfile.mkdtemp(prefix="labgrade-"))
            self._child_environment(access, self._folder)
            self.api = Api(access, self._folder)
        info = self._introduce(access)
        if not self._options.lease_held:
            self._lease = Lease(self.api, self.run)
            self._lease.acquire()
            remove_orphans(self.api)
        journals = [self.journal] if self._options.lease_held else of_all(self.api, self.run)
        for sentence in (sentence for journal in journals for sentence in journal.restore()):
            log.warning("an earlier run's change could not be undone yet: %s", sentence)
        return info

    def close(self) -> None:
        """Removes what the run made; logs what it could not."""
        made = (self.__dict__.get("_sources"), self._node_pods, self._own_claims)
        for action in (*(each.remove for each in made if each), self._release):
            try:
                action()
            except HarnessError as error:
                log.warning("not cleared away: %s", error)
        if self._folder:
            shutil.rmtree(self._folder, ignore_errors=True)

    @cached_property
    def snapshot(self) -> Snapshot:
        """The shared reading."""
        return Snapshot(self.api)

    @cached_property
    def cluster(self) -> Cluster:
        """Lazy handles on the lab's namespace."""
        return Cluster(self.snapshot, self.namespace)

    @cached_property
    def journal(self) -> Journal:
        """What disturbing checks have to restore."""
        return Journal(self.api, self.run, self.namespace)

    @cached_property
    def reconciler(self) -> Reconciler:
        """The checks' shared patience."""
        alarm = Alarm()
        return Reconciler(
            self.cluster,
            self.snapshot,
            Watching(self.api, alarm),
            alarm,
            now=self.api.now,
            timeout=self._options.timeout or self.lab.timeout,
            nodes=self.lab.cluster is not None,
        )

    @cached_property
    def prober(self) -> Prober:
        """What asks traffic."""
        enforcement = Enforcement(self.run, self._sources, theirs=self.lab.cluster is not None)
        gathering = Gathering(self.reconciler.followed)
        return Prober(self._sources, enforcement, self.reconciler.probing, gathering)

    def warm(self) -> None:
        """Lets the probe Pod begin to start, for checks that are sure to ask it."""
        self._sources.own()

    @cached_property
    def _sources(self) -> Sources:
        return Sources(self.api, self.run, lambda: self._program)

    @cached_property
    def _program(self) -> Program:
        """What runs in Pods of ours."""
        nodes = self.cluster.nodes()
        found = program.on_nodes(nodes)
        if found is program.PUBLIC:
            from labgrade.providers import probeimage  # takes time, and is seldom needed

            if probeimage.load_late(nodes):
                return program.OURS
            log.warning("the nodes have no %s: %s serves in its place", program.OURS.image, found.image)
        return found

    def node_host(self, node: Node) -> Host:
        """A testinfra host on a kind node."""
        from labgrade.cluster import inside  # testinfra is imported only where something is looked at from inside

        if inside.docker_has(node):
            return inside.docker_host(node)
        if self._node_pods is None:
            self._node_pods = NodePods(self.api, self.run)
        return inside.chroot_host(self._node_pods.on(node))

    def own_claims(self) -> OwnClaims:
        """Claims of ours, to try storage classes with."""
        if self._own_claims is None:
            self._own_claims = OwnClaims(self.api, self.run, self._program)
        return self._own_claims

    def disturb(self) -> Disturb:
        """The hands of one disturbing check."""
        return Disturb(self.api, self.journal, self.reconciler, self.node_host)

    def witness(self, outcome: Outcome) -> tuple[str, ...]:
        """What the cluster said of a failure."""
        return witness(self.cluster, outcome, self.api.now())

    def lose(self, error: HarnessError) -> None:
        """The cluster did not answer: the next check asks first whether it is there again."""
        self._lost = error

    def require_cluster(self) -> None:
        """Raises at once where the cluster was lost and is not back, instead of one time-out a check.

        Likewise where another grader works on it since our Lease ran out.
        """
        if self._lease and self._lease.lost:
            raise HarnessError("another labgrade took this cluster over while this one slept; run it again")
        if self._lost:
            try:
                # Patiently the first time; a cluster that has gone for good costs every later check one look.
                self.api.ping() if self._gone else self.api.get("/version")
            except HarnessError as error:
                self._gone = True
                raise HarnessError(f"the cluster is gone: {error}") from error
            self._lost, self._gone = None, False

    def _child_environment(self, access: Access, folder: Path) -> None:
        """Makes this process's environment the one that kubectl is to have: testinfra hands it on."""
        environment = kubeconfig.child_environment(kubeconfig.write(access, folder), os.environ)
        for name in set(os.environ) - set(environment):
            del os.environ[name]
        os.environ.update(environment)

    def _introduce(self, access: Access) -> ClusterInfo:
        try:
            version = self.api.get("/version")
            system = self.api.get(RESOURCES["Namespace"].path(name="kube-system"))
            nodes = self.cluster.nodes()
        except ApiError as error:
            raise HarnessError(_not_allowed(error, access)) from error
        except HarnessError as error:
            raise HarnessError(_unreachable(error, access)) from error
        if not nodes or not all(node.made_by_kind for node in nodes):
            raise UsageError(target.not_kind(access))
        major, minor = (int("".join(c for c in str(version[key]) if c.isdigit())) for key in ("major", "minor"))
        if (major, minor) < self.lab.kubernetes:
            least = ".".join(map(str, self.lab.kubernetes))
            raise UsageError(
                f"{self.lab.id} needs Kubernetes {least} or later; this cluster has {version['gitVersion']}"
            )
        return ClusterInfo(access.context, system["metadata"]["uid"], str(version["gitVersion"]))

    def _release(self) -> None:
        if self._lease:
            self._lease.release()


def _unreachable(error: HarnessError, access: Access) -> str:
    expired = kubeconfig.expired(access, datetime.now(UTC))
    if expired:
        return (
            f"the certificate of context {access.context!r} expired on {expired:%Y-%m-%d}. "
            "A new kubeconfig comes from `kind get kubeconfig --name NAME`."
        )
    return str(error)


def _not_allowed(error: ApiError, access: Access) -> str:
    if error.status == 401:
        return _unreachable(HarnessError(f"the cluster does not know who context {access.context!r} is"), access)
    if error.status == 403:
        return f"context {access.context!r} may not look at the cluster: {error}"
    return str(error)
