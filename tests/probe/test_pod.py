"""The probe Pod: modest, known as ours, told where it cannot run, and gone with the run whatever happens."""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterator

import pytest

from labgrade.cluster.api import Api
from labgrade.cluster.ours import OwnNamespace
from labgrade.errors import HarnessError, Unmet
from labgrade.model import Json
from labgrade.patience import monotonic, until
from labgrade.probe import OTHER_PORT, PORT, ProbePod, asking, http, tcp
from labgrade.probe import pod as module
from labgrade.probe.program import Program
from tests.support.apiserver import ApiServer
from tests.support.probes import Played, answer, every, whole

WEB, DB = http("10.0.0.1", 80), tcp("10.0.0.2", 5432)
RUN, SPACE = "0123abcd", "labgrade-0123abcd"
PROGRAM = Program("example.org/probe:1", ("/probe",))
MARKS = {"app.kubernetes.io/managed-by": "labgrade", "labgrade/run": RUN}


@pytest.fixture
def space(api: Api) -> OwnNamespace:
    """A namespace of the run's own, not made yet."""
    return OwnNamespace(api, RUN)


@pytest.fixture
def probe(api: Api, server: ApiServer, space: OwnNamespace) -> Iterator[ProbePod]:
    """A probe Pod in the cluster."""
    found = ProbePod(api, RUN, PROGRAM, space)
    yield found
    found.remove()
    assert server.find("Pod", "probe", SPACE) is None
    space.remove()
    assert server.find("Namespace", SPACE) is None


def body_of(server: ApiServer, name: str = "probe", namespace: str = SPACE) -> Json:
    """A Pod as it was made."""
    return server.find("Pod", name, namespace) or {}


def test_it_asks_with_the_program_in_its_only_container(probe: ProbePod, server: ApiServer) -> None:
    """And the answers say which Pod asked, from which address."""
    played = Played(whole(answer(0, "http", status=200), answer(1, "dropped")))
    server.exec = played.exec
    web, database = probe.ask([WEB, DB])
    assert (web.status, database.verdict) == (200, "dropped")
    assert web.source == "pod/probe 127.0.0.1"
    assert played.pods == ["probe"]
    assert played.commands[0][:2] == ["/probe", "ask"]
    assert server.count(f"/namespaces/{SPACE}/pods/probe/exec?container=probe") == 1


def test_what_an_exec_loses_is_asked_again(probe: ProbePod, server: ApiServer, monkeypatch: pytest.MonkeyPatch) -> None:
    """An output without an exit code is no answer, however whole it looks."""
    monkeypatch.setattr(asking, "AGAIN_SECONDS", 0.01)
    fine = whole(answer(0, "connected"))
    played = Played(lambda questions, nonce: (None, *fine(questions, nonce)[1:]), fine)
    server.exec = played.exec
    assert probe.ask([DB])[0].connected
    assert len(played.asked) == 2


def test_it_asks_for_little_and_is_known_as_ours(probe: ProbePod, server: ApiServer) -> None:
    """It fits a restricted namespace, holds no token, ends at once, and carries the run's id."""
    probe.started()
    pod, space = body_of(server), server.find("Namespace", SPACE) or {}
    container = pod["spec"]["containers"][0]
    assert container["securityContext"] == module.RESTRICTED
    assert module.RESTRICTED["runAsNonRoot"] is True
    assert module.RESTRICTED["allowPrivilegeEscalation"] is False
    assert module.RESTRICTED["capabilities"] == {"drop": ["ALL"]}
    assert (container["image"], container["imagePullPolicy"]) == ("example.org/probe:1", "IfNotPresent")
    assert "resources" not in container
    assert pod["spec"]["automountServiceAccountToken"] is False
    assert pod["spec"]["enableServiceLinks"] is False
    assert pod["spec"]["terminationGracePeriodSeconds"] == 0
    assert pod["metadata"]["labels"] == MARKS
    assert space["metadata"]["labels"] == MARKS | {"pod-security.kubernetes.io/enforce": "restricted"}
    assert not {"nodeName", "tolerations", "hostNetwork"} & pod["spec"].keys()


