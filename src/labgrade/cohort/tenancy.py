"""One Lease for a cluster on which several students work: the batch holds it while any of them is being graded."""

from __future__ import annotations

import tempfile
import threading
from collections.abc import Generator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

from labgrade.cluster.api import Api
from labgrade.cluster.journal import of_all
from labgrade.cluster.lease import Lease
from labgrade.cluster.ours import remove_orphans
from labgrade.errors import HarnessError
from labgrade.kubeconfig import Access
from labgrade.runid import new_run


@dataclass
class _Tenancy:
    """A cluster's Lease and how many need it."""

    turn: threading.Lock = field(default_factory=threading.Lock)
    tenants: int = 0
    lease: ExitStack = field(default_factory=ExitStack)


class Tenancies:
    """The clusters that several students share; for threads."""

    def __init__(self) -> None:
        self._of: dict[tuple[str, bytes], _Tenancy] = {}
        self._turn = threading.Lock()

    @contextmanager
    def held(self, access: Access) -> Generator[None]:
        """Within, the cluster's Lease is ours; HarnessError where another grader has it."""
        with self._turn:
            tenancy = self._of.setdefault((access.server, access.ca), _Tenancy())
        with tenancy.turn:
            if not tenancy.tenants:
                tenancy.lease.enter_context(_leased(access))
            tenancy.tenants += 1
        try:
            yield
        finally:
            with tenancy.turn:
                tenancy.tenants -= 1
                if not tenancy.tenants:
                    tenancy.lease.close()


@contextmanager
def _leased(access: Access) -> Generator[None]:
    """Taken, and what killed runs left is cleared away, as a single grading does."""
    run = new_run()
    with tempfile.TemporaryDirectory(prefix="labgrade-") as folder:
        api = Api(access, Path(folder))
        lease = Lease(api, run)
        lease.acquire()
        try:
            remove_orphans(api)
            for journal in of_all(api, run):
                journal.restore()
            yield
        finally:
            with suppress(HarnessError):  # it runs out by itself
                lease.release()
