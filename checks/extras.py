"""What some drivers can do with volumes, and others cannot: have them grow, take snapshots of them."""

from __future__ import annotations

from typing import Protocol

from labgrade.cluster.ownvolumes import Copy, Growth
from labgrade.errors import Absent, Unmet
from labgrade.facts import StorageClass
from labgrade.text import Text

EXPANSION, SNAPSHOTS = "volume-expansion", "volume-snapshots"
"""As lab.yaml calls them where a check is optional."""

TAKEN_CREDIT = 0.5
"""Earned where a snapshot is taken, and nothing good comes of it."""


class Volumes(Protocol):
    """What tries a driver with volumes of ours."""

    def grown(self, storage_class: StorageClass, /) -> Growth:
        """What came of having one grow."""
        ...

    def restored(self, storage_class: StorageClass, /) -> Copy:
        """What came of a snapshot of one."""
        ...


def assert_grows(storage_class: StorageClass, volumes: Volumes) -> None:
    """A claim of ours that asks for more gets it, in use as it is, and its files stay.

    Absent where nobody in the cluster has volumes of that driver grow.
    """
    __tracebackhide__ = True
    growth = volumes.grown(storage_class)
    if growth.absent:
        raise Absent(EXPANSION)
    try_ = f"kubectl get storageclass {storage_class.name} -o yaml"
    wanted = Text(
        en="a claim of ours that asks for more gets it, and keeps its files",
        fr="un PVC à nous qui demande plus l'obtient, et garde ses fichiers",
    )
    if growth.problem:
        raise Unmet(growth.problem, wanted=wanted, try_=try_)
    if not growth.kept:
        lost = Text(
            en=f"a volume of ours has grown to {growth.size}, and has lost the file that was in it",
            fr=f"un volume à nous est passé à {growth.size}, et a perdu le fichier qu'il contenait",
        )
        raise Unmet(lost, wanted=wanted, try_=try_)


def assert_snapshots_restore(storage_class: StorageClass, volumes: Volumes) -> None:
    """A snapshot of a volume of ours becomes ready, and a volume made from it has its files.

    Absent where nobody in the cluster takes snapshots of that driver's volumes.
    """
    __tracebackhide__ = True
    copy = volumes.restored(storage_class)
    if copy.absent:
        raise Absent(SNAPSHOTS)
    wanted = Text(
        en="a snapshot of a volume of ours, and a volume made from it that has the same files",
        fr="un instantané d'un volume à nous, et un volume créé à partir de lui qui contient les mêmes fichiers",
    )
    if copy.unready:
        raise Unmet(copy.unready, wanted=wanted, try_="kubectl get volumesnapshotclasses")
    lost = Text(
        en="a volume was made from a snapshot of ours, and lacks the file that was in it",
        fr="un volume a été créé à partir d'un instantané à nous, et il lui manque le fichier qui y était",
    )
    if copy.unrestored or not copy.same:
        raise Unmet(
            copy.unrestored or lost,
            wanted=wanted,
            try_=f"kubectl describe storageclass {storage_class.name}",
            credit=TAKEN_CREDIT,
        )
