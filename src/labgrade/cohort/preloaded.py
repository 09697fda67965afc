"""What the process that others are forked off has imported beforehand; importing this module is all it does."""

from __future__ import annotations

import gc
import importlib
import pkgutil

import labgrade.cluster
import labgrade.facts
import labgrade.why

for room in (labgrade.cluster, labgrade.facts, labgrade.why):
    for found in pkgutil.iter_modules(room.__path__, f"{room.__name__}."):
        importlib.import_module(found.name)
for name in ("labgrade.plugin", "_pytest.skipping", "_pytest.unittest", "_pytest.warnings", "xml.etree.ElementTree"):
    importlib.import_module(name)

# What is here already is here to stay: looking through it for garbage would only copy its pages to each process.
gc.collect()
gc.freeze()
