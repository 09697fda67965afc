"""`labgrade start`."""

from __future__ import annotations

import argparse

from labgrade import course
from labgrade.cluster import target, workspace
from labgrade.cluster.workspace import Workspace
from labgrade.commands.options import cluster_options, confirm, course_options, language
from labgrade.course import answers
from labgrade.errors import UsageError
from labgrade.model import Lab
from labgrade.text import Language, Text

SHOWN = 5
"""So many of the objects that are in the way are named."""

READY = Text(
    en="The starting state is in place, in namespace {}. Check with: labgrade check {}",
    fr="L'état de départ est en place, dans le namespace {}. Pour vérifier : labgrade check {}",
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Arguments of `labgrade start`."""
    parser.add_argument("lab", metavar="LAB")
    parser.add_argument("--reset", action="store_true", help="delete the work that is there first")
    cluster_options(parser)
    course_options(parser)


def run(args: argparse.Namespace) -> int:
    """Puts the starting state in place and shows the handout; refuses over existing work unless --reset."""
    lab = course.find(args.course).lab(args.lab)
    access = target.resolve(args.kubeconfig, args.context)
    namespace = args.namespace or lab.namespace
    with workspace.opened(access, namespace) as place:
        target.require_kind(place, access)
        _make_room(place, args)
        place.create()
        answers.apply(answers.starter(lab), namespace, place.environment)
    if not args.quiet:
        print(handout(lab, language(args)))
    print(READY[language(args)].format(namespace, lab.id))
    return 0


def handout(lab: Lab, lang: Language) -> str:
    """The lab's handout; UsageError where it has none in that language."""
    path = lab.folder / ("README.fr.md" if lang == "fr" else "README.md")
    try:
        return path.read_text(encoding="utf-8")
    except OSError as error:
        raise UsageError(f"{path} cannot be read: {error.strerror}") from error


def _make_room(place: Workspace, args: argparse.Namespace) -> None:
    work = place.work()
    if not work:
        return
    more = "" if len(work) <= SHOWN else f" and {len(work) - SHOWN} more"
    found = f"the namespace {place.namespace} holds work already ({', '.join(work[:SHOWN])}{more})."
    if not args.reset:
        raise UsageError(f"{found} `--reset` deletes it and starts anew.")
    question = Text(
        en=f"Delete everything in namespace {place.namespace}?",
        fr=f"Supprimer tout le contenu du namespace {place.namespace} ?",
    )
    confirm(question, args, otherwise=f"{found} It was left as it is.")
    place.remove()
