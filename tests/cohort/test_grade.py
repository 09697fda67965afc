"""`labgrade grade` as it is typed: what single students, Ctrl-C, kill -9 or a full disk can do to a batch."""

from __future__ import annotations

import os
import re
import signal
import subprocess
from contextlib import suppress
from pathlib import Path

import pytest

from labgrade.cohort.records.store import Store
from labgrade.cohort.warm import Forked
from labgrade.course import Course
from labgrade.errors import HarnessError
from labgrade.grading import process
from labgrade.grading.process import Order, conduct
from labgrade.model import LabResult
from labgrade.patience import until
from tests.cohort.conftest import SECONDS, Class
from tests.support.course import check, write_lab


def attempts(group: Class) -> list[tuple[str, int, bool]]:
    """Who was graded in which round, and whether there is a grade, as the database has it."""
    with Store.opened(group.out / "grades.db") as store:
        return sorted((each.student, each.round, each.result.complete) for each in store.attempts())


def test_a_class_is_graded(group: Class) -> None:
    """Exit code 0; everybody's reports and the cohort's; each with their own name and cluster; nothing left behind."""
    for name, mood in (("ada", "good"), ("bob", "lazy"), ("cyd", "good")):
        group.student(name, mood, name=f"{name.title()} Zé")
    code, screen = group.grade("--format", "moodle", "--format", "ctrf")
    assert code == 0, screen
    assert group.grades == {"ada": 20, "bob": 13, "cyd": 20}
    assert {path.name for path in group.out.iterdir()} >= {
        "grades.csv", "cohort.json", "index.html", "junit.xml", "moodle.csv", "grades.db", "students"
    }  # fmt: skip
    assert {path.name for path in (group.out / "students/bob").iterdir()} >= {
        "result.json", "junit.xml", "report.html", "ctrf.json", "labgrade.log"
    }  # fmt: skip
    bob = group.result("bob")
    assert (bob.student and bob.student.name, bob.cluster.name) == ("Bob Zé", "kind-lab")
    assert bob.cluster.uid != group.result("ada").cluster.uid
    assert "3/3" in screen
    assert (group.leased, group.left) == ([], [])


def test_single_students_cost_the_others_nothing(group: Class) -> None:
    """Who hangs, crashes the grader or eats memory is incomplete for a reason, and the others have their grades."""
    whys = {
        "hangs": "it took longer than the 3 seconds that it was given",
        "crashes": "the suite of b01 ended early",
        "eats": "MemoryError",
    }
    for mood in ("good", *whys, "lazy"):
        group.student(mood, mood)
    code, screen = group.grade(limits={"check": 3, "memory": 512})
    assert code == 3, screen
    assert group.grades == {"good": 20, "lazy": 13} | dict.fromkeys(whys)
    for name, why in whys.items():
        result = group.result(name)
        words = result.note.en + " ".join(f"{each.saw.en} {each.evidence}" for each in result.outcomes)
        assert why in words
        assert group.marks[name].ours
    assert (group.leased, group.left) == (["crashes"], [])


def test_a_student_has_so_much_time(group: Class) -> None:
    """Whatever the single checks take: then it is restored and ended, and incomplete for that reason."""
    group.student("ada")
    group.student("bob", "hangs")
    code, screen = group.grade(limits={"student": 4})
    assert (code, group.grades) == (3, {"ada": 20, "bob": None}), screen
    assert "it took longer than the 4 seconds that one student's lab gets" in group.result("bob").note.en
    assert (group.leased, group.left) == ([], [])


def test_one_who_heeds_nothing_is_killed(group: Class, monkeypatch: pytest.MonkeyPatch) -> None:
    """Deaf to every signal that can be ignored: gone all the same, with the programs that it started."""
    monkeypatch.setattr(process, "RESTORING_SECONDS", 0.5)
    group.student("ada", "deaf")
    course = Course(group.course)
    order = Order(course, course.lab("b01"), kubeconfig=str(group.folder / "ada/kubeconfig"), seconds=2)
    sheets: list[LabResult] = []
    with pytest.raises(HarnessError, match="longer than the 2 seconds"):
        conduct(order, group.folder / "log", keep=sheets.append, start=Forked)
    assert sheets[-1].not_run == ("there", "served", "right")


def test_a_flood_of_words_is_cut(group: Class) -> None:
    """Of many words the end is kept; who would fill the disk is stopped, and nobody else."""
    for name, mood in (("ada", "floods"), ("bob", "drowns"), ("cyd", "good")):
        group.student(name, mood)
    code, screen = group.grade()
    assert (code, group.grades) == (3, {"ada": 20, "bob": None, "cyd": 20}), screen
    for name in ("ada", "bob"):
        assert (group.out / "students" / name / "labgrade.log").stat().st_size < 100_000
    assert group.left == []


