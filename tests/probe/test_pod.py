"""The probe Pod: answers are whole or asked for again, and what cannot be found out is our error, never a verdict."""

from __future__ import annotations

import json
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import closing

import pytest

from labgrade.cluster.api import Api
from labgrade.errors import HarnessError
from labgrade.facts import Node, Recorded
from labgrade.model import Json
from labgrade.patience import monotonic, until
from labgrade.probe import PORT, ProbePod, Prober, http, tcp
from labgrade.probe import pod as module
from tests.support.apiserver import ApiServer

WEB, DB = http("10.0.0.1", 80), tcp("10.0.0.2", 5432)
Reply = Callable[[list[Json], str], tuple[int | None, str, str]]


def lines(*answers: Json, end: str) -> str:
    """What the agent prints."""
    return "".join(json.dumps(answer) + "\n" for answer in answers) + end


def answer(index: int, verdict: str, **more: object) -> Json:
    """One answer of the agent's."""
    return {"index": index, "verdict": verdict, "seconds": 0.01, **more}


@pytest.fixture
def probe(api: Api, server: ApiServer) -> Iterator[ProbePod]:
    """A probe Pod in the cluster."""
    found = ProbePod(api, "run1")
    yield found
    found.remove()
    assert server.find("Namespace", found.namespace) is None


class Agent:
    """Plays the agent in the Pod: one reply after another, the last one again and again."""

    def __init__(self, server: ApiServer, *replies: Reply) -> None:
        self.asked: list[list[Json]] = []
        self._replies = list(replies)
        server.exec = self._run

    def _run(self, _pod: str, command: list[str]) -> tuple[int | None, str, str]:
        questions, nonce = json.loads(command[-2]), command[-1]
        self.asked.append(questions)
        reply = self._replies.pop(0) if len(self._replies) > 1 else self._replies[0]
        return reply(questions, nonce)


def whole(*answers: Json) -> Reply:
    """A run that comes through."""
    return lambda _questions, nonce: (0, lines(*answers, end=nonce + "\n"), "")


def test_answers_come_in_the_order_of_the_questions(probe: ProbePod, server: ApiServer) -> None:
    """Whichever was there first; each says who asked what."""
    agent = Agent(server, whole(answer(1, "refused"), answer(0, "http", status=200, body="hi")))
    web, database = probe.ask([WEB, DB])
    assert (web.verdict, web.status, web.body, web.connected) == ("http", 200, "hi", True)
    assert (database.verdict, database.connected) == ("refused", False)
    assert f"{database}" == "pod/probe 127.0.0.1 → tcp 10.0.0.2:5432: refused in 0.01 s"
    assert len(agent.asked) == 1


def test_the_real_agent(probe: ProbePod, server: ApiServer) -> None:
    """From question to verdict with nothing played but the Pod."""

    def run(_pod: str, command: list[str]) -> tuple[int, str, str]:
        done = subprocess.run([sys.executable, *command[1:]], capture_output=True, text=True, check=False)
        return done.returncode, done.stdout, done.stderr

    server.exec = run
    with closing(socket.create_server(("127.0.0.1", 0))) as listener:
        port = listener.getsockname()[1]
        assert probe.ask([tcp("127.0.0.1", port)])[0].verdict == "connected"
    assert probe.ask([tcp("127.0.0.1", port)])[0].verdict == "refused"


def without_the_last(questions: list[Json], nonce: str) -> tuple[int, str, str]:
    """A run that leaves one question out."""
    return 0, lines(*(answer(n, "refused") for n in range(len(questions) - 1)), end=nonce), ""


def unsure_of_the_last(questions: list[Json], nonce: str) -> tuple[int, str, str]:
    """A run that could not find out one thing."""
    unsure = answer(len(questions) - 1, "inconclusive", detail="server failure")
    return 0, lines(*(answer(n, "refused") for n in range(len(questions) - 1)), unsure, end=nonce), ""


