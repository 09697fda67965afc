"""The step that grades, in a job of this machine: what it calls, what it publishes, and what students could try."""

from __future__ import annotations

import base64
import json
import re
from dataclasses import replace
from pathlib import Path

import pytest
from markdown_it import MarkdownIt

from labgrade.course.library import Course
from labgrade.exports import EXPORTS
from labgrade.home import home
from labgrade.model import Lab
from tests.support.cijob import LAB, Job, option
from tests.support.results import RESULTS

COURSE = Course(home())
PERFECT = replace(RESULTS["perfect"], student=None)
HOSTILE = "<img src=x onerror=a>`|](http:x)"
OBEYED = "::error::not yours\n##[error]nor this\n::set-env name=PATH::/evil\n\x1b[31mred \u202eder\u2066 \x9b31m é"


@pytest.fixture
def job(tmp_path: Path) -> Job:
    """A job whose student handed in one manifest, and earned everything."""
    made = Job(tmp_path)
    made.results(PERFECT)
    made.file("answer/10-web.yaml")
    return made


def test_a_right_answer_is_published_everywhere(job: Job) -> None:
    """Outputs, summary, files and the notices of GitHub Classroom say the same."""
    job.run()
    assert job.code == 0, job.log
    outputs = job.outputs
    assert (outputs["score"], outputs["possible"], outputs["grade"]) == ("20", "20", "20")
    assert (outputs["complete"], outputs["exit-code"], outputs["results"]) == ("true", "0", str(job.out))
    runner = json.loads(base64.b64decode(outputs["result"]))
    assert (runner["status"], runner["max_score"], len(runner["tests"])) == ("pass", 20, 10)
    assert job.commands == [
        "::notice title=Autograding complete::Points 20/20",
        '::notice title=Autograding report::{"totalPoints":20,"maxPoints":20}',
    ]
    assert job.summary.read_text().startswith(EXPORTS["github-summary"].render(PERFECT, language="en"))
    assert {path.name for path in job.out.iterdir()} == {
        "result.json",
        "junit.xml",
        "report.html",
        "summary.md",
        "classroom.json",
    }


def test_the_cluster_is_made_the_lab_begun_and_the_answer_laid_over_it(job: Job) -> None:
    """In that order, in the lab's namespace, on the cluster that was made."""
    job.run({"LAB_LANG": "fr"})
    assert [words[:2] for words in job.told] == [
        ["labgrade", "up"],
        ["labgrade", "start"],
        ["kubectl", "apply"],
        ["labgrade", "check"],
    ]
    start, apply, check = job.told[1:]
    assert start[2] == LAB
    assert option(start, "--namespace") == option(apply, "--namespace") == option(check, "--namespace") == "b01"
    assert option(start, "--kubeconfig") == option(apply, "--kubeconfig") == option(check, "--kubeconfig")
    assert option(check, "--lang") == "fr"
    assert {"--yes", "--no-color"} <= set(check)


@pytest.mark.parametrize("lab", COURSE.labs(), ids=lambda lab: lab.id)
def test_every_lab_gets_its_namespace_and_its_kind_of_cluster(tmp_path: Path, lab: Lab) -> None:
    """What the script reads of a lab is what labgrade reads of it."""
    job = Job(tmp_path)
    job.answers = {"labgrade start": (3, "", "enough is seen")}
    job.run({"LAB": lab.id})
    assert option(job.calls("labgrade", "start")[0], "--namespace") == lab.namespace
    ups = job.calls("labgrade", "up")
    if lab.cluster:
        assert not ups  # `start` makes it
    else:
        assert ups == [["labgrade", "up", *(["--cni", "cilium"] if lab.cni == "cilium" else [])]]


def test_a_lab_about_a_cluster_gets_the_students_own(job: Job) -> None:
    """kind.yaml makes the cluster that the lab is graded on, and is no manifest; refused, it is the student's fault."""
    config = job.file("answer/kind.yaml", "kind: Cluster\n")
    job.run({"LAB": "a01-kind-cluster"})
    assert job.told[0] == ["labgrade", "up", "--name", "a01", "--config", str(config)]
    assert not job.calls("labgrade", "start")
    assert job.applied == ["10-web.yaml"]
    job.answers = {"labgrade up": (2, "", "kind.yaml: unknown field nodez")}
    job.run({"LAB": "a01-kind-cluster", "LAB_FAIL_ON": "findings"})
    assert job.code == 1
    assert "    kind.yaml: unknown field nodez" in job.summary.read_text()


