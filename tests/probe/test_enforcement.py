"""Whether policies have an effect: found out once, with a canary; and since when the newest have."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from labgrade.cluster.api import Api
from labgrade.errors import HarnessError, Unmet
from labgrade.model import Json
from labgrade.patience import monotonic, until
from labgrade.probe import OTHER_PORT, PORT, Network, Sources, asking, cilium, enforcement
from labgrade.probe.enforcement import BARRIERS, CANARY, Enforcement
from labgrade.probe.program import Program
from tests.probe.test_cilium import says
from tests.support.apiserver import ApiServer
from tests.support.probes import Played, Reply, answer, every, whole

RUN, SPACE = "0123abcd", "labgrade-0123abcd"
NETWORKING, CILIUM = "/apis/networking.k8s.io/v1", "/apis/cilium.io/v2"
Make = Callable[..., Enforcement]

ENFORCES = whole(answer(0, "connected"), answer(1, "dropped"))
IGNORES = every("connected")
BROKEN = every("dropped")


@pytest.fixture
def make(api: Api, server: ApiServer, monkeypatch: pytest.MonkeyPatch) -> Iterator[Make]:
    """Makes an enforcement in a short-lived run, with all the time there is; `theirs` is whose cluster it is."""
    monkeypatch.setattr(enforcement, "ENFORCED_SECONDS", 120.0)
    monkeypatch.setattr(enforcement, "STABLE_SECONDS", 0.0)
    monkeypatch.setattr(asking, "AGAIN_SECONDS", 0.01)
    sources = Sources(api, RUN, lambda: Program("example.org/probe:1", ("/probe",)))

    def made(*, theirs: bool = False) -> Enforcement:
        return Enforcement(RUN, sources, theirs=theirs)

    yield made
    sources.remove()
    assert written(server, NETWORKING) == written(server, CILIUM) == []


@pytest.fixture
def _brief(make: Make, monkeypatch: pytest.MonkeyPatch) -> None:  # noqa: ARG001 - it comes after that
    """A network has little time to come to a policy."""
    monkeypatch.setattr(enforcement, "ENFORCED_SECONDS", 0.4)


def written(server: ApiServer, root: str = NETWORKING) -> list[Json]:
    """The policies that are there."""
    plural = "networkpolicies" if root == NETWORKING else "ciliumnetworkpolicies"
    return server.listed(root, plural, None)["items"] or []


def played(server: ApiServer, *replies: Reply) -> Played:
    """What the canary's ports answer."""
    found = Played(*replies)
    server.exec = found.exec
    return found


@pytest.fixture
def _no_canary(monkeypatch: pytest.MonkeyPatch) -> None:
    """No canary is sent along: what is asked and written is for the agents."""

    def stay(_: Enforcement) -> None:
        """It stays at home."""

    monkeypatch.setattr(Enforcement, "_sent", stay)


def test_a_canary_is_on_its_way_before_it_is_needed(make: Make, server: ApiServer) -> None:
    """Whoever waits for policies may have to know soon whether there are any in effect."""
    Agents(server)
    make().in_force()
    assert until(lambda: any(each["metadata"]["name"] == "canary" for each in written(server)), seconds=5, every=0.01)


@pytest.mark.usefixtures("_brief")
@pytest.mark.parametrize(("reply", "network"), [(ENFORCES, "enforces"), (IGNORES, "ignores"), (BROKEN, "broken")])
def test_what_a_network_does_with_policies(make: Make, server: ApiServer, reply: Reply, network: Network) -> None:
    """It enforces them, ignores them, or lets nobody reach anybody."""
    played(server, reply)
    assert make().network() == network


@pytest.mark.usefixtures("_brief")
def test_a_refusal_of_the_closed_port_is_no_answer(make: Make, server: ApiServer) -> None:
    """The canary's Pod is gone, say: that is not what ignoring looks like, nor is it a connection."""
    played(server, whole(answer(0, "refused"), answer(1, "refused")))
    assert make().network() == "broken"


def test_the_canary_opens_one_port_of_two(make: Make, server: ApiServer) -> None:
    """To everybody, of a Pod of ours alone; a Pod of ours without its label asks for both ports."""
    asked = played(server, ENFORCES)
    make().network()
    (policy,) = written(server)
    assert policy["spec"] == {"podSelector": {"matchLabels": CANARY}, "ingress": [{"ports": [{"port": PORT}]}]}
    assert (policy["metadata"]["namespace"], policy["metadata"]["labels"]["labgrade/run"]) == (SPACE, RUN)
    assert [question["port"] for question in asked.asked[0]] == [PORT, OTHER_PORT]
    asks = server.find("Pod", asked.pods[0], SPACE) or {}
    assert not CANARY.items() <= asks["metadata"]["labels"].items()
    pods = server.listed("/api/v1", "pods", SPACE)["items"]
    assert sum(CANARY.items() <= pod["metadata"]["labels"].items() for pod in pods) == 1


