"""Judges of what some drivers can do with volumes, by what came of volumes of ours."""

from __future__ import annotations

import pytest

from checks.extras import assert_grows, assert_snapshots_restore
from labgrade.cluster.ownvolumes import Copy, Growth
from labgrade.errors import Absent, Unmet
from labgrade.facts import StorageClass
from labgrade.text import Text
from tests.checks.states import World

WHY = Text("the driver's words", "les mots du pilote")
DRAWERS = StorageClass(World(), None, "drawers")


class Tried:
    """Volumes of ours of which it is laid down what came of them."""

    def __init__(self, growth: Growth = Growth(), copy: Copy = Copy()) -> None:  # noqa: B008 - both are frozen
        self._growth, self._copy = growth, copy

    def grown(self, _class: StorageClass) -> Growth:
        """The same for every class."""
        return self._growth

    def restored(self, _class: StorageClass) -> Copy:
        """The same for every class."""
        return self._copy


def test_a_volume_that_has_grown_is_met() -> None:
    """With its file in it."""
    assert_grows(DRAWERS, Tried(Growth(size="128Mi")))


@pytest.mark.parametrize(
    ("growth", "saw"),
    [(Growth(problem=WHY), "the driver's words"), (Growth(size="128Mi", kept=False), "grown to 128Mi, and has lost")],
    ids=["did not grow", "lost its file"],
)
def test_any_other_growth_is_unmet(growth: Growth, saw: str) -> None:
    """Nothing is earned by half of it."""
    with pytest.raises(Unmet, match=saw) as unmet:
        assert_grows(DRAWERS, Tried(growth))
    assert unmet.value.credit == 0


def test_a_restored_snapshot_is_met() -> None:
    """With the same file."""
    assert_snapshots_restore(DRAWERS, Tried())


@pytest.mark.parametrize(
    ("copy", "saw", "credit"),
    [
        (Copy(unready=WHY), "the driver's words", 0),
        (Copy(unrestored=WHY), "the driver's words", 0.5),
        (Copy(same=False), "from a snapshot of ours, and lacks the file", 0.5),
    ],
    ids=["not ready", "not restored", "without the file"],
)
def test_any_other_snapshot_is_unmet(copy: Copy, saw: str, credit: float) -> None:
    """Half is earned where one is taken."""
    with pytest.raises(Unmet, match=saw) as unmet:
        assert_snapshots_restore(DRAWERS, Tried(copy=copy))
    assert unmet.value.credit == pytest.approx(credit)


def test_what_no_driver_does_is_absent() -> None:
    """By the names that lab.yaml calls it; whatever else is said counts for nothing."""
    with pytest.raises(Absent) as absent:
        assert_grows(DRAWERS, Tried(Growth(absent=True, problem=WHY)))
    assert absent.value.component == "volume-expansion"
    with pytest.raises(Absent) as absent:
        assert_snapshots_restore(DRAWERS, Tried(copy=Copy(absent=True, unready=WHY)))
    assert absent.value.component == "volume-snapshots"
