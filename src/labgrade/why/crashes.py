"""Containers that do not keep running, or never start: what their exit codes and last words mean."""

from __future__ import annotations

import re

from labgrade.facts import Pod
from labgrade.model import Json
from labgrade.text import Text
from labgrade.why.probes import why_killed
from labgrade.why.said import brief, last_words

CODES: dict[int, Text] = {
    0: Text(en="its command has nothing more to do", fr="sa commande n'a plus rien à faire"),
    126: Text(en="its command may not be executed", fr="sa commande ne peut pas être exécutée"),
    127: Text(en="command not found", fr="commande introuvable"),
    134: Text(en="it aborted itself", fr="il s'est interrompu lui-même"),
    137: Text(en="it was killed", fr="il a été tué"),
    139: Text(en="segmentation fault", fr="erreur de segmentation"),
    143: Text(en="it was asked to end", fr="on lui a demandé de s'arrêter"),
}

NO_COMMAND = re.compile(r'exec: "(?P<command>[^"]*)": (executable file not found|stat .*no such file)')
NOT_ALLOWED = re.compile(r'exec: "(?P<command>[^"]*)": permission denied')
ONTO_A_FILE = re.compile(r'error mounting .* at "(?P<path>[^"]*)".*not a directory', re.DOTALL)
START = "unable to start container process: "


def why_ended(pod: Pod, container: str, ended: Json) -> Text:
    """Why a container does not keep running. `ended`: the `terminated` state of its last run."""
    name = kind_of(pod, container)
    if ended.get("reason") in {"StartError", "ContainerCannotRun"}:
        return why_not_started(pod, container, str(ended.get("message", "")))
    if ended.get("reason") == "OOMKilled":
        limits = (pod.spec_of(container).get("resources") or {}).get("limits") or {}
        limit = limits.get("memory", "?")
        return Text(
            en=f"{pod}: {name.en} does not keep running (OOMKilled: it wanted more memory than its limit, {limit})",
            fr=f"{pod} : {name.fr} ne reste pas en marche (OOMKilled : il a voulu plus de mémoire que sa limite, "
            f"{limit})",
        )
    if killed := why_killed(pod, container):
        return killed
    code = ended.get("exitCode", "?")
    meaning = CODES.get(code) if isinstance(code, int) else None
    means = Text(en=f": {meaning.en}", fr=f" : {meaning.fr}") if meaning else Text("", "")
    words = last_words(pod, container)
    return Text(
        en=f"{pod}: {name.en} does not keep running (exit code {code}{means.en}){words.en}",
        fr=f"{pod} : {name.fr} ne reste pas en marche (code {code}{means.fr}){words.fr}",
    )


def why_not_started(pod: Pod, container: str, message: str) -> Text:
    """Why the runtime cannot start a container. `message`: its words."""
    name, image = kind_of(pod, container), pod.spec_of(container).get("image", "")
    if found := NO_COMMAND.search(message):
        return Text(
            en=f"{pod}: {name.en} cannot start: the image {image} has no command {found['command']}",
            fr=f"{pod} : {name.fr} ne peut pas démarrer : l'image {image} n'a pas de commande {found['command']}",
        )
    if found := NOT_ALLOWED.search(message):
        return Text(
            en=f"{pod}: {name.en} cannot start: {found['command']} is not executable (permission denied)",
            fr=f"{pod} : {name.fr} ne peut pas démarrer : {found['command']} n'est pas exécutable (permission denied)",
        )
    if found := ONTO_A_FILE.search(message):
        return Text(
            en=f"{pod}: {name.en} cannot start: a volume, which is a directory, is mounted onto the file "
            f"{found['path']} (subPath mounts a single file)",
            fr=f"{pod} : {name.fr} ne peut pas démarrer : un volume, donc un dossier, est monté sur le fichier "
            f"{found['path']} (subPath monte un seul fichier)",
        )
    words = brief(message.rpartition(START)[2])
    return Text(en=f"{pod}: {name.en} cannot start: {words}", fr=f"{pod} : {name.fr} ne peut pas démarrer : {words}")


def cannot_start(message: str) -> bool:
    """Whether the runtime's words name what no further try will change."""
    return any(words.search(message) for words in (NO_COMMAND, NOT_ALLOWED, ONTO_A_FILE))


def kind_of(pod: Pod, container: str) -> Text:
    """A container as people call it: `init container prepare`."""
    if container in pod.containers:
        return Text(en=f"container {container}", fr=f"le conteneur {container}")
    return Text(en=f"init container {container}", fr=f"le conteneur d'initialisation {container}")
