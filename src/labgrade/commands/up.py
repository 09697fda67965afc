"""`labgrade up`."""

from __future__ import annotations

import argparse
import re
import shutil

from labgrade import course, engine
from labgrade.cluster.target import PRACTICE, practice_kubeconfig
from labgrade.errors import UsageError
from labgrade.patience import monotonic
from labgrade.probe.image import IMAGE
from labgrade.providers import PROVIDERS, ClusterSpec

NAME = re.compile(r"[a-z0-9][a-z0-9.-]{0,40}")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Arguments of `labgrade up`."""
    parser.add_argument("--name", default=PRACTICE, help="default: %(default)s")
    parser.add_argument("--cni", choices=("default",), default="default", help="the Pod network")
    parser.add_argument("--course", metavar="DIR", help="whose labs' images are loaded")
    parser.add_argument("--quiet", action="store_true", help="say nothing while it works")


def run(args: argparse.Namespace) -> int:
    """Makes the practice cluster, or starts it again."""
    name = cluster_name(args.name)
    images = [image for lab in course.find(args.course).labs() for image in lab.images]
    began = monotonic()

    def say(words: str) -> None:
        if not args.quiet:
            print(f"{monotonic() - began:6.1f} s  {words}", flush=True)

    spec = ClusterSpec(name, practice_kubeconfig(name), tuple(dict.fromkeys([IMAGE, *images])), users=True)
    PROVIDERS["kind"].start(spec, say)
    say(f"the cluster is ready: kubectl --context kind-{name} get nodes")
    kubectl = shutil.which("kubectl")
    if kubectl is None and (found := shutil.which("kubectl", path=engine.tools()["PATH"])):
        say(f"kubectl is not on your PATH; this one works: {found}")
    return 0


def cluster_name(name: str) -> str:
    """`name`, or UsageError where kind does not allow it."""
    if not NAME.fullmatch(name):
        raise UsageError(f"--name {name!r}: kind allows lower-case letters, digits, `.` and `-`, 41 at most")
    return name
