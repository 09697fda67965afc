"""lab.yaml and mistake.yaml: what a lab asks, what it is worth, and what each recorded mistake must lose."""

from __future__ import annotations

import math
import re
from pathlib import Path

from labgrade.course.yamlfile import YamlFile, nearest
from labgrade.model import CNIS, COMPONENTS, FULL_GRADE, Check, Cni, Lab, Mistake, Unproven

LAB_KEYS = ("title", "minutes", "kubernetes", "namespace", "cluster", "cni", "images", "timeout", "unproven", "checks")
UNPROVEN_KEYS = ("checks", "cases")
CHECK_KEYS = ("points", "title", "hint", "needs", "disturbs", "optional")
MISTAKE_KEYS = ("about", "failed", "blocked", "without", "earned")
NAMESPACE = re.compile(r"[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?")
CLUSTER = re.compile(r"[a-z0-9][a-z0-9.-]{0,40}")
PINNED = re.compile(r"[a-z0-9.-]+\.[a-z]+(/[a-z0-9._-]+)+:[\w.-]+@sha256:[0-9a-f]{64}")
CHECK_ID = re.compile(r"[a-z][a-z0-9_]*")
VERSION = re.compile(r"\d+\.\d+")
DEFAULT_TIMEOUT = 60
OLDEST = "1.29"
"""What labgrade grades at all; a lab may ask for a later one."""


def read_lab(folder: Path) -> Lab:
    """The lab in `folder`; UsageError with file, line and key for whatever is wrong in its lab.yaml."""
    return lab_in(YamlFile(folder / "lab.yaml"))


def lab_in(file: YamlFile) -> Lab:
    """The lab that a lab.yaml describes; complaints are the file's own."""
    folder = file.path.parent
    file.known((), file.data, LAB_KEYS)
    namespace = file.get(("namespace",), str)
    if not NAMESPACE.fullmatch(namespace):
        file.fail(("namespace",), f"is {namespace!r}, which Kubernetes does not allow as a namespace")
    checks = _checks(file)
    return Lab(
        folder=folder,
        id=folder.name,
        title=file.text(("title",)),
        namespace=namespace,
        checks=checks,
        images=_images(file),
        kubernetes=_version(file),
        timeout=file.number(("timeout",), default=DEFAULT_TIMEOUT),
        minutes=file.number(("minutes",)) if "minutes" in file.data else None,
        cluster=_cluster(file),
        cni=_cni(file),
        unproven=_unproven(file, checks),
    )


def _cluster(file: YamlFile) -> str | None:
    """Name of the lab's own cluster: there is one exactly where the starting state has a kind.yaml."""
    made = {name: (file.path.parent / name / "kind.yaml").is_file() for name in ("starter", "solution")}
    if "cluster" not in file.data:
        for name in (name for name, there in made.items() if there):
            file.fail(("cluster",), f"is missing: {name}/kind.yaml describes a cluster, and this is its name")
        return None
    name = file.get(("cluster",), str)
    if not CLUSTER.fullmatch(name):
        file.fail(("cluster",), f"is {name!r}: kind allows lower-case letters, digits, `.` and `-`, 41 at most")
    if not made["starter"]:
        file.fail(("cluster",), f"is {name!r}, but no starter/kind.yaml describes it")
    return name


def _cni(file: YamlFile) -> Cni:
    name = file.get(("cni",), str, default="default")
    for each in CNIS:
        if each == name:
            return each
    file.fail(("cni",), f"is {name!r}, which is not known{nearest(name, CNIS)}")
    return "default"


def _unproven(file: YamlFile, checks: tuple[Check, ...]) -> tuple[Unproven, ...]:
    """What each component's lack leaves unproven; a component without a check or case would say nothing."""
    found = file.get(("unproven",), dict, default={})
    file.known(("unproven",), found, COMPONENTS)
    return tuple(_unproven_without(file, name, checks) for name in found if name in COMPONENTS)


def _unproven_without(file: YamlFile, component: str, checks: tuple[Check, ...]) -> Unproven:
    key = ("unproven", component)
    found = file.get(key, dict)
    file.known(key, found, UNPROVEN_KEYS)
    if not any(found.get(name) for name in UNPROVEN_KEYS):
        file.fail(key, "names neither `checks` nor `cases`: what is it that cannot be proven without it?")
    return Unproven(
        component,
        checks=file.names((*key, "checks"), [check.id for check in checks]),
        cases=file.names((*key, "cases"), ["starter", "solution", *_mistake_names(file.path.parent)]),
    )


