"""Workloads that are not complete: refused Pods first, then Pods in trouble, then rollouts that stand still."""

from __future__ import annotations

import re

from labgrade.facts import DaemonSet, Deployment, Pod, Workload, pairs
from labgrade.text import Text
from labgrade.why.pods import why_not_ready
from labgrade.why.said import brief, events, told

FORBIDDEN = re.compile(r'pods "[^"]*" is (forbidden|invalid): (?P<words>.*)', re.DOTALL)
QUOTA = re.compile(
    r"exceeded quota: (?P<name>[^,]+), requested: (?P<asked>.*), used: (?P<used>.*), limited: (?P<limit>.*)"
)
UNSAID = re.compile(r"failed quota: (?P<name>[^:]+): must specify (?P<what>.*?)( for: (?P<who>.*))?$")
SECURITY = re.compile(r'violates PodSecurity "(?P<level>[^":]*)[^"]*": (?P<rules>.*)', re.DOTALL)
IN_BRACKETS = re.compile(r" \([^()]*\)")
WEBHOOK = re.compile(r'admission webhook "(?P<name>[^"]*)" denied the request:? ?(?P<words>.*)', re.DOTALL)
SILENT_WEBHOOK = re.compile(r'failed calling webhook "(?P<name>[^"]*)": (?P<words>.*)', re.DOTALL)
ACCOUNT = re.compile(r'serviceaccount "(?P<name>[^"]*)" not found')


def why_incomplete(workload: Workload) -> Text | None:
    """Why a workload does not have all its Pods ready and up to date; None where nothing tells."""
    if workload.spec.get("paused"):
        return Text(en="the rollout is paused", fr="le déploiement est en pause")
    return why_refused(workload) or _first(_pods(workload)) or _why_nowhere(workload) or _why_stalled(workload)


def why_refused(workload: Workload) -> Text | None:
    """Why the API server takes no Pods from a workload; None when it takes them."""
    maker = workload.replicasets[-1] if isinstance(workload, Deployment) and workload.replicasets else workload
    message = refused(maker)
    if not message:
        return None
    found = FORBIDDEN.search(message)
    cause = _refusal(found["words"] if found else message)
    return Text(
        en=f"the API server refuses Pods of {workload}: {cause.en}",
        fr=f"l'API refuse des Pods de {workload} : {cause.fr}",
    )


def refused(workload: Workload) -> str:
    """With which words the API server last refused a Pod, if Pods are missing for it; else empty."""
    failure = workload.condition("ReplicaFailure")
    if failure.get("status") == "True":
        return str(failure.get("message", ""))
    there = [pod for pod in workload.owned(Pod) if not pod.terminating]
    # Only ReplicaSets keep a refusal in their status; of the others only an event tells.
    if workload.kind in {"ReplicaSet", "Deployment"} or len(there) >= workload.replicas:
        return ""
    youngest = max((pod.created for pod in there if pod.created), default=None)
    failed = [event for event in events(workload, "FailedCreate") if not youngest or event.last_seen > youngest]
    return told(failed[-1]) if failed else ""


def _refusal(words: str) -> Text:
    if found := QUOTA.search(words):
        quota, asked, used, limit = (found[key] for key in ("name", "asked", "used", "limit"))
        return Text(
            en=f"resourcequota/{quota} has no room for one more: it asks for {asked}, used is {used}, limit is {limit}",
            fr=f"resourcequota/{quota} n'a pas la place d'un de plus : il demande {asked}, utilisé {used}, "
            f"limite {limit}",
        )
    if found := UNSAID.search(words):
        quota, what, who = found["name"], found["what"], found["who"] or "?"
        return Text(
            en=f"resourcequota/{quota} counts {what}, which these containers do not state: {who}",
            fr=f"resourcequota/{quota} compte {what}, que ces conteneurs n'indiquent pas : {who}",
        )
    if found := SECURITY.search(words):
        level, rules = found["level"], brief(IN_BRACKETS.sub("", found["rules"]))
        return Text(
            en=f"the namespace's Pod Security level, {level}, forbids: {rules}",
            fr=f"le niveau Pod Security du namespace, {level}, interdit : {rules}",
        )
    if found := WEBHOOK.search(words):
        name, said = found["name"], brief(found["words"])
        return Text(en=f"the webhook {name} denies it: {said}", fr=f"le webhook {name} s'y oppose : {said}")
    if found := SILENT_WEBHOOK.search(words):
        name, said = found["name"], brief(found["words"])
        return Text(
            en=f"the webhook {name}, which must agree, does not answer: {said}",
            fr=f"le webhook {name}, qui doit donner son accord, ne répond pas : {said}",
        )
    if found := ACCOUNT.search(words):
        name = found["name"]
        return Text(en=f"there is no serviceaccount/{name}", fr=f"il n'y a pas de serviceaccount/{name}")
    return Text(brief(words), brief(words))


def _pods(workload: Workload) -> list[Pod]:
    """Its Pods, those of the newest template first."""
    if isinstance(workload, Deployment):
        return [pod for found in reversed(workload.replicasets) for pod in found.pods]
    return workload.pods


def _first(pods: list[Pod]) -> Text | None:
    return next((cause for pod in pods if (cause := why_not_ready(pod))), None)


def _why_nowhere(workload: Workload) -> Text | None:
    """A DaemonSet that no node suits."""
    if not isinstance(workload, DaemonSet) or workload.replicas or workload.observed < workload.generation:
        return None
    selector = (workload.template.get("spec") or {}).get("nodeSelector") or {}
    asked = pairs(selector) or "?"
    return Text(
        en=f"no node suits {workload}, whose nodeSelector is {asked}",
        fr=f"aucun nœud ne convient à {workload}, dont le nodeSelector est {asked}",
    )


def _why_stalled(workload: Workload) -> Text | None:
    progressing = workload.condition("Progressing")
    if progressing.get("reason") != "ProgressDeadlineExceeded":
        return None
    seconds = workload.spec.get("progressDeadlineSeconds", 600)
    return Text(
        en=f"the rollout of {workload} has got no further for {seconds} s (ProgressDeadlineExceeded)",
        fr=f"le déploiement de {workload} n'avance plus depuis {seconds} s (ProgressDeadlineExceeded)",
    )
