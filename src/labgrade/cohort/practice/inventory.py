"""All that lies in a cluster beside the work of its guests, and what of it was added, changed or taken away."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from labgrade.cluster.api import Api, ApiError, Unreachable
from labgrade.cluster.journal import PREFIX
from labgrade.cluster.ours import RECORDS_NAMESPACE
from labgrade.cluster.scoped import meant, provisioned
from labgrade.facts.reading import Resource
from labgrade.model import Json
from labgrade.patience import pause, retrying_transport, until
from labgrade.runid import ours
from labgrade.text import harmless

SETTLE_SECONDS = 30.0
"""What a cluster that was just made gets to write down all that it writes by itself."""

QUIET_SECONDS = 1.5
"""It has when nothing was added for so long."""

LIST_SECONDS = 10.0

PASSING_BY = frozenset(
    {
        ("", "componentstatuses"),
        ("", "events"),
        ("cilium.io", "ciliumendpoints"),
        ("cilium.io", "ciliumendpointslices"),
        ("cilium.io", "ciliumidentities"),
        ("cilium.io", "ciliumnodes"),
        ("coordination.k8s.io", "leasecandidates"),
        ("coordination.k8s.io", "leases"),
        ("events.k8s.io", "events"),
    }
)
"""Group and plural of what a cluster writes all the time; all of `metrics.k8s.io` likewise."""

KEPT_BY_CONTROLLERS = frozenset({("", "endpoints"), ("discovery.k8s.io", "endpointslices")})
"""Of these it is only told whether they are there: what is in them follows the Pods."""

WITHDRAWN = frozenset({"Namespace", "IPAddress", "VolumeAttachment", "Pod"})
"""Kinds of which whoever made one takes it away again a little later, with what it was made for."""

MENDED = frozenset({"Node", "CSINode", "ClusterRole", "APIService", "Endpoints", "EndpointSlice"})
"""Kinds that controllers put right a little later, as the taints of a node that takes Pods again."""

CONTROLLERS = frozenset({"DaemonSet", "ReplicaSet", "StatefulSet"})
TOKEN_VOLUME = re.compile(r"kube-api-access-[a-z0-9]{5}\b")
POD_PARTS = (
    "containers",
    "initContainers",
    "ephemeralContainers",
    "volumes",
    "hostNetwork",
    "hostPID",
    "hostIPC",
    "serviceAccountName",
    "securityContext",
)
"""Of a Pod that its controller made, what must be as in its siblings."""


@dataclass(frozen=True, slots=True, order=True)
class Thing:
    """One object, as people and the API name it."""

    kind: str
    name: str
    namespace: str = ""
    group: str = ""

    def __str__(self) -> str:
        place = f" in {self.namespace}" if self.namespace else ""
        return harmless(f"{self.kind.lower()}/{self.name}{place}")


@dataclass(frozen=True, slots=True)
class Seen:
    """What is remembered of an object: no Secret's values."""

    uid: str
    digest: str
    """Of what somebody meant it to be."""
    path: str
    controller: str = ""
    """UID of the controller that will make another one like it; empty where there is none."""
    going: bool = False
    """Being deleted."""
    passing: bool = False
    """Whoever made it is about to take it away."""


@dataclass(frozen=True, slots=True)
class Difference:
    """Something that is not as it was."""

    thing: Thing
    what: Literal["is new", "was changed", "was made anew", "is gone", "does not go away"]
    seen: Seen
    """As it is now, or of what is gone: as it was."""

    @property
    def lasting(self) -> bool:
        """Whether waiting is of no use: nothing of the cluster's own will put it right."""
        return not self.seen.passing if self.what == "is new" else self.thing.kind not in MENDED

    def __str__(self) -> str:
        return f"{self.thing} {self.what}"


Inventory = Mapping[Thing, Seen]


def taken(api: Api, *, within: Collection[str] | None = None) -> Inventory:
    """What the cluster holds, of namespaces only `within`, or where it is None all; HarnessError where it cannot tell.

    Left out is what changes by itself.
    """
    return {
        thing: seen
        for resource, kind in _resources(api)
        for thing, seen in _listed(api, resource, kind)
        if within is None or not thing.namespace or thing.namespace in within
    }


def settled(api: Api) -> Inventory:
    """What a cluster that nobody uses holds, less what is being deleted, once that stays the same for a moment."""
    last = taken(api)
    pause(QUIET_SECONDS)

    def same() -> bool:
        nonlocal last
        before, last = last, taken(api)
        return not differences(before, last)

    until(same, seconds=SETTLE_SECONDS, every=QUIET_SECONDS)
    going = {thing.name for thing, seen in last.items() if thing.kind == "Namespace" and seen.going}
    return {thing: seen for thing, seen in last.items() if not seen.going and thing.namespace not in going}