def _version(file: YamlFile) -> tuple[int, int]:
    words = file.get(("kubernetes",), str, default=OLDEST)
    if not VERSION.fullmatch(words):
        file.fail(("kubernetes",), f'is {words!r}, but a version like "1.29" is expected')
        words = OLDEST
    major, minor = map(int, words.split("."))
    if (major, minor) < tuple(map(int, OLDEST.split("."))):
        file.fail(("kubernetes",), f"is {words!r}, but labgrade grades {OLDEST} and later")
    return major, minor


def _images(file: YamlFile) -> tuple[str, ...]:
    images = file.names(("images",))
    for index, image in enumerate(images):
        if not PINNED.fullmatch(image):
            file.fail(("images", index), f"is {image!r}, but a pinned image is expected: host/name:tag@sha256:digest")
    return images


def _checks(file: YamlFile) -> tuple[Check, ...]:
    checks: tuple[Check, ...] = ()
    for check_id in file.get(("checks",), dict):
        if not (isinstance(check_id, str) and CHECK_ID.fullmatch(check_id)):
            file.fail(("checks", check_id), f"is {check_id!r}, which cannot follow `test_` as the name of a function")
            continue
        checks += (_check(file, check_id, checks),)
    total = sum(check.points for check in checks)
    if abs(total - FULL_GRADE) > 1e-9:
        file.fail(("checks",), f"add up to {total:g} points, but to {FULL_GRADE} they must")
    return checks


def _check(file: YamlFile, check_id: str, before: tuple[Check, ...]) -> Check:
    key = ("checks", check_id)
    found = file.get(key, dict)
    file.known(key, found, CHECK_KEYS)
    check = Check(
        id=check_id,
        points=file.number((*key, "points")),
        title=file.text((*key, "title")),
        hint=file.text((*key, "hint")),
        needs=file.names((*key, "needs"), [other.id for other in before]),
        disturbs=file.text((*key, "disturbs")) if "disturbs" in found else None,
        optional=file.get((*key, "optional"), str) if "optional" in found else None,
    )
    for index, other in enumerate(check.needs):
        if not check.disturbs and any(each.id == other and each.disturbs for each in before):
            problem = f"names {other!r}, which disturbs and so runs after every check that only looks, this one too"
            file.fail((*key, "needs", index), problem)
    return check


def read_mistake(folder: Path, lab: Lab) -> Mistake:
    """The mistake in `folder`; UsageError where its mistake.yaml is wrong or names a check the lab has not."""
    return mistake_in(YamlFile(folder / "mistake.yaml"), lab)


def mistake_in(file: YamlFile, lab: Lab) -> Mistake:
    """The mistake that a mistake.yaml of that lab records; complaints are the file's own."""
    file.known((), file.data, MISTAKE_KEYS)
    file.get(("about",), str)
    ids = [check.id for check in lab.checks]
    earned = file.get(("earned",), dict, default={})
    file.known(("earned",), earned, ids)
    failed, blocked = file.names(("failed",), ids), file.names(("blocked",), ids)
    if not failed:
        file.fail(("failed",), "is empty: a mistake must lose something")
    for name in blocked:
        if name in failed:
            file.fail(("blocked",), f"holds {name!r}, which is in `failed` already")
    solution = [path.name for name in ("starter", "solution") for path in (lab.folder / name).glob("*")]
    file.names(("without",), solution)
    return Mistake(
        name=file.path.parent.name,
        failed=failed,
        blocked=blocked,
        earned={name: _earned(file, lab, name, failed) for name in earned},
    )


def _earned(file: YamlFile, lab: Lab, name: str, failed: tuple[str, ...]) -> float:
    key = ("earned", name)
    if name not in failed:
        file.fail(key, "is not in `failed`: only a failed check earns a part of its points")
    earned, full = file.number(key), lab.check(name).points if name in failed else math.inf
    if earned >= full:
        file.fail(key, f"is {earned:g}, but a failed check earns less than its {full:g}")
    return earned


def mistakes(lab: Lab) -> tuple[Mistake, ...]:
    """All recorded mistakes of a lab, by name."""
    return tuple(read_mistake(lab.folder / "mistakes" / name, lab) for name in _mistake_names(lab.folder))


def _mistake_names(lab: Path) -> list[str]:
    folder = lab / "mistakes"
    return sorted(path.name for path in folder.iterdir() if path.is_dir()) if folder.is_dir() else []