def test_a_network_is_given_time_to_come_to_the_policy(make: Make, server: ApiServer) -> None:
    """It is looked at again as long as the closed port answers, or nobody does."""
    asked = played(server, BROKEN, IGNORES, ENFORCES)
    assert make().network() == "enforces"
    assert len(asked.asked) == 3


@pytest.mark.usefixtures("_brief")
def test_it_is_found_out_once(make: Make, server: ApiServer) -> None:
    """However many checks ask; also where the answer is no."""
    asked = played(server, IGNORES)
    found = make()
    with pytest.raises(HarnessError):
        found.require()
    count = len(asked.asked)
    with pytest.raises(HarnessError):
        found.require()
    assert found.network() == "ignores"
    assert len(asked.asked) == count
    assert len(written(server)) == 1


def test_what_could_not_be_found_out_is_tried_again(make: Make, server: ApiServer) -> None:
    """A lost stream says nothing about the network, for now or for ever."""
    found = make()
    lost: Reply = lambda _questions, _nonce: (0, "", "")  # noqa: E731 - a reply like the others
    asked = played(server, lost)
    with pytest.raises(HarnessError, match="could not find out"):
        found.network()
    assert len(asked.asked) == asking.TRIES
    played(server, ENFORCES)
    assert found.network() == "enforces"


@pytest.mark.parametrize("theirs", [False, True])
def test_a_network_that_enforces_is_fine(make: Make, server: ApiServer, *, theirs: bool) -> None:
    """Whoever made it."""
    played(server, ENFORCES)
    make(theirs=theirs).require()


@pytest.mark.usefixtures("_brief")
@pytest.mark.parametrize(
    ("reply", "en", "fr"),
    [
        (IGNORES, "ignores NetworkPolicies", "ignore les NetworkPolicies"),
        (BROKEN, "not even Pods of labgrade's own reach each other", "même les Pods de labgrade ne se joignent pas"),
    ],
)
def test_who_made_the_cluster_answers_for_its_network(
    make: Make, server: ApiServer, reply: Reply, en: str, fr: str
) -> None:
    """The student whose work it is loses the points; on a cluster of ours, nobody does."""
    played(server, reply)
    with pytest.raises(Unmet) as raised:
        make(theirs=True).require()
    assert en in raised.value.saw.en
    assert fr in raised.value.saw.fr
    assert raised.value.wanted.fr == "un CNI qui applique les NetworkPolicies"
    with pytest.raises(HarnessError, match=f"{en}: no policy can be judged on it"):
        make().require()


class Agents:
    """Cilium on two nodes: takes a policy in after so many questions, and realises it after so many more."""

    def __init__(self, server: ApiServer, *, learns: int = 0, realises: int = 0) -> None:
        self.asked, self._server, self._learns, self._realises = 0, server, learns, realises
        for name in ("cilium-1", "cilium-2"):
            metadata = {"labels": {"k8s-app": "cilium"}}
            server.put("Pod", name, cilium.NAMESPACE, metadata=metadata, status={"phase": "Running"})
        server.exec = self._run

    def _run(self, pod: str, _command: list[str]) -> tuple[int, str, str]:
        if pod == "cilium-1":
            return 0, says(*self._uids(), revision=1, realized=(1,)), ""
        self.asked += 1
        knows = self._uids() if self.asked > self._learns else []
        done = self.asked > self._learns + self._realises
        return 0, says(*knows, revision=5, realized=(5, 5 if done else 4)), ""

    def _uids(self) -> list[str]:
        every = [*written(self._server, NETWORKING), *written(self._server, CILIUM)]
        return [each["metadata"]["uid"] for each in every]


@pytest.mark.usefixtures("_no_canary")
def test_with_cilium_the_agents_tell_what_is_in_force(make: Make, server: ApiServer) -> None:
    """A policy of each kind is written then, which selects nobody."""
    agents = Agents(server)
    make().in_force()
    assert agents.asked == 1
    policies = {each["kind"]: each for root in (NETWORKING, CILIUM) for each in written(server, root)}
    assert sorted(policies) == sorted(BARRIERS)
    for kind, key in (("NetworkPolicy", "podSelector"), ("CiliumNetworkPolicy", "endpointSelector")):
        assert policies[kind]["spec"][key] == {"matchLabels": {"labgrade/barrier": "nobody"}}
        assert policies[kind]["metadata"]["namespace"] == SPACE
    assert server.count("/pods", "POST") == 0


