"""Applying a submission: what the cluster does not take is the student's, a cluster that does not answer is ours."""

from __future__ import annotations

import base64
import json
import os
import subprocess
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from labgrade import course
from labgrade.cohort.submissions import applying, innode
from labgrade.cohort.submissions.bounded import Ended
from labgrade.cohort.task import Submission
from labgrade.course.answers import STEP_SECONDS
from labgrade.errors import HarnessError
from labgrade.model import Lab
from labgrade.text import Text

KUBECTL = r"""#!/bin/bash
# A cluster made of files: refuses what contains REFUSE, is down while there is a file `down`.
here=$(dirname "$0")
echo "$*" >> "$here/calls"
case "$*" in
*" config view"*) echo '{"clusters": [{"cluster": {"certificate-authority-data": "Q0E="}}]}'; exit;;
*" create token"*) echo token-of-the-steps; exit;;
*" get --raw /readyz"*) [ ! -e "$here/down" ]; exit;;
*" apply --filename -"*|*" delete --filename -"*) cat >> "$here/stdin"; exit;;
*" apply "*) ;;
*) exit;;
esac
code=0
for path in "$@"; do
    [ -f "$path" ] || continue
    cat "$path" >> "$here/applied"
    if [ -e "$here/down" ]; then echo "The connection to the server was refused: connection refused" >&2; exit 1; fi
    if grep -q REFUSE "$path"; then
        code=1
        printf 'Error from server: error when applying patch:\n{"data": {"password": "four-onions"}}\nto:\n' >&2
        printf 'Resource: "v1"\nName: "x"\nfor: "%s": error when patching "%s": \033[31mimmutable\n' "$path" "$path" >&2
        printf 'The Pod "x" in %s is REFUSED: immutable\n{"data": {"password": "four-onions"}}\n' "$path" >&2
    fi
    if grep -q CROWD "$path" && [ ! -e "$here/crowd" ]; then
        code=1; touch "$here/crowd"
        echo 'resource mapping not found: no matches for kind "Crowd" in version "v1"' >&2
    fi
    if grep -q NOBODY "$path"; then
        code=1; echo 'no matches for kind "Nobody" in version "v1"' >&2
    fi
    if grep -q FAR "$path"; then code=1; echo 'net/http: TLS handshake timeout' >&2; fi
done
exit $code
"""


@pytest.fixture
def bin_(tmp_path: Path) -> Path:
    """A folder with a kubectl of ours."""
    folder = tmp_path / "bin"
    folder.mkdir()
    (folder / "kubectl").write_text(KUBECTL)
    (folder / "kubectl").chmod(0o755)
    return folder