def test_the_environment_is_a_clean_one(group: Class) -> None:
    """What the trainer's shell holds is not for checks, nor for what students make of them."""
    group.student("ada", "curious")
    group.grade()
    log = (group.out / "students/ada/labgrade.log").read_text()
    assert "RuntimeError: HOME" in log
    assert "SECRET_OF_THE_TRAINER" not in log
    assert "PATH" in log


def test_a_killed_batch_is_resumed(group: Class) -> None:
    """After kill -9 the results that came stand, only the others are graded, and nobody twice."""
    for number in range(8):
        group.student(f"s{number}", "slow" if number > 2 else "good")
    child = group.start("--jobs", "3")
    assert group.kept(3)
    child.send_signal(signal.SIGKILL)
    child.communicate()
    before = {name for name, _, complete in attempts(group) if complete}
    assert before
    assert len(before) < 8
    assert until(lambda: not group.leased, seconds=60), "the processes of a dead batch end by themselves"
    seen = {name: server.count("/version") for name, server in group.servers.items()}
    code, screen = group.grade("--resume")
    assert code == 0, screen
    assert set(group.grades.values()) == {20}
    assert attempts(group) == [(f"s{number}", 1, True) for number in range(8)]
    again = {name for name, server in group.servers.items() if server.count("/version") > seen[name]}
    assert again == set(group.servers) - before


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupted_batch_says_how_to_go_on(group: Class, number: signal.Signals) -> None:
    """130; what came is in the reports; nothing of ours stays in any cluster; --resume does the rest."""
    group.student("ada")
    for name in ("bob", "cyd"):
        group.student(name, "slow")
    child = group.start("--jobs", "3")
    assert group.kept(1)
    child.send_signal(number)
    assert child.stdout
    words = ""
    while "takes a moment" not in words:
        words = child.stdout.readline()
        assert words, "the first signal is answered at once"
    for each in (signal.SIGINT, signal.SIGTERM, signal.SIGINT):
        child.send_signal(each)
    screen, _ = child.communicate(timeout=SECONDS)
    assert child.returncode == 130, screen
    assert "--resume" in screen
    assert "Traceback" not in screen
    assert group.grades == {"ada": 20, "bob": None, "cyd": None}
    assert (group.leased, group.left) == ([], [])
    assert group.grade("--resume")[0] == 0
    assert [each for each in attempts(group) if each[2]] == [(name, 1, True) for name in ("ada", "bob", "cyd")]


def test_the_whole_batch_has_a_limit(group: Class) -> None:
    """When the time is up it ends, and says who is left."""
    group.student("ada")
    group.student("bob", "hangs")
    code, screen = group.grade(limits={"whole": 6})
    assert code == 3, screen
    assert group.grades == {"ada": 20, "bob": None}
    assert "The time for the whole batch was up. 1 were not graded" in screen


def test_a_bad_kubeconfig_costs_its_student_alone(group: Class) -> None:
    """A folder, a pipe, a gigabyte, a hostile one, none: told at once, by name, in a line; not our doing, so 1."""
    group.student("ada")
    in_time = {"submitted": "2026-11-01T12:00:00Z"}
    (group.folder / "folder").mkdir()
    os.mkfifo(group.folder / "pipe")
    (group.folder / "huge").touch()
    os.truncate(group.folder / "huge", 1 << 30)
    (group.folder / "hostile").write_text("users: [{name: a, user: {exec: {command: evil}}}]")
    whys = {
        "folder": "is a directory",
        "pipe": "is not a regular file",
        "huge": "is larger than 1 MiB",
        "hostile": "has no contexts",
        "none": "does not exist",
    }
    group.students += [{"id": name, "kubeconfig": name, **in_time} for name in whys]
    code, screen = group.grade(deadline="2026-11-02T12:00:00Z")
    assert (code, group.grades) == (1, {"ada": 20} | dict.fromkeys(whys)), screen
    for name, why in whys.items():
        mark = group.marks[name]
        assert why in mark.because.en
        assert (mark.late, "\n" in mark.because.en, str(group.folder) in mark.because.en) == (0, False, False)
    assert group.marks["ada"].late > 0
    assert screen.index("pipe") < screen.index("ada")


