"""Traffic gathered once: what a reading was asked already costs nothing, and one source's trouble stays its own."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence

import pytest

from labgrade.errors import HarnessError, Unmet
from labgrade.patience import monotonic
from labgrade.probe import Answer, Question, Verdict, gathering, tcp
from labgrade.probe.gathering import Gathering

WEB, DB = tcp("10.0.0.1", 80), tcp("10.0.0.2", 5432)
Told = Callable[[Question], Verdict]


class Asked:
    """A source that notes what it is asked."""

    ip = node = "here"

    def __init__(self, told: Told = lambda _: "connected", name: str = "somebody") -> None:
        self.name, self.rounds, self._told = name, list[list[Question]](), told

    def ask(self, questions: Sequence[Question]) -> list[Answer]:
        """As it was told to."""
        self.rounds.append(list(questions))
        return [Answer(question.words, self.name, self._told(question), 0.01) for question in questions]

    def remove(self) -> None:
        """Nothing."""


def failing(error: Exception) -> Told:
    """Raises."""

    def told(_: Question) -> Verdict:
        raise error

    return told


def turning(*verdicts: Verdict) -> Told:
    """One verdict after another, the last one again and again."""
    left = list(verdicts)
    return lambda _: left.pop(0) if len(left) > 1 else left[0]


@pytest.fixture
def traffic() -> Gathering:
    """Of the first reading."""
    found = Gathering()
    found.of(0)
    return found


def test_each_source_is_asked_once_for_all(traffic: Gathering) -> None:
    """One exec, however many questions; the answers are told apart."""
    one, two = Asked(lambda q: "dropped" if q == DB else "connected"), Asked(lambda _: "refused")
    traffic.ask([(one, WEB), (two, WEB), (one, DB)])
    assert (one.rounds, two.rounds) == ([[WEB, DB]], [[WEB]])
    verdicts = [traffic.answer(asked).verdict for asked in ((one, WEB), (one, DB), (two, WEB))]
    assert verdicts == ["connected", "dropped", "refused"]


def test_within_a_reading_nothing_is_asked_twice(traffic: Gathering) -> None:
    """Many checks, one pass: only what is new is asked."""
    source = Asked()
    traffic.ask([(source, WEB)])
    traffic.of(0)
    traffic.ask([(source, WEB)])
    traffic.ask([(source, tcp("10.0.0.1", 80)), (source, DB)])
    assert source.rounds == [[WEB], [DB]]


def test_another_reading_is_asked_anew(traffic: Gathering) -> None:
    """What was true before a change, or before the network followed it, says nothing."""
    source = Asked(turning("dropped", "connected"))
    traffic.ask([(source, WEB)])
    traffic.of(1)
    traffic.ask([(source, WEB)])
    assert traffic.answer((source, WEB)).verdict == "connected"
    assert len(source.rounds) == 2


def test_all_sources_are_asked_at_the_same_time(traffic: Gathering) -> None:
    """Each would otherwise add the time that silence takes."""
    meeting = threading.Barrier(8, timeout=30)

    def told(_: Question) -> Verdict:
        meeting.wait()
        return "dropped"

    traffic.ask([(Asked(told), WEB) for _ in range(8)])


@pytest.mark.parametrize("error", [HarnessError("no node took it"), Unmet("no room"), AssertionError("no room")])
def test_a_source_that_fails_fails_only_who_asks_it(traffic: Gathering, error: Exception) -> None:
    """Others have their answers; it is told what went wrong each time, and tried once."""
    bad, good = Asked(failing(error)), Asked()
    traffic.ask([(bad, WEB), (good, WEB), (bad, DB)])
    assert traffic.answer((good, WEB)).connected
    for _ in range(2):
        with pytest.raises(type(error)) as raised:
            traffic.answer((bad, DB))
        assert raised.value is error
    traffic.ask([(bad, WEB)])
    assert len(bad.rounds) == 1


def test_a_fault_in_our_own_code_is_not_swallowed(traffic: Gathering) -> None:
    """It would look like a cluster's trouble."""
    with pytest.raises(KeyError):
        traffic.ask([(Asked(failing(KeyError("verdict"))), WEB)])


