"""Kubernetes, CoreDNS, kind, helm and the rest from Go modules that go.sum pins."""

import hashlib
import os
import re
import shutil
import subprocess
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from images.trouble import Trouble, call

SOURCE = Path(__file__).with_name("go")
PROGRAMS = ("./cmd/...", "sigs.k8s.io/kind", "helm.sh/helm/v3/cmd/helm")
# An import path of its dependencies differs from another one by letter case only: it needs a build of its own.
ALONE = "github.com/rancher/local-path-provisioner"
NAMES = ("coredns", "helm", "k8s-node", "kind", "local-path-provisioner", "pause", "podnet", "probe")
STAMP = "k8s.io/component-base/version.git"
HELM = "helm.sh/helm/v3"
# What helm takes a cluster to be that it cannot ask; its own default is of 2020.
OFFLINE = tuple(f"{HELM}/pkg/{part}.k8sVersion" for part in ("chartutil", "lint/rules"))
LDFLAGS = " ".join(
    [
        f"-s -w -X {STAMP}Version=v1.36.3 -X {STAMP}Major=1 -X {STAMP}Minor=36",
        f"-X {HELM}/internal/version.version=v3.21.4",
        *(f"-X {variable}Major=1 -X {variable}Minor=36" for variable in OFFLINE),
    ]
)
OLDEST = (1, 21)  # the first that fetches the newer toolchain that go.mod asks for
ELSEWHERE = (Path("/usr/local/go/bin"), *sorted(Path("/usr/lib").glob("go-*/bin"), reverse=True))


@dataclass(frozen=True)
class Module:
    """A Go module of ours: what is built from it, and how."""

    source: Path
    names: tuple[str, ...]
    """The programs, as go names them: by the last part of their package's path."""
    rounds: tuple[tuple[str, ...], ...]
    """The packages of one `go build` after the other."""
    ldflags: str
    tags: str = ""
    packages: int = 3200
    """How many are compiled from an empty cache, roughly."""


KUBERNETES = Module(SOURCE, NAMES, (PROGRAMS, (ALONE,)), LDFLAGS)


class Builder:
    """One build of all programs of a module, into a folder named after their sources."""

    def __init__(self, cache: Path, module: Module = KUBERNETES) -> None:
        self.module = module
        self.folder = cache / "go" / source_digest(module)
        self._running: subprocess.Popen[str] | None = None
        self._stopped = threading.Event()
        self.compiled = 0

    @property
    def done(self) -> bool:
        """Whether every program is there."""
        return all((self.folder / name).is_file() for name in self.module.names)

    def download(self) -> None:
        """Fetch the modules that the programs need."""
        self._go("list", "-deps", *self.flags(), *self.module.rounds[0])

    def module_folder(self, path: str) -> Path:
        """Where the files of a module that is built from lie in the module cache."""
        self._go("mod", "download", path)
        listed = call([go(), "list", "-m", "-f", "{{.Dir}}", path], env=settings(), cwd=self.module.source)
        return Path(listed.strip())

    def flags(self) -> Sequence[str]:
        """What go is told beside the packages."""
        return (f"-tags={self.module.tags}",) if self.module.tags else ()

    def build(self) -> None:
        """Compile what is not in Go's own cache.

        Raises Trouble with the compiler's last lines.
        """
        half = self.folder.with_suffix(".half")
        shutil.rmtree(half, ignore_errors=True)
        half.mkdir(parents=True)
        for packages in self.module.rounds:
            options = [*self.flags(), "-trimpath", f"-ldflags={self.module.ldflags}"]
            self._go("build", "-v", *options, "-o", f"{half}/", *packages)
        shutil.rmtree(self.folder, ignore_errors=True)
        half.replace(self.folder)

    def sign(self) -> str:
        """How far the build has come, in a few words."""
        return f"{self.compiled} packages compiled so far, about {self.module.packages} from an empty cache"

    def cancel(self) -> None:
        """End a build that another thread waits for."""
        self._stopped.set()
        if (running := self._running) is not None:
            running.terminate()

    def _go(self, *words: str) -> None:
        command = [str(go()), *words]
        said: list[str] = []
        with subprocess.Popen(
            command,
            env=settings(),
            cwd=self.module.source,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
        ) as running:
            self._running = running
            assert running.stderr is not None
            for line in running.stderr:
                said.append(line.rstrip())
                self.compiled += words[0] == "build" and re.fullmatch(r"[\w./~-]+\n", line) is not None
                if self._stopped.is_set():
                    running.terminate()
        self._running = None
        if running.returncode != 0:
            raise Trouble(f"`go {' '.join(words[:2])} …` failed:\n  " + "\n  ".join(said[-8:]))


def source_digest(module: Module = KUBERNETES) -> str:
    """A name for the programs: their sources, the pinned modules, the flags and the compiler."""
    source = module.source
    files = sorted(path for path in source.rglob("*") if path.is_file() and (path.suffix in (".go", ".mod", ".sum")))
    digest = hashlib.sha256(f"{module.ldflags} {module.tags} {version()}".encode())
    for path in files:
        digest.update(f"{path.relative_to(source)}\0".encode() + path.read_bytes())
    return digest.hexdigest()[:16]


def go() -> Path:
    """The go command, in PATH or where Debian and the Go project put it.

    Raises Trouble when there is none.
    """
    folders = [*map(Path, os.environ.get("PATH", "").split(":")), *ELSEWHERE]
    for folder in folders:
        if os.access(folder / "go", os.X_OK):
            return folder / "go"
    raise Trouble("Go is not installed; Go 1.26, or 1.21 and newer with GOTOOLCHAIN=auto, compiles Kubernetes here.")


def version() -> str:
    """The compiler's version, such as go1.26.0, as it will build this module.

    Raises Trouble when it is too old to fetch the one that go.mod asks for.
    """
    said = call([go(), "env", "GOVERSION"], cwd=SOURCE)
    found = re.match(r"go(\d+)\.(\d+)", said)
    if found is None or (int(found[1]), int(found[2])) < OLDEST:
        raise Trouble(f"{go()} is {said.strip() or 'older than go1.21'}; install Go 1.26 and put it first in PATH.")
    return said.strip()


def settings() -> dict[str, str]:
    """The environment in which go compiles here."""
    return {
        **os.environ,
        "CGO_ENABLED": "0",
        "GOGC": "400",
        "GOFLAGS": "-buildvcs=false -mod=readonly",
        "GOWORK": "off",
    }
