"""From recipes to images."""

import hashlib
import json
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from images import archive
from images.archive import UNNEEDED, Image, Layer, Tree, file_digest, keep_tree
from images.debian import Archive, Wanted, unpack
from images.recipes import Recipe
from images.trouble import Trouble, call

APPLETS = Wanted("trixie", ("busybox-static",), alone=True)
PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
FOLDERS = ("/proc", "/sys", "/dev", "/run", "/root", "/var/tmp")
ACCOUNTS = {
    "/etc/passwd": "root:x:0:0:root:/root:/bin/sh\nwww-data:x:33:33::/var/www:/bin/false\n"
    "nginx:x:101:101::/nonexistent:/bin/false\nnobody:x:65534:65534:nobody:/nonexistent:/bin/false\n",
    "/etc/group": "root:x:0:\nwww-data:x:33:\nnginx:x:101:\nnogroup:x:65534:\n",
    "/etc/nsswitch.conf": "passwd: files\ngroup: files\nhosts: files dns\n",
}


class Kitchen:
    """Makes images and keeps their layers by content."""

    def __init__(self, cache: Path, debian: Archive, binaries: Path, module: Path | None = None) -> None:
        self.layers, self.debian, self.binaries, self.module = cache / "layers", debian, binaries, module
        self.code = hashlib.sha256(
            b"".join(Path(source).read_bytes() for source in (__file__, archive.__file__))
        ).hexdigest()

    def wants(self, recipe: Recipe) -> list[Wanted]:
        """The Debian packages of a recipe."""
        return [wanted for wanted in (recipe.debian, recipe.parts, APPLETS if recipe.applets else None) if wanted]

    def image(self, recipe: Recipe) -> Image:
        """The image of a recipe, its layers on disk; packages are fetched when they are not there yet."""
        layers = [self._packages(recipe)] if recipe.debian else []
        layers.append(self._own(recipe))
        if recipe.module:
            layers.append(self._from_module(recipe.module))
        if recipe.go:
            layers.append(self._programs(recipe.go))
        config: dict[str, Any] = {"Env": [f"PATH={PATH}", *(f"{k}={v}" for k, v in sorted(recipe.env.items()))]}
        if recipe.entrypoint:
            config["Entrypoint"] = list(recipe.entrypoint)
        if recipe.command:
            config["Cmd"] = list(recipe.command)
        settings = {"WorkingDir": recipe.workdir, "User": recipe.user}
        config |= {key: value for key, value in settings.items() if value}
        return Image(recipe.tags, tuple(layers), config)

    def prepare(self, recipe: Recipe) -> None:
        """Make the layers that need no Go program, so that they are ready when the compiler is."""
        if recipe.debian:
            self._packages(recipe)
        self._own(recipe)

    def _packages(self, recipe: Recipe) -> Layer:
        assert recipe.debian is not None
        debs = self.debian.fetch(recipe.debian)
        parts = self.debian.fetch(recipe.parts) if recipe.parts else []

        def fill(tree: Tree) -> None:
            tree.merged_usr()
            for deb in debs:
                tree.deb(self.debian.path(deb), drop=(*UNNEEDED, *recipe.drop))
            for deb in parts:
                tree.deb(self.debian.path(deb), only=recipe.taken[deb.name])

        made_of = [recipe.debian.suite, *recipe.drop, *(asdict(deb) for deb in debs)]
        return self._kept([*made_of, *([dict(recipe.taken), *(asdict(deb) for deb in parts)] if parts else [])], fill)

    def _from_module(self, paths: Mapping[str, str]) -> Layer:
        """Files and folders of a Go module; its scripts can be run whatever modes the module cache gave them."""
        assert self.module is not None
        found: dict[str, Path] = {}
        for into, name in paths.items():
            source = self.module / name
            if not source.exists():
                raise Trouble(f"{self.module} has no {name}, which a recipe takes out of it.")
            for path in sorted(source.rglob("*")) if source.is_dir() else [source]:
                if path.is_file():
                    found[f"{into}/{path.relative_to(source)}" if source.is_dir() else into] = path

        def fill(tree: Tree) -> None:
            for into, path in found.items():
                tree.file(into, path, mode=0o755 if path.suffix == ".sh" else 0o644)

        return self._kept({into: file_digest(path) for into, path in found.items()}, fill)

    def _programs(self, programs: Mapping[str, str]) -> Layer:
        def fill(tree: Tree) -> None:
            for into, name in programs.items():
                tree.file(into, self.binaries / name, mode=0o755)

        return self._kept({into: file_digest(self.binaries / name) for into, name in programs.items()}, fill)

    def _own(self, recipe: Recipe) -> Layer:
        texts = {into: path.read_text(encoding="utf-8") for into, path in recipe.copies.items()}
        texts = {**ACCOUNTS, **recipe.files, **texts}
        debs = [asdict(deb) for wanted in self.wants(recipe) for deb in self.debian.fetch(wanted)]

        def fill(tree: Tree) -> None:
            if not recipe.debian:
                tree.merged_usr()
            tree.directory("/tmp", mode=0o1777)
            for path in (*FOLDERS, *recipe.directories):
                tree.directory(path, owner=recipe.owners.get(path, 0))
            if recipe.applets:
                self._busybox(tree, hidden=self._commands(recipe))
            for into, text in texts.items():
                script = into in recipe.copies and recipe.copies[into].suffix == ".sh"
                tree.file(into, text.encode(), mode=0o755 if script else 0o644)
            for into, text in recipe.scripts.items():
                tree.file(into, text.encode(), mode=0o755)
            for into, target in recipe.links.items():
                tree.link(into, target)

        parts = [texts, dict(recipe.scripts), dict(recipe.links), recipe.directories, recipe.applets, debs]
        parts += [dict(recipe.owners)] if recipe.owners else []
        return self._kept(parts, fill)

    def _commands(self, recipe: Recipe) -> set[str]:
        """Names of programs that the recipe's packages bring: no applet may hide one."""
        tree = Tree()
        for deb in self.debian.fetch(recipe.debian) if recipe.debian else ():
            tree.deb(self.debian.path(deb), drop=(*UNNEEDED, *recipe.drop))
        folders = ("usr/bin", "usr/sbin")
        return {path.rsplit("/", 1)[1] for path in tree.entries if path.rsplit("/", 1)[0] in folders}

    def _busybox(self, tree: Tree, hidden: set[str]) -> None:
        with tempfile.TemporaryDirectory() as folder:
            for deb in self.debian.fetch(APPLETS):
                unpack(self.debian.path(deb), Path(folder))
            program = next(path for path in Path(folder).glob("**/bin/busybox") if path.is_file())
            listed = call([program, "--list"]).split()
            tree.file("/bin/busybox", program.read_bytes(), mode=0o755)
        for name in listed:
            if name not in hidden | {"busybox"}:
                tree.link(f"/bin/{name}", "busybox")

    def _kept(self, parts: object, fill: Callable[[Tree], None]) -> Layer:
        """The layer that `fill` makes, taken from the cache when the same parts made it before."""
        key = hashlib.sha256(json.dumps([self.code, parts], sort_keys=True).encode()).hexdigest()[:20]
        return keep_tree(fill, self.layers, key)
