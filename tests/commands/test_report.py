"""`labgrade report`: any format again from what is stored, for one result or many, whoever wrote them."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from labgrade import stored
from labgrade.cli import main
from labgrade.cohort.records import cohortform
from labgrade.exports import EXPORTS
from labgrade.exports.cohort import COHORT_EXPORTS
from labgrade.home import home
from labgrade.result import read, to_data
from tests.support import cohorts
from tests.support.results import refused

SAMPLES = home() / "reports" / "samples"


def store(path: Path, **changes: Any) -> Path:
    """The sample result at that place, with changed keys."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(json.loads((SAMPLES / "result.json").read_text()) | changes))
    return path


def files(folder: Path) -> list[str]:
    """What lies in a folder."""
    return sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file())


def test_what_check_printed(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Without a format: lab, student, when and where, every check, the score; exit code 0 whatever the grade."""
    assert main(["report", str(store(tmp_path / "result.json")), "--lang", "en"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[:3] == [
        "sample_rollout · Rolling out a web server",
        "Zoé Œuvrard (s042)",
        "graded 2026-01-31 09:00:00 UTC on the cluster practice, Kubernetes v1.29.2",
    ]
    assert any(line.startswith("✘ The Service `web` has the Pods behind it") for line in lines)
    assert any("mend first  The Service `web`" in line for line in lines)
    assert lines[-3] == "6.67 / 20  (6 / 18 points)"


@pytest.mark.parametrize(("language", "said"), [("en", "UTC, on no cluster"), ("fr", "UTC, sur aucun cluster")])
def test_who_was_refused_was_on_no_cluster(
    language: str, said: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """No words around a name that is not there, and no points."""
    path = store(tmp_path / "result.json", **to_data(refused()))
    assert main(["report", str(path), "--lang", language]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[2] == f"2026-01-31 09:00:00 {said}"
    assert "Kubernetes" not in "".join(lines)


def test_it_says_so_in_french(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Headline, labels, numbers and texts."""
    main(["report", str(store(tmp_path / "result.json")), "--lang", "fr"])
    said = capsys.readouterr().out
    assert "évalué le 2026-01-31" in said
    assert "6,67 / 20" in said
    assert "à corriger d’abord" in said


def test_evidence_on_request(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """What was looked at fills the screen only when asked for."""
    path = str(store(tmp_path / "result.json"))
    evidence = next(entry for outcome in read(Path(path)).outcomes for entry in outcome.evidence)
    main(["report", path])
    assert evidence.splitlines()[0] not in capsys.readouterr().out
    main(["report", path, "--verbose"])
    assert evidence.splitlines()[0] in capsys.readouterr().out


@pytest.mark.parametrize("language", ["en", "fr"])
@pytest.mark.parametrize("name", EXPORTS)
def test_every_format_is_what_the_export_makes(name: str, language: Any, capsysbinary: Any) -> None:
    """On the screen to the byte, so that a pipe gets the file."""
    assert main(["report", str(SAMPLES), "--format", name, "--lang", language]) == 0
    made = EXPORTS[name].render(read(SAMPLES / "result.json"), language=language)
    assert capsysbinary.readouterr().out.decode() == made


def test_files_for_one_result(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Several formats at once, each under its usual name, and where they are is said."""
    out = tmp_path / "out"
    assert main(["report", str(SAMPLES), "--format", "html", "--format", "text", "--out", str(out)]) == 0
    assert files(out) == ["report.html", "report.txt"]
    assert capsys.readouterr().out.split() == [str(out / "report.html"), str(out / "report.txt")]
    assert "\x1b" not in (out / "report.txt").read_text()


def test_many_results_never_collide(tmp_path: Path) -> None:
    """Each has a folder named as the files are told apart, also where two would have one name."""
    given = [
        store(tmp_path / "cohort/ada/b01/result.json"),
        store(tmp_path / "cohort/bob/b01/result.json"),
        store(tmp_path / "cohort/eve.json"),
        store(tmp_path / "cohort/eve/result.json"),
    ]
    out = tmp_path / "out"
    assert main(["report", *map(str, given), "--format", "junit", "--out", str(out), "--quiet"]) == 0
    assert files(out) == ["ada/b01/junit.xml", "bob/b01/junit.xml", "eve-2/junit.xml", "eve/junit.xml"]


def test_a_folder_stands_for_all_below_it(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A cohort's folder is enough; a partial run beside a full result is not another student's."""
    for name in ("ada/result.json", "ada/partial/result.json", "bob/b01/result.json"):
        store(tmp_path / "in" / name)
    main(["report", str(tmp_path / "in"), str(tmp_path / "in/ada"), "--format", "html", "--out", str(tmp_path / "out")])
    assert files(tmp_path / "out") == ["ada/report.html", "bob/b01/report.html"]
    capsys.readouterr()
    main(["report", str(tmp_path / "in")])
    assert capsys.readouterr().out.count("Zoé Œuvrard") == 2


@pytest.mark.parametrize("formats", [["html"], ["json", "junit"], ["text", "html"]])
def test_several_files_need_a_place(formats: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Two pages in one stream are no page."""
    results = [str(store(tmp_path / name / "result.json")) for name in ("ada", "bob")]
    options = [word for name in formats for word in ("--format", name)]
    assert main(["report", *results, *options]) == 2
    said = capsys.readouterr()
    assert said.out == ""
    assert "say with --out DIR where" in said.err


def test_a_stored_result_is_never_replaced(tmp_path: Path) -> None:
    """Keys that a later version wrote are still there after reports were made beside it."""
    path = store(tmp_path / "result.json", later="kept")
    assert main(["report", str(path), "--format", "json", "--format", "html", "--out", str(tmp_path)]) == 0
    assert json.loads(path.read_text())["later"] == "kept"
    assert files(tmp_path) == ["report.html", "result.json"]


@pytest.fixture
def graded(tmp_path: Path) -> Path:
    """A folder as `grade` leaves it: a cohort, and a result of each of two students."""
    folder = tmp_path / "graded"
    store(folder / "students/s001/result.json")
    store(folder / "students/s002/result.json", student={"id": "s002", "name": "Bob"})
    (folder / "cohort.json").write_text(cohortform.dumps(cohorts.sample()))
    return folder


@pytest.mark.parametrize("language", ["en", "fr"])
@pytest.mark.parametrize("name", COHORT_EXPORTS)
def test_a_graded_folder_in_every_format_of_cohorts(name: str, language: Any, graded: Path, capsysbinary: Any) -> None:
    """A format that there is for results, too, is the cohort's; the folder and the file stand for the same."""
    made = COHORT_EXPORTS[name].render(cohorts.sample(), language=language)
    for path in (graded, graded / "cohort.json"):
        assert main(["report", str(path), "--format", name, "--lang", language]) == 0
        assert capsysbinary.readouterr().out.decode() == made


def test_a_cohort_under_another_name_is_known_by_what_it_says(graded: Path, capsysbinary: Any) -> None:
    """A copy with a date in its name is still a cohort."""
    other = (graded / "cohort.json").rename(graded / "january.json")
    assert main(["report", str(other), "--format", "csv"]) == 0
    assert capsysbinary.readouterr().out.startswith(b"id,name,email")


def test_formats_of_results_are_made_of_all_results_below(graded: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Beside those of the cohort, in folders named as in the cohort's own, so that its page leads to them."""
    out = graded.parent / "out"
    options = [word for name in ("html", "moodle", "gradescope") for word in ("--format", name)]
    assert main(["report", str(graded), *options, "--out", str(out), "--quiet"]) == 0
    assert files(out) == [
        "index.html",
        "moodle.csv",
        "students/s001/gradescope.json",
        "students/s002/gradescope.json",
    ]
    capsys.readouterr()
    assert main(["report", str(graded), "--lang", "en"]) == 0
    assert capsys.readouterr().out.count("sample_rollout · Rolling out") == 2


def test_the_students_folder_makes_the_students_pages(graded: Path) -> None:
    """Where a name means both, the path decides."""
    assert main(["report", str(graded / "students"), "--format", "html", "--out", str(graded / "students")]) == 0
    assert (graded / "students/s001/report.html").is_file()


def test_a_stored_cohort_is_never_replaced(graded: Path) -> None:
    """Keys that a later version wrote are still there after reports were made beside it."""
    path = graded / "cohort.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {"later": "kept"}))
    assert main(["report", str(graded), "--format", "json", "--format", "csv", "--out", str(graded), "--quiet"]) == 0
    assert json.loads(path.read_text())["later"] == "kept"
    assert (graded / "grades.csv").is_file()


def test_who_is_left_out_is_told(graded: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """On standard error, so that the file in a pipe is whole."""
    assert main(["report", str(graded), "--format", "canvas"]) == 0
    said = capsys.readouterr()
    assert said.out.startswith("Student,ID,")
    assert "canvas.csv leaves out 2 students (s004, s005)" in said.err


@pytest.mark.parametrize(
    ("path", "name", "said"),
    [
        ("students/s001/result.json", "moodle", "result.json is no graded cohort, which moodle is made of"),
        ("students", "canvas", "students is no graded cohort, which canvas is made of"),
        ("gone", "moodle", "gone cannot be read: No such file or directory"),
        ("cohort.json", "gradescope", "cohort.json is a cohort, and gradescope is made of a result"),
        ("cohort.json", "text", "cohort.json is a cohort, and text is made of a result"),
    ],
)
def test_a_format_that_does_not_fit(
    path: str, name: str, said: str, graded: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A sentence that says what the format is made of."""
    assert main(["report", str(graded / path), "--format", name]) == 2
    told = capsys.readouterr()
    assert said in told.err
    assert told.out == ""


def test_a_cohort_alone_has_no_results(graded: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Who was sent the one file has its formats, and hears about the others."""
    shutil.rmtree(graded / "students")
    assert main(["report", str(graded), "--format", "csv", "--format", "ctrf", "--out", str(graded), "--quiet"]) == 0
    assert main(["report", str(graded), "--format", "text"]) == 2
    assert "holds no result.json" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"schema": "labgrade/cohort/v2"}, "use the version that wrote it"),
        ({"students": 1}, "students is 1, but a list is expected"),
        ({"complete": True}, "complete is True, but the marks make it False"),
    ],
)
def test_a_cohort_that_cannot_be_used(change: Any, said: str, graded: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """It is named with the reason, and what is below it is reported all the same."""
    path = graded / "cohort.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | change))
    assert main(["report", str(graded), "--format", "csv", "--format", "text", "--out", str(graded)]) == 2
    assert said in capsys.readouterr().err
    assert (graded / "students/s001/report.txt").is_file()


def make_torn(path: Path) -> None:
    """Half a file."""
    store(path).write_text((SAMPLES / "result.json").read_text()[:400])


def make_newer(path: Path) -> None:
    """Of a version to come."""
    store(path, schema="labgrade/result/v2")


def make_edited(path: Path) -> None:
    """With more points than were earned."""
    store(path, earned=20)


def make_huge(path: Path) -> None:
    """Too large to be one; it takes no room on disk."""
    path.parent.mkdir()
    with path.open("wb") as file:
        file.truncate(stored.MOST_BYTES + (1 << 20))


def make_folder(path: Path) -> None:
    """A folder of that name."""
    path.mkdir(parents=True)


def make_loop(path: Path) -> None:
    """A link to itself."""
    path.parent.mkdir()
    path.symlink_to(path.name)


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (make_torn, "bad/result.json: not JSON"),
        (make_newer, "reads labgrade/result/v1: use the version that wrote it"),
        (make_edited, "earned is 20, but the outcomes make it 6"),
        (make_huge, "MiB large; a result has 64 at most"),
        (make_folder, "holds no result.json"),
        (make_loop, "cannot be read: Too many levels of symbolic links"),
        (lambda _: None, "bad/result.json cannot be read: No such file or directory"),  # pyright: ignore[reportUnknownLambdaType] - a maker that makes nothing
    ],
)
def test_a_result_that_cannot_be_used(make: Any, said: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """It is named with the reason, exit code 2, and the others are reported all the same."""
    bad = tmp_path / "bad" / "result.json"
    make(bad)
    assert main(["report", str(bad), str(store(tmp_path / "good" / "result.json")), "--lang", "en"]) == 2
    told = capsys.readouterr()
    assert said in told.err
    assert "Traceback" not in told.err
    assert told.out.startswith("sample_rollout")


def test_what_a_result_says_drives_no_terminal(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Names in it come from strangers, and so does the file's own name."""
    evil = "\x1b[2J\u202e"
    lab = {"id": f"b01{evil}", "title": {"en": evil, "fr": evil}}
    path = store(tmp_path / f"a{evil}" / "result.json", lab=lab, student={"id": evil, "name": evil})
    assert main(["report", str(path), "--lang", "en"]) == 0
    assert main(["report", str(path), "--format", "html", "--out", str(tmp_path / f"out{evil}")]) == 0
    assert main(["report", str(path.parent / "gone")]) == 2
    said = capsys.readouterr()
    assert not {"\x1b", "\u202e"} & set(said.out + said.err)


def test_the_place_for_files_cannot_be_made(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A file where the folder should be is a sentence."""
    path = shutil.copy(SAMPLES / "result.json", tmp_path / "result.json")
    assert main(["report", str(path), "--format", "html", "--out", str(path)]) == 2
    assert "cannot be made" in capsys.readouterr().err
