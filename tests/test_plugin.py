"""The plugin on whole little courses: order, outcomes and points, against an API on loopback."""

from __future__ import annotations

import json
import os
import re
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from labgrade.kubeconfig import Access
from labgrade.model import Json
from tests.support.apiserver import ApiServer
from tests.support.course import check, write_course, write_lab

pytest_plugins = ["pytester"]


class Graded:
    """What a run of pytest on a course said and sent."""

    def __init__(self, result: pytest.RunResult, events: list[Json]) -> None:
        self.code, self.events = int(result.ret), events
        self.words = result.stdout.str() + result.stderr.str()

    def of(self, kind: str) -> list[Json]:
        """The events of one kind."""
        return [event for event in self.events if event["event"] == kind]

    @property
    def states(self) -> dict[str, str]:
        """Check to state, in the order in which they ended."""
        return {event["outcome"]["id"]: event["outcome"]["state"] for event in self.of("outcome")}

    def outcome(self, name: str) -> Json:
        """One check's outcome."""
        (found,) = [event["outcome"] for event in self.of("outcome") if event["outcome"]["id"] == name]
        return found


class Course:
    """A course beside a server, and pytest on it in this process."""

    def __init__(self, pytester: pytest.Pytester, server: ApiServer) -> None:
        self._pytester, self.server = pytester, server
        self.folder = write_course(pytester.path / "course")

    def lab(self, checks: str, suite: str, name: str = "b01") -> Path:
        """Adds a lab."""
        return write_lab(self.folder, name, checks, suite)

    @pytest.fixture
    def vanish(self) -> None:
        """For suites: the cluster vanishes."""
        self.server.stop()

    def run(self, *words: str, target: str = "labs/b01") -> Graded:
        """Pytest on the lab, as `labgrade check` starts it."""
        log = self._pytester.path / "events"
        descriptor = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
        os.chdir(self.folder)
        try:
            result = self._pytester.runpytest_inprocess(
                *(f"--rootdir={self.folder}", "-c", f"{self.folder}/pyproject.toml", f"{self.folder}/{target}"),
                *("-p", "no:cacheprovider", f"--labgrade-events={descriptor}", *words),
                plugins=[self],
            )
        finally:
            os.close(descriptor)
        return Graded(result, [json.loads(line) for line in log.read_text().splitlines()])


@pytest.fixture
def course(pytester: pytest.Pytester, server: ApiServer, monkeypatch: pytest.MonkeyPatch) -> Iterator[Course]:
    """A course whose every run leads to the server; what a run leaves in the environment goes with the test."""

    def resolve(*_: Any) -> Access:
        return server.access

    monkeypatch.setattr("labgrade.cluster.target.resolve", resolve)
    monkeypatch.setattr("labgrade.patience.TRANSPORT_PAUSE_SECONDS", 0.001)
    monkeypatch.setattr("labgrade.grading.reconcile.QUIET_SECONDS", 0.1)
    monkeypatch.setattr("labgrade.grading.reconcile.CONVERGENCE_SECONDS", 0.1)
    monkeypatch.setenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")
    before = dict(os.environ)
    yield Course(pytester, server)
    os.environ.clear()
    os.environ.update(before)


FOUR = (
    check("heals", 5, "disturbs: {en: deletes, fr: supprime}")
    + check("there", 5)
    + check("served", 5, "needs: [there]")
    + check("healed", 5, "needs: [heals, served]", "disturbs: {en: deletes, fr: supprime}")
)


def test_what_looks_comes_first(course: Course) -> None:
    """Whatever the order in the file; the disturbing checks last, as in the rubric."""
    course.lab(
        FOUR,
        """
        def test_healed(): ...
        def test_served(): ...
        def test_heals(): ...
        def test_there(): ...
        """,
    )
    graded = course.run()
    assert list(graded.states.items()) == [(name, "passed") for name in ("there", "served", "heals", "healed")]
    assert [event["check"] for event in graded.of("begin")] == ["there", "served", "heals", "healed"]
    assert graded.of("start")[0]["cluster"]["name"] == "kind-lab"
    assert graded.code == 0


