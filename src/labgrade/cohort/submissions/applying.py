"""A submission put into its namespace on a practice cluster: what the cluster does not take is the student's."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath

from labgrade.cohort.submissions import bounded, documents, handed, innode, screening
from labgrade.cohort.submissions.documents import Read
from labgrade.cohort.submissions.innode import InNode
from labgrade.cohort.submissions.refusal import shown
from labgrade.cohort.task import Submission
from labgrade.course import answers
from labgrade.course.answers import STEP_SECONDS, STEPS
from labgrade.errors import HarnessError
from labgrade.model import Json, Lab
from labgrade.patience import monotonic, until
from labgrade.text import Text, harmless

REQUEST_SECONDS = 120.0
READY_SECONDS = 20.0
AGAIN_SECONDS = 8.0
"""For kinds and namespaces that other manifests of the same answer have just made: for all of them together."""
ONE_BY_ONE_SECONDS = 120.0
"""So long files are tried one by one, to know which of them are not accepted."""

MOST_WORDS = 600
MOST_LINES = 4
"""Of what kubectl or a script says."""

MOST_SAID = 64 * 1024

GUARD = (f"{screening.POD_SECURITY}enforce", "baseline")

NOT_YET = re.compile(
    r"no matches for kind|namespaces \".*\" not found|could not find the requested resource|"
    r"serviceaccount \".*\" not found|failed to call webhook"
)
"""What passes by itself, once another manifest has been applied and heard of."""

UNREACHED = re.compile(
    r"connection refused|connection reset|TLS handshake timeout|i/o timeout|no route to host|unexpected EOF|"
    r"Unable to connect to the server|etcdserver: |context deadline exceeded|too many requests|ServiceUnavailable",
    re.IGNORECASE,
)
"""What is said on the way to the API server. A manifest can say it too: it is a reason to try again, and no more."""

BESIDE_THE_POINT = re.compile(r'^(\{|to:$|Resource: "|Name: "|for: "|Warning: |.* (created|configured|unchanged)$)')
"""Lines of kubectl's that quote whole objects, passwords included, or tell what went well."""


UNKNOWN = Text(
    "perhaps: there are so many files that it was applied with the others only",
    "peut-être\u00a0: il y a tant de fichiers qu'il n'a été appliqué qu'avec les autres",
)
"""What is said of files for which there was no time."""


def apply(
    submission: Submission,
    lab: Lab,
    folder: Path,
    environment: Mapping[str, str],
    run_in_node: InNode,
) -> tuple[Text, ...]:
    """Applies the starting state with the submission laid over, as far as the cluster takes it; what it did not take.

    `folder` is made, and what is applied is written there. `environment` holds KUBECONFIG, whose default namespace is
    the lab's and exists, and a PATH with kubectl. HarnessError where the cluster does not answer.
    """
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    place = _Place(lab.namespace, folder, environment)
    files = _laid_over(lab, submission)
    notes = [note for name, read in files.items() for note in _problems(name, read)]
    if not screening.asks_for_host(lab):
        place.guard()
        files = {name: _guarded(read) for name, read in files.items()}
    notes += _applied(place, {name: read for name, read in files.items() if read.objects})
    script = _script(lab, submission)
    if script is not None:
        notes += _steps(place, script, run_in_node)
    return tuple(notes)


@dataclass(frozen=True, slots=True)
class _Place:
    """A namespace, and kubectl as it gets there."""

    namespace: str
    folder: Path
    environment: Mapping[str, str]

    def kubectl(self, *words: str, seconds: float = REQUEST_SECONDS, stdin: str = "") -> bounded.Ended:
        """What became of it; HarnessError where it did not end in time."""
        # A cache of its own: on disk, another cluster at the same address would be remembered for hours.
        command = ["kubectl", f"--cache-dir={self.folder / 'cache'}", *words]
        ended = bounded.run(command, self.environment, seconds=seconds, most=MOST_SAID, stdin=stdin.encode())
        if ended.code is None:
            raise HarnessError(f"`kubectl {words[0]}` did not end within {seconds:.0f} s")
        return ended

    def require(self, *words: str, stdin: str = "") -> str:
        """What kubectl prints; HarnessError with its words where it fails: these are ours."""
        ended = self.kubectl(*words, stdin=stdin)
        if ended.code:
            raise HarnessError(f"`kubectl {' '.join(words[:2])}` failed: {_told(ended.errors, {})}")
        return ended.said.decode("utf-8", "replace")

    def guard(self) -> None:
        """Has the API server itself refuse Pods in this namespace that reach the node, whoever makes them."""
        self.require("label", "namespace", self.namespace, "=".join(GUARD), "--overwrite")

    def answers(self) -> bool:
        """Whether the API server does."""
        return not self.kubectl("get", "--raw", "/readyz", seconds=READY_SECONDS).code


def _laid_over(lab: Lab, submission: Submission) -> dict[str, Read]:
    """The manifests in order: the starting state's, less those that the submission has under the same name."""
    theirs = handed.manifests(submission)
    names = {PurePosixPath(name).name for name in theirs}
    ours = {
        path.name: documents.read(path.read_bytes())
        for path in answers.starter(lab).manifests
        if path.name not in names
    }
    return {name: (ours | theirs)[name] for name in sorted(ours | theirs, key=handed.order)}


