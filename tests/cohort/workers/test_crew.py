"""Grading on workers: real schedulers and workers, some of which die, freeze, or should never have come."""

from __future__ import annotations

import importlib
import signal
import socket
import ssl
import subprocess
import sys
import threading
from collections import Counter
from collections.abc import Generator, Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from labgrade.cohort.task import Graded, Progress, Submission, Task
from labgrade.cohort.workers import scheduler, worker
from labgrade.cohort.workers.crew import DaskCrew
from labgrade.cohort.workers.members import Timing
from labgrade.cohort.workers.scheduler import Certificates, checked
from labgrade.course import Course
from labgrade.errors import HarnessError, UsageError
from labgrade.grading.process import INTERRUPTED
from labgrade.model import Student
from labgrade.patience import monotonic, until
from tests.cohort.conftest import Class
from tests.support.course import check, write_course, write_lab
from tests.support.fleet import CERTIFICATES, PEM, SECONDS, Fleet, freeze

QUICK = Timing(
    look=0.2, ask=0.5, answer=5, silence=4, grace=25, over=2, cluster=0, pause=0.2, claim=2, lapse=20, end=20
)
"""The same as for trainers, in a hurry."""


def a_course(folder: Path, suite: str = "def test_one(): ...") -> Path:
    """A course of one lab."""
    course = write_course(folder)
    write_lab(course, "sample", check("one", 20), suite)
    return course


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A scheduler for all that leave it alive."""
    with Fleet(tmp_path_factory.mktemp("scheduler"), Path()) as found:
        found.scheduler()
        yield found.address


@pytest.fixture
def fleet(tmp_path: Path, address: str) -> Iterator[Fleet]:
    """A scheduler without workers."""
    folder = tmp_path / "fleet"
    folder.mkdir()
    with Fleet(folder, a_course(folder / "course"), address=address) as found:
        yield found


class Crew:
    """A crew, what it told, and tasks of its course."""

    def __init__(self, fleet: Fleet, timing: Timing) -> None:
        self.course = Course(fleet.course)
        self.told: list[Progress] = []
        self.said: list[str] = []
        self.dask = DaskCrew(
            fleet.address,
            course=self.course,
            told=self.told.append,
            say=self.said.append,
            certificates=CERTIFICATES,
            timing=timing,
        )

    def task(self, student: str, name: str = "", *, handed_in: bool = False) -> Task:
        """One that a stand-in understands, with a secret in it."""
        submission = Submission({"1.yaml": b"{}"}, "sha256:0") if handed_in else None
        kubeconfig = b"" if handed_in else b"TOKEN-OF-A-STUDENT"
        digest = self.course.digest()
        return Task(Student(student, name), "sample", digest, kubeconfig, submission=submission, context=student)

    def hand_out(self, *names: str, handed_in: bool = False) -> list[Future[Graded]]:
        """A student for each name."""
        return [
            self.dask.hand_out(self.task(f"s{number}", name, handed_in=handed_in)) for number, name in enumerate(names)
        ]


@contextmanager
def crew(fleet: Fleet, timing: Timing = QUICK) -> Generator[Crew]:
    """A crew that is closed at the end."""
    made = Crew(fleet, timing)
    try:
        yield made
    finally:
        made.dask.close()


def grades(futures: list[Future[Graded]]) -> list[float]:
    """What they all have, with patience; every one is complete."""
    results = [future.result(timeout=SECONDS).result for future in futures]
    assert all(result.complete for result in results), [result.note.en for result in results]
    return [result.grade for result in results]


def seen(fleet: Fleet, what: str, count: int) -> bool:
    """Whether stand-ins have kept so many lines of the kind, with patience."""
    return bool(until(lambda: len(fleet.record(what)) >= count, seconds=SECONDS, every=0.05))


def test_everybody_is_graded_once_and_told(fleet: Fleet) -> None:
    """Two workers grade twelve students; progress arrives, and at the end nothing remains on either."""
    fleet.worker()
    fleet.worker()
    with crew(fleet) as made:
        assert until(lambda: made.dask.workers == 2, seconds=SECONDS)
        assert grades(made.hand_out(*["sleep 0.5"] * 12)) == [20.0] * 12
        assert until(lambda: sum(told.kind == "ended" for told in made.told) == 12, seconds=5)
    graded = fleet.record("ended")
    assert sorted(whom for whom, _ in graded) == sorted(f"s{n}/sample" for n in range(12))
    assert len({pid for _, pid in graded}) == 2
    assert Counter(told.student for told in made.told if told.kind == "started") == {f"s{n}": 1 for n in range(12)}
    assert len(fleet.record("closed")) == 2


def test_a_worker_that_is_killed_costs_nobody_a_grade(fleet: Fleet) -> None:
    """What it had under way is graded by the other, once; what was graded before is not graded again."""
    victim = fleet.worker()
    fleet.worker()
    with crew(fleet) as made:
        assert until(lambda: made.dask.workers == 2, seconds=SECONDS)
        futures = made.hand_out(*["", "", *["sleep 2"] * 6])
        assert seen(fleet, "begun", 8)
        assert seen(fleet, "ended", 2)
        victim.kill()
        assert grades(futures) == [20.0] * 8
        assert any("is gone" in sentence for sentence in made.said)
    assert all(times == 1 for times in Counter(whom for whom, _ in fleet.record("ended")).values())
    begun = Counter(whom for whom, _ in fleet.record("begun"))
    assert begun["s0/sample"] == begun["s1/sample"] == 1
    assert max(begun.values()) == 2


def test_what_a_lost_worker_still_claims_is_waited_for(fleet: Fleet) -> None:
    """Its Lease on the student's cluster outlives it for a while: that costs the student neither a grade nor a try."""
    fleet.worker()
    fleet.worker()
    with crew(fleet, replace(QUICK, claim=20)) as made:
        assert until(lambda: made.dask.workers == 2, seconds=SECONDS)
        assert grades(made.hand_out("claimed")) == [20.0]
    assert len(fleet.record("begun")) == 3