def test_manifests_are_applied_by_their_number_and_a_refused_one_stops_nothing(job: Job) -> None:
    """2 comes before 10; what kubectl says of the refused one stands in the summary, and the rest is graded."""
    for name in ("2-early.yaml", "100-late.yml", "notes.yaml", "readme.md", "mistake.yaml"):
        job.file(f"answer/{name}")
    job.answers = {"2-early.yaml": (1, "", "error: no kind Pood is known")}
    job.run()
    assert job.applied == ["2-early.yaml", "10-web.yaml", "100-late.yml", "notes.yaml"]
    assert job.code == 0
    assert "Not accepted as it stands:\n\n    2-early.yaml\n" in job.summary.read_text()
    assert "    error: no kind Pood is known\n" in job.summary.read_text()


def test_without_an_answer_folder_the_repository_is_looked_at(tmp_path: Path) -> None:
    """Manifests at the top are taken, and those in other folders are not."""
    job = Job(tmp_path)
    job.results(PERFECT)
    job.file("10-web.yaml")
    job.file("other/20-no.yaml")
    assert job.run().applied == ["10-web.yaml"]
    (job.root / "10-web.yaml").unlink()
    job.run()
    assert "None of the manifests of this folder is in the cluster:\n\n    .\n" in job.summary.read_text()


def test_hostile_names_and_words_do_nothing(job: Job) -> None:
    """No name is run, no word of a program is obeyed, and the summary holds all of it as text."""
    names = ["$(touch pwned).yaml", "`touch pwned`.yaml", ";touch pwned;.yaml", f"{HOSTILE.replace('/', '')}.yaml"]
    names += ["::error::x.yaml", "two\n::error::lines.yaml", "-f.yaml", "--filename=x.yaml", "* .yaml"]
    for name in names:
        job.file(f"answer/{name}")
    job.answers = {"kubectl apply": (1, OBEYED, f"# no\n{HOSTILE}\n{OBEYED}"), "labgrade up": (0, OBEYED, OBEYED)}
    job.run({"LAB_NOTICES": "false"})
    assert job.code == 0, job.log
    assert not list(job.folder.rglob("pwned"))
    assert sorted(job.applied) == sorted(["10-web.yaml", *names])
    assert job.commands == []
    assert not {"\x1b", "\x9b", "\u202e", "\u2066"} & set(job.summary.read_text())
    assert "é" in job.summary.read_text()
    ours = job.summary.read_text().removeprefix(EXPORTS["github-summary"].render(PERFECT, language="en"))
    shown = MarkdownIt("commonmark").render(ours)
    outside = re.sub(r"<pre><code>[^<>]*</code></pre>", "", shown)
    assert set(outside.split("\n")) - {""} == {
        "<h3>On the way to the cluster</h3>",
        "<p>Not accepted as it stands:</p>",
        "<p>None of the manifests of this folder is in the cluster:</p>",
    }


def test_a_server_that_says_much_does_not_fill_the_summary(job: Job) -> None:
    """Of each manifest some lines are kept, of each line its beginning, and of all together what GitHub takes."""
    for number in range(35):
        job.file(f"answer/{number}-x.yaml")
    job.answers = {"kubectl apply": (1, "", "é" * 5_000 + ("\n" + "x" * 500) * 50)}
    job.run()
    assert 90_000 < len(job.summary.read_bytes()) < 120_000
    assert max(map(len, job.summary.read_text().splitlines())) < 320


def test_links_and_what_leads_out_of_the_checkout_are_refused(job: Job, tmp_path: Path) -> None:
    """A link shows nobody a file of the runner's, and no folder beside the checkout is applied."""
    secret = tmp_path / "secret.yaml"
    secret.write_text("token: 1\n")
    (job.root / "answer/20-link.yaml").symlink_to(secret)
    (job.root / "answer/30-folder.yaml").mkdir()
    (job.root / "answer/40-large.yaml").write_text("x" * 1_048_577)
    job.run()
    assert job.applied == ["10-web.yaml"]
    assert job.summary.read_text().count("Left out, since it is") == 3
    (job.root / "away").symlink_to(tmp_path)
    for folder in ("away", "..", str(tmp_path), "missing"):
        job.run({"LAB_MANIFESTS": folder})
        assert job.code == 2
        assert "labgrade: LAB_MANIFESTS" in job.log


