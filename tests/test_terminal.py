"""What `check` prints tells a student what to do, on any terminal, and lets no text from a cluster drive it."""

from __future__ import annotations

import dataclasses
import io
import os
import pty
from collections.abc import Iterator
from typing import Any, TextIO

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from labgrade.home import home
from labgrade.model import STATES, LabResult, Outcome, State
from labgrade.result import read
from labgrade.terminal import line, look, summary
from labgrade.text import Language, Text
from tests.support.results import refused, remarked

HOSTILE = "\x1b[2J\x1b]0;title\x07\r\0\x9b31m\u202e\ud800"


@pytest.fixture
def sample() -> LabResult:
    """The made-up result behind the samples in reports/."""
    return read(home() / "reports/samples/result.json")


def outcome(state: State = "failed", **more: Any) -> Outcome:
    """An outcome of four points."""
    given: dict[str, Any] = {
        "points": 4.0,
        "earned": 4.0 if state == "passed" else 0.0,
        "seconds": 0.0,
        "title": Text("Pods run", "Les Pods tournent"),
        "hint": Text("Which Pods are there?", "Quels Pods y a-t-il ?"),
    }
    return Outcome(id="running", state=state, **given | more)


def printed(found: Outcome, language: Language = "en", **more: Any) -> list[str]:
    """The lines of an outcome, without colour, runs of spaces shrunk."""
    return [" ".join(words.split()) for words in line(found, language=language, colour=False, **more).split("\n")]


def test_a_failed_check_says_saw_wanted_try_and_hint(sample: LabResult) -> None:
    """All that a student needs to go on, with partial credit in the first line."""
    assert printed(sample.outcomes[1]) == [
        "✘ Two earlier revisions can be gone back to 2/4",
        "saw one earlier revision: 2",
        "wanted at least two earlier revisions",
        "try kubectl rollout history deployment/web",
        "hint What does `kubectl rollout history` list, and what limits its length?",
    ]


def test_it_says_so_in_french(sample: LabResult) -> None:
    """Labels and texts change with the language, commands do not."""
    lines = printed(sample.outcomes[1], "fr")
    assert [words.split()[0] for words in lines[1:5]] == ["vu", "attendu", "essayez", "indice"]
    assert lines[3] == "essayez kubectl rollout history deployment/web"


@pytest.mark.parametrize(
    ("state", "first"),
    [
        ("passed", "✔ Pods run 4/4"),
        ("failed", "✘ Pods run 0/4"),
        ("blocked", "● Pods run 0/4"),
        ("skipped", "○ Pods run –"),
        ("error", "! Pods run ?/4"),
    ],
)
def test_each_state_has_its_mark_and_points(state: State, first: str) -> None:
    """One look down the left edge, one down the right, tell the result."""
    assert printed(outcome(state))[0] == first


def test_a_passed_check_is_one_line() -> None:
    """What is right needs no words."""
    assert len(printed(outcome("passed", saw=Text("x", "x")))) == 1


def test_a_blocked_check_says_what_to_mend_first() -> None:
    """By its title where the caller knows it, else in the outcome's words, else by id."""
    titles = {"service": Text("The Service leads to Pods", "Le Service mène aux Pods")}
    blocked = outcome("blocked", blocked_by=("service",), saw=Text("first: the Service", "d’abord : le Service"))
    assert printed(blocked, titles=titles)[1:] == ["mend first The Service leads to Pods"]
    assert printed(blocked, "fr", titles=titles)[1:] == ["à corriger d’abord Le Service mène aux Pods"]
    assert printed(blocked)[1:] == ["first: the Service"]
    assert printed(dataclasses.replace(blocked, saw=Text("", "")))[1:] == ["mend first service"]


def test_an_error_is_not_the_students() -> None:
    """It says what went wrong, and that it costs nothing."""
    lines = printed(outcome("error", saw=Text("exec lost", "exec perdu")))
    assert lines[1] == "exec lost"
    assert "not your fault and costs nothing" in lines[2]


def test_a_skipped_check_says_that_its_points_do_not_count() -> None:
    """A student does not look for points that nobody can earn."""
    assert "do not count" in " ".join(printed(outcome("skipped")))


@pytest.mark.parametrize("state", STATES)
def test_colour_is_there_only_when_asked_for(state: State) -> None:
    """Without colour there is not one escape; with it, the words are the same."""
    plain = line(outcome(state), language="en", colour=False)
    painted = line(outcome(state), language="en", colour=True)
    assert "\x1b" not in plain
    assert painted.startswith("\x1b[")
    first, *rest = painted.split("\x1b[0m")
    assert first.split("m", 1)[1] + "".join(rest) == plain