def test_it_listens_so_that_it_can_be_asked(probe: ProbePod, server: ApiServer) -> None:
    """On some ports, over TCP and UDP."""
    probe.started()
    ports = [f"{port}{kind}" for port in (PORT, OTHER_PORT, module.SQL_PORT) for kind in ("", "/udp")]
    assert body_of(server)["spec"]["containers"][0]["command"] == ["/probe", "listen", *ports]


def test_it_bears_labels_beside_those_that_mark_it_as_ours(api: Api, server: ApiServer, space: OwnNamespace) -> None:
    """As a student's Pod would, in the eyes of a policy."""
    probe = ProbePod(api, RUN, PROGRAM, space, bearing={"app": "frontend"})
    probe.started()
    assert body_of(server)["metadata"]["labels"] == MARKS | {"app": "frontend"}
    probe.remove()


def test_it_runs_on_the_node_that_it_is_pinned_to(api: Api, server: ApiServer, space: OwnNamespace) -> None:
    """Past the scheduler, whatever that node's taints; and it tells which one it is."""
    probe = ProbePod(api, RUN, PROGRAM, space, pinned_to="two")
    assert (probe.ip, probe.node) == ("127.0.0.1", "two")
    spec = body_of(server)["spec"]
    assert (spec["nodeName"], spec["tolerations"]) == ("two", [{"operator": "Exists"}])
    probe.remove()


def test_in_a_nodes_network_it_listens_nowhere(api: Api, server: ApiServer, space: OwnNamespace) -> None:
    """The node's ports are not ours to take."""
    probe = ProbePod(api, RUN, PROGRAM, space, pinned_to="two", host_network=True)
    probe.started()
    spec = body_of(server)["spec"]
    assert (spec["hostNetwork"], spec["containers"][0]["command"]) == (True, ["/probe", "listen"])
    probe.remove()


def test_several_share_one_namespace(api: Api, server: ApiServer, space: OwnNamespace) -> None:
    """It is made once, by whichever of them comes first."""
    probes = [ProbePod(api, RUN, PROGRAM, space, name=f"probe-{n}") for n in range(4)]
    assert {probe.ip for probe in probes} == {"127.0.0.1"}
    assert server.count("/namespaces", "POST") - server.count("/pods", "POST") == 1
    for each in (*probes, space):
        each.remove()


def stuck(server: ApiServer, reason: str, status: Json | None = None) -> None:
    """From now on, Pods stay as they are made, waiting for this reason."""

    def act(method: str, plural: str, body: Json) -> None:
        if (method, plural) == ("POST", "pods"):
            statuses = [{"name": "probe", "image": "probe", "state": {"waiting": {"reason": reason}}}]
            told = status or {"phase": "Pending", "containerStatuses": statuses}
            server.put("Pod", body["metadata"]["name"], body["metadata"]["namespace"], status=told)

    server.reactions = [act]


def test_a_pod_whose_image_is_missing(api: Api, server: ApiServer, space: OwnNamespace) -> None:
    """It is said once the kubelet has given up, not after a minute; and it is our error, for whoever asks."""
    stuck(server, "ImagePullBackOff")
    began, probe = monotonic(), ProbePod(api, RUN, PROGRAM, space)
    for _ in range(2):
        with pytest.raises(HarnessError, match=r"the probe could not start: .*cannot be pulled: ImagePullBackOff"):
            probe.ask([WEB])
    assert monotonic() - began < module.START_SECONDS / 4
    probe.remove()


@pytest.mark.parametrize(
    ("status", "words"),
    [
        ({"phase": "Pending"}, r"did not run within 0 s \(no node took it\)"),
        (
            {"containerStatuses": [{"name": "probe", "state": {"waiting": {"reason": "ContainerCreating"}}}]},
            r"its image example.org/probe:1 did not run within 0 s \(ContainerCreating\)",
        ),
    ],
)
def test_a_pod_that_does_not_come_in_time(
    api: Api, server: ApiServer, space: OwnNamespace, monkeypatch: pytest.MonkeyPatch, status: Json, words: str
) -> None:
    """The error says how far it came."""
    monkeypatch.setattr(module, "START_SECONDS", 0.3)
    stuck(server, "", status)
    probe = ProbePod(api, RUN, PROGRAM, space)
    with pytest.raises(HarnessError, match=f"the probe could not start: .*{words}"):
        probe.started()
    probe.remove()