def test_a_frozen_worker_is_given_up_and_its_late_answers_dropped(fleet: Fleet) -> None:
    """It is alive and silent: others grade what it had, and what it says after it wakes counts no more."""
    frozen = fleet.worker()
    with crew(fleet) as made:
        futures = made.hand_out("sleep 1", "sleep 1")
        assert seen(fleet, "begun", 2)
        freeze(frozen)
        fleet.worker()
        assert grades(futures) == [20.0, 20.0]
        assert any("not been heard of" in sentence for sentence in made.said)
        frozen.send_signal(signal.SIGCONT)
        assert seen(fleet, "ended", 4)
        assert [told.student for told in made.told if told.kind == "ended"].count("s0") == 1
        # It is as good as any other again.
        assert until(lambda: made.dask.workers == 2, seconds=SECONDS)
        assert grades(made.hand_out(*["sleep 1"] * 8)) == [20.0] * 8
    assert len({pid for _, pid in fleet.record("ended")[4:]}) == 2


def test_one_who_takes_workers_along_does_not_take_everybody(fleet: Fleet) -> None:
    """After three workers that student is incomplete, with the reason; everybody else has a grade."""
    for _ in range(4):
        fleet.worker(threads=3)
    with crew(fleet) as made:
        assert until(lambda: made.dask.workers == 4, seconds=SECONDS)
        futures = made.hand_out("kill", *["sleep 1"] * 8)
        killer = futures[0].result(timeout=SECONDS)
        assert grades(futures[1:]) == [20.0] * 8
    assert not killer.result.complete
    assert killer.result.note.en.startswith("Given up after 3 tries on workers: worker tls://")
    assert "Abandonné après 3 essais" in killer.result.note.fr
    assert sum(process.poll() is not None for process in fleet.processes) == 3


def test_workers_with_another_course_get_nothing(fleet: Fleet, tmp_path: Path) -> None:
    """They are named with both digests, and all is graded by the one that fits, which came last."""
    other = Course(a_course(tmp_path / "other", "def test_one(): assert True"))
    fleet.worker(course=other.folder)
    fleet.worker(course=tmp_path / "nowhere")
    with crew(fleet) as made:
        assert until(lambda: len(made.said) >= 2, seconds=SECONDS)
        futures = made.hand_out("", "", "")
        fitting = fleet.worker()
        assert grades(futures) == [20.0] * 3
        (another,) = [said for said in made.said if "gets nothing: it has the course" in said]
        assert other.digest()[:19] in another
        assert made.course.digest()[:19] in another
        assert any("nowhere is not a course" in said for said in made.said)
    assert {pid for _, pid in fleet.record("begun")} == {fitting.pid}


