"""`labgrade check` as it is typed: exit codes, files on disk, and what a shell, a kill or Ctrl-C can do to a grade."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from labgrade import result
from labgrade.cli import main
from labgrade.model import LabResult
from labgrade.patience import until
from tests.support.apiserver import ApiServer
from tests.support.course import check, write_course, write_lab

SECONDS = 60
"""What a busy machine may need for a run of one second."""


class Desk:
    """A student's desk: a course, a kubeconfig, a place for results."""

    def __init__(self, folder: Path, server: ApiServer) -> None:
        self.folder, self.server = folder, server
        self.course = write_course(folder / "course")
        self.out = folder / "out"
        server.kubeconfig(folder)
        self.environment = {**os.environ, "HOME": str(folder), "LANG": "C.UTF-8", "TMPDIR": str(folder / "tmp")}
        # Relative to where the command is typed: pytest works elsewhere.
        self.environment["KUBECONFIG"] = "kubeconfig"
        (folder / "tmp").mkdir()

    def lab(self, checks: str, suite: str) -> None:
        """The lab b01."""
        write_lab(self.course, "b01", checks, suite, timeout=0.2)

    def command(self, *words: str, lab: str = "b01") -> list[str]:
        """How it is typed."""
        where = ["--course", str(self.course), "--out", str(self.out)]
        return [sys.executable, "-m", "labgrade", "check", lab, *where, *words]

    def start(self, *words: str, before: Sequence[str] = ()) -> subprocess.Popen[str]:
        """Types it, behind another command or not, and does not wait."""
        return subprocess.Popen(
            [*before, *self.command(*words)],
            text=True,
            cwd=self.folder,
            env=self.environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
        )

    def check(self, *words: str) -> tuple[int, str]:
        """Types it, and gets exit code and screen."""
        child = self.start(*words)
        screen, _ = child.communicate(timeout=SECONDS)
        return child.returncode, screen

    def result(self, folder: str = ".") -> LabResult:
        """What is on disk."""
        return result.read(self.out / folder / "result.json")

    def says(self, name: str) -> bool:
        """Whether the suite left that mark, with patience."""
        return bool(until((self.folder / name).exists, seconds=SECONDS, every=0.02))

    @property
    def leased(self) -> bool:
        """Whether the cluster is still being graded."""
        return self.server.find("Lease", "labgrade", "kube-system") is not None


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    """A desk with a cluster whose API speaks TLS and wants a token."""
    with ApiServer(tls=True) as server:
        server.token = "secret"
        yield Desk(tmp_path, server)


THREE = check("there", 8) + check("served", 7) + check("heals", 5, "disturbs: {en: scales, fr: change la taille}")


def test_everything_earned(desk: Desk) -> None:
    """Exit code 0, three files, a perfect result that names its cluster and what judged; nothing left in /tmp."""
    desk.lab(THREE, "def test_there(): ...\ndef test_served(): ...\ndef test_heals(): ...\n")
    code, screen = desk.check()
    assert (code, "20 / 20" in screen) == (0, True)
    assert {path.name for path in desk.out.iterdir()} >= {"result.json", "junit.xml", "report.html"}
    graded = desk.result()
    assert (graded.perfect, graded.finished is not None, graded.cluster.name) == (True, True, "kind-lab")
    assert graded.course_digest.startswith("sha256:")
    assert not desk.leased
    assert not list((desk.folder / "tmp").iterdir())


def test_a_students_shell_does_not_change_the_grade(desk: Desk) -> None:
    """Exit code 1 for missing points, whatever the environment asks pytest and Python for."""
    desk.lab(
        THREE,
        """
        import sys
        import labgrade.errors
        import checks

        def test_there():
            assert checks.LEAST == 3

        def test_served(cluster):
            assert cluster.deployment("web").ready == 3

        def test_heals(): ...
        """,
    )
    (desk.course / "checks").mkdir()
    (desk.course / "checks/__init__.py").write_text("LEAST = 3\n")
    evil = desk.folder / "evil"
    evil.mkdir()
    (evil / "checks.py").write_text("LEAST = 0\n")
    (evil / "pytest.py").write_text("raise SystemExit(0)\n")
    (evil / "evil_plugin.py").write_text("raise SystemExit(0)\n")
    (desk.folder / "conftest.py").write_text("raise SystemExit(0)\n")
    (desk.folder / "pytest.ini").write_text("[pytest]\naddopts = --collect-only\n")
    desk.environment |= {
        "PYTHONPATH": str(evil),
        "PYTEST_ADDOPTS": "--collect-only -k there",
        "PYTEST_PLUGINS": "evil_plugin",
        "PYTHONOPTIMIZE": "2",
        "PYTHONWARNINGS": "error",
        "LABGRADE_COURSE": str(desk.folder),
    }
    code, screen = desk.check()
    assert (code, "13 / 20" in screen) == (1, True), screen
    assert [outcome.state for outcome in desk.result().outcomes] == ["passed", "failed", "passed"]