def test_thousands_of_manifests_do_not_fill_the_hours(job: Job) -> None:
    """After a hundred it stops, and says so."""
    for number in range(11, 150):
        (job.root / f"answer/{number}-x.yaml").symlink_to("nowhere")
    job.run()
    assert job.applied == ["10-web.yaml"]
    assert "More than 100 manifests; left out from here on:\n    110-x.yaml\n" in job.log
    assert "111-x.yaml" not in job.log


def test_results_that_a_student_committed_are_never_published(job: Job) -> None:
    """Where nothing was graded, nothing is there; a link in the place of the folder is not followed."""
    job.file("labgrade-results/result.json", EXPORTS["json"].render(PERFECT, language="en"))
    job.file("labgrade-results/junit.xml", "<testsuites/>")
    job.answers = {"labgrade up": (3, "", "no container engine answers")}
    job.run({"LAB_OUT": "labgrade-results"})
    assert job.code == 3
    assert (job.outputs["score"], job.outputs["grade"], job.outputs["complete"]) == ("", "", "false")
    assert [path.name for path in (job.root / "labgrade-results").iterdir()] == ["summary.md"]
    assert "    no container engine answers" in job.summary.read_text()
    (job.root / "elsewhere").symlink_to(job.folder)
    job.run({"LAB_OUT": "elsewhere"})
    assert job.code == 2


@pytest.mark.parametrize(
    ("fail_on", "code", "wanted"),
    [("findings", 1, 1), ("harness", 1, 0), ("harness", 3, 3), ("never", 1, 0), ("never", 2, 2), ("never", 3, 0)],
)
def test_what_fails_the_job_is_for_its_author_to_say(job: Job, fail_on: str, code: int, wanted: int) -> None:
    """LAB_FAIL_ON lets points or trouble pass, and never wrong usage; the output says how it really ended."""
    job.answers = {"labgrade up": (code, "", "")}
    job.run({"LAB_FAIL_ON": fail_on})
    assert (job.code, job.outputs["exit-code"]) == (wanted, str(code))


def test_an_incomplete_result_has_no_points_anywhere(job: Job) -> None:
    """No notice, no grade, a warning; what was earned is told as points."""
    job.results(RESULTS["interrupted"])
    job.answers = {"labgrade check": (3, "", "")}
    job.run()
    assert job.code == 3
    assert (job.outputs["grade"], job.outputs["complete"], job.outputs["score"]) == ("", "false", "2")
    assert json.loads(base64.b64decode(job.outputs["result"]))["max_score"] == 0
    assert job.commands == ["::warning title=labgrade::Incomplete: there is no grade. The summary says why."]


def test_a_torn_result_makes_no_output_of_its_own(job: Job) -> None:
    """Whatever the files hold, an output is a number, a word or base64 on one line."""
    (job.folder / "results/result.json").write_text('{"earned": "1\\ngrade=20", "grade": true, "complete": true}')
    (job.folder / "results/classroom.json").write_text('{"result": "a\\nscore=20", "notices": ["::error::x\\n::y::"]}')
    job.run()
    assert set(job.outputs) == {"score", "possible", "grade", "complete", "result", "results", "exit-code"}
    assert (job.outputs["score"], job.outputs["grade"], job.outputs["result"]) == ("", "", "")
    assert job.commands == []
    (job.folder / "results/result.json").write_text('{"earned": 3, "grade": 3, "complete": "yes"')
    assert job.run().outputs["score"] == ""


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("LAB", "../b01"),
        ("LAB", "b01-deploymnt"),
        ("LAB", ""),
        ("LAB_LANG", "de"),
        ("LAB_FAIL_ON", "sometimes"),
        ("LAB_STEPS", "yes"),
        ("LAB_NOTICES", "1"),
        ("LAB_NAMESPACE", "b01; touch pwned"),
        ("LAB_COURSE", "nowhere"),
        ("LAB_COURSE", "."),
    ],
)
def test_a_wrong_setting_is_named_and_nothing_is_made(job: Job, name: str, value: str) -> None:
    """One sentence that names the setting; no cluster for a job that cannot grade."""
    job.run({name: value, "LAB_FAIL_ON": "never"} | {name: value})
    assert job.code == 2
    assert f"labgrade: {name}" in job.log
    assert job.told == []


