"""Probes of the kubelet: what the last one met, and whom it had killed."""

from __future__ import annotations

import re

from labgrade.facts import Pod
from labgrade.model import Json
from labgrade.text import Text
from labgrade.why.said import brief, events

STATUS = re.compile(r"statuscode: (?P<code>\d+)")
NO_SUCH_PORT = re.compile(r'strconv\.Atoi: parsing "(?P<port>[^"]*)"|invalid port .*"(?P<other>[^"]*)"')
TIMEOUT = re.compile(r"deadline exceeded|timed out|i/o timeout|Client\.Timeout", re.IGNORECASE)


def why_unready(pod: Pod) -> Text:
    """Why a Pod whose containers run is not ready."""
    container = next((name for name, each in pod.containers.items() if _unready(pod, name) and _probe(each)), "")
    if not container:
        return Text(en=f"{pod} runs but is not ready", fr=f"{pod} tourne mais n'est pas prêt")
    met = _met(pod, container, "readinessProbe", "Readiness") or _met(pod, container, "startupProbe", "Startup")
    more = Text(en=f": {met.en}", fr=f" : {met.fr}") if met else Text("", "")
    return Text(
        en=f"{pod} runs but does not pass its readiness probe{more.en}",
        fr=f"{pod} tourne mais ne passe pas sa sonde readiness{more.fr}",
    )


def why_killed(pod: Pod, container: str) -> Text | None:
    """Which probe has the kubelet kill a container again and again; None where none does."""
    for key, kind in (("livenessProbe", "Liveness"), ("startupProbe", "Startup")):
        killed = [
            event for event in events(pod, "Killing") if f"{container} failed {kind.lower()} probe" in event.message
        ]
        if killed and key in pod.spec_of(container):
            met = _met(pod, container, key, kind) or Text(en="it fails", fr="elle échoue")
            return Text(
                en=f"{pod}: the kubelet restarts container {container} because of its {kind.lower()} probe: {met.en}",
                fr=f"{pod} : le kubelet relance le conteneur {container} à cause de sa sonde {kind.lower()} : {met.fr}",
            )
    return None


def _unready(pod: Pod, container: str) -> bool:
    return any(status["name"] == container and not status.get("ready") for status in pod.container_statuses)


def _probe(container: Json) -> bool:
    return "readinessProbe" in container or "startupProbe" in container


def _met(pod: Pod, container: str, key: str, kind: str) -> Text | None:
    """What the last failure of a probe was, in words; None where no event tells."""
    said = [event for event in events(pod, "Unhealthy") if event.message.startswith(f"{kind} probe")]
    mine = [event for event in said if container in event.involved.get("fieldPath", container)]
    if not mine:
        return None
    words, probe = mine[-1].message.partition(": ")[2], pod.spec_of(container).get(key) or {}
    if found := NO_SUCH_PORT.search(words):
        ports = pod.spec_of(container).get("ports") or []
        names = ", ".join(entry["name"] for entry in ports if "name" in entry)
        port = found["port"] or found["other"]
        return Text(
            en=f"container {container} has no port called {port}; names of its ports: {names or 'none'}",
            fr=f"le conteneur {container} n'a pas de port nommé {port} ; noms de ses ports : {names or 'aucun'}",
        )
    return _answer(_aim(probe), words, probe)


def _answer(aim: Text, words: str, probe: Json) -> Text:
    """What a probe that was aimed there met. `words`: the kubelet's."""
    if found := STATUS.search(words):
        return Text(en=f"{aim.en} answers HTTP {found['code']}", fr=f"{aim.fr} répond HTTP {found['code']}")
    if "connection refused" in words:
        return Text(
            en=f"nobody listens on {aim.en} (connection refused)",
            fr=f"personne n'écoute sur {aim.fr} (connection refused)",
        )
    if TIMEOUT.search(words):
        seconds = probe.get("timeoutSeconds", 1)
        return Text(en=f"{aim.en} does not answer within {seconds} s", fr=f"{aim.fr} ne répond pas en {seconds} s")
    return Text(en=f"{aim.en}: {brief(words)}", fr=f"{aim.fr} : {brief(words)}")


def _aim(probe: Json) -> Text:
    """What a probe asks, such as `/healthz on port 80`."""
    asked = probe.get("httpGet") or probe.get("tcpSocket") or probe.get("grpc")
    if not asked:
        command = brief(" ".join((probe.get("exec") or {}).get("command") or ["?"]))
        return Text(command, command)
    port, path = asked.get("port", "?"), asked.get("path", "/")
    if path == "/":
        return Text(en=f"port {port}", fr=f"le port {port}")
    return Text(en=f"{path} on port {port}", fr=f"{path} sur le port {port}")