@pytest.fixture(autouse=True)
def soon(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is tried again is not tried for long."""
    monkeypatch.setattr(applying, "AGAIN_SECONDS", 1.5)


@pytest.fixture
def lab() -> Lab:
    """A lab that takes steps, and starts with nothing."""
    return course.find(None).lab("b01-deployment-labels")


def object_(name: str) -> bytes:
    """A manifest of one object."""
    return json.dumps({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": name}}).encode()


def nobody(command: Sequence[str], *, stdin: bytes, seconds: float) -> Ended:
    """Where there is nothing to run in a node."""
    pytest.fail(f"{command} was run in a node for {seconds} s, with {stdin!r}")


def apply(bin_: Path, lab: Lab, files: dict[str, bytes], node: innode.InNode = nobody) -> tuple[Text, ...]:
    """Applies these files; what is to be said of it."""
    environment = {"PATH": f"{bin_}:{os.environ['PATH']}", "NAMESPACE": lab.namespace}
    return applying.apply(Submission(files, "sha256:0"), lab, bin_.parent / "answer", environment, node)


def calls(bin_: Path) -> list[str]:
    """What kubectl was told, less where its cache is."""
    return [line.partition(" ")[2] for line in (bin_ / "calls").read_text().splitlines()]


def test_an_answer_that_is_taken_takes_one_call(bin_: Path, lab: Lab) -> None:
    """In order, without a namespace of its own, written anew; the namespace is guarded first."""
    assert apply(bin_, lab, {"10-a.yaml": object_("one"), "sub/20-b.yaml": b"kind: Pod\nhour: 12:30\n"}) == ()
    guard, applied = calls(bin_)
    assert (bin_ / "calls").read_text().count(f"--cache-dir={bin_.parent / 'answer'}") == 2
    assert guard == "label namespace b01 pod-security.kubernetes.io/enforce=baseline --overwrite"
    assert applied.startswith("apply --filename ")
    assert "-n" not in applied.split()
    assert "kustomiz" not in applied
    words = (bin_ / "applied").read_text()
    assert words.index('"one"') < words.index('"12:30"')


def test_a_namespace_of_the_students_own_is_guarded_too(bin_: Path, lab: Lab) -> None:
    """Within lists as well; its other labels stay."""
    mine = {"kind": "Namespace", "metadata": {"name": "mine", "labels": {"a": "b"}}}
    files = {"10-a.yaml": json.dumps({"kind": "List", "items": [mine, {"kind": "Namespace", "metadata": {}}]}).encode()}
    assert apply(bin_, lab, files) == ()
    first, second = (json.loads(each) for each in (bin_ / "applied").read_text().split("---\n")[1:])
    assert first["metadata"]["labels"] == {"a": "b", "pod-security.kubernetes.io/enforce": "baseline"}
    assert second["metadata"]["labels"] == {"pod-security.kubernetes.io/enforce": "baseline"}


def test_a_lab_that_needs_its_nodes_is_not_guarded(bin_: Path) -> None:
    """Its own answer would be refused."""
    apply(bin_, course.find(None).lab("e01-volumes"), {"50-board.yaml": object_("mine")})
    assert not any("pod-security" in call for call in calls(bin_))


def test_the_starting_state_lies_under_the_answer(bin_: Path) -> None:
    """A file of the same name replaces it, wherever the student keeps it."""
    e01 = course.find(None).lab("e01-volumes")
    apply(bin_, e01, {"50-board.yaml": object_("mine")})
    words = (bin_ / "applied").read_text()
    assert words.index("four-onions-and-a-leek") < words.index("mine")
    (bin_ / "applied").unlink()
    apply(bin_, e01, {"all/10-board.yaml": object_("mine")})
    assert "leek" not in (bin_ / "applied").read_text()


def test_what_is_not_accepted_is_told_and_the_rest_is_applied(bin_: Path, lab: Lab) -> None:
    """With the student's own name of the file, no quoted objects, and nothing that a terminal would obey."""
    files = {"10-a.yaml": object_("REFUSE"), "20-b.yaml": object_("two")}
    (note,) = apply(bin_, lab, files)
    assert note.en.startswith("10-a.yaml was not accepted: ")
    assert note.fr.startswith("10-a.yaml n'a pas été accepté\u00a0: ")
    assert 'The Pod "x" in 10-a.yaml is REFUSED: immutable' in note.en
    assert "four-onions" not in note.en
    assert "\x1b" not in note.en
    assert str(bin_.parent) not in note.en
    assert '"two"' in (bin_ / "applied").read_text()


def test_a_kind_that_another_manifest_makes_is_tried_again(bin_: Path, lab: Lab) -> None:
    """The API server hears of it a moment later."""
    assert apply(bin_, lab, {"10-a.yaml": object_("CROWD"), "20-b.yaml": object_("two")}) == ()
    (note,) = apply(bin_, lab, {"10-a.yaml": object_("NOBODY")})
    assert 'no matches for kind "Nobody"' in note.en


def test_a_cluster_that_does_not_answer_is_ours(bin_: Path, lab: Lab) -> None:
    """Nobody's manifests are blamed for it."""
    (bin_ / "down").touch()
    environment = {"PATH": f"{bin_}:{os.environ['PATH']}"}
    place = applying._Place(lab.namespace, bin_.parent, environment)  # pyright: ignore[reportPrivateUsage]
    assert not place.answers()
    with pytest.raises(HarnessError, match="does not answer"):
        apply(bin_, lab, {"10-a.yaml": object_("one")})


def test_words_of_a_cluster_that_does_not_answer_are_no_proof(bin_: Path, lab: Lab) -> None:
    """A student can have an object of that name: where the API server answers, it is the student's."""
    (note,) = apply(bin_, lab, {"10-a.yaml": object_("FAR")})
    assert note.en == "10-a.yaml was not accepted: net/http: TLS handshake timeout"


def test_all_that_may_pass_is_waited_for_together(bin_: Path, lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    """Not one after the other: what nobody makes costs as much as one of it."""
    waits: list[float] = []

    def waited(done: Callable[[], bool], *, seconds: float, every: float) -> bool:
        assert every > 0
        waits.append(seconds)
        return done()

    monkeypatch.setattr(applying, "until", waited)
    files = {f"{number}-a.yaml": object_("NOBODY") for number in range(1, 6)}
    notes = apply(bin_, lab, files | {"9-z.yaml": object_("REFUSE")})
    assert len(notes) == 6
    assert waits == [applying.AGAIN_SECONDS]
    one_by_one = [call for call in calls(bin_) if call.count("--filename") == 1]
    assert len(one_by_one) == 6 + 5


def test_there_is_no_end_of_time_to_try_files_one_by_one(bin_: Path, lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is not known of a file is told."""
    clock = iter([0.0, 1.0, 60.0, *[applying.ONE_BY_ONE_SECONDS] * 9])
    monkeypatch.setattr(applying, "monotonic", lambda: next(clock))
    files = {f"{number}-a.yaml": object_("REFUSE") for number in range(1, 6)}
    notes = apply(bin_, lab, files)
    assert ["REFUSED" in note.en for note in notes] == [True, True, False, False, False]
    assert notes[4].en == (
        "5-a.yaml was not accepted: perhaps: there are so many files that it was applied with the others only"
    )
    assert notes[4].fr.startswith("5-a.yaml n'a pas été accepté\u00a0: peut-être\u00a0: ")
    (bin_ / "down").touch()
    monkeypatch.setattr(applying, "monotonic", iter([0.0, *[applying.ONE_BY_ONE_SECONDS] * 9]).__next__)
    with pytest.raises(HarnessError, match="does not answer any more"):
        apply(bin_, lab, files)


def test_without_kubectl_it_is_ours(tmp_path: Path, lab: Lab) -> None:
    """As anywhere else."""
    with pytest.raises(HarnessError, match="kubectl cannot be run"):
        applying.apply(Submission({"1-a.yaml": object_("x")}, ""), lab, tmp_path / "a", {"PATH": str(tmp_path)}, nobody)


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"kind: [\n", "it is no YAML: line 2"),
        (b"# nothing\n", "it holds no object"),
        (b"just words\n", "part of it is no object"),
    ],
)
def test_what_is_no_manifest_is_never_given_to_kubectl(bin_: Path, lab: Lab, content: bytes, words: str) -> None:
    """Who reads it otherwise would read something that nobody has screened."""
    (note,) = apply(bin_, lab, {"10-a.yaml": content})
    assert note.en.startswith(f"10-a.yaml was not accepted: {words}")
    assert not (bin_ / "applied").exists()


def test_the_good_part_of_a_broken_file_is_applied(bin_: Path, lab: Lab) -> None:
    """As kubectl would."""
    (note,) = apply(bin_, lab, {"10-a.yaml": object_("one") + b"\n---\nkind: [\n"})
    assert "it is no YAML" in note.en
    assert '"one"' in (bin_ / "applied").read_text()


# Steps


class Node:
    """A node as far as it is asked to run steps."""

    def __init__(self, said: bytes = b"", errors: bytes = b"labgrade-exit=0\n", code: int | None = 0) -> None:
        self.ended = Ended(code, said, 0, errors)
        self.stdin, self.command = b"", []

    def __call__(self, command: Sequence[str], *, stdin: bytes, seconds: float) -> Ended:
        """What it was made for."""
        assert seconds > STEP_SECONDS
        self.command, self.stdin = list(command), stdin
        return self.ended


def test_steps_are_run_in_the_node_after_the_manifests(bin_: Path, lab: Lab) -> None:
    """With rights of their own, in an environment of their own; and the rights are taken away again."""
    node = Node()
    assert apply(bin_, lab, {"10-a.yaml": object_("one"), "steps.sh": b"kubectl get pods\n"}, node) == ()
    config, _, script = node.stdin.partition(b"\n")
    assert script == b"kubectl get pods\n"
    assert node.command[:2] == ["env", "-i"]
    assert node.command[-2:] == ["b01", "600"]
    given = json.loads(base64.b64decode(config))
    assert given["users"][0]["user"] == {"token": "token-of-the-steps"}
    assert given["clusters"][0]["cluster"]["server"] == "https://localhost:6443"
    assert given["contexts"][0]["context"]["namespace"] == "b01"
    told = calls(bin_)
    assert [call.split()[0] for call in told[1:]] == ["apply", "apply", "auth", "auth", "create", "config", "delete"]
    assert '"cluster-admin"' not in (bin_ / "stdin").read_text()


@pytest.mark.parametrize(
    ("said", "errors", "took", "words"),
    [
        (
            b"a\nb\nerror: no \x1b[31m\n",
            b"labgrade-exit=7\n",
            1.0,
            r"failed with exit code 7: a / b / error: no \x1b[31m",
        ),
        (b"waiting\n", b"labgrade-exit=124\n", 601.0, "did not end within 600 s: waiting"),
        (b"waiting\n", b"labgrade-exit=137\n", 606.0, "did not end within 600 s: waiting"),
        (b"killed\n", b"labgrade-exit=137\n", 3.0, "failed with exit code 137: killed"),
        (b"x" * 10_000, b"labgrade-exit=1\n", 1.0, "…xxx"),
    ],
)
def test_steps_that_fail_are_the_students(
    bin_: Path, lab: Lab, monkeypatch: pytest.MonkeyPatch, said: bytes, errors: bytes, took: float, words: str
) -> None:
    """Their last lines are told, and no more of them."""
    clock = iter((0.0, took))
    monkeypatch.setattr(innode, "monotonic", lambda: next(clock))
    (note,) = apply(bin_, lab, {"steps.sh": b"false"}, Node(said, errors))
    assert note.en.startswith("steps.sh ")
    assert words in note.en
    assert len(note.en) < 800


def test_steps_that_the_engine_had_to_end_are_the_students_too(bin_: Path, lab: Lab) -> None:
    """The node ends them by itself, and where it does not, we do."""
    (note,) = apply(bin_, lab, {"steps.sh": b"sleep 9999"}, Node(errors=b"", code=None))
    assert "did not end within" in note.en


def test_a_node_that_cannot_run_anything_is_ours(bin_: Path, lab: Lab) -> None:
    """As when its container is gone; the script's own words cannot look like that."""
    with pytest.raises(HarnessError, match="No such container"):
        apply(bin_, lab, {"steps.sh": b"true"}, Node(b"labgrade-exit=0\n", b"Error: No such container: x\n", 1))
    assert "delete" in calls(bin_)[-1]


def test_the_nodes_program_is_one_that_a_shell_reads() -> None:
    """What they do is tried on a real node."""
    for program in (innode.PROGRAM, innode.ROOM):
        subprocess.run(["sh", "-n", "-c", program], check=True)
