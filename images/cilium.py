"""Cilium from its Go module: the programs, what goes into its images beside them, and the helm chart."""

import hashlib
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from images import gobuild
from images.trouble import Trouble

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


@dataclass(frozen=True)
class Edit:
    """A change of one place in a file of the module."""

    file: str
    old: str
    new: str


EDITS = (
    # A kernel without loadable modules has no list of them: then none is loaded.
    Edit(
        "pkg/datapath/linux/modules/modules_linux.go",
        "os.Open(loadedModulesFilepath)\n",
        "os.Open(loadedModulesFilepath)\n\tif errors.Is(err, os.ErrNotExist) {\n\t\treturn nil, nil\n\t}\n",
    ),
)


class Builder(gobuild.Builder):
    """The build of Cilium's programs, from a copy of the module in which `EDITS` are made."""

    def __init__(self, cache: Path) -> None:
        super().__init__(cache, GO)
        key = hashlib.sha256(f"{self.folder.name}{EDITS}".encode()).hexdigest()[:16]
        self.folder = self.folder.with_name(key)
        self.laid_out = cache / "cilium" / key

    @property
    def copy(self) -> Path:
        """The copy of Cilium's module, edited."""
        return self.laid_out / "module"

    @property
    def done(self) -> bool:
        """Whether the programs and the chart are there."""
        return self.copy.is_dir() and super().done

    def flags(self) -> Sequence[str]:
        """What go is told beside the packages: to build from the copy."""
        return (*super().flags(), f"-modfile={self.laid_out / 'go.mod'}")

    def download(self) -> None:
        """Fetch the modules, and lay the copy out.

        Raises Trouble when the module is not as the edits expect it.
        """
        if not self.copy.is_dir():
            self._lay_out(self.module_folder(PATH))
        super().download()

    def _lay_out(self, module: Path) -> None:
        half = self.laid_out.with_suffix(".half")
        shutil.rmtree(half, ignore_errors=True)
        half.mkdir(parents=True)
        shutil.copytree(
            module, half / "module", ignore=shutil.ignore_patterns("Documentation"), copy_function=shutil.copyfile
        )
        edit(half / "module", EDITS)
        pinned = (SOURCE / "go.mod").read_text(encoding="utf-8")
        replaced = f"{pinned}\nreplace {PATH} => {self.copy}\n"
        (half / "go.mod").write_text(replaced, encoding="utf-8")
        shutil.copyfile(SOURCE / "go.sum", half / "go.sum")
        shutil.rmtree(self.laid_out, ignore_errors=True)
        half.replace(self.laid_out)


def edit(folder: Path, edits: Sequence[Edit]) -> None:
    """Change files of a folder.

    Raises Trouble when a text is not there exactly once.
    """
    for each in edits:
        path = folder / each.file
        text = path.read_text(encoding="utf-8") if path.is_file() else ""
        if text.count(each.old) != 1:
            raise Trouble(f"Cilium's {each.file} is not what {VERSION} has: {each.old.strip()} is not there once.")
        path.chmod(0o644)
        path.write_text(text.replace(each.old, each.new), encoding="utf-8")