def test_an_encoding_without_our_marks_gets_others() -> None:
    """A French report on an ASCII terminal is poorer, and still readable."""
    found = outcome(title=Text("", "Déployé, enfin"), saw=Text("", "cœur « à l’arrêt »…"))
    shown = line(found, language="fr", colour=False, encoding="ascii")
    assert shown.split("\n")[0].startswith("x Deploye, enfin")
    assert 'coeur " a l\'arret "...' in shown
    assert line(found, language="fr", colour=False, encoding="latin-1").encode("latin-1")


@pytest.mark.parametrize("width", [40, 80, 100])
@pytest.mark.parametrize("language", ["en", "fr"])
def test_long_texts_hang_below_their_label(language: Language, width: int) -> None:
    """Nothing is wider than the terminal; what wraps stays indented, so that marks stand alone on the left."""
    long = Text("word " * 60 + "x" * 200, "mot " * 60 + "x" * 200)
    lines = line(outcome(title=long, saw=long), language=language, colour=False, width=width).split("\n")
    assert max(map(len, lines)) == width
    assert lines[0].endswith("  0/4")
    assert all(words.startswith("  ") for words in lines[1:])


def test_a_command_stays_on_one_line() -> None:
    """What is copied from the screen must run, and whole."""
    command = "kubectl get pods --all-namespaces --show-labels --field-selector=status.phase=Running"
    for width in range(40, 100):
        assert command in line(outcome(try_=Text(command, command)), language="en", colour=False, width=width)


def test_hostile_words_do_not_drive_the_terminal() -> None:
    """Escape sequences, carriage returns, direction marks and half surrogates are shown, not obeyed."""
    text = Text(HOSTILE, HOSTILE)
    for state in STATES:
        shown = line(outcome(state, title=text, saw=text, hint=text), language="en", colour=False)
        shown.encode()
        assert all(c.isprintable() or c == "\n" for c in shown)
        assert "\\x1b[2J" in shown


def test_words_cannot_pass_for_a_check_of_their_own() -> None:
    """A Pod's message with line breaks stays below the check that shows it; a title stays one line."""
    fake = Text("x\n✔ Everything 20/20\n\n20 / 20", "x")
    lines = line(outcome(saw=fake, title=fake), language="en", colour=False, width=100).split("\n")
    assert lines[0].startswith("✘ x ✔ Everything 20/20 20 / 20 ")
    assert all(not words or words.startswith("  ") for words in lines[1:])


def test_a_megabyte_is_cut() -> None:
    """The screen is not the place for a log."""
    long = Text("x" * 1_000_000, "x")
    assert len(line(outcome(saw=long, title=long), language="en", colour=False)) < 5000


@settings(max_examples=150, deadline=None)
@given(st.text(), st.sampled_from(STATES), st.sampled_from(["utf-8", "ascii", "cp1252"]))
def test_any_words_can_be_printed(words: str, state: State, encoding: str) -> None:
    """No text whatever breaks the printing, in any encoding."""
    text = Text(words, words)
    shown = line(outcome(state, title=text, saw=text, hint=text), language="fr", colour=False, encoding=encoding)
    shown.encode(encoding)
    assert not any(ord(c) < 32 and c != "\n" for c in shown)


def test_the_summary_has_score_what_to_mend_and_files(sample: LabResult) -> None:
    """The last lines that a student reads lead on."""
    shown = summary(sample, language="en", colour=False, files=["out/report.html", "out/junit.xml"])
    assert shown.split("\n") == [
        "6.67 / 20  (6 / 18 points)",
        "Complete: every check was looked at.",
        "Mend first: The Service `web` has the Pods behind it",
        "  out/report.html",
        "  out/junit.xml",
    ]


def test_the_summary_in_french(sample: LabResult) -> None:
    """With a decimal comma, and a space before the colon."""
    lines = summary(sample, language="fr", colour=False).split("\n")
    assert lines[0] == "6,67 / 20  (6 / 18 points)"
    assert lines[2] == "À corriger d’abord\N{NO-BREAK SPACE}: Le Service `web` a les Pods derrière lui"


