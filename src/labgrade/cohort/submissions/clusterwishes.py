"""What a student's kind configuration may ask for: the cluster of the lab, and nothing of the machine under it."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import yaml

from labgrade.cohort.submissions import documents
from labgrade.cohort.submissions.refusal import shown
from labgrade.model import Json
from labgrade.providers import clusterfile
from labgrade.text import Text

_Loader: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)

TOP = frozenset({"kind", "apiVersion", "name", "nodes", "networking"})
NETWORKING = frozenset(
    {"ipFamily", "podSubnet", "serviceSubnet", "disableDefaultCNI", "kubeProxyMode", "dnsSearch"},
)
NODE = frozenset({"role", "labels"})
ROLES = frozenset({"control-plane", "worker"})
IP_FAMILIES = frozenset({"ipv4", "ipv6", "dual"})
PROXIES = frozenset({"iptables", "ipvs", "nftables", "none"})
MOST_SEARCHED = 6

PART = r"[A-Za-z0-9](?:[-_.A-Za-z0-9]{0,61}[A-Za-z0-9])?"
DOMAIN = r"[a-z0-9](?:[-a-z0-9]{0,61}[a-z0-9])?(?:\.[a-z0-9](?:[-a-z0-9]{0,61}[a-z0-9])?)*"
NAME = re.compile(r"[a-z0-9](?:[-a-z0-9.]{0,48}[a-z0-9])?")
SEARCHED = re.compile(rf"(?=.{{1,253}}$){DOMAIN}")
LABEL = re.compile(rf"(?:(?=[^/]{{1,253}}/){DOMAIN}/)?{PART}")
LABEL_VALUE = re.compile(rf"(?:{PART})?")
SUBNET = re.compile(r"[0-9a-fA-F.:]{1,45}/[0-9]{1,3}")
"""kind writes these words into other programs' files as they are."""

CONVERSIONS = (ValueError, TypeError, AttributeError, LookupError, OverflowError, RecursionError)
"""What PyYAML raises of words that are not what their tag says."""

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
        read = documents.read(content)
        config = None if read.problem else yaml.load(content, Loader=_Loader)
    except (yaml.YAMLError, documents.TooMuch, *CONVERSIONS) as error:
        return [_no_yaml(str(getattr(error, "problem", None) or error))]
    if read.problem:
        return [_no_yaml(read.problem)]
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
            elif key in NETWORKING and value is not None and not _is_usual(str(key), value):
                yield _odd(f"networking.{key}", value)
    if config.get("name") is not None and not _matches(NAME, config["name"]):
        yield _odd("name", config["name"])


def _is_usual(key: str, value: Any) -> bool:
    """Whether a value of `networking` is one of those that it may have."""
    words = value if isinstance(value, str) else ""
    if key == "disableDefaultCNI":
        return isinstance(value, bool)
    if key == "dnsSearch":
        few = isinstance(value, list) and len(value) <= MOST_SEARCHED
        return few and all(_matches(SEARCHED, each) for each in value)
    if key in {"podSubnet", "serviceSubnet"}:
        return all(SUBNET.fullmatch(each) for each in words.split(","))
    return words in (IP_FAMILIES if key == "ipFamily" else PROXIES)


def _matches(form: re.Pattern[str], value: Any) -> bool:
    return isinstance(value, str) and form.fullmatch(value) is not None


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
        if "role" in node and not (isinstance(node["role"], str) and node["role"] in ROLES):
            yield _odd(f"nodes.{number}.role", node["role"])
        yield from _labels(f"nodes.{number}.labels", node.get("labels"))


def _labels(where: str, labels: Any) -> Iterator[Text]:
    if labels is None:
        return
    if not isinstance(labels, dict):
        yield _odd(where, labels)
        return
    for key, value in labels.items():
        if not _matches(LABEL, key) or not _matches(LABEL_VALUE, value):
            yield _odd(f"{where}.{key}", value)


def _stands_in(key: str, value: Any, given: Iterable[Json]) -> bool:
    """Whether the reference answer has that of some node: lists entry by entry."""
    known = [node[key] for node in given if key in node]
    if isinstance(value, list):
        entries = [entry for each in known if isinstance(each, list) for entry in each]
        return all(entry in entries for entry in value)
    return value in known


def _mappings(value: Any) -> list[Json]:
    return [each for each in value if isinstance(each, dict)] if isinstance(value, list) else []


def _no_yaml(problem: str) -> Text:
    return Text(f"is no YAML ({shown(problem)})", f"n'est pas du YAML ({shown(problem)})")


def _odd(key: str, value: Any) -> Text:
    found = shown(str(value))
    return Text(
        f"{shown(key)}: {found!r} is none of the values that it may have: see the documentation of kind",
        f"{shown(key)}\u00a0: «\u00a0{found}\u00a0» n'est pas une valeur possible\u00a0: voyez la documentation de "
        "kind",
    )


def _not_asked(key: str) -> Text:
    return Text(
        f"{shown(key)}: it reaches the machine that grades, and the lab does not ask for it: leave it out",
        f"{shown(key)}\u00a0: cela atteint la machine qui note, et le TP ne le demande pas\u00a0: retirez-le",
    )