def test_a_worker_that_never_answers_gets_nothing(fleet: Fleet) -> None:
    """The scheduler still lists it; nobody waits for it."""
    frozen = fleet.worker("--name", "frozen")
    with crew(fleet) as made:
        assert grades(made.hand_out("")) == [20.0]
    freeze(frozen)
    alive = fleet.worker()
    with crew(fleet) as made:
        began = monotonic()
        assert grades(made.hand_out(*[""] * 6)) == [20.0] * 6
        assert monotonic() - began < QUICK.silence + 10
    assert {pid for _, pid in fleet.record("begun")[1:]} == {alive.pid}


def test_submissions_go_where_clusters_are_and_no_more_than_there_are(fleet: Fleet) -> None:
    """A worker without the resource gets none; one with two of it has two at once, though it has more threads."""
    fleet.worker()
    owner = fleet.worker("--resources", "cluster=2", threads=6)
    with crew(fleet) as made:
        assert grades(made.hand_out(*["sleep 0.5"] * 4, handed_in=True)) == [20.0] * 4
    steps = [what for what in record(fleet) if what in ("begun", "ended")]
    assert {pid for _, pid in fleet.record("begun")} == {owner.pid}
    assert ("2", owner.pid) in fleet.record("made")
    assert max(steps[:end].count("begun") - steps[:end].count("ended") for end in range(len(steps))) == 2


def record(fleet: Fleet) -> list[str]:
    """What stand-ins did, in order."""
    return [line.split(" ")[0] for line in (fleet.folder / "record").read_text().splitlines()]


def test_what_no_worker_can_take_is_told_and_ends(fleet: Fleet) -> None:
    """A submission without any cluster, then a task without any worker, fail after the grace, with what to type."""
    only = fleet.worker()
    with crew(fleet, replace(QUICK, grace=3)) as made:
        assert until(lambda: made.dask.workers == 1, seconds=SECONDS)
        (future,) = made.hand_out("", handed_in=True)
        with pytest.raises(HarnessError, match='start one with --resources "cluster=1"'):
            future.result(timeout=SECONDS)
        assert any("waiting 3 seconds for one" in said for said in made.said)
        assert grades(made.hand_out("")) == [20.0]
        only.kill()
        only.wait()
        (future,) = made.hand_out("")
        with pytest.raises(HarnessError, match="the scheduler has no workers"):
            future.result(timeout=SECONDS)


def test_a_worker_that_cannot_is_followed_by_another_without_secrets_in_logs(fleet: Fleet) -> None:
    """What fails over there is tried elsewhere and then given up; no log of Dask's shows the student's token."""
    fleet.worker()
    fleet.worker()
    with crew(fleet) as made:
        assert until(lambda: made.dask.workers == 2, seconds=SECONDS)
        (future,) = made.hand_out("fail")
        result = future.result(timeout=SECONDS).result
    assert "the disk is full" in result.note.en
    assert len({pid for _, pid in fleet.record("begun")}) == 2
    assert "Compute Failed" in fleet.words()
    assert "TOKEN-OF-A-STUDENT" not in fleet.words() + repr(worker.Parcel(made.task("s0")))


def test_an_interrupt_restores_what_is_under_way_and_begins_nothing(fleet: Fleet) -> None:
    """Those under way come back as interrupted, those that wait are cancelled, and the worker is left clean."""
    fleet.worker(threads=2)
    with crew(fleet) as made:
        futures = made.hand_out(*["sleep 60"] * 5)
        assert seen(fleet, "begun", 2)
        made.dask.interrupt()
        assert until(lambda: sum(future.cancelled() for future in futures) == 3, seconds=SECONDS)
        under_way = [future for future in futures if not future.cancelled()]
        assert [future.result(timeout=SECONDS).result.note for future in under_way] == [INTERRUPTED] * 2
    assert len(fleet.record("begun")) == len(fleet.record("interrupted")) == 2
    assert len(fleet.record("closed")) == 1
    assert made.dask.hand_out(made.task("late")).cancelled()


CLIENT = """
import sys
from pathlib import Path
from tests.cohort.workers.test_crew import Crew, QUICK
from tests.support.fleet import Fleet
from dataclasses import replace
fleet = Fleet(Path(sys.argv[1]), Path(sys.argv[2]), address=sys.argv[3])
for future in Crew(fleet, replace(QUICK, lapse=3)).hand_out("sleep 60"):
    future.result()
"""


def test_workers_end_what_nobody_asks_for_any_more(fleet: Fleet) -> None:
    """`labgrade grade` is killed: its tasks restore and end, and its clusters are removed."""
    fleet.worker()
    words = [sys.executable, "-c", CLIENT, str(fleet.folder), str(fleet.course), fleet.address]
    client = subprocess.Popen(words, cwd=Path(__file__).parents[3])
    try:
        assert seen(fleet, "begun", 1)
    finally:
        client.kill()
        client.wait()
    assert seen(fleet, "closed", 1)
    assert len(fleet.record("interrupted")) == 1