LOST: dict[str, Reply] = {
    "no exit code": lambda _questions, nonce: (None, lines(answer(0, "refused"), answer(1, "refused"), end=nonce), ""),
    "no nonce": lambda _questions, _nonce: (0, lines(answer(0, "refused"), answer(1, "refused"), end=""), ""),
    "another nonce": lambda _questions, _nonce: (
        0,
        lines(answer(0, "refused"), answer(1, "refused"), end="c0ffee\n"),
        "",
    ),
    "cut in the middle": lambda _questions, _nonce: (0, '{"index": 0, "verd', ""),
    "nothing at all": lambda _questions, _nonce: (0, "", ""),
    "python missing": lambda _questions, _nonce: (127, "", "sh: python3: not found"),
    "killed": lambda _questions, nonce: (137, lines(answer(0, "refused"), answer(1, "refused"), end=nonce), "Killed"),
    "one answer missing": without_the_last,
    "inconclusive": unsure_of_the_last,
}


@pytest.mark.parametrize("lost", LOST.values(), ids=LOST.keys())
def test_what_was_lost_is_asked_again(probe: ProbePod, server: ApiServer, lost: Reply) -> None:
    """A hiccup of the exec stream costs a second, not a check."""

    def fine(questions: list[Json], nonce: str) -> tuple[int, str, str]:
        return 0, lines(*(answer(n, "connected") for n in range(len(questions))), end=nonce), ""

    Agent(server, lost, lost, fine)
    assert probe.ask([WEB, DB])[1].verdict == "connected"


@pytest.mark.parametrize("lost", LOST.values(), ids=LOST.keys())
def test_what_stays_lost_is_ours(probe: ProbePod, server: ApiServer, lost: Reply) -> None:
    """After three tries there is no verdict, but an error that names the question."""
    agent = Agent(server, lost)
    with pytest.raises(HarnessError, match=r"the probe could not find out: .*tcp 10\.0\.0\.2:5432"):
        probe.ask([WEB, DB])
    assert len(agent.asked) == module.TRIES


def test_only_what_is_open_is_asked_again(probe: ProbePod, server: ApiServer) -> None:
    """A sound verdict stands."""
    agent = Agent(
        server,
        whole(answer(0, "dropped"), answer(1, "inconclusive")),
        whole(answer(0, "connected")),
    )
    assert [found.verdict for found in probe.ask([WEB, DB])] == ["dropped", "connected"]
    assert agent.asked == [[WEB.data, DB.data], [DB.data]]


def test_a_pod_whose_image_is_missing(api: Api, server: ApiServer) -> None:
    """It is said once the kubelet has given up, not after a minute; and it is our error."""

    def no_image(method: str, plural: str, _: Json) -> None:
        if (method, plural) == ("POST", "pods"):
            waiting = {"waiting": {"reason": "ImagePullBackOff"}}
            statuses = [{"name": "probe", "image": "python", "state": waiting}]
            server.put("Pod", "probe", "labgrade-run1", status={"phase": "Pending", "containerStatuses": statuses})

    server.reactions = [no_image]
    probe = ProbePod(api, "run1")
    with pytest.raises(HarnessError, match=r"the probe could not start: .*cannot be pulled: ImagePullBackOff"):
        probe.ask([WEB])
    probe.remove()
    assert server.find("Namespace", "labgrade-run1") is None


def test_a_cluster_that_forbids_it(api: Api, server: ApiServer) -> None:
    """What keeps the Pod out is told by the first question, in the cluster's words."""
    server.fault(403, "/pods", method="POST")
    probe = ProbePod(api, "run1")
    with pytest.raises(HarnessError, match="the probe could not start: a fault was asked for"):
        probe.ask([WEB])
    probe.remove()


def test_a_run_that_ends_while_the_pod_starts_does_not_wait_for_it(api: Api, server: ApiServer) -> None:
    """Ctrl-C during an image pull ends at once, and clears away."""
    server.reactions = []
    probe = ProbePod(api, "run1")
    assert until(lambda: server.find("Pod", "probe", "labgrade-run1"), seconds=5, every=0.01)
    began = monotonic()
    probe.remove()
    assert monotonic() - began < module.START_SECONDS / 4
    assert server.find("Namespace", "labgrade-run1") is None


