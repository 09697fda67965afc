"""What of a submission is not applied to a practice cluster, which is on the trainer's machine and is others' next.

What a lab asks for is what its own reference answer does: the same rules are put to it, and what they find is allowed.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace

from labgrade.cohort.submissions import clusterwishes, documents, handed
from labgrade.cohort.submissions.findings import (
    HOST_NAMESPACES,
    POD_SECURITY,
    RIGHTS,
    Around,
    Finding,
    around,
    findings,
    mapping,
    namespaces,
)
from labgrade.cohort.submissions.refusal import Refused, shown
from labgrade.cohort.task import Submission
from labgrade.course import answers
from labgrade.course.answers import CLUSTER, SETUP, STEPS
from labgrade.model import Json, Lab
from labgrade.text import Text

__all__ = ["POD_SECURITY", "asks_for_host", "gradable", "screen", "spoils"]

DATA_FOLDERS = frozenset({"/data", "/mnt", "/srv"})
"""Where a node keeps nothing of its own, nor do others: what a lab about volumes is after is there."""

BASELINE = frozenset({"hostPath", "privileged", "capabilities", "hostPort", "procMount", "sysctls", *HOST_NAMESPACES})
"""What Pods are refused at Kubernetes' level of that name."""


@dataclass(frozen=True, slots=True)
class _Asked:
    """What a lab's own reference answer does."""

    rules: frozenset[str]
    paths: frozenset[str]
    """Of hostPath volumes."""
    unguarded: bool
    """Whether its Pods do what the API server would refuse at the level `baseline`."""
    kinds: frozenset[str]
    namespaces: frozenset[str]
    steps: bool
    cluster: Json | None
    """The kind configuration of the cluster that the answer describes."""


def gradable(lab: Lab) -> Text | None:
    """Why answers to that lab cannot be graded by submission; None where they can."""
    answer = answers.solution(lab)
    if answer.setup or (lab.cluster and lab.cni == "cilium"):
        return Text(
            f"{lab.id} is about a cluster on which programs of the student's machine, such as helm, install things: "
            "it is graded by kubeconfig or context, not by submission",
            f"{lab.id} porte sur un cluster où des programmes de la machine de l'étudiant, comme helm, installent "
            "quelque chose\u00a0: ce TP est noté par kubeconfig ou par contexte, et non par remise",
        )
    if asks_for_host(lab) and any(path.name == STEPS for path in answer.files):
        return Text(
            f"{lab.id} has Pods that reach their node, and steps beside them that could make any others: "
            "it is graded by kubeconfig or context, not by submission",
            f"{lab.id} a des Pods qui atteignent leur nœud, et des étapes qui pourraient en créer n'importe quels "
            "autres\u00a0: ce TP est noté par kubeconfig ou par contexte, et non par remise",
        )
    return None


def screen(submission: Submission, lab: Lab) -> None:
    """Refused, naming everything in it that the lab does not ask for; also where the lab takes no submissions."""
    reason = gradable(lab)
    if reason:
        raise Refused(reason)
    asked = _asked(lab)
    reasons = list(_scripts(submission, asked, lab))
    if CLUSTER in submission.files and asked.cluster is not None:
        wishes = clusterwishes.unwanted(submission.files[CLUSTER], asked.cluster)
        reasons += [Text(f"{CLUSTER}: {words.en}", f"{CLUSTER}\u00a0: {words.fr}") for words in wishes]
    paths: list[tuple[str, str]] = []
    objects = [(name, each) for name, read in handed.manifests(submission).items() for each in read.objects]
    beside = around((each for _, each in objects), lab.namespace)
    beside = replace(beside, namespaces=beside.namespaces | asked.namespaces)
    for name, each in objects:
        for finding in [*findings(each, beside), *_rights(each, asked)]:
            paths += [(name, finding.detail)] if finding.detail else []
            if not _is_asked_for(finding, asked):
                reasons.append(_reason(name, each, finding))
    reasons += _nested(paths)
    if reasons:
        raise Refused(*reasons)


