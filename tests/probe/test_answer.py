"""Questions and answers in words: what a report shows of traffic."""

from __future__ import annotations

import pytest

from labgrade.probe import Answer, Question, Verdict, dns, http, tcp, udp


@pytest.mark.parametrize(
    ("question", "words"),
    [
        (tcp("10.0.0.1", 80), "tcp 10.0.0.1:80"),
        (udp("10.0.0.1", 53), "udp 10.0.0.1:53"),
        (dns("web.lab.svc"), "dns A web.lab.svc"),
        (dns("_http._tcp.web", "SRV"), "dns SRV _http._tcp.web"),
        (http("10.0.0.1"), "http://10.0.0.1:80/"),
        (http("10.0.0.1", 8080, "/a?b=c"), "http://10.0.0.1:8080/a?b=c"),
        (http("10.0.0.1", 8080, "/a", method="DELETE"), "DELETE http://10.0.0.1:8080/a"),
        (http("10.0.0.1", 443, tls=True), "https://10.0.0.1:443/"),
        (http("10.0.0.1", 443, "/a", method="POST", tls=True), "POST https://10.0.0.1:443/a"),
    ],
)
def test_a_question_in_words(question: Question, words: str) -> None:
    """A URL where there is one; GET goes without saying."""
    assert question.words == words


def test_what_the_program_is_told_of_a_request() -> None:
    """Method, path and headers, and about TLS only where it is wanted."""
    plain = http("web", 8080, "/a", {"X-Token": "1"}, method="PUT").data
    assert (plain["method"], plain["path"], plain["headers"]) == ("PUT", "/a", {"X-Token": "1"})
    assert "tls" not in plain
    assert "server_name" not in plain


@pytest.mark.parametrize(("given", "asked_for"), [("", "10.0.0.1"), ("web.example.org", "web.example.org")])
def test_the_name_that_a_tls_server_is_asked_for(given: str, asked_for: str) -> None:
    """The host, unless told."""
    data = http("10.0.0.1", 443, tls=True, server_name=given).data
    assert (data["tls"], data["server_name"]) == (True, asked_for)


def test_silence_may_be_believed_sooner() -> None:
    """After one attempt, where there is a reason; after two otherwise."""
    assert (tcp("a", 1, attempts=1).data["attempts"], tcp("a", 1).data["attempts"]) == (1, 2)


@pytest.mark.parametrize(("asked", "tried", "attempts"), [(2, 1, 1), (1, 2, 1), (2, 2, 2)])
def test_the_same_may_be_asked_with_fewer_attempts(asked: int, tried: int, attempts: int) -> None:
    """Never with more; its words stay."""
    question = tcp("a", 1, attempts=asked)
    again = question.tried(tried)
    assert (again.words, again.data) == (question.words, {**question.data, "attempts": attempts})
    assert question.data["attempts"] == asked


def test_the_same_question_is_the_same() -> None:
    """So that it is asked once; another header makes it another one."""
    assert len({http("a", headers={"x": "1"}), http("a", headers={"x": "1"})}) == 1
    assert len({http("a", headers={"x": "1"}), http("a", headers={"x": "2"})}) == 2


@pytest.mark.parametrize(
    ("verdict", "connected", "seen"),
    [
        ("connected", True, "connected"),
        ("http", True, "http 403"),
        ("dropped", False, "dropped"),
        ("refused", False, "refused"),
        ("reset", False, "reset"),
        ("unreachable", False, "unreachable"),
        ("unresolved", False, "unresolved"),
    ],
)
def test_a_verdict_in_a_word(verdict: Verdict, seen: str, *, connected: bool) -> None:
    """Any HTTP answer is an answer."""
    found = Answer("q", "s", verdict, 0.1, status=403 if verdict == "http" else 0)
    assert (found.connected, found.seen) == (connected, seen)


@pytest.mark.parametrize(
    ("found", "line"),
    [
        (Answer("dns A web", "pod/probe 10.0.0.9", "connected", 0.004, addresses=("10.0.0.1", "10.0.0.2")), "10.0.0.1"),
        (Answer("tcp a:1", "this machine", "unresolved", 0.004, detail="no such name"), "no such name"),
    ],
)
def test_an_answer_is_a_line_of_evidence(found: Answer, line: str) -> None:
    """Who asked what, and what came of it, with addresses or details in brackets."""
    assert f"{found}".startswith(f"{found.source} → {found.question}: {found.verdict} ({line}")
    assert f"{found}".endswith(") in 0.00 s")
