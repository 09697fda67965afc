"""`labgrade list`."""

from __future__ import annotations

import argparse
import shlex
import sys
from pathlib import Path

from labgrade import course, stored, wording
from labgrade.cli import FINE, USAGE
from labgrade.commands.options import language, output_options
from labgrade.model import FULL_GRADE, Lab
from labgrade.progress import Standing, next_up, standings
from labgrade.terminal import COLOURS, INDENT, MARKS, PARTLY_COLOUR, Look, headed, look, painted, shown, wrapped
from labgrade.text import Language, Text, harmless

CHECKS = Text(en="{} checks", fr="{} contrôles")
ONE_CHECK = Text(en="1 check", fr="1 contrôle")
MINUTES = Text(en="{} min", fr="{} min")
VERSION = Text(en="Kubernetes {}.{} or later", fr="Kubernetes {}.{} ou plus récent")
OWN_CLUSTER = Text(en="a cluster of its own, kind-{}", fr="un cluster à lui, kind-{}")
CILIUM = Text(en="Cilium: labgrade up --cni cilium", fr="Cilium\u00a0: labgrade up --cni cilium")
DISTURBS = Text(en="some checks disturb", fr="certains contrôles perturbent")
INCOMPLETE = Text(en="incomplete: points so far, no grade yet", fr="incomplet\u00a0: des points, pas encore de note")
TOTAL = Text(en="{} of {} labs done, {} of {} points", fr="{} TP terminés sur {}, {} points sur {}")
NO_LABS = Text(en="There are no labs in {}.", fr="Il n'y a aucun TP dans {}.")
BEGIN = Text(en="Nothing earned yet. Begin with:", fr="Rien de gagné pour l'instant. Pour commencer\u00a0:")
NEXT = Text(en="Go on with:", fr="Pour continuer\u00a0:")
ALL_DONE = Text(en="Everything earned. Well done!", fr="Tous les points sont là. Bravo\u00a0!")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Arguments of `labgrade list`."""
    parser.add_argument("--course", metavar="DIR", help="another course than the one that came with labgrade")
    parser.add_argument(
        "--out", type=Path, default=Path(stored.FOLDER), metavar="DIR", help="where results lie; default: %(default)s"
    )
    output_options(parser, quiet="only the labs' names, for scripts")


def run(args: argparse.Namespace) -> int:
    """Shows every lab; 2 where a lab.yaml is wrong, which is told in its place."""
    chosen = course.find(args.course)
    if args.quiet:
        print(*chosen.names(), sep="\n", flush=True)
        return FINE
    found = standings(chosen, args.out)
    lang, looks = language(args), look(sys.stdout, no_color=args.no_color)
    for each in found:
        print(entry(each, lang, looks), end="\n\n")
    more = f" --course {shlex.quote(args.course)}" if args.course else ""
    closing = ending(found, lang, more=more) if found else [NO_LABS[lang].format(chosen.folder)]
    print(*(shown(harmless(words), looks["encoding"]) for words in closing), sep="\n", flush=True)
    return FINE if all(each.lab for each in found) else USAGE


def entry(standing: Standing, lang: Language, looks: Look) -> str:
    """One lab: its name and what was earned, its title, what it is and needs, and what is to be said of the result."""
    width = looks["width"]
    head = headed(standing.name, MARKS["passed"] if standing.done else " ", _score(standing, lang), width)
    lines = [painted(head, _colour(standing), colour=looks["colour"])]
    if standing.lab:
        lines += wrapped(standing.lab.title[lang], INDENT, width)
        lines += wrapped(" · ".join(_needs(standing.lab, lang)), INDENT, width)
    if standing.result and not standing.result.complete:
        lines += wrapped(INCOMPLETE[lang], INDENT, width)
    if standing.trouble:
        lines += wrapped(f"! {standing.trouble[lang]}", INDENT, width)
    return shown("\n".join(lines), looks["encoding"])


def _score(standing: Standing, lang: Language) -> str:
    if standing.result:
        return wording.score(standing.result, lang)
    return f"? / {FULL_GRADE}" if standing.trouble else f"– / {FULL_GRADE}"


def _colour(standing: Standing) -> str:
    if standing.trouble:
        return COLOURS["error"]
    if standing.done:
        return COLOURS["passed"]
    return PARTLY_COLOUR if standing.result and standing.result.earned else "1"


def _needs(lab: Lab, lang: Language) -> list[str]:
    words = [ONE_CHECK[lang] if len(lab.checks) == 1 else CHECKS[lang].format(len(lab.checks))]
    if lab.minutes:
        words.append(MINUTES[lang].format(wording.number(lab.minutes, lang)))
    words.append(VERSION[lang].format(*lab.kubernetes))
    if lab.cluster:
        words.append(OWN_CLUSTER[lang].format(lab.cluster))
    elif lab.cni == "cilium":
        words.append(CILIUM[lang])
    if any(check.disturbs for check in lab.checks):
        words.append(DISTURBS[lang])
    return words


def ending(found: list[Standing], lang: Language, *, more: str = "") -> list[str]:
    """What has been earned in all, and below it what to type next; `more` are options to type with it."""
    results = [each.result for each in found if each.result]
    points = wording.number(sum(each.grade if each.complete else each.earned for each in results), lang)
    done = sum(each.done for each in found)
    total = TOTAL[lang].format(done, len(found), points, FULL_GRADE * len(found))
    following = next_up(found)
    if following is None:
        return [total, ALL_DONE[lang]] if done == len(found) else [total]
    begun = following.result or following.trouble
    commands = [f"labgrade {'check' if begun else 'start'} {following.name}{more}"]
    if any(each.result or each.trouble for each in found):
        return [total, NEXT[lang], *(INDENT + command for command in commands)]
    return [BEGIN[lang], *(INDENT + command for command in ("labgrade up", *commands))]
