"""The cluster that is meant: which one, and whether its containers run."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

from labgrade import kubeconfig
from labgrade.cluster.target import PRACTICE, NoCluster, practice_kubeconfig
from labgrade.diagnosis.finding import NOTHING, Finding, fine
from labgrade.diagnosis.patient import Patient
from labgrade.errors import UsageError
from labgrade.text import Text

LABEL = "io.x-k8s.kind.cluster"


def target(patient: Patient) -> list[Finding]:
    """Which cluster a command here would use, and whether kubectl looks at the same one."""
    try:
        access = patient.access
    except NoCluster:
        words = Text(en="There is no practice cluster yet", fr="Il n'y a pas encore de cluster d'entraînement")
        return [Finding("absent", words, do=("labgrade up",))]
    except UsageError as error:
        said = str(error)
        words = Text(en=f"The kubeconfig is not used: {said}", fr=f"Le kubeconfig n'est pas utilisé : {said}")
        return [Finding("trouble", words, do=("labgrade up",) if patient.kubeconfig is None else ())]
    words = Text(en=f"The cluster meant is {access.context}", fr=f"Le cluster visé est {access.context}")
    return [fine(words, access.server), *_kubectls(patient)]


def _kubectls(patient: Patient) -> Iterator[Finding]:
    """What the person's kubectl looks at, if it is something else."""
    if patient.kubeconfig or patient.context:
        return
    meant = patient.access
    for path in _users_files(patient):
        try:
            current = kubeconfig.contexts(path).current
        except UsageError:
            continue
        if current is None:
            continue
        if current != meant.context:
            yield Finding(
                "warning",
                Text(
                    en=f"kubectl looks at {current}, but labgrade grades {meant.context}",
                    fr=f"kubectl regarde {current}, mais labgrade évalue {meant.context}",
                ),
                Text(
                    en="what you apply with kubectl goes to another cluster than the one that is graded",
                    fr="ce que vous appliquez avec kubectl va dans un autre cluster que celui qui est évalué",
                ),
                (f"kubectl config use-context {meant.context}",),
                (str(path),),
            )
        return


def _users_files(patient: Patient) -> list[Path]:
    named = [each for each in patient.environment.get("KUBECONFIG", "").split(os.pathsep) if each]
    files = [Path(each) for each in named] or [Path.home() / ".kube" / "config"]
    return [each for each in files if each.is_file()]


def containers(patient: Patient) -> list[Finding]:
    """Whether the containers that are the cluster's nodes run."""
    name = patient.cluster_name
    form = f'{{{{.Names}}}}\t{{{{.State}}}}\t{{{{.Label "{LABEL}"}}}}'
    reply = patient.ask("docker", "ps", "--all", "--filter", f"label={LABEL}", "--format", form)
    rows = [line.split("\t") for line in reply.out.splitlines()]
    states = {row[0]: row[1] for row in rows if len(row) == 3 and row[2] == name}
    others = sorted({row[2] for row in rows if len(row) == 3} - {name})
    if not name or not reply.good:
        return []
    if not states:
        return [_gone(patient, name, others)]
    down = {node: state for node, state in states.items() if state != "running"}
    if not down:
        said = Text(en=f"Its {len(states)} nodes run", fr=f"Ses {len(states)} nœuds tournent")
        return [fine(said, *(f"{node}: {state}" for node, state in states.items()))]
    return [_down(name, down)]


def _gone(patient: Patient, name: str, others: list[str]) -> Finding:
    known = Text(en=f" (there are: {', '.join(others)})", fr=f" (il y a : {', '.join(others)})") if others else NOTHING
    return Finding(
        "trouble",
        Text(
            en=f"A kubeconfig names the kind cluster {name}, but the engine has no such cluster{known.en}",
            fr=f"Un kubeconfig désigne le cluster kind {name}, mais le moteur n'a pas ce cluster{known.fr}",
        ),
        Text(en="it was removed, or made on another engine", fr="il a été supprimé, ou créé sur un autre moteur"),
        (up(name),) if practice_kubeconfig(name).is_file() or patient.kubeconfig is None else (),
    )


def _down(name: str, down: dict[str, str]) -> Finding:
    nodes, said = " ".join(down), ", ".join(f"{node}: {state}" for node, state in down.items())
    paused = set(down.values()) == {"paused"}
    started = up(name) if practice_kubeconfig(name).is_file() else f"docker start {nodes}"
    return Finding(
        "trouble",
        Text(en=f"Not all of its nodes run ({said})", fr=f"Ses nœuds ne tournent pas tous ({said})"),
        Text(
            en="as after a restart of the machine; the work in it is not lost",
            fr="comme après un redémarrage de la machine ; le travail qu'il contient n'est pas perdu",
        ),
        (f"docker unpause {nodes}" if paused else started,),
    )


def up(name: str) -> str:
    """The command that makes or starts a practice cluster."""
    return "labgrade up" if name == PRACTICE else f"labgrade up --name {name}"
