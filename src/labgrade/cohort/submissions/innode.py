"""A student's script, run in a node of the practice cluster: never on the machine below, and there as nobody.

A node of a kind cluster is a privileged container, whose root is as good as the machine's. So the script runs there
without any privilege, among processes and files of its own that end with it, and with rights in its namespace alone.
"""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Generator, Sequence
from contextlib import contextmanager, suppress
from typing import Protocol

from labgrade import engine
from labgrade.cohort.submissions import bounded
from labgrade.cohort.submissions.bounded import Ended
from labgrade.errors import HarnessError
from labgrade.model import Json
from labgrade.patience import monotonic, until
from labgrade.run import output
from labgrade.text import harmless

NAME = "labgrade-steps"
HOME = "default"
"""The namespace of the service account: not the student's, whose objects are counted."""

USER = f"system:serviceaccount:{HOME}:{NAME}"

SERVER = "https://localhost:6443"
"""By this name, every API server of kind's has a certificate, and on its own node it is always there."""

TOKEN_MINUTES = 15
RIGHTS_SECONDS = 10.0
SHORT_SECONDS = 30.0
MORE_SECONDS = 30.0
"""What the engine gets beyond the script's own time, to end it and to say so."""

MOST_SAID = 16 * 1024

LOOK = ["get", "list", "watch"]
OUTSIDE: list[Json] = [
    {"apiGroups": [""], "resources": ["nodes", "namespaces", "persistentvolumes"], "verbs": LOOK},
    {"apiGroups": ["storage.k8s.io"], "resources": ["storageclasses", "csidrivers"], "verbs": LOOK},
    {"apiGroups": ["networking.k8s.io"], "resources": ["ingressclasses"], "verbs": LOOK},
    {"apiGroups": ["apiextensions.k8s.io"], "resources": ["customresourcedefinitions"], "verbs": LOOK},
    {"apiGroups": [""], "resources": ["nodes"], "verbs": ["patch", "update"]},
]
"""What a script may do outside its namespace: look, and label nodes."""

CHANGE = [*LOOK, "create", "update", "patch", "delete", "deletecollection"]
INSIDE: list[Json] = [
    {
        "apiGroups": [""],
        "resources": [
            *("pods", "pods/attach", "pods/ephemeralcontainers", "pods/eviction", "pods/exec", "pods/log"),
            *("pods/portforward", "pods/resize", "replicationcontrollers", "replicationcontrollers/scale"),
            *(
                "configmaps",
                "endpoints",
                "events",
                "limitranges",
                "persistentvolumeclaims",
                "resourcequotas",
                "secrets",
            ),
            *("serviceaccounts", "services"),
        ],
        "verbs": CHANGE,
    },
    {
        "apiGroups": [
            *("apps", "autoscaling", "batch", "cilium.io", "discovery.k8s.io", "events.k8s.io"),
            *("gateway.networking.k8s.io", "metrics.k8s.io", "networking.k8s.io", "policy", "snapshot.storage.k8s.io"),
        ],
        "resources": ["*"],
        "verbs": CHANGE,
    },
    {"apiGroups": ["rbac.authorization.k8s.io"], "resources": ["roles", "rolebindings"], "verbs": CHANGE},
]
"""What it may do inside: neither change the namespace itself, whose labels guard it, nor give itself more rights."""

PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
ROOM = r"""
set -eu
umask 022
room=/mnt
mount -t tmpfs -o mode=755,nosuid,size=256m,nr_inodes=20k labgrade "$room"
cd "$room"
mkdir -m 755 dev etc home old proc usr
mkdir -m 1777 tmp
mount --bind /usr usr
mount -o remount,bind,ro,nosuid usr
for each in bin lib lib32 lib64 libx32 sbin; do
    [ ! -L "/$each" ] || { cp -P "/$each" "$each"; continue; }
    [ ! -d "/$each" ] || { mkdir "$each"; mount --bind "/$each" "$each"; mount -o remount,bind,ro,nosuid "$each"; }
done
cp -RP /etc/alternatives etc/
cp -L /etc/group /etc/hosts /etc/nsswitch.conf /etc/passwd /etc/resolv.conf etc/
for each in full null random urandom zero; do touch "dev/$each"; mount --bind "/dev/$each" "dev/$each"; done
ln -s /proc/self/fd dev/fd
mount -t proc -o nosuid,nodev,noexec proc proc
pivot_root . old
cd /
umount -l old
rmdir old
umask 077
IFS= read -r config
printf %s "$config" | base64 -d > home/kubeconfig
cat > home/steps.sh
chown -R 65534:65534 home
cd home
ulimit -c 0
ulimit -f 131072
code=0
env -i PATH="$PATH" HOME=/home TMPDIR=/tmp KUBECONFIG=/home/kubeconfig NAMESPACE="$1" LC_ALL=C.UTF-8 \
    timeout --kill-after=5 "$2" \
    prlimit --nproc=400 \
    setpriv --reuid=65534 --regid=65534 --clear-groups --no-new-privs --bounding-set=-all --inh-caps=-all \
    bash -eu steps.sh </dev/null 2>&1 || code=$?
echo "labgrade-exit=$code" >&2
"""
"""Run by the node's root as the first of the room's processes: when it ends, all the others do.

The room is made of the node's programs, which nobody can change there, and of memory that is gone with it: whatever a
script writes, wherever it may, nothing of it is on the node afterwards.
"""

