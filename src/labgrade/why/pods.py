"""Pods that are not ready: the questions in the order in which a colleague would ask them."""

from __future__ import annotations

from labgrade.facts import Pod
from labgrade.facts.pods import PULL_REASONS
from labgrade.model import Json
from labgrade.text import Text
from labgrade.why.claims import why_not_configured, why_not_mounted
from labgrade.why.crashes import kind_of, why_ended, why_not_started
from labgrade.why.images import why_not_pulled
from labgrade.why.probes import why_killed, why_unready
from labgrade.why.said import brief, events, last_words
from labgrade.why.scheduling import why_unscheduled

STARTING = frozenset({"ContainerCreating", "PodInitializing"})


def why_not_ready(pod: Pod) -> Text | None:
    """Why a Pod is not ready; None when it is, has done its work, or just needs a moment."""
    if pod.terminating:
        return _why_still_there(pod)
    if pod.ready or pod.phase == "Succeeded":
        return None
    scheduled = pod.condition("PodScheduled")
    if scheduled.get("status") == "False":
        return why_unscheduled(pod, str(scheduled.get("message", "")))
    if pod.phase == "Failed" and not pod.container_statuses:
        words = brief(f"{pod.status.get('reason', '')} {pod.status.get('message', '')}")
        return Text(en=f"{pod} has failed: {words}", fr=f"{pod} a échoué : {words}")
    for status in pod.container_statuses:
        if found := _why_container(pod, status):
            return found
    if pod.phase == "Running":
        return why_unready(pod)
    return why_not_mounted(pod) or _why_no_sandbox(pod)


def _why_container(pod: Pod, status: Json) -> Text | None:
    name, state = status["name"], status.get("state") or {}
    waiting, ended = state.get("waiting") or {}, state.get("terminated")
    reason, message = waiting.get("reason", ""), str(waiting.get("message", ""))
    if reason in PULL_REASONS:
        return why_not_pulled(pod, name, waiting)
    if reason == "RunContainerError":
        return why_not_started(pod, name, message)
    # An init container that ended well is ready, any other container that ended is not.
    if reason == "CrashLoopBackOff" or (ended and not status.get("ready")):
        return why_ended(pod, name, ended or (status.get("lastState") or {}).get("terminated") or {})
    if reason and reason not in STARTING:
        return why_not_configured(pod, message) or _why_not_created(pod, name, reason, message)
    if "running" in state and not status.get("ready"):
        return why_killed(pod, name) or _why_still_initialising(pod, name)
    return None


def _why_not_created(pod: Pod, container: str, reason: str, message: str) -> Text:
    name = kind_of(pod, container)
    if "runAsNonRoot" in message:
        return Text(
            en=f"{pod}: {name.en} may not start: runAsNonRoot is true, and its image runs as root (set runAsUser)",
            fr=f"{pod} : {name.fr} n'a pas le droit de démarrer : runAsNonRoot vaut true, et son image tourne en root "
            "(donnez un runAsUser)",
        )
    words = brief(f"{reason}: {message}")
    return Text(en=f"{pod}: {name.en} cannot start: {words}", fr=f"{pod} : {name.fr} ne peut pas démarrer : {words}")


def _why_still_initialising(pod: Pod, container: str) -> Text | None:
    if container in pod.containers:
        return None
    words = last_words(pod, container)
    return Text(
        en=f"{pod} waits for its init container {container}, which is still running{words.en}",
        fr=f"{pod} attend son conteneur d'initialisation {container}, qui tourne encore{words.fr}",
    )


def _why_no_sandbox(pod: Pod) -> Text | None:
    """What else the kubelet complains of while it makes a Pod ready to start."""
    failed = events(pod, "FailedCreatePodSandBox", "FailedCreatePodContainer", "FailedPostStartHook", "Failed")
    if not failed:
        return None
    words = brief(failed[-1].message)
    return Text(en=f"{pod} cannot start: {words}", fr=f"{pod} ne peut pas démarrer : {words}")


def _why_still_there(pod: Pod) -> Text:
    finalizers = ", ".join(pod.metadata.get("finalizers") or [])
    if finalizers:
        return Text(
            en=f"{pod} was deleted, but stays until its finalizers are removed: {finalizers}",
            fr=f"{pod} a été supprimé, mais reste tant que ses finalizers sont là : {finalizers}",
        )
    seconds = pod.metadata.get("deletionGracePeriodSeconds", "?")
    return Text(
        en=f"{pod} is being deleted; its containers get {seconds} s to end",
        fr=f"{pod} est en cours de suppression ; ses conteneurs ont {seconds} s pour s'arrêter",
    )
