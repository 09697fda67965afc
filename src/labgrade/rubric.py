"""lab.yaml and mistake.yaml: what a lab asks, what it is worth, and what each recorded mistake must lose."""

from __future__ import annotations

import re
from pathlib import Path

from labgrade.model import FULL_GRADE, Check, Lab, Mistake
from labgrade.yamlfile import YamlFile

LAB_KEYS = ("title", "minutes", "kubernetes", "namespace", "images", "timeout", "checks")
CHECK_KEYS = ("points", "title", "hint", "needs", "disturbs", "optional")
MISTAKE_KEYS = ("about", "failed", "blocked", "without", "earned")
NAMESPACE = re.compile(r"[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?")
PINNED = re.compile(r"[a-z0-9.-]+\.[a-z]+(/[a-z0-9._-]+)+:[\w.-]+@sha256:[0-9a-f]{64}")
DEFAULT_TIMEOUT = 60


def read_lab(folder: Path) -> Lab:
    """The lab in `folder`; UsageError with file, line and key for whatever is wrong in its lab.yaml."""
    file = YamlFile(folder / "lab.yaml")
    file.known((), file.data, LAB_KEYS)
    namespace = file.get(("namespace",), str)
    if not NAMESPACE.fullmatch(namespace):
        file.fail(("namespace",), f"is {namespace!r}, which Kubernetes does not allow as a namespace")
    timeout = file.get(("timeout",), (int, float), default=DEFAULT_TIMEOUT)
    if timeout <= 0:
        file.fail(("timeout",), f"is {timeout}, but a number of seconds above 0 is expected")
    return Lab(
        folder=folder,
        id=folder.name,
        title=file.text(("title",)),
        namespace=namespace,
        checks=_checks(file),
        mistakes=(),
        images=_images(file),
        timeout=float(timeout),
    )


def _images(file: YamlFile) -> tuple[str, ...]:
    images = file.names(("images",))
    for index, image in enumerate(images):
        if not PINNED.fullmatch(image):
            file.fail(("images", index), f"is {image!r}, but a pinned image is expected: host/name:tag@sha256:digest")
    return images


def _checks(file: YamlFile) -> tuple[Check, ...]:
    ids = list(file.get(("checks",), dict))
    checks = tuple(_check(file, check_id, ids[:index]) for index, check_id in enumerate(ids))
    total = sum(check.points for check in checks)
    if abs(total - FULL_GRADE) > 1e-9:
        file.fail(("checks",), f"add up to {total:g} points, but to {FULL_GRADE} they must")
    return checks


def _check(file: YamlFile, check_id: str, before: list[str]) -> Check:
    key = ("checks", check_id)
    found = file.get(key, dict)
    file.known(key, found, CHECK_KEYS)
    points = file.get((*key, "points"), (int, float))
    if points <= 0:
        file.fail((*key, "points"), f"is {points}, but a number above 0 is expected")
    return Check(
        id=check_id,
        points=float(points),
        title=file.text((*key, "title")),
        hint=file.text((*key, "hint")),
        needs=file.names((*key, "needs"), before),
        disturbs=file.text((*key, "disturbs")) if "disturbs" in found else None,
        optional=file.get((*key, "optional"), str) if "optional" in found else None,
    )


def read_mistake(folder: Path, lab: Lab) -> Mistake:
    """The mistake in `folder`; UsageError where its mistake.yaml is wrong or names a check the lab has not."""
    file = YamlFile(folder / "mistake.yaml")
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
    solution = [path.name for path in (lab.folder / "solution").iterdir()]
    file.names(("without",), solution)
    return Mistake(
        name=folder.name,
        failed=failed,
        blocked=blocked,
        earned={name: float(file.get(("earned", name), (int, float))) for name in earned},
    )


def mistakes(lab: Lab) -> tuple[Mistake, ...]:
    """All recorded mistakes of a lab, by name."""
    folder = lab.folder / "mistakes"
    found = sorted(path for path in folder.iterdir() if path.is_dir()) if folder.is_dir() else []
    return tuple(read_mistake(path, lab) for path in found)
