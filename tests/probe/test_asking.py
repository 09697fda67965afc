"""Questions to the probe program: answers are whole or asked for again; what cannot be found out is our error."""

from __future__ import annotations

import json

import pytest

from labgrade.cluster.remote import Completed
from labgrade.errors import HarnessError
from labgrade.model import Json
from labgrade.probe import Question, asking, http, tcp
from tests.support.probes import Outcome, Played, Reply, answer, every, printed, whole

WEB, DB = http("10.0.0.1", 80), tcp("10.0.0.2", 5432)
BOTH = [WEB, DB]
FOUND = (answer(0, "refused"), answer(1, "refused"))


@pytest.fixture(autouse=True)
def _at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody need wait before the next try."""
    monkeypatch.setattr(asking, "AGAIN_SECONDS", 0.01)


def test_answers_come_in_the_order_of_the_questions() -> None:
    """Whichever was there first; each says who asked what."""
    played = Played(whole(answer(1, "refused"), answer(0, "http", status=200, body="hi")))
    web, database = asking.ask(played.run, BOTH, "pod/probe 10.0.0.9")
    assert (web.verdict, web.status, web.body, web.connected) == ("http", 200, "hi", True)
    assert (database.verdict, database.connected) == ("refused", False)
    assert f"{database}" == "pod/probe 10.0.0.9 → tcp 10.0.0.2:5432: refused in 0.01 s"
    assert played.asked == [[WEB.data, DB.data]]


def test_all_that_an_answer_tells_is_read() -> None:
    """Headers and a certificate too; what it does not tell is empty."""
    certificate: Json = {"subject": "web", "names": ["web.example.org"], "sha256": "00ff"}
    told = answer(0, "http", status=204, headers={"server": "nginx"}, certificate=certificate, detail="slow")
    web, database = asking.ask(Played(whole(told, answer(1, "connected", addresses=["b", "c"]))).run, BOTH, "here")
    assert (web.headers, web.certificate, web.detail) == ({"server": "nginx"}, certificate, "slow")
    assert (database.headers, database.certificate, database.detail, database.status) == ({}, {}, "", 0)
    assert database.addresses == ("b", "c")


def without_the_last(questions: list[Json], nonce: str) -> Outcome:
    """A run that leaves one question out."""
    return 0, printed(*(answer(n, "refused") for n in range(len(questions) - 1)), nonce=nonce), ""


def unsure_of_the_last(questions: list[Json], nonce: str) -> Outcome:
    """A run that could not find out one thing."""
    unsure = answer(len(questions) - 1, "inconclusive", detail="server failure")
    return 0, printed(*(answer(n, "refused") for n in range(len(questions) - 1)), unsure, nonce=nonce), ""


def another_count(_questions: list[Json], nonce: str) -> Outcome:
    """A line was lost in the middle."""
    return 0, printed(*FOUND, nonce=nonce).partition("\n")[2], ""


LOST: dict[str, Reply] = {
    "no exit code": lambda _, nonce: (None, printed(*FOUND, nonce=nonce), ""),
    "no nonce": lambda _, nonce: (0, printed(*FOUND, nonce=nonce).replace(f"{nonce} 2\n", ""), ""),
    "another nonce": lambda _, __: (0, printed(*FOUND, nonce="c0ffee"), ""),
    "another count": another_count,
    "cut in the middle": lambda _, __: (0, '{"index": 0, "verd', ""),
    "cut in the nonce": lambda _, nonce: (0, printed(*FOUND, nonce=nonce)[:-5], ""),
    "nothing at all": lambda _, __: (0, "", ""),
    "program missing": lambda _, __: (127, "", "sh: /probe: not found"),
    "killed": lambda _, nonce: (137, printed(*FOUND, nonce=nonce), "Killed"),
    "one answer missing": without_the_last,
    "inconclusive": unsure_of_the_last,
}


@pytest.mark.parametrize("lost", LOST.values(), ids=LOST.keys())
def test_what_was_lost_is_asked_again(lost: Reply) -> None:
    """A hiccup of the exec stream costs a second, not a check."""
    played = Played(lost, lost, every("connected"))
    assert asking.ask(played.run, BOTH, "here")[1].verdict == "connected"
    assert len(played.asked) == 3


@pytest.mark.parametrize("lost", LOST.values(), ids=LOST.keys())
def test_what_stays_lost_is_ours(lost: Reply) -> None:
    """After three tries there is no verdict, but an error that names the question."""
    played = Played(lost)
    with pytest.raises(HarnessError, match=r"the probe could not find out: .*tcp 10\.0\.0\.2:5432 \(.+\)$"):
        asking.ask(played.run, BOTH, "here")
    assert len(played.asked) == asking.TRIES


@pytest.mark.parametrize(
    ("lost", "words"),
    [
        ("program missing", r"\(the probe ended early \(exit code 127\): sh: /probe: not found\)"),
        ("no exit code", r"\(a command in pod/probe ended without telling its exit code\)"),
        ("inconclusive", r"\(server failure\)"),
        ("one answer missing", r"\(no answer\)"),
    ],
)
def test_the_error_says_what_went_wrong(lost: str, words: str) -> None:
    """In the words of whoever knows."""
    with pytest.raises(HarnessError, match=words):
        asking.ask(Played(LOST[lost]).run, BOTH, "here")


def test_only_what_is_open_is_asked_again() -> None:
    """A sound verdict stands."""
    played = Played(whole(answer(0, "dropped"), answer(1, "inconclusive")), whole(answer(0, "connected")))
    assert [found.verdict for found in asking.ask(played.run, BOTH, "here")] == ["dropped", "connected"]
    assert played.asked == [[WEB.data, DB.data], [DB.data]]


def test_each_run_has_a_nonce_of_its_own() -> None:
    """What an earlier run says late is not taken for the answer of a later one."""
    played = Played(LOST["no nonce"], every("connected"))
    asking.ask(played.run, BOTH, "here")
    first, second = (command[1] for command in played.commands)
    assert first != second


def many() -> list[Question]:
    """More than one argument of a command holds."""
    return [tcp(f"10.{n // 250}.0.{n % 250}", 8080) for n in range(3000)]


def test_many_questions_arrive_whole() -> None:
    """In several words, none longer than Linux takes; and every one is answered in its place."""
    played = Played(every("connected"))
    questions = many()
    answers = asking.ask(played.run, questions, "here")
    assert [found.question for found in answers] == [question.words for question in questions]
    assert played.asked == [[question.data for question in questions]]
    _, _, *pieces = played.commands[0]
    assert len(pieces) > 3
    assert max(map(len, pieces)) <= asking.WORD_LENGTH < 128 * 1024
    assert json.loads("".join(pieces)) == played.asked[0]


def test_many_open_questions_are_counted() -> None:
    """An error names three of them."""
    with pytest.raises(HarnessError, match=r"tcp 10\.0\.0\.2:8080 and 2997 more \(no answer\)$"):
        asking.ask(Played(whole()).run, many(), "here")


def test_more_questions_have_more_time() -> None:
    """The program asks them all at once, but starts them one by one."""
    allowed: list[float] = []

    def run(words: list[str], seconds: float) -> Completed:
        allowed.append(seconds)
        return Played(every("dropped")).run(words, seconds)

    asking.ask(run, [DB], "here")
    asking.ask(run, many(), "here")
    assert allowed[1] > allowed[0] + 100


@pytest.mark.parametrize("separator", ["\x85", "\u2028", "\u2029", "\x1e"])
def test_a_body_of_several_lines_is_one_answer(separator: str) -> None:
    """JSON leaves some of the characters that Python takes for the end of a line as they are."""
    played = Played(lambda _, nonce: (0, printed(answer(0, "http", body="a b"), nonce=nonce).replace("a b", body), ""))
    body = f"a{separator}b" if separator != "\x1e" else "a\\u001eb"
    assert asking.ask(played.run, [WEB], "here")[0].body == f"a{separator}b"