def spoils(submission: Submission) -> bool:
    """Whether it may leave something on the nodes themselves, where nobody sees it. Steps leave nothing there."""
    on_node = BASELINE - {"hostPort"} | {"Node"}
    objects = (each for read in handed.manifests(submission).values() for each in read.objects)
    return any(finding.rule in on_node for each in objects for finding in findings(each, Around("")))


def asks_for_host(lab: Lab) -> bool:
    """Whether the Pods of the lab's own answer need what they are refused at Kubernetes' level `baseline`."""
    return _asked(lab).unguarded


def _asked(lab: Lab) -> _Asked:
    answer = answers.solution(lab)
    manifests = [*answer.manifests, *answers.starter(lab).manifests]
    objects = [each for path in manifests for each in documents.read(path.read_bytes()).objects]
    beside = around(objects, lab.namespace)
    found = [finding for each in objects for finding in findings(each, beside)]
    return _Asked(
        frozenset(finding.rule for finding in found),
        frozenset(finding.detail for finding in found if finding.detail),
        unguarded=any(finding.in_pod and finding.rule in BASELINE for finding in found),
        kinds=frozenset(str(each.get("kind")) for each in objects),
        namespaces=namespaces(objects),
        steps=any(path.name == STEPS for path in answer.files),
        cluster=clusterwishes.asked(answer.cluster) if lab.cluster and answer.cluster else None,
    )


def _is_asked_for(finding: Finding, asked: _Asked) -> bool:
    if finding.rule not in asked.rules:
        return False
    path = finding.detail
    return not path or any(path == own or path.startswith(f"{own}/") for own in DATA_FOLDERS | asked.paths)


def _rights(each: Json, asked: _Asked) -> Iterator[Finding]:
    """Rights are the way around these rules where the API server does not guard the nodes itself."""
    kind = str(each.get("kind"))
    if asked.unguarded and kind in RIGHTS and kind not in asked.kinds:
        why = Text(
            "with it Pods could be made that nobody has looked at",
            "il permettrait de créer des Pods que personne n'a examinés",
        )
        yield Finding(f"rights {kind}", kind, why)


def _nested(paths: Iterable[tuple[str, str]]) -> Iterator[Text]:
    """Folders of nodes within one another: a link that a Pod leaves in the outer one leads the inner one anywhere."""
    found = sorted(set(paths))
    outer = {path for _, path in found}
    for name, path in found:
        around = next((other for other in outer if other != path and path.startswith(f"{other.rstrip('/')}/")), None)
        if around:
            yield Text(
                f"{shown(name)}: hostPath {shown(path)} lies within hostPath {shown(around)}: "
                "use one folder, or two apart",
                f"{shown(name)}\u00a0: hostPath {shown(path)} est à l'intérieur de hostPath {shown(around)}\u00a0: "
                "utilisez un seul dossier, ou deux séparés",
            )


def _scripts(submission: Submission, asked: _Asked, lab: Lab) -> Iterator[Text]:
    taken = {STEPS: asked.steps, SETUP: False, CLUSTER: asked.cluster is not None}
    for name, allowed in taken.items():
        if name in submission.files and not allowed:
            yield Text(
                f"{name}: {lab.id} takes none: leave it out, and say it in manifests",
                f"{name}\u00a0: {lab.id} n'en prend pas\u00a0: retirez-le, et dites-le dans des manifestes",
            )


def _reason(name: str, each: Json, finding: Finding) -> Text:
    kind, named = str(each.get("kind", "?")), str(mapping(each.get("metadata")).get("name", "?"))
    what = f"{shown(kind.lower())}/{shown(named)}"
    return Text(
        f"{shown(name)}: {what}: {finding.what}: {finding.why.en}, and the lab does not ask for it: leave it out",
        f"{shown(name)}\u00a0: {what}\u00a0: {finding.what}\u00a0: {finding.why.fr}, et le TP ne le demande pas\u00a0: "
        "retirez-le",
    )