def test_the_five_states(course: Course) -> None:
    """A failure blocks what builds on it, a crash is ours, a missing optional component skips."""
    course.lab(
        check("there", 4)
        + check("served", 4, "needs: [there]")
        + check("crashes", 4)
        + check("metrics", 4, "optional: metrics")
        + check("fine", 4),
        """
        from labgrade.errors import Absent, Unmet

        def test_there(cluster):
            assert cluster.deployment("web").ready == 3

        def test_served():
            raise RuntimeError("never tried")

        def test_crashes():
            {}["spec"]

        def test_metrics():
            raise Absent("metrics")

        def test_fine(): ...
        """,
    )
    graded = course.run()
    assert " ".join(graded.states.values()) == "failed blocked error skipped passed"
    assert "deployment/web" in graded.outcome("there")["saw"]["en"]
    assert graded.outcome("served")["blocked_by"] == ["there"]
    assert "KeyError" in graded.outcome("crashes")["saw"]["en"]
    assert "4 / 16" in graded.words


def test_partial_credit(course: Course) -> None:
    """A failed check can earn."""
    suite = "from labgrade.errors import Unmet\ndef test_there():\n    raise Unmet('two', wanted='three', credit=0.5)\n"
    course.lab(check("there", 20), suite)
    outcome = course.run().outcome("there")
    assert (outcome["state"], outcome["earned"], outcome["wanted"]["fr"]) == ("failed", 10, "three")


@pytest.mark.parametrize("phase", ["setup", "teardown"])
def test_an_assert_outside_the_call_is_ours(course: Course, phase: str) -> None:
    """And it makes one outcome, not two."""
    before, after = ("assert False, 'wiring'", "") if phase == "setup" else ("", "assert False, 'wiring'")
    course.lab(
        check("there", 20),
        f"""
        import pytest

        @pytest.fixture
        def wired():
            {before}
            yield
            {after}

        def test_there(wired):
            assert 1 == 3
        """,
    )
    graded = course.run()
    assert [outcome["outcome"]["state"] for outcome in graded.of("outcome")] == ["error"]
    assert "wiring" in graded.outcome("there")["saw"]["en"]


@pytest.mark.parametrize(
    ("more", "said"),
    [
        ("", r"lab\.yaml: checks\.served has no function test_served"),
        ("def test_served(): ...\ndef test_more(): ...\n", r"test_lab\.py: test_more is not in the rubric"),
        (
            "import pytest\n@pytest.mark.parametrize('n', [1, 2])\ndef test_served(n): ...\n",
            r"test_served\[1\] is not in the rubric",
        ),
    ],
)
def test_suite_and_rubric_must_agree(course: Course, more: str, said: str) -> None:
    """Points without a check, or a check without points, would make another lab than the one described."""
    course.lab(check("there", 10) + check("served", 10), f"def test_there(): ...\n{more}")
    graded = course.run()
    assert graded.code == 2
    assert re.search(said, graded.of("fatal")[0]["message"])
    assert graded.of("fatal")[0]["code"] == 2
    assert graded.states == {}


def test_a_wrong_rubric_ends_the_run_in_words(course: Course) -> None:
    """Nothing is graded by a rubric that does not add up."""
    course.lab(check("there", 19), "def test_there(): ...\n")
    graded = course.run()
    assert "add up to 19 points" in graded.of("fatal")[0]["message"]
    assert graded.code == 2


def test_only_and_no_disturb(course: Course) -> None:
    """A chosen check comes with its prerequisites; nothing is disturbed against one's will."""
    course.lab(FOUR, "".join(f"def test_{name}(): ...\n" for name in ("heals", "there", "served", "healed")))
    assert list(course.run("--only=served").states) == ["there", "served"]
    assert list(course.run("--only=healed", "--no-disturb").states) == ["there", "served"]
    graded = course.run("--only=serves")
    assert graded.code == 2
    assert "did you mean 'served'" in graded.of("fatal")[0]["message"]


@pytest.mark.parametrize("words", [["-k", "served"], ["-k", "not there"]])
def test_pytests_own_choosing_is_refused(course: Course, words: list[str]) -> None:
    """It knows no prerequisites; the sentence names what does."""
    course.lab(FOUR, "".join(f"def test_{name}(): ...\n" for name in ("heals", "there", "served", "healed")))
    graded = course.run(*words)
    assert graded.code == 2
    assert "choose checks with --only=CHECK" in graded.of("fatal")[0]["message"]


