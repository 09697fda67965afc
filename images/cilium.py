"""Cilium from its Go module: the programs, what goes into its images beside them, and the helm chart."""

from pathlib import Path
from typing import Any

from images import edited, gobuild
from images.edited import Edit

VERSION = "1.17.2"
PATH = "github.com/cilium/cilium"
SOURCE = Path(__file__).with_name("cilium")
RECIPES = SOURCE / "recipes"
CHART = "install/kubernetes/cilium"
NAMES = {
    "cilium-cni": "plugins/cilium-cni",
    "cilium-dbg": "cilium-dbg",
    "cilium-health": "cilium-health",
    "daemon": "daemon",
    "hubble": "hubble",
    "hubble-relay": "hubble-relay",
    "mount": "tools/mount",
    "operator": "operator",
    "responder": "cilium-health/responder",
    "sysctlfix": "tools/sysctlfix",
}
"""Each program and its package below Cilium's module."""

# The agent reads seven words: version, commit and its time, then what Go says of itself.
STAMP = f'-X "{PATH}/pkg/version.ciliumVersion={VERSION} module 2025-03-13T00:00:00+00:00"'
GO = gobuild.Module(
    source=SOURCE,
    names=tuple(NAMES),
    rounds=(tuple(f"{PATH}/{package}" for package in NAMES.values()),),
    ldflags=f"-s -w {STAMP} -X {PATH}/hubble/pkg.Version={VERSION}",
    tags="ipam_provider_operator",
    packages=2400,
)

CAPABILITIES = {
    # The chart's lists without SYS_RESOURCE, which such a host's root does not have, and with what bpftool asks for.
    "ciliumAgent": [
        *("CHOWN", "KILL", "NET_ADMIN", "NET_RAW", "IPC_LOCK", "SYS_MODULE", "SYS_ADMIN", "DAC_OVERRIDE"),
        *("FOWNER", "SETGID", "SETUID", "BPF", "PERFMON"),
    ],
    "cleanCiliumState": ["NET_ADMIN", "SYS_MODULE", "SYS_ADMIN", "BPF", "PERFMON"],
}
OURS: dict[str, Any] = {"useDigest": False, "pullPolicy": "IfNotPresent"}
VALUES: dict[str, Any] = {
    "image": OURS,
    "operator": {"image": OURS},
    "hubble": {"relay": {"image": OURS}, "ui": {"enabled": False}},
    "securityContext": {"capabilities": CAPABILITIES},
    # Rules for DNS need the agent's own proxy, which works without Envoy; rules for HTTP would need Envoy.
    "envoy": {"enabled": False},
    "l7Proxy": True,
}
"""What the chart must be told so that it finds our images and runs on such a host."""


EDITS = (
    # A kernel without loadable modules has no list of them: then none is loaded.
    Edit(
        "pkg/datapath/linux/modules/modules_linux.go",
        "os.Open(loadedModulesFilepath)\n",
        "os.Open(loadedModulesFilepath)\n\tif errors.Is(err, os.ErrNotExist) {\n\t\treturn nil, nil\n\t}\n",
    ),
)


class Builder(edited.Builder):
    """The build of Cilium's programs."""

    def __init__(self, cache: Path) -> None:
        super().__init__(cache, GO, path=PATH, edits=EDITS, without=("Documentation",))
