"""The manifests of answers: whole objects, without a namespace, with images that the lab lists."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import yaml

from labgrade.course.answers import CLUSTER, MANIFEST
from labgrade.course.lint.draft import Draft, entries, words
from labgrade.course.yamlfile import FileError, Key, nearest, not_yaml
from labgrade.facts.workloads import image_name

CONTAINERS = {"containers", "initContainers", "ephemeralContainers"}
_Loader: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


def findings(draft: Draft) -> Iterator[FileError]:
    """What kubectl would refuse, and what would work on the author's machine only."""
    for folder in draft.answers:
        # A mistake may ask for an image that nobody has.
        images = draft.lab.images if draft.lab and folder not in draft.mistake_folders else None
        for path in entries(folder):
            if path.is_file() and (MANIFEST.fullmatch(path.name) or path.name == CLUSTER):
                yield from _manifest(path, images)


def _manifest(path: Path, images: Sequence[str] | None) -> Iterator[FileError]:
    try:
        documents = _documents(path)
    except FileError as error:
        yield error
        return
    for document in documents:
        yield from _object(path, document)
        if images is not None:
            yield from _images(path, document, images)


def _documents(path: Path) -> list[yaml.Node]:
    """The file's objects; FileError where it is no YAML, or empty."""
    try:
        found: list[yaml.Node] = list(yaml.compose_all(words(path), Loader=_Loader))
    except yaml.YAMLError as error:
        raise not_yaml(path, error) from error
    except RecursionError as error:
        raise FileError(path, 0, f"cannot be read: {error}") from error
    documents = [node for node in found if not (isinstance(node, yaml.ScalarNode) and not node.value)]
    if not documents:
        raise FileError(path, 0, "holds no object")
    return documents


def _object(path: Path, document: yaml.Node) -> Iterator[FileError]:
    found = list(_walk(document))
    for name in ("apiVersion", "kind"):
        if not any(key == (name,) and value.value for key, value in found):
            yield FileError(path, document.start_mark.line + 1, f"{name} is missing: every object has one")
    for key, value in found:
        if key[-2:] == ("metadata", "namespace"):
            problem = "is given: each answer is applied to a namespace of its own, and names none"
            yield FileError(path, value.start_mark.line + 1, f"{'.'.join(map(str, key))} {problem}")


def _images(path: Path, document: yaml.Node, images: Sequence[str]) -> Iterator[FileError]:
    listed = {image_name(image) for image in images}
    for key, value in _walk(document):
        if _is_image(key) and isinstance(value, yaml.ScalarNode) and image_name(value.value) not in listed:
            problem = f"{value.value!r} is not among the images of lab.yaml{nearest(image_name(value.value), listed)}"
            yield FileError(path, value.start_mark.line + 1, f"{'.'.join(map(str, key))} {problem}")


def _is_image(key: Key) -> bool:
    return len(key) > 2 and key[-1] == "image" and key[-3] in CONTAINERS


def _walk(document: yaml.Node) -> Iterator[tuple[Key, yaml.Node]]:
    """Every value and its key; one that aliases repeat is visited once, so that no bomb goes off."""
    waiting: list[tuple[Key, yaml.Node]] = [((), document)]
    seen: set[int] = set()
    while waiting:
        key, node = waiting.pop()
        if id(node) in seen:
            continue
        seen.add(id(node))
        yield key, node
        if isinstance(node, yaml.MappingNode):
            waiting += [((*key, str(name.value)), value) for name, value in node.value]
        elif isinstance(node, yaml.SequenceNode):
            waiting += [((*key, index), value) for index, value in enumerate(node.value)]