def test_a_loopback_address_of_the_students_is_told_at_once(group: Class) -> None:
    """Nothing answers there, or another program does; other hosts must be listed."""
    group.student("ada")
    group.student("bob").stop()
    path = Path(group.students[1]["kubeconfig"])
    other = group.folder / "cyd"
    other.write_text(path.read_text().replace("127.0.0.1", "lab7.example.org"))
    group.students.append({"id": "cyd", "kubeconfig": str(other)})
    code, screen = group.grade()
    assert (code, group.grades) == (1, {"ada": 20, "bob": None, "cyd": None}), screen
    assert "is a loopback address where nothing answers" in group.marks["bob"].because.en
    assert "lab7.example.org" in group.marks["cyd"].because.en


def test_one_cluster_with_a_namespace_for_everybody(group: Class) -> None:
    """Graded at once under one Lease; that is one cluster and many works, so nothing is pointed out."""
    server = group.student("ada", namespace="ada")
    for name in ("ada", "bob", "cyd"):
        server.put("ConfigMap", "mood", name, data={"mood": "slow"})
    group.students += [{**group.students[0], "id": name, "namespace": name} for name in ("bob", "cyd")]
    code, screen = group.grade()
    assert (code, set(group.grades.values())) == (0, {20}), screen
    assert not group.graded.alike
    assert server.count("/leases", "POST") == 1
    assert group.leased == []


def test_one_cluster_under_two_names_is_pointed_out(group: Class) -> None:
    """One after the other, both graded, never judged."""
    group.student("ada")
    group.students.append({**group.students[0], "id": "bob"})
    code, screen = group.grade()
    assert (code, group.grades) == (0, {"ada": 20, "bob": 20}), screen
    assert [(each.what, each.students) for each in group.graded.alike] == [("cluster", ("ada", "bob"))]
    assert "the same cluster, b01: ada, bob" in screen


def test_what_an_option_leaves_out_is_nobodys_fault(group: Class) -> None:
    """No grade, and the exit code of findings: the harness did its work."""
    group.student("ada")
    code, screen = group.grade("--only", "served")
    assert (code, group.grades) == (1, {"ada": None}), screen
    assert "there" in group.marks["ada"].because.en


def test_by_a_context_of_the_trainers_own(group: Class) -> None:
    """From the trainer's kubeconfig; one that is not in it is the trainer's slip, so 3."""
    group.student("ada")
    group.environment["KUBECONFIG"] = group.students.pop()["kubeconfig"]
    group.students += [{"id": "ada", "context": "kind-lab"}, {"id": "bob", "context": "kind-lob"}]
    code, screen = group.grade()
    assert (code, group.grades) == (3, {"ada": 20, "bob": None}), screen
    assert "kind-lab" in group.marks["bob"].because.en


def test_another_rubric_shows_who_gained_or_lost(group: Class) -> None:
    """A second round over the same work; the newest rubric counts."""
    group.student("ada")
    group.student("bob", "lazy")
    assert group.grade()[0] == 0
    rubric = group.course / "labs/b01/lab.yaml"
    rubric.write_text(rubric.read_text().replace("points: 7", "points: 9").replace("points: 8", "points: 6"))
    code, screen = group.grade()
    assert (code, group.grades) == (0, {"ada": 20, "bob": 11}), screen
    assert [(each.student, each.before, each.after) for each in group.graded.changes] == [("bob", 13, 11)]
    assert group.marks["bob"].attempts == 2


def test_the_reports_are_those_of_the_attempt_that_counts(group: Class) -> None:
    """Of two rounds the better one; where the trainer changes the rule, the other one; where they are lost, again."""
    server = group.student("ada")
    assert group.grade()[0] == 0
    first = group.result("ada")
    server.put("ConfigMap", "mood", "lab", data={"mood": "lazy"})
    assert group.grade()[0] == 0
    assert (group.grades, group.result("ada").run) == ({"ada": 20}, first.run)
    assert group.grade("--resume", counts="last")[0] == 0
    assert (group.grades, group.result("ada").grade) == ({"ada": 13}, 13)
    (group.out / "students/ada/result.json").unlink()
    assert group.grade("--resume", "--format", "gradescope")[0] == 0
    assert (group.grades, group.result("ada").run) == ({"ada": 20}, first.run)
    assert (group.out / "students/ada/gradescope.json").exists()
    assert group.marks["ada"].attempts == 2


def test_a_round_that_grades_nobody_is_not_fine(group: Class) -> None:
    """Grades of an earlier rubric stay, and it is said; the exit code is that of who could not be looked at."""
    server = group.student("ada")
    assert group.grade()[0] == 0
    rubric = group.course / "labs/b01/lab.yaml"
    rubric.write_text(rubric.read_text().replace("points: 7", "points: 9").replace("points: 8", "points: 6"))
    server.token = "another"
    code, screen = group.grade()
    assert (code, group.grades) == (3, {"ada": 20}), screen
    assert "1 could not be graded this time" in screen