def test_one_pytest_grades_several_labs(course: Course) -> None:
    """Plain `pytest labs` is one grader: its labs share the Lease, and each gets its points."""
    for name in ("b01", "b02"):
        course.lab(check("there", 20), "def test_there(cluster):\n    assert not cluster.pods()\n", name)
    graded = course.run(target="labs")
    assert graded.code == 0
    assert graded.words.count("20 / 20") == 2
    assert course.server.find("Lease", "labgrade", "kube-system") is None


def test_other_tests_are_left_alone(course: Course) -> None:
    """A test that is no check runs as pytest runs it, and needs no cluster."""
    (course.folder / "tests").mkdir()
    (course.folder / "tests/test_arithmetic.py").write_text("def test_sum():\n    assert 1 + 1 == 2\n")
    graded = course.run(target="tests")
    assert (graded.code, graded.events) == (0, [])
    assert course.server.requests == []


def test_nothing_is_left_behind(course: Course) -> None:
    """Neither Lease nor namespace nor Pod in the cluster, nor a folder with credentials on disk."""
    course.lab(check("there", 20), "def test_there(probe):\n    assert probe is not None\n")
    assert course.run().code == 0
    assert course.server.count("/namespaces", "POST") == 2 + 1
    assert course.server.find("Lease", "labgrade", "kube-system") is None
    assert sorted(course.server.collection("/api/v1", "namespaces").objects) == [(None, "kube-system")]
    assert not list(Path(os.environ["KUBECONFIG"]).parent.glob("*"))


def test_all_is_cleared_away_though_one_part_fails(course: Course) -> None:
    """A Pod that cannot be removed keeps neither its namespace nor the Lease."""
    course.lab(check("there", 20), "def test_there(probe): ...\n")
    course.server.fault(403, "/pods/", method="DELETE", times=9)
    assert course.run().code == 0
    assert sorted(course.server.collection("/api/v1", "namespaces").objects) == [(None, "kube-system")]
    assert course.server.find("Lease", "labgrade", "kube-system") is None


