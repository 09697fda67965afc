"""Which program asks: our own, where its image is on the nodes, else the same in Python from a public image."""

from __future__ import annotations

import inspect
import os
from collections.abc import Sequence
from dataclasses import dataclass

from labgrade.facts import Node
from labgrade.probe import agent, image

AGENT = ("python3", "-IS", "-c", inspect.getsource(agent))
"""The probe in Python, as a command that arguments are added to."""


@dataclass(frozen=True, slots=True)
class Program:
    """An image, and the command in it that takes the probe's arguments."""

    image: str
    command: tuple[str, ...]


OURS = Program(image.TAG, ("/probe",))
PUBLIC = Program(image.FALLBACK, AGENT)


def on_nodes(nodes: Sequence[Node]) -> Program:
    """What can be run on all of these nodes at once, or what LABGRADE_PROBE_IMAGE names."""
    if named := os.environ.get(image.VARIABLE):
        return Program(named, OURS.command)
    return OURS if all(image.TAG in node.image_names for node in nodes) else PUBLIC