def test_a_cluster_with_troubles(group: Class) -> None:
    """Errors for every third call and an answer that is long in coming are waited out; one that dies is told."""
    group.student("ada").fault(503, times=4)
    group.student("bob").fault("close", times=3)
    dying = group.student("cyd", "slow")
    child = group.start()
    until(lambda: dying.count("/configmaps"), seconds=SECONDS, every=0.02)
    dying.stop()
    screen, _ = child.communicate(timeout=SECONDS)
    assert (child.returncode, group.grades["ada"], group.grades["bob"]) == (3, 20, 20), screen
    assert group.grades["cyd"] is None


FULL = ["unshare", "--mount", "--map-root-user", "sh", "-c"]


@pytest.mark.skipif(
    subprocess.run([*FULL, "mount -t tmpfs none /mnt"], capture_output=True, check=False).returncode != 0,
    reason="no disk of one's own here",
)
def test_a_full_disk_ends_the_batch_with_a_sentence(group: Class) -> None:
    """Exit code 3, no traceback, clusters clean; with room again, --resume grades what is missing."""
    for number in range(6):
        group.student(f"s{number}")
    group.out.mkdir()
    kept = f"cp -a {group.out}/. {group.out}.kept"
    script = f'mount -t tmpfs -o size=200k none {group.out} && "$@"; s=$?; mkdir {group.out}.kept; {kept}; exit $s'
    child = group.start("--jobs", "1", before=[*FULL, script, "sh"])
    screen, _ = child.communicate(timeout=SECONDS)
    assert child.returncode == 3, screen
    assert "Traceback" not in screen
    assert "full" in screen or "No space left" in screen
    assert (group.leased, group.left) == ([], [])
    group.out.rmdir()
    Path(f"{group.out}.kept").rename(group.out)
    code, screen = group.grade("--resume")
    assert (code, set(group.grades.values())) == (0, {20}), screen


def test_two_batches_do_not_share_a_folder(group: Class) -> None:
    """The second one is told so at once."""
    group.student("ada", "slow")
    first = group.start()
    until((group.out / "grades.db").exists, seconds=SECONDS, every=0.02)
    until(lambda: group.servers["ada"].count("/configmaps"), seconds=SECONDS, every=0.02)
    code, screen = group.grade()
    assert code in (2, 3), screen
    assert "Traceback" not in screen
    assert first.wait(SECONDS) == 0


def test_on_a_terminal_there_is_a_live_table(group: Class) -> None:
    """Who is under way, at which check; what came stays above it; hostile names drive no terminal."""
    group.student("ada", "slow", name="Ada \x1b]0;evil\x07")
    leader, follower = os.openpty()
    try:
        child = group.start(stdout=follower)
        os.close(follower)
        seen = b""
        with suppress(OSError):  # how a terminal ends
            while chunk := os.read(leader, 4096):
                seen += chunk
        assert child.wait(SECONDS) == 0, seen
    finally:
        os.close(leader)
    words = re.sub(rb"\x1b\[[0-9;?]*[A-Za-z]", b"", seen).decode()
    assert re.search(r"student +lab +check +points +time left", words), words
    assert re.search(r"ada +b01 +there +0 +\d+ s", words), words
    assert "ada  b01  20 / 20" in words
    assert "0/1" in words
    assert "1/1" in words
    assert b"\x1b]0" not in seen


def test_several_labs(group: Class) -> None:
    """Each in a folder of its own; a student's labs on one cluster follow each other."""
    write_lab(group.course, "b02", check("named", 20), "def test_named(): ...")
    group.student("ada")
    group.student("bob", "lazy")
    code, screen = group.grade(lab=None, labs=["b01", "b02"])
    assert code == 0, screen
    assert [[mark.grade for mark in row.marks] for row in group.graded.rows] == [[20, 20], [13, 20]]
    assert (group.out / "students/bob/b02/result.json").exists()
    assert "4/4" in screen


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--only", "serve"], "b01 has no check 'serve'; did you mean 'served'?"),
        (["--jobs", "0"], "is not a number from 1 to 1000"),
        (["--format", "moodel"], "invalid choice: 'moodel'"),
    ],
)
def test_wrong_usage_grades_nobody(group: Class, words: list[str], said: str) -> None:
    """Exit code 2, one sentence, no folder."""
    group.student("ada")
    code, screen = group.grade(*words)
    assert (code, said in screen) == (2, True), screen
    assert not group.servers["ada"].requests
