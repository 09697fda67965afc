"""What a student's kind configuration may ask for: the cluster of the lab, and nothing of the machine under it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import yaml

from labgrade.cohort.refusal import shown
from labgrade.model import Json
from labgrade.providers import clusterfile
from labgrade.text import Text

_Loader: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)

TOP = frozenset({"kind", "apiVersion", "name", "nodes", "networking"})
NETWORKING = frozenset(
    {"ipFamily", "podSubnet", "serviceSubnet", "disableDefaultCNI", "kubeProxyMode", "dnsSearch"},
)
NODE = frozenset({"role", "labels"})
MORE_NODES = 1
"""So many nodes may be there beyond those of the reference answer: every one of them costs a machine some memory."""


def asked(path: Path) -> Json:
    """What the reference answer's configuration says."""
    return clusterfile.read(path)


def unwanted(content: bytes, reference: Json) -> list[Text]:
    """Everything in a configuration that neither describes a cluster in general nor stands in the reference answer.

    It is read as it will be when the cluster is made.
    """
    try:
        config = yaml.load(content, Loader=_Loader)
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        problem = getattr(error, "problem", None) or type(error).__name__
        return [Text(f"is no YAML ({shown(str(problem))})", f"n'est pas du YAML ({shown(str(problem))})")]
    if not isinstance(config, dict):
        return [Text("is no kind configuration", "n'est pas une configuration de kind")]
    return [*_form(config), *_top(config, reference), *_nodes(config, reference)]


def _form(config: Json) -> Iterator[Text]:
    for key, wanted in (("kind", "Cluster"), ("apiVersion", clusterfile.API_VERSION)):
        if config.get(key) != wanted:
            found = shown(str(config.get(key)))
            yield Text(
                f"{key} is {found!r}, and {wanted} is expected", f"{key} vaut «\u00a0{found}\u00a0», et non {wanted}"
            )
    nodes = config.get("nodes") or []
    if not isinstance(nodes, list) or not all(isinstance(node, dict) for node in nodes):
        yield Text("nodes is no list of mappings", "nodes n'est pas une liste de nœuds")
    if not isinstance(config.get("networking") or {}, dict):
        yield Text("networking is no mapping", "networking n'est pas un dictionnaire")


def _top(config: Json, reference: Json) -> Iterator[Text]:
    for key, value in config.items():
        if key not in TOP and value != reference.get(key):
            yield _not_asked(str(key))
    networking, given = config.get("networking") or {}, reference.get("networking") or {}
    if isinstance(networking, dict):
        for key, value in networking.items():
            if key not in NETWORKING and value != given.get(key):
                yield _not_asked(f"networking.{key}")


def _nodes(config: Json, reference: Json) -> Iterator[Text]:
    nodes, given = _mappings(config.get("nodes")), _mappings(reference.get("nodes"))
    most = len(given) + MORE_NODES
    if len(nodes) > most:
        yield Text(
            f"has {len(nodes)} nodes, and at most {most} are made",
            f"a {len(nodes)} nœuds, et {most} au plus sont créés",
        )
    for number, node in enumerate(nodes):
        for key, value in node.items():
            if key not in NODE and not _stands_in(key, value, given):
                yield _not_asked(f"nodes.{number}.{key}")


def _stands_in(key: str, value: Any, given: Iterable[Json]) -> bool:
    """Whether the reference answer has that of some node: lists entry by entry."""
    known = [node[key] for node in given if key in node]
    if isinstance(value, list):
        entries = [entry for each in known if isinstance(each, list) for entry in each]
        return all(entry in entries for entry in value)
    return value in known


def _mappings(value: Any) -> list[Json]:
    return [each for each in value if isinstance(each, dict)] if isinstance(value, list) else []


def _not_asked(key: str) -> Text:
    return Text(
        f"{shown(key)}: it reaches the machine that grades, and the lab does not ask for it: leave it out",
        f"{shown(key)}\u00a0: cela atteint la machine qui note, et le TP ne le demande pas\u00a0: retirez-le",
    )
