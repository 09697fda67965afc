"""All is gone through whatever happens, what an earlier trouble explains is left out, and the verdict fits."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from labgrade import diagnosis
from labgrade.cli import main
from labgrade.commands import doctor
from labgrade.diagnosis import CHECK_UPS
from labgrade.diagnosis.finding import LEVELS, CheckUp, Finding, Level
from labgrade.diagnosis.installation import installation, proxies, speech
from labgrade.diagnosis.patient import Patient
from labgrade.diagnosis.rounds import Look, examine
from labgrade.diagnosis.shown import LEVEL_COLOURS, LEVEL_MARKS, entry, unseen, verdict
from labgrade.patience import pause
from labgrade.terminal import Look as Screen
from labgrade.text import Text

from .conftest import Ward
from .test_engines import only, said

WIDE: Screen = {"colour": False, "width": 100, "encoding": "utf-8"}


def finds(level: Level) -> Look:
    """A look that finds this."""
    return lambda _: [Finding(level, Text(f"it is {level}", f"c'est {level}"), do=("type --this",))]


def check_up(look: Look, *after: Look, seconds: float = 5) -> CheckUp:
    """A check-up of something."""
    return CheckUp(Text("something", "quelque chose"), look, after, seconds)


@pytest.mark.parametrize(
    ("level", "goes_on"), [("fine", True), ("warning", True), ("trouble", False), ("absent", False)]
)
def test_what_an_earlier_trouble_explains_is_left_out(level: Level, goes_on: bool) -> None:  # noqa: FBT001
    """Also what builds on what was left out."""
    first, second, third = finds(level), finds("fine"), finds("fine")
    seen = list(examine(Patient(), [check_up(first), check_up(second, first), check_up(third, second)]))
    assert [bool(each.findings) for each in seen] == [True, goes_on, goes_on]
    assert goes_on or seen[2].because is seen[0].findings[0]


def test_a_look_that_crashes_is_told_and_the_others_go_on() -> None:
    """Our own trouble is marked as such."""

    def crash(_: Patient) -> list[Finding]:
        raise ZeroDivisionError("oh")

    seen = list(examine(Patient(), [check_up(crash), check_up(finds("fine"))]))
    assert seen[0].findings[0].level == "error"
    assert "something: oh" in seen[0].findings[0].words.en
    assert seen[1].findings[0].level == "fine"


def test_a_look_that_hangs_is_given_up() -> None:
    """Its time is over, the doctor's is not."""

    def hang(_: Patient) -> list[Finding]:
        pause(5)
        return []

    (seen,) = examine(Patient(), [check_up(hang, seconds=0.1)])
    assert "more than 0 s" in seen.findings[0].words.en


def doctored(monkeypatch: pytest.MonkeyPatch, *levels: Level, words: tuple[str, ...] = ()) -> int:
    """The command's exit code where the check-ups find these."""
    monkeypatch.setattr(doctor, "CHECK_UPS", [check_up(finds(level)) for level in levels])
    return main(["doctor", "--lang", "en", *words])


@pytest.mark.parametrize(
    ("levels", "code", "words"),
    [
        (["fine", "remark"], 0, "This machine is ready."),
        (["fine", "warning"], 0, "worth mending"),
        (["absent"], 0, "Next: type --this"),
        (["warning", "trouble", "trouble"], 1, "Mend first: it is trouble"),
        (["trouble", "error"], 3, "Mend first: it is trouble"),
        (["error"], 3, "Not all could be looked at"),
    ],
)
def test_the_verdict(
    levels: list[Level],
    code: int,
    words: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Exit code and last words agree."""
    assert doctored(monkeypatch, *levels) == code
    assert words in " ".join(capsys.readouterr().out.rpartition("\n\n")[2].split())


def test_quiet(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """Only what is to be mended."""
    doctored(monkeypatch, "fine", "remark", "warning", words=("--quiet",))
    said = capsys.readouterr().out
    assert "it is warning" in said
    assert "it is fine" not in said
    assert "it is remark" not in said


def test_every_check_up_has_its_place() -> None:
    """What it builds on is looked at before it, and it has a title in both languages."""
    looks: list[Callable[..., object]] = []
    for each in CHECK_UPS:
        assert set(each.after) <= set(looks)
        assert each.title.en
        assert each.title.fr
        looks.append(each.look)
    assert len(set(looks)) == len(diagnosis.CHECK_UPS)


def test_every_level_has_its_look() -> None:
    """Marks and colours for all of them."""
    assert set(LEVEL_MARKS) == set(LEVEL_COLOURS) == set(LEVELS)


def test_what_is_typed_is_never_wrapped() -> None:
    """A command can be copied as it stands; details only where they are asked for, without the person's name."""
    command = "kubectl " + "long " * 40
    finding = Finding("trouble", Text("a", "a"), Text("b", "b"), (command, Text("c", "c")), ("~/x", "second"))
    lines = entry(finding, "en", WIDE, verbose=False).split("\n")
    assert lines == ["✘ a", "  means  b", f"  do     {command}", "         c"]
    assert "second" in entry(finding, "en", WIDE, verbose=True)


def test_a_terminal_without_our_marks() -> None:
    """The warning has a mark in ASCII, too."""
    looks: Screen = {**WIDE, "encoding": "ascii"}
    assert entry(Finding("warning", Text("a", "à")), "fr", looks, verbose=False) == "^ a"


def test_words_from_a_cluster_cannot_drive_the_terminal() -> None:
    """Wherever they stand."""
    bad = "\x1b[2J"
    finding = Finding("trouble", Text(bad, bad), Text(bad, bad), (bad, Text(bad, bad)), (bad,))
    assert "\x1b" not in entry(finding, "en", WIDE, verbose=True) + verdict([finding], "en", WIDE)
    assert unseen([], finding, "en", WIDE) == ""


def test_the_installation_is_whole(ward: Ward) -> None:
    """The checkout is, and says which it is."""
    assert installation(ward.patient())[0].words.en.startswith("labgrade ")


def test_a_course_that_is_none(ward: Ward) -> None:
    """Its folder lacks what makes a course."""
    patient = ward.patient()
    patient.course = str(ward.folder)
    assert "is not a course" in only(installation(patient)).words.en


@pytest.mark.parametrize(
    ("environment", "level", "words"),
    [
        ({"https_proxy": "http://me:secret@proxy.example:3128"}, "warning", "NO_PROXY does not spare"),
        ({"HTTP_PROXY": "proxy.example:3128", "no_proxy": "localhost"}, "fine", "NO_PROXY spares"),
        ({"HTTP_PROXY": "http://127.0.0.1:3128"}, "warning", "on this machine itself"),
    ],
)
def test_proxies(ward: Ward, environment: dict[str, str], level: str, words: str) -> None:
    """Where they do harm is told, never their password."""
    ward.environment |= environment
    finding = only(proxies(ward.patient()))
    assert finding.level == level
    assert words in finding.words.en
    assert "secret" not in entry(finding, "en", WIDE, verbose=True)


def test_a_terminal_that_is_not_utf_8(ward: Ward) -> None:
    """Worth knowing, nothing more."""
    patient = ward.patient()
    assert speech(patient) == []
    patient.encoding = "ascii"
    finding = only(speech(patient))
    assert finding.level == "remark"
    assert "LC_ALL" in said(finding)