def test_only_silence_has_to_last(traffic: Gathering) -> None:
    """What connects is neither held nor asked again; nor is what failed."""
    quiet, loud, bad = Asked(lambda _: "dropped"), Asked(), Asked(failing(HarnessError("no")))
    traffic.ask([(each, WEB) for each in (quiet, loud, bad)])
    assert traffic.unheld([(each, WEB) for each in (quiet, loud, bad)]) == [(quiet, WEB)]


def test_silence_is_asked_for_again_over_a_window(traffic: Gathering, monkeypatch: pytest.MonkeyPatch) -> None:
    """And stays known as lasting, as long as the reading does."""
    monkeypatch.setattr(gathering, "STAYS_SECONDS", 0.2)
    pace = threading.Event()

    def told(_: Question) -> Verdict:
        pace.wait(0.05)
        return "dropped"

    source = Asked(told)
    traffic.ask([(source, WEB)])
    began = monotonic()
    traffic.hold([(source, WEB)])
    assert 0.2 <= monotonic() - began < 20
    assert len(source.rounds) >= 3
    assert traffic.unheld([(source, WEB)]) == []
    traffic.of(1)
    traffic.ask([(source, WEB)])
    assert traffic.unheld([(source, WEB)]) == [(source, WEB)]


def test_silence_is_asked_for_again_at_least_once(traffic: Gathering, monkeypatch: pytest.MonkeyPatch) -> None:
    """However slow the cluster."""
    monkeypatch.setattr(gathering, "STAYS_SECONDS", 0.0)
    source = Asked(turning("dropped", "connected"))
    traffic.ask([(source, WEB)])
    traffic.hold([(source, WEB)])
    assert len(source.rounds) == 2
    assert traffic.answer((source, WEB)).verdict == "connected"


def test_one_attempt_at_a_time_is_enough_to_be_heard(traffic: Gathering, monkeypatch: pytest.MonkeyPatch) -> None:
    """The first look believes silence after two; in the window, each attempt is an answer of its own."""
    monkeypatch.setattr(gathering, "STAYS_SECONDS", 0.0)
    source = Asked(lambda _: "dropped")
    traffic.ask([(source, WEB)])
    traffic.hold([(source, WEB)])
    assert [question.data["attempts"] for asked in source.rounds for question in asked] == [2, 1]
    assert traffic.unheld([(source, WEB)]) == []


def test_what_does_not_stay_silent_keeps_the_loud_answer(traffic: Gathering, monkeypatch: pytest.MonkeyPatch) -> None:
    """Also where it falls silent again; the others are held on."""
    monkeypatch.setattr(gathering, "STAYS_SECONDS", 0.1)
    flighty, quiet = Asked(turning("dropped", "dropped", "connected", "dropped")), Asked(lambda _: "dropped")
    traffic.ask([(flighty, WEB), (quiet, WEB)])
    traffic.hold([(flighty, WEB), (quiet, WEB)])
    assert traffic.answer((flighty, WEB)).verdict == "connected"
    assert traffic.unheld([(flighty, WEB), (quiet, WEB)]) == []
    assert len(flighty.rounds) == 3 < len(quiet.rounds)


def test_what_cannot_be_held_is_not_known_as_silent(traffic: Gathering, monkeypatch: pytest.MonkeyPatch) -> None:
    """Who asks for it next hears why."""
    monkeypatch.setattr(gathering, "STAYS_SECONDS", 0.0)
    asked: list[Question] = []

    def told(question: Question) -> Verdict:
        asked.append(question)
        if len(asked) > 1:
            raise HarnessError("the stream broke off")
        return "dropped"

    source = Asked(told)
    traffic.ask([(source, WEB)])
    traffic.hold([(source, WEB)])
    with pytest.raises(HarnessError, match="broke off"):
        traffic.answer((source, WEB))


def test_where_policies_are_surely_in_force_nobody_waits_for_the_network() -> None:
    """It is said for every look at that reading; where it is only likely, the network gets its time."""
    said: list[str] = []
    traffic = Gathering(lambda: said.append("followed"))
    traffic.of(1)
    traffic.await_policies(lambda: True)
    traffic.of(1)
    assert said == ["followed", "followed"]
    traffic.of(2)
    traffic.await_policies(lambda: False)
    traffic.of(2)
    assert said == ["followed", "followed"]
