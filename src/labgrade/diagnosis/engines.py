"""The container engine: whether one answers, and if not, why not."""

from __future__ import annotations

import re

from labgrade.diagnosis.asking import Reply
from labgrade.diagnosis.finding import Finding
from labgrade.diagnosis.machine import Machine
from labgrade.diagnosis.oddities import ENGINE_PAGE, answering, bare
from labgrade.diagnosis.patient import Asked, Patient
from labgrade.text import Text

NO_CLUSTER = Text(
    en="no cluster can be made, and none on this machine can be reached",
    fr="aucun cluster ne peut être créé, et aucun sur cette machine ne peut être joint",
)
DESKTOP_PAGE = "https://docs.docker.com/get-started/get-docker/"
OWN = Text(
    en="or, in a checkout of labgrade on Debian as root, have it make an engine of its own: make engine",
    fr="ou, dans un dépôt de labgrade sous Debian et en root, faites-lui créer son propre moteur : make engine",
)
DESKTOP = re.compile(r"\.docker/(run|desktop)/|docker-desktop|desktop-linux", re.IGNORECASE)
FAR = re.compile(r"no such host|could not resolve|no route to host|i/o timeout|deadline exceeded|ssh:", re.IGNORECASE)


def container_engine(patient: Patient) -> list[Finding]:
    """Which engine answers and what is odd about it; else why none does."""
    if patient.engine:
        return answering(patient.engine)
    ours = [each for each in patient.engines if each.engine.node_image]
    if ours:
        return [_stopped(ours[-1])]
    if not patient.engines:
        return [_never_made()]
    return [silent(patient.engines[0].reply, patient.machine, patient.environment.get("DOCKER_HOST", ""))]


def silent(reply: Reply, machine: Machine, host: str) -> Finding:
    """Why the user's own engine does not answer; `host` is DOCKER_HOST."""
    words, do = _why(reply, machine, bare(host))
    return Finding("trouble", words, NO_CLUSTER, do, (f"{reply.command}: {reply.last_words or 'nothing'}",))


def _why(reply: Reply, machine: Machine, host: str) -> tuple[Text, tuple[Text | str, ...]]:
    said = reply.last_words
    if reply.path is None or "WSL 2 distro" in said:
        return Text(en="Docker is not installed", fr="Docker n'est pas installé"), _install(machine)
    if "permission denied" in said.lower():
        return _forbidden(machine)
    if "is too new" in said or "is too old" in said:
        words = Text(
            en="docker and its engine are of versions too far apart", fr="docker et son moteur sont trop éloignés"
        )
        return words, (Text(en=f"update Docker: {ENGINE_PAGE}", fr=f"mettez Docker à jour : {ENGINE_PAGE}"),)
    if host:
        words = Text(
            en=f"DOCKER_HOST leads to {host}, and nothing answers there",
            fr=f"DOCKER_HOST mène à {host}, où rien ne répond",
        )
        return words, ("unset DOCKER_HOST", Text(en="and try again", fr="puis réessayez"))
    if reply.hung:
        words = Text(en="Docker does not answer: it hangs", fr="Docker ne répond pas : il est bloqué")
        return words, (_restart(machine),)
    if FAR.search(said):
        words = Text(
            en="Docker's context leads to another machine, which does not answer",
            fr="Le contexte de Docker mène à une autre machine, qui ne répond pas",
        )
        return words, ("docker context use default",)
    if DESKTOP.search(said) or machine.system in ("macos", "other"):
        return Text(en="Docker Desktop is not started", fr="Docker Desktop n'est pas lancé"), _start_desktop(machine)
    return Text(en="Docker is installed, but does not run", fr="Docker est installé, mais ne tourne pas"), _start(
        machine
    )


def _install(machine: Machine) -> tuple[Text | str, ...]:
    if machine.system == "wsl":
        return (
            Text(
                en="in Docker Desktop: Settings > Resources > WSL integration, switch this distribution on",
                fr="dans Docker Desktop : Settings > Resources > WSL integration, activez cette distribution",
            ),
            Text(en=f"without Docker Desktop: {DESKTOP_PAGE}", fr=f"sans Docker Desktop : {DESKTOP_PAGE}"),
        )
    if machine.system == "linux":
        return Text(en=f"install it: {ENGINE_PAGE}", fr=f"installez-le : {ENGINE_PAGE}"), OWN
    return (Text(en=f"install it: {DESKTOP_PAGE}", fr=f"installez-le : {DESKTOP_PAGE}"),)


def _start(machine: Machine) -> tuple[Text | str, ...]:
    if machine.system == "wsl":
        other = Text(en="or, without Docker Desktop:", fr="ou, sans Docker Desktop :")
        return *_start_desktop(machine), other, machine.restart("docker")
    return machine.restart("docker"), OWN


def _start_desktop(machine: Machine) -> tuple[Text | str, ...]:
    match machine.system:
        case "macos":
            return "open -a Docker", Text(en="and wait until it says it runs", fr="et attendez qu'il tourne")
        case "linux":
            return ("systemctl --user start docker-desktop",)
        case _:
            return (Text(en="start Docker Desktop in Windows", fr="lancez Docker Desktop sous Windows"),)


def _restart(machine: Machine) -> Text | str:
    if machine.system == "linux":
        return machine.restart("docker", "restart")
    return Text(en="quit Docker Desktop and start it again", fr="quittez Docker Desktop et relancez-le")


def _forbidden(machine: Machine) -> tuple[Text, tuple[Text | str, ...]]:
    words = Text(en="Docker runs, but you may not use it", fr="Docker tourne, mais vous n'y avez pas droit")
    if machine.system == "macos":
        return words, _start_desktop(machine)
    return words, (
        "sudo usermod -aG docker $USER && newgrp docker",
        Text(
            en=f"or, where root is not to be had: {ENGINE_PAGE.replace('install', 'security/rootless')}",
            fr=f"ou, sans droits de root : {ENGINE_PAGE.replace('install', 'security/rootless')}",
        ),
    )


def _stopped(ours: Asked) -> Finding:
    words = Text(
        en="labgrade's own container engine is set up here, but does not run",
        fr="le moteur de conteneurs propre à labgrade est en place ici, mais ne tourne pas",
    )
    if ours.reply.hung:
        words = Text(
            en="labgrade's own container engine does not answer: it hangs",
            fr="le moteur de conteneurs propre à labgrade ne répond pas : il est bloqué",
        )
    in_checkout = Text(en="in the checkout of labgrade:", fr="dans le dépôt de labgrade :")
    return Finding("trouble", words, NO_CLUSTER, (in_checkout, "make engine"), (ours.reply.last_words,))


def _never_made() -> Finding:
    words = Text(
        en="LABGRADE_ENGINE asks for labgrade's own container engine, and there is none",
        fr="LABGRADE_ENGINE demande le moteur de conteneurs propre à labgrade, et il n'y en a pas",
    )
    return Finding("trouble", words, NO_CLUSTER, ("unset LABGRADE_ENGINE", OWN))
