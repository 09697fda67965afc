"""Claims that get no volume, and volumes that cannot be mounted."""

from __future__ import annotations

import re
from contextlib import suppress

from labgrade.errors import HarnessError
from labgrade.facts import Cluster, PersistentVolumeClaim, Pod
from labgrade.facts.binding import unbound
from labgrade.model import Json
from labgrade.text import Text
from labgrade.why.said import brief, events, if_readable, told

MISSING = re.compile(r'(?P<kind>configmap|secret) "(?P<name>[^"]*)" not found')
NO_KEY = re.compile(r"couldn't find key (?P<key>\S+) in (?P<kind>ConfigMap|Secret) [^/]*/(?P<name>\S+)")
NO_ITEM = re.compile(r"references non-existent (config|secret) key: (?P<key>\S+)")
VOLUME = re.compile(r'for volume "(?P<name>[^"]*)"')


def why_unbound(claim: PersistentVolumeClaim) -> Text | None:
    """Why a claim has no volume; None where it has one, rightly has none yet, or what is against it cannot be read."""
    with suppress(HarnessError):
        found = unbound(Cluster(claim.reading, claim.namespace or ""), claim)
        return found.why if found and not found.rightly else None
    return None


def why_not_mounted(pod: Pod) -> Text | None:
    """Why a volume of a Pod cannot be mounted; None where no event tells."""
    message = mounting(pod)
    if not message:
        return None
    found = VOLUME.search(message)
    volume = found["name"] if found else "?"
    if cause := why_not_configured(pod, message):
        return Text(en=f"{cause.en} (volume {volume})", fr=f"{cause.fr} (volume {volume})")
    words = brief(message.partition(" : ")[2] or message)
    return Text(
        en=f"{pod} cannot start: its volume {volume} cannot be mounted: {words}",
        fr=f"{pod} ne peut pas démarrer : son volume {volume} ne peut pas être monté : {words}",
    )


def mounting(pod: Pod) -> str:
    """What the kubelet last complained of while it mounted a Pod's volumes; empty where it did not."""
    failed = events(pod, "FailedMount", "FailedAttachVolume", "FailedMapVolume")
    return told(failed[-1]) if failed else ""


def must_stay_missing(cluster: Cluster, message: str) -> bool:
    """Whether the kubelet's words are of a ConfigMap, or a key in one, that still is not there.

    One that came after its Pod is found within seconds. Secrets are not looked at.
    """
    found = MISSING.search(message) or NO_KEY.search(message)
    if not found or found["kind"].lower() != "configmap":
        return False
    maps = if_readable(lambda: list(cluster.reading.items("ConfigMap", cluster.namespace)))
    there = next((each for each in maps if each["metadata"]["name"] == found["name"]), None)
    key = found.groupdict().get("key")
    return there is None or (key is not None and key not in (there.get("data") or {}))


def why_not_configured(pod: Pod, message: str) -> Text | None:
    """Which ConfigMap, Secret or key is missing, if that is what the kubelet's words are about."""
    if found := MISSING.search(message):
        what, there = f"{found['kind']}/{found['name']}", _configmaps(pod) if found["kind"] == "configmap" else ""
        en, fr = (f"; there are: {there}", f" ; il y a : {there}") if there else ("", "")
        return Text(
            en=f"{pod} cannot start: it uses {what}, which does not exist{en}",
            fr=f"{pod} ne peut pas démarrer : il utilise {what}, qui n'existe pas{fr}",
        )
    if found := NO_KEY.search(message):
        what = f"{found['kind'].lower()}/{found['name']}"
        keys = _keys(pod, found["name"]) if found["kind"] == "ConfigMap" else ""
        en, fr = (f"; its keys: {keys}", f" ; ses clés : {keys}") if keys else ("", "")
        return Text(
            en=f"{pod} cannot start: {what} has no key {found['key']}{en}",
            fr=f"{pod} ne peut pas démarrer : {what} n'a pas de clé {found['key']}{fr}",
        )
    if found := NO_ITEM.search(message):
        key = found["key"]
        return Text(
            en=f"{pod} cannot start: a volume asks for the key {key}, which is not there",
            fr=f"{pod} ne peut pas démarrer : un volume demande la clé {key}, qui n'y est pas",
        )
    return None


def _maps(pod: Pod) -> list[Json]:
    return if_readable(lambda: list(pod.reading.items("ConfigMap", pod.namespace)))


def _configmaps(pod: Pod) -> str:
    names = [found["metadata"]["name"] for found in _maps(pod)]
    return ", ".join(name for name in names if name != "kube-root-ca.crt")


def _keys(pod: Pod, name: str) -> str:
    return ", ".join(
        key for found in _maps(pod) if found["metadata"]["name"] == name for key in found.get("data") or {}
    )