def test_a_worker_that_is_asked_to_end_leaves_nothing(fleet: Fleet) -> None:
    """SIGTERM, as a machine sends that shuts down: what was under way restores, and the clusters go."""
    leaving = fleet.worker()
    with crew(fleet) as made:
        futures = made.hand_out("sleep 3")
        assert seen(fleet, "begun", 1)
        leaving.terminate()
        assert seen(fleet, "closed", 1)
        fleet.worker()
        assert grades(futures) == [20.0]


def test_without_its_scheduler_the_batch_ends_soon(fleet: Fleet) -> None:
    """It is killed: all that is open fails at once, with what to do."""
    first = fleet.scheduler()
    fleet.worker()
    with crew(fleet) as made:
        futures = made.hand_out("sleep 60", "sleep 60")
        assert seen(fleet, "begun", 2)
        first.kill()
        for future in futures:
            with pytest.raises(HarnessError, match=r"is lost .* go on with --resume"):
                future.result(timeout=SECONDS)
        with pytest.raises(HarnessError, match="is lost"):
            made.hand_out("")[0].result(timeout=SECONDS)


def test_one_shared_cluster_is_graded_from_one_worker(fleet: Fleet) -> None:
    """Only one process can hold the claim on a cluster that several students work on."""
    fleet.worker()
    fleet.worker()
    with crew(fleet) as made:
        assert until(lambda: made.dask.workers == 2, seconds=SECONDS)
        tasks = [made.task(f"s{number}", "sleep 0.5") for number in range(6)]
        shared = [Task(t.student, t.lab, t.course, t.kubeconfig, cluster="one", shared=True) for t in tasks]
        assert grades([made.dask.hand_out(task) for task in shared]) == [20.0] * 6
    assert len({pid for _, pid in fleet.record("begun")}) == 1


@pytest.mark.parametrize(
    ("address", "advice"),
    [
        ("tcp://grader.example.org:8786", "unencrypted; .* write tls://grader.example.org:8786"),
        ("grader.example.org:8786", "tls://grader.example.org:8786"),
        ("tls://grader.example.org", "tls://grader.example.org:8786"),
        ("tls://[2001:db8::1]", r"tls://\[2001:db8::1\]:8786"),
        ("https://grader.example.org:1/x", "write tls://HOST:8786"),
        ("tls://:8786", "write tls://HOST:8786"),
        ("tls://grader:port", "write tls://HOST:8786"),
        ("", "write tls://HOST:8786"),
    ],
)
def test_addresses_that_will_not_do_are_told_with_a_better_one(address: str, advice: str) -> None:
    """Credentials travel there: only encrypted, unless they never leave this machine."""
    with pytest.raises(UsageError, match=advice):
        checked(address)


@pytest.mark.parametrize(
    "address", ["tls://10.0.0.1:8786", "tcp://127.0.0.1:8786", "tcp://[::1]:1", "tcp://localhost:1"]
)
def test_addresses_that_will_do(address: str) -> None:
    """TLS anywhere, anything on this machine."""
    assert checked(address) == address


def refused(fleet: Fleet, address: str, certificates: Certificates) -> str:
    """The one sentence that says why there is no crew, within fifteen seconds."""
    began = monotonic()
    with pytest.raises((HarnessError, UsageError)) as caught:
        DaskCrew(address, course=Course(fleet.course), told=lambda _: None, certificates=certificates)
    assert monotonic() - began < 15
    assert not [thread for thread in threading.enumerate() if thread.name == "dask crew"]
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_certificates_that_do_not_fit_are_told(fleet: Fleet, tmp_path: Path) -> None:
    """An authority that is not the scheduler's, a certificate that is not of its authority, none, or no certificate."""
    ours = CERTIFICATES
    stranger = Certificates(PEM / "stranger.pem", ours.cert, ours.key)
    assert "do not accept each other's certificates" in refused(fleet, fleet.address, stranger)
    unknown = Certificates(ours.ca, PEM / "server.pem", PEM / "server-key.pem")
    assert "do not accept each other's certificates" in refused(fleet, fleet.address, unknown)
    assert "give --tls-ca, --tls-cert and --tls-key" in refused(fleet, fleet.address, Certificates())
    gone = Certificates(ours.ca, tmp_path / "gone.pem", ours.key)
    assert f"--tls-cert {tmp_path / 'gone.pem'}: there is no such file" in refused(fleet, fleet.address, gone)
    mixed = Certificates(ours.ca, ours.cert, PEM / "server-key.pem")
    assert "no certificates with their key" in refused(fleet, fleet.address, mixed)


