"""From nothing to a running engine that holds the node image: what is missing is made, nothing else."""

import hashlib
import json
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Generator
from concurrent.futures import FIRST_EXCEPTION, ThreadPoolExecutor, wait
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path

from images import archive, compose, contract, gobuild, node, rootfs, tools
from images.aptsources import mirror
from images.archive import Image, Layer, file_digest
from images.debian import Archive, Deb, Wanted, unpack
from images.engine import Engine
from images.host import certificates, release
from images.places import Places
from images.progress import Progress
from images.recipes import all_recipes
from images.trouble import Trouble
from images.withcilium import WithCilium

CODE = (archive, compose, node, rootfs)
CONFIGURATION = {
    "Env": ["container=docker", f"PATH={compose.PATH}"],
    "Entrypoint": ["/usr/local/bin/entrypoint", "/sbin/init"],
    "StopSignal": "SIGRTMIN+3",
}


class Build:
    """All that goes into the engine and its node image, with the caches of one user."""

    def __init__(self, places: Places, progress: Progress) -> None:
        self.places, self.progress = places, progress
        here = release(Path("/etc/os-release").read_text(encoding="utf-8"))
        self.debian = Archive(places.cache, mirror(Path("/etc/apt"), here))
        self.go = gobuild.Builder(places.cache)
        self.kitchen = compose.Kitchen(places.cache, self.debian, self.go.folder)
        self.recipes = all_recipes()
        self.cilium = WithCilium(places.cache, self.debian, progress)

    @property
    def wanted(self) -> list[Wanted]:
        """Every set of Debian packages."""
        parts = [*tools.PACKAGES, node.DEBIAN, node.ESSENTIAL, node.RUNTIME, node.RUNC]
        parts += [wanted for recipe in self.recipes for wanted in self.kitchen.wants(recipe)]
        return list(dict.fromkeys(parts))

    def up(self, *, with_cilium: bool = False) -> Engine:
        """The running engine, with the node image in it and engine.json written.

        The second node image, `with_cilium`, is made only when it is asked for.
        Raises Trouble when something cannot be fetched, compiled or started.
        """
        if self.go.done and all(self.debian.known(wanted) is not None for wanted in self.wanted):
            engine = self._engine()
        else:
            engine = self._tracks()
        image = self.node_image()
        if not engine.has(image):
            with self.progress.step("node image", about=45):
                self._node(engine, image, self._images())
        if with_cilium and not self.cilium.complete:
            _side_by_side(self.cilium, self.cilium.compile, self.cilium.fetch)
        second = self.cilium.node_image(image)
        if with_cilium and second and not engine.has(second):
            with self.progress.step("node image with Cilium", about=60):
                self._node(engine, second, [*self._images(), *self.cilium.images()])
        there = second if second and engine.has(second) else None
        engine.keep_only(image, *([there] if there else []))
        announced = self.cilium.announced(there)
        recipes = [*self.recipes, *(self.cilium.recipes if there else [])]
        contract.write(self.places, contract.contents(self.places, engine.tools, image, recipes, announced))
        return engine

    def node_image(self) -> str:
        """The node image's name: its tag changes with anything that it is made of."""
        debs = [asdict(deb) for wanted in self.wanted for deb in self.debian.fetch(wanted)]
        texts = [Path(str(module.__file__)) for module in CODE] + [node.MANIFEST]
        texts += sorted(path for path in Path(__file__).with_name("recipes").rglob("*") if path.is_file())
        parts = [self.go.folder.name, debs, *(path.read_text(encoding="utf-8") for path in texts)]
        digest = hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()
        return f"docker.io/kindest/node:{node.VERSION}-{digest[:12]}"

    def _tracks(self) -> Engine:
        """Compile and, at the same time, do all that needs no compiler."""
        if (said := certificates()) is not None:
            self.progress.say(said)
        _side_by_side(self.go, self._compile, self._fetch)
        return self._engine()

    def _compile(self) -> None:
        if self.go.done:
            return
        with self.progress.step("Go modules", about=20):
            self.go.download()
        with self.progress.step("Go programs", about=300, sign=self.go.sign):
            self.go.build()

    def _fetch(self) -> None:
        with self.progress.step("Debian packages", about=30):
            for wanted in self.wanted:
                self.debian.fetch(wanted)
        with self.progress.step("node's Debian", about=25):
            self._root()
        self._engine()
        with self.progress.step("image layers", about=15):
            for recipe in self.recipes:
                self.kitchen.prepare(recipe)

    def _engine(self) -> Engine:
        """The engine, running and guarded."""
        engine = Engine(self.places, tools.install(self.debian, self.go.folder, self.places.cache))
        if engine.answers():
            engine.guard()
        else:
            with self.progress.step("engine", about=2):
                engine.start()
        return engine

    def _images(self) -> list[Image]:
        images = [self.kitchen.image(recipe) for recipe in self.recipes]
        self._all_there(images)
        return images

    def _node(self, engine: Engine, name: str, images: list[Image]) -> None:
        # containerd binds sockets below its state: the folder's path must be short
        with _scratch(self.places.cache / "work") as work, tempfile.TemporaryDirectory(dir="/run") as state:
            runtime, root = work / "runtime", work / "node"
            for wanted in (node.RUNTIME, node.RUNC):
                for deb in self.debian.fetch(wanted):
                    unpack(self.debian.path(deb), runtime)
            module = self.go.module_folder("sigs.k8s.io/kind")
            root.mkdir()
            node.kind_files(module, root)
            node.services(root)
            node.programs(runtime, self.go.folder, root)
            node.settings(module, runtime, root)
            node.preload(images, runtime, root, Path(state) / "c")
            rootfs.pack(root, work / "node.tar")
            upper = Layer(work / "node.tar", file_digest(work / "node.tar"))
            engine.load([Image((name,), (self._root(), upper), CONFIGURATION)])

    def _root(self) -> Layer:
        """The lower layer of the node image: Debian, made when its packages changed."""
        debs, first = self.debian.fetch(node.DEBIAN), self.debian.fetch(node.ESSENTIAL)
        texts = [Path(str(module.__file__)).read_text(encoding="utf-8") for module in (node, rootfs)]
        parts = [*texts, *([asdict(deb) for deb in group] for group in (debs, first))]
        key = hashlib.sha256(json.dumps(parts).encode()).hexdigest()[:20]

        def make(path: Path) -> None:
            self._debian_root(debs, first, path)

        return archive.keep(make, self.places.cache / "layers", key)

    def _debian_root(self, debs: list[Deb], first: list[Deb], path: Path) -> None:
        with _scratch(self.places.cache / "root") as root:
            rootfs.make_root(self.debian, debs, first, root)
            node.furnish_root(root)
            rootfs.pack(root, path)

    def _all_there(self, images: list[Image]) -> None:
        """Make sure that no image is asked for from a registry while a cluster starts."""
        asked = ["kubeadm", "config", "images", "list", "--kubernetes-version", node.VERSION]
        listed = subprocess.run(
            asked, executable=self.go.folder / "k8s-node", capture_output=True, text=True, check=True
        ).stdout.split()
        settings = node.kind_settings(self.go.module_folder("sigs.k8s.io/kind"))
        needed = {*listed, settings["storageProvisionerImage"], settings["storageHelperImage"]}
        if lacking := sorted(needed - {tag for image in images for tag in image.tags}):
            raise Trouble(f"No recipe in images/recipes makes {lacking[0]}, which a cluster needs; add it to `tags`.")


def _side_by_side(go: gobuild.Builder | WithCilium, compiles: Callable[[], None], fetches: Callable[[], None]) -> None:
    """Run the two tracks; the first failure ends both."""
    with ThreadPoolExecutor(2) as pool:
        tracks = [pool.submit(compiles), pool.submit(fetches)]
        try:
            wait(tracks, return_when=FIRST_EXCEPTION)
        finally:
            if not all(track.done() and track.exception() is None for track in tracks):
                go.cancel()
        # the compiler that was ended because of the other track has nothing to say
        for track in reversed(tracks):
            track.result()


@contextmanager
def _scratch(path: Path) -> Generator[Path]:
    """An empty folder that is gone afterwards, and was if a run before did not come to its end."""
    shutil.rmtree(path, ignore_errors=True)
    path.mkdir(parents=True)
    try:
        yield path
    finally:
        shutil.rmtree(path, ignore_errors=True)
