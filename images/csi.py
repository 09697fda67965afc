"""A CSI driver that needs no disk, with the helpers that real drivers have: compiled, packed, and ready to install.

It is for trying what only such a driver can do with volumes, growing and snapshots, and in no node image.
"""

import hashlib
import shutil
from dataclasses import dataclass
from pathlib import Path

from images import gobuild, locks
from images.archive import Image, Tree, keep_tree, save
from images.places import Places
from images.progress import Progress

SOURCE = Path(__file__).with_name("csi")
MANIFEST = SOURCE / "driver.yaml"
TAG = "docker.io/labgrade/csi-folders:1"
DRIVER = "folders.labgrade"
HELPERS = {
    "csi-provisioner": "github.com/kubernetes-csi/external-provisioner/v6",
    "csi-resizer": "github.com/kubernetes-csi/external-resizer/v2",
    "csi-snapshotter": "github.com/kubernetes-csi/external-snapshotter/v8",
    "snapshot-controller": "github.com/kubernetes-csi/external-snapshotter/v8",
}
"""Each helper and the module that it comes from."""

KINDS = "github.com/kubernetes-csi/external-snapshotter/client/v8"
"""The module that has the custom resource definitions of snapshots."""

GO = gobuild.Module(
    source=SOURCE,
    names=("csi-folders", *HELPERS),
    rounds=(("./cmd/...", *(f"{module}/cmd/{name}" for name, module in HELPERS.items())),),
    ldflags="-s -w",
    packages=940,
)


@dataclass(frozen=True)
class Kit:
    """What installs the driver on a cluster."""

    archive: Path
    """An image archive that holds `TAG`."""
    manifests: Path
    """A folder, to be applied in the order of its names: first the kinds of snapshots, then the driver."""


def made(here: Places, progress: Progress) -> Kit:
    """Compiles and packs what is not in the cache yet.

    Raises Trouble where Go is missing or does not compile it.
    """
    go = gobuild.Builder(here.cache, GO)
    key = hashlib.sha256(f"{go.folder.name}{MANIFEST.read_text(encoding='utf-8')}".encode()).hexdigest()[:16]
    kit = Kit(here.cache / "csi" / f"{go.folder.name}.tar", here.cache / "csi" / key)
    if kit.archive.is_file() and kit.manifests.is_dir():
        return kit
    with locks.alone(here, progress):
        if not go.done:
            with progress.step("the CSI driver and its helpers", about=40, sign=go.sign):
                go.build()
        with progress.step("the CSI driver's image", about=5):
            _pack(go.folder, here.cache / "layers", kit.archive)
        _collect(go.module_folder(KINDS) / "config" / "crd", kit.manifests)
    return kit


def _collect(kinds: Path, manifests: Path) -> None:
    half = manifests.with_suffix(".half")
    shutil.rmtree(half, ignore_errors=True)
    half.mkdir(parents=True)
    for path in kinds.glob("snapshot.storage.k8s.io_*.yaml"):
        shutil.copyfile(path, half / f"10-{path.name}")
    shutil.copyfile(MANIFEST, half / "20-driver.yaml")
    shutil.rmtree(manifests, ignore_errors=True)
    half.replace(manifests)


def _pack(programs: Path, layers: Path, archive: Path) -> None:
    def fill(tree: Tree) -> None:
        for name in GO.names:
            tree.file(f"/{name}", programs / name, mode=0o755)

    archive.parent.mkdir(parents=True, exist_ok=True)
    layer = keep_tree(fill, layers, f"csi-{programs.name}")
    half = archive.with_suffix(".half")
    with half.open("wb") as out:
        save([Image((TAG,), (layer,), {"Entrypoint": ["/csi-folders"]})], out)
    half.replace(archive)