def test_an_error_beats_missing_points(desk: Desk) -> None:
    """Exit code 3, no traceback on the screen, the traceback in the log, no grade yet."""
    desk.lab(
        THREE,
        """
        def test_there():
            assert 1 == 3

        def test_served():
            {}["spec"]

        def test_heals(): ...
        """,
    )
    code, screen = desk.check()
    assert code == 3
    assert "Traceback" not in screen
    assert "KeyError" in (desk.out / "labgrade.log").read_text()
    assert not desk.result().complete


def test_a_stopped_cluster(desk: Desk) -> None:
    """Exit code 3 and a sentence; the result says that nothing was run, and why."""
    desk.lab(THREE, "def test_there(): ...\ndef test_served(): ...\ndef test_heals(): ...\n")
    desk.server.stop()
    code, screen = desk.check()
    assert code == 3
    assert "is the cluster running?" in screen
    assert desk.result().not_run == ("there", "served", "heals")
    assert "is the cluster running?" in desk.result().note.en
    assert (desk.out / "junit.xml").exists()


def test_a_cluster_that_is_gone_costs_no_earlier_result(desk: Desk) -> None:
    """What was graded in full stays on disk until a cluster is there to be graded anew."""
    desk.lab(THREE, "def test_there(): ...\ndef test_served(): ...\ndef test_heals(): ...\n")
    assert desk.check("--quiet")[0] == 0
    before = desk.result()
    desk.server.stop()
    assert desk.check("--quiet")[0] == 3
    assert desk.result() == before


def test_a_suite_that_dies_is_ours(desk: Desk) -> None:
    """A crash of pytest itself ends in exit code 3 with what was graded before, and where its words are."""
    desk.lab(THREE, "import os\ndef test_there(): ...\ndef test_served():\n    os._exit(0)\ndef test_heals(): ...\n")
    code, screen = desk.check()
    assert (code, "ended early" in screen) == (3, True)
    assert [outcome.id for outcome in desk.result().outcomes] == ["there"]
    assert desk.result().not_run == ("served", "heals")


def test_a_part_never_replaces_the_whole(desk: Desk) -> None:
    """--only and --no-disturb keep all points in possible, are not complete, and spare a full result."""
    desk.lab(THREE, "def test_there(): ...\ndef test_served(): ...\ndef test_heals(): ...\n")
    code, _ = desk.check("--no-disturb")
    assert (code, desk.result().not_run, desk.result().possible) == (1, ("heals",), 20)
    assert desk.check("--quiet")[0] == 0
    assert desk.check("--only", "served")[0] == 1
    assert desk.result().perfect
    assert [outcome.id for outcome in desk.result("partial").outcomes] == ["served"]


HANGING = """
    import pathlib, threading

    def test_there(): ...

    def test_served(cluster):
        cluster.pods()
        pathlib.Path("{0}/begun").touch()
        while not pathlib.Path("{0}/go").exists():
            threading.Event().wait(0.02)

    def test_heals(): ...
"""


def test_kill_9_in_the_middle(desk: Desk) -> None:
    """What was graded is whole on disk, and the orphaned grader ends by itself and clears away."""
    desk.lab(THREE, HANGING.format(desk.folder))
    child = desk.start()
    assert desk.says("begun")
    assert until(lambda: desk.result().outcomes, seconds=SECONDS, every=0.02)
    child.kill()
    child.communicate()
    graded = desk.result()
    assert [outcome.id for outcome in graded.outcomes] == ["there"]
    assert (graded.complete, graded.finished) == (False, None)
    (desk.folder / "go").touch()
    assert until(lambda: not desk.leased, seconds=SECONDS, every=0.05)
    assert desk.result() == graded


@pytest.mark.parametrize("before", [[], ["sh", "-c", "trap '' INT; exec \"$@\"", "sh"]], ids=["typed", "in a script"])
def test_interrupted(desk: Desk, before: list[str]) -> None:
    """130; the disturbance is undone, though Ctrl-C is pressed again and again; the result says so."""
    desk.server.put("StatefulSet", "web", "lab", spec={"replicas": 3}, status={"replicas": 3})
    desk.lab(
        THREE,
        f"""
        import pathlib, threading
        import pytest

        def test_there(): ...
        def test_served(): ...

        @pytest.fixture
        def slow():
            yield
            pathlib.Path("{desk.folder}/restoring").touch()
            while not pathlib.Path("{desk.folder}/go").exists():
                threading.Event().wait(0.02)

        def test_heals(cluster, disturb, slow):
            disturb.scale(cluster.statefulset("web"), 1)
            pathlib.Path("{desk.folder}/begun").touch()
            threading.Event().wait({SECONDS})
        """,
    )
    child = desk.start(before=before)
    assert desk.says("begun")
    child.send_signal(signal.SIGINT)
    assert desk.says("restoring")
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGINT):
        child.send_signal(number)
    (desk.folder / "go").touch()
    screen, _ = child.communicate(timeout=SECONDS)
    assert child.returncode == 130, screen
    assert (desk.server.find("StatefulSet", "web", "lab") or {})["spec"]["replicas"] == 3
    assert desk.server.find("ConfigMap", "labgrade-journal-lab", "kube-system") is None
    assert not desk.leased
    graded = desk.result()
    assert [outcome.id for outcome in graded.outcomes] == ["there", "served"]
    assert (graded.note.fr, graded.not_run) == ("L'exécution a été interrompue.", ("heals",))
    assert (desk.out / "report.html").exists()


