"""Volumes made by hand: a folder that all nodes share, and the claims that are bound to it."""

from __future__ import annotations

import posixpath
import secrets
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from checks.wording import NOTHING, listed, require
from labgrade.errors import Unmet
from labgrade.facts import Cluster, Node, PersistentVolume, PersistentVolumeClaim
from labgrade.facts.binding import unbound
from labgrade.facts.storage import NO_PROVISIONER
from labgrade.text import Text

if TYPE_CHECKING:
    from testinfra.host import Host

    OnNode = Callable[[Node], Host]

MARK = ".labgrade-"
"""How files of ours begin; whatever an interrupted run left behind is removed by the next one."""

WRITE = 'cd %s 2> /dev/null || exit 3; rm -f "' + MARK + '"*; printf %%s %s > %s'
READ = "cat %s 2> /dev/null"


@dataclass(frozen=True, slots=True)
class Wanted:
    """A claim, and the size that it is to have at least, in bytes."""

    claim: str
    bytes: int
    size: str
    """The same as it is written."""


def assert_shared_path(nodes: Sequence[Node], on_node: OnNode, *, path: str) -> None:
    """What is written into a folder of one node is there on all the others; the file is removed again."""
    __tracebackhide__ = True
    first, token = nodes[0], secrets.token_hex(16)
    file = posixpath.join(path, f"{MARK}{token[:8]}")
    try:
        done = on_node(first).run(WRITE, path, token, file)
        if done.rc:
            raise _unshared(nodes, path, _not_written(first, path, done.rc, done.stderr.strip()))
        read = {node: on_node(node).run(READ, file).stdout for node in nodes[1:]}
    finally:
        on_node(first).run("rm -f %s", file)
    apart = [node for node, words in read.items() if words != token]
    if apart or not read:
        names = listed(apart)
        raise _unshared(
            nodes,
            path,
            Text(
                en=f"what {first} has in {path} is not there on: {names.en}",
                fr=f"ce que {first} a dans {path} ne se trouve pas sur : {names.fr}",
            )
            if apart
            else Text(en=f"{first} is the only node", fr=f"{first} est le seul nœud"),
        )


def assert_bound_by_hand(
    cluster: Cluster, wanted: Sequence[Wanted], *, storage_class: str, reclaim: str, below: str
) -> None:
    """Each claim is bound to a volume that somebody made by hand, of that class, below a folder of the nodes.

    Each of them earns its part.
    """
    __tracebackhide__ = True
    wrong = [saw for each in wanted if (saw := _not_by_hand(cluster, each, storage_class, reclaim, below))]
    if not wrong:
        return
    sizes = listed(f"{each.claim} ({each.size})" for each in wanted)
    raise Unmet(
        Text(en="; ".join(each.en for each in wrong), fr=" ; ".join(each.fr for each in wrong)),
        wanted=Text(
            en=f"claims {sizes.en}, each bound to a volume of class {storage_class}, {reclaim}, below {below}",
            fr=f"les PVC {sizes.fr}, chacun lié à un volume de classe {storage_class}, {reclaim}, sous {below}",
        ),
        try_=f"kubectl get persistentvolumes,persistentvolumeclaims -n {cluster.namespace}",
        credit=1 - len(wrong) / len(wanted),
        evidence=(*map(_volume, cluster.volumes()), *map(_claim, cluster.claims())),
    )


def _unshared(nodes: Sequence[Node], path: str, saw: Text) -> Unmet:
    return Unmet(
        saw,
        wanted=Text(en=f"one folder behind {path} of every node", fr=f"un seul dossier derrière {path} de chaque nœud"),
        try_=f"docker inspect {nodes[0].name} --format '{{{{json .Mounts}}}}'",
    )


def _not_written(node: Node, path: str, code: int, said: str) -> Text:
    if code == 3:
        return Text(en=f"{node} has no folder {path}", fr=f"{node} n'a pas de dossier {path}")
    return Text(en=f"{node} cannot write in {path}: {said}", fr=f"{node} ne peut pas écrire dans {path} : {said}")


def _not_by_hand(cluster: Cluster, wanted: Wanted, storage_class: str, reclaim: str, below: str) -> Text:
    """What is wrong with one of the claims; empty when nothing is."""
    claim = cluster.claim(wanted.claim)
    try:
        require(claim, instead=cluster.claims())
    except Unmet as error:
        return error.saw
    if found := unbound(cluster, claim):
        return found.why
    volume = cluster.volume(claim.volume)
    if volume.storage_class != storage_class or volume.provisioned_by:
        maker = volume.provisioned_by
        by = Text(en=f", made by {maker}", fr=f", créé par {maker}") if maker else NOTHING
        return Text(
            en=f"{claim} is bound to {volume} of class {volume.storage_class or 'none'}{by.en}",
            fr=f"{claim} est lié à {volume} de classe {volume.storage_class or 'aucune'}{by.fr}",
        )
    kind = cluster.storage_class(storage_class)
    if kind.exists and not (kind.provisioner == NO_PROVISIONER and kind.waits_for_consumer):
        return Text(
            en=f"{kind} has provisioner {kind.provisioner} and binds {kind.binding_mode}",
            fr=f"{kind} a pour provisionneur {kind.provisioner}, et lie en mode {kind.binding_mode}",
        )
    return _other_volume(claim, volume, wanted, reclaim, below)


def _other_volume(
    claim: PersistentVolumeClaim, volume: PersistentVolume, wanted: Wanted, reclaim: str, below: str
) -> Text:
    where = volume.folder
    if claim.bytes < wanted.bytes or volume.bytes < wanted.bytes:
        return Text(
            en=f"{claim} asks for {claim.size} and has {volume} of {volume.size}",
            fr=f"{claim} demande {claim.size} et a {volume}, de {volume.size}",
        )
    if volume.reclaim_policy != reclaim:
        return Text(
            en=f"{volume} of {claim} has the reclaim policy {volume.reclaim_policy}",
            fr=f"{volume} de {claim} a pour politique de récupération {volume.reclaim_policy}",
        )
    if not posixpath.normpath(where or "?").startswith(f"{below.rstrip('/')}/"):
        return Text(
            en=f"{volume} of {claim} lies in {where or 'no folder of a node'}",
            fr=f"{volume} de {claim} est dans {where or 'aucun dossier de nœud'}",
        )
    return NOTHING


def _volume(volume: PersistentVolume) -> str:
    return (
        f"{volume}: {volume.phase}, class {volume.storage_class or 'none'}, {volume.size}, "
        f"{volume.reclaim_policy}, {volume.folder or 'no folder'}, claim {volume.claim or 'none'}"
    )


def _claim(claim: PersistentVolumeClaim) -> str:
    given = "the default" if claim.storage_class is None else claim.storage_class or "none"
    return f"{claim}: {claim.phase}, class {given}, {claim.size}, volume {claim.volume or 'none'}"
