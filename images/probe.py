"""The probe's image as archives, for engines that are not ours: an architecture each, made when a wheel is."""

import hashlib
import subprocess
import tempfile
from pathlib import Path

from images.archive import Image, Layer, Tree, file_digest, save
from images.gobuild import SOURCE, go, settings
from images.trouble import Trouble

SOURCES = SOURCE / "cmd" / "probe"
ARCHITECTURES = ("amd64", "arm64")
ARCHIVES = Path(__file__).parents[1] / "src" / "labgrade" / "probe" / "archives"


def key() -> str:
    """A name for the program: twelve characters of a digest of its sources."""
    digest = hashlib.sha256()
    for path in sorted(SOURCES.glob("*.go")):
        digest.update(f"{path.name}\0".encode() + path.read_bytes())
    return digest.hexdigest()[:12]


def make(architecture: str, folder: Path = ARCHIVES) -> Path:
    """Compiles the program and writes its image, unless that was done; the archive's path.

    Raises Trouble where Go is missing or does not compile it.
    """
    path = folder / f"{key()}-{architecture}.tar"
    if path.is_file():
        return path
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as work:
        half = Path(work) / path.name
        layer = _layer(_compiled(architecture, Path(work) / "probe"), Path(work) / "layer.tar")
        config = {"Entrypoint": ["/probe"], "User": "65532:65532"}
        with half.open("wb") as out:
            save([Image((f"docker.io/labgrade/probe:{key()}",), (layer,), config, architecture)], out)
        for old in folder.glob(f"*-{architecture}.tar"):
            old.unlink()
        path.write_bytes(half.read_bytes())
    return path


def _compiled(architecture: str, program: Path) -> Path:
    command = [
        str(go()),
        "build",
        "-trimpath",
        "-ldflags=-s -w",
        "-o",
        str(program),
        f"./{SOURCES.relative_to(SOURCE)}",
    ]
    done = subprocess.run(
        command,
        cwd=SOURCE,
        env=settings() | {"GOARCH": architecture, "GOOS": "linux"},
        capture_output=True,
        check=False,
    )
    if done.returncode != 0:
        raise Trouble(f"the probe was not compiled:\n{done.stderr.decode(errors='replace')[-2000:]}")
    return program


def _layer(program: Path, path: Path) -> Layer:
    tree = Tree()
    tree.file("/probe", program, mode=0o755)
    with path.open("wb") as out:
        tree.write(out)
    return Layer(path, file_digest(path))
