"""Containers that wait for something that will not come while we look."""

from __future__ import annotations

from datetime import datetime, timedelta

from labgrade.facts import Cluster, Pod
from labgrade.facts.base import moment
from labgrade.facts.pods import PULL_REASONS
from labgrade.model import Json
from labgrade.why.claims import mounting, must_stay_missing
from labgrade.why.crashes import cannot_start
from labgrade.why.images import pulls, refusal

HOPELESS_CRASHES = 3
"""From the third crash on, the kubelet waits 40 seconds and more before it tries again."""

UNCHANGING_CODES = frozenset({0, 126, 127})
"""A command that has nothing more to do, or does not exist, ends the same way every time."""

HOPELESS_PULL = timedelta(seconds=45)
"""A pull that has failed for this long is retried once in minutes."""

HOPELESS_PULLS = 2
"""A registry that was silent twice, ten seconds apart, is not having a hiccup."""

TRIED_AGAIN = timedelta(seconds=12)
"""By then the kubelet has asked once more for what it missed when the Pod came to its node."""


def hopeless(cluster: Cluster, pod: Pod, now: datetime) -> bool:
    """Whether a Pod that has a node will not be ready whatever happens to its other containers."""
    if any(_in_vain(cluster, pod, status, now) for status in pod.container_statuses):
        return True
    creating = all("waiting" in (status.get("state") or {}) for status in pod.container_statuses)
    message = mounting(pod) if creating and _placed(pod, now, TRIED_AGAIN / 4) else ""
    return bool(message) and (must_stay_missing(cluster, message) or _placed(pod, now, TRIED_AGAIN))


def runs_again(pod: Pod, status: Json) -> bool:
    """Whether a container that has just ended will be started again; an init container that ended well is ready."""
    ended = (status.get("state") or {}).get("terminated")
    if not ended or status.get("ready"):
        return False
    policy = pod.spec.get("restartPolicy", "Always")
    return policy == "Always" or (policy == "OnFailure" and ended.get("exitCode") != 0)


def _in_vain(cluster: Cluster, pod: Pod, status: Json, now: datetime) -> bool:
    state = status.get("state") or {}
    waiting = state.get("waiting") or {}
    reason, message = waiting.get("reason", ""), str(waiting.get("message", ""))
    if reason in {"InvalidImageName", "ErrImageNeverPull"}:
        return True
    if reason in PULL_REASONS:
        return _never_pulled(pod, status["name"], waiting, now)
    if reason in {"CreateContainerConfigError", "CreateContainerError"}:
        never = "runAsNonRoot" in message or must_stay_missing(cluster, message)
        return never or _placed(pod, now, TRIED_AGAIN)
    ended = state.get("terminated") or (status.get("lastState") or {}).get("terminated") or {}
    again = reason in {"CrashLoopBackOff", "RunContainerError"} or runs_again(pod, status)
    if again and cannot_start(message or str(ended.get("message", ""))):
        return True
    enough = 1 if ended.get("exitCode") in UNCHANGING_CODES else HOPELESS_CRASHES
    return again and status.get("restartCount", 0) >= enough


def _never_pulled(pod: Pod, container: str, waiting: Json, now: datetime) -> bool:
    said, tries = pulls(pod, container, waiting)
    complaint = refusal(said)
    if complaint == "silent":
        return tries >= HOPELESS_PULLS or _older(pod, now, HOPELESS_PULL)
    return bool(complaint) or _older(pod, now, HOPELESS_PULL)


def _placed(pod: Pod, now: datetime, age: timedelta) -> bool:
    """Whether it has been on its node for so long; its claims may have taken their time before that."""
    since = moment(pod.condition("PodScheduled").get("lastTransitionTime")) or pod.created
    return since is not None and now > since + age


def _older(pod: Pod, now: datetime, age: timedelta) -> bool:
    return pod.created is not None and now > pod.created + age
