"""What Cilium's agents say of the policies that they have put in force."""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Sequence
from concurrent.futures import ThreadPoolExecutor

from labgrade.cluster.api import Api
from labgrade.errors import HarnessError
from labgrade.facts.reading import RESOURCES
from labgrade.model import Json

NAMESPACE, SELECTOR, CONTAINER = "kube-system", "k8s-app=cilium", "cilium-agent"

SECONDS = 5.0
"""For one question to an agent."""

MARK = "labgrade-endpoints"
ASK = f"cilium-dbg policy get && echo {MARK} && cilium-dbg endpoint list -o json"
REVISION = re.compile(r"^Revision: (\d+)$", re.MULTILINE)


class UnknownForm(HarnessError):
    """An agent answered, but not as those do that we know (Cilium 1.14 to 1.18)."""


class Agents:
    """The agents of a cluster, one a node."""

    def __init__(self, api: Api, pods: Sequence[str]) -> None:
        self._api, self._pods = api, pods

    def have(self, uids: Collection[str]) -> bool:
        """Whether every agent has taken in the policies with these UIDs, and enforces all it knows on all endpoints.

        UnknownForm where one answers in words that are not known, HarnessError where one does not answer.
        """
        with ThreadPoolExecutor(len(self._pods)) as pool:
            return all(_in_force(said, uids) for said in pool.map(self._said, self._pods))

    def _said(self, pod: str) -> str:
        done = self._api.exec(NAMESPACE, pod, CONTAINER, ["sh", "-c", ASK], seconds=SECONDS)
        if "unknown command" in done.stderr:
            raise UnknownForm(f"Cilium's agents no longer know the command that tells what they enforce: {ASK}")
        if done.code:
            raise HarnessError(f"the Cilium agent in pod/{pod} does not say what it enforces: {done.stderr[-200:]}")
        return done.stdout


def agents(api: Api) -> Agents | None:
    """The cluster's Cilium agents; None where it has none that run."""
    found = api.get(RESOURCES["Pod"].path(NAMESPACE), labelSelector=SELECTOR).get("items") or []
    running = [each["metadata"]["name"] for each in found if each.get("status", {}).get("phase") == "Running"]
    return Agents(api, running) if running else None


def _in_force(said: str, uids: Collection[str]) -> bool:
    rules, mark, endpoints = said.partition(f"{MARK}\n")
    revision = REVISION.search(rules)
    try:
        found: list[Json] = json.loads(endpoints)
    except ValueError:
        found = []
    if not (mark and revision and found):
        raise UnknownForm("Cilium's agents do not say in a form that we know which policies they enforce")
    return all(uid in rules for uid in uids) and min(map(_realized, found)) >= int(revision[1])


def _realized(endpoint: Json) -> int:
    """The revision of the policies that an endpoint enforces; the highest of all where it has none to enforce."""
    realized = ((endpoint.get("status") or {}).get("policy") or {}).get("realized") or {}
    return int(realized.get("policy-revision", 1 << 62))
