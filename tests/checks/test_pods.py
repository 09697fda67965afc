"""The judge of a shared network, on recorded states."""

from __future__ import annotations

from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any

import pytest

from checks.pods import assert_shared_network
from labgrade.errors import HarnessError, Unmet
from labgrade.facts import Pod
from labgrade.probe import Verdict
from tests.checks.states import World, pod, prober, web


@dataclass
class Said:
    """What a command said."""

    stdout: str = ""
    stderr: str = ""
    rc: int = 0


def judge(world: World, said: Said | HarnessError, verdict: Verdict = "http") -> list[str]:
    """Judges pod/duo, inside which every command says the same; returns in which containers one ran."""
    asked: list[str] = []

    def run(_: str) -> Said:
        if isinstance(said, HarnessError):
            raise said
        return said

    def inside(_: Pod, container: str) -> Any:
        asked.append(container)
        return SimpleNamespace(run=run)

    duo, answers = world.cluster.pod("duo"), prober(web("10.0.0.1", verdict))
    assert_shared_network(duo, inside, answers, server="nginx:1.26", client="busybox:1.36")
    return asked


def duo(*images: str, ready: bool = True) -> World:
    """A Pod with these images in containers c0, c1 …"""
    return World(
        pod("duo", ready=ready, spec={"containers": [{"name": f"c{n}", "image": i} for n, i in enumerate(images)]})
    )


PAGE = Said("HTTP/1.1 200 OK\r\nServer: nginx\r\n\r\n<html>")


@pytest.mark.parametrize("images", [("nginx:1.26", "busybox:1.36"), ("nginx:1.26", "docker.io/library/busybox:1.36")])
def test_a_page_on_localhost_is_met(images: tuple[str, ...]) -> None:
    """It is asked for in the busybox container, however its image is spelt."""
    assert judge(duo(*images), PAGE) == ["c1"]


def test_a_pod_with_one_container_is_unmet() -> None:
    """Two Pods with a container each share nothing; the failure lists what this one has."""
    with pytest.raises(Unmet, match=r"has these containers: c0 \(nginx:1\.26\)"):
        judge(duo("nginx:1.26"), PAGE)


def test_a_pod_that_is_not_ready_is_unmet() -> None:
    """A container that keeps ending reaches nobody, and no command is run in it."""
    with pytest.raises(Unmet, match="not ready"):
        judge(duo("nginx:1.26", "busybox:1.36", ready=False), PAGE)


def test_a_refusal_on_localhost_is_unmet() -> None:
    """What the command said is passed on."""
    with pytest.raises(Unmet, match="Connection refused"):
        judge(duo("nginx:1.26", "busybox:1.36"), Said(stderr="nc: 127.0.0.1:80: Connection refused", rc=1))


def test_a_container_that_ended_just_now_is_the_students() -> None:
    """A container without a command counts as ready for a moment; nothing can be run in it then."""
    with pytest.raises(Unmet, match="the container has ended"):
        judge(duo("nginx:1.26", "busybox:1.36"), HarnessError("could not run a command in duo: container not found"))


def test_a_command_that_got_lost_is_ours() -> None:
    """A broken connection says nothing about the Pod."""
    with pytest.raises(HarnessError):
        judge(duo("nginx:1.26", "busybox:1.36"), HarnessError("connection reset by peer"))


def test_a_page_from_somewhere_else_is_unmet() -> None:
    """Where the Pod's own address is silent, the page on localhost is not nginx's."""
    with pytest.raises(Unmet):
        judge(duo("nginx:1.26", "busybox:1.36"), PAGE, "refused")


@pytest.mark.parametrize(
    "state", [{"terminated": {"exitCode": 0}}, {"waiting": {"reason": "CrashLoopBackOff"}}], ids=["ended", "waiting"]
)
def test_a_container_that_keeps_ending_is_named(state: dict[str, Any]) -> None:
    """Between two starts it has ended or waits; either way the failure says which one and how."""
    world = duo("nginx:1.26", "busybox:1.36", ready=False)
    last = {"terminated": {"exitCode": 0}}
    world.objects[0]["status"]["containerStatuses"] = [
        {"name": "c0", "ready": True, "state": {"running": {}}},
        {"name": "c1", "ready": False, "state": state, "lastState": last},
    ]
    with pytest.raises(Unmet, match=r"container c1 does not keep running \(exit code 0: its command has nothing"):
        judge(world, PAGE)
