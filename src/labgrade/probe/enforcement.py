"""Whether this cluster's Pod network enforces policies at all, and since when it enforces the newest.

A canary tells: a Pod of ours that listens on two ports, and a policy of ours that opens one of them. As long as the
other one answers, the network ignores policies or has not come to them yet.
"""

from __future__ import annotations

import logging
import secrets
import threading
from collections.abc import Mapping
from concurrent.futures import Future
from typing import Literal

from labgrade.cluster.ours import labels
from labgrade.errors import HarnessError, Unmet
from labgrade.facts.reading import RESOURCES
from labgrade.model import Json
from labgrade.patience import pause, until
from labgrade.probe import cilium
from labgrade.probe.answer import tcp
from labgrade.probe.pod import OTHER_PORT, PORT
from labgrade.probe.sources import Sources
from labgrade.text import Text

log = logging.getLogger(__name__)

Network = Literal["enforces", "ignores", "broken"]

SAID: Mapping[Network, Text] = {
    "ignores": Text(
        en="this cluster's Pod network ignores NetworkPolicies",
        fr="le réseau de Pods de ce cluster ignore les NetworkPolicies",
    ),
    "broken": Text(
        en="on this cluster, not even Pods of labgrade's own reach each other",
        fr="sur ce cluster, même les Pods de labgrade ne se joignent pas",
    ),
}
WANTED = Text(en="a CNI that enforces NetworkPolicies", fr="un CNI qui applique les NetworkPolicies")

CANARY = {"labgrade/canary": "yes"}

ENFORCED_SECONDS = 20.0
"""A network that has not come to a policy by then ignores it."""

BARRIERS = ("NetworkPolicy", "CiliumNetworkPolicy")
"""The kinds of which Cilium's agents are told, each in a stream of its own."""

STABLE_SECONDS = 1.0
"""After the canary, where nothing tells what the nodes enforce: they are told of policies in order, and follow."""


class Enforcement:
    """What is known of a cluster's enforcing; asks at most once whether it does."""

    def __init__(self, run: str, sources: Sources, *, theirs: bool) -> None:
        """`theirs`: whether the student made the cluster, and so answers for its Pod network."""
        self._api, self._run, self._sources, self._theirs = sources.api, run, sources, theirs
        self._canary: Future[Network] | None = None

    def require(self) -> None:
        """Policies have an effect here; else Unmet on a cluster of the student's own, and HarnessError elsewhere."""
        network = self.network()
        if network == "enforces":
            return
        saw = SAID[network]
        if self._theirs:
            raise Unmet(saw, wanted=WANTED, try_="kubectl get daemonsets -n kube-system")
        raise HarnessError(f"{saw.en}: no policy can be judged on it")

    def network(self) -> Network:
        """Whether policies have an effect: the canary's closed port is silent, while its open one answers.

        HarnessError where that cannot be found out.
        """
        try:
            return self._sent().result()
        except Exception:
            self._canary = None  # a lost stream says nothing of the network: the next to ask sends another one
            raise

    def in_force(self) -> bool:
        """Returns once every policy that was written before this call is enforced on every node.

        Whether that is known for sure, endpoint by endpoint, or only likely.

        A policy of ours is written now; agents take policies in the order in which they were written. On Cilium, it
        is then known by the revision that each endpoint has realised; elsewhere the canary's silence must do, and a
        moment of stability. HarnessError where a network that enforces policies does not get there in time.
        """
        self._sent()  # its word is wanted only where something gets through that should not, and then at once
        agents = cilium.agents(self._api)
        try:
            if agents:
                self._await_agents(agents)
                return True
        except cilium.UnknownForm as error:
            log.warning("%s; a canary must do", error)
        if self.network() == "enforces":
            pause(STABLE_SECONDS)
        return False

    def _await_agents(self, agents: cilium.Agents) -> None:
        uids, problem = [self._write(kind) for kind in BARRIERS], ""

        def have() -> bool:
            nonlocal problem
            try:
                return agents.have(uids)
            except cilium.UnknownForm:
                raise
            except HarnessError as error:  # a busy agent is asked again
                problem = f": {error}"
                return False

        if not until(have, seconds=ENFORCED_SECONDS, every=0.1):
            raise HarnessError(f"Cilium has not put the newest policies in force in {ENFORCED_SECONDS:.0f} s{problem}")

    def _sent(self) -> Future[Network]:
        """The canary, on its way."""
        canary = self._canary
        if canary is None:
            canary = self._canary = Future[Network]()
            threading.Thread(target=self._send, args=(canary,), daemon=True).start()
        return canary

    def _send(self, canary: Future[Network]) -> None:
        try:
            found = self._sing()
            log.info("the Pod network %s policies", found)
            canary.set_result(found)
        except Exception as error:  # whatever it is, it is raised to whoever asks
            canary.set_exception(error)

    def _sing(self) -> Network:
        client, canary = self._sources.own(), self._sources.own(bearing=CANARY)
        self._policy("canary", {"podSelector": {"matchLabels": CANARY}, "ingress": [{"ports": [{"port": PORT}]}]})
        found: list[Network] = []

        def quiet() -> bool:
            open_, closed = client.ask([tcp(canary.ip, PORT), tcp(canary.ip, OTHER_PORT)])
            found.append("broken" if not open_.connected else "ignores" if closed.connected else "enforces")
            return found[-1] == "enforces"

        until(quiet, seconds=ENFORCED_SECONDS / 4, every=0.2)
        return found[-1]

    def _write(self, kind: str) -> str:
        """A policy that selects nobody; its UID."""
        selector = {"matchLabels": {"labgrade/barrier": "nobody"}}
        spec: Json = {"podSelector": selector} if kind == "NetworkPolicy" else {"endpointSelector": selector}
        name = f"barrier-{secrets.token_hex(4)}"
        return self._policy(name, {**spec, "ingress": [{}]}, kind=kind)

    def _policy(self, name: str, spec: Json, *, kind: str = "NetworkPolicy") -> str:
        resource = RESOURCES[kind]
        space = self._sources.namespace
        space.create()
        metadata = {"name": name, "labels": labels(self._run)}
        body: Json = {"apiVersion": resource.group_version, "kind": kind, "metadata": metadata, "spec": spec}
        return str(self._api.create(resource.path(space.name), body)["metadata"]["uid"])