PROGRAM = r"""
exec unshare --mount --pid --ipc --fork --kill-child sh -c "$@"
"""

EXIT = re.compile(rb"^labgrade-exit=(\d+)$", re.MULTILINE)
TIMED_OUT = frozenset({124, 137})
"""What `timeout` ends with; programs that end so by themselves do it sooner."""


class Kubectl(Protocol):
    """Runs kubectl as the cluster's administrator."""

    def __call__(self, *words: str, stdin: str = "") -> str:
        """What it prints; HarnessError where it fails."""
        ...


class InNode(Protocol):
    """Runs a command in the control plane's node as its root."""

    def __call__(self, command: Sequence[str], *, stdin: bytes, seconds: float) -> Ended:
        """What became of it; HarnessError where there is no such node."""
        ...


def in_node(cluster: str) -> InNode:
    """How to run something in a kind cluster of that name on our engine."""

    def run(command: Sequence[str], *, stdin: bytes, seconds: float) -> Ended:
        environment = engine.find().environment
        words = ["docker", "ps", "--format", "{{.Names}}", "--filter", f"label=io.x-k8s.kind.cluster={cluster}"]
        words += ["--filter", "label=io.x-k8s.kind.role=control-plane"]
        nodes = output(words, environment, seconds=SHORT_SECONDS).split()
        if not nodes:
            raise HarnessError(f"the kind cluster {cluster} has no control plane that runs")
        inside = ["docker", "exec", "--interactive", nodes[0], *command]
        return bounded.run(inside, environment, seconds=seconds, most=MOST_SAID, stdin=stdin)

    return run


def steps(script: bytes, namespace: str, config: Json, run_in_node: InNode, *, seconds: float) -> Ended:
    """Runs it with a kubeconfig that the node understands; the exit code is None where its time was over.

    HarnessError where it could not be run at all.
    """
    command = ["env", "-i", f"PATH={PATH}", "sh", "-c", PROGRAM, "room", ROOM, "steps", namespace, f"{seconds:.0f}"]
    stdin = base64.b64encode(json.dumps(config).encode()) + b"\n" + script
    began = monotonic()
    ended = run_in_node(command, stdin=stdin, seconds=seconds + MORE_SECONDS)
    over = monotonic() - began >= seconds
    found = EXIT.search(ended.errors)
    if ended.code is not None and not found:
        words = harmless(ended.errors.decode("utf-8", "replace")).strip()[-300:]
        raise HarnessError(f"the steps could not be run in a node: {words}")
    code = int(found[1]) if found else None
    return Ended(None if over and code in TIMED_OUT else code, ended.said, ended.lost, ended.errors)


@contextmanager
def identity(namespace: str, kubectl: Kubectl) -> Generator[Json]:
    """A kubeconfig for a node's programs, with most rights in that namespace and few outside; void afterwards.

    `kubectl` runs it as the cluster's administrator. HarnessError where it fails.
    """
    granted = json.dumps({"apiVersion": "v1", "kind": "List", "items": _granted(namespace)})
    try:
        kubectl("apply", "--filename", "-", stdin=granted)
        if not until(lambda: _is_heard_of(namespace, kubectl), seconds=RIGHTS_SECONDS):
            raise HarnessError(f"the rights of {USER} did not take effect within {RIGHTS_SECONDS:.0f} s")
        yield _kubeconfig(namespace, kubectl)
    finally:
        with suppress(HarnessError):
            kubectl("delete", "--filename", "-", "--ignore-not-found", "--wait=false", stdin=granted)


def _kubeconfig(namespace: str, kubectl: Kubectl) -> Json:
    token = kubectl("create", "token", NAME, f"--namespace={HOME}", f"--duration={TOKEN_MINUTES}m").strip()
    ours = json.loads(kubectl("config", "view", "--raw", "--minify", "--output=json"))
    authority = ours["clusters"][0]["cluster"]["certificate-authority-data"]
    return {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{"name": NAME, "cluster": {"server": SERVER, "certificate-authority-data": authority}}],
        "users": [{"name": NAME, "user": {"token": token}}],
        "contexts": [{"name": NAME, "context": {"cluster": NAME, "user": NAME, "namespace": namespace}}],
        "current-context": NAME,
    }


def _granted(namespace: str) -> list[Json]:
    account = {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": NAME, "namespace": HOME}}
    inside = {"name": NAME, "namespace": namespace}
    return [account, *_role("ClusterRole", {"name": NAME}, OUTSIDE), *_role("Role", inside, INSIDE)]


def _role(kind: str, metadata: Json, rules: list[Json]) -> list[Json]:
    """A role and its binding to the script's service account."""
    group = "rbac.authorization.k8s.io"
    common = {"apiVersion": f"{group}/v1", "metadata": metadata}
    subject = {"kind": "ServiceAccount", "name": NAME, "namespace": HOME}
    role = {"apiGroup": group, "kind": kind, "name": NAME}
    return [
        common | {"kind": kind, "rules": rules},
        common | {"kind": f"{kind}Binding", "roleRef": role, "subjects": [subject]},
    ]


def _is_heard_of(namespace: str, kubectl: Kubectl) -> bool:
    """Whether the API server knows of the rights already: it learns of them as others do, a moment later."""
    try:
        for what in (["create", "pods", f"--namespace={namespace}"], ["patch", "nodes"]):
            kubectl("auth", "can-i", *what, f"--as={USER}")
    except HarnessError:
        return False
    return True