@pytest.mark.usefixtures("_no_canary")
@pytest.mark.parametrize(("learns", "realises"), [(2, 0), (0, 2), (2, 2)])
def test_an_agent_that_is_late_is_waited_for(make: Make, server: ApiServer, learns: int, realises: int) -> None:
    """Until it has taken both policies in, and every endpoint on its node enforces them."""
    agents = Agents(server, learns=learns, realises=realises)
    make().in_force()
    assert agents.asked == learns + realises + 1


@pytest.mark.usefixtures("_no_canary")
def test_each_wait_is_for_policies_of_its_own(make: Make, server: ApiServer) -> None:
    """What an earlier one saw in force says nothing of what was written since."""
    Agents(server)
    found = make()
    found.in_force()
    found.in_force()
    assert len({each["metadata"]["name"] for each in written(server)}) == 2


@pytest.mark.usefixtures("_brief")
@pytest.mark.parametrize(("learns", "realises"), [(10_000, 0), (0, 10_000)])
def test_an_agent_that_never_gets_there_is_our_error(make: Make, server: ApiServer, learns: int, realises: int) -> None:
    """Nothing can be judged, and nobody waits for ever."""
    Agents(server, learns=learns, realises=realises)
    began = monotonic()
    with pytest.raises(HarnessError, match=r"^Cilium has not put the newest policies in force in \d+ s$"):
        make().in_force()
    assert 0.3 < monotonic() - began < 60


@pytest.mark.parametrize("error", ["", 'Error: unknown command "policy" for "cilium-dbg"'])
def test_where_agents_are_not_understood_a_canary_must_do(
    make: Make, server: ApiServer, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, error: str
) -> None:
    """A newer Cilium is no reason not to grade; the log says so, and nobody is asked in vain for long."""
    Agents(server)
    moments, asked = list[float](), Played(ENFORCES)
    monkeypatch.setattr(enforcement, "pause", moments.append)
    agent = (1 if error else 0, "policies: many", error)
    server.exec = lambda pod, command: agent if pod.startswith("cilium-") else asked.exec(pod, command)
    make().in_force()
    assert len(moments) == len(asked.asked) == 1
    assert "a canary must do" in caplog.text


@pytest.mark.usefixtures("_no_canary", "_brief")
def test_agents_that_do_not_answer_are_our_error(make: Make, server: ApiServer) -> None:
    """The error says what they said; no canary takes their place."""
    Agents(server)
    server.exec = lambda _pod, _command: (1, "", "context deadline exceeded")
    with pytest.raises(
        HarnessError, match=r"not put the newest policies in force in .*: .* context deadline exceeded$"
    ):
        make().in_force()
    assert server.count("/pods", "POST") == 0


def test_an_agent_that_is_busy_is_asked_again(make: Make, server: ApiServer) -> None:
    """One exec that fails says nothing of policies."""
    agents, calls = Agents(server), list[str]()
    answers = server.exec

    def run(pod: str, command: list[str]) -> tuple[int | None, str, str]:
        calls.append(pod)
        return (1, "", "context deadline exceeded") if calls.count(pod) == 1 else answers(pod, command)

    server.exec = run
    make().in_force()
    assert agents.asked >= 1


def test_without_cilium_the_canary_and_a_moment_must_do(
    make: Make, server: ApiServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The canary sings once; the moment passes each time, as policies are written anew."""
    moments: list[float] = []
    monkeypatch.setattr(enforcement, "STABLE_SECONDS", 0.7)
    monkeypatch.setattr(enforcement, "pause", moments.append)
    asked = played(server, ENFORCES)
    found = make()
    for _ in range(2):
        found.in_force()
    assert (len(asked.asked), moments) == (1, [0.7, 0.7])
    assert [each["metadata"]["name"] for each in written(server)] == ["canary"]
    assert written(server, CILIUM) == []


@pytest.mark.usefixtures("_brief")
def test_where_policies_are_ignored_none_is_waited_for(
    make: Make, server: ApiServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What `require` says of it is enough."""
    monkeypatch.setattr(enforcement, "STABLE_SECONDS", 60.0)
    played(server, IGNORES)
    began = monotonic()
    make().in_force()
    assert monotonic() - began < 30
