"""A truth table of traffic: what a report shows of it, and what counts as asked for."""

from __future__ import annotations

import pytest

from labgrade.probe import Answer, Table, Verdict

ALLOWED = {("frontend", "backend:8080"), ("backend", "db:5432")}


def found(verdict: Verdict, status: int = 0) -> Answer:
    """An answer to whatever question."""
    return Answer("q", "s", verdict, 0.01, status=status)


TABLE = Table(
    {
        ("frontend", "backend:8080"): found("connected"),
        ("frontend", "db:5432"): found("connected"),
        ("backend", "backend:8080"): found("refused"),
        ("backend", "db:5432"): found("http", 200),
        ("elsewhere", "backend:8080"): found("dropped"),
        ("elsewhere", "db:5432"): found("unreachable"),
    }
)


def test_rows_and_columns_keep_their_order() -> None:
    """As they were asked for, each once."""
    assert TABLE.rows == ["frontend", "backend", "elsewhere"]
    assert TABLE.columns == ["backend:8080", "db:5432"]
    assert TABLE["backend", "db:5432"].status == 200


LEGEND = "1: backend:8080\n2: db:5432\n"
SEEN = """\
seen       1          2
frontend   connected  connected
backend    refused    http 200
elsewhere  dropped    unreachable"""


def test_three_tables_one_below_the_other() -> None:
    """Expected, seen and difference, each cell under its column, in a fixed-width font."""
    expected = """\
expected   1          2
frontend   connected  dropped
backend    dropped    connected
elsewhere  dropped    dropped
"""
    difference = """
difference  1        2
frontend    ·        connected
backend     refused  ·
elsewhere   ·        unreachable"""
    assert TABLE.drawn(ALLOWED) == LEGEND + expected + SEEN + difference


def test_what_was_not_asked_for_stays_blank() -> None:
    """Nobody is expected to reach, or not to reach, what nobody tried."""
    sparse = Table({cell: answer for cell, answer in TABLE.answers.items() if cell[0] != cell[1].partition(":")[0]})
    assert sparse.drawn(ALLOWED).splitlines()[2:6] == [
        "expected   1          2",
        "frontend   connected  dropped",
        "backend               connected",
        "elsewhere  dropped    dropped",
    ]


def test_what_was_seen_alone() -> None:
    """Evidence of a check that is met."""
    assert TABLE.seen() == LEGEND + SEEN


def test_a_wide_table_has_marks_for_words() -> None:
    """Else a terminal would wrap it; what the marks mean is said."""
    verdicts: list[Verdict] = ["connected", "dropped", "refused", "reset", "unreachable", "unresolved", "http"]
    table = Table({("a", f"c{n}"): found(verdict, 403) for n, verdict in enumerate(verdicts)})
    lines = table.seen().splitlines()
    assert lines[-2:] == ["seen  1  2  3  4  5  6  7", "a     .  x  r  R  u  ?  403"]
    assert "x = dropped, r = refused" in lines[-3]


@pytest.mark.parametrize("verdict", ["connected", "http", "dropped", "refused", "reset", "unreachable", "unresolved"])
def test_what_is_refused_is_neither_allowed_nor_closed(verdict: Verdict) -> None:
    """A policy is silent: only silence is a closed way, and only a connection an open one."""
    cell = ("a", "b")
    table = Table({cell: found(verdict, 200 if verdict == "http" else 0)})
    assert (table.differences({cell}) == []) == (verdict in {"connected", "http"})
    assert (table.differences(()) == []) == (verdict == "dropped")


def test_all_differences_are_told() -> None:
    """In the table's order."""
    assert TABLE.differences(ALLOWED) == [
        ("frontend", "db:5432"),
        ("backend", "backend:8080"),
        ("elsewhere", "db:5432"),
    ]