def test_the_student_environment_is_rid_of_what_changes_kubectl(
    course: Course, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What runs inside a Pod goes through kubectl, which must not be led elsewhere."""
    monkeypatch.setenv("HTTPS_PROXY", "http://127.0.0.1:1")
    monkeypatch.setenv("KUBECTL_EXTERNAL_DIFF", "rm -rf")
    course.lab(
        check("there", 20),
        """
        import os

        def test_there():
            assert "HTTPS_PROXY" not in os.environ
            assert "KUBECTL_EXTERNAL_DIFF" not in os.environ
            assert os.environ["KUBERC"] == "off"
        """,
    )
    assert course.run().states == {"there": "passed"}


def scaling_course(course: Course, act: str = "pass") -> None:
    """A lab whose one check scales and then acts."""
    course.server.put("StatefulSet", "web", "lab", spec={"replicas": 0}, status={"replicas": 0})
    course.lab(
        check("scales", 20, "disturbs: {en: scales, fr: change la taille}"),
        f"""
        def test_scales(cluster, disturb):
            disturb.scale(cluster.statefulset("web"), 1)
            {act}
        """,
    )


@pytest.mark.parametrize("act", ["pass", "assert 1 == 3", "raise KeyError"])
def test_a_disturbance_is_undone_however_the_check_ends(course: Course, act: str) -> None:
    """Passed, failed or broken."""
    scaling_course(course, act)
    course.run()
    assert (course.server.find("StatefulSet", "web", "lab") or {})["spec"]["replicas"] == 0
    assert course.server.find("ConfigMap", "labgrade-journal-lab", "kube-system") is None
    assert course.server.find("Lease", "labgrade", "kube-system") is None


def test_a_disturbing_check_waits_for_an_earlier_ones_restoring(course: Course) -> None:
    """It meets the cluster as the student left it, not as it comes back."""
    course.lab(
        check("first", 10, "disturbs: {en: scales, fr: change la taille}")
        + check("second", 10, "disturbs: {en: scales, fr: change la taille}"),
        """
        def test_first(cluster, disturb):
            disturb.scale(cluster.statefulset("web"), 1)

        def test_second(cluster):
            found = cluster.statefulset("web")
            assert found.status["replicas"] == found.replicas == 3
        """,
    )
    status = {"replicas": 3, "observedGeneration": 1}
    course.server.put("StatefulSet", "web", "lab", metadata={"generation": 1}, spec={"replicas": 3}, status=status)
    course.server.reactions.append(_slow_statefulset(course.server))
    assert course.run().states == {"first": "passed", "second": "passed"}


def _slow_statefulset(server: ApiServer) -> Callable[[str, str, Json], None]:
    """A controller that takes a moment to follow."""

    def follow(method: str, plural: str, body: Json) -> None:
        if (method, plural) == ("PATCH", "statefulsets"):
            status = {"replicas": body["spec"]["replicas"], "observedGeneration": 1}
            server.put("StatefulSet", "web", "lab", status={"replicas": 2, "observedGeneration": 1})
            threading.Timer(0.5, lambda: server.put("StatefulSet", "web", "lab", status=status)).start()

    return follow


def test_a_cluster_that_vanishes_costs_nobody_points(course: Course) -> None:
    """What was graded stays, the rest is our error, told quickly and once."""
    course.lab(
        check("before", 5) + check("during", 5) + check("after", 5) + check("last", 5),
        """
        def test_before(cluster):
            assert not cluster.pods()

        def test_during(cluster, vanish):
            cluster.services()

        def test_after(cluster): ...
        def test_last(cluster): ...
        """,
    )
    graded = course.run()
    assert " ".join(graded.states.values()) == "passed error error error"
    assert "the cluster is gone" in graded.outcome("last")["saw"]["en"]


@pytest.mark.parametrize(
    ("status", "said"),
    [(401, "the cluster does not know who context 'kind-lab' is"), (403, "context 'kind-lab' may not look")],
)
def test_no_permission_is_a_sentence(course: Course, status: int, said: str) -> None:
    """A kubeconfig without rights ends before any check, with exit code 3."""
    course.lab(check("there", 20), "def test_there(): ...\n")
    course.server.fault(status, "/version")
    graded = course.run()
    assert (graded.code, graded.states) == (3, {})
    assert said in graded.of("fatal")[0]["message"]


@pytest.mark.parametrize("provider", ["aws:///eu-west-3a/i-0123", "", "kindly://x"])
def test_only_kind_clusters_are_graded(course: Course, provider: str) -> None:
    """One node that kind did not make, and the cluster is not touched."""
    course.lab(check("there", 20), "def test_there(): ...\n")
    course.server.put("Node", "stranger", spec={"providerID": provider})
    graded = course.run()
    assert graded.code == 2
    assert "does not lead to a kind cluster" in graded.of("fatal")[0]["message"]
    assert {method for method, _ in course.server.requests} == {"GET"}


@pytest.mark.parametrize(("least", "code"), [("1.34", 0), ("1.35", 2), ("2.0", 2)])
def test_a_lab_may_ask_for_a_later_kubernetes(course: Course, least: str, code: int) -> None:
    """On an older cluster it is not graded, and the sentence names both versions."""
    rubric = course.lab(check("there", 20), "def test_there(): ...\n") / "lab.yaml"
    rubric.write_text(f'kubernetes: "{least}"\n{rubric.read_text()}')
    graded = course.run()
    assert graded.code == code
    for fatal in graded.of("fatal"):
        assert f"b01 needs Kubernetes {least} or later; this cluster has v1.34.0" in fatal["message"]


def test_a_second_grader_is_refused(course: Course) -> None:
    """Two terminals on one cluster would see each other's disturbances."""
    course.lab(check("there", 20), "def test_there(): ...\n")
    course.server.put(
        "Lease",
        "labgrade",
        "kube-system",
        spec={"holderIdentity": "x bob@far pid 1", "renewTime": _soon(course.server)},
    )
    graded = course.run()
    assert graded.code == 3
    assert "another labgrade is grading this cluster" in graded.of("fatal")[0]["message"]
    assert course.run("--labgrade-lease-held").states == {"there": "passed"}


def _soon(server: ApiServer) -> str:
    return f"{server.now():%Y-%m-%dT%H:%M:%S.%fZ}"
