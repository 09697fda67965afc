"""Storage classes: who stands behind them, which one is the default, how they are set."""

from __future__ import annotations

from checks.wording import listed
from labgrade.errors import HarnessError, Unmet
from labgrade.facts import Cluster, StorageClass
from labgrade.facts.binding import answers, drivers
from labgrade.facts.storage import NO_PROVISIONER
from labgrade.text import Text


def assert_provisioner_works(cluster: Cluster, storage_class: StorageClass) -> None:
    """The class is there, and the provisioner that it names is one that works in this cluster."""
    __tracebackhide__ = True
    _require_class(cluster, storage_class)
    name = storage_class.provisioner
    works = answers(cluster, name)
    if works:
        return
    if works is False:
        raise HarnessError(f"{name}, which the cluster brings along, does not run there: volumes are made by nobody")
    nobody = Text(
        en=f"{storage_class} names {name}, and nobody in this cluster goes by that name",
        fr=f"{storage_class} désigne {name}, et personne dans ce cluster ne porte ce nom",
    )
    by_hand = Text(
        en=f"{storage_class} names {name}: its volumes would have to be made by hand",
        fr=f"{storage_class} désigne {name} : il faudrait créer ses volumes à la main",
    )
    known = listed(drivers(cluster))
    raise Unmet(
        by_hand if name == NO_PROVISIONER else nobody,
        wanted=Text(
            en=f"a provisioner that this cluster has: {known.en}", fr=f"un provisionneur de ce cluster : {known.fr}"
        ),
        try_="kubectl get storageclasses",
        evidence=_classes(cluster),
    )


def assert_one_default(cluster: Cluster, storage_class: StorageClass) -> None:
    """Claims that name no class get a class, it is always the same one, and it is not this one."""
    __tracebackhide__ = True
    _require_class(cluster, storage_class)
    defaults = [found for found in cluster.storage_classes() if found.default]
    if len(defaults) == 1 and not storage_class.default:
        return
    there = listed(defaults)
    raise Unmet(
        Text(en=f"default classes of this cluster: {there.en}", fr=f"classes par défaut de ce cluster : {there.fr}"),
        wanted=Text(en=f"one, other than {storage_class}", fr=f"une seule, autre que {storage_class}"),
        try_="kubectl get storageclasses",
        evidence=_classes(cluster),
    )


def assert_class_settings(
    cluster: Cluster, storage_class: StorageClass, *, binding_mode: str, reclaim_policy: str, expandable: bool
) -> None:
    """The class binds, reclaims and lets grow as asked; each of the three earns its part."""
    __tracebackhide__ = True
    _require_class(cluster, storage_class)
    asked = {
        "volumeBindingMode": (storage_class.binding_mode, binding_mode),
        "reclaimPolicy": (storage_class.reclaim_policy, reclaim_policy),
        "allowVolumeExpansion": (_yaml(storage_class.expandable), _yaml(expandable)),
    }
    wrong = {key: pair for key, pair in asked.items() if pair[0] != pair[1]}
    if wrong:
        has = listed(f"{key}: {found}" for key, (found, _) in wrong.items())
        raise Unmet(
            Text(en=f"{storage_class} has {has.en}", fr=f"{storage_class} a {has.fr}"),
            wanted=listed(f"{key}: {wanted}" for key, (_, wanted) in wrong.items()),
            try_=f"kubectl get storageclass {storage_class.name} -o yaml",
            credit=1 - len(wrong) / len(asked),
        )


def _require_class(cluster: Cluster, storage_class: StorageClass) -> None:
    __tracebackhide__ = True
    if not storage_class.exists:
        there = listed(cluster.storage_classes())
        raise Unmet(
            Text(
                en=f"there is no {storage_class} in this cluster; there is: {there.en}",
                fr=f"il n'y a pas de {storage_class} dans ce cluster ; il y a : {there.fr}",
            ),
            wanted=f"{storage_class}",
            try_="kubectl get storageclasses",
        )


def _classes(cluster: Cluster) -> tuple[str, ...]:
    return tuple(
        f"{found}: {found.provisioner}{', default' if found.default else ''}" for found in cluster.storage_classes()
    )


def _yaml(value: object) -> str:
    return f"{value}".lower()