def test_a_new_namespace_has_no_account_for_a_moment(api: Api, server: ApiServer) -> None:
    """That refusal is waited out."""
    refusal = 'pods "probe" is forbidden: error looking up service account labgrade-run1/default: serviceaccount'
    server.fault(403, "/pods", method="POST", message=refusal)
    probe = ProbePod(api, "run1")
    Agent(server, whole(answer(0, "connected")))
    assert probe.ask([WEB])[0].connected
    assert server.count("/pods", "POST") == 2
    probe.remove()


def test_the_pod_asks_for_little_and_is_known_as_ours(probe: ProbePod, server: ApiServer) -> None:
    """It fits a restricted namespace, holds no token, and carries the run's id."""
    Agent(server, whole(answer(0, "connected")))
    probe.ask([WEB])
    body = server.find("Pod", "probe", probe.namespace) or {}
    space = server.find("Namespace", probe.namespace) or {}
    assert body["spec"]["automountServiceAccountToken"] is False
    assert body["spec"]["containers"][0]["securityContext"]["runAsNonRoot"] is True
    assert space["metadata"]["labels"]["pod-security.kubernetes.io/enforce"] == "restricted"
    for each in (body, space):
        assert each["metadata"]["labels"]["labgrade/run"] == "run1"


def test_a_prober_waits_for_objects_first(probe: ProbePod, server: ApiServer) -> None:
    """Before every question, and starts no Pod for no question."""
    waited: list[str] = []
    Agent(server, whole(answer(0, "http", status=200)))
    prober = Prober(lambda _: probe, lambda: waited.append("waited"))
    assert prober.http("10.0.0.1").status == 200
    assert prober.ask([]) == []
    assert waited == ["waited", "waited"]
    assert len(prober.asked) == 1
    assert "http 200" in prober.asked[0]


def test_a_prober_on_a_node(api: Api, server: ApiServer) -> None:
    """It asks from a Pod on that very node, whatever its taints; its evidence joins the others'."""
    Agent(server, whole(answer(0, "connected")))
    pods = {"": ProbePod(api, "run1")}
    prober = Prober(pods.__getitem__, lambda: None)
    assert prober.ip == "127.0.0.1"
    pods["two"] = ProbePod(api, "run1", name="probe-1", pinned_to="two")
    there = prober.on(Node(Recorded(), None, "two"))
    assert there.tcp(prober.ip, PORT).source == "pod/probe-1 127.0.0.1"
    assert prober.asked == there.asked
    assert len(prober.asked) == 1
    pinned, free = (server.find("Pod", name, "labgrade-run1") or {} for name in ("probe-1", "probe"))
    assert (pinned["spec"]["nodeName"], pinned["spec"]["tolerations"]) == ("two", [{"operator": "Exists"}])
    assert "nodeName" not in free["spec"]
    assert "tolerations" not in free["spec"]
    for pod in pods.values():
        pod.remove()
    assert server.find("Namespace", "labgrade-run1") is None


def test_a_node_that_runs_no_probe_is_our_error(api: Api, server: ApiServer) -> None:
    """Its address is asked for in vain, in words."""
    server.fault(403, "/pods", method="POST")
    pod = ProbePod(api, "run1", pinned_to="two")
    prober = Prober(lambda _: pod, lambda: None)
    for read in (lambda: prober.ip, lambda: prober.node):
        with pytest.raises(HarnessError, match="the probe could not start: a fault was asked for"):
            read()
    pod.remove()


def test_a_probe_pod_can_be_asked() -> None:
    """What runs in it accepts connections, one after another, and says nothing."""
    with closing(socket.create_server(("127.0.0.1", 0))) as free:
        port = free.getsockname()[1]
    script = module.LISTEN.replace(str(PORT), str(port))
    with subprocess.Popen([sys.executable, "-c", script]) as listening:
        try:
            assert until(lambda: _said(port) is not None, seconds=10, every=0.05)
            assert _said(port) == b""
        finally:
            listening.kill()


def _said(port: int) -> bytes | None:
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=5) as connection:
            return connection.recv(100)
    except OSError:
        return None