def test_an_incomplete_result_is_no_grade(sample: LabResult) -> None:
    """It says so, and why: what was left out, what could not be looked at, how the run ended."""
    error = dataclasses.replace(sample.outcomes[0], state="error", earned=0.0)
    result = dataclasses.replace(
        sample, outcomes=(error,), not_run=("a", "b"), possible=20.0, note=Text("Interrupted.", "Interrompu.")
    )
    assert summary(result, language="en", colour=False).split("\n") == [
        "0 / 20  (points so far)",
        "Not complete, so not yet a grade.",
        "Interrupted.",
        "Not run: a, b.",
        "We could not look at: rolled_out. It costs nothing; run it again.",
    ]


@pytest.mark.parametrize(("language", "score"), [("en", "no grade"), ("fr", "sans note")])
def test_where_nothing_was_looked_at_there_are_no_points(language: Language, score: str) -> None:
    """Points so far would be taken for a 0."""
    shown = summary(refused(), language=language, colour=False)
    assert shown.split("\n")[0] == score
    assert "0 / " not in shown


def test_what_was_handed_in_is_told_before_what_to_mend() -> None:
    """A manifest that was not accepted is why checks fail."""
    assert summary(remarked(), language="en", colour=False).split("\n")[2:] == [
        "What was handed in:",
        "  web.yaml was not accepted: no <kind> in it",
        "Mend first: The Service `web` has the Pods behind it",
    ]
    french = summary(remarked(), language="fr", colour=False)
    assert "Ce qui a été remis\N{NO-BREAK SPACE}:\n  web.yaml n'a pas été accepté" in french


def test_a_perfect_result_is_said(sample: LabResult) -> None:
    """16.5 needs no `.50`, and 20 no fraction at all."""
    result = dataclasses.replace(sample, outcomes=sample.outcomes[:1], possible=4.0)
    shown = summary(result, language="en", colour=False)
    assert shown.startswith("20 / 20  (4 / 4 points)\nEverything earned.")
    half = dataclasses.replace(sample.outcomes[0], points=20.0, earned=16.5, state="failed")
    result = dataclasses.replace(sample, outcomes=(half,), possible=20.0)
    assert summary(result, language="en", colour=True).startswith("\x1b[1m16.5 / 20\x1b[0m\n")


def test_the_summary_lets_no_text_drive_the_terminal(sample: LabResult) -> None:
    """Notes, ids and paths may come from elsewhere."""
    text = Text(HOSTILE, HOSTILE)
    result = dataclasses.replace(sample, note=text, not_run=(HOSTILE,), remarks=(text,))
    shown = summary(result, language="en", colour=False, files=[HOSTILE])
    assert all(c.isprintable() or c == "\n" for c in shown)


@pytest.fixture
def terminal() -> Iterator[TextIO]:
    """A stream that is a terminal."""
    ours, theirs = pty.openpty()
    with os.fdopen(theirs, "w", encoding="utf-8") as stream:
        yield stream
    os.close(ours)


def test_a_terminal_gets_colour_unless_told_otherwise(terminal: TextIO) -> None:
    """NO_COLOR, --no-color and a dumb terminal switch it off; an empty NO_COLOR means nothing."""
    assert look(terminal, environment={})["colour"]
    assert look(terminal, environment={"NO_COLOR": ""})["colour"]
    assert not look(terminal, environment={"NO_COLOR": "1"})["colour"]
    assert not look(terminal, environment={"TERM": "dumb"})["colour"]
    assert not look(terminal, no_color=True, environment={})["colour"]


def test_a_pipe_or_file_gets_none() -> None:
    """A log holds no escapes."""
    found = look(io.TextIOWrapper(io.BytesIO(), encoding="cp1252"), environment={})
    assert found == {"colour": False, "width": 80, "encoding": "cp1252"}
    assert look(io.StringIO(), environment={}) == {"colour": False, "width": 80, "encoding": "utf-8"}


@pytest.mark.parametrize(("columns", "width"), [("60", 60), ("500", 100), ("5", 40), ("wide", 80)])
def test_the_width_is_the_terminals_within_reason(columns: str, width: int) -> None:
    """Lines stay readable on the widest screen and whole words fit on the narrowest."""
    assert look(io.StringIO(), environment={"COLUMNS": columns})["width"] == width


def test_what_a_stream_wants_is_what_line_takes(terminal: TextIO) -> None:
    """A caller passes it on as it is."""
    wanted = look(terminal, environment={})
    assert line(outcome(), language="en", **wanted).startswith("\x1b[31m✘ Pods run")