def namespaces(inventory: Inventory) -> frozenset[str]:
    """The namespaces that it tells of."""
    return frozenset(thing.name for thing in inventory if thing.kind == "Namespace" and not thing.group)


def differences(before: Inventory, now: Inventory) -> list[Difference]:
    """What is not as it was, sorted; nothing where controllers have put others of the same in their Pods' places."""
    known = {(seen.controller, seen.digest) for seen in before.values() if seen.controller}
    found = [
        Difference(thing, "is new", seen)
        for thing, seen in now.items()
        if thing not in before and (seen.controller, seen.digest) not in known
    ]
    for thing, seen in before.items():
        there = now.get(thing)
        if there is None:
            if not seen.controller:
                found.append(Difference(thing, "is gone", seen))
        elif there.controller and there.controller == seen.controller:
            if (there.controller, there.digest) not in known:
                found.append(Difference(thing, "was changed", there))
        elif there.uid != seen.uid:
            found.append(Difference(thing, "was made anew", there))
        elif (there.digest, there.going) != (seen.digest, seen.going):
            found.append(Difference(thing, "was changed", there))
    return sorted(found, key=lambda each: each.thing)


def _resources(api: Api) -> Iterator[tuple[Resource, str]]:
    """Everything that can be listed, each once, with its kind: in the version that its group prefers, if there."""
    seen = set(PASSING_BY)
    for version in _versions(api):
        path = "/api/v1" if version == "v1" else f"/apis/{version}"
        group = version.rpartition("/")[0]
        for each in _discovered(api, path).get("resources") or []:
            name = each["name"]
            if "/" in name or "list" not in each["verbs"] or (group, name) in seen or group == "metrics.k8s.io":
                continue
            seen.add((group, name))
            yield Resource(version, name, namespaced=each["namespaced"]), each["kind"]


def _versions(api: Api) -> Iterator[str]:
    yield "v1"
    for group in _discovered(api, "/apis").get("groups") or []:
        preferred = group["preferredVersion"]["groupVersion"]
        yield preferred
        yield from (each["groupVersion"] for each in group["versions"] if each["groupVersion"] != preferred)


def _discovered(api: Api, path: str) -> Json:
    """A list of the API's own kinds, which is no object as others are; empty where a group is just going."""
    try:
        words = retrying_transport(lambda: api.text(path, seconds=LIST_SECONDS))
    except ApiError as error:
        if error.status == 404:
            return {}
        raise
    try:
        found = json.loads(words)
    except ValueError:
        found = None
    if not isinstance(found, dict):
        raise Unreachable(f"the answer to GET {path} is not a list of the API's kinds")
    return found


def _listed(api: Api, resource: Resource, kind: str) -> Iterator[tuple[Thing, Seen]]:
    group = resource.group_version.rpartition("/")[0]
    for each in (api.find(resource.path()) or {}).get("items") or []:
        metadata = each["metadata"]
        thing = Thing(kind, metadata["name"], metadata.get("namespace", ""), group)
        controller = _controller(metadata) if thing.kind == "Pod" else ""
        content = "" if (group, resource.plural) in KEPT_BY_CONTROLLERS else _content(each, controlled=bool(controller))
        yield (
            thing,
            Seen(
                uid=metadata.get("uid", ""),
                digest=hashlib.sha256(content.encode()).hexdigest(),
                path=resource.path(thing.namespace or None, thing.name),
                controller=controller,
                going="deletionTimestamp" in metadata,
                passing=thing.kind in WITHDRAWN or _passes(thing, each),
            ),
        )


def _passes(thing: Thing, found: Json) -> bool:
    """Whether it is a provisioner's volume, ours, or our journal, or on its way out for whatever reason."""
    if thing.kind == "PersistentVolume" and provisioned(found):
        return True
    journal = (thing.kind, thing.namespace) == ("ConfigMap", RECORDS_NAMESPACE) and thing.name.startswith(PREFIX)
    return journal or ours(found["metadata"]) or "deletionTimestamp" in found["metadata"]


def _controller(metadata: Json) -> str:
    """UID of the controller that made it and would make it again; empty where there is none."""
    owners = metadata.get("ownerReferences") or []
    return next((each["uid"] for each in owners if each.get("controller") and each["kind"] in CONTROLLERS), "")


def _content(found: Json, *, controlled: bool) -> str:
    """What somebody meant it to be, as text; of a Pod of a controller what it has in common with its siblings."""
    kept: dict[str, Any] = meant(found)
    if controlled:
        kept = {part: found["spec"].get(part) for part in POD_PARTS}
    else:
        kept["metadata"].pop("deletionTimestamp", None)
        kept["metadata"].pop("deletionGracePeriodSeconds", None)
    return TOKEN_VOLUME.sub("kube-api-access", json.dumps(kept, sort_keys=True))
