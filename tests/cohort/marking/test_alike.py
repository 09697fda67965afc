"""The same work under several names is pointed out; a shared cluster by itself is not the same work."""

from __future__ import annotations

from pathlib import Path

from labgrade.cohort.marking.alike import alike
from labgrade.cohort.model import Alike, ByContext, ByKubeconfig, BySubmission, Cohort
from tests.support.attempts import attempt, cohort, lab, member

LABS = (lab("x"), lab("y"))


def test_one_cluster_under_two_names_is_pointed_out() -> None:
    """Students are named in the roster's order, labs in the cohort's."""
    attempts = [
        attempt("eve", lab="y", uid="u1"),
        attempt("eve", uid="u1"),
        attempt("bob", uid="u1"),
        attempt("ada", uid="u2"),
        attempt("ada", lab="y", uid="u1", round_=2),
    ]
    assert alike(cohort(labs=("x", "y")), LABS, attempts) == (
        Alike("cluster", "x", ("bob", "eve")),
        Alike("cluster", "y", ("ada", "eve")),
    )


def test_the_same_files_under_two_names_are_pointed_out_per_lab() -> None:
    """Also where the one handed them in in an earlier round; graded on one cluster of ours they share no cluster."""
    attempts = [
        attempt("ada", submission="sha256:a", uid="pool"),
        attempt("ada", submission="sha256:b", uid="pool", round_=2),
        attempt("bob", submission="sha256:a", uid="pool", round_=2),
        attempt("eve", submission="sha256:c", uid="pool"),
        attempt("eve", submission="sha256:a", uid="pool", lab="y"),
    ]
    assert alike(cohort(labs=("x", "y")), LABS, attempts) == (Alike("submission", "x", ("ada", "bob")),)


def test_two_who_share_several_works_are_named_once() -> None:
    """Pairs of rounds say nothing more."""
    attempts = [
        attempt(name, submission=f"sha256:{round_}", round_=round_) for name in ("ada", "bob") for round_ in (1, 2)
    ]
    assert alike(cohort(), LABS, attempts) == (Alike("submission", "x", ("ada", "bob")),)


def test_namespaces_of_one_shared_cluster_are_different_work() -> None:
    """Who works in the lab's own namespace shares it with who names the same."""
    class_cluster = Cohort(
        Path("COHORT.yaml"),
        ("x",),
        (
            member("ada", ByContext("class", namespace="team-a")),
            member("bob", ByContext("class", namespace="team-b")),
            member("eve", ByKubeconfig(Path("eve"), namespace="lab-x")),
            member("joe", ByKubeconfig(Path("joe"))),
        ),
    )
    attempts = [attempt(name, uid="u1") for name in ("ada", "bob", "eve", "joe")]
    assert alike(class_cluster, LABS, attempts) == (Alike("cluster", "x", ("eve", "joe")),)


def test_what_is_not_known_is_not_alike() -> None:
    """A refused submission has no digest, a cluster that did not answer no UID; who left the cohort is nobody's."""
    some = cohort(("ada", "bob"))
    attempts = [attempt(name, "") for name in ("ada", "bob")]
    assert alike(some, LABS, attempts) == ()
    assert alike(some, LABS, [attempt("ada", uid="u1"), attempt("gone", uid="u1")]) == ()
    assert alike(some, LABS, [attempt("ada", lab="z", uid="u1"), attempt("bob", lab="z", uid="u1")]) == ()
    handed_in = Cohort(
        Path("COHORT.yaml"), ("x",), tuple(member(name, BySubmission(Path(name))) for name in ("ada", "bob"))
    )
    assert alike(handed_in, LABS, [attempt("ada", uid="pool"), attempt("bob", uid="pool")]) == ()
