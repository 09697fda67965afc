"""A program in a Pod that is asked to try traffic, and starts in the background as soon as somebody wants it."""

from __future__ import annotations

import logging
import threading
from abc import ABC, abstractmethod
from collections.abc import Sequence

from labgrade.cluster.api import Api, ApiError
from labgrade.cluster.remote import Completed
from labgrade.errors import HarnessError, Unmet
from labgrade.facts import Pod
from labgrade.patience import monotonic
from labgrade.probe import asking
from labgrade.probe.answer import Answer, Question
from labgrade.probe.program import Program

START_SECONDS = 60.0

log = logging.getLogger(__name__)


class Starting(ABC):
    """Whoever needs it first waits for it, at most START_SECONDS, and is told why it does not run."""

    def __init__(self, api: Api, program: Program, namespace: str, name: str) -> None:
        """`namespace` and `name` are those of the Pod. Whoever inherits calls `_begin` when all is known."""
        self._api, self._program = api, program
        self.namespace, self.name = namespace, name
        self._ip = self._node = ""
        self._failure: HarnessError | AssertionError | None = None
        self._thread = threading.Thread(target=self._start, daemon=True)

    @property
    def ip(self) -> str:
        """The Pod's address; raises as `ask` does."""
        self.started()
        return self._ip

    @property
    def node(self) -> str:
        """Name of the node that it runs on; raises as `ask` does."""
        self.started()
        return self._node

    def ask(self, questions: Sequence[Question]) -> list[Answer]:
        """The answers, in order, all asked at once in one exec.

        HarnessError where the program cannot run, or where a question stays without a sound answer; Unmet where it
        is the student's doing that it does not run.
        """
        self.started()
        return asking.ask(self._exec, questions, f"pod/{self.name} {self._ip}")

    def started(self) -> None:
        """Returns once the program runs; raises as `ask` does."""
        if self._thread.is_alive():
            began = monotonic()
            self._thread.join()
            log.info("waited %.2f s for pod/%s to start", monotonic() - began, self.name)
        if self._failure:
            raise self._failure

    @abstractmethod
    def _prepare(self) -> Pod:
        """Lets the program run; the Pod, once it does. HarnessError or Unmet where it does not."""

    @property
    @abstractmethod
    def _container(self) -> str:
        """Name of the container that it runs in."""

    def _refused(self, _error: ApiError) -> Unmet | None:
        """The student's failure that a refusal means; None where it means none."""
        return None

    def _begin(self) -> None:
        self._thread.start()

    def _start(self) -> None:
        try:
            pod = self._prepare()
            self._ip, self._node = pod.ip, pod.node
        except Unmet as error:
            self._failure = error
        except Exception as error:  # whatever it is, it must not look as if the program had started
            theirs = self._refused(error) if isinstance(error, ApiError) else None
            self._failure = theirs or HarnessError(f"the probe could not start: {error}")

    def _exec(self, words: list[str], seconds: float) -> Completed:
        command = [*self._program.command, *words]
        return self._api.exec(self.namespace, self.name, self._container, command, seconds=seconds)
