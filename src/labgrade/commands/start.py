"""`labgrade start`."""

from __future__ import annotations

import argparse
import shlex
from pathlib import Path

from labgrade import course, engine
from labgrade.cluster import target, workspace
from labgrade.cluster.workspace import Workspace
from labgrade.commands.options import cluster_options, confirm, course_options, language
from labgrade.commands.up import make
from labgrade.course import answers
from labgrade.course.manifests import Named, api_groups, cluster_scoped
from labgrade.errors import HarnessError, UsageError
from labgrade.model import Lab
from labgrade.providers import PROVIDERS, cilium
from labgrade.text import Language, Text

SHOWN = 5
"""So many of the objects that are in the way are named."""

READY = Text(
    en="The starting state is in place, in namespace {}. Check with: labgrade check {}",
    fr="L'état de départ est en place, dans le namespace {}. Pour vérifier : labgrade check {}",
)

READY_CLUSTER = Text(
    en="The starting state is in place, on the kind cluster {}. Check with: labgrade check {}",
    fr="L'état de départ est en place, sur le cluster kind {}. Pour vérifier : labgrade check {}",
)

NO_CILIUM = Text(
    en="This lab needs Cilium, and this cluster has none. One that has it is made by: labgrade up --cni cilium",
    fr="Ce TP a besoin de Cilium, et ce cluster ne l'a pas. Pour en créer un qui l'a : labgrade up --cni cilium",
)

CILIUM_GROUP, CILIUM_KIND = "cilium.io", "customresourcedefinition/ciliumnetworkpolicies.cilium.io"
"""A lab whose reference answer holds objects of that API group can be done only where Cilium has brought it."""

FOR_HELM = ("CILIUM_CHART", "CILIUM_VERSION", "CILIUM_VALUES")
"""Where a student installs Cilium, the shell is told of them as the steps of an answer are."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Arguments of `labgrade start`."""
    parser.add_argument("lab", metavar="LAB")
    parser.add_argument("--reset", action="store_true", help="delete the work that is there first")
    cluster_options(parser)
    course_options(parser)


def run(args: argparse.Namespace) -> int:
    """Puts the starting state in place and shows the handout; refuses over existing work unless --reset."""
    lab = course.find(args.course).lab(args.lab)
    begun, namespace = answers.starter(lab), args.namespace or lab.namespace
    steps = _for_steps(lab, begun)
    if lab.cluster:
        _make_cluster(lab, lab.cluster, begun.cluster, args)
    access = target.resolve(args.kubeconfig, args.context, lab.cluster)
    with workspace.opened(access, namespace) as place:
        target.require_kind(place, access)
        _make_room(place, _to_be_made(lab, begun), args)
        if lab.cluster:
            answers.set_up(begun, place.environment | steps)
        place.create()
        answers.apply(begun, namespace, place.environment | steps)
        advice = _advice(lab, place)
    if not args.quiet:
        print(handout(lab, language(args)))
    ready = READY_CLUSTER if lab.cluster else READY
    print(ready[language(args)].format(lab.cluster or namespace, lab.id))
    if advice:
        print(advice[language(args)])
    for name in FOR_HELM:
        if name in steps:
            print(f"export {name}={shlex.quote(steps[name])}")
    return 0


def handout(lab: Lab, lang: Language) -> str:
    """The lab's handout; UsageError where it has none in that language."""
    path = lab.folder / ("README.fr.md" if lang == "fr" else "README.md")
    try:
        return path.read_text(encoding="utf-8")
    except OSError as error:
        raise UsageError(f"{path} cannot be read: {error.strerror}") from error


def _make_cluster(lab: Lab, name: str, config: Path | None, args: argparse.Namespace) -> None:
    if args.kubeconfig or args.context:
        raise UsageError(f"{lab.id} begins with a cluster of its own, {name}: leave --kubeconfig and --context out")
    kind = PROVIDERS["kind"]
    if kind.exists(name):
        found = f"there is a cluster {name} already."
        if not args.reset:
            raise UsageError(f"{found} `--reset` deletes it, with all that is in it, and starts anew.")
        question = Text(en=f"Delete the cluster {name}?", fr=f"Supprimer le cluster {name} ?")
        confirm(question, args, otherwise=f"{found} It was left as it is.")
        kind.stop(name)
    make(name, lab.images, config, quiet=args.quiet, cni_images=lab.cni == "cilium")


def _for_steps(lab: Lab, begun: answers.Answer) -> dict[str, str]:
    """What is needed beside kubectl where Cilium is installed on a cluster of the lab's own: by steps, or by hand.

    HarnessError where steps need helm and there is none; by hand it can be done with other tools.
    """
    if not (lab.cluster and lab.cni == "cilium"):
        return {}
    try:
        return cilium.environment(engine.find())
    except HarnessError:
        if begun.setup or any(path.name == answers.STEPS for path in begun.files):
            raise
        return {}


def _advice(lab: Lab, place: Workspace) -> Text | None:
    """What is to be said of a cluster on which the lab cannot be done."""
    if lab.cluster or CILIUM_GROUP not in api_groups(answers.solution(lab)) or place.there([CILIUM_KIND]):
        return None
    return NO_CILIUM


def _to_be_made(lab: Lab, begun: answers.Answer) -> list[Named]:
    """Cluster-scoped objects that are the student's to make: those of the reference answer that nobody begins with."""
    return sorted(cluster_scoped(answers.solution(lab)) - cluster_scoped(begun))


def _make_room(place: Workspace, to_be_made: list[Named], args: argparse.Namespace) -> None:
    inside, outside = place.work(), place.there(map(str, to_be_made))
    if not inside and not outside:
        return
    found = "; ".join(
        [
            *([f"the namespace {place.namespace} holds work already ({_listed(inside)})"] if inside else []),
            *([f"the cluster holds work of this lab already ({_listed(outside)})"] if outside else []),
        ]
    )
    if not args.reset:
        raise UsageError(f"{found}. `--reset` deletes it and starts anew.")
    too = Text(en=f", and {', '.join(outside)}", fr=f", et {', '.join(outside)}") if outside else Text("", "")
    question = Text(
        en=f"Delete everything in namespace {place.namespace}{too.en}?",
        fr=f"Supprimer tout le contenu du namespace {place.namespace}{too.fr} ?",
    )
    confirm(question, args, otherwise=f"{found}. It was left as it is.")
    place.remove(*outside)


def _listed(names: list[str]) -> str:
    more = "" if len(names) <= SHOWN else f" and {len(names) - SHOWN} more"
    return ", ".join(names[:SHOWN]) + more
