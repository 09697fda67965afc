"""`labgrade up`."""

from __future__ import annotations

import argparse
import shutil
from collections.abc import Iterable
from pathlib import Path

from labgrade import course, engine
from labgrade.cluster.target import PRACTICE, practice_kubeconfig
from labgrade.commands.options import absolute
from labgrade.course.library import Course
from labgrade.course.rubric import CLUSTER
from labgrade.errors import UsageError
from labgrade.model import CNIS, Cni
from labgrade.patience import monotonic
from labgrade.providers import PROVIDERS, ClusterSpec, clusterfile


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Arguments of `labgrade up`."""
    parser.add_argument("--name", help=f"default: the configuration's, else {PRACTICE}")
    parser.add_argument("--config", type=absolute, metavar="FILE", help="a kind configuration to make it from")
    parser.add_argument("--cni", choices=CNIS, help="the Pod network; cilium needs helm, and enforces policies")
    parser.add_argument("--course", metavar="DIR", help="whose labs' images are loaded")
    parser.add_argument("--quiet", action="store_true", help="say nothing while it works")


def run(args: argparse.Namespace) -> int:
    """Makes the practice cluster or the one that a configuration describes, or starts it again."""
    config = Path(args.config) if args.config else None
    if config and args.cni:
        raise UsageError(
            "--config and --cni do not go together: what network Pods get, the configuration says itself "
            "(`networking.disableDefaultCNI: true` for one that you install)"
        )
    name = cluster_name(args.name or (_named_in(config) if config else PRACTICE))
    if config and PROVIDERS["kind"].exists(name):
        raise UsageError(
            f"there is a cluster {name} already, and no configuration changes it any more. "
            f"`labgrade down --name {name}` removes it, with all that is in it."
        )
    bare = config is not None and not clusterfile.has_network(clusterfile.read(config))
    make(name, _images(course.find(args.course), name), config, quiet=args.quiet, cni=args.cni, cni_images=bare)
    return 0


def _images(found: Course, name: str) -> list[str]:
    """Those of the labs that are done on the cluster of that name; on the practice cluster unless some name it."""
    labs = found.labs()
    chosen = [lab for lab in labs if lab.cluster == name] or [lab for lab in labs if not lab.cluster]
    return [image for lab in chosen for image in lab.images]


def make(
    name: str,
    images: Iterable[str],
    config: Path | None,
    *,
    quiet: bool,
    cni: Cni | None = None,
    cni_images: bool = False,
) -> None:
    """Makes the cluster for its user, or starts it again, and tells how far it is; see ClusterSpec."""
    began = monotonic()

    def say(words: str) -> None:
        if not quiet:
            print(f"{monotonic() - began:6.1f} s  {words}", flush=True)

    wanted = tuple(dict.fromkeys(images))
    kubeconfig = practice_kubeconfig(name)
    spec = ClusterSpec(name, kubeconfig, wanted, users=True, config=config, cni=cni, cni_images=cni_images)
    PROVIDERS["kind"].start(spec, say)
    say(f"the cluster is there: kubectl --context kind-{name} get nodes")
    kubectl = shutil.which("kubectl")
    if kubectl is None and (found := shutil.which("kubectl", path=engine.tools()["PATH"])):
        say(f"kubectl is not on your PATH; this one works: {found}")


def cluster_name(name: str) -> str:
    """`name`, or UsageError where kind does not allow it."""
    if not CLUSTER.fullmatch(name):
        raise UsageError(f"--name {name!r}: kind allows lower-case letters, digits, `.` and `-`, 41 at most")
    return name


def _named_in(config: Path) -> str:
    """The name that a configuration gives its cluster; never silently the practice cluster's."""
    name = clusterfile.name(clusterfile.read(config))
    if name is None:
        raise UsageError(f"{config} names no cluster: add `--name NAME`, or `name: NAME` to the file")
    return name