def test_a_cluster_that_forbids_it(api: Api, server: ApiServer, space: OwnNamespace) -> None:
    """What keeps the Pod out is told by the first question, in the cluster's words; its address is not known either."""
    server.fault(403, "/pods", method="POST")
    probe = ProbePod(api, RUN, PROGRAM, space)
    for read in (lambda: probe.ask([WEB]), lambda: probe.ip, lambda: probe.node):
        with pytest.raises(HarnessError, match="the probe could not start: a fault was asked for"):
            read()
    probe.remove()


def test_a_run_that_ends_while_the_pod_starts_does_not_wait_for_it(
    api: Api, server: ApiServer, space: OwnNamespace
) -> None:
    """Ctrl-C during an image pull ends at once, and clears away."""
    server.reactions = []
    probe = ProbePod(api, RUN, PROGRAM, space)
    assert until(lambda: server.find("Pod", "probe", SPACE), seconds=5, every=0.01)
    began = monotonic()
    probe.remove()
    assert monotonic() - began < module.START_SECONDS / 4
    assert server.find("Pod", "probe", SPACE) is None


def test_a_new_namespace_has_no_account_for_a_moment(probe: ProbePod, server: ApiServer) -> None:
    """That refusal is waited out."""
    probe.remove()
    refusal = f'pods "probe" is forbidden: error looking up service account {SPACE}/default: serviceaccount'
    server.fault(403, "/pods", method="POST", message=refusal)
    before, server.exec = server.count("/pods", "POST"), Played(every("connected")).exec
    again = ProbePod(probe._api, RUN, PROGRAM, probe._home)  # pyright: ignore[reportPrivateUsage]
    assert again.ask([WEB])[0].connected
    assert server.count("/pods", "POST") == before + 2


def test_whoever_waits_for_it_is_told(
    api: Api, server: ApiServer, space: OwnNamespace, caplog: pytest.LogCaptureFixture
) -> None:
    """The log says what a question's seconds went to."""
    caplog.set_level(logging.INFO)
    server.reactions = []
    probe = ProbePod(api, RUN, PROGRAM, space)
    assert until(lambda: server.find("Pod", "probe", SPACE), seconds=5, every=0.01)
    ready = {"phase": "Running", "podIP": "10.0.0.9", "conditions": [{"type": "Ready", "status": "True"}]}
    threading.Timer(0.2, lambda: server.put("Pod", "probe", SPACE, status=ready)).start()
    assert probe.ip == "10.0.0.9"
    assert any(f"s for pod/{probe.name} to start" in record.getMessage() for record in caplog.records)
    probe.remove()


QUOTA = 'pods "labgrade-0123abcd" is forbidden: exceeded quota: few, requested: pods=1, used: pods=3, limited: pods=3'


def test_a_student_who_keeps_it_out_hears_of_it(api: Api, server: ApiServer) -> None:
    """Every question is unmet, in the server's words."""
    server.fault(403, "/namespaces/lab/pods", method="POST", message=QUOTA)
    probe = ProbePod(api, RUN, PROGRAM, "lab", name=SPACE)
    for _ in range(2):
        with pytest.raises(Unmet, match=r"namespace lab lets no probe in: .*exceeded quota: few"):
            probe.ask([DB])
    probe.remove()


def test_the_same_refusal_in_a_namespace_of_ours_is_our_error(api: Api, server: ApiServer, space: OwnNamespace) -> None:
    """No rule of a student's is in force there."""
    server.fault(403, "/pods", method="POST", message=QUOTA)
    probe = ProbePod(api, RUN, PROGRAM, space)
    with pytest.raises(HarnessError, match=r"the probe could not start: .*exceeded quota"):
        probe.ask([DB])
    probe.remove()


def test_in_somebody_elses_namespace_it_leaves_all_else_alone(api: Api, server: ApiServer) -> None:
    """It comes, and goes, alone."""
    server.put("Namespace", "lab")
    server.put("Pod", "web", "lab")
    probe = ProbePod(api, RUN, PROGRAM, "lab", name=SPACE)
    assert probe.ip == "127.0.0.1"
    probe.remove()
    assert server.find("Pod", SPACE, "lab") is None
    assert server.find("Pod", "web", "lab")
    assert server.find("Namespace", "lab")
    assert server.count("/namespaces", "POST") == server.count("/pods", "POST")