def test_more_options_are_words_and_not_a_script(job: Job) -> None:
    """They are split at blanks, expanded by nobody, and cannot move what the job relies on."""
    job.run({"LAB_ARGS": "--timeout 90\n  $(touch pwned) * --out /elsewhere --namespace other"})
    check = job.calls("labgrade", "check")[0]
    assert check[3:11] == ["--timeout", "90", "$(touch", "pwned)", "*", "--out", "/elsewhere", "--namespace"]
    assert [check[index + 1] for index, word in enumerate(check) if word == "--namespace"][-1] == "b01"
    assert [check[index + 1] for index, word in enumerate(check) if word == "--out"][-1] != "/elsewhere"
    assert not list(job.folder.rglob("pwned"))


def test_steps_are_run_only_where_the_job_says_so_and_know_nothing_of_it(job: Job) -> None:
    """A script of the student's has kubectl and its namespace, and neither the job's token nor its files' names."""
    job.file("answer/steps.sh", 'env | sort > "$HOME/../../seen" || true; echo "$NAMESPACE"; env; exit 7\n')
    job.run()
    assert "Not run, since this job takes no scripts:\n\n    steps.sh\n" in job.summary.read_text()
    assert not job.calls("kubectl", "config")
    job.run({"LAB_STEPS": "true"})
    assert job.code == 0
    ours = job.summary.read_text()
    assert "It did not run to its end:\n\n    steps.sh\n" in ours
    assert "NAMESPACE=b01" in ours
    assert "GITHUB" not in job.log
    assert "the job's token" not in job.log


def test_a_cluster_that_is_there_is_used_and_none_is_made(job: Job, tmp_path: Path) -> None:
    """With a kubeconfig or a context, every call goes there."""
    job.run({"LAB_KUBECONFIG": str(tmp_path / "k"), "LAB_CONTEXT": "kind-x", "LAB_NAMESPACE": "mine"})
    assert not job.calls("labgrade", "up")
    for words in job.told:
        assert (option(words, "--kubeconfig"), option(words, "--context")) == (str(tmp_path / "k"), "kind-x")
        assert option(words, "--namespace") == "mine"


def test_a_cluster_of_a_labs_own_that_is_there_is_not_begun_again(job: Job) -> None:
    """`start` would make it; here its maker has begun the lab, and only the namespace may be missing."""
    job.answers = {"kubectl get": (1, "", "not found")}
    job.run({"LAB": "a01-kind-cluster", "LAB_CONTEXT": "kind-a01"})
    assert not job.calls("labgrade", "start")
    assert job.calls("kubectl", "create", "namespace", "a01")
    assert option(job.calls("labgrade", "check")[0], "--context") == "kind-a01"


def test_another_course_grades_where_the_job_names_it(job: Job) -> None:
    """Its lab says the namespace, and every command hears of it."""
    job.file("course/labs/x01-mine/lab.yaml", 'namespace: "mine" # of the course\n')
    job.run({"LAB": "x01-mine", "LAB_COURSE": "course"})
    for words in job.calls("labgrade"):
        assert option(words, "--course") == str(job.root / "course")
    assert option(job.calls("labgrade", "check")[0], "--namespace") == "mine"


def test_outside_github_the_log_has_no_commands(job: Job) -> None:
    """GitLab gets the files and the summary among them."""
    job.run({"LAB_OUT": "labgrade-results"}, github=False)
    assert job.code == 0
    assert "::" not in job.log
    assert (job.root / "labgrade-results/summary.md").read_text().startswith("## ")
    assert job.summary.read_text() == ""


def test_everything_is_told_in_french_too(job: Job) -> None:
    """The job's language is that of its notes."""
    job.file("answer/steps.sh")
    job.answers = {"kubectl apply": (1, "", "error: no")}
    job.run({"LAB_LANG": "fr"})
    words = job.summary.read_text()
    assert "### En route vers le cluster" in words
    assert "Pas accepté tel quel :" in words
    assert "Pas exécuté, car ce job n'accepte pas de scripts :" in words


def test_nothing_is_left_behind(job: Job, tmp_path: Path) -> None:
    """The folder in which it worked is gone, whatever happened."""
    (tmp_path / "tmp").mkdir()
    for code, begin in ((0, "labgrade check"), (3, "labgrade up"), (130, "labgrade check")):
        job.answers = {begin: (code, "", "")}
        assert job.run({"TMPDIR": str(tmp_path / "tmp")}).code == code
        assert list((tmp_path / "tmp").iterdir()) == []