def test_schedulers_that_are_none_are_told(fleet: Fleet, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody listens; somebody listens and never says a word; somebody speaks without TLS, or speaks HTTP."""
    monkeypatch.setattr(scheduler, "CONNECT_SECONDS", 1.5)
    with socket.create_server(("127.0.0.1", 0)) as mute:
        silent = f"tls://127.0.0.1:{mute.getsockname()[1]}"
        assert "no Dask scheduler answers at" in refused(fleet, silent, CERTIFICATES)
    assert "no Dask scheduler answers at" in refused(fleet, silent, CERTIFICATES)
    with answering(b"HTTP/1.1 400 Bad Request\r\n\r\n", tls=False) as address:
        assert "does not speak TLS" in refused(fleet, address, CERTIFICATES)
    with answering(b"HTTP/1.1 400 Bad Request\r\n\r\n", tls=True) as address:
        assert "no Dask scheduler answers at" in refused(fleet, address, CERTIFICATES)


@contextmanager
def answering(words: bytes, *, tls: bool) -> Generator[str]:
    """A server that answers whatever it is asked with the same words."""
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(PEM / "dask.pem", PEM / "dask-key.pem")
    with socket.create_server(("127.0.0.1", 0)) as server:

        def serve() -> None:
            while True:
                try:
                    peer, _ = server.accept()
                    with context.wrap_socket(peer, server_side=True) if tls else peer as plain:
                        plain.sendall(words)
                        plain.recv(1000)
                except ssl.SSLError:
                    continue
                except OSError:
                    return

        threading.Thread(target=serve, daemon=True).start()
        yield f"tls://127.0.0.1:{server.getsockname()[1]}"
        server.shutdown(socket.SHUT_RDWR)


@pytest.mark.parametrize(
    ("lines", "told"),
    [
        (
            "import distributed.versions as v; v.get_package_info = lambda _: {'distributed': '2024.1.0'}",
            "Dask 2024.1.0",
        ),
        ("import sys; sys.modules['labgrade.cohort.workers.worker'] = None", "cannot use labgrade there"),
        ("import labgrade.cohort.workers.worker as w; w.version = lambda _: '0.0.9'", "has labgrade 0.0.9"),
    ],
)
def test_schedulers_of_another_version_are_told(tmp_path: Path, lines: str, told: str) -> None:
    """Both versions, and what to do, before a task travels."""
    (tmp_path / "old.py").write_text(lines)
    with Fleet(tmp_path, a_course(tmp_path / "course")) as fleet:
        fleet.scheduler("--preload", str(tmp_path / "old.py"))
        sentence = refused(fleet, fleet.address, CERTIFICATES)
    assert told in sentence


def test_a_class_is_graded_by_the_command_on_other_machines(group: Class, fleet: Fleet) -> None:
    """Real gradings on two workers, one of which is killed: every result is in the same database and files."""
    moods = ["good", "good", "lazy", "slow", "slow", "slow"]
    for number, mood in enumerate(moods):
        group.student(f"s{number}", mood)
    fleet.preload, fleet.course = None, group.course
    victim = fleet.worker(threads=2)
    fleet.worker(threads=2)
    assert CERTIFICATES.ca
    assert CERTIFICATES.cert
    tls = ["--tls-ca", str(CERTIFICATES.ca), "--tls-cert", str(CERTIFICATES.cert), "--tls-key", str(CERTIFICATES.key)]
    child = group.start("--scheduler", fleet.address, *tls)
    assert group.kept(2)
    victim.kill()
    screen, _ = child.communicate(timeout=4 * SECONDS)
    assert child.returncode == 0, screen
    assert group.grades == {f"s{n}": 13.0 if mood == "lazy" else 20.0 for n, mood in enumerate(moods)}
    assert not group.leased


def test_without_dask_the_option_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    """It is an optional part of the installation."""
    monkeypatch.setitem(sys.modules, "distributed", None)
    monkeypatch.delitem(sys.modules, "labgrade.cohort.workers.extra")
    with pytest.raises(UsageError, match=r'distributed is not installed: pip install "labgrade\[dask\]"'):
        importlib.import_module("labgrade.cohort.workers.extra")
