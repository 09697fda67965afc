"""`labgrade down`."""

from __future__ import annotations

import argparse

from labgrade.cluster.target import PRACTICE, practice_kubeconfig
from labgrade.commands.up import cluster_name
from labgrade.providers import PROVIDERS


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Arguments of `labgrade down`."""
    parser.add_argument("--name", default=PRACTICE, help="default: %(default)s")
    parser.add_argument("--quiet", action="store_true", help="say nothing")


def run(args: argparse.Namespace) -> int:
    """Removes the practice cluster; fine where there is none."""
    name, kind = cluster_name(args.name), PROVIDERS["kind"]
    there = kind.exists(name)
    if there:
        kind.stop(name)
    practice_kubeconfig(name).unlink(missing_ok=True)
    if not args.quiet:
        print(f"the cluster {name} is removed" if there else f"there is no cluster {name}")
    return 0