def _guarded(read: Read) -> Read:
    """The same with every namespace guarded that it makes."""
    return replace(read, documents=tuple(_guarded_object(each) for each in read.objects))


def _guarded_object(each: Json) -> Json:
    metadata = each.get("metadata")
    if each.get("kind") != "Namespace" or not isinstance(metadata, dict):
        return each
    labels = metadata.get("labels")
    guarded = (labels if isinstance(labels, dict) else {}) | {GUARD[0]: GUARD[1]}
    return each | {"metadata": metadata | {"labels": guarded}}


def _script(lab: Lab, submission: Submission) -> bytes | None:
    """The submission's steps, else the starting state's own; None where there are none."""
    if STEPS in submission.files:
        return submission.files[STEPS]
    begun = [path for path in answers.starter(lab).files if path.name == STEPS]
    return begun[0].read_bytes() if begun else None


def _problems(name: str, read: Read) -> list[Text]:
    """What can be said of a file without a cluster."""
    if read.problem:
        return [_not_accepted(name, Text(f"it is no YAML: {read.problem}", f"ce n'est pas du YAML : {read.problem}"))]
    if read.strays:
        words = Text(
            "part of it is no object: an object begins with apiVersion and kind",
            "une partie n'est pas un objet\u00a0: un objet commence par apiVersion et kind",
        )
        return [_not_accepted(name, words)]
    return [] if read.objects else [_not_accepted(name, Text("it holds no object", "il ne contient aucun objet"))]


def _applied(place: _Place, files: Mapping[str, Read]) -> list[Text]:
    """All at once, which is usually all there is to do; else one by one, to know which was not accepted."""
    paths: dict[str, Path] = {}
    for number, (name, read) in enumerate(files.items()):
        paths[name] = place.folder / f"{number:03}.yaml"
        paths[name].write_bytes(read.written())
    if not paths or not _apply(place, paths.values()).code:
        return []
    over = monotonic() + ONE_BY_ONE_SECONDS
    refused: dict[str, Text] = {}
    _one_by_one(place, paths, paths, refused, over)
    again = {name: paths[name] for name, words in refused.items() if _may_pass(words.en)}
    if again:
        if until(lambda: not _apply(place, again.values()).code, seconds=AGAIN_SECONDS, every=1.0):
            refused = {name: words for name, words in refused.items() if name not in again}
        else:
            _one_by_one(place, again, paths, refused, over)
    if refused and not place.answers():
        raise HarnessError("the cluster does not answer any more, after some of the files have been applied")
    return [_not_accepted(name, words) for name, words in refused.items()]


def _may_pass(words: str) -> bool:
    return bool(NOT_YET.search(words) or UNREACHED.search(words))


def _one_by_one(
    place: _Place, tried: Mapping[str, Path], paths: Mapping[str, Path], refused: dict[str, Text], over: float
) -> None:
    """Tells in `refused` why each of those tried is not accepted, and takes out of it those that are.

    From `over` on, by `monotonic`, none is tried any more: where nothing is known of it, that is told.
    """
    for name, path in tried.items():
        if monotonic() >= over:
            refused.setdefault(name, UNKNOWN)
        elif words := _refused(place, path, paths):
            refused[name] = Text(words, words)
        else:
            refused.pop(name, None)


def _apply(place: _Place, paths: Iterable[Path]) -> bounded.Ended:
    return place.kubectl("apply", *[word for path in paths for word in ("--filename", str(path))])


def _refused(place: _Place, path: Path, paths: Mapping[str, Path]) -> str:
    """Why a file was not accepted; empty where it was. HarnessError where the cluster does not answer."""
    ended = _apply(place, [path])
    if not ended.code:
        return ""
    words = _told(ended.errors, paths)
    if not place.answers():
        raise HarnessError(f"the cluster does not answer: {words}")
    return words or f"kubectl ended with exit code {ended.code}"


def _steps(place: _Place, script: bytes, run_in_node: InNode) -> list[Text]:
    with innode.identity(place.namespace, place.require) as config:
        ended = innode.steps(script, place.namespace, config, run_in_node, seconds=STEP_SECONDS)
    if ended.code == 0:
        return []
    words = _last(ended.said, [])
    if ended.code is None:
        why = Text(f"did not end within {STEP_SECONDS} s", f"n'a pas pris fin en {STEP_SECONDS} s")
    else:
        why = Text(f"failed with exit code {ended.code}", f"a échoué avec le code {ended.code}")
    return [Text(f"{STEPS} {why.en}: {words}", f"{STEPS} {why.fr}\u00a0: {words}")]


def _not_accepted(name: str, words: Text) -> Text:
    return Text(f"{shown(name)} was not accepted: {words.en}", f"{shown(name)} n'a pas été accepté\u00a0: {words.fr}")


def _told(errors: bytes, paths: Mapping[str, Path]) -> str:
    """Kubectl's words on a failure, with the student's own names of files."""
    return _last(errors, [(str(path), shown(name)) for name, path in paths.items()])


def _last(said: bytes, names: Sequence[tuple[str, str]]) -> str:
    words = said.decode("utf-8", "replace")
    for ours, theirs in names:
        words = words.replace(ours, theirs)
    lines = [line.strip() for line in harmless(words).splitlines()]
    told = " / ".join([line for line in lines if line and not BESIDE_THE_POINT.match(line)][-MOST_LINES:])
    return told if len(told) <= MOST_WORDS else f"…{told[-MOST_WORDS:]}"
