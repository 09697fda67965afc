"""What Cilium's agents say of policies: in force once every endpoint on every node has realised the newest."""

from __future__ import annotations

import json

import pytest

from labgrade.cluster.api import Api
from labgrade.errors import HarnessError
from labgrade.probe import cilium
from labgrade.probe.cilium import UnknownForm
from tests.support.apiserver import ApiServer

NAMESPACE, LABELS = "kube-system", {"k8s-app": "cilium"}
OURS = ["uid-1", "uid-2"]


def says(*uids: str, revision: int = 7, realized: tuple[int | None, ...] = (7,)) -> str:
    """What an agent prints: the policies that it knows, up to a revision, and what its endpoints have realised."""
    rules = [{"labels": [{"key": "io.cilium.k8s.policy.uid", "value": uid}]} for uid in uids]
    endpoints = [{"id": n, "status": status(each)} for n, each in enumerate(realized)]
    return f"{json.dumps(rules, indent=2)}\nRevision: {revision}\n{cilium.MARK}\n{json.dumps(endpoints)}\n"


def status(revision: int | None) -> object:
    """Of an endpoint; None for one that has no policy to realise, such as the host while it starts."""
    return None if revision is None else {"policy": {"realized": {"policy-revision": revision}}}


def runs(server: ApiServer, said: dict[str, str]) -> None:
    """Agents, one a node, and what each says."""
    for name in said:
        server.put("Pod", name, NAMESPACE, metadata={"labels": LABELS}, status={"phase": "Running"})
    server.exec = lambda pod, _: (0, said[pod], "")


def in_force(api: Api) -> bool:
    """Whether the policies of ours are, on all nodes."""
    agents = cilium.agents(api)
    assert agents
    return agents.have(OURS)


def test_a_cluster_without_cilium_has_no_agents(api: Api, server: ApiServer) -> None:
    """Nor one whose agents do not run, nor one with Pods of other names and namespaces."""
    assert cilium.agents(api) is None
    server.put("Pod", "cilium-1", NAMESPACE, metadata={"labels": LABELS}, status={"phase": "Pending"})
    server.put("Pod", "cilium-2", "lab", metadata={"labels": LABELS}, status={"phase": "Running"})
    server.put("Pod", "coredns", NAMESPACE, metadata={"labels": {"k8s-app": "kube-dns"}}, status={"phase": "Running"})
    assert cilium.agents(api) is None


@pytest.mark.parametrize("realized", [(7,), (7, 7, 8), (7, None), (None,)])
def test_realised_on_every_endpoint(api: Api, server: ApiServer, realized: tuple[int | None, ...]) -> None:
    """At least the revision that the agent has taken in; an endpoint without policies has none to realise."""
    runs(server, {"cilium-1": says(*OURS, "uid-0", realized=realized)})
    assert in_force(api)


@pytest.mark.parametrize(
    "late",
    [
        says("uid-1"),
        says(),
        says(*OURS, realized=(6,)),
        says(*OURS, realized=(7, 7, 6)),
        says(*OURS, revision=10, realized=(9, 10)),
    ],
    ids=["knows one", "knows none", "realises none yet", "lacks one endpoint", "two digits"],
)
def test_one_agent_that_is_late_is_enough(api: Api, server: ApiServer, late: str) -> None:
    """Whoever sends from its node is still let through, or still kept out."""
    runs(server, {"cilium-1": says(*OURS), "cilium-2": says(*OURS), "cilium-3": late})
    assert not in_force(api)


def test_every_agent_is_asked_in_its_container(api: Api, server: ApiServer) -> None:
    """About policies first and endpoints then: what is realised later counts, what is learned later does not."""
    commands: list[list[str]] = []

    def run(_pod: str, command: list[str]) -> tuple[int, str, str]:
        commands.append(command)
        return 0, says(*OURS), ""

    runs(server, {"cilium-1": "", "cilium-2": ""})
    server.exec = run
    assert in_force(api)
    assert server.count("/exec?container=cilium-agent&") == 2
    assert commands[0][-1].index("policy get") < commands[0][-1].index("endpoint list")


@pytest.mark.parametrize(
    "said",
    [
        "",
        "policies: many",
        says(*OURS).replace("Revision: ", "Version "),
        says(*OURS).replace(cilium.MARK, ""),
        says(*OURS)[:-10],
        says(*OURS, realized=()),
        says(*OURS).rpartition("[")[0] + "null\n",
    ],
    ids=["nothing", "other words", "no revision", "no mark", "cut", "no endpoint", "null"],
)
def test_an_answer_in_another_form_is_our_error(api: Api, server: ApiServer, said: str) -> None:
    """A version that we do not know must not pass for one that enforces nothing, or all."""
    runs(server, {"cilium-1": says(*OURS), "cilium-2": said})
    with pytest.raises(UnknownForm, match="do not say in a form that we know which policies they enforce"):
        in_force(api)


def test_a_command_that_is_no_more_is_a_form_that_we_do_not_know(api: Api, server: ApiServer) -> None:
    """Another way must be found to tell; the exit code may be any."""
    runs(server, {"cilium-1": ""})
    for code in (0, 1):
        server.exec = lambda _pod, _command, code=code: (code, "", 'Error: unknown command "policy" for "cilium-dbg"')
        with pytest.raises(UnknownForm, match="no longer know the command"):
            in_force(api)


def test_an_agent_that_refuses_is_our_error(api: Api, server: ApiServer) -> None:
    """It is named, and its words are told."""
    runs(server, {"cilium-1": ""})
    server.exec = lambda _pod, _command: (1, says(*OURS), "sh: cilium-dbg: not found")
    with pytest.raises(
        HarnessError, match=r"agent in pod/cilium-1 does not say .*: sh: cilium-dbg: not found"
    ) as raised:
        in_force(api)
    assert not isinstance(raised.value, UnknownForm)
