"""Benchmarks measure what there is, and their page names every figure."""

from __future__ import annotations

import re

import pytest

from benchmarks.__main__ import FIGURES, main
from benchmarks.ground import ROOT
from benchmarks.timing import Figure, ratio
from benchmarks.verdicts import ANSWERS
from labgrade import course
from labgrade.course.rubric import mistakes


@pytest.mark.parametrize("lab", ANSWERS)
def test_the_answers_that_are_timed_exist(lab: str) -> None:
    """A renamed mistake is noticed before ten minutes of measuring."""
    known = {None, *(mistake.name for mistake in mistakes(course.find(None).lab(lab)))}
    assert set(ANSWERS[lab]) <= known


def test_every_figure_is_on_the_page() -> None:
    """The claims that people read are the ones that are measured."""
    page = (ROOT / "benchmarks" / "README.md").read_text()
    assert list(dict.fromkeys(re.findall(r"^\| `([a-z-]+)`", page, re.MULTILINE))) == list(FIGURES)


def test_an_unknown_figure(capsys: pytest.CaptureFixture[str]) -> None:
    """Exit code 2 and those that there are, and no cluster is made."""
    assert main(["stats"]) == 2
    assert "known: states" in capsys.readouterr().err


def test_a_claim_is_kept_or_not() -> None:
    """The line says what was claimed, and the mark whether it holds."""
    assert str(Figure("it takes", 1.5, " s", 2.0)) == "✔ it takes: 1.50 s (claimed: at most 2 s)"
    assert str(Figure("it takes", 2.5, " s", 2.0, "measured twice")).startswith("✘ it takes: 2.50 s")


def test_the_ratio_is_taken_pair_by_pair() -> None:
    """A slow moment that meets both of a pair changes nothing."""
    assert ratio([1, 10, 2], [2, 20, 4]) == 0.5
