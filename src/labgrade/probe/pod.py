"""The grader's own Pods, from which traffic is tried, in a namespace of the run's own."""

from __future__ import annotations

import inspect
import json
import logging
import secrets
import threading
from collections.abc import Sequence
from contextlib import suppress

from labgrade.cluster.api import Api
from labgrade.cluster.ours import create_namespace, create_pod, labels
from labgrade.errors import HarnessError
from labgrade.facts import Pod, Snapshot
from labgrade.facts.reading import RESOURCES
from labgrade.model import Json
from labgrade.patience import monotonic, pause, until
from labgrade.probe import agent
from labgrade.probe.answer import ATTEMPT_SECONDS, Answer, Question
from labgrade.probe.image import tag
from labgrade.why import why

START_SECONDS = 60.0
TRIES = 3
"""How often questions without an answer are asked again before they end in `error`."""

AGAIN_SECONDS = 0.5
"""Before questions that found no Pod to answer them are asked again."""

CONTAINER = "probe"

PORT = 8080
"""Where a probe Pod listens, so that another one can ask it."""

LISTEN = f"""\
import socket
both = socket.has_dualstack_ipv6()
family = socket.AF_INET6 if both else socket.AF_INET
server = socket.create_server(("", {PORT}), family=family, dualstack_ipv6=both)
while True:
    server.accept()[0].close()
"""

RESTRICTED: Json = {
    "allowPrivilegeEscalation": False,
    "capabilities": {"drop": ["ALL"]},
    "runAsNonRoot": True,
    "runAsUser": 65532,
    "seccompProfile": {"type": "RuntimeDefault"},
}


log = logging.getLogger(__name__)


class ProbePod:
    """Starts in the background at once; the first question waits for it, at most START_SECONDS."""

    def __init__(self, api: Api, run: str, *, name: str = "probe", pinned_to: str = "") -> None:
        """`pinned_to`: the node on which it runs, past the scheduler; else the scheduler chooses."""
        self._api, self._run, self._name, self._pinned_to = api, run, name, pinned_to
        self.namespace = f"labgrade-{run}"
        self._failure: HarnessError | None = None
        self._ip, self._node, self._wanted = "", "", True
        self._starting = threading.Thread(target=self._start, daemon=True)
        self._starting.start()

    @property
    def ip(self) -> str:
        """Its address; HarnessError where it cannot run."""
        self._started()
        return self._ip

    @property
    def node(self) -> str:
        """Name of the node that it runs on; HarnessError where it cannot run."""
        self._started()
        return self._node

    def ask(self, questions: Sequence[Question]) -> list[Answer]:
        """The answers, in order, all asked at once in one exec.

        HarnessError where the Pod cannot run, or where a question stays without a sound answer.
        """
        self._started()
        answers: dict[int, Answer] = {}
        problem = ""
        for _ in range(TRIES):
            left = [index for index in range(len(questions)) if index not in answers]
            try:
                found = self._ask_once([questions[index] for index in left])
            except HarnessError as error:
                problem = str(error)
                pause(AGAIN_SECONDS)
                continue
            answers |= {left[n]: answer for n, answer in found.items() if answer.verdict != "inconclusive"}
            if len(answers) == len(questions):
                return [answers[index] for index in range(len(questions))]
            problem = next((answer.detail for answer in found.values() if answer.verdict == "inconclusive"), problem)
        unanswered = ", ".join(q.words for i, q in enumerate(questions) if i not in answers)
        raise HarnessError(f"the probe could not find out: {unanswered} ({problem or 'no answer'})")

    def remove(self) -> None:
        """Removes the Pod and its namespace, without waiting for them to be gone."""
        self._wanted = False
        self._starting.join()
        # Sooner gone than with the namespace; where that fails, the namespace takes it along.
        with suppress(HarnessError):
            self._api.delete(RESOURCES["Pod"].path(self.namespace, self._name), grace_seconds=0)
        self._api.delete(RESOURCES["Namespace"].path(name=self.namespace))

    def _ask_once(self, questions: Sequence[Question]) -> dict[int, Answer]:
        nonce = secrets.token_hex(8)
        command = ["python3", "-IS", "-c", inspect.getsource(agent), json.dumps([q.data for q in questions]), nonce]
        seconds = 20 + 2 * ATTEMPT_SECONDS + 0.05 * len(questions)
        done = self._api.exec(self.namespace, self._name, CONTAINER, command, seconds=seconds)
        lines = done.stdout.splitlines()
        if done.code or not lines or lines[-1] != nonce:
            raise HarnessError(f"the probe ended early (exit code {done.code}): {done.stderr.strip()[-300:]}")
        return {
            (data := json.loads(line))["index"]: self._answer(questions[data["index"]], data) for line in lines[:-1]
        }

    def _answer(self, question: Question, data: Json) -> Answer:
        return Answer(
            question=question.words,
            source=f"pod/{self._name} {self._ip}",
            verdict=data["verdict"],
            seconds=data["seconds"],
            status=data.get("status", 0),
            body=data.get("body", ""),
            addresses=tuple(data.get("addresses", ())),
            detail=data.get("detail", ""),
        )

    def _started(self) -> None:
        if self._starting.is_alive():
            began = monotonic()
            self._starting.join()
            log.info("waited %.2f s for pod/%s to start", monotonic() - began, self._name)
        if self._failure:
            raise self._failure

    def _start(self) -> None:
        try:
            self._create()
            pod = until(self._settled_pod, seconds=START_SECONDS, every=0.1) or self._pod()
            if not pod.ready:
                raise HarnessError(_why_not(pod))
            self._ip, self._node = pod.ip, pod.node
        except HarnessError as error:
            self._failure = HarnessError(f"the probe could not start: {error}")

    def _create(self) -> None:
        create_namespace(self._api, self.namespace, self._run, level="restricted")
        container = {
            "name": CONTAINER,
            "image": tag(),
            "imagePullPolicy": "IfNotPresent",
            "command": ["python3", "-c", LISTEN],
            "securityContext": RESTRICTED,
        }
        spec: Json = {
            "automountServiceAccountToken": False,
            "enableServiceLinks": False,
            "terminationGracePeriodSeconds": 0,
            "containers": [container],
        }
        if self._pinned_to:
            spec |= {"nodeName": self._pinned_to, "tolerations": [{"operator": "Exists"}]}
        body = {
            "apiVersion": "v1",
            "kind": "Pod",
            "metadata": {"name": self._name, "labels": labels(self._run)},
            "spec": spec,
        }
        create_pod(self._api, self.namespace, body)

    def _pod(self) -> Pod:
        return Pod(Snapshot(self._api), self.namespace, self._name)

    def _settled_pod(self) -> Pod | None:
        """The Pod, once it is ready or will not be, or nobody wants it any more."""
        pod = self._pod()
        reasons = [(s.get("state") or {}).get("waiting", {}).get("reason") for s in pod.container_statuses]
        return pod if pod.ready or "ImagePullBackOff" in reasons or not self._wanted else None


def _why_not(pod: Pod) -> str:
    if cause := why(pod):
        return cause.en
    waiting = [(status.get("state") or {}).get("waiting", {}).get("reason", "") for status in pod.container_statuses]
    return f"its image {tag()} did not run within {START_SECONDS:.0f} s ({', '.join(waiting) or 'no node took it'})"