FULL = ["unshare", "--mount", "--map-root-user", "sh", "-c"]
"""What lets a command have a disk of its own, gone with the command."""


def small_disk(folder: Path, kilobytes: int) -> list[str]:
    """What stands before a command for which this folder is a small disk, with what is in the folder on it."""
    keep = f"mkdir -p {folder} {folder}.kept && cp -a {folder}/. {folder}.kept"
    mount = f"mount -t tmpfs -o size={kilobytes}k none {folder} && cp -a {folder}.kept/. {folder}"
    back = f"status=$?; cp -a {folder}/. {folder}.kept; exit $status"
    return [*FULL, f'{keep} && {mount} || exit 99; "$@"; {back}', "sh"]


@pytest.fixture
def _disks() -> None:
    probe = subprocess.run([*FULL, "mount -t tmpfs none /mnt"], capture_output=True, check=False)
    if probe.returncode:
        pytest.skip("no disk of one's own here")


@pytest.mark.usefixtures("_disks")
@pytest.mark.parametrize("kilobytes", [4, 20, 36])
def test_a_full_disk_tears_nothing(desk: Desk, kilobytes: int) -> None:
    """Wherever the disk fills up: exit code 3, a sentence, every file whole, and what was disturbed is restored."""
    desk.server.put("StatefulSet", "web", "lab", spec={"replicas": 3}, status={"replicas": 3})
    desk.lab(
        THREE,
        """
        def test_there(): ...
        def test_served():
            print("said " * 10000)
        def test_heals(cluster, disturb):
            disturb.scale(cluster.statefulset("web"), 1)
        """,
    )
    child = desk.start("--quiet", before=small_disk(desk.out, kilobytes))
    screen, _ = child.communicate(timeout=SECONDS)
    assert child.returncode == 3, screen
    assert "Traceback" not in screen
    assert "No space left on device" in screen or "labgrade.log" in screen
    for path in (desk.folder / "out.kept").glob("**/result.json"):
        result.read(path)
    assert (desk.server.find("StatefulSet", "web", "lab") or {})["spec"]["replicas"] == 3
    assert not desk.leased


@pytest.mark.usefixtures("_disks")
def test_a_full_temporary_folder_is_said(desk: Desk) -> None:
    """Credentials find no place there: exit code 3, and a sentence that names it."""
    desk.lab(THREE, "def test_there(): ...\ndef test_served(): ...\ndef test_heals(): ...\n")
    child = desk.start("--quiet", before=small_disk(desk.folder / "tmp", 4))
    screen, _ = child.communicate(timeout=SECONDS)
    assert child.returncode == 3, screen
    assert f"{desk.folder}/tmp cannot be written: No space left on device" in screen


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["b10"], "there is no lab 'b10'; did you mean 'b01'? (known: b01)"),
        (["b01", "--only", "serve"], "b01 has no check 'serve'; did you mean 'served'? (known: heals, served, there)"),
    ],
)
def test_what_is_not_known_is_guessed(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], words: list[str], said: str
) -> None:
    """Exit code 2, one line, the nearest right answer."""
    course = write_course(tmp_path / "course")
    write_lab(course, "b01", THREE, "")
    assert main(["check", *words, "--course", str(course), "--out", str(tmp_path / "out")]) == 2
    assert capsys.readouterr().err == f"labgrade: {said}\n"


def test_a_place_that_cannot_hold_results_is_said(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The first trouble is told, not one that follows from it."""
    course = write_course(tmp_path / "course")
    write_lab(course, "b01", THREE, "")
    (tmp_path / "file").touch()
    assert main(["check", "b01", "--course", str(course), "--out", str(tmp_path / "file/out")]) == 2
    assert "cannot be made" in capsys.readouterr().err


def test_the_events_are_json_lines(tmp_path: Path) -> None:
    """What a torn pipe leaves of a last line is dropped."""
    from labgrade.grading.events import received

    path = tmp_path / "events"
    path.write_text(json.dumps({"event": "begin", "check": "a"}) + '\n{"event": "outc')
    with path.open("rb") as stream:
        assert [(event.kind, event.data) for event in received(stream)] == [("begin", {"check": "a"})]
